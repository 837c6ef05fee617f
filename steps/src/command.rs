//! The step that runs a program.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use chaos_core::{PluginError, Reach, Step, StepContext, StepEnd, StepOutcome, blocking, register_step};
use chaos_probes::{Argv, run_program};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::classified::{EXIT_REASON, classified, written};

/// The variable with the file into which a program writes its outputs, `KEY=VALUE` on each line.
const OUTPUT: &str = "SQUALL_OUTPUT";
/// The variable with the ledger of the workflow.
const LEDGER: &str = "SQUALL_LEDGER";

/// Runs a program, without a shell. It runs at most once: a run that is resumed never repeats it, unless the step says
/// `idempotent: true`.
///
/// Exit code 0 is a `pass`, 2 an `infra_fail`, every other code and a signal a `task_fail`; a program that can't be started
/// is an `infra_fail`. A program may say more in the file that `SQUALL_EXIT_REASON` names: `task_fail` or `infra_fail` there
/// counts whatever the exit code, `pass` only with exit code 0. It writes outputs for later steps as lines `KEY=VALUE` into
/// the file that `SQUALL_OUTPUT` names. `SQUALL_LEDGER` names the ledger of the workflow: what was started and what ended so
/// far, a JSON object on each line.
///
/// At its end, and at the deadline of the step, every process that it started is killed.
///
/// # Limits
/// The policy must allow the program by the name that stands in `argv` (`--allow-command NAME`). It gets the run's
/// environment without API keys and variables that hold a secret of the run, and no standard input.
///
/// # Example
/// ```yaml
/// type: command
/// name: provision
/// argv: [./provision.sh, --nodes, "4"]
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CommandStep {
    /// The program and its arguments.
    pub argv: Argv,
    /// Variables beside those of the run.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
}

impl Step for CommandStep {
    async fn run(&self, cx: &StepContext) -> StepEnd {
        let program = self.argv.program();
        if let Err(refusal) = cx.run().policy().check_command(program) {
            return StepEnd::new(StepOutcome::InfraFail, refusal.to_string());
        }
        let folder = cx.folder().join("steps").join(cx.name());
        let (output, reason) = (folder.join("output"), folder.join("exit_reason"));
        let mut env = self.env.clone();
        match fresh(&folder, &[&output, &reason]).await {
            Ok(()) => {
                env.insert(OUTPUT.to_owned(), output.display().to_string());
                env.insert(EXIT_REASON.to_owned(), reason.display().to_string());
            }
            // Diagnostics of a full disk run without.
            Err(error) if cx.is_last() => cx.run().note(format!("`{program}` has no files of its own: {error}")),
            Err(error) => {
                return StepEnd::new(StepOutcome::InfraFail, format!("no folder for `{program}` can be made: {error}"));
            }
        }
        env.insert(LEDGER.to_owned(), cx.ledger().display().to_string());
        let ended = match run_program(&self.argv, &env, cx.run(), cx.is_last()).await {
            Ok(ended) => ended,
            Err(error) => return StepEnd::new(StepOutcome::InfraFail, error.to_string()),
        };
        let (outcome, detail) = classified(program, ended.status, ended.said().as_deref(), text(&reason).await);
        let outputs = match text(&output).await {
            Ok(text) => pairs(text.as_deref().unwrap_or_default()).map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        match outputs {
            Ok(outputs) => StepEnd { outputs, ..StepEnd::new(outcome, detail) },
            Err(why) if outcome == StepOutcome::Pass => {
                StepEnd::new(StepOutcome::InfraFail, format!("the outputs of `{program}` can't be read: {why}"))
            }
            Err(_) => StepEnd::new(outcome, detail),
        }
    }

    fn reach(&self) -> Result<Reach, PluginError> {
        Ok(Reach::command(self.argv.program()))
    }
}

register_step!(CommandStep, "command");

/// An empty folder for the files of the step; those of an earlier attempt say nothing of this one.
async fn fresh(folder: &Path, files: &[&Path]) -> io::Result<()> {
    tokio::fs::create_dir_all(folder).await?;
    for file in files {
        match tokio::fs::remove_file(file).await {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// What a program wrote; `None` where it wrote nothing.
async fn text(file: &Path) -> io::Result<Option<String>> {
    let file = file.to_owned();
    blocking(move || written(&file)).await.map_err(io::Error::other)?
}

/// A line of the outputs without a key.
#[derive(Debug, thiserror::Error)]
#[error("line {0} is not `KEY=VALUE`")]
struct NotAPair(usize);

/// The outputs, one on each line.
fn pairs(text: &str) -> Result<BTreeMap<String, String>, NotAPair> {
    let plain = |key: &str| !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(number, line)| match line.split_once('=') {
            Some((key, value)) if plain(key) => Ok((key.to_owned(), value.to_owned())),
            _ => Err(NotAPair(number + 1)),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use chaos_core::Policy;
    use chaos_test::run_context;
    use tokio_util::sync::CancellationToken;

    use super::*;

    fn sh(script: &str) -> CommandStep {
        let argv = vec!["/bin/sh".into(), "-c".into(), script.into()];
        CommandStep { argv: argv.try_into().unwrap(), env: BTreeMap::new() }
    }

    fn context(folder: &Path, allowed: &str, cancel: CancellationToken) -> StepContext {
        let mut policy = Policy::default();
        policy.allow_commands.push(allowed.into());
        StepContext::new(run_context().policy(policy).cancel(cancel).build(), folder.to_owned(), "s")
    }

    async fn run(step: &CommandStep) -> StepEnd {
        let folder = tempfile::tempdir().unwrap();
        Step::run(step, &context(folder.path(), "*", CancellationToken::new())).await
    }

    #[tokio::test]
    async fn exit_code_and_reason_classify() {
        let reason = |text: &str, code: u8| format!("echo {text} > $SQUALL_EXIT_REASON; exit {code}");
        let rows = [
            ("exit 0".to_owned(), StepOutcome::Pass, "exited with 0"),
            ("exit 1".to_owned(), StepOutcome::TaskFail, "exited with 1"),
            ("exit 2".to_owned(), StepOutcome::InfraFail, "exited with 2"),
            ("exit 77".to_owned(), StepOutcome::TaskFail, "exited with 77"),
            ("exit 137".to_owned(), StepOutcome::TaskFail, "as after signal 9"),
            ("kill -9 $$".to_owned(), StepOutcome::TaskFail, "signal: 9"),
            (reason("task-fail", 0), StepOutcome::TaskFail, "exit reason `task_fail`"),
            (reason("infra_fail", 1), StepOutcome::InfraFail, "exit reason `infra_fail`"),
            (reason("timed-out", 0), StepOutcome::TimedOut, "exit reason `timed_out`"),
            (reason("pass", 1), StepOutcome::TaskFail, "exited with 1"),
            (reason("pass", 0), StepOutcome::Pass, "exited with 0"),
            (reason("dunno", 0), StepOutcome::InfraFail, "unknown exit reason"),
        ];
        for (script, outcome, detail) in rows {
            let end = run(&sh(&script)).await;
            assert_eq!(end.outcome, outcome, "{script}: {}", end.detail);
            assert!(end.detail.contains(detail), "{script}: {}", end.detail);
        }
        let argv = vec!["/nowhere/at/all".to_owned()];
        let missing = run(&CommandStep { argv: argv.try_into().unwrap(), env: BTreeMap::new() }).await;
        assert_eq!(missing.outcome, StepOutcome::InfraFail);
    }

    #[tokio::test]
    async fn outputs_are_read_and_what_is_no_output_is_told() {
        let end = run(&sh("echo url=http://x/?a=b > $SQUALL_OUTPUT; echo n=5 >> $SQUALL_OUTPUT")).await;
        assert_eq!(end.outcome, StepOutcome::Pass);
        assert_eq!(end.outputs["url"], "http://x/?a=b");
        assert_eq!(end.outputs["n"], "5");
        let end = run(&sh("echo n=1 > $SQUALL_OUTPUT; echo oops >> $SQUALL_OUTPUT")).await;
        assert_eq!(end.outcome, StepOutcome::InfraFail);
        assert!(end.detail.contains("line 2 is not `KEY=VALUE`"), "{}", end.detail);
        let fifo = "rm -f $SQUALL_OUTPUT; mkfifo $SQUALL_OUTPUT";
        for endless in ["ln -sf /dev/zero $SQUALL_OUTPUT", fifo, "head -c 70000 /dev/zero > $SQUALL_OUTPUT"] {
            let end = run(&sh(endless)).await;
            assert_eq!(end.outcome, StepOutcome::InfraFail, "{endless}: {}", end.detail);
        }
    }

    #[tokio::test]
    async fn a_program_that_is_not_allowed_is_not_started() {
        let folder = tempfile::tempdir().unwrap();
        let made = folder.path().join("made");
        let cx = context(folder.path(), "other", CancellationToken::new());
        let end = Step::run(&sh(&format!("touch {}", made.display())), &cx).await;
        assert_eq!(end.outcome, StepOutcome::InfraFail);
        assert!(end.detail.contains("--allow-command /bin/sh"), "{}", end.detail);
        assert!(!made.exists());
    }

    #[tokio::test]
    async fn a_cancelled_program_is_killed_with_what_it_started() {
        let folder = tempfile::tempdir().unwrap();
        let pids = folder.path().join("pids");
        let cancel = CancellationToken::new();
        let step = sh(&format!("sleep 600 & echo $! > {0}.new; mv {0}.new {0}; sleep 600", pids.display()));
        let cx = context(folder.path(), "*", cancel.clone());
        let (end, child) = tokio::join!(Step::run(&step, &cx), async {
            loop {
                if let Ok(text) = std::fs::read_to_string(&pids) {
                    cancel.cancel();
                    break text.trim().to_owned();
                }
                tokio::task::yield_now().await;
            }
        });
        assert_eq!(end.outcome, StepOutcome::InfraFail);
        // What was killed may take a moment to be gone; what lives on fails the test by never ending.
        while std::fs::read_to_string(format!("/proc/{child}/stat")).is_ok_and(|stat| !stat.contains(") Z ")) {
            tokio::task::yield_now().await;
        }
    }
}
