//! One fault on fresh subjects.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use chaos_core::{
    ChaosResult, DeclaredNode, FaultNode, Journal, NodeContext, NodePlace, Nodes, ParseError, Permission, PluginError,
    Policy, Presence, RunContext, Sighting, Span, Task, UndoLog, parse,
};
use chaos_runner::{Runner, RunnerBuilder, RunnerError};
use serde_json::{Value, json};

use crate::subjects::{Leftover, MARK, kill_behind};
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
    /// The context of single verbs, in which the nodes are up.
    single: OnceCell<Single>,
}

impl Case {
    pub(super) fn new(build: &dyn Fn(&Subjects) -> io::Result<FaultNode>) -> Result<Self, Violation> {
        let subjects = Subjects::new()?;
        let action = serde_json::to_value(build(&subjects)?)?;
        let files = subjects.files()?;
        Ok(Self { bench: Bench::new()?, subjects, action, files, single: OnceCell::new() })
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
        let mut task = Task::of(parse(&entry)?);
        for (name, node) in self.subjects.nodes() {
            task.nodes.insert(name, parse(&node)?);
        }
        Ok(task)
    }

    pub(super) fn run(&self, runner: RunnerBuilder, action: &Value) -> Result<ChaosResult, Violation> {
        let report = runner.build()?.run(self.task(action)?)?;
        report.entries.into_iter().next().ok_or_else(|| Violation::Seen("no result".to_owned()))
    }

    /// A context outside any run, for single verbs; the subject's nodes are up in it.
    pub(super) fn context(&self) -> Result<RunContext, Violation> {
        if self.single.get().is_none() {
            let nodes = self.subjects.nodes();
            let mark = self.subjects.mark();
            // What nodes start is left on purpose, until the case ends.
            let env = if nodes.is_empty() { vec![(MARK, mark.as_str())] } else { Vec::new() };
            let cx = run_context().run_id("contract").env(env).policy(self.policy());
            let single = Single::start(cx.workspace(self.bench.folder()).build(), &nodes, &self.bench)?;
            let _ = self.single.set(single);
        }
        let single = self.single.get().ok_or_else(|| Violation::Seen("no context".to_owned()))?;
        Ok(single.cx.clone())
    }

    /// Checks that the fault is gone and that nothing of it is left; a finite one leaves nothing to witness.
    pub(super) fn gone(&self) -> Result<(), Violation> {
        let fault = self.fault()?;
        if fault.span() == Span::Sustained {
            let cx = self.context()?;
            let seen = block_on(fault.witness(&cx))?;
            if seen.presence != Presence::Absent {
                return Err(Violation::StillThere(seen));
            }
        }
        self.nothing_left()
    }

    /// Checks that nothing is left of the fault, whatever it witnesses.
    pub(super) fn nothing_left(&self) -> Result<(), Violation> {
        Ok(self.subjects.check_left(&self.files)?)
    }

    /// Kills the nodes that are up and the process of the subjects, behind everybody's back.
    pub(super) fn kill_targets(&self) -> Result<(), Violation> {
        let known = self.context()?.services().get::<Nodes>();
        let mut pids: Vec<u32> = self.subjects.started().into_iter().collect();
        for (_, _, member) in known.all() {
            pids.extend(block_on(member.standing())?.pid.map(NonZeroU32::get));
        }
        Ok(pids.into_iter().try_for_each(kill_behind)?)
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

/// The context of single verbs, and what was started in it.
struct Single {
    cx: RunContext,
    log: Arc<UndoLog>,
}

impl Single {
    fn start(cx: RunContext, nodes: &BTreeMap<String, Value>, bench: &Bench) -> Result<Self, Violation> {
        let log = UndoLog::new(Arc::new(Journal::in_memory()), cx.clone(), None);
        let single = Self { cx, log };
        for (name, node) in nodes {
            let node: DeclaredNode = parse(node)?;
            let ports =
                node.extra().ports.0.iter().filter_map(|(port, number)| Some((port.clone(), (*number)?))).collect();
            let place = NodePlace { dir: bench.path(name), logs: bench.path("logs"), ports };
            let member = node.member(NodeContext::new(name, single.cx.clone(), place))?;
            let keys = node.extra();
            let known = single.cx.services().get::<Nodes>();
            known.declare(name, keys.labels.clone(), keys.protected, Arc::clone(&member));
            block_on(async { member.start(&single.log.handle()).await })??;
        }
        Ok(single)
    }
}

impl Drop for Single {
    fn drop(&mut self) {
        let cx = self.cx.undo_context(Duration::from_secs(10));
        for armed in self.log.newest_first() {
            // What can't be stopped has no one left to tell.
            let _ = block_on(async { armed.step.undo(&cx).await });
        }
        self.cx.services().get::<Nodes>().clear();
    }
}

/// One runtime for all, since what a member starts is waited for where it was started.
static RUNTIME: LazyLock<io::Result<tokio::runtime::Runtime>> =
    LazyLock::new(|| tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build());

pub(super) fn block_on<F: Future>(future: F) -> io::Result<F::Output> {
    match &*RUNTIME {
        Ok(runtime) => Ok(runtime.block_on(future)),
        Err(error) => Err(io::Error::new(error.kind(), error.to_string())),
    }
}
