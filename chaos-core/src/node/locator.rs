//! Where a process is found that the run did not start.

use std::fmt;
use std::num::{NonZeroU16, NonZeroU32};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Where a process is found that the run did not start; nothing of it is looked up before it is needed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Locator {
    /// By its pid, in the pid namespace of Squall.
    Pid(NonZeroU32),
    /// By a file that holds its pid, as daemons write one.
    PidFile(PathBuf),
    /// By the TCP port on which it listens.
    Port(NonZeroU16),
    /// By its command line, argument for argument.
    Command(Vec<String>),
}

impl Locator {
    /// Whether it may be there later though it is not there now; a pid that is missing never is.
    pub fn may_appear(&self) -> bool {
        !matches!(self, Self::Pid(_))
    }
}

impl fmt::Display for Locator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pid(pid) => write!(f, "pid {pid}"),
            Self::PidFile(path) => write!(f, "pid file `{}`", path.display()),
            Self::Port(port) => write!(f, "TCP port {port}"),
            Self::Command(argv) => write!(f, "command `{}`", argv.join(" ")),
        }
    }
}
