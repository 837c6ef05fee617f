//! The processes of a control plane: started, killed, frozen.

use std::collections::BTreeMap;
use std::future::Future;
use std::process::Child;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chaos_kube::{Cluster, ClusterAccess};
use rustix::io::{Errno, retry_on_intr};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};

use crate::error::RigError;
use crate::folder::Folder;
use crate::janitor::Janitor;
use crate::part::RigPart;
use crate::ports::Ports;
use crate::programs::Programs;
use crate::resources;
use crate::spawner::Spawner;

/// How long each step of the start may take: it takes 3 s in all on two idle cores.
const PATIENCE: Duration = Duration::from_mins(2);
/// How often it is looked whether something has come about.
const PAUSE: Duration = Duration::from_millis(50);
/// So often other ports are tried when somebody was faster.
const ATTEMPTS: usize = 3;
/// So much of a log stands in an error.
const SAID_BYTES: usize = 600;

/// A control plane. All of it ends when it is dropped, or when this process ends in any way.
#[derive(Debug)]
pub(crate) struct Plane {
    children: Mutex<BTreeMap<RigPart, Child>>,
    spawner: Spawner,
    programs: Programs,
    ports: Ports,
    folder: Folder,
    /// Dropped after the processes have ended.
    _janitor: Janitor,
}

impl Plane {
    /// Starts all of it, and returns when pods can be created.
    pub(crate) fn start(programs: &Programs) -> Result<Self, RigError> {
        let taken = |error: &RigError| error.to_string().contains("address already in use");
        let mut attempt = 1;
        loop {
            let plane = Self::empty(programs)?;
            match block_on(|| plane.run()) {
                Ok(()) => return Ok(plane),
                Err(error) if attempt < ATTEMPTS && taken(&error) => attempt += 1,
                Err(error) => return Err(error),
            }
        }
    }

    fn empty(programs: &Programs) -> Result<Self, RigError> {
        let ports = Ports::free()?;
        let folder = Folder::new(ports)?;
        let janitor = Janitor::new(folder.root()).map_err(RigError::file(folder.root()))?;
        let (programs, spawner, children) = (programs.clone(), Spawner::new(), Mutex::default());
        Ok(Self { children, spawner, programs, ports, folder, _janitor: janitor })
    }

    /// The store and the API server first, then the kinds of Chaos Mesh, since the garbage collector finds new kinds only every 30 s.
    async fn run(&self) -> Result<(), RigError> {
        self.spawn(RigPart::Etcd)?;
        self.eventually(RigPart::Etcd, "etcd", async || {
            TcpStream::connect(("127.0.0.1", self.ports.etcd))
                .await
                .map(drop)
                .map_err(|error| RigError::NotYet(error.to_string()))
        })
        .await?;
        self.spawn(RigPart::Api)?;
        self.ready().await?;
        let cluster = Cluster::connect(&self.own_access()).await?;
        resources::kinds(&cluster).await?;
        for part in [RigPart::Controllers, RigPart::Scheduler, RigPart::Kwok] {
            self.spawn(part)?;
        }
        resources::nodes(&cluster).await?;
        self.eventually(RigPart::Kwok, "nodes and the default service account", async || {
            resources::pods_can_run(&cluster).await
        })
        .await
    }

    /// Waits until the API server says that it is ready.
    pub(crate) async fn ready(&self) -> Result<(), RigError> {
        let cluster = Cluster::connect(&self.own_access()).await?;
        self.eventually(RigPart::Api, "a ready API server", async || {
            resources::get(&cluster, "/readyz").await.map(drop)
        })
        .await
    }

    /// Who tests are.
    pub(crate) fn access(&self) -> ClusterAccess {
        self.folder.access("admin")
    }

    /// Who the rig is.
    pub(crate) fn own_access(&self) -> ClusterAccess {
        self.folder.access("rig:self")
    }

    pub(crate) fn folder(&self) -> &Folder {
        &self.folder
    }

    pub(crate) fn kuberig(&self) -> &std::path::Path {
        &self.programs.kuberig
    }

    /// Starts a part that is not running; one that is running stays.
    pub(crate) fn spawn(&self, part: RigPart) -> Result<(), RigError> {
        let failed = |source| RigError::Process { part: part.name(), source };
        let mut children = self.children();
        if let Some(child) = children.get_mut(&part)
            && child.try_wait().map_err(failed)?.is_none()
        {
            return Ok(());
        }
        let child = self.spawner.spawn(part.command(&self.programs, &self.folder, self.ports)?).map_err(failed)?;
        children.insert(part, child);
        Ok(())
    }

    /// Ends a part by SIGKILL, and waits until it has ended.
    pub(crate) fn kill(&self, part: RigPart) -> Result<(), RigError> {
        let failed = |source| RigError::Process { part: part.name(), source };
        match self.children().remove(&part) {
            Some(mut child) => child.kill().and_then(|()| child.wait()).map(drop).map_err(failed),
            None => Ok(()),
        }
    }

    /// Sends a signal to a part that is running. After SIGSTOP it has stopped, with all its threads, when this returns.
    pub(crate) fn signal(&self, part: RigPart, signal: Signal) -> Result<(), RigError> {
        let failed = |source| RigError::Process { part: part.name(), source };
        let children = self.children();
        let pid = children.get(&part).map(Child::id).and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        let pid = pid.ok_or_else(|| failed(std::io::ErrorKind::NotFound.into()))?;
        kill_process(pid, signal).map_err(|error| failed(error.into()))?;
        if signal == Signal::STOP {
            // The state is left as it is: its end is for others to collect.
            let stopped = WaitIdOptions::STOPPED | WaitIdOptions::NOWAIT;
            match retry_on_intr(|| waitid(WaitId::Pid(pid), stopped)) {
                // One that has ended does nothing more either.
                Ok(_) | Err(Errno::CHILD) => {}
                Err(error) => return Err(failed(error.into())),
            }
        }
        Ok(())
    }

    /// The process of a part, where it runs.
    pub(crate) fn pid(&self, part: RigPart) -> Option<u32> {
        self.children().get(&part).map(Child::id)
    }

    fn children(&self) -> MutexGuard<'_, BTreeMap<RigPart, Child>> {
        self.children.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tries until it succeeds, for as long as the part that it depends on runs.
    async fn eventually(
        &self,
        part: RigPart,
        what: &str,
        attempt: impl AsyncFn() -> Result<(), RigError>,
    ) -> Result<(), RigError> {
        let until = Instant::now() + PATIENCE;
        loop {
            let Err(last) = attempt().await else { return Ok(()) };
            self.runs(part)?;
            if Instant::now() > until {
                return Err(RigError::Late {
                    what: what.to_owned(),
                    seconds: PATIENCE.as_secs(),
                    last: last.to_string(),
                });
            }
            sleep(PAUSE).await;
        }
    }

    fn runs(&self, part: RigPart) -> Result<(), RigError> {
        let failed = |source| RigError::Process { part: part.name(), source };
        let mut children = self.children();
        let child = children.get_mut(&part).ok_or_else(|| failed(std::io::ErrorKind::NotFound.into()))?;
        match child.try_wait().map_err(failed)? {
            None => Ok(()),
            Some(status) => Err(RigError::Ended { part: part.name(), status, said: self.said(part) }),
        }
    }

    /// The end of a part's log.
    fn said(&self, part: RigPart) -> String {
        let path = self.folder.root().join(format!("{}.log", part.name()));
        let log = std::fs::read(path).unwrap_or_default();
        String::from_utf8_lossy(&log[log.len().saturating_sub(SAID_BYTES)..]).trim().to_owned()
    }
}

impl Drop for Plane {
    fn drop(&mut self) {
        // The store last, so that nobody fills a log about it.
        for part in RigPart::ALL.into_iter().rev() {
            // Whatever is left ends with the spawner's thread, which is dropped next.
            let _ = self.kill(part);
        }
    }
}

/// Runs a future to its end, whatever runtime the caller is in.
pub(crate) fn block_on<T: Send, F: Future<Output = T>>(future: impl FnOnce() -> F + Send) -> T {
    let run = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime of one thread needs a few descriptors").block_on(future())
    };
    std::thread::scope(|scope| scope.spawn(run).join()).unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
