//! Where a run's words go: report files, several files, the mask over secrets, the display, the operator's settings.

#![cfg(feature = "full")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use chaos_load::target::{Behaviour, serve};
use serde_json::{Value, json};
use tempfile::TempDir;

#[path = "support/shell.rs"]
mod shell;
#[path = "support/sleeper.rs"]
mod sleeper;

use shell::{command, journals, place, report, squall, write};
use sleeper::Sleeper;

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn read(place: &TempDir, name: &str) -> String {
    fs::read_to_string(place.path().join(name)).unwrap()
}

/// A task of one pause, with a name.
fn pause(place: &TempDir, file: &str, name: &str, sleeper: &Sleeper) -> String {
    let entry = json!({
        "name": name,
        "trigger": {"type": "immediate"},
        "action": {"type": "pause_process", "pid": sleeper.pid()},
        "duration_seconds": 0.1
    });
    write(place, file, &json!({"chaos_spec": [entry]}))
}

const REPORTS: [&str; 6] = ["--json", "out.json", "--junit", "out.xml", "--html", "out.html"];

#[test]
fn one_run_writes_several_reports_and_text_on_the_terminal() {
    let (place, sleeper) = (place(), Sleeper::start());
    let pid = format!("pid={}", sleeper.pid());
    let file = pause(&place, "task.json", "pause it", &sleeper);
    for start in [&["run", &file][..], &["inject", "pause_process", &pid, "--for", "100ms"]] {
        let output = squall(&place, &[start, &REPORTS].concat());
        let out = text(&output.stdout);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        assert!(out.contains("verdict: unchecked"), "{out}");
        let told: Value = serde_json::from_str(&read(&place, "out.json")).unwrap();
        assert_eq!((&told["verdict"], told["entries"].as_array().unwrap().len()), (&json!("unchecked"), 1));
        assert!(out.contains(told["run_id"].as_str().unwrap()), "the same run: {out}");
        let junit = read(&place, "out.xml");
        assert!(junit.contains(told["run_id"].as_str().unwrap()) && !junit.contains("<error"), "{junit}");
        assert!(read(&place, "out.html").contains("<!doctype html>"));
        for name in ["out.json", "out.xml", "out.html"] {
            fs::remove_file(place.path().join(name)).unwrap();
        }
    }
}

#[test]
fn an_invalid_file_still_writes_the_reports_that_were_asked_for() {
    let place = place();
    let file = write(&place, "task.json", &json!({"chaos_spec": [{"trigger": {"type": "tme"}}]}));
    for start in [&["run", &file][..], &["inject", "pause_process"], &["run", "missing.yaml"]] {
        let output = squall(&place, &[start, &REPORTS].concat());
        let code = output.status.code().unwrap();
        assert!([64, 65].contains(&code), "{}", text(&output.stderr));
        let told: Value = serde_json::from_str(&read(&place, "out.json")).unwrap();
        assert_eq!(told["exit_code"], json!(code), "{told}");
        let (junit, html) = (read(&place, "out.xml"), read(&place, "out.html"));
        assert!(junit.contains("<error") && junit.contains("errors=\"1\""), "{junit}");
        assert!(html.contains("invalid") && html.contains(&format!("data-exit-code=\"{code}\"")), "{html}");
        assert_eq!(text(&output.stdout), "");
    }
}

#[test]
fn a_report_file_that_cannot_be_is_refused_before_anything_runs() {
    let (place, sleeper) = (place(), Sleeper::start());
    let file = pause(&place, "task.json", "pause it", &sleeper);
    let before = read(&place, "task.json");
    let rows: [(&[&str], &str); 6] = [
        (&["--json", "task.json"], "has another use"),
        (&["--json", "./sub/../task.json"], "cannot be written"),
        (&["--json", "a", "--html", "a"], "has another use"),
        (&["--events", "a", "--junit", "a"], "has another use"),
        (&["--html", "no/such/folder.html"], "cannot be written"),
        (&["--junit", "-"], "--format junit"),
    ];
    for (flags, want) in rows {
        let output = squall(&place, &[&["run", &file], flags].concat());
        let err = text(&output.stderr);
        assert_eq!(output.status.code(), Some(64), "{flags:?}: {err}");
        assert!(err.contains(want) && !err.contains("injecting"), "{flags:?}: {err}");
    }
    assert_eq!((read(&place, "task.json"), sleeper.is_stopped()), (before, false));
    let dry = squall(&place, &["run", &file, "--dry-run", "--json", "out.json"]);
    assert_eq!(dry.status.code(), Some(64));
}

#[test]
fn several_files_run_one_after_the_other_and_the_worst_code_wins() {
    let (place, sleeper) = (place(), Sleeper::start());
    let good = pause(&place, "good.json", "good", &sleeper);
    let gone = write(
        &place,
        "gone.json",
        &json!({"chaos_spec": [{"name": "gone", "trigger": {"type": "immediate"},
                "action": {"type": "pause_process", "pid": 4_294_967_295_u32}, "duration_seconds": 0.1}]}),
    );
    let output = squall(&place, &[&["run", &good, &gone, &good, "--events", "events.jsonl"][..], &REPORTS].concat());
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(2), "{err}");
    assert_eq!(out.matches("\nverdict: ").count(), 3, "{out}");
    let summary: Vec<&str> = err.lines().rev().take(3).collect();
    let want = [format!("{good}: unchecked"), format!("{gone}: inconclusive"), format!("{good}: unchecked")];
    assert_eq!(summary, want, "{err}");
    let told: Value = serde_json::from_str(&read(&place, "out.json")).unwrap();
    let verdicts: Vec<&Value> = told.as_array().unwrap().iter().map(|one| &one["verdict"]).collect();
    assert_eq!(verdicts, ["unchecked", "inconclusive", "unchecked"]);
    assert_eq!(read(&place, "out.xml").matches("<testsuite ").count(), 3);
    assert_eq!(read(&place, "out.html").matches("data-exit-code").count(), 3);
    assert_eq!(read(&place, "events.jsonl").matches("\"run_ended\"").count(), 3);

    let (several, code) = report(&squall(&place, &["run", &good, &good, "--format", "json"]));
    assert_eq!((code, several.as_array().unwrap().len()), (0, 2));
    let (one, _) = report(&squall(&place, &["run", &good, "--format", "json"]));
    assert!(one.is_object());
    let (plans, code) = report(&squall(&place, &["run", &good, &good, "--format", "json", "--dry-run"]));
    assert_eq!((code, plans.as_array().unwrap().len()), (0, 2));
    let (rounds, code) = report(&squall(&place, &["run", &good, &good, "--format", "json", "--repeat", "2"]));
    assert_eq!((code, &rounds[1]["rounds_wanted"]), (0, &json!(2)));
}

#[test]
fn of_several_files_none_runs_where_one_is_invalid() {
    let (place, sleeper) = (place(), Sleeper::start());
    let good = pause(&place, "good.json", "good", &sleeper);
    let bad = write(&place, "bad.json", &json!({"chaos_spec": [{"trigger": {"type": "tme"}}]}));
    let output = squall(&place, &[&["run", &good, &bad, "--format", "json"][..], &REPORTS].concat());
    let (told, code) = report(&output);
    let err = text(&output.stderr);
    assert_eq!((code, &told[1]["exit_code"]), (65, &json!(65)), "{told:#}");
    assert!(err.contains("unknown-trigger") && !err.contains("injecting"), "{err}");
    assert!(told[0]["error"].as_str().unwrap().contains("another file"), "{told:#}");
    let junit = read(&place, "out.xml");
    assert_eq!(junit.matches("<error").count(), 2, "{junit}");
}

#[test]
fn an_interruption_ends_the_run_and_the_files_after_it_do_not_begin() {
    let (place, sleeper) = (place(), Sleeper::start());
    let entry = json!({"name": "long", "trigger": {"type": "immediate"}, "duration_seconds": 60,
                       "action": {"type": "pause_process", "pid": sleeper.pid()}});
    let long = write(&place, "long.json", &json!({"chaos_spec": [entry]}));
    let mut run = command(&place, &["run", &long, &long, "--json", "out.json"]);
    let mut run = run.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(run.stderr.take().unwrap());
    let mut seen = String::new();
    while !seen.contains("holding for") {
        assert_ne!(lines.read_line(&mut seen).unwrap(), 0, "it ended early: {seen}");
    }
    assert!(Command::new("kill").args(["-TERM", &run.id().to_string()]).status().unwrap().success());
    lines.read_to_string(&mut seen).unwrap();
    assert_eq!(run.wait().unwrap().code(), Some(2), "{seen}");
    assert!(!sleeper.is_stopped() && seen.matches("injecting").count() == 1, "{seen}");
    let told: Value = serde_json::from_str(&read(&place, "out.json")).unwrap();
    assert_eq!(told[0]["verdict"], "inconclusive");
    assert!(told[1]["error"].as_str().unwrap().contains("interrupted before it began"), "{told:#}");
}

/// A secret that a URL can hold, and one that every encoding changes.
const KEY: &str = "tr0ub4dor&3'!";
const ODD: &str = "tr0ub4dor <x>'\"! \\ ü";

/// Every file below a folder that holds the secret in any form.
fn leaks(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(leaks(&path));
        } else if fs::read(&path).is_ok_and(|bytes| text(&bytes).contains("tr0ub4dor")) {
            found.push(path);
        }
    }
    found
}

fn silent(place: &TempDir, output: &Output, what: &str) {
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(!out.contains("tr0ub4dor"), "{what}: {out}");
    assert!(!err.contains("tr0ub4dor"), "{what}: {err}");
    assert_eq!(leaks(place.path()), Vec::<PathBuf>::new(), "{what}");
}

#[test]
fn a_secret_leaves_in_no_output_at_all() {
    let service = serve(([127, 0, 0, 1], 0).into(), Behaviour::new().status(503)).unwrap();
    let url = format!("{}?key={{{{KEY}}}}", service.url());
    let target = json!({"service_url": url, "qps": 50, "duration": "400ms"});
    let asks = json!({"type": "http", "url": url});
    let echo = json!({"type": "command", "argv": ["sh", "-c", "echo \"$0\" | tee /dev/stderr; exit 1", "{{ODD}}"]});
    let entry = |fault: &str, check: &str| {
        json!({"name": format!("{fault} {{{{ODD}}}}"), "trigger": {"type": "immediate"},
               "action": {"type": fault, "target": target}, "verify": check})
    };
    let place = place();
    let checks =
        json!([{"name": "asks", "check": asks, "mode": "assert"}, {"name": "echoes", "check": echo, "mode": "assert"}]);
    let entries = [entry("load", "asks"), entry("generate_load", "echoes"), entry("load", "echoes")];
    let task = write(&place, "task.json", &json!({"chaos_spec": entries, "verification_spec": checks}));
    let wrong = write(
        &place,
        "wrong.json",
        &json!({"chaos_spec": [{"trigger": {"type": "time", "after": "{{KEY}}"}, "action": {"type": "{{ODD}}"}}]}),
    );
    for format in ["text", "json", "junit", "html"] {
        for file in [&task, &wrong] {
            let what = format!("{format} of {file}");
            let start = [
                "run",
                file,
                "--var-env",
                "KEY",
                "--var-env",
                "ODD=OTHER",
                "--format",
                format,
                "--allow-command",
                "sh",
            ];
            let more = ["--events", "events.jsonl", "--verbose"];
            let output =
                command(&place, &[&start[..], &more, &REPORTS].concat()).env("KEY", KEY).env("OTHER", ODD).output();
            let output = output.unwrap();
            assert_ne!(output.status.code(), Some(0), "{what}");
            let json = read(&place, "out.json");
            assert!(json.contains("***"), "{what}: {json}");
            silent(&place, &output, &what);
        }
    }
    // What was masked was there to begin with, also in the transcripts of the plans.
    assert!(place.path().join(".squall/transcripts").read_dir().unwrap().next().is_some());
    assert!(service.requests() > 0);
    for flags in [&["--dry-run"][..], &["--dry-run", "--format", "json"]] {
        let start = ["run", &task, "--var-env", "KEY", "--var-env", "ODD=OTHER"];
        let output = command(&place, &[&start[..], flags].concat()).env("KEY", KEY).env("OTHER", ODD).output().unwrap();
        assert!(text(&output.stdout).contains("***"), "{}", text(&output.stderr));
        silent(&place, &output, "dry run");
    }
    let output =
        command(&place, &["validate", &wrong, "--var-env", "KEY", "--var-env", "ODD=OTHER", "--format", "json"])
            .env("KEY", KEY)
            .env("OTHER", ODD)
            .output()
            .unwrap();
    silent(&place, &output, "validate");
}

#[test]
fn a_secret_comes_from_a_file_and_one_line_break_is_not_its_own() {
    let (place, elsewhere) = (place(), place());
    let key = elsewhere.path().join("key");
    fs::write(&key, "tr0ub4dor\n").unwrap();
    let from = format!("KEY={}", key.display());
    let target = "target.service_url=http://127.0.0.1:1/?key={{KEY}}";
    let start = ["inject", "load", target, "target.qps=10", "target.duration=200ms", "--var-file", &from];
    let output = squall(&place, &[&start[..], &REPORTS].concat());
    assert!(read(&place, "out.json").contains("?key=***"), "{}", read(&place, "out.json"));
    silent(&place, &output, "inject");

    let rows: [(&[&str], &str); 4] = [
        (&["--var-env", "SQUALL_TEST_UNSET"], "environment variable `SQUALL_TEST_UNSET` is not set"),
        (&["--var-file", "KEY=missing"], "`missing` cannot be read"),
        (&["--var-file", &from, "--var", "KEY=x"], "placeholder `KEY` is filled twice"),
        (&["--var-file", "KEY"], "expected NAME=PATH"),
    ];
    for (flags, want) in rows {
        let output = squall(&place, &[&["run", "x.json"], flags].concat());
        assert_eq!(output.status.code(), Some(64));
        assert!(text(&output.stderr).contains(want), "{flags:?}: {}", text(&output.stderr));
    }
}

#[test]
fn quiet_leaves_the_progress_out_and_verbose_shows_every_event() {
    let (place, sleeper) = (place(), Sleeper::start());
    let file = pause(&place, "task.json", "pause it", &sleeper);
    let quiet = squall(&place, &["run", &file, "--quiet"]);
    assert_eq!((quiet.status.code(), text(&quiet.stderr)), (Some(0), String::new()));
    assert!(text(&quiet.stdout).contains("verdict: unchecked"));
    let wrong = squall(&place, &["run", "missing.json", "--quiet"]);
    assert!(text(&wrong.stderr).contains("missing.json"));
    let verbose = text(&squall(&place, &["run", &file, "--verbose"]).stderr);
    assert!(verbose.contains("armed: ") && verbose.contains("looked: "), "{verbose}");
    let usual = text(&squall(&place, &["run", &file]).stderr);
    assert!(usual.contains("injecting") && !usual.contains("armed: "), "{usual}");
}

#[test]
fn on_a_terminal_no_step_is_printed_twice_and_holds_count_down() {
    let (place, sleeper) = (place(), Sleeper::start());
    let entry = json!({"name": "pause", "trigger": {"type": "immediate"}, "duration_seconds": 4,
                       "action": {"type": "pause_process", "pid": sleeper.pid()}});
    let file = write(&place, "task.json", &json!({"chaos_spec": [entry]}));
    let line = format!("'{}' run '{file}'", env!("CARGO_BIN_EXE_squall"));
    let mut script = Command::new("script");
    script.args(["-qec", &line, "/dev/null"]).current_dir(&place).stdin(Stdio::null());
    script.env("XDG_STATE_HOME", place.path().join("state")).env("XDG_CONFIG_HOME", place.path().join("config"));
    let Ok(output) = script.output() else {
        eprintln!("skipped: needs `script`, which gives a program a terminal");
        return;
    };
    let out = text(&output.stdout);
    assert!(
        out.contains("verdict: ")
            && ["4", "3", "2"].iter().any(|left| out.contains(&format!("holding: {left} s left"))),
        "{out}"
    );
    assert_eq!(out.matches("resume process").count(), 1, "{out}");
}

#[test]
fn the_operators_settings_count_and_a_strangers_do_not() {
    let (place, sleeper) = (place(), Sleeper::start());
    let file = pause(&place, "task.json", "pause it", &sleeper);
    let own = place.path().join("config/squall");
    fs::create_dir_all(&own).unwrap();
    // One in the working directory may come with somebody else's repository.
    fs::write(place.path().join("squall.toml"), "nonsense = [").unwrap();
    fs::write(own.join("policy.yaml"), "allow_faults: [load]\n").unwrap();
    fs::write(own.join("squall.toml"), "policy = \"policy.yaml\"\nstate = \"state-of-file\"\n").unwrap();
    let refused = squall(&place, &["run", &file]);
    assert_eq!(refused.status.code(), Some(2), "{}", text(&refused.stderr));
    assert!(text(&refused.stdout).contains("--allow-fault pause_process"), "{}", text(&refused.stdout));
    assert!(own.join("state-of-file").is_dir() && journals(&place) == 0);

    fs::write(place.path().join("wide.yaml"), "max_qps: 5\n").unwrap();
    let by_env = command(&place, &["run", &file]).env("SQUALL_POLICY", "wide.yaml").output().unwrap();
    assert_eq!(by_env.status.code(), Some(0), "{}", text(&by_env.stderr));
    let by_flag = command(&place, &["run", &file, "--policy", "wide.yaml"]).env("SQUALL_POLICY", "x").output().unwrap();
    assert_eq!(by_flag.status.code(), Some(0), "{}", text(&by_flag.stderr));

    let looked = |output: &Output| text(&output.stdout);
    assert!(looked(&squall(&place, &["recover"])).contains("state-of-file"));
    let env = command(&place, &["recover"]).env("SQUALL_STATE", place.path().join("s2")).output().unwrap();
    assert!(looked(&env).contains("/s2"), "{}", looked(&env));
    let flag = command(&place, &["recover", "--state", "s3"]).env("SQUALL_STATE", "/s2").output().unwrap();
    assert!(looked(&flag).contains("/s3"), "{}", looked(&flag));

    fs::write(place.path().join("other.toml"), "workspace = \"x\"\npolcy = \"y\"\n").unwrap();
    let wrong = squall(&place, &["run", &file, "--config", "other.toml", "--format", "json"]);
    let (told, code) = report(&wrong);
    assert_eq!((code, &told["exit_code"]), (64, &json!(64)));
    assert!(text(&wrong.stderr).contains("other.toml:2:1`: unknown field `polcy`"), "{}", text(&wrong.stderr));
    let validated = squall(&place, &["validate", &file]);
    assert_eq!(validated.status.code(), Some(0), "needs no settings");
}
