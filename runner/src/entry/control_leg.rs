//! The control leg of an entry: its trigger, its probes and its length once more, without its fault.

use std::time::Duration;

use chaos_core::{Answer, ControlLeg, ControlOrder, EventKind, FaultTimes, ProbeBudget, Span, Stage, Verification};

use super::Entry;
use crate::ask::seconds;
use crate::cause::Cause;
use crate::hold_time::hold_time;
use crate::preflight::{Refused, plan};
use crate::probe_load::probe_load;
use crate::watch::{EndedBy, Leg, Watchers};

impl Entry {
    /// When the control leg comes; `None` of an entry without one.
    pub(super) fn control_order(&self) -> Option<ControlOrder> {
        self.spec.control.then_some(self.shared.control_order)
    }

    /// Runs the control leg. One that could not run to its end shows as little as one in which the system was not steady: both have
    /// a reason.
    pub(super) async fn control_leg(&self, order: ControlOrder) -> ControlLeg {
        let mut leg = ControlLeg::new(order);
        if let Err(cause) = self.run_control(&mut leg).await {
            leg.reason.get_or_insert_with(|| format!("the control leg did not run to its end: {cause}"));
        }
        let said = leg.reason.as_deref().unwrap_or("steady without the fault");
        self.told(format!("control leg ended: {said}"));
        leg
    }

    async fn run_control(&self, leg: &mut ControlLeg) -> Result<(), Cause> {
        if self.shared.hold_until_released {
            return Err(Cause::Before(
                "the hold has no length of its own: it lasts until somebody releases it".to_owned(),
            ));
        }
        self.told(format!("control leg: waiting for trigger `{}`", self.spec.trigger.type_name()));
        self.trigger_fires(self.trigger_takes()?).await?;
        let length = self.control_length().await?;
        let asked = self.cx().services().get::<ProbeBudget>();
        let load = probe_load(&self.spec).map_err(Refused::from)?;
        let _asked = asked.reserve(&load, self.cx().policy()).map_err(Refused::from)?;
        self.told(format!("control leg: {} without the fault", seconds(length)));
        // The loads of the run keep the requests of this time apart.
        let edges = self.life.scope().control();
        let (mut times, stage) = (FaultTimes::default(), |stage| (stage, edges.edge(stage)));
        for (stage, at) in [stage(Stage::Landing), stage(Stage::InForce)] {
            times.note(stage, at);
        }
        let mut watchers = Watchers::start(&self.spec, &self.life, Leg::Control, Some(length), &self.shared.plug_ins);
        let ended = tokio::select! {
            biased;
            () = self.cx().cancelled() => Err(Cause::Interrupted),
            why = self.shared.stopped() => Err(Cause::Skipped(why)),
            turned = watchers.aborted() => Err(Cause::Aborted(turned.reason)),
            () = self.cx().clock().sleep(length) => Ok(()),
        };
        watchers.stop(if ended.is_ok() { EndedBy::Time } else { EndedBy::Cut });
        for (stage, at) in [stage(Stage::Leaving), stage(Stage::Gone)] {
            times.note(stage, at);
        }
        let times = times.since(self.life.scope().run_start());
        (leg.began_seconds, leg.ended_seconds) = (times.in_force_seconds, times.leaving_seconds);
        leg.probes = watchers.finish(true).await;
        leg.reason = unsteady(&leg.probes, self.spec.during.len(), self.spec.detect.is_some());
        ended
    }

    /// As long as the fault is to be in force.
    async fn control_length(&self) -> Result<Duration, Cause> {
        let entry = self.clone();
        let plan = self.shared.plug_ins.run(async move { plan(&entry.spec, entry.cx()).await }).await?;
        // Probes leave out in both legs what the nodes say on which the fault acts.
        self.life.scope().planned(&plan);
        if self.spec.action.span() == Span::Sustained {
            return Ok(hold_time(&self.spec));
        }
        let none = || Refused::ControlLength(self.spec.action.type_name().to_owned());
        Ok(plan.duration().ok_or_else(none)?)
    }

    fn told(&self, text: String) {
        self.life.scope().emit(EventKind::Note { text });
    }
}

/// Why the answers of a control leg say that its entry shows nothing: `during` must say yes without the fault, and `detect` must not.
/// They are in the order of the document.
fn unsteady(probes: &[Verification], during: usize, detects: bool) -> Option<String> {
    let told = |probe: &Verification| format!("`{}`: {}", probe.name, probe.detail);
    let mut asked = probes.iter();
    let unwell = asked.by_ref().take(during).find_map(|probe| match probe.answer {
        Answer::Yes => None,
        Answer::No => Some(format!("the system was not steady without the fault: {}", told(probe))),
        Answer::Unknown => Some(format!("unknown whether the system was steady without the fault: {}", told(probe))),
    });
    let detect = asked.next().filter(|_| detects);
    let contradicted = || match detect.map(|probe| (probe.answer, probe)) {
        Some((Answer::Yes, probe)) => {
            Some(format!("detection contradicted: `detect` said yes without the fault, {}", told(probe)))
        }
        Some((Answer::Unknown, probe)) => {
            Some(format!("unknown what `detect` says without the fault, {}", told(probe)))
        }
        _ => None,
    };
    unwell.or_else(contradicted)
}
