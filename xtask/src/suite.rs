//! `cargo xtask test`: installs what the tests need, runs them, and says what was skipped and why.

use std::env;
use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::process::{Child, ExitCode, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use crate::error::TaskError;
use crate::needs::{self, Tools};
use crate::process;
use crate::tally::Tally;
use crate::workspace;

/// Runs the tests of the packages named in `arguments`, or of the whole workspace.
pub(crate) fn run(arguments: &[&str]) -> Result<ExitCode, TaskError> {
    let (ours, theirs) = split(arguments);
    let packages = packages(ours);
    let tools = needs::install(&packages);
    let mut cargo = process::cargo();
    cargo.arg("test").arg("--no-fail-fast").current_dir(workspace::root());
    if packages.is_empty() && !ours.contains(&"--workspace") {
        cargo.arg("--workspace");
    }
    // A test that needs a feature is left out by cargo without a word where that feature is off.
    if !names_features(ours) {
        cargo.arg("--all-features");
    }
    // Without `--show-output` the harness swallows the lines by which tests say that they were skipped.
    cargo.args(ours).args(["--", "--show-output"]).args(theirs);
    cargo.env("SQUALL_NODE_MODULES", &tools.node_modules).env("PATH", path(&tools));

    let program = cargo.get_program().to_string_lossy().into_owned();
    let mut cargo = process::heeding_signals(cargo);
    let mut child = cargo.stdout(Stdio::piped()).spawn().map_err(|source| TaskError::Start { program, source })?;
    let mut tally = Tally::default();
    let ended = |source| TaskError::Start { program: "cargo".into(), source };
    let (status, left) = match child.stdout.take() {
        Some(output) => followed(&mut child, &lines(output), LEFT_OPEN, &mut tally).map_err(ended)?,
        None => (child.wait().map_err(ended)?, false),
    };
    println!("\n{}", tally.summary());
    if left {
        println!("a test has left a process behind that still holds the output; `ps` names it");
    }
    if !status.success() && tally.failed == 0 {
        println!("cargo ended with {status} before every test had run");
    }
    let code = status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(101);
    Ok(ExitCode::from(if left { code.max(1) } else { code }))
}

/// How long the output may stay open when cargo has ended.
const LEFT_OPEN: Duration = Duration::from_secs(10);
/// How often a silent cargo is looked at.
const LOOK: Duration = Duration::from_millis(200);

/// The lines of an output, as they come.
fn lines(from: impl Read + Send + 'static) -> Receiver<Vec<u8>> {
    let (told, lines) = channel();
    thread::spawn(move || {
        let all = BufReader::new(from).split(b'\n').map_while(Result::ok);
        // Nobody listens any more once what holds the output open is given up.
        let _ = all.map(|line| told.send(line)).take_while(Result::is_ok).count();
    });
    lines
}

/// Shows and counts the lines until cargo has ended and its output too; how it ended, and whether its output did not.
fn followed(
    child: &mut Child,
    lines: &Receiver<Vec<u8>>,
    patience: Duration,
    tally: &mut Tally,
) -> io::Result<(ExitStatus, bool)> {
    let mut ended = None;
    loop {
        match lines.recv_timeout(LOOK) {
            Ok(line) => show(&line, tally),
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {
                if ended.is_none() {
                    ended = child.try_wait()?.map(|status| (status, Instant::now()));
                }
                if let Some((status, at)) = ended
                    && at.elapsed() > patience
                {
                    return Ok((status, true));
                }
            }
        }
    }
    Ok((child.wait()?, false))
}

/// What stands before and behind the first `--`.
fn split<'a>(arguments: &'a [&'a str]) -> (&'a [&'a str], &'a [&'a str]) {
    match arguments.iter().position(|argument| *argument == "--") {
        Some(at) => (&arguments[..at], &arguments[at + 1..]),
        None => (arguments, &[]),
    }
}

/// Whether the caller chose features.
fn names_features(arguments: &[&str]) -> bool {
    let own = ["--features", "--all-features", "--no-default-features", "-F"];
    arguments.iter().any(|argument| own.iter().any(|flag| argument.starts_with(flag)))
}

/// The packages that `-p` and `--package` name.
fn packages<'a>(arguments: &[&'a str]) -> Vec<&'a str> {
    let mut named = Vec::new();
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match *argument {
            "-p" | "--package" => named.extend(rest.next().copied()),
            other => {
                let glued = other.strip_prefix("--package=");
                let short = other.strip_prefix("-p").filter(|_| !other.starts_with("--"));
                named.extend(glued.or(short));
            }
        }
    }
    named
}

/// Our pinned tools first, and the folder of Python's programs last, so that its `python3` shadows nobody's.
fn path(tools: &Tools) -> OsString {
    let old = env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(tools.go_bin.clone()).chain(env::split_paths(&old));
    env::join_paths(folders.chain([tools.python_bin.clone()])).unwrap_or(old)
}

fn show(line: &[u8], tally: &mut Tally) {
    let line = String::from_utf8_lossy(line);
    if tally.line(&line) {
        // A reader that has gone away must not stop the tests.
        let _ = writeln!(std::io::stdout(), "{line}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_found_in_every_spelling() {
        let rows: [(&[&str], &[&str]); 4] = [
            (&["-p", "a", "--package", "b"], &["a", "b"]),
            (&["-pa", "--package=b", "--lib"], &["a", "b"]),
            (&["--release"], &[]),
            (&["-p"], &[]),
        ];
        for (arguments, want) in rows {
            assert_eq!(packages(arguments), want, "{arguments:?}");
        }
    }

    #[test]
    fn features_are_the_callers_where_they_are_named() {
        for own in ["--features=tls", "-Ftls", "--no-default-features", "--all-features"] {
            assert!(names_features(&["-p", "chaos-load", own]), "{own}");
        }
        assert!(!names_features(&["-p", "chaos-load"]));
    }

    #[test]
    fn arguments_of_the_harness_stand_behind_the_dashes() {
        assert_eq!(split(&["-p", "a", "--", "name", "--", "x"]), (&["-p", "a"][..], &["name", "--", "x"][..]));
        assert_eq!(split(&["name"]), (&["name"][..], &[][..]));
    }

    #[test]
    fn an_output_that_a_process_holds_open_is_given_up_and_told() {
        // It ends by itself, long after it was given up.
        for (script, left) in [("echo one; sleep 5 &", true), ("echo one", false)] {
            let mut child =
                std::process::Command::new("sh").args(["-c", script]).stdout(Stdio::piped()).spawn().unwrap();
            let output = lines(child.stdout.take().unwrap());
            let patience = Duration::from_millis(1);
            let (status, was_left) = followed(&mut child, &output, patience, &mut Tally::default()).unwrap();
            assert!(status.success());
            assert_eq!(was_left, left, "{script}");
        }
    }
}
