//! The command line as a shell sees it: exit codes, streams, what needs no runner.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::process::{Command, Output, Stdio};

use serde_json::Value;

fn squall(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_squall")).args(arguments).stdin(Stdio::null()).output().unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn wrong_usage_is_64_and_says_what_would_be_right() {
    let rows: [(&[&str], &str); 6] = [
        (&[], "Usage: squall"),
        (&["vaildate", "x"], "similar subcommand exists: 'validate'"),
        (&["run"], "<FILE>"),
        (&["explain", "pause_proces"], "pause_process"),
        (&["run", "f", "--max-qps", "NaN"], "expected a number above 0"),
        (&["run", "/no/such/file.yaml"], "`/no/such/file.yaml` cannot be read"),
    ];
    for (arguments, want) in rows {
        let output = squall(arguments);
        assert_eq!(output.status.code(), Some(64), "{arguments:?}");
        assert!(err(&output).contains(want), "{arguments:?}: {}", err(&output));
        assert_eq!(out(&output), "", "{arguments:?}");
    }
}

#[test]
fn help_and_version_are_not_failures() {
    for arguments in [&["--help"][..], &["--version"], &["help", "inject"], &["run", "-h"]] {
        let output = squall(arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        assert!(out(&output).contains("squall"), "{arguments:?}");
    }
}

#[cfg(feature = "load")]
#[test]
fn help_on_fortio_shows_its_flags_on_standard_output() {
    for word in ["--help", "-h", "help"] {
        let output = squall(&["fortio", word]);
        assert_eq!(output.status.code(), Some(0), "{word}");
        assert!(out(&output).contains("-qps F") && err(&output).is_empty(), "{word}: {}", out(&output));
    }
}

#[test]
fn colours_are_shown_where_they_are_asked_for() {
    /// Arguments, a variable of the environment, and whether colours are shown.
    type Row<'a> = (&'a [&'a str], Option<(&'a str, &'a str)>, bool);
    let rows: [Row<'_>; 5] = [
        (&["list"], None, false),
        (&["list", "--color", "always"], None, true),
        (&["--color", "always", "list"], Some(("NO_COLOR", "1")), true),
        (&["list"], Some(("FORCE_COLOR", "1")), true),
        (&["list", "--color=never"], Some(("FORCE_COLOR", "1")), false),
    ];
    for (arguments, variable, want) in rows {
        let mut command = Command::new(env!("CARGO_BIN_EXE_squall"));
        for name in ["NO_COLOR", "FORCE_COLOR", "CLICOLOR", "CLICOLOR_FORCE"] {
            command.env_remove(name);
        }
        let output = command.args(arguments).envs(variable).output().unwrap();
        assert_eq!(out(&output).contains("\x1b["), want, "{arguments:?} {variable:?}");
    }
}

#[test]
fn every_plug_in_is_listed_with_its_summary_in_both_forms() {
    let text = out(&squall(&["list"]));
    let list: Vec<Value> = serde_json::from_str(&out(&squall(&["list", "--format", "json"]))).unwrap();
    assert!(list.iter().any(|plug_in| plug_in["type"] == "pause_process"), "{list:?}");
    for plug_in in &list {
        let (name, summary) = (plug_in["type"].as_str().unwrap(), plug_in["summary"].as_str().unwrap());
        // A probe and a step may have one name.
        let mut lines = text.lines().filter(|line| line.trim_start().starts_with(&format!("{name} ")));
        assert!(lines.any(|line| line.ends_with(summary)), "{name}: {text}");
        assert!(summary.ends_with('.'), "{name}: `{summary}` is not a sentence");
    }
}

#[test]
fn a_list_of_one_kind_holds_that_kind_only() {
    for kind in ["faults", "triggers", "probes"] {
        let list: Vec<Value> = serde_json::from_str(&out(&squall(&["list", kind, "--format", "json"]))).unwrap();
        assert!(!list.is_empty(), "{kind}");
        assert!(list.iter().all(|plug_in| kind.starts_with(plug_in["kind"].as_str().unwrap())), "{kind}: {list:?}");
    }
}

#[test]
fn an_explanation_names_the_parameters_and_the_way_back() {
    let page = out(&squall(&["explain", "pause_process"]));
    for part in ["# pause_process", "## How it is undone", "## Parameters", "| `pid` |", "```yaml"] {
        assert!(page.contains(part), "{part}: {page}");
    }
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_squall"));
    let mut child = child.args(["completions", "bash"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), err(&output).as_str()), (Some(0), ""));
}

#[test]
fn output_that_can_not_be_written_is_a_failure() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_squall")).arg("list").stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(70));
    assert!(err(&output).contains("standard output cannot be written"), "{}", err(&output));
}

#[test]
fn completions_hold_the_commands_and_the_types() {
    for shell in ["bash", "zsh", "fish"] {
        let script = out(&squall(&["completions", shell]));
        for word in ["validate", "inject", "allow-host", "pause_process"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
}

#[test]
fn fish_completes_the_types_where_a_type_is_wanted() {
    let script = out(&squall(&["completions", "fish"]));
    let offers = |command: &str, value: &str| {
        let (start, end) = (format!("__fish_squall_using_subcommand {command};"), format!("-a \"{value}\""));
        script.lines().any(|line| line.contains(&start) && line.contains(&end))
    };
    assert!(offers("inject", "pause_process") && offers("explain", "pause_process") && offers("explain", "time"));
    assert!(offers("list", "triggers") && !offers("inject", "time"));
    // What a policy flag may name is offered, and other names are taken.
    let flag = script.split("-l allow-fault").nth(1).unwrap();
    assert!(flag[..flag.find("complete -c").unwrap()].contains("pause_process"), "{flag}");
}

#[test]
fn recover_without_a_state_directory_says_so() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_squall"));
    let output = command.arg("recover").env_remove("HOME").env_remove("XDG_STATE_HOME").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(err(&output).contains("set `XDG_STATE_HOME` or `HOME`"), "{}", err(&output));
}

#[test]
fn recover_with_nothing_left_behind_is_0() {
    let temp = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_squall"));
    let output = command.args(["recover", "--format", "json"]).env("XDG_STATE_HOME", temp.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    let report: Value = serde_json::from_str(&out(&output)).unwrap();
    assert_eq!((&report["undone"], &report["live"]), (&Value::Array(vec![]), &0.into()));
}
