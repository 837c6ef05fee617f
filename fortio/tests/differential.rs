//! The same command lines through a real fortio and through this engine, against one server.

#![expect(clippy::unwrap_used, reason = "a test may fail by it, in its helpers too")]

#[path = "../../load/tests/support/canned.rs"]
mod canned;
#[path = "support/real_fortio.rs"]
mod real_fortio;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use canned::{Canned, Reply};
use chaos_fortio::{Interrupt, run_with};
use real_fortio::fortio;
use serde_json::Value;

/// What is compared of two results.
const COMPARED: [&str; 21] = [
    "RunType",
    "RequestedQPS",
    "RequestedDuration",
    "NumThreads",
    "Exactly",
    "Jitter",
    "Uniform",
    "NoCatchUp",
    "RunID",
    "RetCodes",
    "Sockets",
    "SocketCount",
    "URL",
    "DisableKeepAlive",
    "HTTPReqTimeOut",
    "ContentType",
    "Payload",
    "MethodOverride",
    "ConnReuseRange",
    "AbortOn",
    "Labels",
];

/// Flags, path, and what differs on purpose (see docs/load/differences.md). Where a time ends a run its calls are far enough apart that a
/// stall of the machine costs none of the last ones.
const CASES: [(&str, &str, &[&str]); 46] = [
    ("-n 20 -c 2 -qps 0", "/ok", &[]),
    ("-n 20 -c 4 -qps 0", "/ok", &[]),
    ("-n 7 -c 4 -qps 0", "/ok", &[]),
    ("-n 7 -c 4 -qps 100", "/ok", &[]),
    ("-n 1 -qps 100", "/ok", &[]),
    ("-n 2 -c 4 -qps 100", "/ok", &[]),
    (
        "-n 2 -c 4 -qps 0",
        "/ok",
        &["Count", "NumThreads", "RequestedDuration", "RetCodes", "SocketCount", "Sockets", "requests"],
    ),
    ("-n 103 -c 4 -qps 1000", "/ok", &[]),
    ("-qps 20 -c 2 -t 1s", "/ok", &[]),
    ("-qps 20 -c 4 -t 1s -uniform", "/ok", &[]),
    ("-qps 20 -c 4 -t 1s -jitter", "/ok", &[]),
    ("-qps 20 -c 4 -t 1s -nocatchup", "/ok", &[]),
    ("-qps 10 -c 100 -t 1s", "/ok", &[]),
    ("-qps 10 -c 4 -t 1s", "/ok", &[]),
    ("-qps 8 -c 0 -n 8", "/ok", &[]),
    ("-qps 40 -c -3 -n 8", "/ok", &[]),
    ("-n 10 -t 1s -calc-qps", "/ok", &[]),
    ("-qps 123.456789012345 -n 10", "/ok", &[]),
    ("-qps -1 -n 3 -c 1", "/ok", &[]),
    ("-n 0x6 -qps 1e3", "/ok", &[]),
    ("-n 6 -c 2 -qps 0", "/503", &[]),
    ("-n 6 -c 2 -qps 0", "/404", &[]),
    ("-n 6 -c 2 -qps 0", "/302", &[]),
    ("-n 6 -c 2 -qps 0", "/418", &[]),
    ("-n 6 -c 2 -qps 0 -log-errors=false", "/503", &[]),
    ("-qps 10 -c 2 -t 1s -allow-initial-errors", "/503", &[]),
    ("-qps 20 -c 2 -t 500ms", "/503", &[]),
    ("-qps 10 -c 2 -t 1s -sequential-warmup", "/ok", &[]),
    ("-qps 0 -n 50 -c 1 -abort-on 503", "/503", &[]),
    ("-n 6 -c 1 -qps 0 -timeout 200ms", "/slow", &[]),
    ("-n 30 -c 1 -qps 0", "/close10", &[]),
    ("-n 6 -c 2 -qps 0 -keepalive=false", "/closing", &[]),
    ("-n 20 -c 1 -qps 0 -connection-reuse 5:5", "/ok", &[]),
    ("-n 4 -c 1 -qps 0 -payload hello", "/ok", &[]),
    ("-n 4 -c 1 -qps 0 -content-type text/plain", "/ok", &[]),
    ("-n 4 -c 1 -qps 0 -X PUT -payload x", "/ok", &[]),
    ("-n 4 -c 1 -qps 0 -H A:b -H Host:other", "/ok", &[]),
    ("-n 4 -c 1 -qps 0 -runid 7 -labels x_y", "/ok", &[]),
    ("-n 4 -c 1 -qps 0 -p 50,99.99 -r 0.0001", "/ok", &[]),
    ("-n 4 -c 1 -qps 0 -offset 1ms", "/ok", &[]),
    ("-n 4 -c 1 -qps 0", "/chunked", &[]),
    ("-n 4 -c 1 -qps 0 -timeout 1s", "/100", &["RetCodes", "SocketCount", "Sockets"]),
    ("-n 4 -c 1 -qps 0", "/204", &["SocketCount", "Sockets"]),
    ("-n 4 -c 1 -qps 0", "/cut", &["RetCodes"]),
    ("-n 4 -c 1 -qps 0 -user a:b", "/ok", &[]),
    ("-n 4 -c 1 -qps 0 -http-port 1", "/ok", &[]),
];

fn server() -> Canned {
    Canned::start(|index, request| {
        let text = String::from_utf8_lossy(request);
        let path = text.split(' ').nth(1).unwrap_or_default().to_owned();
        let status = |status: u16| format!("HTTP/1.1 {status} X\r\nContent-Length: 2\r\n\r\nok");
        let (answer, close) = match path.as_str() {
            "/503" => (status(503), false),
            "/404" => (status(404), false),
            "/302" => (status(302), false),
            "/418" => (status(418), false),
            "/slow" => {
                thread::park_timeout(Duration::from_secs(1));
                (status(200), false)
            }
            // It says so, for a request that crosses the end of its connection would be lost.
            "/close10" if index % 10 == 9 => {
                ("HTTP/1.1 200 X\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok".to_owned(), true)
            }
            "/closing" => (status(200), true),
            "/chunked" => {
                ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n".to_owned(), false)
            }
            "/100" => (format!("HTTP/1.1 100 Continue\r\n\r\n{}", status(200)), false),
            "/204" => ("HTTP/1.1 204 None\r\n\r\n".to_owned(), false),
            "/cut" => ("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf".to_owned(), true),
            _ => (status(200), false),
        };
        Reply { pieces: vec![answer.into_bytes()], close }
    })
}

/// Exit code, and the result if there is one.
type Ran = (i32, Option<Value>);

fn theirs(fortio: &Path, words: &[String]) -> Ran {
    let ran = Command::new(fortio).args(words).output().unwrap();
    (ran.status.code().unwrap(), serde_json::from_slice(&ran.stdout).ok())
}

fn ours(words: &[String]) -> Ran {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let code = run_with(words, &mut out, &mut err, &Interrupt::new());
    (i32::from(code), serde_json::from_slice(&out).ok())
}

fn words(flags: &str, url: &str) -> Vec<String> {
    let line = format!("load -json - {flags} {url}");
    line.split_whitespace().map(str::to_owned).collect()
}

/// The values that differ, by name: theirs and ours.
fn differing(theirs: &Value, ours: &Value) -> BTreeMap<String, (Value, Value)> {
    let mut pairs: Vec<(String, Value, Value)> =
        COMPARED.iter().map(|key| ((*key).to_owned(), theirs[key].clone(), ours[key].clone())).collect();
    let count = |value: &Value| value["DurationHistogram"]["Count"].clone();
    pairs.push(("Count".to_owned(), count(theirs), count(ours)));
    let keys = |value: &Value| {
        let keys =
            value.as_object().map(|map| map.keys().filter(|key| *key != "ChaosLoad").cloned().collect::<Vec<_>>());
        Value::from(keys.unwrap_or_default())
    };
    pairs.push(("keys".to_owned(), keys(theirs), keys(ours)));
    pairs
        .into_iter()
        .filter(|(_, theirs, ours)| theirs != ours)
        .map(|(key, theirs, ours)| (key, (theirs, ours)))
        .collect()
}

#[test]
fn a_real_fortio_and_this_engine_tell_the_same() {
    let Some(fortio) = fortio() else { return };
    let mut unexpected = Vec::new();
    for case in CASES {
        let (mut found, mut p50) = compare(&fortio, case);
        for _ in 0..TRIES {
            if p50.is_none() {
                break;
            }
            // A stall of the machine moves one run's figure, never each one's.
            p50 = compare(&fortio, case).1;
        }
        found.extend(p50);
        unexpected.extend(found);
    }
    assert!(unexpected.is_empty(), "{}", unexpected.join("\n"));
}

/// How often a row is run again whose median differs.
const TRIES: usize = 5;

/// Runs a row through both: what differs that should not, or no longer differs that should; and the medians if they
/// are more than a bucket apart.
fn compare(fortio: &Path, (flags, path, on_purpose): (&str, &str, &[&str])) -> (Vec<String>, Option<String>) {
    // Each run has a server of its own, so that both count from one.
    let url = |server: &Canned| format!("{}{}", server.url().trim_end_matches('/'), path);
    let (first, second) = (server(), server());
    let (their_code, their_result) = theirs(fortio, &words(flags, &url(&first)));
    let (our_code, our_result) = ours(&words(flags, &url(&second)));
    if their_code != our_code || their_result.is_some() != our_result.is_some() {
        return (vec![format!("{flags} {path}: exit {their_code} and {our_code}")], None);
    }
    let (Some(their_result), Some(our_result)) = (their_result, our_result) else { return (Vec::new(), None) };
    let port = |server: &Canned| server.address.port().to_string();
    let text = our_result.to_string().replace(&port(&second), &port(&first));
    let our_result: Value = serde_json::from_str(&text).unwrap();
    let mut found = differing(&their_result, &our_result);
    if first.requests() != second.requests() {
        found.insert("requests".to_owned(), (first.requests().into(), second.requests().into()));
    }
    let mut unexpected = Vec::new();
    for name in on_purpose {
        if found.remove(*name).is_none() {
            unexpected.push(format!("{flags} {path}: {name} differs no more"));
        }
    }
    for (name, (theirs, ours)) in found {
        unexpected.push(format!("{flags} {path}: {name} is {theirs} in fortio and {ours} here"));
    }
    let [theirs, ours] = [&their_result, &our_result].map(median);
    let apart = theirs.1.abs_diff(ours.1) > 1;
    (unexpected, apart.then(|| format!("{flags} {path}: p50 is {} in fortio and {} here", theirs.0, ours.0)))
}

/// The median of a result, and which of fortio's buckets it falls in.
fn median(result: &Value) -> (f64, usize) {
    let unit = result["Resolution"].as_f64().unwrap();
    let rows = result["DurationHistogram"]["Percentiles"].as_array().unwrap();
    let value = rows.iter().find(|row| row["Percentile"].as_f64() == Some(50.0)).unwrap()["Value"].as_f64().unwrap();
    let ends = (1..=11).chain((12..20).step_by(2)).chain((20..50).step_by(5)).chain((50..100).step_by(10));
    let ends = ends.chain((100..120).step_by(10)).chain((120..200).step_by(20)).chain((200..500).step_by(50));
    let ends = ends.chain((500..1000).step_by(100)).chain([1000, 2000, 3000, 4000, 5000, 7500, 10_000]);
    (value, ends.take_while(|end| f64::from(*end) * unit < value).count())
}
