//! The undo step that kills the programs of a run's checks, when the run was killed itself.

use std::io;

use chaos_core::{
    PluginError, RunContext, RunSteps, UndoContext, UndoStep, Undone, blocking, boot_id, register_undo_step,
};
use chaos_host::{TreeMark, kill_marked, pid_namespace, sees_every_process};
use serde::{Deserialize, Serialize};
use tokio::sync::OnceCell;

/// Kills what the `command` probes of a run have started, and what that has started: all have one mark in their
/// environment. Their pids are not known before they are started, the mark is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StopProbeCommand {
    /// The mark.
    pub mark: String,
    /// The boot in which they were started.
    pub boot_id: String,
    /// The inode of the pid namespace in which they were started.
    pub pid_ns: u64,
}

/// The run service that holds the mark; its step is on disk before anybody gets it.
#[derive(Debug, Default)]
struct RunMark(OnceCell<TreeMark>);

/// The mark that every program of this run's checks has.
pub(crate) async fn run_mark(cx: &RunContext) -> Result<TreeMark, PluginError> {
    let service = cx.services().get::<RunMark>();
    let armed = service.0.get_or_try_init(async || {
        let mark = TreeMark::unique();
        let pid_ns = pid_namespace().map_err(|error| PluginError::io("read our pid namespace", &error))?;
        let step = StopProbeCommand { mark: mark.text().to_owned(), boot_id: boot_id(), pid_ns };
        let (steps, position) = (cx.services().get::<RunSteps>(), cx.path().to_owned());
        let _real = cx.clock().external();
        let armed = tokio::task::spawn_blocking(move || steps.arm(&position, &step)).await;
        armed.map_err(|error| PluginError::failed(error.to_string()))??;
        Ok(mark)
    });
    armed.await.cloned()
}

impl StopProbeCommand {
    /// Kills them, and says how many there were and whether there can be no more.
    fn kill(&self, mark: TreeMark) -> io::Result<(usize, bool)> {
        let killed = kill_marked(&[mark])?.pop().unwrap_or(Ok(0))?;
        Ok((killed, self.pid_ns == pid_namespace()? || sees_every_process()))
    }
}

impl UndoStep for StopProbeCommand {
    async fn undo(&self, cx: &UndoContext) -> Result<Undone, PluginError> {
        let (then, now) = (self.boot_id.as_str(), boot_id());
        if then != now && !then.is_empty() && !now.is_empty() {
            return Ok(Undone::NothingToDo("the programs of the checks were started in another boot".to_owned()));
        }
        let Some(mark) = TreeMark::read(&self.mark) else {
            return Err(PluginError::failed(format!("`{}` is not the mark of a check's programs", self.mark)));
        };
        let _real = cx.clock().external();
        let step = self.clone();
        match blocking(move || step.kill(mark))
            .await?
            .map_err(|error| PluginError::io("stop the programs of the checks", &error))?
        {
            (_, false) => {
                let there = self.pid_ns;
                let why = format!("the programs of the checks run in pid namespace {there}, which is not visible");
                Err(PluginError::failed(format!("{why}: recover from there")))
            }
            (0, true) => Ok(Undone::NothingToDo("no program of the checks is left".to_owned())),
            (1, true) => Ok(Undone::Reverted("1 process of the checks was killed".to_owned())),
            (count, true) => Ok(Undone::Reverted(format!("{count} processes of the checks were killed"))),
        }
    }

    fn describe(&self) -> String {
        "stop the programs of the checks".to_owned()
    }
}

register_undo_step!(StopProbeCommand, "stop_probe_command");

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::process::Command;
    use std::sync::Arc;
    use std::time::Duration;

    use chaos_core::RealClock;

    use super::*;
    use crate::test_context::plain;

    async fn undo(step: &StopProbeCommand) -> Result<Undone, PluginError> {
        UndoStep::undo(step, &UndoContext::new(Arc::new(RealClock::new()), Duration::from_secs(30))).await
    }

    #[tokio::test]
    async fn a_run_has_one_mark_and_the_step_kills_what_has_it() {
        let cx = plain();
        let mark = run_mark(&cx).await.unwrap();
        assert_eq!(run_mark(&cx).await.unwrap(), mark);
        assert_ne!(run_mark(&plain()).await.unwrap(), mark);
        let value = TreeMark::unique().value(Some(mark.text()));
        let mut child = Command::new("sleep").arg("600").env(TreeMark::VARIABLE, value).spawn().unwrap();
        let pid_ns = pid_namespace().unwrap();
        let step = StopProbeCommand { mark: mark.text().to_owned(), boot_id: boot_id(), pid_ns };
        let forged = StopProbeCommand { boot_id: "another".into(), ..step.clone() };
        assert!(matches!(undo(&forged).await.unwrap(), Undone::NothingToDo(_)));
        undo(&StopProbeCommand { mark: "sleep".into(), ..step.clone() }).await.unwrap_err();
        assert!(child.try_wait().unwrap().is_none());
        assert_eq!(undo(&step).await.unwrap(), Undone::Reverted("1 process of the checks was killed".into()));
        assert_eq!(child.wait().unwrap().signal(), Some(9));
        assert_eq!(undo(&step).await.unwrap(), Undone::NothingToDo("no program of the checks is left".into()));
    }
}
