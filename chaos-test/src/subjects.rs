//! What a contract suite lets a fault act on, and what it finds there afterwards.

use std::any::Any;
use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::service::Service;
use crate::time::pause;

/// The environment variable that programs of a contract run inherit, if a fault starts them on the run's environment.
pub(crate) const MARK: &str = "SQUALL_CONTRACT";

/// How long a connection that was closed may take to be seen as closed, and a program to be gone.
const SETTLE: Duration = Duration::from_secs(4);

/// A process that was killed and has not ended by then never will.
const HANG: Duration = Duration::from_mins(1);

/// How long the service is watched for requests that should not come any more.
const QUIET: Duration = Duration::from_millis(250);

/// Fresh subjects, each started when it is asked for; all are gone when this is dropped.
#[derive(Debug)]
pub struct Subjects {
    folder: TempDir,
    process: OnceCell<Process>,
    service: OnceCell<Service>,
    kept: RefCell<Vec<Box<dyn Any>>>,
    nodes: RefCell<BTreeMap<String, Value>>,
}

/// Something of a fault's that is still there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Leftover {
    /// Files in the folder.
    #[error("files are left: {0:?}")]
    Files(BTreeSet<PathBuf>),
    /// Connections to the service.
    #[error("{0} connections to the service are still open")]
    Connections(u64),
    /// Requests to the service.
    #[error("{0} requests reached the service after the end")]
    Requests(u64),
    /// Programs that were started on the run's environment.
    #[error("programs still run: {0:?}")]
    Programs(Vec<u32>),
    /// The subjects can't be looked at.
    #[error("the subjects can't be checked: {0}")]
    Io(#[from] io::Error),
}

/// A process that sleeps; gone when dropped.
#[derive(Debug)]
pub(crate) struct Process(Child);

impl Process {
    pub(crate) fn start() -> io::Result<Self> {
        Command::new("sleep").arg("600").stdin(Stdio::null()).spawn().map(Self)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }

    /// All that an undo could change of it.
    pub(crate) fn seen(&self) -> io::Result<String> {
        let read = |file: &str| fs::read_to_string(format!("/proc/{}/{file}", self.pid()));
        let state = || -> io::Result<String> {
            let status = read("status")?;
            Ok(status.lines().find(|line| line.starts_with("State:")).unwrap_or_default().to_owned())
        };
        let mut state_now = state()?;
        // One that has just begun runs or waits for its file, and sleeps then; what is frozen goes on to wait.
        for _ in 0..6000 {
            if !state_now.contains("R (running)") && !state_now.contains("D (disk sleep)") {
                break;
            }
            pause(Duration::from_millis(5));
            state_now = state()?;
        }
        Ok(format!("{state_now} {} {} {}", read("cgroup")?, read("oom_score_adj")?, read("limits")?))
    }
}

/// Kills a process that its parent has not been told of, and waits until it has ended.
pub(crate) fn kill_behind(pid: u32) -> io::Result<()> {
    Command::new("kill").args(["-KILL", &pid.to_string()]).stderr(Stdio::null()).status()?;
    let deadline = Instant::now() + HANG;
    let is_over = || {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.rsplit(") ").next().is_none_or(|rest| rest.is_empty() || rest.starts_with(['Z', 'X']))
    };
    while !is_over() {
        if Instant::now() > deadline {
            return Err(io::Error::other(format!("process {pid} does not end")));
        }
        pause(Duration::from_millis(5));
    }
    Ok(())
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may be gone already; either way nothing is left to wait for.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Subjects {
    /// Subjects of which only the folder is there yet.
    ///
    /// # Errors
    /// When the system has no room for temporary folders.
    pub fn new() -> io::Result<Self> {
        let folder = tempfile::tempdir()?;
        let (process, service) = (OnceCell::new(), OnceCell::new());
        Ok(Self { folder, process, service, kept: RefCell::default(), nodes: RefCell::default() })
    }

    /// The pid of a process that sleeps.
    ///
    /// # Errors
    /// When it can't be started.
    pub fn process(&self) -> io::Result<NonZeroU32> {
        if self.process.get().is_none() {
            let _ = self.process.set(Process::start()?);
        }
        let pid = self.started().and_then(NonZeroU32::new);
        pid.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    }

    /// The pid of the process, if it was asked for.
    pub(crate) fn started(&self) -> Option<u32> {
        self.process.get().map(Process::pid)
    }

    /// The address of an HTTP service that answers 200 to every request.
    ///
    /// # Errors
    /// When it can't be started.
    pub fn service(&self) -> io::Result<SocketAddr> {
        if self.service.get().is_none() {
            let _ = self.service.set(Service::start()?);
        }
        self.service.get().map(|service| service.address).ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    }

    /// A folder that the policy of the suite allows to be written in, and in which nothing may be left.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Keeps something of the subject function's own as long as the subjects, such as a server.
    pub fn keep(&self, value: impl Any) {
        self.kept.borrow_mut().push(Box::new(value));
    }

    /// Declares a node of the run, which is up while the fault acts; `keys` are what a document has under its name.
    pub fn node(&self, name: &str, keys: Value) {
        self.nodes.borrow_mut().insert(name.to_owned(), keys);
    }

    /// The nodes that were declared.
    pub(crate) fn nodes(&self) -> BTreeMap<String, Value> {
        self.nodes.borrow().clone()
    }

    /// How many requests the service has answered.
    pub(crate) fn requests(&self) -> u64 {
        self.service.get().map_or(0, Service::requests)
    }

    /// The value of [`MARK`] by which programs of this subject's run are found.
    pub(crate) fn mark(&self) -> String {
        self.folder.path().display().to_string()
    }

    /// Everything in the folder.
    pub(crate) fn files(&self) -> io::Result<BTreeSet<PathBuf>> {
        let mut files = BTreeSet::new();
        let mut open = vec![self.folder.path().to_owned()];
        while let Some(folder) = open.pop() {
            for entry in fs::read_dir(folder)? {
                let entry = entry?;
                if entry.file_type()?.is_dir() {
                    open.push(entry.path());
                }
                files.insert(entry.path());
            }
        }
        Ok(files)
    }

    /// Checks that nothing is left of a fault that is over, beside the files that were there `before`.
    pub(crate) fn check_left(&self, before: &BTreeSet<PathBuf>) -> Result<(), Leftover> {
        let deadline = Instant::now() + SETTLE;
        while let Err(left) = self.check_held() {
            if Instant::now() > deadline {
                return Err(left);
            }
            pause(Duration::from_millis(10));
        }
        let answered = self.requests();
        if self.service.get().is_some() {
            pause(QUIET);
        }
        let late = self.requests() - answered;
        if late > 0 {
            return Err(Leftover::Requests(late));
        }
        let new: BTreeSet<PathBuf> = self.files()?.difference(before).cloned().collect();
        if new.is_empty() { Ok(()) } else { Err(Leftover::Files(new)) }
    }

    /// What is given back with a little delay: connections and programs.
    fn check_held(&self) -> Result<(), Leftover> {
        let connections = self.service.get().map_or(0, Service::open);
        if connections > 0 {
            return Err(Leftover::Connections(connections));
        }
        let programs = programs_with(&format!("{MARK}={}", self.mark()))?;
        if programs.is_empty() { Ok(()) } else { Err(Leftover::Programs(programs)) }
    }
}

/// The processes whose environment holds `variable`; one that ended or is another user's counts for nothing.
fn programs_with(variable: &str) -> io::Result<Vec<u32>> {
    let mut pids = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let entry = entry?;
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let Ok(environment) = fs::read(entry.path().join("environ")) else { continue };
        if environment.split(|byte| *byte == 0).any(|own| own == variable.as_bytes()) {
            pids.push(pid);
        }
    }
    Ok(pids)
}
