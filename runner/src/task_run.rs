//! The run of a task: a session that starts all entries at the same time, with the steady state before and after.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chaos_core::{
    Answer, BoxFuture, ChaosResult, FaultTimes, Nodes, Observation, ProbeRole, REPORT_FORMAT, Reverted, SteadyProbe,
    Task, TimeBounds, Verdict, Verification, WorkflowStep,
};

use crate::ask::{ask_steady, blocked};
use crate::cause::Cause;
use crate::driven_session::DrivenSession;
use crate::dry_run;
use crate::entry::Entry;
use crate::guarded::guarded;
use crate::handle::EntryHandle;
use crate::judge::run_verdict;
use crate::nodes::{self, NodeFinding, RunNodes};
use crate::preflight::{self, Refused};
use crate::recover::RecoverReport;
use crate::report::{Machine, Report, SQUALL_VERSION};
use crate::session::{self, Driven, Session, to_the_millisecond};
use crate::source_report::SourceReport;
use crate::sources::{self, RunSources};

/// A task whose entries are known in a session; none has begun.
pub(crate) struct TaskRun {
    session: Session,
    nodes: RunNodes,
    sources: RunSources,
    entries: Vec<Entry>,
    steady_state: Arc<Vec<SteadyProbe>>,
    name: Option<String>,
    seed: u64,
    recovered: RecoverReport,
    /// What the work is about to do, for the preflight.
    workflow: Option<Arc<WorkflowStep>>,
    hold: Option<NodeHold>,
    /// Behind a lock only because what is called once is not `Sync`.
    drive: Mutex<Option<Drive>>,
    is_driven: bool,
}

/// Work in a run whose nodes are up and whose steady state was there: it starts entries until it is done.
pub(crate) type Drive = Box<dyn FnOnce(Session) -> BoxFuture<'static, Driven> + Send>;

/// Nodes are held for ad-hoc work.
#[derive(Clone, Copy)]
pub(crate) struct NodeHold {
    /// At most so long.
    pub(crate) limit: Option<Duration>,
}

/// What a run has seen of the world around its entries.
struct Seen {
    begun: Duration,
    started_at: SystemTime,
    before: Vec<Verification>,
    after: Vec<Verification>,
    /// Why the nodes were not held.
    not_begun: Option<String>,
    /// Nodes that may still run, and why.
    left: Vec<String>,
    /// What the sources of evidence took in.
    sources: Vec<SourceReport>,
}

impl TaskRun {
    pub(crate) fn new(session: Session, mut task: Task, seed: u64, recovered: RecoverReport) -> Self {
        let folder = session.shared().state.nodes().join(session.cx().run_id());
        let sources = RunSources::declare(std::mem::take(&mut task.evidence), session.cx());
        let nodes = RunNodes::declare(std::mem::take(&mut task.nodes), session.cx(), &folder);
        let positions: Vec<String> = (0..task.entries.len()).map(|index| task.position(index)).collect();
        let specs = std::mem::take(&mut task.entries).into_iter().zip(positions);
        let entries = specs.map(|(spec, at)| session.enter(spec, at.trim_start_matches('/'))).collect();
        let (steady_state, name) = (Arc::new(task.steady_state), task.name);
        Self {
            session,
            nodes,
            sources,
            entries,
            steady_state,
            name,
            seed,
            recovered,
            workflow: task.workflow,
            hold: None,
            drive: Mutex::new(None),
            is_driven: false,
        }
    }

    /// Holds the nodes for ad-hoc work.
    pub(crate) fn hold_nodes(&mut self, hold: NodeHold) {
        self.session.control().begin_to_hold();
        self.hold = Some(hold);
    }

    /// Does `drive` in place of entries.
    pub(crate) fn drive(&mut self, drive: Drive) {
        self.drive = Mutex::new(Some(drive));
        self.is_driven = true;
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Runs it to its end.
    pub(crate) async fn run(mut self) -> Report {
        let clock = self.session.cx().shared_clock();
        let mut seen = Seen {
            begun: clock.now(),
            started_at: clock.wall(),
            before: Vec::new(),
            after: Vec::new(),
            not_begun: None,
            left: Vec::new(),
            sources: Vec::new(),
        };
        let names = self.entries.iter().map(|entry| entry.spec().name.clone()).collect();
        self.session.tell_start(self.name.clone(), names, self.seed, &self.recovered);
        let refused = self.preflight().await;
        seen.not_begun = refused.as_ref().map(|refused| refused.first.clone());
        let mut causes = refused.map(|refused| refused.causes);
        let mut taking_in = Vec::new();
        if causes.is_none() {
            let (up, failed) = self.sources.start(self.session.shared()).await;
            taking_in = up;
            causes = failed.map(|why| self.not_up(&mut seen, why));
        }
        let mut started = Vec::new();
        if causes.is_none() && !self.nodes.is_empty() {
            let made = self.nodes.make_folders(&self.session.shared().state.nodes());
            let (up, failed) = match made {
                Ok(()) => self.nodes.start(self.session.shared()).await,
                Err(error) => (Vec::new(), Some(format!("no folder for the nodes can be made: {error}"))),
            };
            started = up;
            causes = failed.map(|why| self.not_up(&mut seen, why));
        }
        if causes.is_none() {
            seen.before = self.steady_state(ProbeRole::SteadyStateBefore).await;
            if let Some(lost) = seen.before.iter().find(|probe| probe.answer != Answer::Yes) {
                let why = format!("the steady state was not there to begin with (`{}`: {})", lost.name, lost.detail);
                causes = Some(self.entries.iter().map(|_| Cause::Skipped(why.clone())).collect());
                self.session.shared().stop_new(why);
            }
        }
        let began = causes.is_none();
        let outside = match self.hold {
            Some(hold) if began => self.held(hold).await,
            _ => Vec::new(),
        };
        let driven = match self.taken_drive() {
            Some(drive) if began => self.driven(drive).await,
            _ => Driven::default(),
        };
        let mut results = self.entries_to_their_end(causes, outside).await;
        results.extend(driven.results);
        if began {
            seen.after = self.steady_state(ProbeRole::SteadyStateAfter).await;
        }
        seen.left = nodes::stop(started, self.session.shared()).await;
        // What a node says at its end is taken in, too.
        seen.sources = sources::stop(taking_in, self.session.shared()).await;
        // What was ended by us is none of them.
        let exits = nodes::findings(self.session.cx(), seen.begun);
        self.session.cx().services().get::<Nodes>().clear();
        self.report(results, driven.verdict, exits, seen).await
    }

    /// Nothing starts, since something around the entries is not up.
    fn not_up(&self, seen: &mut Seen, why: String) -> Vec<Cause> {
        seen.not_begun = Some(why.clone());
        let causes = self.entries.iter().map(|_| Cause::Skipped(why.clone())).collect();
        self.session.shared().stop_new(why);
        causes
    }

    fn taken_drive(&self) -> Option<Drive> {
        self.drive.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Does the work; what it started is over when this returns, also where it panicked.
    async fn driven(&self, drive: Drive) -> Driven {
        let (session, services) = (self.session.clone(), self.session.cx().services());
        services.get::<DrivenSession>().begin(session.clone());
        let done = guarded(async move { drive(session).await }).await;
        let left = self.session.settled().await;
        let left = self.session.revert().await.or(left);
        let others = services.get::<DrivenSession>().end();
        let mut driven = done.unwrap_or_else(|panicked| {
            let name = format!("the work of the run: {panicked}");
            Driven { results: vec![lost(name)], verdict: None }
        });
        // What others undo is not left to anybody.
        if left.is_some() && !self.session.shared().journal.taken_over() {
            driven.verdict = Some(Verdict::RevertFailed);
        }
        driven.results.extend(others);
        driven
    }

    /// Holds the nodes until somebody ends that; gives the entries that are being undone then.
    async fn held(&self, hold: NodeHold) -> Vec<EntryHandle> {
        let (cx, control) = (self.session.cx(), self.session.control());
        let names = self.nodes.names();
        cx.note(format!("nodes up: {}; held until `squall down {}`", listed(&names), cx.run_id()));
        let limit = async {
            match hold.limit {
                Some(limit) => cx.clock().sleep(limit).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = cx.cancelled() => {}
            () = control.down_token().cancelled() => cx.note("the nodes are let go"),
            () = limit => cx.note("the time is up"),
        }
        let outside = self.session.close_outside();
        for entry in &outside {
            entry.release();
        }
        outside
    }

    /// Asks about everything declared; with one refusal nothing starts, and each entry has its cause.
    async fn preflight(&self) -> Option<NothingStarts> {
        let (shared, cx) = (self.session.shared(), self.session.cx());
        if let Some(first) = self.nodes.refused().first() {
            // A fault on a node that can't be would only say that there is none.
            return Some(self.nothing_starts(first.clone(), Vec::new()));
        }
        let mut refused = Vec::new();
        for (index, entry) in self.entries.iter().enumerate() {
            // Interrupted, each entry ends at once, and says so.
            let found = tokio::select! {
                biased;
                () = cx.cancelled() => return None,
                found = session::preflight(entry) => found,
            };
            refused.extend(found.refusal.map(|why| (index, why)));
        }
        let mut of_nodes = self.nodes.preflight().await;
        if !shared.real_time && self.nodes.need_real_time() {
            of_nodes.insert(0, "nodes can't be started under virtual time".to_owned());
        }
        of_nodes.extend(self.sources.preflight(shared.real_time).await);
        let (steady, its) = (Arc::clone(&self.steady_state), Arc::clone(shared));
        let beside = async move { preflight::beside(&steady, &its.checks, its.cx()).await };
        let beside = tokio::select! {
            biased;
            () = cx.cancelled() => return None,
            beside = shared.plug_ins.run(beside) => beside,
        };
        let steps = match &self.workflow {
            Some(workflow) => tokio::select! {
                biased;
                () = cx.cancelled() => return None,
                steps = dry_run::steps(workflow, &shared.checks, cx) => steps,
            },
            None => Vec::new(),
        };
        let steps = steps.into_iter().filter_map(|step| Some(format!("step `{}`: {}", step.name, step.refusal?)));
        let beside: Vec<String> = of_nodes.into_iter().chain(beside).chain(steps).collect();
        let first = match (refused.first(), beside.first()) {
            (Some((index, why)), _) => format!("`{}`: {why}", self.entries[*index].spec().name),
            (None, Some(why)) => why.clone(),
            (None, None) => return None,
        };
        Some(self.nothing_starts(first, refused))
    }

    /// Why each entry does not start: its own refusal, else the first one of the task.
    fn nothing_starts(&self, first: String, refused: Vec<(usize, Refused)>) -> NothingStarts {
        let skipped = || Cause::Skipped(format!("nothing was started, because not all of it may run ({first})"));
        let mut causes: Vec<Cause> = self.entries.iter().map(|_| skipped()).collect();
        for (index, why) in refused {
            causes[index] = why.into();
        }
        NothingStarts { first, causes }
    }

    async fn steady_state(&self, role: ProbeRole) -> Vec<Verification> {
        if self.steady_state.is_empty() {
            return Vec::new();
        }
        let (steady, shared) = (Arc::clone(&self.steady_state), Arc::clone(self.session.shared()));
        let asked = async move { ask_steady(&steady, role, "steady_state", &shared.scope).await };
        tokio::select! {
            biased;
            seen = self.session.shared().plug_ins.run(asked) => seen,
            () = blocked(self.session.cx()) => {
                let silent = || Observation::unknown("no answer before the run was interrupted");
                self.steady_state.iter().map(|probe| Verification::of(probe.label(), silent())).collect()
            }
        }
    }

    /// All entries at the same time, each on its own trigger; their results in the document's order, and those that
    /// were started from outside behind them.
    async fn entries_to_their_end(
        &mut self,
        causes: Option<Vec<Cause>>,
        outside: Vec<EntryHandle>,
    ) -> Vec<ChaosResult> {
        let mut causes = causes.into_iter().flatten();
        let entries = std::mem::take(&mut self.entries).into_iter();
        let begun = entries.map(|entry| self.session.begin(entry, causes.next()));
        let begun: Vec<_> = begun.chain(outside).collect();
        let mut results = Vec::with_capacity(begun.len());
        for entry in begun {
            let name = entry.name().to_owned();
            results.push(entry.done().await.unwrap_or_else(|_| lost(name)));
        }
        while let Some(outside) = self.session.take_outside() {
            for entry in outside {
                let name = entry.name().to_owned();
                results.push(entry.done().await.unwrap_or_else(|_| lost(name)));
            }
        }
        results
    }

    async fn report(
        mut self,
        entries: Vec<ChaosResult>,
        judged: Option<Verdict>,
        exits: Vec<NodeFinding>,
        seen: Seen,
    ) -> Report {
        let verdicts: Vec<_> = match judged {
            Some(verdict) => vec![verdict],
            None => entries.iter().map(|entry| entry.verdict).collect(),
        };
        let of_exits = exits.iter().map(|exit| exit.verdict).max();
        let of_nodes = if seen.left.is_empty() { of_exits } else { Some(Verdict::RevertFailed) };
        let verdict = match self.hold {
            // Holding nodes shows nothing by itself.
            Some(_) if verdicts.is_empty() && seen.not_begun.is_none() => Verdict::Unchecked,
            _ => run_verdict(&verdicts, &seen.before, &seen.after),
        };
        let verdict = of_nodes.map_or(verdict, |of_nodes| verdict.max(of_nodes));
        // What its nodes and its steady state did then says nothing of the system.
        let others = self.session.shared().journal.taken_over() && verdict != Verdict::RevertFailed;
        let verdict = if others { Verdict::Inconclusive } else { verdict };
        let keep = verdict.exit_code() != 0;
        self.nodes.leave_folders(keep);
        if keep && self.nodes.folder().exists() {
            let folder = self.nodes.folder().display();
            self.session.cx().note(format!("the output of the nodes is in `{folder}`"));
        }
        let failed = entries.iter().any(|entry| entry.reverted == Reverted::Failed);
        let undone = !failed && judged != Some(Verdict::RevertFailed) && seen.left.is_empty();
        let cx = self.session.cx();
        let unix = seen.started_at.duration_since(UNIX_EPOCH).unwrap_or_default();
        let report = Report {
            format: REPORT_FORMAT,
            squall_version: SQUALL_VERSION.to_owned(),
            task: self.name,
            file: None,
            command: None,
            machine: Machine::this(),
            run_id: cx.run_id().to_owned(),
            verdict,
            success: !entries.is_empty() && entries.iter().all(|entry| entry.success),
            entries,
            steady_state_before: seen.before,
            steady_state_after: seen.after,
            not_begun: seen.not_begun.filter(|_| self.hold.is_some() || self.is_driven),
            node_exits: exits,
            nodes_left: seen.left,
            sources: seen.sources,
            baseline: None,
            recovered: self.recovered,
            seed: self.seed,
            sham: self.session.shared().sham,
            started_at_unix_seconds: to_the_millisecond(unix),
            elapsed_seconds: cx.clock().now().saturating_sub(seen.begun).as_secs_f64(),
        };
        self.session.tell_end(undone, verdict).await;
        report
    }
}

/// "n1, n2, n3", and how many more there are.
fn listed(names: &[&str]) -> String {
    let first: Vec<&str> = names.iter().take(NAMED).copied().collect();
    let more = names.len() - first.len();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    first.join(", ") + &more
}

/// How many nodes a message names.
const NAMED: usize = 10;

/// Why nothing starts.
struct NothingStarts {
    /// The first reason.
    first: String,
    /// That of each entry.
    causes: Vec<Cause>,
}

/// The result of an entry whose task is gone: every plug-in call is guarded, so this is a panic of the engine's own.
fn lost(name: String) -> ChaosResult {
    ChaosResult {
        success: false,
        injected_fault: String::new(),
        output: String::new(),
        elapsed_time: 0.0,
        error: Some("the engine panicked: the fault may still be in force".to_owned()),
        name,
        verdict: Verdict::RevertFailed,
        witness: None,
        verification: None,
        probes: Vec::new(),
        reverted: Reverted::Failed,
        timeline: Vec::new(),
        time_to_detect_seconds: None,
        time_to_recover_seconds: None,
        times: FaultTimes::default(),
        bounds: TimeBounds::default(),
        time_to_abort_seconds: None,
        abort_unseen_seconds: None,
        control: None,
        load: None,
    }
}
