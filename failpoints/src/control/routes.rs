//! What each request does.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use super::request::{Request, Response, decode};
use crate::{
    Error, Rule, RuleFields,
    arming::{Arming, Place},
    cache::{Counted, Source},
    environment::entries,
    registry::{self, find},
    site::Named,
};

/// The lease of what is armed without saying how long.
const LEASE: Duration = Duration::from_mins(1);
/// The longest lease: a client that is alive can renew it.
const LONGEST_LEASE_SECONDS: f64 = 3600.0;

/// Answers a request; one at a time.
pub(super) fn answer(request: &Request, turn: &Mutex<()>) -> Response {
    let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
    let (name, part) = split(&request.path);
    let done = match (request.method.as_str(), part) {
        ("PUT", "") if name.eq_ignore_ascii_case("failpoints") => arm_all(request),
        ("PUT", "") => arm(request, name),
        ("PUT", "lease") => renew(request, name),
        ("PUT", "release") => release(request, name),
        ("GET", "") if name.is_empty() => Ok(Response::new(200, list())),
        ("GET", "") => get(name),
        ("GET", "count") => count(name),
        ("GET", "status") => status(name),
        ("DELETE", "") => disarm(request, name),
        _ => Ok(Response::new(405, "Method not allowed\n")),
    };
    done.unwrap_or_else(|error| {
        let status = match (&error, request.method.as_str()) {
            (Error::Owned { .. }, _) => 409,
            (Error::UnknownSite { .. }, "GET") | (Error::NotArmed { .. }, "GET" | "PUT") => 404,
            _ => 400,
        };
        Response::new(status, format!("{}\n", visible(&error.to_string())))
    })
}

/// What a terminal or a browser would obey in place of showing it, spelled out: an error repeats what the client sent.
fn visible(text: &str) -> String {
    let spelled = |c: char| {
        c.is_control()
            || matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
    };
    text.chars().flat_map(|c| if spelled(c) { c.escape_default().collect() } else { vec![c] }).collect()
}

/// Splits our own suffixes off a path; any other slash belongs to the name, as in gofail's names.
fn split(path: &str) -> (&str, &str) {
    for part in ["count", "status", "lease", "release"] {
        if let Some(name) = path.strip_suffix(part).and_then(|name| name.strip_suffix('/')) {
            return (name, part);
        }
    }
    (path, "")
}

/// Returns the process-wide arming of a name, unless its lease has expired.
fn armed(named: &'static Named) -> Option<Arc<Arming>> {
    let arming = named.slot.find()?;
    if arming.expired() {
        arming.retire();
        return None;
    }
    Some(arming)
}

fn found(name: &str) -> Result<(&'static Named, Arc<Arming>), Error> {
    let named = find(name)?;
    let arming = armed(named).ok_or_else(|| Error::NotArmed { site: named.name, whose: String::new() })?;
    Ok((named, arming))
}

fn arm(request: &Request, name: &str) -> Result<Response, Error> {
    let rule = if request.is_form { form(&request.body)? } else { unquote(request.body.trim()).parse()? };
    let lease = lease(request)?;
    put(request, name, rule, lease)?;
    Ok(Response::new(204, ""))
}

fn arm_all(request: &Request) -> Result<Response, Error> {
    let lease = lease(request)?;
    let rules = entries(&request.body)?;
    for (name, _) in &rules {
        may_replace(request, find(name)?)?;
    }
    // Checked before any is put in force: a site may still refuse an action.
    for (name, rule) in &rules {
        find(name)?.arming(rule.clone(), Place::Process, None)?;
    }
    for (name, rule) in rules {
        put(request, name, rule, lease)?;
    }
    Ok(Response::new(204, ""))
}

fn put(request: &Request, name: &str, rule: Rule, lease: Duration) -> Result<(), Error> {
    let named = find(name)?;
    may_replace(request, named)?;
    let mut arming = named.arming(rule, Place::Process, None)?;
    arming.owner.clone_from(&request.owner);
    arming.lease(lease);
    named.put(arming);
    Ok(())
}

/// Refuses to replace what another owner has armed. A client with a name does not replace an arming without one
/// either: that is the program's own, or a person's.
fn may_replace(request: &Request, named: &'static Named) -> Result<(), Error> {
    let Some(arming) = armed(named) else {
        return Ok(());
    };
    if arming.owner == request.owner {
        return Ok(());
    }
    let owner = arming.owner.as_ref().map_or_else(|| "an unnamed client".to_owned(), |owner| format!("`{owner}`"));
    Err(Error::Owned { site: named.name, owner })
}

fn renew(request: &Request, name: &str) -> Result<Response, Error> {
    let (named, arming) = found(name)?;
    may_replace(request, named)?;
    arming.lease(lease(request)?);
    Ok(Response::new(204, ""))
}

fn release(request: &Request, name: &str) -> Result<Response, Error> {
    let (_, arming) = found(name)?;
    let callers = request.body.trim();
    let callers = callers.parse().map_err(|_| Error::Field {
        field: "release",
        value: format!("`{callers}`"),
        bound: "send the number of callers to release",
    })?;
    arming.hold.release(callers);
    Ok(Response::new(204, ""))
}

fn disarm(request: &Request, name: &str) -> Result<Response, Error> {
    let (named, arming) = found(name)?;
    // A client without a name may disarm anything: that is the safe direction.
    if request.owner.is_some() {
        may_replace(request, named)?;
    }
    arming.retire();
    Ok(Response::new(204, ""))
}

fn get(name: &str) -> Result<Response, Error> {
    Ok(Response::new(200, format!("{}\n", found(name)?.1.text())))
}

/// As gofail: a site that exists and is not armed is an internal error, not a missing one.
fn count(name: &str) -> Result<Response, Error> {
    match found(name) {
        Ok((_, arming)) => Ok(Response::new(200, arming.counts().fires.to_string())),
        Err(error @ Error::NotArmed { .. }) => Ok(Response::new(500, format!("{error}\n"))),
        Err(error) => Err(error),
    }
}

fn list() -> String {
    let line = |named: &'static Named| {
        let rule = armed(named).map_or_else(String::new, |arming| arming.text().to_owned());
        format!("{}={rule}\n", named.name)
    };
    registry::all().values().map(line).collect()
}

fn status(name: &str) -> Result<Response, Error> {
    let named = find(name)?;
    let total = named.counts();
    let body = match armed(named) {
        None => format!(r#"{{"site":{},"armed":false,"total_fires":{}}}"#, json(named.name), total.fires),
        Some(arming) => {
            let counts = arming.counts();
            let left = arming.deadline().map_or_else(
                || "null".to_owned(),
                |end| end.saturating_duration_since(Instant::now()).as_millis().to_string(),
            );
            let owner = arming.owner.as_deref().map_or_else(|| "null".to_owned(), json);
            format!(
                r#"{{"site":{},"armed":true,"rule":{},"owner":{owner},"hits":{},"fires":{},"waiting":{},"lease_ms":{left},"total_fires":{}}}"#,
                json(named.name),
                json(arming.text()),
                counts.hits,
                counts.fires,
                arming.hold.waiting(),
                total.fires,
            )
        }
    };
    Ok(Response::new(200, body + "\n"))
}

/// Writes a text as a JSON string.
fn json(text: &str) -> String {
    let mut out = String::from('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => out.extend(['\\', character]),
            control if control < ' ' => {
                let code = u32::from(control);
                out.extend(['\\', 'u', '0', '0']);
                out.extend([code >> 4, code & 15].into_iter().filter_map(|digit| char::from_digit(digit, 16)));
            }
            plain => out.push(plain),
        }
    }
    out.push('"');
    out
}

fn lease(request: &Request) -> Result<Duration, Error> {
    let Some(text) = &request.lease else {
        return Ok(LEASE);
    };
    match text.parse::<f64>() {
        Ok(seconds) if seconds > 0.0 && seconds <= LONGEST_LEASE_SECONDS => Ok(Duration::from_secs_f64(seconds)),
        _ => Err(Error::Field {
            field: "Failpoint-Lease",
            value: format!("`{text}`"),
            bound: "a lease is of more than 0 and up to 3600 seconds",
        }),
    }
}

/// Reads named fields.
fn form(body: &str) -> Result<Rule, Error> {
    let mut fields = RuleFields::default();
    for pair in body.trim().split('&').filter(|pair| !pair.is_empty()) {
        let wrong = || Error::Entry { entry: pair.to_owned() };
        let (name, value) = pair.split_once('=').ok_or_else(wrong)?;
        fields.set(name, &decode(&value.replace('+', " ")).ok_or_else(wrong)?)?;
    }
    fields.rule()
}

/// Removes the quotes from arguments, which gofail's strings have and fail-rs's do not.
fn unquote(terms: &str) -> String {
    terms.replace("(\"", "(").replace("\")", ")")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suffixes_are_ours_and_other_slashes_the_names() {
        for (path, want) in [
            ("a.b", ("a.b", "")),
            ("a.b/count", ("a.b", "count")),
            ("pkg/Name/status", ("pkg/Name", "status")),
            ("pkg/Name", ("pkg/Name", "")),
            ("count", ("count", "")),
        ] {
            assert_eq!(split(path), want);
        }
    }

    #[test]
    fn an_error_spells_out_what_the_client_sent() {
        let body = "return(\u{1b}[2J\u{202e}é)x".to_owned();
        let request = Request { method: "PUT".to_owned(), path: "no.such.site".to_owned(), body, ..Request::default() };
        let response = answer(&request, &Mutex::new(()));
        assert_eq!(response.status, 400);
        assert!(response.body.contains(r"\u{1b}[2J\u{202e}é"), "{response:?}");
    }

    #[test]
    fn texts_become_json() {
        assert_eq!(json("a\"b\\c\nd"), r#""a\"b\\c\u000ad""#);
    }
}
