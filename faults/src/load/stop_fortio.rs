//! The undo step of a real fortio: it is found by a word of its command line, and killed.

use std::io;
use std::path::Path;

use chaos_core::{PluginError, UndoContext, UndoStep, Undone, blocking, boot_id, register_undo_step};
use chaos_host::{Signal, pid_namespace, polls_in_seconds, with_argument};
use serde::{Deserialize, Serialize};

/// How long a killed process may take to be gone.
const SETTLE_SECONDS: u32 = 5;
/// Shortest mark that is believed: a random name; a short one could be a word of anybody's command line.
const LEAST_MARK: usize = 16;

/// Kills the fortio that has this word on its command line. Its pid is not known before it is started, its words are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StopFortio {
    /// The word: the path of its result file, in a folder whose name was drawn at random.
    pub mark: String,
    /// The boot in which it was started.
    pub boot_id: String,
    /// The inode of the pid namespace in which it was started.
    pub pid_ns: u64,
}

impl StopFortio {
    pub(super) fn of(mark: &Path) -> Result<Self, PluginError> {
        let pid_ns = pid_namespace().map_err(|error| PluginError::io("read our pid namespace", &error))?;
        Ok(Self { mark: mark.display().to_string(), boot_id: boot_id(), pid_ns })
    }

    fn kill(&self) -> io::Result<usize> {
        let found = with_argument(&self.mark)?;
        for held in &found {
            held.signal(Signal::KILL)?;
            let is_over = |states: &[char]| states.iter().all(|state| matches!(state, 'Z' | 'X' | 'x'));
            if !is_over(&held.settle(polls_in_seconds(SETTLE_SECONDS), is_over)?) {
                return Err(io::Error::other(format!("it is still there after {SETTLE_SECONDS} s")));
            }
        }
        Ok(found.len())
    }
}

impl UndoStep for StopFortio {
    async fn undo(&self, cx: &UndoContext) -> Result<Undone, PluginError> {
        let (then, now) = (self.boot_id.as_str(), boot_id());
        // A boot without a name is not another one.
        if then != now && !then.is_empty() && !now.is_empty() {
            return Ok(Undone::NothingToDo("the fortio was started in another boot".to_owned()));
        }
        let here = pid_namespace().map_err(|error| PluginError::io("read our pid namespace", &error))?;
        if self.pid_ns != here {
            let there = self.pid_ns;
            let why = format!("the fortio runs in pid namespace {there}, and this is {here}: recover from there");
            return Err(PluginError::failed(why));
        }
        if self.mark.len() < LEAST_MARK {
            return Ok(Undone::NothingToDo(format!("`{}` is not the mark of a fortio of ours", self.mark)));
        }
        let _real = cx.clock().external();
        let step = self.clone();
        match blocking(move || step.kill()).await?.map_err(|error| PluginError::io("stop the fortio", &error))? {
            0 => Ok(Undone::NothingToDo("the fortio has ended".to_owned())),
            _ => Ok(Undone::Reverted("the fortio was killed".to_owned())),
        }
    }

    fn describe(&self) -> String {
        format!("stop the fortio that writes `{}`", self.mark)
    }
}

register_undo_step!(StopFortio, "stop_fortio");

#[cfg(test)]
mod tests {
    use std::os::unix::process::CommandExt;
    use std::process::{Child, Command};
    use std::sync::Arc;
    use std::time::Duration;

    use chaos_core::RealClock;

    use super::*;

    /// A process whose first word is one of ours, killed at the end.
    struct Named(Child);

    impl Named {
        fn start(word: &str) -> Self {
            let child = Command::new("sleep").arg0(word).arg("600").spawn().unwrap();
            // A program has begun a moment before the kernel shows its command line.
            let path = format!("/proc/{}/cmdline", child.id());
            while !std::fs::read(&path).unwrap().starts_with(word.as_bytes()) {
                std::thread::yield_now();
            }
            Self(child)
        }

        fn has_ended(&mut self) -> bool {
            self.0.try_wait().unwrap().is_some()
        }
    }

    impl Drop for Named {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    async fn undo(step: &StopFortio) -> Undone {
        let cx = UndoContext::new(Arc::new(RealClock::new()), Duration::from_secs(10));
        UndoStep::undo(step, &cx).await.unwrap()
    }

    #[tokio::test]
    async fn the_one_with_the_word_is_killed_once_and_others_are_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let mark = folder.path().join("a-long-enough-mark");
        let step = StopFortio::of(&mark).unwrap();
        // The word of one must stand alone on the command line: as a part of another word it is another process's.
        let mut other = Named::start(&format!("{}x", mark.display()));
        assert_eq!(undo(&step).await, Undone::NothingToDo("the fortio has ended".to_owned()));
        let mut ours = Named::start(&mark.display().to_string());
        assert_eq!(undo(&step).await, Undone::Reverted("the fortio was killed".to_owned()));
        assert_eq!(undo(&step).await, Undone::NothingToDo("the fortio has ended".to_owned()));
        assert!(ours.has_ended() && !other.has_ended());
    }

    #[tokio::test]
    async fn a_forged_mark_another_boot_and_another_namespace_kill_nobody() {
        let mut bystander = Named::start("sleep");
        let step = StopFortio::of(Path::new("sleep")).unwrap();
        assert!(matches!(undo(&step).await, Undone::NothingToDo(_)));
        let other_boot = StopFortio { boot_id: "other".into(), ..step.clone() };
        assert!(matches!(undo(&other_boot).await, Undone::NothingToDo(_)));
        let cx = UndoContext::new(Arc::new(RealClock::new()), Duration::from_secs(10));
        let elsewhere = StopFortio { pid_ns: step.pid_ns + 1, ..step };
        let error = UndoStep::undo(&elsewhere, &cx).await.unwrap_err().to_string();
        assert!(error.ends_with("recover from there"), "{error}");
        assert!(!bystander.has_ended());
    }
}
