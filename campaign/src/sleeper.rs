//! A process of the campaign's own that a fault may stop.

use std::fs;
use std::io;
use std::process::{Child, Command, Stdio};

use crate::child::wait_until;

/// A process that sleeps; gone when dropped.
#[derive(Debug)]
pub struct Sleeper(Child);

impl Sleeper {
    /// Starts one.
    pub fn start() -> io::Result<Self> {
        let mut command = Command::new("sleep");
        command.arg("600").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let sleeper = command.spawn().map(Self)?;
        let asleep = || state_of(sleeper.pid()) == Some('S');
        wait_until("a sleeper sleeps", asleep).map_err(|flaw| io::Error::other(format!("{flaw:?}")))?;
        Ok(sleeper)
    }

    /// Its pid.
    pub fn pid(&self) -> u32 {
        self.0.id()
    }

    /// Whether `/proc` says that it is stopped.
    pub fn is_stopped(&self) -> bool {
        state_of(self.pid()) == Some('T')
    }
}

/// The state letter of `/proc/PID/stat`, whose command name may hold anything, so it is cut at the last `)`.
pub(crate) fn state_of(pid: u32) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
