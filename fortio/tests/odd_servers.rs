//! Servers that answer oddly, byte for byte: what this engine, a real fortio and curl make of them, in one table.

#![expect(clippy::unwrap_used, reason = "a test may fail by it, in its helpers too")]

#[path = "../../load/tests/support/canned.rs"]
mod canned;
#[path = "support/real_fortio.rs"]
mod real_fortio;

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use canned::{Canned, Reply};
use chaos_fortio::{Interrupt, run_with};
use flate2::{Compression, write::GzEncoder};
use real_fortio::fortio;
use serde_json::Value;

/// One odd server.
struct Case {
    name: &'static str,
    /// Flags of fortio's.
    flags: &'static str,
    /// Path of the URL, or the whole URL with `HOST` in it.
    path: &'static str,
    /// Arguments of curl; `None` where it has nothing to compare.
    curl: Option<&'static str>,
    reply: fn(u64, &str) -> Reply,
    /// What the three make of it: statuses with their numbers (-1: no answer), and how many requests the server saw.
    ours: &'static str,
    fortio: &'static str,
    curl_says: &'static str,
}

fn keep(bytes: impl Into<Vec<u8>>) -> Reply {
    Reply { pieces: vec![bytes.into()], close: false }
}

fn closing(bytes: impl Into<Vec<u8>>) -> Reply {
    Reply { pieces: vec![bytes.into()], close: true }
}

fn status(status: u16) -> Reply {
    keep(format!("HTTP/1.1 {status} X\r\nContent-Length: 2\r\n\r\nok"))
}

/// 200 where a request is as it should be, 400 where it is not.
fn right(is_right: bool) -> Reply {
    status(if is_right { 200 } else { 400 })
}

fn path(request: &str) -> &str {
    request.split(' ').nth(1).unwrap_or_default()
}

/// A GET without a body and without a word of one.
fn is_bare_get(request: &str) -> bool {
    request.starts_with("GET ") && !request.to_ascii_lowercase().contains("content-")
}

fn lines(request: &str, name: &str) -> Vec<String> {
    let of = |line: &str| {
        let (found, value) = line.split_once(':')?;
        found.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
    };
    request.split("\r\n").filter_map(of).collect()
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

fn zipped(body: &[u8]) -> Reply {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n", body.len());
    keep([head.as_bytes(), body].concat())
}

/// Takes each second request and drops it without a word.
fn dying(index: u64, _: &str) -> Reply {
    if index % 2 == 1 { closing("") } else { status(200) }
}

fn moved(code: u16, end: bool) -> Reply {
    let close = if end { "Connection: close\r\n" } else { "" };
    let text = format!("HTTP/1.1 {code} Moved\r\nLocation: /next\r\n{close}Content-Length: 5\r\n\r\nmoved");
    Reply { pieces: vec![text.into_bytes()], close: end }
}

const CASES: &[Case] = &[
    Case {
        name: "POST, then 302",
        flags: "-L -payload order",
        path: "/",
        curl: Some("-L -d order"),
        reply: |_, request| if path(request) == "/next" { right(is_bare_get(request)) } else { moved(302, false) },
        ours: "200x2 in 4",
        fortio: "200x2 in 4",
        curl_says: "200",
    },
    Case {
        name: "POST, then 303",
        flags: "-L -payload order",
        path: "/",
        curl: Some("-L -d order"),
        reply: |_, request| if path(request) == "/next" { right(is_bare_get(request)) } else { moved(303, false) },
        ours: "200x2 in 4",
        fortio: "200x2 in 4",
        curl_says: "200",
    },
    Case {
        name: "POST, then 307",
        flags: "-L -payload order",
        path: "/",
        curl: Some("-L -d order"),
        reply: |_, request| {
            if path(request) == "/next" {
                right(request.starts_with("POST ") && request.ends_with("\r\n\r\norder"))
            } else {
                moved(307, false)
            }
        },
        ours: "200x2 in 4",
        fortio: "200x2 in 4",
        curl_says: "200",
    },
    Case {
        name: "a redirect with a body that closes",
        flags: "-L",
        path: "/",
        curl: Some("-L"),
        reply: |_, request| if path(request) == "/next" { status(200) } else { moved(302, true) },
        ours: "200x2 in 4",
        fortio: "200x2 in 4",
        curl_says: "200",
    },
    Case {
        name: "HTTP/1.0",
        flags: "",
        path: "/",
        curl: Some(""),
        reply: |_, _| closing("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        ours: "200x2 in 2",
        fortio: "200x2 in 2",
        curl_says: "200",
    },
    Case {
        name: "HTTP/1.0, standard client",
        flags: "-stdclient",
        path: "/",
        curl: None,
        reply: |_, _| closing("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        ours: "200x2 in 2",
        fortio: "200x2 in 2",
        curl_says: "",
    },
    Case {
        name: "gzip without a body",
        flags: "-stdclient -compression",
        path: "/",
        curl: Some("--compressed"),
        reply: |_, _| zipped(b""),
        ours: "200x2 in 2",
        fortio: "200x2 in 2",
        curl_says: "200",
    },
    Case {
        name: "gzip of two members",
        flags: "-stdclient -compression",
        path: "/",
        curl: None,
        reply: |_, _| zipped(&[gzip("one"), gzip("two")].concat()),
        ours: "200x2 in 2",
        fortio: "200x2 in 2",
        curl_says: "",
    },
    Case {
        name: "gzip cut short",
        flags: "-stdclient -compression",
        path: "/",
        curl: None,
        reply: |_, _| zipped(&gzip("a text that is cut")[..12]),
        ours: "-1x2 in 2",
        fortio: "204x2 in 2",
        curl_says: "",
    },
    Case {
        name: "user in the URL, encoded",
        flags: "",
        path: "http://a%20b:p%40c@HOST/",
        curl: Some(""),
        reply: |_, request| right(lines(request, "authorization") == ["Basic YSBiOnBAYw=="]),
        ours: "200x2 in 2",
        fortio: "400x2 in 2",
        curl_says: "200",
    },
    Case {
        name: "-user beside a header",
        flags: "-user alice:s3cret -H Authorization:Bearer",
        path: "/",
        curl: Some("-u alice:s3cret -H Authorization:Bearer"),
        reply: |_, request| right(lines(request, "authorization") == ["Bearer"]),
        ours: "200x2 in 2",
        fortio: "400x2 in 2",
        curl_says: "200",
    },
    Case {
        name: "dots in the path",
        flags: "",
        path: "/a/../b/./%2e%2E",
        curl: Some("--path-as-is"),
        reply: |_, request| right(path(request) == "/a/../b/./%2e%2E"),
        ours: "200x2 in 2",
        fortio: "200x2 in 2",
        curl_says: "200",
    },
    Case {
        name: "odd characters in the query",
        flags: "",
        path: "/?a='b'&c=\\d&e=|f",
        curl: Some(""),
        reply: |_, request| right(path(request) == "/?a='b'&c=\\d&e=|f"),
        ours: "200x2 in 2",
        fortio: "200x2 in 2",
        curl_says: "200",
    },
    Case {
        name: "odd characters in the query, standard client",
        flags: "-stdclient",
        path: "/?a='b'&c=\\d&e=|f",
        curl: None,
        reply: |_, request| right(path(request) == "/?a='b'&c=\\d&e=|f"),
        ours: "200x2 in 2",
        fortio: "200x2 in 2",
        curl_says: "",
    },
    Case {
        name: "folded header lines",
        flags: "",
        path: "/",
        curl: Some(""),
        reply: |_, _| keep("HTTP/1.1 200 OK\r\nX-Long: one\r\n two\r\n\tthree\r\nContent-Length: 2\r\n\r\nok"),
        ours: "200x2 in 2",
        fortio: "200x2 in 2",
        curl_says: "200",
    },
    Case {
        name: "folded header lines, standard client",
        flags: "-stdclient",
        path: "/",
        curl: None,
        reply: |_, _| keep("HTTP/1.1 200 OK\r\nX-Long: one\r\n two\r\n\tthree\r\nContent-Length: 2\r\n\r\nok"),
        ours: "200x2 in 2",
        fortio: "200x2 in 2",
        curl_says: "",
    },
    Case {
        name: "a space before the colon",
        flags: "",
        path: "/",
        curl: Some(""),
        reply: |_, _| keep("HTTP/1.1 200 OK\r\nX-Odd : yes\r\nContent-Length: 2\r\n\r\nok"),
        ours: "200x2 in 2",
        fortio: "200x2 in 2",
        curl_says: "200",
    },
    Case {
        name: "200 header lines",
        flags: "",
        path: "/",
        curl: Some(""),
        reply: |_, _| keep(format!("HTTP/1.1 200 OK\r\n{}Content-Length: 2\r\n\r\nok", "X-Line: y\r\n".repeat(200))),
        ours: "200x2 in 2",
        fortio: "200x2 in 2",
        curl_says: "200",
    },
    Case {
        name: "a head of 100 kB",
        flags: "",
        path: "/",
        curl: Some(""),
        reply: |_, _| {
            let line = format!("X-Line: {}\r\n", "y".repeat(990));
            keep(format!("HTTP/1.1 200 OK\r\n{}Content-Length: 2\r\n\r\nok", line.repeat(100)))
        },
        ours: "200x2 in 2",
        fortio: "200x2 in 2",
        curl_says: "200",
    },
    Case {
        name: "a head of 100 kB, standard client",
        flags: "-stdclient",
        path: "/",
        curl: None,
        reply: |_, _| {
            let line = format!("X-Line: {}\r\n", "y".repeat(990));
            keep(format!("HTTP/1.1 200 OK\r\n{}Content-Length: 2\r\n\r\nok", line.repeat(100)))
        },
        ours: "200x2 in 2",
        fortio: "200x2 in 2",
        curl_says: "",
    },
    Case {
        name: "GET, each second one dropped",
        flags: "",
        path: "/",
        curl: None,
        reply: dying,
        ours: "-1x1 200x1 in 2",
        fortio: "200x2 in 3",
        curl_says: "",
    },
    Case {
        name: "POST, each second one dropped",
        flags: "-payload order",
        path: "/",
        curl: None,
        reply: dying,
        ours: "-1x1 200x1 in 2",
        fortio: "200x2 in 3",
        curl_says: "",
    },
    Case {
        name: "GET, each second one dropped, standard client",
        flags: "-stdclient",
        path: "/",
        curl: None,
        reply: dying,
        ours: "-1x1 200x1 in 2",
        fortio: "200x2 in 3",
        curl_says: "",
    },
    Case {
        name: "a body cut short",
        flags: "",
        path: "/",
        curl: Some(""),
        reply: |_, _| closing("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"),
        ours: "-1x2 in 2",
        fortio: "200x2 in 2",
        curl_says: "exit 18",
    },
    Case {
        name: "a backslash in the path",
        flags: "",
        path: "/a\\b",
        curl: Some(""),
        reply: |_, request| right(path(request) == "/a\\b"),
        ours: "200x2 in 2",
        fortio: "400x2 in 2",
        curl_says: "200",
    },
    Case {
        name: "bare line feeds",
        flags: "",
        path: "/",
        curl: Some(""),
        reply: |_, _| closing("HTTP/1.1 200 OK\nConnection: close\nContent-Length: 2\n\nok"),
        ours: "200x2 in 2",
        fortio: "200x2 in 2",
        curl_says: "200",
    },
    Case {
        name: "another protocol",
        flags: "",
        path: "/",
        curl: Some(""),
        reply: |_, _| closing("ABCDEFGH 200 hello\r\n\r\n"),
        ours: "-1x2 in 2",
        fortio: "200x2 in 2",
        curl_says: "exit 1",
    },
    Case {
        name: "the first two bytes",
        flags: "",
        path: "/",
        curl: Some(""),
        reply: |_, _| closing("HT"),
        ours: "-1x2 in 2",
        fortio: "200x2 in 2",
        curl_says: "exit 52",
    },
    Case {
        name: "-http1.0 and a 503",
        flags: "-http1.0",
        path: "/",
        curl: Some("-0"),
        reply: |_, _| closing("HTTP/1.0 503 X\r\nContent-Length: 2\r\n\r\nok"),
        ours: "503x2 in 2",
        fortio: "200x2 in 2",
        curl_says: "503",
    },
    Case {
        name: "bytes behind an answer",
        flags: "",
        path: "/",
        curl: Some(""),
        reply: |_, _| keep("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 500 X\r\n\r\n"),
        ours: "200x2 in 2",
        fortio: "200x2 in 2",
        curl_says: "200",
    },
    Case {
        name: "an answer to HEAD",
        flags: "-X HEAD -timeout 1s",
        path: "/",
        curl: Some("-I"),
        reply: |_, _| keep("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"),
        ours: "200x2 in 2",
        fortio: "-1x2 in 2",
        curl_says: "200",
    },
];

fn url(case: &Case, server: &Canned) -> String {
    if case.path.contains("HOST") {
        return case.path.replace("HOST", &server.address.to_string());
    }
    format!("{}{}", server.url().trim_end_matches('/'), case.path)
}

fn serve(case: &Case) -> Canned {
    let reply = case.reply;
    Canned::start(move |index, request| reply(index, &String::from_utf8_lossy(request)))
}

/// The flags of a run of two requests over one connection.
fn words(case: &Case, server: &Canned) -> Vec<String> {
    let flags = format!("load -n 2 -c 1 -qps 0 -timeout 2s -json - {}", case.flags);
    flags.split_whitespace().map(str::to_owned).chain([url(case, server)]).collect()
}

/// The statuses of a result, and how many requests the server saw.
fn told(result: &[u8], server: &Canned) -> String {
    let Ok(result) = serde_json::from_slice::<Value>(result) else { return "no result".to_owned() };
    let mut text = String::new();
    for (code, count) in result["RetCodes"].as_object().unwrap() {
        write!(text, "{code}x{count} ").unwrap();
    }
    format!("{text}in {}", server.requests())
}

fn ours(case: &Case) -> String {
    let server = serve(case);
    let (mut out, mut err) = (Vec::new(), Vec::new());
    run_with(&words(case, &server), &mut out, &mut err, &Interrupt::new());
    told(&out, &server)
}

fn theirs(fortio: &Path, case: &Case) -> String {
    let server = serve(case);
    let ran = Command::new(fortio).args(words(case, &server)).output().unwrap();
    told(&ran.stdout, &server)
}

fn curl() -> Option<PathBuf> {
    let places = std::env::var_os("PATH")?;
    let found = std::env::split_paths(&places).map(|folder| folder.join("curl")).find(|path| path.is_file());
    if found.is_none() {
        println!("skipped: needs curl");
    }
    found
}

fn curled(curl: &Path, case: &Case, arguments: &str) -> String {
    let server = serve(case);
    let mut command = Command::new(curl);
    command
        .args("-q -s -g --noproxy * -m 2 -o /dev/null -w %{http_code}".split(' '))
        .args(arguments.split_whitespace());
    let ran = command.arg(url(case, &server)).output().unwrap();
    match ran.status.code() {
        Some(0) => String::from_utf8(ran.stdout).unwrap(),
        code => format!("exit {}", code.unwrap()),
    }
}

#[test]
fn three_clients_meet_odd_servers() {
    let (fortio, curl) = (fortio(), curl());
    let mut wrong = Vec::new();
    let mut table = String::new();
    for case in CASES {
        let mine = ours(case);
        let real = fortio.as_ref().map_or_else(|| case.fortio.to_owned(), |fortio| theirs(fortio, case));
        let curl_says = match (&curl, case.curl) {
            (Some(curl), Some(arguments)) => curled(curl, case, arguments),
            _ => case.curl_says.to_owned(),
        };
        writeln!(table, "{:46} {mine:16} {real:16} {curl_says}", case.name).unwrap();
        for (who, expected, got) in
            [("ours", case.ours, mine), ("fortio", case.fortio, real), ("curl", case.curl_says, curl_says)]
        {
            if expected != got {
                wrong.push(format!("{} ({who}): expected `{expected}`, got `{got}`", case.name));
            }
        }
    }
    println!("{table}");
    assert!(wrong.is_empty(), "{}\n{table}", wrong.join("\n"));
}
