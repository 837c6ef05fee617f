//! A program and everything that it started, killed together.

use rustix::process::{Pid, Signal, kill_process_group};

/// A process group whose leader has not been collected yet; dropping it kills the group.
#[derive(Debug)]
#[must_use = "dropping it kills the group"]
pub struct ProcessGroup(Option<Pid>);

impl ProcessGroup {
    /// The group of a child that was started as its leader (`process_group(0)`).
    pub fn led_by(child: u32) -> Self {
        Self(i32::try_from(child).ok().and_then(Pid::from_raw))
    }

    /// Leaves the group alone: its leader was collected, so its number may soon be another group's.
    pub fn leave(&mut self) {
        self.0 = None;
    }
}

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        if let Some(group) = self.0.take() {
            // It may be gone already, which is what is wanted.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::{CommandExt, ExitStatusExt};
    use std::process::{Child, Command};

    use super::*;

    fn sleeper() -> Child {
        Command::new("sleep").arg("600").process_group(0).spawn().unwrap()
    }

    #[test]
    fn a_dropped_group_is_killed_and_one_that_is_left_is_not() {
        let (mut killed, mut left) = (sleeper(), sleeper());
        drop(ProcessGroup::led_by(killed.id()));
        assert_eq!(killed.wait().unwrap().signal(), Some(9));
        let mut group = ProcessGroup::led_by(left.id());
        group.leave();
        drop(group);
        assert!(left.try_wait().unwrap().is_none());
        left.kill().unwrap();
        left.wait().unwrap();
    }
}
