//! What the tests of this family share: a place to run in, and targets.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use chaos_core::{
    ContextParts, Events, Hosts, Journal, LoadRequest, Policy, RealClock, RunContext, RunScope, SystemResolver, Undo,
    UndoLog,
};
use serde_json::json;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// A workspace and an environment.
pub(super) struct TestContext {
    folder: TempDir,
    env: HashMap<String, String>,
}

impl TestContext {
    pub(super) fn new(env: &[(&str, &str)]) -> Self {
        let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Self { folder: tempfile::tempdir().unwrap(), env }
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(super) fn cx(&self) -> RunContext {
        self.cx_under(Policy::default())
    }

    pub(super) fn cx_under(&self, policy: Policy) -> RunContext {
        self.scope(policy).cx().clone()
    }

    pub(super) fn scope(&self, policy: Policy) -> RunScope {
        let clock = Arc::new(RealClock::new());
        let parts = ContextParts {
            run_id: "run".into(),
            seed: 1,
            events: Events::new(clock.clone()),
            clock,
            policy: Arc::new(policy),
            hosts: Hosts::new(Arc::new(SystemResolver)),
            env: Arc::new(self.env.clone()),
            workspace: self.folder.path().to_owned(),
        };
        RunScope::new(parts, CancellationToken::new())
    }
}

/// An undo log that nobody replays.
pub(super) fn undo(cx: &RunContext) -> Undo {
    UndoLog::new(Arc::new(Journal::in_memory()), cx.clone(), None).handle()
}

/// A target; an empty duration and no connections leave them open.
pub(super) fn target(url: &str, qps: u32, duration: &str, connections: u32) -> LoadRequest {
    let mut target = json!({"service_url": url, "qps": qps});
    if !duration.is_empty() {
        target["duration"] = json!(duration);
    }
    if connections > 0 {
        target["concurrency"] = json!(connections);
    }
    chaos_core::parse(&target).unwrap()
}
