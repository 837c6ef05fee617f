//! Sends a request of our own that fits a rule through a twin of an HTTP link, to a server of ours.

mod answer;
mod client;
mod no_trial;
mod request;
mod server;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chaos_core::{HttpEffect, HttpMatch, HttpRule, HttpTrial};
use chaos_links::{Direction, HttpToxic, LinkSpec, LinkTls, LinkView, Links, Protocol, ToxicKind, ToxicSpec};

use self::answer::TrialAnswer;
use self::client::Seen;
use self::request::TrialRequest;
use self::server::TrialServer;

/// Tells a twin from that of another trial that goes on.
static TRIALS: AtomicU64 = AtomicU64::new(0);

/// How many moments a second request to the server may take that nobody waits for.
const LATE_MOMENTS: u32 = 500;

/// Tries a rule of a link. Blocks for at most about the wait.
///
/// # Errors
/// When the link has no such rule, no request fits it, or sockets can't be had.
pub(super) fn try_rule(links: &Links, link: &LinkView, name: &str, wait: Duration) -> io::Result<HttpTrial> {
    let rule = link.toxics.iter().find(|toxic| toxic.name == name).and_then(|toxic| match &toxic.kind {
        ToxicKind::Http(HttpToxic(rule)) => Some(rule),
        _ => None,
    });
    let rule = rule.ok_or_else(|| io::Error::other(format!("the link has no rule `{name}`")))?;
    let request = TrialRequest::fitting(rule).map_err(io::Error::other)?;
    let answer = TrialAnswer::to(rule).map_err(io::Error::other)?;
    let server = TrialServer::start(answer.clone(), wait)?;
    let number = TRIALS.fetch_add(1, Ordering::Relaxed);
    let twin = format!("trial-{number}");
    let ca = PathBuf::from(format!("{twin}.pem"));
    let tls = LinkTls { clients: link.tls.clients, ca_out: link.tls.clients.then(|| ca.clone()), ..LinkTls::default() };
    let here = SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).to_string();
    let toxics = vec![ToxicSpec { name: name.to_owned(), ..toxic(&each_time(rule)) }];
    let spec =
        LinkSpec { protocol: Protocol::Http, tls, toxics, ..LinkSpec::new(&twin, here, server.address().to_string()) };
    let tried = links.create(&spec).map_err(io::Error::other).and_then(|view| {
        let address = view.listen.parse::<SocketAddr>().map_err(io::Error::other)?;
        let seen = client::ask(address, link.tls.clients.then_some(ca.as_path()), &request, wait);
        Ok((seen, times_served(&server, rule)))
    });
    let _ = links.remove(&twin);
    let _ = std::fs::remove_file(&ca);
    let (seen, times) = tried?;
    Ok(trial(seen, times, &answer))
}

/// The toxic of a rule.
pub(super) fn toxic(rule: &HttpRule) -> ToxicSpec {
    ToxicSpec::new(ToxicKind::Http(HttpToxic(rule.clone())), Direction::Downstream)
}

/// The rule for a single request: that one is met.
fn each_time(rule: &HttpRule) -> HttpRule {
    let matching = HttpMatch { from: None, every: None, times: None, share: None, ..rule.matching.clone() };
    HttpRule { matching, ..rule.clone() }
}

/// How often the server got the request, once nothing more is on its way.
fn times_served(server: &TrialServer, rule: &HttpRule) -> u32 {
    let is_twice = rule.effect.as_ref().is_some_and(|HttpEffect { duplicate, .. }| *duplicate);
    for _ in 0..LATE_MOMENTS {
        if !is_twice || server.served() > 1 {
            break;
        }
        chaos_host::moment();
    }
    server.served()
}

fn trial(seen: Seen, served: u32, answer: &TrialAnswer) -> HttpTrial {
    let status_of_grpc = seen.headers.get("grpc-status").or_else(|| seen.trailers.get("grpc-status"));
    let text = &seen.body[..seen.body.len().min(HttpTrial::MOST_TEXT)];
    let is_there = |name: &str, value: &str| seen.headers.get(name).is_some_and(|seen| seen == value);
    let ours = answer.headers();
    // Those that only say how the body is framed, and when.
    let added = |name: &str| !["connection", "content-length", "date", "transfer-encoding"].contains(&name);
    let has_other_headers = seen.status.is_some()
        && (ours.iter().any(|(name, value)| !is_there(name, value))
            || seen.headers.keys().any(|name| added(name) && !ours.iter().any(|(our, _)| our == name)));
    HttpTrial {
        served,
        status: seen.status,
        grpc_status: status_of_grpc.and_then(|text| text.parse().ok()),
        body: String::from_utf8_lossy(text).into_owned(),
        body_bytes: seen.body.len() as u64,
        body_events: u32::try_from(seen.body.windows(2).filter(|pair| pair == b"\n\n").count()).unwrap_or(u32::MAX),
        server_bytes: answer.body().len() as u64,
        is_unchanged: answer.body().starts_with(&seen.body),
        is_complete: seen.is_complete,
        has_other_headers,
        headers: seen.headers,
        first_byte_us: seen.first_byte_us,
        last_byte_us: seen.last_byte_us,
        total_us: seen.total_us,
        error: seen.error,
    }
}

#[cfg(test)]
mod tests;
