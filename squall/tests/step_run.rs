//! `squall step-run`: one task of somebody else's workflow.

#![cfg(feature = "full")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Output, Stdio};

use tempfile::TempDir;

#[path = "support/ignored.rs"]
mod ignored;
#[path = "support/shell.rs"]
#[expect(dead_code, reason = "other tests read reports")]
mod shell;
#[path = "support/signalled.rs"]
mod signalled;

use ignored::is_ignored;
use shell::{command, place, squall};
use signalled::{code, signal, until};

/// Runs a script as a step.
fn step(place: &TempDir, flags: &[&str], script: &str) -> Output {
    squall(place, &[&["step-run"], flags, &["--", "sh", "-c", script]].concat())
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn read(place: &TempDir, name: &str) -> String {
    fs::read_to_string(place.path().join(name)).unwrap_or_default()
}

/// An abort command that writes down what it is told, one line each time.
fn telling(place: &TempDir, ends: &str) -> String {
    let script = place.path().join("abort.sh");
    let told = r#"echo "$SQUALL_STEP_NAME|$SQUALL_STEP_OUTCOME|$SQUALL_STEP_REASON|$SQUALL_STEP_DETAIL" >> aborted"#;
    fs::write(&script, format!("{told}\n{ends}\n")).unwrap();
    format!("sh '{}'", script.display())
}

fn is_over(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    stat.is_empty() || stat.contains(") Z ") || stat.contains(") X ")
}

#[test]
fn the_end_of_a_command_is_classified_and_only_a_failure_aborts() {
    let rows = [
        ("echo out; echo err >&2", 0, None),
        ("exit 1", 1, Some("sh|task_fail||`sh` exited with 1\n")),
        ("exit 2", 2, Some("sh|infra_fail||`sh` exited with 2\n")),
        ("exit 77", 1, Some("sh|task_fail||`sh` exited with 77\n")),
        ("exit 137", 1, Some("sh|task_fail||`sh` exited with 137, as after signal 9\n")),
        ("kill -9 $$", 1, Some("sh|task_fail||`sh` was ended: signal: 9 (SIGKILL)\n")),
        (
            "echo task-fail > $SQUALL_EXIT_REASON",
            1,
            Some("sh|task_fail|task-fail|`sh` exited with 0; exit reason `task_fail`\n"),
        ),
        (
            "echo infra_fail > $SQUALL_EXIT_REASON; exit 1",
            2,
            Some("sh|infra_fail|infra_fail|`sh` exited with 1; exit reason `infra_fail`\n"),
        ),
        ("echo pass > $SQUALL_EXIT_REASON; exit 1", 1, Some("sh|task_fail|pass|`sh` exited with 1\n")),
        (
            "echo fine > $SQUALL_EXIT_REASON",
            2,
            Some(
                "sh|infra_fail|fine|`sh` exited with 0; unknown exit reason: expected `pass`, `task_fail` or `infra_fail`\n",
            ),
        ),
    ];
    for (script, want, aborted) in rows {
        let place = place();
        let output = step(&place, &["--abort", &telling(&place, "")], script);
        assert_eq!(output.status.code(), Some(want), "{script}: {}", err(&output));
        assert_eq!(read(&place, "aborted"), aborted.unwrap_or_default(), "{script}");
        if want == 0 {
            assert_eq!(
                (&*output.stdout, &*output.stderr),
                (&b"out\n"[..], &b"err\n"[..]),
                "what it prints, and no more"
            );
        }
    }
}

#[test]
fn a_missing_program_and_a_missing_reason_are_no_pass() {
    let place = place();
    let abort = telling(&place, "");
    let missing = squall(&place, &["step-run", "--name", "keygen", "--abort", &abort, "--", "/nowhere/at/all", "-x"]);
    assert_eq!(missing.status.code(), Some(2), "{}", err(&missing));
    assert!(
        err(&missing).contains("step `keygen`: infra_fail: `/nowhere/at/all` can't be started"),
        "{}",
        err(&missing)
    );
    assert!(read(&place, "aborted").starts_with("keygen|infra_fail||`/nowhere/at/all` can't be started: "));
    for (script, want) in
        [("exit 0", 2), ("exit 1", 1), ("echo pass > $SQUALL_EXIT_REASON", 0), ("> $SQUALL_EXIT_REASON", 2)]
    {
        let output = step(&place, &["--require-reason"], script);
        assert_eq!(output.status.code(), Some(want), "{script}: {}", err(&output));
    }
    for wrong in
        [&["step-run"][..], &["step-run", "--abort", "", "--", "true"], &["step-run", "--unless-failed", "--", "true"]]
    {
        assert_eq!(squall(&place, wrong).status.code(), Some(64), "{wrong:?}");
    }
}

#[test]
fn the_abort_commands_own_end_changes_nothing_and_is_told() {
    let place = place();
    let abort = telling(&place, "exit 7");
    let rows = [(&*abort, "failed: exit status: 7"), ("/nowhere/at/all", "can't be started")];
    for (abort, told) in rows {
        let output = step(&place, &["--abort", abort], "exit 1");
        assert_eq!(output.status.code(), Some(1), "{abort}");
        assert!(err(&output).contains(told), "{abort}: {}", err(&output));
    }
    // No shell takes part.
    step(&place, &["--abort", &format!("{abort} && touch made")], "exit 1");
    assert_eq!((read(&place, "aborted").lines().count(), place.path().join("made").exists()), (2, false), "once each");
    // One that hangs is ended.
    telling(&place, "sleep 600");
    let output = step(&place, &["--abort", "sh abort.sh", "--abort-deadline", "200ms"], "exit 2");
    assert_eq!(output.status.code(), Some(2));
    assert!(err(&output).contains("the abort command `sh` did not end within 0.2 s"), "{}", err(&output));
}

/// A tree of three that heeds no SIGTERM: a child in its group, and one in a session of its own; their pids in a file.
const TREE: &str = "trap '' TERM; sleep 600 & echo $! > pids.new; setsid sh -c 'echo $$ >> pids.new; mv pids.new pids; exec sleep 600'";

#[test]
fn a_deadline_ends_the_whole_tree_and_is_a_time_out() {
    let place = place();
    let abort = telling(
        &place,
        "for pid in $(cat pids); do kill -0 $pid 2>/dev/null && ! grep -q ') [ZX]' /proc/$pid/stat && echo alive >> aborted; done; true",
    );
    let output = step(&place, &["--deadline", "6s", "--grace", "100ms", "--abort", &abort], TREE);
    assert_eq!(output.status.code(), Some(1), "{}", err(&output));
    let pids = read(&place, "pids");
    assert_eq!(pids.lines().count(), 2, "{pids}");
    assert_eq!(
        read(&place, "aborted"),
        "sh|timed_out||`sh` did not end within 6 s\n",
        "nothing lives when it is aborted"
    );
    pids.lines().for_each(|pid| until("the tree is over", || is_over(pid)));
    // One that heeds SIGTERM has the grace to say why; that it then ends with 0 does not count.
    let output = step(&place, &["--deadline", "4s"], "trap 'echo bye; exit 0' TERM; sleep 600 & wait");
    assert_eq!((output.status.code(), &*output.stdout), (Some(1), &b"bye\n"[..]), "{}", err(&output));
}

#[test]
fn a_signal_ends_the_tree_runs_the_abort_command_and_is_no_verdict() {
    for name in ["TERM", "INT"] {
        if is_ignored(name) {
            continue;
        }
        let place = place();
        let abort = telling(&place, "");
        let mut squall = command(&place, &["step-run", "--grace", "100ms", "--abort", &abort, "--", "sh", "-c", TREE]);
        let mut child = squall.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        until("the tree", || !read(&place, "pids").is_empty());
        signal(child.id(), name);
        assert_eq!(code(&mut child), Some(2), "{name}");
        assert_eq!(read(&place, "aborted"), format!("sh|infra_fail||interrupted: SIG{name}\n"));
        read(&place, "pids").lines().for_each(|pid| until("the tree is over", || is_over(pid)));
    }
}

#[test]
fn streams_pass_through_while_it_runs() {
    let place = place();
    let mut squall = command(&place, &["step-run", "--", "sh", "-c", "echo ready; read line; echo got $line"]);
    let mut child = squall.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "ready");
    child.stdin.take().unwrap().write_all(b"it\n").unwrap();
    assert_eq!(lines.next().unwrap().unwrap(), "got it");
    assert_eq!(code(&mut child), Some(0));
}

/// The march-on of a foreign `Serial`: each step starts whatever the one before it did.
#[test]
fn the_first_failure_sticks_in_a_file_that_steps_share() {
    let place = place();
    let shared = |flags: &[&str], script: &str| step(&place, &[&["--reason-file", "reason"], flags].concat(), script);
    let codes = [
        shared(&[], "touch 1"),
        shared(&[], "echo task-fail > $SQUALL_EXIT_REASON; exit 1"),
        // It writes over it, as a program does that knows the file by itself.
        shared(&[], "touch 3; printf pass > reason"),
        shared(&["--unless-failed"], "touch 4"),
        shared(&[], "touch 5; exit 2"),
    ]
    .map(|output| output.status.code().unwrap());
    assert_eq!(codes, [0, 1, 0, 1, 2]);
    assert_eq!(read(&place, "reason"), "task_fail\n");
    let started = ["1", "3", "4", "5"].map(|name| place.path().join(name).exists());
    assert_eq!(started, [true, true, false, true], "the fourth asked not to be started");

    // What a program writes there by itself counts as its reason, and a file that can't be used is an infra_fail.
    fs::remove_file(place.path().join("reason")).unwrap();
    assert_eq!(shared(&[], "printf task-fail > reason").status.code(), Some(1));
    assert_eq!(read(&place, "reason"), "task-fail");
    let lost = step(&place, &["--reason-file", "no/such/folder/reason"], "touch started");
    assert_eq!(lost.status.code(), Some(2), "{}", err(&lost));
    assert!(!place.path().join("started").exists());
    let gone = step(&place, &["--reason-file", "gone"], "rm gone; mkdir gone");
    assert_eq!(gone.status.code(), Some(2), "{}", err(&gone));
    assert!(Path::new(&place.path().join("gone")).is_dir());
}
