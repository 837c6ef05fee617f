//! Counters in Prometheus' text format, under toxiproxy's names.

use std::fmt::Write;

use bytes::Bytes;
use http_body_util::Full;
use hyper::Response;

use super::reply;
use crate::counters::{Counts, Direction};
use crate::link::LinkView;
use crate::protocol::Protocol;

/// A counter of both ways of a link.
type Reading = fn(&Counts) -> [u64; 2];

/// A count of a link's connections.
type Count = fn(&Counts) -> u64;

const BOTH_WAYS: [(&str, &str, Reading); 3] = [
    ("toxiproxy_proxy_received_bytes_total", "Bytes that came in.", |counts| counts.received_bytes),
    ("toxiproxy_proxy_sent_bytes_total", "Bytes that went out.", |counts| counts.sent_bytes),
    ("squall_links_dropped_bytes_total", "Bytes that a toxic dropped.", |counts| counts.dropped_bytes),
];

pub(super) fn render(links: &[LinkView]) -> Response<Full<Bytes>> {
    let mut out = String::new();
    for (name, help, reading) in BOTH_WAYS {
        head(&mut out, name, help, "counter");
        for link in links {
            for direction in Direction::BOTH {
                let labels = format!("direction=\"{}\",{}", direction.name(), labels(link));
                line(&mut out, name, &labels, reading(&link.counts)[direction as usize]);
            }
        }
    }
    let connections: [(&str, &str, &str, Count); 4] = [
        ("squall_links_connections_total", "Connections so far.", "counter", |counts| counts.accepted),
        ("squall_links_connections_open", "Connections that are open now.", "gauge", |counts| counts.open),
        ("squall_links_refused_total", "Connections whose server could not be reached.", "counter", |c| c.refused),
        ("squall_links_reset_total", "Connections that ended by a reset.", "counter", |counts| counts.reset),
    ];
    for (name, help, kind, reading) in connections {
        head(&mut out, name, help, kind);
        for link in links {
            line(&mut out, name, &labels(link), reading(&link.counts));
        }
    }
    if cfg!(feature = "http") {
        requests(&mut out, links);
    }
    reply::metrics(out)
}

fn requests(out: &mut String, links: &[LinkView]) {
    let of_http = || links.iter().filter(|link| link.protocol == Protocol::Http);
    head(out, "squall_links_requests_total", "Requests of HTTP so far.", "counter");
    for link in of_http() {
        line(out, "squall_links_requests_total", &labels(link), link.counts.requests);
    }
    head(out, "squall_links_rule_requests_total", "Requests, or handshakes, that a rule has met.", "counter");
    for link in of_http() {
        for (rule, met) in &link.rules {
            let labels = format!("{},rule=\"{}\"", labels(link), escaped(rule));
            line(out, "squall_links_rule_requests_total", &labels, *met);
        }
    }
}

fn head(out: &mut String, name: &str, help: &str, kind: &str) {
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn line(out: &mut String, name: &str, labels: &str, value: u64) {
    let _ = writeln!(out, "{name}{{{labels}}} {value}");
}

fn labels(link: &LinkView) -> String {
    let [listen, name, upstream] = [&link.listen, &link.name, &link.upstream].map(|text| escaped(text));
    format!("listener=\"{listen}\",proxy=\"{name}\",upstream=\"{upstream}\"")
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
