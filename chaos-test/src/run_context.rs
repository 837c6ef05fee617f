//! The context of a run, for tests of single plug-in calls.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use chaos_core::{
    Clock, ContextParts, Events, Hosts, Policy, RealClock, Resolve, RunContext, RunScope, SystemResolver, VirtualClock,
};
use tokio_util::sync::CancellationToken;

/// A context on real time, with the default policy and an empty environment, in the temporary folder.
pub fn run_context() -> RunContextBuilder {
    RunContextBuilder {
        run_id: "test".to_owned(),
        seed: 1,
        clock: Arc::new(RealClock::new()),
        policy: Policy::default(),
        resolver: Arc::new(SystemResolver),
        env: HashMap::new(),
        workspace: std::env::temp_dir(),
        cancel: CancellationToken::new(),
    }
}

/// Settings of a test's context.
#[derive(Debug)]
#[must_use = "`build` makes the context"]
pub struct RunContextBuilder {
    run_id: String,
    seed: u64,
    clock: Arc<dyn Clock>,
    policy: Policy,
    resolver: Arc<dyn Resolve>,
    env: HashMap<String, String>,
    workspace: PathBuf,
    cancel: CancellationToken,
}

impl RunContextBuilder {
    /// Sets the id of the run.
    pub fn run_id(mut self, run_id: &str) -> Self {
        run_id.clone_into(&mut self.run_id);
        self
    }

    /// Sets the seed.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Uses virtual time from 1970 on; the test's runtime must be paused.
    pub fn virtual_time(mut self) -> Self {
        self.clock = Arc::new(VirtualClock::starting_at(SystemTime::UNIX_EPOCH));
        self
    }

    /// Sets what is allowed.
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// Sets how names become addresses.
    pub fn resolver(mut self, resolver: Arc<dyn Resolve>) -> Self {
        self.resolver = resolver;
        self
    }

    /// Adds environment variables.
    pub fn env<'a>(mut self, variables: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        self.env.extend(variables.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())));
        self
    }

    /// Sets the workspace.
    pub fn workspace(mut self, folder: impl Into<PathBuf>) -> Self {
        self.workspace = folder.into();
        self
    }

    /// Sets the token that cancels the run.
    pub fn cancel(mut self, token: CancellationToken) -> Self {
        self.cancel = token;
        self
    }

    /// The context, as a plug-in gets it.
    pub fn build(self) -> RunContext {
        self.scope().cx().clone()
    }

    /// The engine's side of it, from which events are read.
    pub fn scope(self) -> RunScope {
        let parts = ContextParts {
            run_id: self.run_id,
            seed: self.seed,
            events: Events::new(Arc::clone(&self.clock)),
            clock: self.clock,
            policy: Arc::new(self.policy),
            hosts: Hosts::new(self.resolver),
            env: Arc::new(self.env),
            workspace: self.workspace,
            redactor: chaos_core::Redactor::default(),
        };
        RunScope::new(parts, self.cancel)
    }
}
