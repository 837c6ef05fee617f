//! What a plug-in gets at run time: identity, time, randomness, events, cancellation, policy.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use tokio_util::sync::CancellationToken;

use super::entry_record::EntryRecord;
use crate::value::fnv::fnv1a;
use crate::{
    AllowedDir, Clock, EntryId, EventKind, Events, HostPort, Hosts, OpenDirError, PathBase, Policy, Progress, Redactor,
    Refusal, RunServices, Secret, UndoContext, is_api_key,
};

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
    /// What may be touched.
    pub policy: Arc<Policy>,
    /// Resolved hosts.
    pub hosts: Hosts,
    /// Environment variables that plug-ins may read.
    pub env: Arc<HashMap<String, String>>,
    /// Folder for files that a plug-in leaves on purpose (transcripts, results).
    pub workspace: PathBuf,
    /// What those files must not hold.
    pub redactor: Redactor,
}

/// The context of one node of a run, as plug-ins get it; cheap to clone. What only the engine may do is on
/// [`crate::RunScope`] and [`crate::EntryScope`] instead.
#[derive(Debug, Clone)]
pub struct RunContext {
    run: Arc<ContextParts>,
    path: String,
    cancel: CancellationToken,
    deadline: Option<Duration>,
    entry: Option<Arc<EntryRecord>>,
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
            entry: self.entry.clone(),
            services: self.services.clone(),
        }
    }

    pub(super) fn set_entry(&mut self, entry: Arc<EntryRecord>) {
        self.entry = Some(entry);
    }

    pub(super) fn set_cancel(&mut self, cancel: CancellationToken) {
        self.cancel = cancel;
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

    pub(crate) fn emit(&self, kind: EventKind) {
        let put = |kind| self.run.events.emit(&self.path, kind);
        match &self.entry {
            Some(entry) => entry.emit(kind, put),
            None => {
                put(kind);
            }
        }
    }

    /// Puts a sentence for people on the run's stream.
    pub fn note(&self, text: impl Into<String>) {
        self.emit(EventKind::Note { text: text.into() });
    }

    /// Puts a fault's own figures on the run's stream.
    pub fn progress(&self, progress: Progress) {
        self.emit(EventKind::Progress { progress });
    }

    pub(super) fn events(&self) -> &Events {
        &self.run.events
    }

    /// The entry that this node belongs to; `None` outside any.
    pub fn entry(&self) -> Option<&Arc<EntryId>> {
        self.entry.as_ref().map(|entry| &entry.id)
    }

    /// The nodes that the fault of this entry acts on, by its last plan; none outside an entry.
    pub fn injected_nodes(&self) -> Vec<String> {
        self.entry.as_ref().map(|entry| entry.nodes()).unwrap_or_default()
    }

    /// What the plug-ins of this run show each other.
    pub fn services(&self) -> &RunServices {
        &self.services
    }

    /// What may be touched.
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
            .with_services(self.services.clone())
    }

    fn path_base(&self) -> PathBase<'_> {
        PathBase { workspace: &self.run.workspace, home: self.env("HOME").map(Path::new) }
    }

    /// An environment variable.
    pub fn env(&self, name: &str) -> Option<&str> {
        self.run.env.get(name).map(String::as_str)
    }

    /// An environment variable that holds a secret: from here on it is masked in all that the run says, and no program that
    /// the run starts gets it.
    pub fn secret(&self, name: &str) -> Option<Secret> {
        let secret = Secret::new(self.env(name)?);
        self.run.redactor.learn(&secret);
        Some(secret)
    }

    /// The environment of the run for a program that is started on its behalf: without API keys, and without variables
    /// that hold a secret of the run. A program that needs one is told it by its author.
    pub fn environment(&self) -> HashMap<String, String> {
        let open = |(name, value): &(&String, &String)| !is_api_key(name) && !self.run.redactor.holds_secret(value);
        let shown = self.run.env.iter().filter(open);
        shown.map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    /// Folder for files that a plug-in leaves on purpose (transcripts, results).
    pub fn workspace(&self) -> &Path {
        &self.run.workspace
    }

    /// Masks what files in the workspace must not hold.
    pub fn redactor(&self) -> &Redactor {
        &self.run.redactor
    }
}
