//! The programs that hold the tests: built by cargo and run, most of them side by side, since they wait most of the time.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::error::TaskError;
use crate::process;
use crate::tally::Tally;
use crate::workspace::text;

/// How long the output of a program may stay open when it has ended.
const LEFT_OPEN: Duration = Duration::from_secs(10);
/// How often a silent program is looked at.
const LOOK: Duration = Duration::from_millis(200);
/// How often it is said what is under way, while nothing ends.
const SAID: Duration = Duration::from_mins(1);
/// So many lines, and characters of a line, are said again of a program that failed.
const WHY: usize = 60;
const WIDTH: usize = 1_000;
/// What the test harness says of a test that takes long.
const SLOW: &str = " has been running for over ";

/// A program with tests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Program {
    /// What cargo would run it by: `-p chaos-rig --test model`.
    pub(crate) name: String,
    file: PathBuf,
    manifest: PathBuf,
}

impl Program {
    /// The one that a message of cargo tells of; `None` for what holds no tests.
    fn of(message: &Value) -> Option<Self> {
        if message["reason"] != "compiler-artifact" || message["profile"]["test"] != true {
            return None;
        }
        let file = PathBuf::from(message["executable"].as_str()?);
        let manifest = PathBuf::from(text(message, "manifest_path"));
        // `path+file:///work/agent#chaos-agent@0.1.0`, and `path+file:///work/squall#0.1.0` where the folder is called as the package is.
        let (folder, package) = text(message, "package_id").rsplit_once('#')?;
        let package = match package.split_once('@') {
            Some((package, _)) => package,
            None => folder.rsplit('/').next().unwrap_or_default(),
        };
        let target = text(&message["target"], "name");
        let target = match message["target"]["kind"][0].as_str() {
            Some(kind @ ("test" | "bin" | "example" | "bench")) => format!("--{kind} {target}"),
            _ => "--lib".to_owned(),
        };
        Some(Self { name: format!("-p {package} {target}"), file, manifest })
    }

    /// Whether it holds the tests of a library, whose documentation may have tests too.
    pub(crate) fn is_of_a_library(&self) -> bool {
        self.name.ends_with(" --lib")
    }

    /// The command that runs its tests where cargo would run them.
    fn command(&self) -> Command {
        let folder = self.manifest.parent().unwrap_or(Path::new("."));
        let mut command = Command::new(&self.file);
        command.current_dir(folder).env("CARGO_MANIFEST_DIR", folder).env("CARGO_MANIFEST_PATH", &self.manifest);
        command
    }
}

/// Builds them by a `cargo test`, which shows what the compiler says; fails where one does not compile.
pub(crate) fn build(cargo: &mut Command) -> Result<Vec<Program>, TaskError> {
    cargo.args(["--no-run", "--message-format=json-render-diagnostics"]).stdout(Stdio::piped());
    let said = cargo.spawn().and_then(Child::wait_with_output).map_err(TaskError::start("cargo"))?;
    if !said.status.success() {
        return Err(TaskError::Failed { command: "cargo test".into(), how: "could not build the tests".into() });
    }
    let messages =
        said.stdout.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice::<Value>(line).ok());
    Ok(messages.filter_map(|message| Program::of(&message)).collect())
}

/// How a program has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// What is worth showing of its output, in order.
    lines: Vec<String>,
    tally: Tally,
    is_good: bool,
    /// Whether it left a process behind that still holds the output.
    has_left: bool,
}

/// What a run of all came to.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// The counts of all.
    pub(crate) tally: Tally,
    /// Those that failed.
    pub(crate) failed: Vec<Failed>,
    /// Those that left a process behind that still holds the output.
    pub(crate) left: Vec<String>,
}

/// A program of which a test failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failed {
    pub(crate) name: String,
    /// What it said of that.
    pub(crate) why: Vec<String>,
}

/// The lines that tell why a program failed: a test harness repeats them at its end.
fn why(lines: &[String]) -> Vec<String> {
    let first = |part: &str| lines.iter().position(|line| line.contains(part));
    let start = first("failures:").or_else(|| first("panicked at")).unwrap_or(lines.len().saturating_sub(WHY));
    let cut = |line: &String| line.chars().take(WIDTH).collect();
    lines[start..].iter().take(WHY).map(cut).collect()
}

enum Told {
    Started(usize),
    Line(String),
    Ended(usize, io::Result<Ended>),
}

/// Runs them, so many at a time, and shows the output of each when it has ended; `prepared` is told each command before.
pub(crate) fn run(
    programs: &[Program],
    at_once: usize,
    prepared: impl Fn(Command) -> Command + Sync,
    out: &mut dyn Write,
) -> Outcome {
    let waiting: Mutex<VecDeque<usize>> = Mutex::new((0..programs.len()).collect());
    let (tell, told) = channel();
    thread::scope(|scope| {
        for _ in 0..at_once.max(1) {
            let (tell, waiting, prepared) = (tell.clone(), &waiting, &prepared);
            scope.spawn(move || {
                let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
                while let Some(index) = next() {
                    // Nobody listens only when the whole run is over.
                    let _ = tell.send(Told::Started(index));
                    let ended = one(prepared(programs[index].command()), &tell);
                    let _ = tell.send(Told::Ended(index, ended));
                }
            });
        }
        drop(tell);
        shown(programs, &told, out)
    })
}

/// Shows what comes until all have ended.
fn shown(programs: &[Program], told: &Receiver<Told>, out: &mut dyn Write) -> Outcome {
    let (mut outcome, mut under_way) = (Outcome::default(), BTreeMap::new());
    loop {
        match told.recv_timeout(SAID) {
            Ok(Told::Started(index)) => drop(under_way.insert(index, Instant::now())),
            Ok(Told::Line(line)) => show(out, &line),
            Ok(Told::Ended(index, ended)) => {
                let took = under_way.remove(&index).unwrap_or_else(Instant::now).elapsed();
                outcome.take(&programs[index].name, took, ended, out);
            }
            Err(RecvTimeoutError::Timeout) => {
                for (index, since) in &under_way {
                    show(out, &format!("after {} s: {}", since.elapsed().as_secs(), programs[*index].name));
                }
            }
            Err(RecvTimeoutError::Disconnected) => return outcome,
        }
    }
}

impl Outcome {
    /// Adds another one.
    pub(crate) fn add(&mut self, other: Self) {
        self.tally.add(other.tally);
        self.failed.extend(other.failed);
        self.left.extend(other.left);
    }

    fn take(&mut self, name: &str, took: Duration, ended: io::Result<Ended>, out: &mut dyn Write) {
        show(out, &format!("\n     Running {name}: {:.1} s", took.as_secs_f64()));
        match ended {
            Ok(ended) => {
                ended.lines.iter().for_each(|line| show(out, line));
                self.tally.add(ended.tally);
                if ended.has_left {
                    self.left.push(name.to_owned());
                }
                if !ended.is_good {
                    self.failed.push(Failed { name: name.to_owned(), why: why(&ended.lines) });
                }
            }
            Err(error) => {
                let why = format!("it could not be run: {error}");
                show(out, &why);
                self.failed.push(Failed { name: name.to_owned(), why: vec![why] });
            }
        }
    }
}

/// A reader that has gone away must not stop the tests.
fn show(out: &mut dyn Write, line: &str) {
    let _ = writeln!(out, "{line}");
}

/// Runs one program to its end.
fn one(mut command: Command, tell: &Sender<Told>) -> io::Result<Ended> {
    let (output, input) = io::pipe()?;
    command.stdin(Stdio::null()).stdout(input.try_clone()?).stderr(input);
    let mut child = command.spawn()?;
    // Our own ends of the pipe, or it would never be at its end.
    drop(command);
    let (mut shown, mut tally) = (Vec::new(), Tally::default());
    let (status, has_left) = followed(&mut child, &lines(output), LEFT_OPEN, |line| {
        if line.contains(SLOW) {
            let _ = tell.send(Told::Line(line.to_owned()));
        }
        if tally.line(line) {
            shown.push(line.to_owned());
        }
    })?;
    if !status.success() {
        shown.push(format!("it ended with {status}"));
    }
    tally.ended(status.success());
    Ok(Ended { lines: shown, tally, is_good: status.success(), has_left })
}

/// The documentation's tests, which cargo runs itself: shown as they come.
pub(crate) fn documentation(cargo: Command, out: &mut dyn Write) -> io::Result<Outcome> {
    let mut cargo = process::heeding_signals(cargo);
    let mut child = cargo.stdout(Stdio::piped()).spawn()?;
    let Some(output) = child.stdout.take() else { return Err(io::Error::other("cargo has no output")) };
    let mut outcome = Outcome::default();
    let mut shown = Vec::new();
    let (status, has_left) = followed(&mut child, &lines(output), LEFT_OPEN, |line| {
        if outcome.tally.line(line) {
            show(out, line);
            shown.push(line.to_owned());
        }
    })?;
    let name = || "--doc".to_owned();
    outcome.failed.extend((!status.success()).then(|| Failed { name: name(), why: why(&shown) }));
    outcome.left.extend(has_left.then(name));
    Ok(outcome)
}

/// The lines of an output, as they come.
fn lines(from: impl Read + Send + 'static) -> Receiver<String> {
    let (told, lines) = channel();
    thread::spawn(move || {
        let all = BufReader::new(from).split(b'\n').map_while(Result::ok);
        // Nobody listens any more once what holds the output open is given up.
        let _ =
            all.map(|line| told.send(String::from_utf8_lossy(&line).into_owned())).take_while(Result::is_ok).count();
    });
    lines
}

/// Hands on the lines until the program has ended and its output too; how it ended, and whether its output did not.
fn followed(
    child: &mut Child,
    lines: &Receiver<String>,
    patience: Duration,
    mut line: impl FnMut(&str),
) -> io::Result<(ExitStatus, bool)> {
    let mut ended = None;
    loop {
        match lines.recv_timeout(LOOK) {
            Ok(said) => line(&said),
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn message(package_id: &str, kind: &str, test: bool) -> Value {
        json!({ "reason": "compiler-artifact", "package_id": package_id, "manifest_path": "/w/rig/Cargo.toml",
            "target": { "kind": [kind], "name": "model" }, "profile": { "test": test }, "executable": "/t/model-1" })
    }

    #[test]
    fn a_program_is_named_as_cargo_would_run_it() {
        let rows = [
            ("path+file:///w/rig#chaos-rig@0.1.0", "test", "-p chaos-rig --test model"),
            ("path+file:///w/rig#0.1.0", "bin", "-p rig --bin model"),
            ("path+file:///w/rig#chaos-rig@0.1.0", "lib", "-p chaos-rig --lib"),
        ];
        for (package, kind, want) in rows {
            let program = Program::of(&message(package, kind, true)).unwrap();
            assert_eq!((program.name.as_str(), program.is_of_a_library()), (want, kind == "lib"));
        }
        assert_eq!(Program::of(&message("path+file:///w/rig#0.1.0", "bin", false)), None, "it holds no tests");
    }

    fn scripts(scripts: &[&str]) -> (Vec<Program>, impl Fn(Command) -> Command + Sync + use<>) {
        let programs = scripts.iter().map(|script| Program {
            name: (*script).to_owned(),
            file: "sh".into(),
            manifest: Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml"),
        });
        let texts: Mutex<VecDeque<String>> = Mutex::new(scripts.iter().map(|script| (*script).to_owned()).collect());
        (programs.collect(), move |mut command: Command| {
            command.args(["-c", &texts.lock().unwrap().pop_front().unwrap()]);
            command
        })
    }

    #[test]
    fn counts_add_up_and_what_fails_is_named() {
        let good = "echo 'test result: ok. 2 passed; 0 failed; 0 ignored'";
        let bad = "echo 'test result: FAILED. 1 passed; 3 failed; 0 ignored'; exit 101";
        // Programs with a `main` of their own.
        let (own, skips, dies) = ("echo done", "echo 'skipped: needs docker'", "kill -9 $$");
        let (programs, prepared) = scripts(&[good, bad, own, skips, dies]);
        let outcome = run(&programs, 1, prepared, &mut io::sink());
        assert_eq!(names(&outcome.failed), [bad, dies]);
        assert_eq!(outcome.left, Vec::<String>::new());
        assert_eq!(outcome.tally.summary(), "1 skipped: needs docker (1)\n4 passed, 4 failed, 1 skipped");
    }

    fn names(failed: &[Failed]) -> Vec<&str> {
        failed.iter().map(|failed| failed.name.as_str()).collect()
    }

    #[test]
    fn why_a_program_failed_is_what_its_harness_repeats_or_where_it_panicked() {
        let harness: &[&str] = &["test a ... ok", "test b ... FAILED", "failures:", "---- b stdout ----"];
        let own: &[&str] = &["test a ... ok", "thread 'main' panicked at b.rs:1:", "no", "test b ... FAILED"];
        for (said, from) in [(harness, 2), (own, 1), (&["killed"], 0)] {
            let lines: Vec<String> = said.iter().map(|line| (*line).to_owned()).collect();
            assert_eq!(why(&lines), said[from..]);
        }
        let long = vec!["é".repeat(2 * WIDTH); 2 * WHY];
        assert_eq!(why(&long), vec!["é".repeat(WIDTH); WHY]);
    }

    #[test]
    fn they_run_side_by_side() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().display();
        // Each waits for the other.
        let (one, two) = (
            format!("mkfifo {folder}/f; : >{folder}/f"),
            format!("until [ -p {folder}/f ]; do :; done; : <{folder}/f"),
        );
        let (programs, prepared) = scripts(&[&one, &two]);
        assert_eq!(run(&programs, 2, prepared, &mut io::sink()).failed, []);
    }

    #[test]
    fn a_program_that_is_not_there_has_failed() {
        let program = Program { name: "p".into(), file: "/no/such".into(), manifest: "/Cargo.toml".into() };
        let failed = run(&[program], 1, |command| command, &mut io::sink()).failed;
        assert_eq!(names(&failed), ["p"]);
        assert!(failed[0].why[0].starts_with("it could not be run: "), "{failed:?}");
    }

    #[test]
    fn an_output_that_a_process_holds_open_is_given_up_and_told() {
        // It ends by itself, long after it was given up.
        let held = ("echo one; sleep 30 2>/dev/null &", Duration::from_secs(2), true);
        for (script, patience, left) in [held, ("echo one", Duration::from_mins(2), false)] {
            let mut child = Command::new("sh").args(["-c", script]).stdout(Stdio::piped()).spawn().unwrap();
            let output = lines(child.stdout.take().unwrap());
            let mut said = Vec::new();
            let (status, was_left) =
                followed(&mut child, &output, patience, |line| said.push(line.to_owned())).unwrap();
            assert!(status.success());
            assert_eq!((was_left, said), (left, vec!["one".to_owned()]), "{script}");
        }
    }
}
