//! The control API beside toxiproxy's own server, on one script.
//!
//! `toxiproxy/answers.jsonl` holds what toxiproxy 2.12.0 answered. Where its server is at hand (`TOXIPROXY_SERVER`, or
//! `toxiproxy-server` in the search path) it is asked again, and must answer what is recorded; `TOXIPROXY_RECORD=1` writes the
//! record anew. Ours must answer the same, but for the steps that say why not.

#![expect(clippy::unwrap_used, reason = "a test may fail by it, in its helpers too")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use chaos_links::{ApiServer, Links};
use serde::{Deserialize, Serialize};
use serde_json::Value;

#[derive(Deserialize)]
struct Step {
    method: String,
    path: String,
    body: Option<String>,
    agent: Option<String>,
    differs: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Answer {
    status: u16,
    content_type: Option<String>,
    nosniff: bool,
    body: Value,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/toxiproxy")
}

fn lines<T: for<'a> Deserialize<'a>>(name: &str) -> Vec<T> {
    let text = std::fs::read_to_string(folder().join(name)).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn ask(server: SocketAddr, step: &Step, body: &str) -> Answer {
    let mut stream = TcpStream::connect(server).unwrap();
    stream.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
    let agent = step.agent.as_deref().unwrap_or("test");
    let head = format!("{} {} HTTP/1.1\r\nHost: links\r\nUser-Agent: {agent}\r\n", step.method, step.path);
    write!(stream, "{head}Connection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len()).unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let header = |name: &str| {
        let found = head.lines().find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then_some(value)
        });
        found.map(str::to_owned)
    };
    let body = if header("transfer-encoding").is_some() { joined(body) } else { body.to_owned() };
    Answer {
        status: head.split(' ').nth(1).unwrap().parse().unwrap(),
        content_type: header("content-type"),
        nosniff: header("x-content-type-options").is_some(),
        body: serde_json::from_str(&body).unwrap_or(Value::String(body)),
    }
}

fn joined(mut chunks: &str) -> String {
    let mut all = String::new();
    while let Some((size, rest)) = chunks.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).unwrap();
        all += &rest[..size];
        chunks = rest[size..].trim_start_matches("\r\n");
    }
    all
}

/// The addresses that the script names.
const NAMED: [&str; 3] = ["127.0.0.1:18997", "127.0.0.1:18998", "127.0.0.1:18999"];

/// An address that stands for a named one, whose port another program may have; it is held until a step asks for it.
struct Stand {
    named: &'static str,
    real: String,
    held: Option<TcpListener>,
}

impl Stand {
    fn of(named: &'static str) -> Self {
        let held = TcpListener::bind("127.0.0.1:0").unwrap();
        Self { named, real: held.local_addr().unwrap().to_string(), held: Some(held) }
    }
}

/// Runs the script. Ports that a server has chosen become `PORT`, and fill `{{NAME}}` in later steps.
fn run(server: SocketAddr, script: &[Step]) -> Vec<Answer> {
    let mut listens: BTreeMap<String, String> = BTreeMap::new();
    let mut stands = NAMED.map(Stand::of);
    let mut answers = Vec::new();
    for step in script {
        let mut body = step.body.clone().unwrap_or_default();
        for (name, listen) in &listens {
            body = body.replace(&format!("{{{{{name}}}}}"), listen);
        }
        for stand in &mut stands {
            if body.contains(stand.named) {
                body = body.replace(stand.named, &stand.real);
                drop(stand.held.take());
            }
        }
        let mut answer = ask(server, step, &body);
        let mut text = answer.body.to_string();
        for stand in &stands {
            text = text.replace(&stand.real, stand.named);
        }
        note(&serde_json::from_str(&text).unwrap(), &mut listens);
        for listen in listens.values().filter(|listen| !NAMED.contains(&listen.as_str())) {
            text = text.replace(listen.as_str(), "127.0.0.1:PORT");
        }
        answer.body = normal(serde_json::from_str(&text).unwrap());
        answers.push(answer);
    }
    answers
}

fn note(body: &Value, listens: &mut BTreeMap<String, String>) {
    match body {
        Value::Object(fields) => {
            if let (Some(Value::String(name)), Some(Value::String(listen))) = (fields.get("name"), fields.get("listen"))
            {
                listens.insert(name.clone(), listen.clone());
            }
            fields.values().for_each(|value| note(value, listens));
        }
        Value::Array(all) => all.iter().for_each(|value| note(value, listens)),
        _ => {}
    }
}

/// What no client can rely on: the empty `Logger` that toxiproxy shows by accident, and the words of a parser, a resolver or
/// the system behind the title of an error.
fn normal(body: Value) -> Value {
    match body {
        Value::Object(fields) => {
            let kept = fields.into_iter().filter(|(name, _)| name != "Logger");
            Value::Object(
                kept.map(|(name, value)| if name == "error" { (name, title(&value)) } else { (name, normal(value)) })
                    .collect(),
            )
        }
        Value::Array(all) => Value::Array(all.into_iter().map(normal).collect()),
        other => other,
    }
}

fn title(error: &Value) -> Value {
    let text = error.as_str().unwrap_or_default();
    if text.ends_with("bind: address already in use") {
        return error.clone();
    }
    let titles = ["bad request body", "listen tcp"];
    let found = titles.iter().find(|title| text.starts_with(**title));
    // A name that can't be resolved, an address without a port: 500 with the resolver's words.
    let is_resolver = ["lookup", "address"].iter().any(|word| text.starts_with(word));
    match found {
        _ if is_resolver => "listen tcp".into(),
        Some(title) => (*title).into(),
        None => error.clone(),
    }
}

struct Real(Child);

impl Drop for Real {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// toxiproxy's own server, where there is one.
fn real() -> Option<(Real, SocketAddr)> {
    let named = std::env::var_os("TOXIPROXY_SERVER").map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found =
        || std::env::split_paths(&path).map(|folder| folder.join("toxiproxy-server")).find(|file| file.is_file());
    let program = named.or_else(found)?;
    // It ends where another program has taken the port meanwhile.
    (0..10).find_map(|_| started(&program))
}

fn started(program: &Path) -> Option<(Real, SocketAddr)> {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let port = address.port().to_string();
    let child =
        Command::new(program).args(["-host", "127.0.0.1", "-port", &port]).stdout(Stdio::null()).spawn().unwrap();
    let mut real = Real(child);
    while TcpStream::connect(address).is_err() {
        if real.0.try_wait().unwrap().is_some() {
            return None;
        }
        std::thread::yield_now();
    }
    Some((real, address))
}

fn differences(script: &[Step], ours: &[Answer], theirs: &[Answer]) -> String {
    let mut found = String::new();
    for (number, (step, (ours, theirs))) in script.iter().zip(ours.iter().zip(theirs)).enumerate() {
        let what = format!("{} {} {} {}", number + 1, step.method, step.path, step.body.as_deref().unwrap_or_default());
        match (&step.differs, ours == theirs) {
            (None, false) => writeln!(found, "{what}\n  ours   {ours:?}\n  theirs {theirs:?}").unwrap(),
            (Some(why), true) => writeln!(found, "{what}\n  is the same, though it says `{why}`").unwrap(),
            _ => {}
        }
    }
    found
}

#[test]
fn every_answer_is_toxiproxys_but_for_those_that_say_why() {
    let script: Vec<Step> = lines("script.jsonl");
    assert!(script.len() >= 150);
    if let Some((_server, address)) = real() {
        let answers = run(address, &script);
        let text: String = answers.iter().map(|answer| serde_json::to_string(answer).unwrap() + "\n").collect();
        if std::env::var_os("TOXIPROXY_RECORD").is_some() {
            std::fs::write(folder().join("answers.jsonl"), text).unwrap();
        }
        let none: Vec<Step> = script
            .iter()
            .map(|step| Step {
                method: step.method.clone(),
                path: step.path.clone(),
                body: step.body.clone(),
                agent: None,
                differs: None,
            })
            .collect();
        let found = differences(&none, &lines::<Answer>("answers.jsonl"), &answers);
        assert!(found.is_empty(), "the record is not what the server answers:\n{found}");
        println!("compared live on {} requests", script.len());
    } else {
        println!("skipped: needs toxiproxy-server (the record is compared)");
    }
    let api = ApiServer::start(Arc::new(Links::start(1).unwrap()), "127.0.0.1:0".parse().unwrap()).unwrap();
    let ours = run(api.address(), &script);
    let theirs: Vec<Answer> = lines("answers.jsonl");
    assert_eq!(theirs.len(), script.len());
    let found = differences(&script, &ours, &theirs);
    assert!(found.is_empty(), "{found}");
}
