//! What the tests of this family share: a place to run in, and targets.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use chaos_core::{Journal, LoadRequest, Policy, RunContext, RunScope, Undo, UndoLog};
use chaos_test::{Subjects, run_context};
use serde_json::json;
use tempfile::TempDir;

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
        let env = self.env.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        run_context().run_id("run").policy(policy).env(env).workspace(self.folder.path()).scope()
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

/// A short load on the service of a contract run.
pub(super) fn subject(subjects: &Subjects) -> std::io::Result<LoadRequest> {
    Ok(target(&format!("http://{}/", subjects.service()?), 20, "1s", 4))
}
