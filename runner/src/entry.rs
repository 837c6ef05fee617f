//! One entry from its trigger to its result; every way out takes the same path to the undo.

use std::sync::Arc;
use std::time::Duration;

use chaos_core::{
    ChaosResult, ChaosSpec, ControlLeg, ControlOrder, EventKind, Evidence, Fired, InjectContext, Injection, LookAt,
    Observation, Outcome, Plan, PluginError, Presence, ProbeBudget, ProbeRole, Reversible, Reverted, RunBudget,
    RunContext, RunScope, Sighting, Span, UndoLog, Verification,
};
use tracing::Instrument;

mod checks;
mod control_leg;
mod revert;
mod times;

use crate::ask::blocked;
use crate::cause::Cause;
use crate::control::EntryControl;
use crate::entry_state::{IllegalStep, Step};
use crate::guarded::{Panicked, guarded, guarded_call};
use crate::hold_time::{hold_time, overrun};
use crate::judge::Facts;
use crate::life::Life;
use crate::preflight::{Refused, plan, plan_allowed};
use crate::probe_load::{probe_load, trigger_load};
use crate::resources::Held;
use crate::shared::Shared;
use crate::verify::{Verified, verify};
use crate::watch::{EndedBy, Leg, Noticed, Turned, Watchers};

/// How long a fault may go on after it was cancelled, before its future is dropped.
const GRACE: Duration = Duration::from_secs(5);
/// How long `inject` of a sustained fault may take.
const INJECT_DEADLINE: Duration = Duration::from_mins(1);
/// What a finite fault gets beyond its planned duration, for start and end.
const FINITE_MARGIN: Duration = Duration::from_mins(1);

/// One entry under way.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    spec: Arc<ChaosSpec>,
    shared: Arc<Shared>,
    life: Arc<Life>,
    number: u64,
}

/// What is known of an entry so far.
#[derive(Default)]
struct Record {
    facts: Facts,
    witness: Option<Sighting>,
    output: String,
    load: Option<Box<chaos_core::LoadReport>>,
    elapsed: Duration,
    verification: Option<Verification>,
    reverted: Option<Reverted>,
    /// The plan says that nothing undoes it.
    irreversible: bool,
    released: bool,
    /// When the undo began, on the run's clock.
    undo_began: Duration,
    recovered_after: Option<Duration>,
    noticed: Option<Noticed>,
    control: Option<Box<ControlLeg>>,
    /// When `verify` said yes, and when it was last asked before and said no.
    recovered: Option<(Duration, Option<Duration>)>,
    /// The stop condition that ended it.
    turned: Option<Turned>,
    /// When the undo had ended and was checked.
    undone: Duration,
}

impl Record {
    /// The first cause is the one worth telling.
    fn failed(&mut self, cause: impl Into<Cause>) {
        if self.facts.error.is_none() {
            self.facts.error = Some(cause.into().to_string());
        }
    }

    /// Notes that the stop condition ended it, and gives the cause.
    fn aborted(&mut self, turned: Turned) -> Cause {
        self.facts.aborted = true;
        let cause = Cause::Aborted(turned.reason.clone());
        self.turned = Some(turned);
        cause
    }

    /// What ended the hold, as far as this knows.
    fn ended_by(&self) -> EndedBy {
        match (self.released, &self.facts.error) {
            (true, _) => EndedBy::Release,
            (false, Some(_)) => EndedBy::Cut,
            (false, None) => EndedBy::Time,
        }
    }

    fn step(&mut self, taken: Result<(), IllegalStep>) {
        if let Err(illegal) = taken {
            self.failed(illegal);
        }
    }
}

impl Entry {
    /// An entry that has not begun.
    pub(crate) fn new(shared: &Arc<Shared>, scope: &RunScope, spec: ChaosSpec, segment: &str) -> Self {
        let life = Arc::new(Life::new(scope.entry(segment, &spec.name)));
        let number = shared.control.enter(life.control());
        Self { spec: Arc::new(spec), shared: Arc::clone(shared), life, number }
    }

    pub(crate) fn control(&self) -> EntryControl {
        self.life.control()
    }

    pub(crate) fn spec(&self) -> &ChaosSpec {
        &self.spec
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    pub(crate) fn cx(&self) -> &RunContext {
        self.life.cx()
    }

    /// Runs it to its end.
    pub(crate) async fn run(self) -> ChaosResult {
        let (name, path) = (self.spec.name.as_str(), self.cx().path());
        let span = tracing::info_span!("entry", name, path, fault = self.spec.action.type_name());
        self.legs().instrument(span).await
    }

    /// The control leg, if it comes first, and then all from the trigger on.
    async fn legs(self) -> ChaosResult {
        let mut control = None;
        if self.control_order() == Some(ControlOrder::Before) {
            let leg = Box::new(Box::pin(self.control_leg(ControlOrder::Before)).await);
            if let Some(reason) = leg.reason.clone() {
                // A fault would show nothing, so none is injected.
                return self.not_injected(Some(leg), Cause::Control(reason));
            }
            control = Some(leg);
        }
        let trigger = tracing::info_span!("trigger", trigger = self.spec.trigger.type_name());
        match self.wait_for_trigger().instrument(trigger).await {
            // Boxed, so that an entry that waits costs no more than its wait.
            Ok(()) => Box::pin(self.fired(control)).await,
            Err(cause) => self.not_injected(control, cause),
        }
    }

    async fn fired(self, control: Option<Box<ControlLeg>>) -> ChaosResult {
        let mut record = Record { control, ..Record::default() };
        if let Err(cause) = self.after_trigger(&mut record).await {
            record.failed(cause);
        }
        let undone = record.reverted.is_some_and(|reverted| reverted != Reverted::Failed) && !record.facts.taken_over;
        if self.control_order() == Some(ControlOrder::After) && record.facts.landed && undone {
            let leg = self.control_leg(ControlOrder::After).await;
            record.facts.uncontrolled = leg.reason.is_some();
            record.control = Some(Box::new(leg));
        }
        self.end(record)
    }

    /// Ends it before it was injected.
    pub(crate) fn not_begun(self, cause: Cause) -> ChaosResult {
        self.not_injected(None, cause)
    }

    fn not_injected(self, control: Option<Box<ControlLeg>>, cause: Cause) -> ChaosResult {
        let mut record = Record { control, ..Record::default() };
        record.failed(cause);
        self.end(record)
    }

    async fn wait_for_trigger(&self) -> Result<(), Cause> {
        let trigger = &self.spec.trigger;
        let least = self.trigger_takes();
        self.life.step(Step::Wait(trigger.type_name(), least.as_ref().copied().unwrap_or_default()))?;
        let fired = self.trigger_fires(least?).await?;
        Ok(self.life.step(Step::Fire(fired.0))?)
    }

    /// The least time that the trigger takes from now on.
    fn trigger_takes(&self) -> Result<Duration, Panicked> {
        guarded_call(|| self.spec.trigger.at_least_from(self.cx().clock().wall()))
    }

    async fn trigger_fires(&self, least: Duration) -> Result<Fired, Cause> {
        let trigger = &self.spec.trigger;
        let budget = self.cx().services().get::<ProbeBudget>();
        let asks = trigger_load(&self.spec).map_err(Refused::from)?;
        let _asked = budget.reserve(&asks, self.cx().policy()).map_err(Refused::from)?;
        let limit = self.shared.trigger_timeout + least;
        let cx = self.cx().child("trigger", Some(limit));
        let spec = Arc::clone(&self.spec);
        let wait = self.shared.plug_ins.run(async move { guarded(spec.trigger.wait(&cx)).await });
        let wait = self.cx().clock().timeout(limit, wait);
        let fired = tokio::select! {
            biased;
            why = self.shared.stopped() => return Err(Cause::Skipped(why)),
            () = self.cx().cancelled() => return Err(Cause::BeforeTrigger),
            fired = wait => fired,
        };
        let fired = fired.ok_or(Cause::TriggerLate(trigger.type_name()))??;
        fired.map_err(|error| Cause::Trigger(trigger.type_name(), error))
    }

    async fn after_trigger(&self, record: &mut Record) -> Result<(), Cause> {
        let (plan, _held) = tokio::select! {
            biased;
            () = self.cx().cancelled() => return Err(Cause::Interrupted),
            cleared = self.cleared_on_plug_in_threads() => cleared?,
        };
        let budget = self.cx().services().get::<RunBudget>();
        let _reserved = budget.reserve(&plan.ceilings, self.cx().policy()).map_err(Refused::from)?;
        let asked = self.cx().services().get::<ProbeBudget>();
        let load = probe_load(&self.spec).map_err(Refused::from)?;
        let _asked = asked.reserve(&load, self.cx().policy()).map_err(Refused::from)?;
        let fault = (!self.shared.sham).then(|| self.spec.action.type_name());
        self.life.step(Step::Inject(fault))?;
        self.in_force(&plan, record).await;
        self.verify_after(record).await;
        Ok(())
    }

    /// The same where it may be abandoned.
    async fn cleared_on_plug_in_threads(&self) -> Result<(Plan, Held), Cause> {
        let entry = self.clone();
        self.shared.plug_ins.run(async move { entry.cleared().await }).await
    }

    /// Everything that must be so before the injection; touches nothing, so it may be dropped at any moment.
    async fn cleared(&self) -> Result<(Plan, Held), Cause> {
        let plan = plan(&self.spec, self.cx()).await?;
        self.life.step(Step::Plan(plan.clone()))?;
        plan_allowed(&plan, self.cx()).await?;
        let held = self.shared.resources.hold(&plan)?;
        self.check_probes_before().await?;
        if self.spec.action.span() == Span::Sustained {
            self.absent_before().await?;
        }
        // What touches something will have an undo step; whatever arms one without is kept from then on.
        if !plan.touches.is_empty() && !self.shared.sham {
            self.shared.guarded().await?;
        }
        Ok((plan, held))
    }

    /// Injects, holds, and undoes; from here on there is one way out.
    async fn in_force(&self, plan: &Plan, record: &mut Record) {
        let start = self.cx().clock().now();
        let log = UndoLog::new(Arc::clone(&self.shared.journal), self.cx().clone(), plan.duration());
        record.irreversible = matches!(plan.reversible, Reversible::No(_));
        if record.irreversible {
            log.allow_irreversible();
        }
        let mut watchers = Watchers::start(&self.spec, &self.life, Leg::Fault, plan.duration(), &self.shared.plug_ins);
        let mut guard = None;
        let inject = tracing::info_span!("inject", fault = self.spec.action.type_name());
        match self.inject(&log, plan, &mut watchers, record).instrument(inject).await {
            Ok(Some(Injection::InForce(in_force))) => {
                guard = Some(in_force);
                self.hold(start, &mut watchers, record).instrument(tracing::info_span!("hold")).await;
            }
            Ok(Some(Injection::Finished(outcome))) => {
                // Before it can become active by its end: nothing is asked of a fault that is over.
                watchers.stop(record.ended_by());
                self.finished(outcome, record);
            }
            Ok(None) => self.sham(record).await,
            Err(cause) => record.failed(cause),
        }
        record.step(self.life.step(Step::Leave));
        record.undo_began = self.cx().clock().now();
        watchers.stop(record.ended_by());
        // The undo waits for no probe.
        let reverted = self.revert(&log, guard, record).instrument(tracing::info_span!("undo")).await;
        record.undone = self.cx().clock().now();
        record.noticed = watchers.noticed();
        record.facts.probes = watchers.finish(self.life.was_active()).await;
        if reverted != Reverted::Failed {
            record.step(self.life.step(Step::Undone));
        }
        record.reverted = Some(reverted);
        record.elapsed = self.cx().clock().now().saturating_sub(start);
    }

    /// Runs `inject`: `None` in a sham run. When it must end early it is cancelled, given a grace, then dropped.
    async fn inject(
        &self,
        log: &Arc<UndoLog>,
        plan: &Plan,
        watchers: &mut Watchers,
        record: &mut Record,
    ) -> Result<Option<Injection>, Cause> {
        if self.shared.sham {
            return Ok(None);
        }
        let _at_work = self.shared.guardian.at_work();
        if self.cx().cancel_token().is_cancelled() {
            return Err(Cause::Interrupted);
        }
        let action = &self.spec.action;
        let limit = match action.span() {
            Span::Sustained => INJECT_DEADLINE,
            Span::Finite => plan.duration().unwrap_or(self.longest()) + plan.overhead.unwrap_or(FINITE_MARGIN),
        };
        let cx = self.inject_context(limit);
        let (spec, its, undo) = (Arc::clone(&self.spec), cx.clone(), log.handle());
        let inject = async move { guarded(spec.action.inject(&its, &undo)).await };
        let mut inject = std::pin::pin!(self.shared.plug_ins.run_fault(inject));
        let mut too_long = self.cx().clock().sleep(limit);
        let early = loop {
            tokio::select! {
                biased;
                done = &mut inject => {
                    self.note_release(record);
                    let done = self.injected(done);
                    if matches!(done, Err(Cause::Fault(PluginError::Cancelled))) && self.cx().cancel_token().is_cancelled() {
                        self.early(record, Cause::Interrupted);
                    }
                    return done.map(Some);
                }
                turned = watchers.aborted() => break record.aborted(turned),
                () = self.cx().cancelled() => break Cause::Interrupted,
                () = self.life.released().cancelled(), if !record.released => self.note_release(record),
                () = &mut too_long => break Cause::TooLong(limit.as_secs()),
            }
        };
        // No effect begins from now on.
        log.seal();
        watchers.stop(EndedBy::Cut);
        self.early(record, early);
        cx.cancel_token().cancel();
        match self.cx().clock().timeout(GRACE, &mut inject).await {
            Some(done) => self.injected(done).map(Some),
            None => Err(Cause::Unstoppable(GRACE.as_secs())),
        }
    }

    /// Only a finite fault is heard when it says that it is in force.
    fn inject_context(&self, limit: Duration) -> InjectContext {
        let cx = InjectContext::new(self.cx().child("action", Some(limit)), self.life.released().clone());
        if self.spec.action.span() == Span::Sustained {
            return cx;
        }
        let life = Arc::clone(&self.life);
        cx.reporting(move |evidence| {
            // The first word counts; a later one, or one after the end, is an illegal step and changes nothing.
            let _ = life.step(Step::Activate(evidence));
        })
    }

    /// Notes, once, that somebody released the fault.
    fn note_release(&self, record: &mut Record) {
        if self.life.released().is_cancelled() && !record.released {
            record.released = true;
            self.life.scope().emit(EventKind::Released);
        }
    }

    fn longest(&self) -> Duration {
        Duration::try_from_secs_f64(self.cx().policy().max_duration_seconds).unwrap_or(Duration::MAX / 4)
    }

    fn injected(&self, done: Result<Result<Injection, PluginError>, Panicked>) -> Result<Injection, Cause> {
        let injection = done??;
        match (self.spec.action.span(), &injection) {
            (Span::Sustained, Injection::InForce(_)) | (Span::Finite, Injection::Finished(_)) => Ok(injection),
            _ => Err(Cause::Span(self.spec.action.type_name())),
        }
    }

    /// A finite fault's own evidence decides whether it landed.
    fn finished(&self, outcome: Outcome, record: &mut Record) {
        record.facts.landed = outcome.sighting.presence == Presence::Present;
        if record.facts.landed {
            // A fault that did not say when it became active was so at its end at the latest; else this is refused.
            let _ = self.life.step(Step::Activate(outcome.sighting.evidence.clone()));
        }
        let unproven = || format!("the fault did not demonstrably land: {}", outcome.sighting.evidence.summary);
        let error = outcome.error.clone().or_else(|| (!record.facts.landed).then(unproven));
        if record.facts.error.is_none() {
            record.facts.error = error;
        }
        record.witness = Some(outcome.sighting);
        record.output = outcome.output;
        record.load = outcome.load;
    }

    /// Without effects there is nothing to find, and so the run can't pass.
    async fn sham(&self, record: &mut Record) {
        let sighting = match self.spec.action.span() {
            Span::Sustained => self.check(LookAt::AfterInject).await,
            Span::Finite => Sighting::absent(Evidence::new("nothing was injected")),
        };
        record.facts.landed = sighting.presence == Presence::Present;
        record.facts.error = Some("sham run: the effects were skipped".to_owned());
        record.witness = Some(sighting);
    }

    /// Proves that a sustained fault landed, which was armed no earlier than then, and holds it until its time, a release, an abort or a cancel.
    async fn hold(&self, armed: Duration, watchers: &mut Watchers, record: &mut Record) {
        let at_work = self.shared.guardian.at_work();
        let sighting = self.check(LookAt::AfterInject).await;
        record.facts.landed = sighting.presence == Presence::Present;
        record.witness = Some(sighting.clone());
        if !record.facts.landed {
            let why = format!("the fault did not demonstrably land: {}", sighting.evidence.summary);
            record.facts.error.get_or_insert(why);
            return;
        }
        record.step(self.life.step(Step::Activate(sighting.evidence)));
        let time = hold_time(&self.spec);
        let began = self.cx().clock().now_with_suspend();
        self.shared.guardian.behind(self.cx().clock().now().saturating_sub(armed));
        drop(at_work);
        record.step(self.life.step(Step::Hold(time)));
        tokio::select! {
            biased;
            () = self.cx().cancelled() => self.early(record, Cause::Interrupted),
            turned = watchers.aborted() => {
                let cause = record.aborted(turned);
                self.early(record, cause);
            }
            () = self.life.released().cancelled() => self.note_release(record),
            () = self.cx().clock().sleep(time) => {}
        }
        watchers.stop(record.ended_by());
        if let Some(late) = overrun(time, self.cx().clock().now_with_suspend().saturating_sub(began)) {
            self.cx().note(late);
        }
        let _at_work = self.shared.guardian.at_work();
        let sighting = self.check(LookAt::EndOfHold).await;
        if sighting.presence != Presence::Present {
            let why = format!("the fault was gone before its time: {}", sighting.evidence.summary);
            record.facts.error.get_or_insert(why);
            record.facts.landed = false;
            record.witness = Some(sighting);
        }
    }

    fn early(&self, record: &mut Record, cause: Cause) {
        self.life.scope().emit(EventKind::Aborted { reason: cause.to_string() });
        record.failed(cause);
    }

    async fn verify_after(&self, record: &mut Record) {
        let Some(name) = &self.spec.verify else { return };
        let cx = self.cx().child("verify", None);
        let began = self.cx().clock().now();
        let (shared, asked, its) = (Arc::clone(&self.shared), name.clone(), cx.clone());
        let answer = self
            .shared
            .plug_ins
            .run(async move { verify(&asked, &shared.checks, shared.verifier.as_deref(), &its).await });
        let answer = tokio::select! {
            biased;
            answer = answer => answer,
            () = blocked(&cx) => {
                let silent = Observation::unknown("no answer before the run was interrupted");
                Verified { answer: Verification::of(name, silent), last_no: None }
            }
        };
        let Verified { answer, last_no } = answer;
        let seen = Observation { answer: answer.answer, value: answer.value.clone(), detail: answer.detail.clone() };
        self.probed(ProbeRole::Verify, name, &seen, began);
        if answer.success {
            let now = self.cx().clock().now();
            record.recovered_after = Some(now.saturating_sub(record.undo_began));
            record.recovered = Some((now, last_no));
        }
        record.facts.probes.push(answer.clone());
        record.verification = Some(answer);
    }

    fn end(self, record: Record) -> ChaosResult {
        let reverted = record.reverted.unwrap_or(Reverted::NothingToRevert);
        let success = record.facts.success(reverted);
        let verdict = record.facts.verdict(reverted);
        // The watchers' answers are in the order of the document: `detect` comes after `during`.
        let detect = self.spec.detect.as_ref().and_then(|_| record.facts.probes.get(self.spec.during.len()));
        let detected = detect.filter(|probe| probe.success).and_then(|probe| probe.value["after_seconds"].as_f64());
        let turned = record.turned.as_ref().filter(|_| reverted == Reverted::Reverted);
        let probes = record.facts.probes.iter().filter(|probe| Some(*probe) != record.verification.as_ref());
        let mut times = self.life.times();
        times.detected_seconds = record.noticed.map(|noticed| noticed.by.as_secs_f64());
        times.recovered_seconds = record.recovered.map(|(at, _)| at.as_secs_f64());
        let bounds = record.bounds(&times, reverted);
        let result = ChaosResult {
            success,
            injected_fault: self.spec.action.type_name().to_owned(),
            output: record.output,
            elapsed_time: record.elapsed.as_secs_f64(),
            probes: probes.cloned().collect(),
            error: if success { None } else { record.facts.error },
            name: self.spec.name.clone(),
            verdict,
            witness: record.witness,
            verification: record.verification,
            reverted,
            timeline: self.life.scope().take_timeline(),
            time_to_detect_seconds: detected,
            time_to_recover_seconds: record.recovered_after.map(|time| time.as_secs_f64()),
            control: record.control,
            times: times.since(self.life.scope().run_start()),
            bounds,
            time_to_abort_seconds: turned.map(|turned| record.undone.saturating_sub(turned.asked).as_secs_f64()),
            abort_unseen_seconds: turned.map(|turned| turned.unseen.as_secs_f64()),
            load: record.load,
        };
        // Every path to here has left or never reached what must be left first.
        let ended = self.life.end(&result);
        debug_assert!(ended.is_ok(), "{ended:?}");
        self.shared.control.leave(self.number);
        result
    }
}
