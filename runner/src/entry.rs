//! One entry from its trigger to its result; every way out takes the same path back.

use std::sync::Arc;
use std::time::Duration;

use chaos_core::{
    ActiveSignal, ChaosResult, ChaosSpec, EventKind, EventStream, Evidence, Injection, LookAt, Outcome, Plan, Presence,
    ProbeRole, Reverted, RunContext, Seconds, Sighting, Span, Stage, UndoLog, Verification,
};

mod looks;
mod timeline;
mod way_back;

use self::timeline::timeline;
use crate::admission;
use crate::guarded::{guarded, guarded_call};
use crate::judge::Facts;
use crate::run::Run;
use crate::verify::verify;
use crate::watch::Watchers;

/// How long a fault may go on after it was cancelled, before its future is dropped.
const GRACE: Duration = Duration::from_secs(5);
/// How long `inject` of a sustained fault may take.
const INJECT_DEADLINE: Duration = Duration::from_mins(1);
/// What a finite fault gets beyond its planned duration, for start and end.
const FINITE_MARGIN: Duration = Duration::from_mins(1);

/// How long a sustained fault is held.
pub(crate) fn hold_time(spec: &ChaosSpec) -> Duration {
    spec.duration_seconds.unwrap_or_else(|| Seconds::from(chaos_core::DEFAULT_HOLD_SECONDS)).get()
}

/// One entry under way.
pub(crate) struct Entry {
    pub(crate) spec: Arc<ChaosSpec>,
    pub(crate) run: Arc<Run>,
    pub(crate) cx: RunContext,
    pub(crate) active: ActiveSignal,
}

/// What an entry gathers on its way.
#[derive(Default)]
struct Course {
    facts: Facts,
    witness: Option<Sighting>,
    output: String,
    load: Option<chaos_core::LoadReport>,
    elapsed: Duration,
    verification: Option<Verification>,
    reverted: Option<Reverted>,
}

impl Entry {
    /// Runs it to its end.
    pub(crate) async fn run(self) -> ChaosResult {
        let mut stream = self.cx.events().subscribe();
        let mut course = Course::default();
        if let Err(why) = self.course(&mut course).await {
            // The first cause is the one worth telling.
            course.facts.error.get_or_insert(why);
        }
        self.active.end();
        let result = self.result(course, &mut stream);
        self.cx.emit(EventKind::Ended { result: Box::new(result.clone()) });
        result
    }

    /// The result of an entry that never began, with the reason.
    pub(crate) fn skipped(self, why: &str) -> ChaosResult {
        let mut stream = self.cx.events().subscribe();
        self.active.end();
        let facts = Facts { error: Some(format!("skipped: {why}")), ..Facts::default() };
        let result = self.result(Course { facts, ..Course::default() }, &mut stream);
        self.cx.emit(EventKind::Ended { result: Box::new(result.clone()) });
        result
    }

    async fn course(&self, course: &mut Course) -> Result<(), String> {
        self.wait_for_trigger().await?;
        let plan = admission::plan(&self.spec, &self.cx).await?;
        self.cx.emit(EventKind::Planned { plan: plan.clone() });
        admission::check(&self.spec, &plan, &self.cx).await?;
        let _held = self.run.resources().hold(&plan)?;
        self.look_before().await?;
        if self.spec.action.span() == Span::Sustained {
            self.absent_before().await?;
        }
        self.in_force(&plan, course).await;
        self.verify_after(course).await;
        Ok(())
    }

    async fn wait_for_trigger(&self) -> Result<(), String> {
        let trigger = &self.spec.trigger;
        admission::check_reach(|| trigger.reach(), &self.cx).await?;
        let name = self.spec.name.clone();
        self.cx.emit(EventKind::Waiting { name, trigger: trigger.type_name().to_owned() });
        let limit = self.run.trigger_timeout() + guarded_call(|| trigger.at_least())?;
        let cx = self.cx.child("trigger", Some(limit));
        let wait = self.cx.clock().timeout(limit, guarded(trigger.wait(&cx)));
        let fired = tokio::select! {
            biased;
            why = self.run.stopped() => return Err(format!("skipped: {why}")),
            () = self.cx.cancelled() => return Err("interrupted before the trigger fired".into()),
            fired = wait => fired,
        };
        let fired = fired.ok_or_else(|| format!("trigger `{}` did not fire in time", trigger.type_name()))?;
        let fired = fired?.map_err(|error| format!("trigger `{}`: {error}", trigger.type_name()))?;
        self.cx.emit(EventKind::Fired { detail: fired.0 });
        Ok(())
    }

    /// Injects, holds, and takes back; from here on there is one way out.
    async fn in_force(&self, plan: &Plan, course: &mut Course) {
        let start = self.cx.clock().now();
        let log = UndoLog::new(self.run.journal(), self.cx.clone(), plan.duration());
        let mut watchers = Watchers::start(&self.spec, &self.cx, &self.active.watch());
        let mut guard = None;
        self.cx.edge(Stage::Landing);
        match self.inject(&log, plan, &mut watchers, course).await {
            Ok(Some(Injection::InForce(in_force))) => {
                guard = Some(in_force);
                self.hold(&mut watchers, course).await;
            }
            Ok(Some(Injection::Finished(outcome))) => self.finished(outcome, course),
            Ok(None) => self.sham(course).await,
            Err(why) => {
                course.facts.error.get_or_insert(why);
            }
        }
        self.cx.edge(Stage::Leaving);
        course.facts.probes = watchers.finish().await;
        let reverted = self.revert(&log, guard, course).await;
        if reverted != Reverted::Failed {
            self.cx.edge(Stage::Gone);
        }
        course.reverted = Some(reverted);
        course.elapsed = self.cx.clock().now().saturating_sub(start);
    }

    /// Runs `inject`: `None` in a sham run. When it must end early it is cancelled, given a grace, then dropped.
    async fn inject(
        &self,
        log: &Arc<UndoLog>,
        plan: &Plan,
        watchers: &mut Watchers,
        course: &mut Course,
    ) -> Result<Option<Injection>, String> {
        if self.run.is_sham() {
            return Ok(None);
        }
        let action = &self.spec.action;
        self.cx.emit(EventKind::Injecting { fault: action.type_name().to_owned() });
        let limit = match action.span() {
            Span::Sustained => INJECT_DEADLINE,
            Span::Finite => plan.duration().unwrap_or(self.longest()) + FINITE_MARGIN,
        };
        let mut cx = self.cx.child("action", Some(limit));
        if action.span() == Span::Sustained {
            cx = cx.without_active();
        }
        let undo = log.handle();
        let mut inject = std::pin::pin!(guarded(action.inject(&cx, &undo)));
        let early = tokio::select! {
            biased;
            done = &mut inject => return self.injected(done),
            reason = watchers.aborted() => {
                course.facts.aborted = true;
                reason
            }
            () = self.cx.cancelled() => "interrupted".to_owned(),
            () = self.cx.clock().sleep(limit) => format!("the fault did not end within {} s", limit.as_secs()),
        };
        self.cx.emit(EventKind::Aborted { reason: early.clone() });
        course.facts.error = Some(early);
        cx.cancel_token().cancel();
        match self.cx.clock().timeout(GRACE, &mut inject).await {
            Some(done) => self.injected(done),
            None => Err(format!("the fault did not stop within {} s of being cancelled", GRACE.as_secs())),
        }
    }

    fn longest(&self) -> Duration {
        Duration::try_from_secs_f64(self.cx.policy().max_duration_seconds).unwrap_or(Duration::MAX / 4)
    }

    fn injected(
        &self,
        done: Result<Result<Injection, chaos_core::PluginError>, String>,
    ) -> Result<Option<Injection>, String> {
        let injection = done?.map_err(|error| error.to_string())?;
        let fits = matches!(
            (self.spec.action.span(), &injection),
            (Span::Sustained, Injection::InForce(_)) | (Span::Finite, Injection::Finished(_))
        );
        if fits {
            return Ok(Some(injection));
        }
        Err(format!(
            "fault `{}` broke its contract: what it returned does not fit its span",
            self.spec.action.type_name()
        ))
    }

    /// A finite fault's own evidence decides whether it landed.
    fn finished(&self, outcome: Outcome, course: &mut Course) {
        course.facts.landed = outcome.sighting.presence == Presence::Present;
        if course.facts.landed {
            // A fault that did not say when it became active was so at its end at the latest.
            self.cx.active(outcome.sighting.evidence.clone());
        }
        let unproven = || format!("the fault did not demonstrably land: {}", outcome.sighting.evidence.summary);
        let error = outcome.error.clone().or_else(|| (!course.facts.landed).then(unproven));
        if course.facts.error.is_none() {
            course.facts.error = error;
        }
        course.witness = Some(outcome.sighting);
        course.output = outcome.output;
        course.load = outcome.load;
    }

    /// Effects are skipped, every look is kept.
    async fn sham(&self, course: &mut Course) {
        let sighting = match self.spec.action.span() {
            Span::Sustained => self.look(LookAt::AfterInject).await,
            Span::Finite => Sighting::absent(Evidence::new("nothing was injected")),
        };
        course.facts.landed = sighting.presence == Presence::Present;
        course.facts.error = Some("sham run: the effects were skipped".to_owned());
        course.witness = Some(sighting);
    }

    /// Proves that a sustained fault landed, and holds it until its time, an abort or a cancel.
    async fn hold(&self, watchers: &mut Watchers, course: &mut Course) {
        let sighting = self.look(LookAt::AfterInject).await;
        course.facts.landed = sighting.presence == Presence::Present;
        course.witness = Some(sighting.clone());
        if !course.facts.landed {
            let why = format!("the fault did not demonstrably land: {}", sighting.evidence.summary);
            course.facts.error.get_or_insert(why);
            return;
        }
        self.cx.active(sighting.evidence);
        let time = hold_time(&self.spec);
        self.cx.emit(EventKind::Holding { seconds: time.as_secs_f64() });
        tokio::select! {
            biased;
            () = self.cx.cancelled() => self.early(course, "interrupted".to_owned()),
            reason = watchers.aborted() => {
                course.facts.aborted = true;
                self.early(course, reason);
            }
            () = self.cx.clock().sleep(time) => {}
        }
        let sighting = self.look(LookAt::EndOfHold).await;
        if sighting.presence != Presence::Present {
            let why = format!("the fault was gone before its time: {}", sighting.evidence.summary);
            course.facts.error.get_or_insert(why);
            course.facts.landed = false;
            course.witness = Some(sighting);
        }
    }

    fn early(&self, course: &mut Course, reason: String) {
        self.cx.emit(EventKind::Aborted { reason: reason.clone() });
        course.facts.error.get_or_insert(reason);
    }

    async fn verify_after(&self, course: &mut Course) {
        let Some(name) = &self.spec.verify else { return };
        let cx = self.cx.child("verify", None);
        let answer = verify(name, &self.run, &cx).await;
        let seen = chaos_core::Observation {
            answer: answer.answer,
            value: answer.value.clone(),
            detail: answer.detail.clone(),
        };
        self.probed(ProbeRole::Verify, name, &seen);
        course.facts.probes.push(answer.clone());
        course.verification = Some(answer);
    }

    fn result(&self, course: Course, stream: &mut EventStream) -> ChaosResult {
        let reverted = course.reverted.unwrap_or(Reverted::NothingToRevert);
        let success = course.facts.success(reverted);
        let verdict = course.facts.verdict(reverted);
        let probes = course.facts.probes.iter().filter(|probe| Some(*probe) != course.verification.as_ref());
        ChaosResult {
            success,
            injected_fault: self.spec.action.type_name().to_owned(),
            output: course.output,
            elapsed_time: course.elapsed.as_secs_f64(),
            error: if success { None } else { course.facts.error },
            name: self.spec.name.clone(),
            verdict,
            witness: course.witness,
            probes: probes.cloned().collect(),
            verification: course.verification,
            reverted,
            timeline: timeline(stream, self.cx.path()),
            load: course.load,
        }
    }
}
