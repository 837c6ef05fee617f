//! A link of a run, watched from outside: by the process table, by what it answers on its control socket, and by a client.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU16, AtomicU32, Ordering};
use std::time::Duration;

use serde_json::Value;

use crate::link_client::{Seen, look};
use crate::link_server::{LinkServer, Passing};
use crate::processes::{environment_of, has_ended, kill_pid, with_argument};
use crate::sleeper::state_of;

/// What the node of the link is called.
pub(crate) const NODE: &str = "ab";

/// How long the link may take to answer on its control socket.
const ANSWER: Duration = Duration::from_secs(5);

/// How a link stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Standing {
    /// There is no process of it, and its port leads nowhere.
    Gone,
    /// Its control socket tells of no fault, and a client's bytes pass unharmed.
    Passes,
    /// Its process is stopped by an undo that was to end it, and died in between: it is for recovery to end.
    Halted,
    /// Something of a fault is left: what, and who sees it.
    Harmed(String),
}

/// A link to a server of this process.
#[derive(Debug)]
pub(crate) struct LinkWatch {
    server: LinkServer,
    /// Where it listens, once its process has been seen; 0 before.
    port: AtomicU16,
    /// The run that it was seen of.
    run: AtomicU32,
}

impl Drop for LinkWatch {
    fn drop(&mut self) {
        // What a finding has left.
        for (pid, _) in processes_of(self.run.load(Ordering::Relaxed)) {
            kill_pid(pid);
        }
    }
}

/// The processes of the links of a run, with their orders.
fn processes_of(run: u32) -> Vec<(u32, Value)> {
    let begins = format!("SQUALL_LINK={{\"run\":{run},");
    let orders = |pid| {
        let variable = environment_of(pid, begins.as_bytes())?;
        Some((pid, serde_json::from_str(variable.split_once('=')?.1).ok()?))
    };
    with_argument(b"squall-link").into_iter().filter_map(orders).filter(|(pid, _)| !has_ended(*pid)).collect()
}

impl LinkWatch {
    /// Starts its server.
    pub(crate) fn start(passing: Passing) -> io::Result<Self> {
        Ok(Self { server: LinkServer::start(passing)?, port: AtomicU16::new(0), run: AtomicU32::new(0) })
    }

    /// Where the link forwards to.
    pub(crate) fn upstream(&self) -> String {
        self.server.address().to_string()
    }

    /// What a client sees of it now; `None` before its process was seen.
    pub(crate) fn seen(&self) -> Option<Seen> {
        let port = self.port.load(Ordering::Relaxed);
        (port != 0).then(|| look(port, &self.server))
    }

    /// Whether there is a process of it, for a run of that pid.
    fn is_served(&self, run: u32) -> bool {
        let all = processes_of(run);
        for port in all.iter().filter_map(|(_, orders)| u16::try_from(orders["listen"].as_u64()?).ok()) {
            self.port.store(port, Ordering::Relaxed);
            self.run.store(run, Ordering::Relaxed);
        }
        !all.is_empty()
    }

    /// Whether its process is stopped.
    fn is_halted(run: u32) -> bool {
        processes_of(run).into_iter().any(|(pid, _)| state_of(pid) == Some('T'))
    }

    /// Whether anything of it is there: a process, or a port that leads to the server.
    pub(crate) fn is_there(&self, run: u32) -> bool {
        self.is_served(run) || self.leads_on()
    }

    /// Whether bytes that a client sends to its port still come to the server, unharmed or not.
    fn leads_on(&self) -> bool {
        self.seen().is_some_and(|seen| seen == Seen::Passes)
    }

    /// How it stands, for a run of that pid in that folder.
    pub(crate) fn standing(&self, place: &Path, run: u32) -> Standing {
        if !self.is_served(run) {
            return if self.leads_on() {
                Standing::Harmed("it has no process, and its port leads to the server".to_owned())
            } else {
                Standing::Gone
            };
        }
        match acts(place) {
            Err(_) if Self::is_halted(run) => Standing::Halted,
            Err(error) => Standing::Harmed(format!("its control socket: {error}")),
            Ok(acts) if !acts.is_empty() => Standing::Harmed(format!("its control socket: {}", acts.join(", "))),
            Ok(_) => match self.seen() {
                Some(Seen::Passes) => Standing::Passes,
                Some(Seen::NotThere(why) | Seen::Harmed(why)) => Standing::Harmed(format!("a client: {why}")),
                None => Standing::Harmed("it was not told where to listen".to_owned()),
            },
        }
    }
}

/// What acts on the link whose run is in that folder, as the link itself says; empty for one that is up without toxics.
pub(crate) fn acts(place: &Path) -> io::Result<Vec<String>> {
    let folder = folder(place).ok_or(io::ErrorKind::NotFound)?;
    let folder = File::open(folder)?;
    // By the handle of the folder: the path of a socket may have 107 bytes.
    let mut stream = UnixStream::connect(format!("/proc/self/fd/{}/link.sock", folder.as_raw_fd()))?;
    stream.set_read_timeout(Some(ANSWER))?;
    stream.write_all(b"\"read\"\n")?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line)?;
    let told: Value = serde_json::from_str(&line)?;
    let reading = &told["reading"];
    let (Some(toxics), Some(up), Some(flapping)) =
        (reading["toxics"].as_array(), reading["up"].as_bool(), reading["flapping"].as_bool())
    else {
        return Err(io::Error::other(format!("it answers `{}`", line.trim_end())));
    };
    let mut acts: Vec<String> = toxics.iter().map(|toxic| toxic.as_str().unwrap_or("?").to_owned()).collect();
    acts.extend(
        [(!up, "down"), (flapping, "flapping")].into_iter().filter(|(is, _)| *is).map(|(_, word)| word.to_owned()),
    );
    Ok(acts)
}

/// The folder of the link's node, with its socket.
fn folder(place: &Path) -> Option<PathBuf> {
    let runs = fs::read_dir(place.join("squall/nodes")).ok()?.flatten();
    runs.map(|run| run.path().join(NODE)).find(|folder| folder.join("link.sock").exists())
}

#[cfg(test)]
mod tests;
