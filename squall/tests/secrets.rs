//! A secret in every field that takes a text, through every command: nothing that is written anywhere holds it.

#![cfg(feature = "full")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use serde_json::json;
use tempfile::TempDir;

#[path = "support/shell.rs"]
mod shell;
#[path = "support/sinks.rs"]
mod sinks;
#[path = "support/sleeper.rs"]
mod sleeper;

use shell::{command, journals, place, report, squall, write};
use sinks::{Echo, base64, files, task, texts, written};
use sleeper::Sleeper;

/// What every secret of this test has in it.
const CORE: &str = "Zq7Xk9Vw2-pL4t";

/// One that a URL and a header can hold, one that every encoding changes, and those of the environment.
fn secrets() -> [(&'static str, String); 5] {
    [
        ("KEY", format!("{CORE}&3'!")),
        ("ODD", format!("{CORE} <x>'\"! \\ ü]]>")),
        ("OPENAI_API_KEY", format!("sk-{CORE}")),
        ("FAILPOINTS_TOKEN", format!("fp-{CORE}")),
        ("OTHER_TOKEN", format!("ot-{CORE}")),
    ]
}

const FILLED: [&str; 4] = ["--var-env", "KEY", "--var-env", "ODD"];

fn secretly(place: &TempDir, arguments: &[&str]) -> Command {
    let mut command = command(place, arguments);
    command.envs(secrets());
    command
}

/// The form in which a text holds a secret, whole or cut in half.
fn leak(text: &str) -> Option<String> {
    let mut forms = vec![CORE.to_owned(), CORE[..10].to_owned(), CORE[4..].to_owned(), CORE.replace('-', "%2D")];
    for before in 0..3 {
        let encoded = base64(&[&[0; 2][..before.min(2)], CORE.as_bytes()].concat());
        forms.push(encoded[(before * 8).div_ceil(6)..(before + CORE.len()) * 8 / 6].to_owned());
    }
    forms.push(CORE.bytes().flat_map(|byte| format!("{byte:02x}").into_bytes()).map(char::from).collect());
    let lower = text.to_lowercase();
    forms.into_iter().find(|form| text.contains(form) || lower.contains(&form.to_lowercase()))
}

fn assert_silent(output: &Output, place: &TempDir, what: &str) {
    for (sink, text) in written(output, place.path(), &[]) {
        let found = leak(&text);
        assert_eq!(found, None, "{what}: {sink}: {text}");
    }
}

const REPORTS: [&str; 8] =
    ["--json", "out.json", "--junit", "out.xml", "--html", "out.html", "--events", "events.jsonl"];

#[test]
fn no_output_of_a_run_holds_a_secret() {
    let (place, sleeper, echo) = (place(), Sleeper::start(), Echo::start(503));
    let document = task(&echo, sleeper.pid(), "a {{ODD}} b", "{{KEY}}");
    let file = write(&place, "task.json", &document);
    fs::write(place.path().join("verify.sh"), "env > verifier.env; cat >&2; exit 1").unwrap();
    let rows: [&[&str]; 6] = [
        &["--verbose"],
        &["--format", "json", "--verifier", "sh verify.sh"],
        &["--format", "junit", "--repeat", "2"],
        &["--format", "html"],
        &["--dry-run"],
        &["--dry-run", "--format", "json"],
    ];
    for flags in rows {
        let reports: &[&str] = if flags.contains(&"--dry-run") { &[] } else { &REPORTS };
        let start = ["run", &file, "--allow-command", "sh"];
        let output = secretly(&place, &[&start[..], &FILLED, flags, reports].concat()).output().unwrap();
        let shown = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(shown.contains("***"), "{flags:?}: {shown} {}", String::from_utf8_lossy(&output.stderr));
        assert_silent(&output, &place, &format!("{flags:?}"));
    }
    // What was masked was there, the environments too.
    let masked = ["out.json", "out.xml", "out.html", "events.jsonl"];
    for name in masked {
        let path = place.path().join(name);
        assert!(fs::read_to_string(&path).unwrap().contains("***"), "{name}");
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600, "{name}: it has secrets masked");
    }
    for name in ["probe.env", "verifier.env"] {
        assert!(fs::read_to_string(place.path().join(name)).unwrap().contains("PATH="), "{name}");
    }
    let transcripts = files(&place.path().join(".squall"));
    assert!(!transcripts.is_empty());
}

#[test]
fn a_masked_report_has_its_members_in_their_order() {
    let (place, sleeper) = (place(), Sleeper::start());
    let pid = format!("pid={}", sleeper.pid());
    let arguments = ["inject", "pause_process", &pid, "--for", "50ms", "--format", "json", "--var-env", "KEY"];
    let masked = secretly(&place, &arguments).output().unwrap();
    let plain = squall(&place, &arguments[..7]);
    assert_eq!((report(&masked).1, report(&plain).1), (0, 0));
    let order = |output: &Output| -> Vec<String> {
        let text = String::from_utf8(output.stdout.clone()).unwrap();
        let keys =
            text.lines().filter_map(|line| line.strip_prefix("  \"")?.split_once('"')).map(|(key, _)| key.into());
        keys.collect()
    };
    assert!(order(&plain).len() > 5 && order(&plain).first().is_some_and(|key| key == "format"), "{:?}", order(&plain));
    assert_eq!(order(&masked), order(&plain));
}

#[test]
fn no_diagnostic_of_any_field_holds_a_secret() {
    let (place, echo) = (place(), Echo::start(503));
    let document = task(&echo, 1, "text", "part");
    let pointers = texts(&document);
    assert!(pointers.len() > 50, "{}", pointers.len());
    // Several at once, so that each is met with little work; every text of the document has its turn, alone and inside.
    for (at, chunk) in pointers.chunks(6).enumerate() {
        for filled in ["{{KEY}}", "1 {{ODD}}"] {
            let mut document = document.clone();
            for pointer in chunk {
                *document.pointer_mut(pointer).unwrap() = json!(filled);
            }
            let file = write(&place, &format!("task-{at}.json"), &document);
            for format in ["text", "json"] {
                let start = ["validate", &file, "--format", format];
                let output = secretly(&place, &[&start[..], &FILLED].concat()).output().unwrap();
                assert_silent(&output, &place, &format!("{chunk:?} {filled}"));
            }
        }
    }
}

#[test]
fn no_output_of_an_injection_holds_a_secret() {
    let (place, echo) = (place(), Echo::start(503));
    let (url, key) = (format!("url={}", echo.url()), secrets()[2].1.clone());
    let service = format!("target.service_url={}?k={{{{KEY}}}}", echo.url());
    let unparsed = format!("target.qps={key}");
    let headers = r#"target.headers:={"X-Any": "{{KEY}}"}"#;
    let user_info = format!("target.service_url=http://user:{key}@127.0.0.1/");
    let rows: [&[&str]; 7] = [
        &["failpoint", &url, "site=a.b", "error={{ODD}}"],
        &["failpoint", &url, "site=a.b", "token_env=OTHER_TOKEN"],
        &["failpoint", &url, "site={{ODD}}", "token_env={{KEY}}"],
        &["load", &service, "target.qps=10", "target.duration=200ms", headers, "target.body={{ODD}}"],
        &["load", &service, &unparsed],
        &["load", &user_info],
        &["no_such_fault", &key],
    ];
    for row in rows {
        for format in ["text", "json"] {
            let arguments = [&["inject"][..], row, &["--for", "100ms", "--format", format], &FILLED].concat();
            let arguments: Vec<&str> = if row[0] == "load" {
                arguments.into_iter().filter(|word| *word != "--for" && *word != "100ms").collect()
            } else {
                arguments
            };
            let output = secretly(&place, &arguments).output().unwrap();
            assert_silent(&output, &place, &format!("{row:?}"));
        }
    }
}

/// A run that holds, and its control socket.
struct Held {
    child: Child,
    socket: PathBuf,
}

fn hold(place: &TempDir, file: &str) -> Held {
    let start = ["run", file, "--allow-command", "sh", "--events", "events.jsonl"];
    let mut command = secretly(place, &[&start[..], &FILLED].concat());
    // What it leaves is looked at before anybody undoes it.
    command.env("SQUALL_GUARDIAN", "none");
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let state = place.path().join("state");
    loop {
        let events = fs::read_to_string(place.path().join("events.jsonl")).unwrap_or_default();
        if events.contains("\"holding\"") {
            let socket = files(&state).into_iter().find(|path| path.ends_with("control.sock")).unwrap();
            return Held { child, socket };
        }
        assert_eq!(child.try_wait().unwrap(), None, "it holds for a minute: {events}");
        std::thread::park_timeout(std::time::Duration::from_millis(20));
    }
}

#[test]
fn neither_the_control_socket_nor_what_a_killed_run_leaves_holds_a_secret() {
    let (place, sleeper, echo) = (place(), Sleeper::start(), Echo::start(503));
    let mut document = task(&echo, sleeper.pid(), "a {{ODD}} b", "{{KEY}}");
    document["chaos_spec"][0]["duration_seconds"] = json!(60);
    let file = write(&place, "task.json", &document);
    let mut held = hold(&place, &file);
    let mut stream = UnixStream::connect(&held.socket).unwrap();
    let key = secrets()[2].1.clone();
    let lines = [
        json!({"verb": "status"}).to_string(),
        json!({"verb": "release", "entry": key}).to_string(),
        json!({"verb": "start", "entry": {"name": key, "action": {"type": key}}}).to_string(),
        format!("not a request {key}"),
        json!({"verb": "events"}).to_string(),
    ];
    writeln!(stream, "{}", lines.join("\n")).unwrap();
    let mut told = String::new();
    let mut reader = BufReader::new(stream);
    while told.lines().count() < lines.len() || !told.contains("\"probed\"") {
        assert!(reader.read_line(&mut told).unwrap() > 0, "{told}");
    }
    assert!(told.contains("***") && told.contains("\"position\""), "{told}");
    assert_eq!(leak(&told), None, "{told}");
    held.child.kill().unwrap();
    held.child.wait().unwrap();
    assert_eq!(journals(&place), 1);
    assert!(sleeper.is_stopped());
    for path in files(&place.path().join("state")) {
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{}", path.display());
    }
    for format in ["text", "json"] {
        let output = secretly(&place, &["recover", "--format", format]).output().unwrap();
        assert_silent(&output, &place, "recover");
    }
    assert!(!sleeper.is_stopped());
}

#[test]
fn no_output_of_an_experiment_holds_a_secret() {
    let (place, echo) = (place(), Echo::start(200));
    let url = format!("{}?k={{{{KEY}}}}", echo.url());
    let spec = json!({
        "goal": "does it hold {{ODD}} or {{KEY}}", "target": url, "strategy": "repeat", "runs": 2,
        "load": {"qps": 10, "seconds": 0.3}, "budget": {"steps": 4, "wall_seconds": 20}, "slo": ["p99<2s"],
    });
    let file = write(&place, "experiment.json", &spec);
    let start = ["experiment", &file, "--events", "events.jsonl", "--report", "page.html"];
    for (at, (flags, model)) in
        [(&["--format", "json"][..], false), (&[], false), (&["--format", "json", "--model", "odd"], true)]
            .into_iter()
            .enumerate()
    {
        let transcript = format!("transcript-{at}.jsonl");
        let mut command = secretly(&place, &[&start[..], &FILLED, flags, &["--transcript", &transcript]].concat());
        if model {
            command.env("OPENAI_BASE_URL", echo.url());
        }
        let output = command.output().unwrap();
        assert_ne!(output.status.code(), Some(64), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(fs::read_to_string(place.path().join(&transcript)).unwrap().contains("***"));
        assert_silent(&output, &place, &format!("{flags:?}"));
    }
    for path in files(place.path()).into_iter().filter(|path| !path.ends_with("experiment.json")) {
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{}", path.display());
    }
}
