//! Clients that other people wrote for OpenAI's API, against each preset of models: what they do is the table in
//! `docs/presets.md`, of which every row is measured here.

#![cfg(feature = "http")]
#![expect(clippy::unwrap_used, reason = "a test may fail by it, in its helpers too")]

#[path = "support/installed.rs"]
mod installed;
#[path = "support/services.rs"]
mod services;

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use chaos_core::HttpPreset::{self, *};
use chaos_links::{Direction, HttpToxic, LinkSpec, Links, Protocol, ToxicKind, ToxicSpec};
use installed::program;
use serde_json::json;
use services::Services;

const DOCS: &str = "../docs/presets.md";
/// As `xtask/src/needs.rs` installs it.
const PYTHON_VERSION: &str = "3.57.0";

/// A request of a client, and what it meets: a preset, `times` in all, until the test takes it away where it `holds`.
struct Row {
    preset: HttpPreset,
    times: Option<u32>,
    request: &'static str,
    holds: bool,
}

const fn row(preset: HttpPreset, request: &'static str) -> Row {
    Row { preset, times: None, request, holds: false }
}

const BOTH: &[Row] = &[
    row(LlmRateLimited, "complete"),
    Row { times: Some(1), ..row(LlmRateLimited, "complete") },
    row(LlmRateLimited, "stream"),
    row(LlmOverloaded, "complete"),
    row(LlmOverloaded, "stream"),
    row(LlmCutStream, "stream"),
    row(LlmMalformedToolCall, "complete, tools"),
    row(LlmMalformedToolCall, "stream, tools"),
    row(LlmEmptyChoices, "complete"),
    row(LlmEmptyChoices, "stream"),
    Row { holds: true, ..row(LlmSlowFirstToken, "complete") },
    Row { holds: true, ..row(LlmSlowFirstToken, "stream") },
];
const PYTHON_ALONE: &[Row] = &[
    row(LlmMalformedToolCall, "parse, tools"),
    row(LlmMalformedToolCall, "stream helper, tools"),
    row(LlmSlowFirstToken, "complete, 1 s"),
    row(LlmSlowFirstToken, "stream, 1 s"),
];

/// A client that is told which request to make, and tells what came of it.
struct Client {
    process: Child,
    requests: ChildStdin,
    results: BufReader<ChildStdout>,
}

impl Client {
    fn start(command: &mut Command) -> Self {
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (requests, results) = (process.stdin.take().unwrap(), process.stdout.take().unwrap());
        Self { process, requests, results: BufReader::new(results) }
    }

    fn ask(&mut self, request: &str) {
        writeln!(self.requests, "{request}").unwrap();
    }

    fn told(&mut self) -> String {
        let mut line = String::new();
        self.results.read_line(&mut line).unwrap();
        line.trim().to_owned()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A link with a model behind it.
struct Faulty {
    services: Services,
    links: Links,
    url: String,
}

impl Faulty {
    fn start() -> Self {
        let (services, links) = (Services::start(), Links::start(1).unwrap());
        let spec = LinkSpec::new("link", "127.0.0.1:0", services.address.to_string());
        let view = links.create(&LinkSpec { protocol: Protocol::Http, ..spec }).unwrap();
        Self { services, links, url: format!("http://{}/v1", view.listen) }
    }

    /// How many requests the rule has met.
    fn met(&self) -> u64 {
        self.links.get("link").unwrap().rules["rule"]
    }

    /// A row of the table.
    fn measure(&self, client: &mut Client, row: &Row) -> String {
        let rule = json!({"preset": row.preset, "match": row.times.map_or(json!({}), |times| json!({"times": times}))});
        let kind = ToxicKind::Http(HttpToxic(serde_json::from_value(rule).unwrap()));
        let toxic = ToxicSpec { name: "rule".into(), ..ToxicSpec::new(kind, Direction::Downstream) };
        self.links.add_toxic("link", toxic).unwrap();
        let before = self.links.get("link").unwrap().counts.requests;
        self.services.served();
        client.ask(row.request);
        if row.holds {
            while self.met() == 0 {
                std::thread::park_timeout(Duration::from_millis(5));
            }
            self.links.remove_toxic("link", "rule").unwrap();
        }
        let told = client.told();
        let attempts = self.links.get("link").unwrap().counts.requests - before;
        if !row.holds {
            let met = self.met();
            assert_eq!(met, row.times.map_or(attempts, u64::from), "{} {}", row.preset.name(), row.request);
            let harmed_before = matches!(row.preset, LlmRateLimited | LlmOverloaded);
            let served = if harmed_before { attempts - met } else { attempts };
            assert_eq!(self.services.served() as u64, served, "{} {}", row.preset.name(), row.request);
            self.links.remove_toxic("link", "rule").unwrap();
        }
        let times = row.times.map_or(String::new(), |times| format!(", `times: {times}`"));
        let (got, waits) = told.split_once(" | ").unwrap_or((&told, "?"));
        format!("| `{}`{times} | {} | {attempts} | {got} | {waits} |", row.preset.name(), row.request)
    }

    /// Every row must stand in the table of that client.
    fn table(&self, command: &mut Command, client: &str, rows: &[&[Row]]) {
        let mut client_process = Client::start(command.arg(&self.url));
        let measured: Vec<String> =
            rows.iter().copied().flatten().map(|row| self.measure(&mut client_process, row)).collect();
        let docs = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(DOCS)).unwrap();
        let section = docs.split("\n### ").find(|section| section.starts_with(client)).unwrap_or_default();
        let documented: Vec<&str> = section.lines().filter(|line| line.starts_with("| `")).collect();
        assert_eq!(documented, measured, "{DOCS}, `{client}`; measured:\n{}", measured.join("\n"));
    }
}

#[test]
fn the_python_openai_package_does_as_documented() {
    let has_it = |python: &Path| {
        let check = format!("import openai; assert openai.__version__ == '{PYTHON_VERSION}'");
        Command::new(python).args(["-c", &check]).output().is_ok_and(|output| output.status.success())
    };
    let Some(python) = program("python3", "py/bin/python3", has_it) else {
        println!("skipped: needs the Python package openai {PYTHON_VERSION}");
        return;
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/openai_client.py");
    let mut command = Command::new(python);
    Faulty::start().table(command.arg(script), "Python", &[BOTH, PYTHON_ALONE]);
}

#[test]
fn async_openai_does_as_documented() {
    let Some(client) = program("openai-rust-client", "clients/debug/openai-rust-client", |_| true) else {
        println!("skipped: needs async-openai's client");
        return;
    };
    Faulty::start().table(&mut Command::new(client), "async-openai", &[BOTH]);
}
