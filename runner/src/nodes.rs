//! The nodes of a run: declared for the preflight, started before the steady state, stopped at the end.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chaos_core::{DeclaredNode, Member, NodeContext, NodePlace, Nodes, Plan, PluginError, RunContext, UndoLog};
use tokio::task::JoinSet;

use crate::dead_folders::LiveFolder;
use crate::guarded::{guarded, guarded_call};
use crate::preflight::{Refused, plan_allowed, reach};
use crate::shared::Shared;
use crate::undo_step::{STEP_DEADLINE, undo_step};

mod exits;

pub use exits::NodeFinding;
pub(crate) use exits::findings;

/// The nodes of one run.
pub(crate) struct RunNodes {
    /// Where their output goes.
    folder: PathBuf,
    nodes: Vec<RunNode>,
    /// Why some of what is declared can't be a node.
    refused: Vec<String>,
    /// The folders of theirs that Squall made, while it lives.
    live: Vec<LiveFolder>,
}

struct RunNode {
    name: String,
    declared: DeclaredNode,
    cx: NodeContext,
    member: Arc<dyn Member>,
}

/// A node that was started, with its steps.
#[derive(Clone)]
pub(crate) struct StartedNode {
    name: String,
    member: Arc<dyn Member>,
    log: Arc<UndoLog>,
}

/// Why a node is not up.
#[derive(Debug, thiserror::Error)]
enum StartError {
    #[error(transparent)]
    PlugIn(#[from] PluginError),
    #[error(transparent)]
    Panicked(#[from] crate::guarded::Panicked),
    #[error("the engine lost it")]
    Lost,
}

impl RunNodes {
    /// Makes the nodes known to the run `cx`; their output and their own folders go below `folder`. Touches nothing.
    pub(crate) fn declare(nodes: BTreeMap<String, DeclaredNode>, cx: &RunContext, folder: &Path) -> Self {
        let mut all = Self { folder: folder.to_owned(), nodes: Vec::new(), refused: Vec::new(), live: Vec::new() };
        for (name, declared) in nodes {
            match node(&name, &declared, cx, folder) {
                Ok((node_cx, member)) => {
                    let keys = declared.extra();
                    let known = cx.services().get::<Nodes>();
                    known.declare(&name, keys.labels.clone(), keys.protected, Arc::clone(&member));
                    all.nodes.push(RunNode { name, declared, cx: node_cx, member });
                }
                Err(why) => all.refused.push(format!("node `{name}`: {why}")),
            }
        }
        all
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.nodes.is_empty() && self.refused.is_empty()
    }

    /// Whether one of them can't be started under virtual time.
    pub(crate) fn need_real_time(&self) -> bool {
        self.nodes.iter().any(|node| node.member.needs_real_time())
    }

    /// Their names.
    pub(crate) fn names(&self) -> Vec<&str> {
        self.nodes.iter().map(|node| node.name.as_str()).collect()
    }

    /// Why some of what is declared can't be a node.
    pub(crate) fn refused(&self) -> &[String] {
        &self.refused
    }

    /// Makes those of their folders that are Squall's own, in `ours`, as folders of a live run.
    pub(crate) fn make_folders(&mut self, ours: &Path) -> io::Result<()> {
        let around = self.nodes.iter().filter_map(|node| node.cx.place().dir.parent());
        let folders: BTreeSet<&Path> =
            around.chain([self.folder.as_path()]).filter(|dir| is_within(dir, ours)).collect();
        self.live = folders.into_iter().map(LiveFolder::make).collect::<Result<_, _>>()?;
        Ok(())
    }

    /// Removes those folders, or keeps them for people; best effort.
    pub(crate) fn leave_folders(&mut self, keep: bool) {
        for folder in self.live.drain(..) {
            if keep { folder.keep() } else { folder.remove() }
        }
    }

    /// Where their output is.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// What each would touch, or why it would not be started.
    pub(crate) async fn plans(&self) -> Vec<(String, Result<Plan, Refused>)> {
        let mut plans = Vec::with_capacity(self.nodes.len());
        for node in &self.nodes {
            plans.push((node.name.clone(), node.allowed().await));
        }
        plans
    }

    /// Why they may not be started, as far as that is known before.
    pub(crate) async fn preflight(&self) -> Vec<String> {
        let mut refused = self.refused.clone();
        for (name, plan) in self.plans().await {
            refused.extend(plan.err().map(|why| format!("node `{name}`: {why}")));
        }
        refused
    }

    /// Starts all of them at the same time, and waits until they are ready. Gives those whose start began, and why the first
    /// that failed did.
    pub(crate) async fn start(&self, shared: &Arc<Shared>) -> (Vec<StartedNode>, Option<String>) {
        if let Err(error) = shared.guarded().await {
            return (Vec::new(), Some(error.to_string()));
        }
        let mut started = Vec::with_capacity(self.nodes.len());
        let mut starting = JoinSet::new();
        for node in &self.nodes {
            let log = UndoLog::new(Arc::clone(&shared.journal), node.cx.cx().clone(), None);
            let one = StartedNode { name: node.name.clone(), member: Arc::clone(&node.member), log };
            started.push(one.clone());
            shared.plug_ins.spawn_fault_in(&mut starting, async move {
                let undo = one.log.handle();
                let up = guarded(one.member.start(&undo)).await;
                (one.name, up.map_err(StartError::from).and_then(|up| up.map_err(StartError::from)))
            });
        }
        let mut failed = None;
        loop {
            let next = tokio::select! {
                biased;
                () = shared.cx().cancelled() => break,
                next = starting.join_next() => next,
            };
            let (name, up) = match next {
                None => break,
                Some(Ok(done)) => done,
                Some(Err(_)) => ("?".to_owned(), Err(StartError::Lost)),
            };
            match up {
                // Whoever waits for them sees them come.
                Ok(()) if shared.control.holds_nodes() => shared.cx().note(format!("node `{name}` is up")),
                Ok(()) => {}
                Err(why) => {
                    failed.get_or_insert(format!("node `{name}` is not up: {why}"));
                }
            }
        }
        (started, failed)
    }
}

impl RunNode {
    /// What starting it would touch, where all of it may be.
    async fn allowed(&self) -> Result<Plan, Refused> {
        let plan = guarded(self.declared.plan(&self.cx)).await??;
        let cx = self.cx.cx();
        plan_allowed(&plan, cx).await?;
        if let Some(ready) = &self.declared.extra().ready {
            reach(|| ready.reach(), cx).await?;
        }
        Ok(plan)
    }
}

/// Stops all of them at the same time, and replays their steps; gives what may still run.
pub(crate) async fn stop(started: Vec<StartedNode>, shared: &Arc<Shared>) -> Vec<String> {
    let mut stopping = JoinSet::new();
    for node in started {
        stopping.spawn(stop_one(node, Arc::clone(shared)));
    }
    let mut failures = Vec::new();
    while let Some(done) = stopping.join_next().await {
        failures.extend(done.unwrap_or_else(|error| vec![format!("the engine lost a node: {error}")]));
    }
    failures.sort();
    failures
}

async fn stop_one(node: StartedNode, shared: Arc<Shared>) -> Vec<String> {
    let StartedNode { name, member, log } = node;
    // What does not end by itself is ended by its step, and so is one whose `stop` panics.
    let _ = guarded(member.stop()).await;
    log.seal();
    log.drained().await;
    let mut failures = Vec::new();
    if shared.journal.taken_over() {
        return failures;
    }
    let cx = log.undo_context(STEP_DEADLINE);
    for armed in log.newest_first() {
        match undo_step(&armed.step, &cx, shared.plug_ins.steps()).await {
            Ok(_) => log.mark_undone(&armed),
            Err(error) => failures.push(format!("node `{name}`: {}: {error}", armed.described)),
        }
    }
    failures
}

/// Whether it is a folder in that one, and not that one itself.
fn is_within(dir: &Path, ours: &Path) -> bool {
    dir.starts_with(ours) && dir != ours
}

/// Makes the member of a declared node.
fn node(
    name: &str,
    declared: &DeclaredNode,
    cx: &RunContext,
    folder: &Path,
) -> Result<(NodeContext, Arc<dyn Member>), Refused> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if !name.starts_with(|c: char| c.is_ascii_alphabetic()) || !name.chars().all(is_name) {
        let why = "invalid name: expected a letter, then letters, digits, `_` or `-`";
        return Err(PluginError::refused(why).into());
    }
    let keys = declared.extra();
    let mut ports = BTreeMap::new();
    for (port, number) in &keys.ports.0 {
        let Some(number) = number else {
            let why = format!("port `{port}` has no number: give it one, as whoever loads a document does");
            return Err(PluginError::refused(why).into());
        };
        ports.insert(port.clone(), *number);
    }
    let dir = keys.dir.clone().unwrap_or_else(|| folder.join(name));
    let place = NodePlace { dir, logs: folder.join("logs"), ports };
    let its = cx.child(&format!("nodes/{name}"), None);
    let node_cx = NodeContext::new(name, its, place).ready_when(keys.readiness()).expecting_exit(keys.expect_exit);
    let member = guarded_call(|| declared.member(node_cx.clone()))??;
    Ok((node_cx, member))
}
