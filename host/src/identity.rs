//! Which process: told from every other one, across pids that are given again, namespaces and reboots.

use std::fs;
use std::io;
use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use crate::namespace::{pid_namespace, time_namespace};
use crate::nested::{Elsewhere, Nested};
use crate::pidfd::PidFd;

/// Which process, in a form that is kept on disk. The inode of its pidfd decides where the kernel gives one, its start
/// time where not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessIdentity {
    /// The process.
    pub pid: NonZeroU32,
    /// When it started, in clock ticks since boot.
    pub start_time: u64,
    /// The boot in which it runs.
    pub boot_id: String,
    /// The inode of the pid namespace in which `pid` counts.
    pub pid_ns: u64,
    /// The inode of the time namespace in which `start_time` counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_ns: Option<u64>,
    /// The inode of its pidfd, which alone tells it from every other process of the boot; absent before Linux 6.9.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pidfd_inode: Option<u64>,
}

/// What became of a process that was identified earlier.
#[derive(Debug)]
pub enum Sought {
    /// It is there, and held.
    Found(PidFd),
    /// It is proved to be gone; the clause says how.
    Gone(String),
    /// It may be there; the clause says why that can't be told, and from where it can.
    Unclear(String),
}

impl ProcessIdentity {
    /// The identity of a process that is held.
    ///
    /// # Errors
    /// When the process is gone, or `/proc` does not say which boot, namespace or process it is.
    pub fn of(held: &PidFd) -> io::Result<Self> {
        let gone = || io::Error::new(io::ErrorKind::NotFound, "it has ended");
        let unknown = || io::Error::other("`/proc/sys/kernel/random/boot_id` does not tell the boot");
        Ok(Self {
            pid: held.pid(),
            start_time: held.stat()?.ok_or_else(gone)?.start_time,
            boot_id: boot_id().ok_or_else(unknown)?,
            pid_ns: pid_namespace()?,
            time_ns: time_namespace()?,
            pidfd_inode: held.inode()?,
        })
    }

    /// Takes hold of the process. What is not proved to be another one is never taken for gone.
    ///
    /// # Errors
    /// When `/proc` can't be read; then too it may be there.
    pub fn find(&self) -> io::Result<Sought> {
        let pid = self.pid;
        match boot_id() {
            Some(now) if now == self.boot_id => {}
            Some(_) if !self.boot_id.is_empty() => {
                return Ok(Sought::Gone(format!("process {pid} was of another boot")));
            }
            _ => return Ok(Sought::Unclear(format!("the boot of process {pid}, or this one, is not known"))),
        }
        let here = pid_namespace()?;
        if self.pid_ns == here {
            return self.find_here();
        }
        let nested = Nested { pid, namespace: self.pid_ns, pidfd_inode: self.pidfd_inode };
        let started_then = |held: &PidFd| {
            let same = self.started_then(held)?;
            same.ok_or_else(|| io::Error::other(self.other_clock()))
        };
        Ok(match nested.find(started_then)? {
            Elsewhere::Found(held) => Sought::Found(held),
            Elsewhere::Gone => self.gone(),
            Elsewhere::Hidden => {
                let there = self.pid_ns;
                let why = format!("process {pid} counts in pid namespace {there}, which is not visible from {here}");
                Sought::Unclear(format!("{why}: recover from there"))
            }
        })
    }

    /// Finds it in our own pid namespace.
    fn find_here(&self) -> io::Result<Sought> {
        let Some(held) = PidFd::open(self.pid)? else { return Ok(self.gone()) };
        let same = match (self.pidfd_inode, held.inode()?) {
            (Some(then), Some(now)) => Some(then == now),
            _ if held.stat()?.is_none() => return Ok(self.gone()),
            _ => self.started_then(&held)?,
        };
        Ok(match same {
            Some(true) => Sought::Found(held),
            Some(false) => {
                let name = held.stat().ok().flatten().map(|now| format!(" (`{}`)", now.name)).unwrap_or_default();
                let pid = self.pid;
                let why = format!("process {pid}{name} is another process that was given its pid, and is left alone");
                Sought::Gone(why)
            }
            None => Sought::Unclear(self.other_clock()),
        })
    }

    /// Whether a process started when this one did; `None` where our clock is not the one of the record.
    fn started_then(&self, held: &PidFd) -> io::Result<Option<bool>> {
        let same = held.stat()?.is_some_and(|now| now.start_time == self.start_time);
        Ok(match (self.time_ns, time_namespace()?) {
            (then, now) if then == now => Some(same),
            // A record that names no time namespace: the same start time is not by chance, another one proves nothing.
            (None, _) if same => Some(true),
            _ => None,
        })
    }

    fn gone(&self) -> Sought {
        Sought::Gone(format!("process {} is gone", self.pid))
    }

    fn other_clock(&self) -> String {
        let there =
            self.time_ns.map_or_else(|| "an unknown time namespace".to_owned(), |ns| format!("time namespace {ns}"));
        format!("the start time of process {} counts in {there}, which is not ours: recover from there", self.pid)
    }
}

/// The id of this boot; `None` where it can't be read.
fn boot_id() -> Option<String> {
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(id.trim().to_owned()).filter(|id| !id.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ours() -> ProcessIdentity {
        let us = std::process::id().try_into().unwrap();
        ProcessIdentity::of(&PidFd::open(us).unwrap().unwrap()).unwrap()
    }

    #[test]
    fn a_mismatch_that_could_be_ours_is_unclear() {
        let right = ours();
        let later = right.start_time + 1;
        let rows = [
            ProcessIdentity { start_time: later, time_ns: Some(1), pidfd_inode: None, ..right.clone() },
            ProcessIdentity { time_ns: Some(1), pidfd_inode: None, ..right.clone() },
            ProcessIdentity { boot_id: String::new(), ..right.clone() },
        ];
        for identity in rows {
            let found = identity.find().unwrap();
            assert!(matches!(found, Sought::Unclear(_)), "{identity:?}: {found:?}");
        }
        if right.time_ns.is_some() {
            let old = ProcessIdentity { start_time: later, time_ns: None, pidfd_inode: None, ..right };
            assert!(matches!(old.find().unwrap(), Sought::Unclear(_)));
        }
    }

    #[test]
    fn a_process_is_found_by_its_inode_whatever_its_start_time_is_by_now_and_by_its_start_time_without() {
        let right = ours();
        let mut rows = vec![
            right.clone(),
            ProcessIdentity { pidfd_inode: None, ..right.clone() },
            ProcessIdentity { pidfd_inode: None, time_ns: None, ..right.clone() },
        ];
        if right.pidfd_inode.is_some() {
            rows.push(ProcessIdentity { start_time: right.start_time + 1, time_ns: Some(1), ..right });
        }
        for identity in rows {
            assert!(matches!(identity.find().unwrap(), Sought::Found(_)), "{identity:?}");
        }
    }

    #[test]
    fn proof_that_it_is_another_one_is_proof_that_it_is_gone() {
        let right = ours();
        let mut rows = vec![
            ProcessIdentity { start_time: right.start_time + 1, pidfd_inode: None, ..right.clone() },
            ProcessIdentity { boot_id: "other".into(), ..right.clone() },
            ProcessIdentity { pid: NonZeroU32::MAX, ..right.clone() },
        ];
        if right.pidfd_inode.is_some() {
            rows.push(ProcessIdentity { pidfd_inode: Some(1), ..right });
        }
        for identity in rows {
            assert!(matches!(identity.find().unwrap(), Sought::Gone(_)), "{identity:?}");
        }
    }
}
