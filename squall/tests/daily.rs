//! What people do every day: parts of a task, several rounds, two runs side by side, a baseline, a question before a run.

#![cfg(feature = "full")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

use chaos_load::target::{Behaviour, Target, serve};
use chaos_runner::Report;
use serde_json::{Value, json};
use tempfile::TempDir;

#[path = "support/shell.rs"]
mod shell;
#[path = "support/sleeper.rs"]
mod sleeper;

use shell::{command, journals, place, report, squall, write};
use sleeper::Sleeper;

/// An entry that pauses a process for a moment.
fn pause(name: &str, sleeper: &Sleeper) -> Value {
    json!({
        "name": name,
        "trigger": {"type": "immediate"},
        "action": {"type": "pause_process", "pid": sleeper.pid()},
        "duration_seconds": 0.1
    })
}

fn service(status: u16) -> Target {
    serve(([127, 0, 0, 1], 0).into(), Behaviour::new().status(status)).unwrap()
}

/// An entry of 120 requests.
fn load(name: &str, service: &Target) -> Value {
    let action = json!({"type": "load", "target": {"service_url": service.url(), "qps": 200, "duration": "600ms"}});
    json!({"name": name, "trigger": {"type": "immediate"}, "action": action})
}

fn task(place: &TempDir, entries: &[Value]) -> String {
    write(place, "task.json", &json!({"chaos_spec": entries}))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn only_runs_the_entries_of_these_names() {
    let (place, one, two, three) = (place(), Sleeper::start(), Sleeper::start(), Sleeper::start());
    let file = task(&place, &[pause("web", &one), pause("worker", &two), pause("cache", &three)]);
    let names = |told: &Value| -> Vec<String> {
        let entries = told["entries"].as_array().unwrap().iter();
        entries.map(|entry| entry["name"].as_str().unwrap().to_owned()).collect()
    };
    let only = ["run", &file, "--only", "cache", "--only", "web", "--format", "json"];
    let (told, code) = report(&squall(&place, &only));
    assert_eq!((names(&told), code), (vec!["web".to_owned(), "cache".to_owned()], 0));
    let (plan, _) = report(&squall(&place, &["run", &file, "--only", "worker", "--dry-run", "--format", "json"]));
    assert_eq!(names(&plan), ["worker"]);
    let output = squall(&place, &["run", &file, "--only", "wroker"]);
    let err = text(&output.stderr);
    assert_eq!(output.status.code(), Some(64), "{err}");
    let want = "unknown entry `wroker`; did you mean `worker`?; entries of this task: `web`, `worker`, `cache`";
    assert!(err.contains(want), "{err}");
}

#[test]
fn an_entry_that_is_kept_keeps_its_position() {
    let (place, one, two) = (place(), Sleeper::start(), Sleeper::start());
    let file = task(&place, &[pause("web", &one), pause("worker", &two)]);
    let events = place.path().join("events.jsonl");
    squall(&place, &["run", &file, "--only", "worker", "--events", events.to_str().unwrap()]);
    let events = fs::read_to_string(events).unwrap();
    assert!(events.contains("\"/chaos_spec/1\"") && !events.contains("\"/chaos_spec/0\""), "{events}");
}

/// A steady state that is there, but for the second round.
fn lost_in_the_second_round(place: &TempDir, sleeper: &Sleeper) -> String {
    let asked = place.path().join("asked");
    // Asked before and after each round: the fourth answer is a no.
    let script = "echo x >> asked; test $(wc -l < asked) -ne 4";
    let _ = fs::remove_file(asked);
    let probe = json!({"type": "command", "argv": ["sh", "-c", script], "name": "serves"});
    write(place, "task.json", &json!({"chaos_spec": [pause("web", sleeper)], "steady_state": [probe]}))
}

#[test]
fn rounds_are_summed_up_and_the_worst_makes_the_exit_code() {
    let (place, sleeper) = (place(), Sleeper::start());
    let run = |format: &str| {
        let file = lost_in_the_second_round(&place, &sleeper);
        squall(&place, &["run", &file, "--repeat", "3", "--seed", "7", "--allow-command", "sh", "--format", format])
    };
    let (told, code) = report(&run("json"));
    assert_eq!((code, &told["verdict"]), (1, &json!("deviated")), "{told:#}");
    assert_eq!(told["verdicts"], json!({"held": 2, "deviated": 1}));
    assert_eq!(told["seeds"], json!([7, 8, 9]));
    let seeds: Vec<&Value> = told["rounds"].as_array().unwrap().iter().map(|round| &round["seed"]).collect();
    assert_eq!(seeds, [7, 8, 9]);
    let output = run("text");
    let out = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{out}");
    for line in ["round 2 of 3\n", "rounds: 3 of 3 (1 deviated, 2 held)\n", "seeds: 7, 8, 9\n"] {
        assert!(out.contains(line), "{line}: {out}");
    }
    assert!(out.ends_with("verdict: deviated\n"), "{out}");
    let output = run("junit");
    let out = text(&output.stdout);
    assert_eq!((output.status.code(), out.matches("<testsuite ").count()), (Some(1), 3), "{out}");
    assert_eq!(out.matches("<failure").count(), 1, "{out}");
}

#[test]
fn rounds_have_the_spread_of_their_times() {
    let (place, sleeper) = (place(), Sleeper::start());
    let status = format!("/proc/{}/status", sleeper.pid());
    let argv = ["grep", "-q", "State:.T", &status];
    let noticed = json!({"type": "command", "argv": argv, "within_seconds": 5, "name": "alarm"});
    let mut entry = pause("web", &sleeper);
    entry["detect"] = noticed;
    // It is seen only while it is stopped.
    entry["duration_seconds"] = json!(4);
    entry["verify"] = json!("back");
    let checks = json!({"back": {"type": "none", "checks": [{"type": "command", "argv": argv}]}});
    let file = write(&place, "task.json", &json!({"chaos_spec": [entry], "probes": checks}));
    let arguments = ["run", &file, "--repeat", "2", "--allow-command", "grep", "--format", "json"];
    let (told, code) = report(&squall(&place, &arguments));
    assert_eq!(code, 0, "{told:#}");
    for (at, time) in ["time to detect", "time to recover"].iter().enumerate() {
        let spread = &told["times"][at];
        assert_eq!((&spread["time"], &spread["rounds"]), (&json!(time), &json!(2)), "{told:#}");
        let [min, median, max] = ["min", "median", "max"].map(|key| spread[format!("{key}_seconds")].as_f64().unwrap());
        assert!(0.0 < min && min <= median && median <= max, "{spread}");
    }
    let first: Report = serde_json::from_value(told["rounds"][0].clone()).unwrap();
    let second = told["rounds"][1]["seed"].as_u64().unwrap();
    assert_eq!(second, first.seed.wrapping_add(1));
}

#[test]
fn a_signal_ends_the_rounds_that_are_left() {
    let (place, sleeper) = (place(), Sleeper::start());
    let mut entry = pause("web", &sleeper);
    entry["duration_seconds"] = json!(300);
    let file = task(&place, &[entry]);
    let child = command(&place, &["run", &file, "--repeat", "3", "--format", "json"]);
    let child = { child }.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    while !sleeper.is_stopped() {
        std::thread::yield_now();
    }
    assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    let (told, code) = report(&output);
    assert_eq!((code, told["rounds"].as_array().unwrap().len()), (2, 1), "{told:#}");
    assert!(text(&output.stderr).contains("interrupted in round 1"), "{}", text(&output.stderr));
    assert!(!sleeper.is_stopped());
    assert_eq!(journals(&place), 0);
}

#[test]
fn confirm_without_a_terminal_is_refused() {
    let (place, sleeper) = (place(), Sleeper::start());
    let file = task(&place, &[pause("web", &sleeper)]);
    let output = squall(&place, &["run", &file, "--confirm"]);
    let err = text(&output.stderr);
    assert_eq!(output.status.code(), Some(64), "{err}");
    assert!(err.contains("standard input is not one; leave `--confirm` out"), "{err}");
    assert!(!place.path().join("state").exists());
}

#[test]
fn confirm_shows_the_plan_and_runs_after_a_yes_alone() {
    // `script` gives the program a terminal, and passes on what is written to it.
    for (answer, code, ran) in [("y\n", 0, true), ("n\n", 2, false), ("\n", 2, false)] {
        let (place, sleeper) = (place(), Sleeper::start());
        let file = task(&place, &[pause("web", &sleeper)]);
        let program = env!("CARGO_BIN_EXE_squall");
        let line = format!("'{program}' run '{file}' --confirm");
        let mut script = Command::new("script");
        script.args(["-qec", &line, "/dev/null"]).current_dir(&place);
        script.env("XDG_STATE_HOME", place.path().join("state")).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = script.spawn().unwrap();
        let mut input = child.stdin.take().unwrap();
        input.write_all(answer.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        drop(input);
        let out = text(&output.stdout);
        assert_eq!(output.status.code(), Some(code), "{out}");
        assert!(out.contains("web (pause_process after trigger immediate)") && out.contains("would run"), "{out}");
        assert!(out.contains("run it? [y/N]"), "{out}");
        assert_eq!(out.contains("verdict: unchecked"), ran, "{out}");
        assert_eq!(out.contains("not confirmed: nothing was touched"), !ran, "{out}");
    }
}

/// A report of the task, as the file `name`, after a change.
fn baseline(place: &TempDir, file: &str, name: &str, change: impl FnOnce(&mut Report)) -> String {
    let (told, code) = report(&squall(place, &["run", file, "--format", "json"]));
    assert_eq!(code, 0, "{told:#}");
    let mut told: Report = serde_json::from_value(told).unwrap();
    change(&mut told);
    write(place, name, &serde_json::to_value(&told).unwrap())
}

#[test]
fn a_figure_beyond_its_bound_is_red_in_every_form() {
    let (place, service) = (place(), service(200));
    let file = task(&place, &[load("web", &service)]);
    // As if the service had answered in no time.
    let fast = baseline(&place, &file, "fast.json", |told| {
        for row in &mut told.entries[0].load.as_mut().unwrap().ok_response.percentiles {
            row.ms = 0.0001;
        }
    });
    let gated = |format: &str| {
        let bounds = ["--baseline-tolerance", "50%", "--baseline-floor", "0ms"];
        let run = ["run", &file, "--baseline", &fast, "--format", format];
        squall(&place, &[&run[..], &bounds[..]].concat())
    };
    let output = gated("text");
    let out = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{out}");
    assert!(out.contains("fast.json`: deviated\n") && out.contains("`web`: response p99: 0.0 ms -> "), "{out}");
    assert!(out.ends_with("verdict: deviated\n"), "{out}");
    let (told, code) = report(&gated("json"));
    assert_eq!((code, &told["verdict"], &told["baseline"]["verdict"]), (1, &json!("deviated"), &json!("deviated")));
    assert!(told["baseline"]["reasons"][0].as_str().unwrap().contains("response p50"), "{told:#}");
    for (format, want) in [("junit", "<failure"), ("html", "data-exit-code=\"1\"")] {
        let output = gated(format);
        let out = text(&output.stdout);
        assert_eq!(output.status.code(), Some(1), "{out}");
        assert!(out.contains(want) && out.contains("beyond 50 % of tolerance"), "{out}");
    }
}

#[test]
fn a_run_within_its_bounds_passes_and_its_baseline_is_in_the_report() {
    let (place, service) = (place(), service(200));
    let file = task(&place, &[load("web", &service)]);
    let same = baseline(&place, &file, "same.json", |_| {});
    let arguments = ["run", &file, "--baseline", &same, "--baseline-floor", "10s", "--format", "json"];
    let (told, code) = report(&squall(&place, &arguments));
    assert_eq!((code, &told["baseline"]["verdict"]), (0, &json!("held")), "{told:#}");
    assert_eq!(told["baseline"]["bounds"], json!({"tolerance_percent": 20.0, "floor_ms": 10000.0}));
}

#[test]
fn failing_fast_is_no_improvement() {
    let (place, service) = (place(), service(200));
    let file = task(&place, &[load("web", &service)]);
    let slow = baseline(&place, &file, "slow.json", |told| {
        for row in &mut told.entries[0].load.as_mut().unwrap().ok_response.percentiles {
            row.ms = 1000.0;
        }
    });
    service.set_status(500);
    let output = squall(&place, &["run", &file, "--baseline", &slow]);
    let out = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{out}");
    assert!(out.contains("`web`: failed requests: 0.00 % -> 100.00 %"), "{out}");
}

#[test]
fn a_baseline_with_nothing_to_compare_shows_nothing() {
    let (place, sleeper, service) = (place(), Sleeper::start(), service(200));
    let other = task(&place, &[load("other", &service)]);
    let other = baseline(&place, &other, "other.json", |_| {});
    let file = task(&place, &[pause("web", &sleeper)]);
    let output = squall(&place, &["run", &file, "--baseline", &other]);
    let out = text(&output.stdout);
    assert_eq!(output.status.code(), Some(2), "{out}");
    assert!(out.contains("nothing to compare") && out.ends_with("verdict: inconclusive\n"), "{out}");
}

#[test]
fn diff_shows_verdicts_and_figures_in_both_forms() {
    let (place, service) = (place(), service(200));
    let file = task(&place, &[load("web", &service)]);
    let before = baseline(&place, &file, "before.json", |told| {
        let web = &mut told.entries[0];
        web.time_to_detect_seconds = Some(1.0);
        web.load.as_mut().unwrap().ok_response.percentiles.iter_mut().for_each(|row| row.ms = 10.0);
    });
    let after = baseline(&place, &file, "after.json", |told| {
        told.verdict = chaos_core::Verdict::Deviated;
        let web = &mut told.entries[0];
        web.verdict = told.verdict;
        web.time_to_detect_seconds = Some(2.5);
        web.load.as_mut().unwrap().ok_response.percentiles.iter_mut().for_each(|row| row.ms = 15.0);
    });
    let output = squall(&place, &["diff", &before, &after]);
    let lines = [
        "web: unchecked -> deviated",
        "  time to detect   1.000 s -> 2.500 s (+150.0 %)",
        "  response p50     10.0 ms -> 15.0 ms (+50.0 %)",
        "  response p75     10.0 ms -> 15.0 ms (+50.0 %)",
        "  response p90     10.0 ms -> 15.0 ms (+50.0 %)",
        "  response p99     10.0 ms -> 15.0 ms (+50.0 %)",
        "  failed requests  0.00 % (unchanged)",
        "verdict: unchecked -> deviated",
    ];
    assert_eq!((text(&output.stdout), output.status.code()), (lines.join("\n") + "\n", Some(0)));
    let (told, code) = report(&squall(&place, &["diff", &before, &after, "--format", "json"]));
    assert_eq!((code, &told["entries"][0]["figures"][0]["after"]), (0, &json!(2.5)), "{told:#}");
}

#[test]
fn what_is_no_report_is_refused_before_anything_runs() {
    let (place, sleeper) = (place(), Sleeper::start());
    let file = task(&place, &[pause("web", &sleeper)]);
    let newer = write(&place, "newer.json", &json!({"format": 99}));
    let empty = write(&place, "empty.json", &json!({}));
    let (rounds, _) = report(&squall(&place, &["run", &file, "--repeat", "2", "--format", "json"]));
    let rounds = write(&place, "rounds.json", &rounds);
    fs::remove_dir_all(place.path().join("state")).unwrap();
    let rows = [
        (&file, "missing field `format`"),
        (&empty, "missing field `format`"),
        (&newer, "unknown format 99"),
        (&rounds, "holds 2 rounds, not one run"),
        (&"absent.json".to_owned(), "`absent.json` cannot be read"),
    ];
    for (wrong, want) in rows {
        for arguments in [["run", &file, "--baseline", wrong].as_slice(), &["diff", wrong, wrong]] {
            let output = squall(&place, arguments);
            let err = text(&output.stderr);
            assert_eq!(output.status.code(), Some(64), "{err}");
            assert!(err.contains(want), "{wrong}: {err}");
        }
    }
    assert!(!place.path().join("state").exists());
}

/// The script of the action's last step, run as the action runs it.
fn action(place: &TempDir, command: &str, files: &str, arguments: &str) -> std::process::Output {
    let action = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../action.yml")).unwrap();
    let action: Value = chaos_schema::read_value(&action, "action.yml").unwrap();
    let steps = action["runs"]["steps"].as_array().unwrap();
    let script = steps.last().unwrap()["run"].as_str().unwrap();
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_squall")).parent().unwrap().display().to_string();
    let mut bash = Command::new("bash");
    bash.args(["--noprofile", "--norc", "-eo", "pipefail", "-c", script]).current_dir(place).stdin(Stdio::null());
    bash.env("PATH", format!("{program}:{}", std::env::var("PATH").unwrap()));
    bash.env("XDG_STATE_HOME", place.path().join("state"));
    let inputs = [("COMMAND", command), ("FILES", files), ("ARGUMENTS", arguments), ("JUNIT", "reports")];
    bash.envs(inputs.map(|(name, value)| (format!("SQUALL_{name}"), value)));
    bash.output().unwrap()
}

#[test]
fn the_action_validates_and_runs_every_file() {
    let (place, sleeper) = (place(), Sleeper::start());
    let mut entry = pause("web", &sleeper);
    entry["action"]["pid"] = json!("{{PID}}");
    write(&place, "a b.json", &json!({"chaos_spec": [entry]}));
    write(&place, "none.json", &json!({"chaos_spec": [{"trigger": {"type": "tme"}}]}));
    let pid = format!("--var=PID={}", sleeper.pid());
    let rows = [
        ("validate", "a b.json", 0),
        ("validate", "a b.json\nnone.json", 65),
        ("run", "a b.json", 0),
        ("run", "none.json\n\na b.json\n", 65),
        ("delete", "a b.json", 64),
    ];
    for (command, files, code) in rows {
        let output = action(&place, command, files, &pid);
        let told = text(&output.stdout) + &text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{command} {files}: {told}");
    }
    assert!(fs::read_to_string(place.path().join("reports/1.xml")).unwrap().contains("<error"));
    assert!(fs::read_to_string(place.path().join("reports/2.xml")).unwrap().contains("testcase name=\"web\""));
}

#[test]
fn hook_and_editor_settings_name_what_is_there() {
    let root = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let hooks = fs::read_to_string(root.join(".pre-commit-hooks.yaml")).unwrap();
    let hooks: Value = chaos_schema::read_value(&hooks, "hooks").unwrap();
    for key in ["id", "name", "entry", "language", "files"] {
        assert!(hooks[0][key].is_string(), "{key}");
    }
    let place = place();
    let sample = root.join("examples/editor/worker.chaos.yaml");
    let mut entry: Vec<&str> = hooks[0]["entry"].as_str().unwrap().split(' ').skip(1).collect();
    entry.extend([sample.to_str().unwrap(), "--var", "PID=1"]);
    let output = squall(&place, &entry);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
    let settings = fs::read_to_string(root.join("examples/editor/.vscode/settings.json")).unwrap();
    let settings: Value = serde_json::from_str(&settings).unwrap();
    let of_yaml = settings["yaml.schemas"].as_object().unwrap().keys().map(String::as_str);
    let of_json = settings["json.schemas"].as_array().unwrap().iter().map(|row| row["url"].as_str().unwrap());
    let sample = fs::read_to_string(&sample).unwrap();
    let modeline = sample.lines().next().unwrap().split_once("$schema=").unwrap().1;
    for schema in of_yaml.chain(of_json).chain([modeline]) {
        let schema = fs::read_to_string(root.join("examples/editor").join(schema)).unwrap();
        assert!(serde_json::from_str::<Value>(&schema).unwrap()["$schema"].is_string());
    }
}
