//! Runs the steps of an experiment: within the guardrails, through the engine, and written to the transcript.

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chaos_core::{ChaosResult, ChaosSpec, FaultNode, Observation, ProbeNode, Reverted, RunContext, Seconds, shortened};
use chaos_runner::{EntryHandle, Session};
use serde_json::Value;

use crate::budget::{self, BudgetKind, Cost, Spent};
use crate::finding::Finding;
use crate::guardrails::{self, StepRefusal};
use crate::measure::Measures;
use crate::setup::Setup;
use crate::stop::Stop;
use crate::transcript::{ExperimentTranscript, Line, RefusedCall, StepRecord, StepStart, TranscriptError, Writer};

/// A fault that has not come into force by then is not waited for any longer.
const ACTIVE_WITHIN: Duration = Duration::from_secs(30);

/// What the start of a fault may take beyond what is left of a budget, before it is ended early.
const SLACK: Duration = Duration::from_millis(200);

/// After so many steps in a row that a budget does not allow, the experiment ends.
const PATIENCE: u32 = 3;

/// Characters of a refused call that are kept.
const SHOWN: usize = 400;

/// What was done so far.
#[derive(Debug)]
struct Log {
    writer: Writer,
    spent: Spent,
    next: u32,
    /// Steps in a row that a budget did not allow.
    too_much: u32,
    steps: Vec<StepRecord>,
    findings: Vec<Finding>,
    /// The first reason for which no further step may be taken.
    stopped: Option<Stop>,
}

/// A step whose entry was started.
struct RunningStep {
    start: StepStart,
    begun: Duration,
    /// What it may take; after that it is ended early.
    limit: Duration,
    entry: EntryHandle,
}

/// Runs steps, one after the other.
#[derive(Debug)]
pub(crate) struct StepRunner {
    pub(crate) setup: Setup,
    session: Session,
    begun: Duration,
    log: Mutex<Log>,
}

impl StepRunner {
    pub(crate) fn new(setup: Setup, session: Session, writer: Writer) -> Self {
        let begun = session.cx().clock().now();
        let log = Log {
            writer,
            spent: Spent::default(),
            next: 1,
            too_much: 0,
            steps: Vec::new(),
            findings: Vec::new(),
            stopped: None,
        };
        Self { setup, session, begun, log: Mutex::new(log) }
    }

    pub(crate) fn cx(&self) -> &RunContext {
        self.session.cx()
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Milliseconds since the beginning.
    pub(crate) fn at_ms(&self) -> u64 {
        u64::try_from(self.cx().clock().now().saturating_sub(self.begun).as_millis()).unwrap_or(u64::MAX)
    }

    /// What was used up so far.
    pub(crate) fn spent(&self) -> Spent {
        let wall = self.cx().clock().now().saturating_sub(self.begun).as_secs_f64();
        Spent { wall_seconds: wall, ..self.log().spent }
    }

    /// Counts what the model used up.
    pub(crate) fn spend_model(&self, turns: u32, tokens: u64) {
        let spent = &mut self.log().spent;
        (spent.turns, spent.tokens) = (turns, tokens);
    }

    /// What is left of the budget `wall_seconds`.
    pub(crate) fn time_left(&self) -> Duration {
        let wall = self.setup.budget.wall_seconds.get();
        wall.saturating_sub(self.cx().clock().now().saturating_sub(self.begun))
    }

    /// The steps that ended.
    pub(crate) fn steps(&self) -> Vec<StepRecord> {
        self.log().steps.clone()
    }

    /// What strategies found.
    pub(crate) fn findings(&self) -> Vec<Finding> {
        self.log().findings.clone()
    }

    /// Why no further step may be taken.
    pub(crate) fn stopped(&self) -> Option<Stop> {
        self.log().stopped.clone()
    }

    /// No further step may be taken from now on; the first reason stays.
    pub(crate) fn stop(&self, why: Stop) -> Stop {
        self.log().stopped.get_or_insert(why).clone()
    }

    /// Writes a line of the transcript.
    pub(crate) fn write(&self, line: &Line) -> Result<(), Stop> {
        let written = self.log().writer.write(line);
        written.map_err(|error| self.stop(error.into()))
    }

    /// Writes down what a strategy found.
    pub(crate) fn found(&self, finding: Finding) -> Result<Finding, Stop> {
        self.write(&Line::Finding(finding.clone()))?;
        self.log().findings.push(finding.clone());
        Ok(finding)
    }

    /// The transcript so far, read back.
    pub(crate) fn transcript(&self) -> Result<ExperimentTranscript, TranscriptError> {
        self.log().writer.transcript()
    }

    /// Where the transcript is.
    pub(crate) fn path(&self) -> PathBuf {
        self.log().writer.path().to_owned()
    }

    /// Writes down that a call was refused.
    pub(crate) fn refuse(&self, call: &Value, why: &impl ToString) -> Stop {
        let (call, why) = (shortened(&call.to_string(), SHOWN), why.to_string());
        let line = Line::Refused(RefusedCall { at_ms: self.at_ms(), call, why: why.clone() });
        self.write(&line).err().unwrap_or(Stop::Refused(why))
    }

    /// Checks a step against guardrails and budget, of which `beside` is taken already. Nothing has been touched yet.
    async fn admit(
        &self,
        fault: &FaultNode,
        hold: Option<Seconds>,
        beside: Option<Cost>,
    ) -> Result<(ChaosSpec, Cost), Stop> {
        if let Some(why) = self.stopped() {
            return Err(why);
        }
        if self.cx().cancel_token().is_cancelled() {
            return Err(self.stop(Stop::Cancelled));
        }
        let admitted = guardrails::entry(&self.setup, fault, hold, self.cx()).await;
        let (entry, cost) = admitted.map_err(|why| match (self.refuse(&json(fault), &why), why) {
            // A plan looks at the world, and may tell what it saw.
            (Stop::Refused(text), StepRefusal::Plan(_)) => Stop::Failed(text),
            (stop, _) => stop,
        })?;
        let spent = beside.map_or_else(|| self.spent(), |other| self.spent().with(other));
        budget::check(cost, &self.setup.budget, &spent).map_err(|budget| self.too_much(budget))?;
        Ok((entry, cost))
    }

    /// A step that a budget does not allow: refused, or the end of the experiment where nothing is left or the planner insists.
    fn too_much(&self, budget: BudgetKind) -> Stop {
        let times = {
            let mut log = self.log();
            log.too_much = log.too_much.saturating_add(1);
            log.too_much
        };
        let over = times >= PATIENCE || budget::used_up(budget, &self.setup.budget, &self.spent());
        if over { self.stop(Stop::Budget(budget)) } else { Stop::Budget(budget) }
    }

    /// Runs a fault of the planner's choice to its end.
    pub(crate) async fn fault(
        &self,
        fault: &FaultNode,
        hold: Option<Seconds>,
        label: &str,
    ) -> Result<StepRecord, Stop> {
        self.check_choice(fault)?;
        let (entry, _) = self.admit(fault, hold, None).await?;
        self.run(entry, label).await
    }

    /// Runs a strategy's own load to its end.
    pub(crate) async fn load(&self, load: &FaultNode, label: &str) -> Result<StepRecord, Stop> {
        let (entry, _) = self.admit(load, None, None).await?;
        self.run(entry, label).await
    }

    fn check_choice(&self, fault: &FaultNode) -> Result<(), Stop> {
        guardrails::may_use(&self.setup, fault).map_err(|why| self.refuse(&json(fault), &why))
    }

    /// Runs a fault of the planner's choice and, as soon as it is in force, a strategy's load. Gives the step of the load.
    pub(crate) async fn load_under(
        &self,
        fault: &FaultNode,
        hold: Seconds,
        load: &FaultNode,
        label: &str,
    ) -> Result<StepRecord, Stop> {
        self.check_choice(fault)?;
        let (fault, cost) = self.admit(fault, Some(hold), None).await?;
        let (load, _) = self.admit(load, None, Some(cost)).await?;
        let fault = self.start(fault, &format!("{label}: the fault"))?;
        let mut control = fault.entry.control();
        let under = async {
            match self.cx().clock().timeout(ACTIVE_WITHIN, control.active()).await {
                Some(Some(_)) => Some(self.run(load, label).await),
                _ => None,
            }
        };
        let (fault_step, load_step) = tokio::join!(self.finish(fault), under);
        let fault_step = fault_step?;
        if let Some(step) = load_step {
            return step;
        }
        let why = fault_step.result.and_then(|result| result.error).unwrap_or_default();
        Err(Stop::Failed(format!("the fault did not come into force: {why}")))
    }

    async fn run(&self, entry: ChaosSpec, label: &str) -> Result<StepRecord, Stop> {
        self.finish(self.start(entry, label)?).await
    }

    fn start(&self, mut entry: ChaosSpec, label: &str) -> Result<RunningStep, Stop> {
        let start = self.begin(entry.action.type_name(), json(&entry.action), label)?;
        label.clone_into(&mut entry.name);
        let begun = self.cx().clock().now();
        let limit = self.time_left().min(self.fault_time_left()).saturating_add(SLACK);
        let entry = self.session.start_at(entry, &format!("steps/{}", start.id));
        Ok(RunningStep { start, begun, limit, entry })
    }

    async fn finish(&self, step: RunningStep) -> Result<StepRecord, Stop> {
        let RunningStep { start, begun, limit, entry } = step;
        let result = self.session.done_within(entry, limit).await;
        let result = result.map_err(|error| self.stop(Stop::Failed(error.to_string())))?;
        let taken = self.cx().clock().now().saturating_sub(begun);
        let failed = (result.reverted == Reverted::Failed).then(|| result.error.clone().unwrap_or_default());
        let step = self.end(start, taken, Some(result), None)?;
        if let Some(why) = failed {
            return Err(self.stop(Stop::InForce(why)));
        }
        if self.cx().cancel_token().is_cancelled() {
            return Err(self.stop(Stop::Cancelled));
        }
        Ok(step)
    }

    fn fault_time_left(&self) -> Duration {
        let left = self.setup.budget.fault_seconds.get().as_secs_f64() - self.log().spent.fault_seconds;
        Duration::try_from_secs_f64(left).unwrap_or_default()
    }

    /// Asks a probe once.
    pub(crate) async fn observe(&self, probe: &ProbeNode, label: &str) -> Result<StepRecord, Stop> {
        if let Some(why) = self.stopped() {
            return Err(why);
        }
        let reach = probe.reach().map_err(|error| self.refuse(&json(probe), &error))?;
        guardrails::hosts(&self.setup, &reach).map_err(|why| self.refuse(&json(probe), &why))?;
        let afforded = budget::check(Cost::default(), &self.setup.budget, &self.spent());
        afforded.map_err(|budget| self.stop(Stop::Budget(budget)))?;
        let start = self.begin(probe.type_name(), json(probe), label)?;
        let begun = self.cx().clock().now();
        let seen = self.session.observe(probe, &format!("steps/{}", start.id)).await;
        self.end(start, self.cx().clock().now().saturating_sub(begun), None, Some(seen))
    }

    /// Whether the budget leaves room for a check between two steps.
    pub(crate) fn may_check(&self) -> bool {
        !budget::used_up(BudgetKind::Requests, &self.setup.budget, &self.spent())
    }

    /// A check between two steps, which is not a step itself: how long the target takes to answer one request.
    pub(crate) async fn check(&self, probe: &ProbeNode) -> (Observation, Duration) {
        let begun = self.cx().clock().now();
        let seen = self.session.observe(probe, "rest").await;
        let spent = &mut self.log().spent;
        spent.requests = spent.requests.saturating_add(1);
        (seen, self.cx().clock().now().saturating_sub(begun))
    }

    fn begin(&self, plug_in: &str, action: Value, label: &str) -> Result<StepStart, Stop> {
        let id = {
            let mut log = self.log();
            let id = log.next;
            log.next = id.saturating_add(1);
            log.too_much = 0;
            log.spent.steps = log.spent.steps.saturating_add(1);
            id
        };
        let (label, plug_in) = (label.to_owned(), plug_in.to_owned());
        let start = StepStart { id, at_ms: self.at_ms(), label, plug_in, action };
        self.write(&Line::Started(start.clone()))?;
        self.cx().note(format!("step {id}: {}", start.label));
        Ok(start)
    }

    fn end(
        &self,
        start: StepStart,
        taken: Duration,
        result: Option<ChaosResult>,
        observation: Option<Observation>,
    ) -> Result<StepRecord, Stop> {
        let seconds = taken.as_secs_f64();
        let mut step =
            StepRecord { start, seconds, result, observation, measures: Measures::new(), spent: Spent::default() };
        step.measures = step.recomputed();
        {
            let spent = &mut self.log().spent;
            // What the engine counted, not what was planned.
            spent.requests = spent.requests.saturating_add(counted(&step.measures));
            spent.fault_seconds += step.result.as_ref().map_or(0.0, |result| result.elapsed_time);
        }
        step.spent = self.spent();
        self.write(&Line::Step(Box::new(step.clone())))?;
        self.log().steps.push(step.clone());
        Ok(step)
    }
}

/// A fault or probe as the transcript keeps it.
fn json(node: &impl serde::Serialize) -> Value {
    serde_json::to_value(node).unwrap_or_default()
}

/// Requests that were made; one that was sent once more counts twice.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count, and a cast from f64 saturates")]
fn counted(measures: &Measures) -> u64 {
    ["started", "retries"].iter().filter_map(|name| measures.get(*name)).sum::<f64>() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_that_was_sent_once_more_counts_against_the_budget_twice() {
        let measures = |figures: &[(&str, f64)]| figures.iter().map(|(name, n)| ((*name).into(), *n)).collect();
        assert_eq!(counted(&measures(&[("started", 100.0), ("retries", 7.0), ("requests", 90.0)])), 107);
        assert_eq!(counted(&measures(&[("started", 100.0)])), 100);
        assert_eq!(counted(&Measures::new()), 0);
    }
}
