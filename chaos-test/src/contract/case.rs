//! One fault on fresh subjects.

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::path::PathBuf;

use chaos_core::{
    ChaosResult, FaultNode, ParseError, Permission, PluginError, Policy, Presence, RunContext, Sighting, Span, Task,
    parse,
};
use chaos_runner::{Runner, RunnerBuilder, RunnerError};
use serde_json::{Value, json};

use crate::subjects::{Leftover, MARK};
use crate::{Bench, Subjects, run_context};

/// Why a rule is broken, or could not be tried.
#[derive(Debug, thiserror::Error)]
pub(super) enum Violation {
    #[error("{0}")]
    Seen(String),
    #[error("still there: {0:?}")]
    StillThere(Sighting),
    #[error(transparent)]
    Leftover(#[from] Leftover),
    #[error(transparent)]
    Plugin(#[from] PluginError),
    #[error(transparent)]
    Runner(#[from] RunnerError),
    #[error(transparent)]
    Parse(#[from] ParseError),
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    #[error("the suite failed: {0}")]
    Io(#[from] io::Error),
}

/// One fault on fresh subjects, in a place of its own.
pub(super) struct Case {
    pub(super) bench: Bench,
    pub(super) subjects: Subjects,
    /// The fault in its wire form, from which each run reads its own.
    pub(super) action: Value,
    /// What the subject function put into the folder.
    files: BTreeSet<PathBuf>,
}

impl Case {
    pub(super) fn new(build: &dyn Fn(&Subjects) -> io::Result<FaultNode>) -> Result<Self, Violation> {
        let subjects = Subjects::new()?;
        let action = serde_json::to_value(build(&subjects)?)?;
        let files = subjects.files()?;
        Ok(Self { bench: Bench::new()?, subjects, action, files })
    }

    pub(super) fn fault(&self) -> Result<FaultNode, Violation> {
        Ok(parse(&self.action)?)
    }

    pub(super) fn span(&self) -> Result<Span, Violation> {
        Ok(self.fault()?.span())
    }

    /// Everything that a fault may need, on nothing but the subjects.
    pub(super) fn policy(&self) -> Policy {
        let mut permissions = Permission::ALL.to_vec();
        permissions.retain(|permission| *permission != Permission::OutsidePaths);
        Policy {
            permissions,
            allow_paths: vec![self.subjects.folder().to_owned()],
            allow_commands: vec!["*".into()],
            ..Policy::default()
        }
    }

    pub(super) fn runner(&self) -> RunnerBuilder {
        let runner = Runner::builder().state_dir(self.bench.state()).workspace(self.bench.folder());
        // A model of the developer's own environment has no part in this.
        let env = HashMap::from([(MARK.to_owned(), self.subjects.mark())]);
        runner.env(env).seed(1).policy(self.policy())
    }

    pub(super) fn task(&self, action: &Value) -> Result<Task, Violation> {
        let mut entry = json!({"trigger": {"type": "test_now"}, "action": action});
        if self.span()? == Span::Sustained {
            entry["duration_seconds"] = json!(0.2);
        }
        Ok(Task::of(parse(&entry)?))
    }

    pub(super) fn run(&self, runner: RunnerBuilder, action: &Value) -> Result<ChaosResult, Violation> {
        let report = runner.build()?.run(self.task(action)?)?;
        report.entries.into_iter().next().ok_or_else(|| Violation::Seen("no result".to_owned()))
    }

    /// A context outside any run, for single verbs.
    pub(super) fn context(&self) -> RunContext {
        let mark = self.subjects.mark();
        let cx = run_context().run_id("contract").env([(MARK, mark.as_str())]).policy(self.policy());
        cx.workspace(self.bench.folder()).build()
    }

    /// Checks that the fault is gone and that nothing of it is left; a finite one leaves nothing to witness.
    pub(super) fn gone(&self) -> Result<(), Violation> {
        let fault = self.fault()?;
        if fault.span() == Span::Sustained {
            let seen = block_on(fault.witness(&self.context()))?;
            if seen.presence != Presence::Absent {
                return Err(Violation::StillThere(seen));
            }
        }
        Ok(self.subjects.check_left(&self.files)?)
    }

    /// The same, where no request may have been sent either.
    pub(super) fn untouched(&self) -> Result<(), Violation> {
        self.gone()?;
        match self.subjects.requests() {
            0 => Ok(()),
            requests => Err(Violation::Seen(format!("{requests} requests"))),
        }
    }
}

pub(super) fn block_on<F: Future>(future: F) -> io::Result<F::Output> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    Ok(runtime.block_on(future))
}
