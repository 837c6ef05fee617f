//! The events of a plan through the engine: one entry each, in the order of the plan.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use chaos_core::{
    Answer, ChaosResult, ChaosSpec, Edge, FaultEdges, FaultNode, Nodes, Progress, SoakFault, SoakProgress, SoakSpec,
    Stage,
};
use chaos_runner::{EntryControl, RunnerError, Session};
use chaos_triggers::Immediate;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::judge::{EventEnd, SoakFailure};
use crate::plan::{PlannedEvent, SoakPlan, entry_name};
use crate::target::{SoakTarget, enough_left};

/// How one event of a plan ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FinishedEvent {
    /// Its number in the plan.
    pub number: u32,
    /// Its fault, as the pool names it.
    pub fault: String,
    /// The node that it acted on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// How it ended.
    #[serde(flatten)]
    pub end: EventEnd,
    /// Seconds from the beginning of the soak until it was started.
    pub started_seconds: f64,
    /// Seconds from the beginning of the soak until a check found it in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_force_seconds: Option<f64>,
    /// Seconds from the beginning of the soak until its undo began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undo_seconds: Option<f64>,
    /// Seconds from the beginning of the soak until nothing of it was left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gone_seconds: Option<f64>,
    /// Seconds until the system noticed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detect_seconds: Option<f64>,
    /// Seconds until its `verify` said yes after the undo began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recover_seconds: Option<f64>,
}

impl FinishedEvent {
    /// The name of its entry, and of the result of that.
    pub fn entry_name(&self) -> String {
        entry_name(&self.fault, self.number)
    }
}

/// What a soak did.
#[derive(Debug, Default)]
pub struct SoakEnd {
    /// The events that ended, in that order.
    pub events: Vec<FinishedEvent>,
    /// The first failure that ended it.
    pub failure: Option<SoakFailure>,
    /// Whether it was ended from outside.
    pub interrupted: bool,
    /// Whether the engine lost an event, which may still be in force.
    pub lost: bool,
    /// The results of the entries.
    pub results: Vec<ChaosResult>,
}

/// An event that was started.
struct Running {
    number: u32,
    fault: String,
    node: Option<String>,
    control: EntryControl,
}

/// When an event was started.
#[derive(Clone, Copy)]
struct Started {
    /// Seconds from the beginning of the soak.
    at: f64,
    /// How many edges the run knew then.
    edges: usize,
}

type Finished = (PlannedEvent, Started, Result<ChaosResult, RunnerError>);

struct Soak<'a> {
    session: &'a Session,
    spec: &'a SoakSpec,
    faults: BTreeMap<&'a str, &'a SoakFault>,
    targets: &'a [SoakTarget],
    all: usize,
    begun: Duration,
    /// How many nodes have ended by themselves.
    exits: watch::Receiver<usize>,
    crashes: usize,
    /// The event in which a node ended by itself, and what is said of that.
    crashed: Option<(u32, String)>,
    /// The number of the event that was started last.
    last: Option<u32>,
    passed: usize,
    missed: usize,
    skipped: usize,
    running: Vec<Running>,
    tasks: JoinSet<Finished>,
    stop: CancellationToken,
    end: SoakEnd,
}

/// Runs the events of a plan in a session whose nodes are up. It ends with the first failure that is not a missed window: what
/// is in force then is undone, and nothing more starts.
pub async fn drive(session: Session, spec: Arc<SoakSpec>, targets: Vec<SoakTarget>, plan: SoakPlan) -> SoakEnd {
    drive_until(session, spec, targets, plan, CancellationToken::new()).await
}

/// The same, until `stop` is cancelled: what is in force is undone then, and what an event did not show by then counts nowhere.
pub async fn drive_until(
    session: Session,
    spec: Arc<SoakSpec>,
    targets: Vec<SoakTarget>,
    plan: SoakPlan,
    stop: CancellationToken,
) -> SoakEnd {
    let begun = session.cx().clock().now();
    let nodes = session.cx().services().get::<Nodes>();
    let exits = nodes.watch_exits();
    let crashes = nodes.exits().len();
    let mut soak = Soak {
        session: &session,
        spec: &spec,
        faults: spec.pool.iter().map(|fault| (fault.label(), fault)).collect(),
        targets: &targets,
        all: plan.events.len(),
        begun,
        exits,
        crashes,
        crashed: None,
        last: None,
        passed: 0,
        missed: 0,
        skipped: 0,
        running: Vec::new(),
        tasks: JoinSet::new(),
        stop,
        end: SoakEnd::default(),
    };
    for event in plan.events {
        if !soak.until_due(&event).await {
            break;
        }
        soak.start(event);
    }
    soak.finish().await
}

impl Soak<'_> {
    /// Waits until the event may start; false when the soak is over before.
    async fn until_due(&mut self, event: &PlannedEvent) -> bool {
        let cx = self.session.cx();
        let due = self.begun + Duration::from_millis(event.at_ms);
        loop {
            if self.end.failure.is_some() || self.end.interrupted || self.stop.is_cancelled() {
                return false;
            }
            let now = cx.clock().now();
            if now >= due && self.has_room(event) {
                return true;
            }
            let wait = async {
                match due.checked_sub(now).filter(|left| !left.is_zero()) {
                    Some(left) => cx.clock().sleep(left).await,
                    // Only an event that ends makes room.
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = cx.cancelled() => self.end.interrupted = true,
                () = self.stop.cancelled() => {}
                Some(done) = self.tasks.join_next(), if !self.tasks.is_empty() => self.ended(done.ok()).await,
                _ = self.exits.changed() => self.look_for_a_crash(),
                () = wait => {}
            }
        }
    }

    /// Whether one more event may be in force, and its node be acted on. The plan took care of both by the times that it knew.
    fn has_room(&self, event: &PlannedEvent) -> bool {
        if self.running.is_empty() {
            return true;
        }
        let overlap = usize::try_from(self.spec.overlap.get()).unwrap_or(usize::MAX);
        let mut busy: BTreeSet<&str> = self.running.iter().filter_map(|one| one.node.as_deref()).collect();
        let free = event.node.as_deref().is_none_or(|node| busy.insert(node));
        free && self.running.len() < overlap && enough_left(self.targets, &busy, &self.spec.min_healthy)
    }

    fn start(&mut self, event: PlannedEvent) {
        let edges = self.session.cx().services().get::<FaultEdges>().watch().borrow().len();
        let started = Started { at: self.since_begun(self.session.cx().clock().now()), edges };
        let fault = self.faults.get(event.fault.as_str());
        let entry = fault.and_then(|fault| entry(fault, &event)).filter(|_| event.skipped.is_none());
        let Some(entry) = entry else {
            let why = event.skipped.clone().unwrap_or_else(|| "the document has no such fault".to_owned());
            self.record(&event, started, EventEnd::Skipped(why), None);
            return;
        };
        let on = event.node.as_deref().map(|node| format!(" on `{node}`")).unwrap_or_default();
        self.session.cx().note(format!("event {} of {}: `{}`{on}", event.number, self.all, event.fault));
        let handle = self.session.start_at(entry, &segment(event.number));
        self.last = Some(event.number);
        let (number, fault) = (event.number, event.fault.clone());
        self.running.push(Running { number, fault, node: event.node.clone(), control: handle.control() });
        self.tasks.spawn(async move { (event, started, handle.done().await) });
        self.tell();
    }

    /// Takes down how an event ended, and looks at what must hold after it.
    async fn ended(&mut self, done: Option<Finished>) {
        let Some((event, started, result)) = done else {
            self.end.lost = true;
            self.fail(None, "the engine lost an event".to_owned());
            return;
        };
        self.running.retain(|one| one.number != event.number);
        let interrupted = self.session.cx().cancel_token().is_cancelled();
        let cut = self.stop.is_cancelled();
        let fault = self.faults.get(event.fault.as_str()).copied();
        let judged = match (&result, fault) {
            (Err(error), _) => EventEnd::RevertFailed(error.to_string()),
            (Ok(result), Some(fault)) => EventEnd::of(result, fault),
            (Ok(_), None) => EventEnd::Skipped("the document has no such fault".to_owned()),
        };
        let mut end = match judged {
            // What an interrupted event did not show counts nowhere.
            EventEnd::Missed(_) | EventEnd::Broken(_) if interrupted => EventEnd::Skipped("interrupted".to_owned()),
            EventEnd::Missed(_) if cut => EventEnd::Skipped("ended early".to_owned()),
            judged => judged,
        };
        if !interrupted {
            self.look_for_a_crash();
        }
        if let Some((_, crash)) = self.crashed.take_if(|(number, _)| *number == event.number) {
            end = worse(end, EventEnd::Crashed(crash));
        } else if !interrupted
            && self.end.failure.is_none()
            && let Some(broken) = self.broken_invariant().await
        {
            end = worse(end, EventEnd::Broken(broken));
        }
        if let Some(rule) = end.rule() {
            let rule = rule.to_owned();
            self.fail(Some(event.number), rule);
        }
        let result = result.ok();
        self.record(&event, started, end, result.as_ref());
        self.end.results.extend(result);
    }

    /// The first failure counts; what is in force is undone.
    fn fail(&mut self, event: Option<u32>, rule: String) {
        if self.end.failure.is_none() {
            let after = event.map(|event| format!("event {event}: ")).unwrap_or_default();
            self.session.cx().note(format!("{after}{rule}; nothing more is injected"));
            self.end.failure = Some(SoakFailure { event, rule });
        }
        self.release();
    }

    fn release(&self) {
        for one in &self.running {
            one.control.release();
        }
    }

    /// A node that has ended by itself since the last look fails the soak, after the event that was started last.
    fn look_for_a_crash(&mut self) {
        let exits = self.session.cx().services().get::<Nodes>().exits();
        let new = exits.get(self.crashes..).and_then(|new| new.first());
        self.crashes = exits.len();
        let Some(exit) = new.filter(|_| self.end.failure.is_none()) else { return };
        let crash = format!("node `{}` ended by itself: {}", exit.node, exit.how);
        self.crashed = self.last.map(|event| (event, crash.clone()));
        self.fail(self.last, crash);
    }

    async fn broken_invariant(&self) -> Option<String> {
        for (index, probe) in self.spec.invariants.iter().enumerate() {
            let seen = self.session.observe(probe, &format!("soak/invariants/{index}")).await;
            // What can't be told does not prove that it holds.
            if seen.answer != Answer::Yes {
                return Some(format!("invariant `{}`", probe.label()));
            }
        }
        None
    }

    fn record(&mut self, event: &PlannedEvent, started: Started, end: EventEnd, result: Option<&ChaosResult>) {
        if let EventEnd::Missed(why) | EventEnd::Skipped(why) = &end {
            let word = if matches!(end, EventEnd::Missed(_)) { "missed" } else { "skipped" };
            self.session.cx().note(format!("event {}: {word}: {why}", event.number));
        }
        let moment = |stage| self.edge(event.number, started, stage).map(|edge| self.since_begun(edge.at));
        let finished = FinishedEvent {
            number: event.number,
            fault: event.fault.clone(),
            node: event.node.clone(),
            end,
            started_seconds: started.at,
            in_force_seconds: moment(Stage::InForce),
            undo_seconds: moment(Stage::Leaving),
            gone_seconds: moment(Stage::Gone),
            detect_seconds: result.and_then(|result| result.time_to_detect_seconds),
            recover_seconds: result.and_then(|result| result.time_to_recover_seconds),
        };
        match finished.end {
            EventEnd::Passed => self.passed += 1,
            EventEnd::Missed(_) => self.missed += 1,
            EventEnd::Skipped(_) => self.skipped += 1,
            _ => {}
        }
        self.end.events.push(finished);
        self.tell();
    }

    /// Tells how far it is.
    fn tell(&self) {
        let active = self.running.iter().map(|one| {
            let on = one.node.as_deref().map(|node| format!(" on {node}")).unwrap_or_default();
            format!("{}{on}", entry_name(&one.fault, one.number))
        });
        let judged = self.all.saturating_sub(self.skipped);
        self.session.cx().progress(Progress::Soak(SoakProgress {
            done: self.end.events.len(),
            planned: self.all,
            passed: self.passed,
            missed: self.missed,
            may_miss: most_misses(judged, self.spec.flake_budget_percent).saturating_sub(self.missed),
            active: active.collect(),
        }));
    }

    fn since_begun(&self, at: Duration) -> f64 {
        at.saturating_sub(self.begun).as_secs_f64()
    }

    /// The moment at which an event came to that stage.
    fn edge(&self, event: u32, started: Started, stage: Stage) -> Option<Edge> {
        let edges = self.session.cx().services().get::<FaultEdges>().watch();
        let position = format!("{}/{}", self.session.cx().path(), segment(event));
        let edges = edges.borrow();
        let mut own = edges.iter().skip(started.edges).filter(|edge| edge.entry.path == position);
        own.find(|edge| edge.stage == stage).cloned()
    }

    /// Waits for what is still in force; each event ends by its own hold.
    async fn finish(mut self) -> SoakEnd {
        let mut released = false;
        loop {
            tokio::select! {
                biased;
                () = self.stop.cancelled(), if !released => {
                    released = true;
                    self.release();
                }
                done = self.tasks.join_next() => match done {
                    Some(done) => self.ended(done.ok()).await,
                    None => break,
                },
                _ = self.exits.changed() => self.look_for_a_crash(),
            }
        }
        self.end.interrupted |= self.session.cx().cancel_token().is_cancelled();
        // No more will come.
        self.all = self.end.events.len();
        self.tell();
        self.end
    }
}

/// How many of so many events may miss their window.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a soak has at most 100,000 events, and a share is no less than 0"
)]
fn most_misses(events: usize, percent: f64) -> usize {
    (events as f64 * percent / 100.0).floor() as usize
}

/// Where an event stands in its run.
fn segment(event: u32) -> String {
    format!("soak/{event}")
}

/// A failed revert is worse than anything that is seen beside it.
fn worse(end: EventEnd, other: EventEnd) -> EventEnd {
    if end.rule().is_some() { end } else { other }
}

/// The entry of an event; `None` where its fault is none any more.
fn entry(fault: &SoakFault, event: &PlannedEvent) -> Option<ChaosSpec> {
    let mut entry = ChaosSpec::new(Immediate {}, FaultNode::deserialize(&event.action).ok()?);
    entry.name = event.entry_name();
    entry.duration_seconds = event.duration_seconds;
    entry.verify.clone_from(&fault.verify);
    entry.during.clone_from(&fault.during);
    entry.detect.clone_from(&fault.detect);
    entry.abort_if.clone_from(&fault.abort_if);
    Some(entry)
}

/// One entry for each fault that a plan draws, with what its first event draws: what a preflight asks the policy about.
pub fn dry_entries(spec: &SoakSpec, plan: &SoakPlan) -> Vec<ChaosSpec> {
    let first = |fault: &SoakFault| {
        let event = plan.events.iter().find(|event| event.fault == fault.label() && event.skipped.is_none())?;
        entry(fault, event)
    };
    spec.pool.iter().filter_map(first).collect()
}
