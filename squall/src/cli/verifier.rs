//! `--verifier COMMAND`: a program of the operator answers the harness's own checks, one process a question.

use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use chaos_core::{Answer, BoxFuture, Observation, REPORT_FORMAT, RunContext, shortened, visible_line};
use chaos_runner::Verifier;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};

/// How long one answer may take where `--verifier-timeout` does not say.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);
/// The largest answer in bytes; what a program says beyond it is refused.
const MAX_ANSWER: u64 = 1 << 20;
/// How much of what a program said is repeated in a reason, in characters.
const MAX_SAID: usize = 200;
/// How long the pipes of a program that has ended are read on, where a child of it holds them open.
const PIPES: Duration = Duration::from_millis(500);
/// How long an answer is waited for once the run is interrupted.
const INTERRUPTED: Duration = Duration::from_secs(5);

/// A program that answers checks: a question as JSON on its standard input, the answer as JSON on its standard output.
#[derive(Debug)]
pub(crate) struct CommandVerifier {
    argv: Vec<String>,
    limit: Duration,
}

/// A command line without a program in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid verifier `{0}`: expected a program and its arguments, such as `python3 verify.py`")]
pub(crate) struct NotACommand(String);

/// What a program answers.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Told {
    answer: Answer,
    #[serde(default)]
    detail: String,
    #[serde(default)]
    value: Value,
}

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
enum NoAnswer {
    #[error("can't be started: {0}")]
    Start(std::io::Error),
    #[error("can't be waited for: {0}")]
    Wait(std::io::Error),
    #[error("gave no answer within {0} s")]
    Late(f64),
    #[error("gave no answer before the run was interrupted")]
    Interrupted,
    #[error("ended with {0}{1}")]
    Exit(ExitStatus, String),
    #[error("answered more than {MAX_ANSWER} bytes")]
    TooLong,
    #[error("gave no valid answer ({0}): expected {{\"answer\": \"yes|no|unknown\", \"detail\": \"…\"}}{1}")]
    NotAnAnswer(serde_json::Error, String),
}

/// Kills the process group of a program when it is dropped, so that no child of it is left behind.
struct Group(Option<rustix::process::Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // It is gone already where everything in it has ended.
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
    }
}

impl CommandVerifier {
    /// A verifier of a command line, which is split into words as a shell would, and run without one.
    pub(crate) fn new(command: &str, limit: Option<Duration>) -> Result<Self, NotACommand> {
        let argv = shlex::split(command).filter(|argv| argv.first().is_some_and(|program| !program.is_empty()));
        let argv = argv.ok_or_else(|| NotACommand(command.to_owned()))?;
        Ok(Self { argv, limit: limit.unwrap_or(DEFAULT_TIMEOUT) })
    }

    async fn ask(&self, name: &str, check: Option<&Value>, cx: &RunContext) -> Result<Observation, NoAnswer> {
        let _real = cx.clock().external();
        let question = json!({
            "format": REPORT_FORMAT, "name": name, "check": check, "run_id": cx.run_id(), "path": cx.path()
        });
        let answer = cx.clock().timeout(self.limit, self.run(question.to_string(), cx));
        let interrupted = async {
            cx.cancelled().await;
            cx.clock().sleep(INTERRUPTED).await;
        };
        tokio::select! {
            biased;
            answer = answer => answer.unwrap_or(Err(NoAnswer::Late(self.limit.as_secs_f64()))),
            () = interrupted => Err(NoAnswer::Interrupted),
        }
    }

    async fn run(&self, question: String, cx: &RunContext) -> Result<Observation, NoAnswer> {
        let mut command = Command::new(&self.argv[0]);
        command.args(&self.argv[1..]).env_clear().envs(cx.environment()).process_group(0).kill_on_drop(true);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(NoAnswer::Start)?;
        let _group = Group(child.id().and_then(|pid| rustix::process::Pid::from_raw(pid.cast_signed())));
        let (status, out, err) = talk(&mut child, question).await.map_err(NoAnswer::Wait)?;
        // Behind that many bytes the pipe was closed, which ends most programs.
        if out.len() as u64 == MAX_ANSWER {
            return Err(NoAnswer::TooLong);
        }
        if !status.success() {
            return Err(NoAnswer::Exit(status, said(&err)));
        }
        let told: Told = serde_json::from_slice(&out).map_err(|error| NoAnswer::NotAnAnswer(error, said(&out)))?;
        let detail = if told.detail.is_empty() { format!("`{}` said so", self.argv[0]) } else { told.detail };
        Ok(Observation { answer: told.answer, value: told.value, detail })
    }
}

/// Hands over the question, and gives how the program ended and what it wrote.
async fn talk(child: &mut Child, question: String) -> std::io::Result<(ExitStatus, Vec<u8>, Vec<u8>)> {
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let status = {
        let asking = async {
            if let Some(mut stdin) = stdin {
                // A program that does not read its question may answer it all the same.
                let _ = stdin.write_all(question.as_bytes()).await;
            }
        };
        let reading = async { tokio::join!(asking, read(stdout, &mut out), read(stderr, &mut err)) };
        let mut reading = std::pin::pin!(reading);
        tokio::select! {
            _ = &mut reading => child.wait().await?,
            status = child.wait() => {
                let _ = tokio::time::timeout(PIPES, reading).await;
                status?
            }
        }
    };
    Ok((status, out, err))
}

async fn read(pipe: Option<impl AsyncRead + Unpin>, into: &mut Vec<u8>) {
    if let Some(pipe) = pipe {
        // What was read until a failure is what was said.
        let _ = pipe.take(MAX_ANSWER).read_to_end(into).await;
    }
}

/// What a program said, in one bounded line.
fn said(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let text = shortened(&visible_line(text.trim()), MAX_SAID);
    if text.is_empty() { ", and said nothing".to_owned() } else { format!(", and said: {text}") }
}

impl Verifier for CommandVerifier {
    fn verify<'a>(
        &'a self,
        name: &'a str,
        opaque: Option<&'a Value>,
        cx: &'a RunContext,
    ) -> BoxFuture<'a, Option<Observation>> {
        Box::pin(async move {
            let seen = self.ask(name, opaque, cx).await;
            Some(seen.unwrap_or_else(|why| Observation::unknown(format!("verifier `{}` {why}", self.argv[0]))))
        })
    }

    /// The task's own checks are not for the harness.
    fn answers_the_tasks_checks(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_is_split_into_words_and_needs_a_program() {
        let verifier = CommandVerifier::new("python3 'my verify.py' --strict", None).unwrap();
        assert_eq!(verifier.argv, ["python3", "my verify.py", "--strict"]);
        assert_eq!(verifier.limit, DEFAULT_TIMEOUT);
        for wrong in ["", "  ", "'", "''"] {
            assert_eq!(CommandVerifier::new(wrong, None).unwrap_err(), NotACommand(wrong.to_owned()));
        }
    }
}
