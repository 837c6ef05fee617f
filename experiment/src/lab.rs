//! The laboratory: every step of an experiment, in one place, through the engine, within the fence, on the record.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chaos_core::{ChaosResult, ChaosSpec, EventKind, ProbeNode, Reverted, RunContext, Seconds};
use chaos_runner::Session;
use serde_json::Value;

use crate::budget::{self, BudgetKind, Cost, Spent};
use crate::fence;
use crate::finding::Finding;
use crate::measure::Measures;
use crate::record::{Asked, Line, RecordError, Refused, Step, Writer};
use crate::setup::Setup;

/// A fault that has not come into force by then is not waited for any longer.
const ACTIVE_WITHIN: Duration = Duration::from_secs(30);

/// What the start of a fault may take beyond what is left of a budget, before it is ended early.
const SLACK: Duration = Duration::from_millis(200);

/// So many steps in a row that a budget does not allow mean that it is used up for whoever asks.
const PATIENCE: u32 = 3;

/// Characters of a refused call that are kept.
const SHOWN: usize = 400;

/// Why no further step is taken.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(crate) enum Stop {
    /// A budget would be passed.
    #[error("the budget `{0}` is used up")]
    Budget(BudgetKind),
    /// Somebody ended the experiment.
    #[error("the experiment was cancelled")]
    Cancelled,
    /// The fence, the engine or the target refused.
    #[error("{0}")]
    Refused(String),
    /// Something may still be in force.
    #[error("{0}")]
    InForce(String),
    /// The transcript can't be written; nothing is done without one.
    #[error("{0}")]
    Record(String),
}

impl From<RecordError> for Stop {
    fn from(error: RecordError) -> Self {
        let cause = std::error::Error::source(&error).map(|source| format!(": {source}")).unwrap_or_default();
        Self::Record(format!("{error}{cause}"))
    }
}

/// What was done so far.
#[derive(Debug)]
struct Book {
    writer: Writer,
    spent: Spent,
    next: u32,
    /// Steps in a row that a budget did not allow.
    too_much: u32,
    steps: Vec<Step>,
    findings: Vec<Finding>,
    /// The first reason for which no further step may be taken.
    stopped: Option<Stop>,
}

/// The laboratory; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Lab {
    pub(crate) setup: Arc<Setup>,
    session: Session,
    begun: Duration,
    book: Arc<Mutex<Book>>,
}

impl Lab {
    pub(crate) fn new(setup: Setup, session: Session, writer: Writer) -> Self {
        let begun = session.cx().clock().now();
        let book = Book {
            writer,
            spent: Spent::default(),
            next: 1,
            too_much: 0,
            steps: Vec::new(),
            findings: Vec::new(),
            stopped: None,
        };
        Self { setup: Arc::new(setup), session, begun, book: Arc::new(Mutex::new(book)) }
    }

    pub(crate) fn cx(&self) -> &RunContext {
        self.session.cx()
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Milliseconds since the beginning.
    pub(crate) fn at_ms(&self) -> u64 {
        u64::try_from(self.cx().clock().now().saturating_sub(self.begun).as_millis()).unwrap_or(u64::MAX)
    }

    /// What was used up so far.
    pub(crate) fn spent(&self) -> Spent {
        let wall = self.cx().clock().now().saturating_sub(self.begun).as_secs_f64();
        Spent { wall_seconds: wall, ..self.book().spent }
    }

    /// Counts what the model used up.
    pub(crate) fn spend_model(&self, turns: u32, tokens: u64) {
        let spent = &mut self.book().spent;
        (spent.turns, spent.tokens) = (turns, tokens);
    }

    /// Time until the wall.
    pub(crate) fn time_left(&self) -> Duration {
        let wall = self.setup.budget.wall_seconds.get();
        wall.saturating_sub(self.cx().clock().now().saturating_sub(self.begun))
    }

    /// The steps that ended.
    pub(crate) fn steps(&self) -> Vec<Step> {
        self.book().steps.clone()
    }

    /// What strategies found.
    pub(crate) fn findings(&self) -> Vec<Finding> {
        self.book().findings.clone()
    }

    /// Why no further step may be taken.
    pub(crate) fn stopped(&self) -> Option<Stop> {
        self.book().stopped.clone()
    }

    /// No further step may be taken from now on; the first reason stays.
    pub(crate) fn stop(&self, why: Stop) -> Stop {
        self.book().stopped.get_or_insert(why).clone()
    }

    /// Writes a line of the transcript.
    pub(crate) fn write(&self, line: &Line) -> Result<(), Stop> {
        let written = self.book().writer.write(line);
        written.map_err(|error| self.stop(error.into()))
    }

    /// Writes down what a strategy found.
    pub(crate) fn found(&self, finding: Finding) -> Result<Finding, Stop> {
        self.write(&Line::Finding(finding.clone()))?;
        self.book().findings.push(finding.clone());
        Ok(finding)
    }

    /// The transcript so far, read back.
    pub(crate) fn transcript(&self) -> Result<crate::record::Transcript, RecordError> {
        self.book().writer.transcript()
    }

    /// Where the transcript is.
    pub(crate) fn path(&self) -> std::path::PathBuf {
        self.book().writer.path().to_owned()
    }

    /// Writes down that something was kept out.
    pub(crate) fn refuse(&self, asked: &Value, why: String) -> Stop {
        let asked: String = asked.to_string().chars().take(SHOWN).collect();
        let line = Line::Refused(Refused { at_ms: self.at_ms(), asked, why: why.clone() });
        self.write(&line).err().unwrap_or(Stop::Refused(why))
    }

    /// Checks a fault against fence and budget, of which `beside` is taken already; nothing has been touched then.
    async fn admit(
        &self,
        action: &Value,
        hold: Option<Seconds>,
        beside: Option<Cost>,
    ) -> Result<(ChaosSpec, Cost), Stop> {
        if let Some(why) = self.stopped() {
            return Err(why);
        }
        if self.cx().cancel_token().is_cancelled() {
            return Err(self.stop(Stop::Cancelled));
        }
        let admitted = fence::fault(&self.setup, action, hold, self.cx()).await;
        let (entry, cost) = admitted.map_err(|why| self.refuse(action, why))?;
        let spent = beside.map_or_else(|| self.spent(), |other| self.spent().with(other));
        budget::check(cost, &self.setup.budget, &spent).map_err(|budget| self.too_much(budget))?;
        Ok((entry, cost))
    }

    /// A step that a budget does not allow: told, and the end where nothing is left or nobody learns from it.
    fn too_much(&self, budget: BudgetKind) -> Stop {
        let times = {
            let mut book = self.book();
            book.too_much = book.too_much.saturating_add(1);
            book.too_much
        };
        let over = times >= PATIENCE || budget::used_up(budget, &self.setup.budget, &self.spent());
        if over { self.stop(Stop::Budget(budget)) } else { Stop::Budget(budget) }
    }

    /// Runs one fault to its end.
    pub(crate) async fn fault(&self, action: &Value, hold: Option<Seconds>, label: &str) -> Result<Step, Stop> {
        let (entry, _) = self.admit(action, hold, None).await?;
        self.run(entry, action, label).await
    }

    /// Runs a fault and, as soon as it is in force, a load beside it. Gives the step of the load.
    pub(crate) async fn load_under(
        &self,
        fault: &Value,
        hold: Seconds,
        load: &Value,
        label: &str,
    ) -> Result<Step, Stop> {
        let (fault_entry, cost) = self.admit(fault, Some(hold), None).await?;
        let (load_entry, _) = self.admit(load, None, Some(cost)).await?;
        let mut events = self.session.events();
        let path = format!("/steps/{}", self.book().next);
        let in_force = async {
            while let Some(event) = events.recv().await {
                let ours = event.path.starts_with(&path);
                match event.kind {
                    EventKind::Active { .. } if ours => return true,
                    EventKind::Ended { .. } if ours => return false,
                    _ => {}
                }
            }
            false
        };
        let under = async {
            match self.cx().clock().timeout(ACTIVE_WITHIN, in_force).await {
                Some(true) => Some(self.run(load_entry, load, label).await),
                _ => None,
            }
        };
        let named = format!("{label}: the fault");
        let (fault_step, load_step) = tokio::join!(self.run(fault_entry, fault, &named), under);
        let fault_step = fault_step?;
        if let Some(step) = load_step {
            return step;
        }
        let why = fault_step.result.and_then(|result| result.error).unwrap_or_default();
        Err(Stop::Refused(format!("the fault did not come into force: {why}")))
    }

    async fn run(&self, mut entry: ChaosSpec, action: &Value, label: &str) -> Result<Step, Stop> {
        let asked = self.begin(action, label)?;
        entry.name = label.to_owned();
        let begun = self.cx().clock().now();
        let left = self.time_left().min(self.fault_time_left()).saturating_add(SLACK);
        let segment = format!("steps/{}", asked.id);
        let result = self.session.run(entry, &segment, left).await;
        let result = result.map_err(|error| self.stop(Stop::Refused(error.to_string())))?;
        let taken = self.cx().clock().now().saturating_sub(begun);
        let failed = (result.reverted == Reverted::Failed).then(|| result.error.clone().unwrap_or_default());
        let step = self.end(asked, taken, Some(result), None)?;
        if let Some(why) = failed {
            return Err(self.stop(Stop::InForce(why)));
        }
        if self.cx().cancel_token().is_cancelled() {
            return Err(self.stop(Stop::Cancelled));
        }
        Ok(step)
    }

    fn fault_time_left(&self) -> Duration {
        let left = self.setup.budget.fault_seconds.get().as_secs_f64() - self.book().spent.fault_seconds;
        Duration::try_from_secs_f64(left).unwrap_or_default()
    }

    /// Asks a probe once.
    pub(crate) async fn observe(&self, probe: &Value, label: &str) -> Result<Step, Stop> {
        if let Some(why) = self.stopped() {
            return Err(why);
        }
        let node: ProbeNode = chaos_core::parse(probe).map_err(|error| self.refuse(probe, error.to_string()))?;
        let reach = node.reach().map_err(|error| self.refuse(probe, error.to_string()))?;
        fence::ports(&self.setup, &reach).map_err(|why| self.refuse(probe, why))?;
        let afforded = budget::check(Cost::default(), &self.setup.budget, &self.spent());
        afforded.map_err(|budget| self.stop(Stop::Budget(budget)))?;
        let asked = self.begin(probe, label)?;
        let begun = self.cx().clock().now();
        let seen = self.session.observe(&node, &format!("steps/{}", asked.id)).await;
        self.end(asked, self.cx().clock().now().saturating_sub(begun), None, Some(seen))
    }

    /// Whether the budget leaves room for a look.
    pub(crate) fn may_look(&self) -> bool {
        !budget::used_up(BudgetKind::Requests, &self.setup.budget, &self.spent())
    }

    /// A look between two steps, which is no step: how long the target takes to answer one request.
    pub(crate) async fn look(&self, probe: &ProbeNode) -> (chaos_core::Observation, Duration) {
        let begun = self.cx().clock().now();
        let seen = self.session.observe(probe, "rest").await;
        let spent = &mut self.book().spent;
        spent.requests = spent.requests.saturating_add(1);
        (seen, self.cx().clock().now().saturating_sub(begun))
    }

    fn begin(&self, action: &Value, label: &str) -> Result<Asked, Stop> {
        let id = {
            let mut book = self.book();
            let id = book.next;
            book.next = id.saturating_add(1);
            book.too_much = 0;
            book.spent.steps = book.spent.steps.saturating_add(1);
            id
        };
        let asked = Asked { id, at_ms: self.at_ms(), label: label.to_owned(), action: action.clone() };
        self.write(&Line::Asked(asked.clone()))?;
        self.cx().note(format!("step {id}: {label}"));
        Ok(asked)
    }

    fn end(
        &self,
        asked: Asked,
        taken: Duration,
        result: Option<ChaosResult>,
        observation: Option<chaos_core::Observation>,
    ) -> Result<Step, Stop> {
        let seconds = taken.as_secs_f64();
        let mut step = Step { asked, seconds, result, observation, measures: Measures::new(), spent: Spent::default() };
        step.measures = step.recomputed();
        {
            let spent = &mut self.book().spent;
            // What the engine counted, and not what was planned.
            spent.requests = spent.requests.saturating_add(counted(&step));
            spent.fault_seconds += step.result.as_ref().map_or(0.0, |result| result.elapsed_time);
        }
        step.spent = self.spent();
        self.write(&Line::Step(Box::new(step.clone())))?;
        self.book().steps.push(step.clone());
        Ok(step)
    }
}

/// Requests that a step made.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count, and a cast from f64 saturates")]
fn counted(step: &Step) -> u64 {
    step.measures.get("started").copied().unwrap_or(0.0) as u64
}
