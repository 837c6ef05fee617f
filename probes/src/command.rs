//! The probe that runs a program and checks how it exits.

use std::collections::BTreeMap;
use std::pin::pin;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use chaos_core::{Observation, PluginError, Probe, Reach, RunContext, Seconds, register_probe};
use chaos_host::TreeMark;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::argv::Argv;
use crate::asking::{Cut, ask, five_seconds};
use crate::started_program::StartedProgram;
use crate::stop_probe_command::run_mark;

/// How much of what a program prints is kept: its end, which is where programs say why they failed.
const KEPT_BYTES: usize = 4096;
/// How long a program's pipes are read after its exit; a process that could not be killed may hold them open for ever.
const PIPE_GRACE: Duration = Duration::from_millis(100);

/// Asks a program, without a shell.
///
/// # Answers
/// Yes when it exits with `expect_exit`, no when it exits with another code. Unknown when it can't be started, is ended
/// by a signal, or takes longer than `timeout_seconds`. The observation's value is the last 4 KiB of its standard output;
/// reports show the last line of that, or of its standard error where it exits with another code.
///
/// However it ends, all processes that it started are killed, in whatever session they are; so don't start a service
/// with it. They are found by their process group, by their parent, and by the variable `SQUALL_PROCESS_TREE` in their
/// environment. When Squall itself is killed, `squall recover` and the next run kill them.
///
/// # Limits
/// The policy must allow the program by the name that stands in `argv` (`--allow-command NAME`). It gets the run's
/// environment, without API keys (`…API_KEY`) and variables that hold a secret of the run, and no standard input. It should change nothing: nothing undoes what it does. A process that clears or
/// overwrites its environment, opens a session of its own, and whose parent has ended is not found; one of another user
/// is not killed.
///
/// # Example
/// ```yaml
/// type: command
/// argv: [pg_isready, --host, 127.0.0.1]
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Command {
    /// The program and its arguments.
    pub argv: Argv,
    /// The exit code that means yes.
    #[serde(default)]
    pub expect_exit: u8,
    /// Seconds after which it is killed; default 5.
    #[serde(default = "five_seconds")]
    pub timeout_seconds: Seconds,
}

impl Probe for Command {
    async fn observe(&self, cx: &RunContext) -> Observation {
        if let Err(refusal) = cx.policy().check_command(self.argv.program()) {
            return Observation::unknown(refusal.to_string());
        }
        let program = self.argv.program();
        let run_mark = match run_mark(cx).await {
            Ok(mark) => mark,
            Err(error) => return Observation::unknown(format!("`{program}` is not started: {error}")),
        };
        let mut running = match Running::start(&self.argv, &BTreeMap::new(), cx, &run_mark) {
            Ok(running) => running,
            Err(error) => return Observation::unknown(format!("`{program}` can't be started: {error}")),
        };
        let answer = ask(cx, self.timeout_seconds, running.exit(cx)).await;
        running.0.kill().await;
        match answer {
            Ok(Ok(ended)) => self.judge(&ended),
            Ok(Err(error)) => Observation::unknown(format!("failed to wait for `{program}`: {error}")),
            Err(Cut::Late) => {
                let seconds = self.timeout_seconds.get().as_secs_f64();
                Observation::unknown(format!("`{program}` did not end within {seconds} s"))
            }
            Err(Cut::Cancelled) => Observation::unknown("cancelled"),
        }
    }

    fn reach(&self) -> Result<Reach, PluginError> {
        Ok(Reach::command(self.argv.program()))
    }

    fn at_most(&self) -> Option<std::time::Duration> {
        Some(self.timeout_seconds.get())
    }
}

register_probe!(Command, "command");

impl Command {
    fn judge(&self, ended: &EndedProgram) -> Observation {
        let program = self.argv.program();
        let yes = ended.status.code() == Some(i32::from(self.expect_exit));
        // A program that is content says so on its standard output, if at all; its warnings would mislead there.
        let last = last_line(&ended.stderr).filter(|_| !yes).or_else(|| last_line(&ended.stdout));
        let said = last.map(|line| format!(": {line}")).unwrap_or_default();
        let seen = match ended.status.code() {
            Some(code) if yes => Observation::yes(format!("`{program}` exited with {code}{said}")),
            Some(code) => {
                Observation::no(format!("`{program}` exited with {code} instead of {}{said}", self.expect_exit))
            }
            None => Observation::unknown(format!("`{program}` was ended: {}{said}", ended.status)),
        };
        seen.with_value(ended.stdout.trim_end())
    }
}

impl EndedProgram {
    /// The last line that it printed, of its standard error first.
    pub fn said(&self) -> Option<String> {
        last_line(&self.stderr).or_else(|| last_line(&self.stdout))
    }
}

/// Runs a program to its end, with everything that it started killed then; it is stopped where `cx` is cancelled. What it
/// gets beside the run's environment stands in `more`. Whether the policy allows it is for the caller to ask.
///
/// What kills it when the run is killed is journalled first. Where that fails it is not started, unless it runs
/// `whatever_happens`, as diagnostics of a full disk do.
///
/// # Errors
/// It can't be started, or the run is cancelled.
pub async fn run_program(
    argv: &Argv,
    more: &BTreeMap<String, String>,
    cx: &RunContext,
    whatever_happens: bool,
) -> Result<EndedProgram, PluginError> {
    let program = argv.program();
    let run_mark = match run_mark(cx).await {
        Err(error) if whatever_happens => {
            cx.note(format!("`{program}` would outlive a kill of this run: {error}"));
            TreeMark::unique()
        }
        mark => mark?,
    };
    let _real = cx.clock().external();
    let started = Running::start(argv, more, cx, &run_mark);
    let mut running = started.map_err(|error| PluginError::failed(format!("`{program}` can't be started: {error}")))?;
    let ended = tokio::select! {
        biased;
        () = cx.cancelled() => None,
        ended = running.exit(cx) => Some(ended),
    };
    running.0.kill().await;
    match ended {
        Some(ended) => ended.map_err(|error| PluginError::io(&format!("wait for `{program}`"), &error)),
        None => Err(PluginError::Cancelled),
    }
}

/// How much of a line stands in a sentence.
const SAID: usize = 400;

fn last_line(text: &str) -> Option<String> {
    let line = text.lines().map(str::trim).rfind(|line| !line.is_empty())?;
    let more = if line.chars().count() > SAID { "…" } else { "" };
    Some(line.chars().take(SAID).chain(more.chars()).collect())
}

/// A program that runs, whose output is kept.
struct Running(StartedProgram);

/// A program that has ended.
#[derive(Debug)]
pub struct EndedProgram {
    /// How.
    pub status: ExitStatus,
    stdout: String,
    stderr: String,
}

impl Running {
    fn start(
        argv: &Argv,
        more: &BTreeMap<String, String>,
        cx: &RunContext,
        run_mark: &TreeMark,
    ) -> std::io::Result<Self> {
        StartedProgram::spawn(argv, more, cx, run_mark, [Stdio::piped(), Stdio::piped()]).map(Self)
    }

    async fn exit(&mut self, cx: &RunContext) -> std::io::Result<EndedProgram> {
        let (mut stdout, mut stderr) = (Tail::default(), Tail::default());
        let (out, err) = self.0.take_streams();
        let status = {
            let mut reading = pin!(async { tokio::join!(stdout.read(out), stderr.read(err)) });
            let is_read = {
                let mut ending = pin!(self.0.ended());
                tokio::select! {
                    ended = &mut ending => ended.map(|()| false)?,
                    _ = &mut reading => ending.await.map(|()| true)?,
                }
            };
            let status = self.0.collect().await?;
            if !is_read {
                // What is left in the pipes is worth having; that they stay open is not worth waiting for.
                let _ = cx.clock().timeout(PIPE_GRACE, reading).await;
            }
            status
        };
        Ok(EndedProgram { status, stdout: stdout.text(), stderr: stderr.text() })
    }
}

/// The last bytes of a stream.
#[derive(Default)]
struct Tail {
    bytes: Vec<u8>,
    is_cut: bool,
}

impl Tail {
    async fn read(&mut self, from: Option<impl AsyncRead + Unpin>) {
        let Some(mut from) = from else { return };
        let mut buffer = vec![0; KEPT_BYTES];
        while let Ok(count @ 1..) = from.read(&mut buffer).await {
            self.bytes.extend_from_slice(&buffer[..count]);
            let surplus = self.bytes.len().saturating_sub(KEPT_BYTES);
            self.bytes.drain(..surplus);
            self.is_cut |= surplus > 0;
        }
    }

    fn text(&self) -> String {
        // So that readers see the cut, and the mask what it left of a secret.
        let mark = if self.is_cut { "…" } else { "" };
        format!("{mark}{}", String::from_utf8_lossy(&self.bytes))
    }
}

#[cfg(test)]
mod tests {
    use chaos_core::{Answer, Policy, ProbeNode, parse};
    use serde_json::json;
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::test_context::{context, plain};

    fn free(env: &[(&str, &str)]) -> RunContext {
        let mut policy = Policy::default();
        policy.allow_commands.push("*".into());
        context(policy, env, CancellationToken::new())
    }

    fn sh(script: &str, expect_exit: u8) -> Command {
        let argv = vec!["/bin/sh".into(), "-c".into(), script.into()];
        // For a machine that is busy.
        Command { argv: argv.try_into().unwrap(), expect_exit, timeout_seconds: Seconds::from(60) }
    }

    #[tokio::test]
    async fn no_key_reaches_a_program() {
        let cx = free(&[("PATH", "/usr/bin:/bin"), ("OPENAI_API_KEY", "sk-abcdef"), ("OTHER_API_KEY", "x")]);
        let seen = sh("env", 0).observe(&cx).await;
        let value = seen.value.to_string();
        assert!(value.contains("PATH=/usr/bin:/bin"), "{value}");
        assert!(!value.contains("API_KEY") && !value.contains("sk-abcdef"), "{value}");
    }

    #[tokio::test]
    async fn the_exit_code_decides() {
        let rows = [
            ("exit 0", 0, Answer::Yes, "`/bin/sh` exited with 0"),
            ("exit 3", 3, Answer::Yes, "`/bin/sh` exited with 3"),
            ("echo why >&2; exit 1", 0, Answer::No, "`/bin/sh` exited with 1 instead of 0: why"),
            ("echo 7 rows; exit 1", 0, Answer::No, "`/bin/sh` exited with 1 instead of 0: 7 rows"),
            ("echo old >&2; echo 1; echo 7 rows", 0, Answer::Yes, "`/bin/sh` exited with 0: 7 rows"),
            ("kill -9 $$", 0, Answer::Unknown, "`/bin/sh` was ended: signal: 9 (SIGKILL)"),
        ];
        for (script, expect, answer, detail) in rows {
            let seen = Probe::observe(&sh(script, expect), &free(&[])).await;
            assert_eq!((seen.answer, seen.detail.as_str()), (answer, detail), "{script}");
        }
    }

    #[tokio::test]
    async fn the_value_is_the_end_of_what_it_printed() {
        let seen = Probe::observe(&sh("head -c 100000 /dev/zero | tr '\\0' x; echo end", 0), &free(&[])).await;
        let text = seen.value.as_str().unwrap();
        assert_eq!(text.len(), "…".len() + KEPT_BYTES - 1, "the final line feed is cut off");
        assert!(text.ends_with("xend"), "{}", &text[text.len() - 10..]);
    }

    #[tokio::test]
    async fn it_gets_the_runs_environment_and_no_other() {
        let seen = Probe::observe(&sh("echo $GIVEN-$CARGO_PKG_NAME", 0), &free(&[("GIVEN", "yes")])).await;
        assert_eq!(seen.value, "yes-");
    }

    #[tokio::test]
    async fn a_program_that_is_not_allowed_is_not_started() {
        let bench = tempfile::tempdir().unwrap();
        let made = bench.path().join("made");
        let seen = Probe::observe(&sh(&format!("touch {}", made.display()), 0), &plain()).await;
        assert_eq!(seen.answer, Answer::Unknown);
        assert!(seen.detail.contains("`--allow-command /bin/sh` would allow it"), "{}", seen.detail);
        assert!(!made.exists());
    }

    #[tokio::test]
    async fn a_program_that_is_not_there_is_unknown() {
        let argv = Argv::try_from(vec!["/nowhere/at/all".to_owned()]).unwrap();
        let probe = Command { argv, expect_exit: 0, timeout_seconds: five_seconds() };
        let seen = Probe::observe(&probe, &free(&[])).await;
        assert_eq!(seen.answer, Answer::Unknown);
        assert!(seen.detail.starts_with("`/nowhere/at/all` can't be started: No such file"), "{}", seen.detail);
    }

    #[tokio::test]
    async fn a_late_program_is_unknown() {
        let mut probe = sh("exec sleep 600", 0);
        probe.timeout_seconds = Seconds::try_from(0.05).unwrap();
        let seen = Probe::observe(&probe, &free(&[("PATH", "/bin:/usr/bin")])).await;
        assert_eq!((seen.answer, seen.detail.as_str()), (Answer::Unknown, "`/bin/sh` did not end within 0.05 s"));
    }

    /// Scripts that start a process, and print its pid.
    const STARTERS: [&str; 3] = ["sleep 600 & echo $!", "setsid sleep 600 & echo $!", "env -i sleep 600 & echo $!"];

    /// Waits until a killed process is gone or a zombie; a process that lives on fails the test by never ending.
    async fn gone(pid: &str) {
        while let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) {
            if stat.rsplit(')').next().is_some_and(|rest| rest.starts_with(" Z")) {
                return;
            }
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn what_a_program_leaves_behind_is_killed_and_does_not_keep_the_answer() {
        for (end, answer) in [("", Answer::Yes), ("; exit 1", Answer::No), ("; kill -9 $$", Answer::Unknown)] {
            for script in STARTERS {
                let probe = sh(&format!("{script}{end}"), 0);
                let seen = Probe::observe(&probe, &free(&[("PATH", "/bin:/usr/bin")])).await;
                assert_eq!(seen.answer, answer, "{script}{end}: {}", seen.detail);
                gone(seen.value.as_str().unwrap()).await;
            }
        }
    }

    /// Asks a program that never ends, and waits for its children to be gone; the pid comes through a file.
    async fn given_up(script: &str, limit: Seconds, cancel: CancellationToken, is_cancelled: bool) -> Observation {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pids");
        let mut probe = sh(&format!("({script}; echo $$ .) > {}; sleep 600", file.display()), 0);
        probe.timeout_seconds = limit;
        let mut policy = Policy::default();
        policy.allow_commands.push("/bin/sh".into());
        let cx = context(policy, &[("PATH", "/bin:/usr/bin")], cancel.clone());
        let started = async {
            loop {
                match std::fs::read_to_string(&file) {
                    Ok(text) if text.ends_with(".\n") => break text,
                    _ => tokio::task::yield_now().await,
                }
            }
        };
        let (seen, pids) = tokio::join!(Probe::observe(&probe, &cx), async {
            let pids = started.await;
            if is_cancelled {
                cancel.cancel();
            }
            pids
        });
        for pid in pids.split_whitespace().filter(|word| *word != ".") {
            gone(pid).await;
        }
        seen
    }

    #[tokio::test]
    async fn a_program_that_is_cancelled_is_killed_with_all_that_it_started() {
        for script in STARTERS {
            let seen = given_up(script, Seconds::from(255), CancellationToken::new(), true).await;
            assert_eq!((seen.answer, seen.detail.as_str()), (Answer::Unknown, "cancelled"), "{script}");
        }
    }

    #[tokio::test]
    async fn a_program_that_is_late_is_killed_with_all_that_it_started() {
        for script in STARTERS {
            let seen = given_up(script, Seconds::from(5), CancellationToken::new(), false).await;
            assert_eq!(seen.answer, Answer::Unknown);
            assert!(seen.detail.ends_with("did not end within 5 s"), "{script}: {}", seen.detail);
        }
    }

    #[tokio::test]
    async fn a_probe_that_is_dropped_kills_all_that_it_started() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pid");
        let probe = sh(&format!("setsid sleep 600 & echo $! > {0}.new; mv {0}.new {0}; wait", file.display()), 0);
        let cx = free(&[("PATH", "/bin:/usr/bin")]);
        let started = async {
            loop {
                match std::fs::read_to_string(&file) {
                    Ok(pid) => break pid,
                    Err(_) => tokio::task::yield_now().await,
                }
            }
        };
        let pid = tokio::select! {
            seen = Probe::observe(&probe, &cx) => panic!("{}", seen.detail),
            pid = started => pid,
        };
        gone(pid.trim()).await;
    }

    #[test]
    fn an_argv_needs_a_program_and_is_declared() {
        let node: ProbeNode = parse(&json!({"type": "command", "argv": ["true"]})).unwrap();
        assert_eq!(node.reach().unwrap().commands, ["true"]);
        assert_eq!(serde_json::to_value(&node).unwrap()["argv"], json!(["true"]));
        for (argv, pointer) in [(json!([]), "/argv"), (json!("true"), "/argv"), (json!(["a", 1]), "/argv/1")] {
            let error = parse::<ProbeNode>(&json!({"type": "command", "argv": argv})).unwrap_err();
            assert_eq!(error.pointer, pointer, "{error}");
        }
    }
}
