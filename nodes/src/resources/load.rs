//! Loads: children of ours that use resources, and the undo step that ends them.

use std::io::{self, BufRead, BufReader};
use std::num::NonZeroU32;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use chaos_core::{LoadUsage, PluginError, UndoContext, UndoStep, Undone, blocking, boot_id, register_undo_step};
use chaos_host::{PidFd, Signal, TreeMark, kill_marked, moment, pid_namespace, sees_every_process};
use serde::{Deserialize, Serialize};

use crate::stress::{NAME, Orders, READY, VARIABLE, Work, arguments, is_installed};

/// How long a load may take to use what it is to use; a hang is an error.
const READY_WITHIN: Duration = Duration::from_secs(30);

/// How many looks: a hang is an error.
const LOOKS: u32 = 5_000;

/// A load that runs, and whether memory is what it uses.
#[derive(Debug)]
pub(crate) struct Load(PidFd, bool);

/// Ends the loads of one mark.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StopLoad {
    /// What they load: "the processor of node `n1`".
    pub of: String,
    /// The mark in their environment, which is known before their pids are.
    pub mark: String,
    /// The boot in which they were started.
    pub boot_id: String,
    /// The inode of the pid namespace in which they were started.
    pub pid_ns: u64,
}

/// Refuses where this program can't be a load.
pub(crate) fn possible() -> Result<(), PluginError> {
    if is_installed() {
        return Ok(());
    }
    let why =
        "this program does not call `squall::helper::run_if_asked()` first in its `main`, so it can't start loads";
    Err(PluginError::refused(why))
}

impl Load {
    /// Starts one, and waits until it uses what it is to use. Blocks.
    ///
    /// The kernel ends it with the thread that started it, so that thread waits for its end.
    pub(crate) fn start(work: Work, join: Vec<PathBuf>, mark: &TreeMark) -> Result<Self, PluginError> {
        let (tell, told) = mpsc::channel();
        let orders = Orders { parent: std::process::id(), work, join };
        let mut command = Command::new("/proc/self/exe");
        command.arg0(NAME).args(arguments()).env_clear().env(VARIABLE, orders.write());
        command.env(TreeMark::VARIABLE, mark.value(None)).current_dir("/").process_group(0);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let waits = move || {
            let mut child = match command.spawn() {
                Ok(child) => child,
                Err(error) => return tell.send(Err(error)).unwrap_or_default(),
            };
            let _ = tell.send(ready(&mut child));
            // It is ended by its step.
            let _ = child.wait();
        };
        let failed = |error: &io::Error| PluginError::io("start a load", error);
        std::thread::Builder::new().name("squall-load".into()).spawn(waits).map_err(|error| failed(&error))?;
        let started = told.recv_timeout(READY_WITHIN).map_err(|_| failed(&io::ErrorKind::TimedOut.into()))?;
        started.map(|held| Self(held, work != Work::Cpu)).map_err(|error| failed(&error))
    }

    /// Waits until the system tells of its use. Blocks.
    pub(crate) fn has_begun(&self) -> Result<(), PluginError> {
        for _ in 0..LOOKS {
            match self.usage()? {
                Some(usage) if usage.cpu_ms > 0 => return Ok(()),
                Some(usage) if usage.memory_bytes > 0 && self.1 => return Ok(()),
                Some(_) => moment(),
                None => return Err(PluginError::failed(format!("process {} has ended", self.0.pid()))),
            }
        }
        Err(PluginError::failed(format!("process {} uses no processor", self.0.pid())))
    }

    /// Ends it.
    pub(crate) fn end(&self) {
        // One that is gone has ended.
        let _ = self.0.signal(Signal::KILL);
    }

    /// What it uses; `None` when it is gone.
    pub(crate) fn usage(&self) -> Result<Option<LoadUsage>, PluginError> {
        let pid = self.0.pid();
        let failed = |error| PluginError::io(&format!("read the state of process {pid}"), &error);
        if self.0.stat().map_err(failed)?.is_none_or(|stat| stat.is_dead()) {
            return Ok(None);
        }
        let usage = self.0.usage().map_err(failed)?;
        Ok(usage.map(|usage| LoadUsage {
            label: format!("process {pid}"),
            cpu_ms: usage.cpu_ms,
            memory_bytes: usage.memory_bytes,
        }))
    }
}

/// Waits until the child says that it is ready; what else it says is why not.
fn ready(child: &mut std::process::Child) -> io::Result<PidFd> {
    let gone = || io::Error::new(io::ErrorKind::NotFound, "it has ended");
    // Not collected yet, so the number is its own.
    let held = NonZeroU32::new(child.id()).map(PidFd::open).transpose()?.flatten().ok_or_else(gone)?;
    let lines = child.stdout.take().map(BufReader::new).ok_or_else(gone)?.lines();
    // A test program says other things before.
    let mut last = String::new();
    for line in lines {
        let line = line?;
        if line.ends_with(READY) {
            return Ok(held);
        }
        if !line.trim().is_empty() {
            last = line;
        }
    }
    let _ = held.signal(Signal::KILL);
    Err(if last.is_empty() { gone() } else { io::Error::other(last) })
}

impl StopLoad {
    pub(crate) fn of(of: String, mark: &TreeMark) -> Result<Self, PluginError> {
        let pid_ns = pid_namespace().map_err(|error| PluginError::io("read our pid namespace", &error))?;
        Ok(Self { of, mark: mark.text().to_owned(), boot_id: boot_id(), pid_ns })
    }
}

impl UndoStep for StopLoad {
    async fn undo(&self, cx: &UndoContext) -> Result<Undone, PluginError> {
        let (of, now) = (&self.of, boot_id());
        if self.boot_id != now && !self.boot_id.is_empty() && !now.is_empty() {
            return Ok(Undone::NothingToDo(format!("the load on {of} was of another boot")));
        }
        let Some(mark) = TreeMark::read(&self.mark) else {
            return Err(PluginError::failed(format!("`{}` is not the mark of a load", self.mark)));
        };
        let _real = cx.clock().external();
        let pid_ns = self.pid_ns;
        let killed = blocking(move || {
            let killed = kill_marked(&[mark])?.pop().unwrap_or(Ok(0))?;
            Ok::<_, io::Error>((killed, pid_ns == pid_namespace()? || sees_every_process()))
        });
        match killed.await?.map_err(|error| PluginError::io(&format!("end the load on {of}"), &error))? {
            (_, false) => {
                let why = format!("the load on {of} runs in pid namespace {pid_ns}, which is not visible");
                Err(PluginError::failed(format!("{why}: recover from there")))
            }
            (0, true) => Ok(Undone::NothingToDo(format!("nothing of the load on {of} is left"))),
            (count, true) => Ok(Undone::Reverted(format!("the load on {of} has ended ({count} killed)"))),
        }
    }

    fn describe(&self) -> String {
        format!("end the load on {}", self.of)
    }
}

register_undo_step!(StopLoad, "stop_load");
