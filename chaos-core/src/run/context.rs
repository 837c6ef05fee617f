//! What a plug-in gets at run time: identity, time, randomness, events, cancellation, policy.

use std::collections::HashMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use tokio_util::sync::CancellationToken;

use crate::value::fnv::fnv1a;
use crate::{
    ActiveSignal, AllowedDir, BoxFuture, ChaosResult, ChaosSpec, Clock, Edge, EntryId, EventKind, Events, Evidence,
    FaultEdges, HostPort, Hosts, OpenDirError, PathBase, Policy, Progress, Refusal, RunServices, Stage, UndoContext,
};

/// The only way in which an agent, a workflow or a plug-in runs a fault: through the engine, as an entry.
pub trait Engine: fmt::Debug + Send + Sync {
    /// Runs one entry to its end, with policy, journal, looks and undo as for an entry of a file.
    fn run<'a>(&'a self, entry: ChaosSpec, cx: &'a RunContext) -> BoxFuture<'a, ChaosResult>;
}

/// What a context is made of.
#[derive(Debug)]
pub struct ContextParts {
    /// Id of the run.
    pub run_id: String,
    /// Seed of every random choice.
    pub seed: u64,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Where events go.
    pub events: Events,
    /// The fence.
    pub policy: Arc<Policy>,
    /// Resolved hosts.
    pub hosts: Hosts,
    /// Environment variables that plug-ins may read.
    pub env: Arc<HashMap<String, String>>,
    /// Folder for files that a plug-in leaves on purpose (transcripts, results).
    pub workspace: PathBuf,
    /// The engine, where there is one.
    pub engine: Option<Arc<dyn Engine>>,
}

/// The context of one node of a run; cheap to clone.
#[derive(Debug, Clone)]
pub struct RunContext {
    run: Arc<ContextParts>,
    path: String,
    cancel: CancellationToken,
    deadline: Option<Duration>,
    active: Option<ActiveSignal>,
    entry: Option<Arc<EntryId>>,
    services: RunServices,
}

impl RunContext {
    /// The context of the run itself.
    pub fn new(parts: ContextParts, cancel: CancellationToken) -> Self {
        Self {
            run: Arc::new(parts),
            path: String::new(),
            cancel,
            deadline: None,
            active: None,
            entry: None,
            services: RunServices::default(),
        }
    }

    /// The context of a part of this node (`chaos_spec/1`), with a deadline of its own if one is given; the earlier
    /// deadline holds. Cancelling this one cancels the child, not the other way round.
    #[must_use]
    pub fn child(&self, segment: &str, deadline: Option<Duration>) -> Self {
        let own = deadline.map(|time| self.clock().now() + time);
        let deadline = match (self.deadline, own) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        Self {
            run: Arc::clone(&self.run),
            path: format!("{}/{segment}", self.path),
            cancel: self.cancel.child_token(),
            deadline,
            active: self.active.clone(),
            entry: self.entry.clone(),
            services: self.services.clone(),
        }
    }

    /// The same context as that of an entry with this name and this signal; [`FaultEdges`] knows it from now on.
    #[must_use]
    pub fn of_entry(mut self, name: &str, active: ActiveSignal) -> Self {
        let entry = Arc::new(EntryId { path: self.path.clone(), name: name.to_owned() });
        self.services.get::<FaultEdges>().enroll(&entry);
        self.active = Some(active);
        self.entry = Some(entry);
        self
    }

    /// The same context without it: a sustained fault is active when the engine has seen it, not when it says so.
    #[must_use]
    pub fn without_active(mut self) -> Self {
        self.active = None;
        self
    }

    /// Id of the run.
    pub fn run_id(&self) -> &str {
        &self.run.run_id
    }

    /// Position of this node in the document, as a JSON pointer.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Time.
    pub fn clock(&self) -> &dyn Clock {
        self.run.clock.as_ref()
    }

    /// Time, to be kept.
    pub fn shared_clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.run.clock)
    }

    /// Time left until this node's deadline; `None` without one.
    pub fn time_left(&self) -> Option<Duration> {
        self.deadline.map(|deadline| deadline.saturating_sub(self.clock().now()))
    }

    /// A random number generator of this node's own: same seed and same position, same numbers.
    pub fn rng(&self) -> ChaCha8Rng {
        ChaCha8Rng::seed_from_u64(self.run.seed ^ fnv1a(self.path.as_bytes()))
    }

    /// Seed of every random choice of the run.
    pub fn seed(&self) -> u64 {
        self.run.seed
    }

    /// Cancelled when the run is, or this node alone.
    pub fn cancel_token(&self) -> &CancellationToken {
        &self.cancel
    }

    /// Waits until cancelled.
    pub async fn cancelled(&self) {
        self.cancel.cancelled().await;
    }

    /// Waits for `time` or until cancelled; says whether the whole time passed.
    pub async fn sleep(&self, time: Duration) -> bool {
        self.cancel.run_until_cancelled(self.clock().sleep(time)).await.is_some()
    }

    /// Puts an event on the run's stream.
    pub fn emit(&self, kind: EventKind) {
        self.run.events.emit(&self.path, kind);
    }

    /// Puts a sentence for people on the run's stream.
    pub fn note(&self, text: impl Into<String>) {
        self.emit(EventKind::Note { text: text.into() });
    }

    /// Puts a fault's own figures on the run's stream.
    pub fn progress(&self, progress: Progress) {
        self.emit(EventKind::Progress { progress });
    }

    /// The run's stream.
    pub fn events(&self) -> &Events {
        &self.run.events
    }

    /// Says that a *finite* fault is in force, with what shows it. Only the first call counts.
    pub fn active(&self, evidence: Evidence) {
        if let Some(signal) = &self.active
            && signal.activate(evidence.clone())
        {
            self.edge(Stage::InForce);
            self.emit(EventKind::Active { evidence });
        }
    }

    /// Says that this entry's fault has changed its stage; the engine says it, and nobody else.
    pub fn edge(&self, stage: Stage) {
        if let Some(entry) = &self.entry {
            self.services.get::<FaultEdges>().tell(Edge { entry: Arc::clone(entry), stage, at: self.clock().now() });
        }
    }

    /// The entry that this node belongs to; `None` outside any.
    pub fn entry(&self) -> Option<&Arc<EntryId>> {
        self.entry.as_ref()
    }

    /// What the plug-ins of this run show each other.
    pub fn services(&self) -> &RunServices {
        &self.services
    }

    /// The fence.
    pub fn policy(&self) -> &Policy {
        &self.run.policy
    }

    /// The addresses of `host` that may be connected to; connect to these and to nothing else.
    pub async fn allowed_addresses(&self, host: &HostPort) -> Result<Vec<SocketAddr>, Refusal> {
        let _real = self.clock().external();
        self.run.hosts.allowed(host, &self.run.policy).await
    }

    /// Checks a file or folder that would be written; relative paths begin in the workspace.
    pub fn check_path(&self, path: &Path) -> Result<(), Refusal> {
        self.run.policy.check_path(path, self.path_base())
    }

    /// Opens an allowed directory, without following a symbolic link; relative paths begin in the workspace.
    pub fn open_dir(&self, path: &Path) -> Result<AllowedDir, OpenDirError> {
        self.run.policy.open_dir(path, self.path_base())
    }

    /// What an undo step of this run gets, when one attempt may take `deadline`.
    pub fn undo_context(&self, deadline: Duration) -> UndoContext {
        UndoContext::new(self.shared_clock(), deadline)
            .with_env(Arc::clone(&self.run.env))
            .with_hosts(self.run.hosts.clone(), Arc::clone(&self.run.policy))
    }

    fn path_base(&self) -> PathBase<'_> {
        PathBase { workspace: &self.run.workspace, home: self.env("HOME").map(Path::new) }
    }

    /// An environment variable.
    pub fn env(&self, name: &str) -> Option<&str> {
        self.run.env.get(name).map(String::as_str)
    }

    /// Every environment variable of the run, for a program that is started on its behalf.
    pub fn environment(&self) -> &HashMap<String, String> {
        &self.run.env
    }

    /// Folder for files that a plug-in leaves on purpose (transcripts, results).
    pub fn workspace(&self) -> &Path {
        &self.run.workspace
    }

    /// The engine, where there is one.
    pub fn engine(&self) -> Option<&dyn Engine> {
        self.run.engine.as_deref()
    }
}
