//! A run that is under way: what is known of it, whichever of its steps ends.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use chaos_core::{Redactor, RunContext};
use chaos_kube::{Cluster, RemoveWorkflow};

use crate::detect::StepFailure;
use crate::fetch::Fetched;
use crate::folder::{RunFolder, RunRecord};
use crate::follow::{Ended, Follower};
use crate::options::{ScenarioOptions, WrapperStep};
use crate::outcome::ScenarioOutcome;
use crate::scenario::ReadyScenario;

/// What is known of a run.
#[derive(Debug, Default)]
pub(crate) struct Known {
    pub(crate) step: Option<WrapperStep>,
    pub(crate) fetched: Option<Fetched>,
    pub(crate) scenario: Option<ReadyScenario>,
    pub(crate) context: Option<String>,
    pub(crate) cluster: Option<Cluster>,
    /// The undo step, once it is on disk: from then on something may exist.
    pub(crate) armed: Option<RemoveWorkflow>,
    pub(crate) is_applied: bool,
    pub(crate) applied_at: Option<Instant>,
    pub(crate) ended: Option<Ended>,
    pub(crate) overrun_seconds: Option<f64>,
    /// What ended it beside what happened in the cluster.
    pub(crate) stop: Option<StepFailure>,
    /// What went wrong and changes no verdict.
    pub(crate) problems: Vec<String>,
    pub(crate) decisions: Vec<String>,
    pub(crate) strict: Option<crate::strict_end::StrictEnd>,
}

/// A run that is under way.
pub(crate) struct Live {
    pub(crate) cx: RunContext,
    pub(crate) options: ScenarioOptions,
    pub(crate) folder: RunFolder,
    pub(crate) redactor: Redactor,
    pub(crate) began: Instant,
    /// Held by whoever follows; free again when that has ended, in whatever way.
    pub(crate) follower: Arc<tokio::sync::Mutex<Option<Follower>>>,
    known: Mutex<Known>,
}

impl Live {
    pub(crate) fn new(cx: RunContext, options: ScenarioOptions, folder: RunFolder) -> Self {
        let redactor = cx.redactor().clone();
        let (began, follower, known) = (Instant::now(), Arc::default(), Mutex::default());
        Self { cx, options, folder, redactor, began, follower, known }
    }

    /// What is known; not to be held across anything that waits.
    pub(crate) fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes to the folder which run this is: from then on its id is used up.
    pub(crate) fn record(&self) -> std::io::Result<()> {
        self.folder.record(&RunRecord {
            engine_run: self.cx.run_id().to_owned(),
            workflow: self.options.workflow(),
            namespace: self.options.namespace.clone(),
            chaos: self.known().scenario.as_ref().map(|scenario| scenario.chaos.clone()).unwrap_or_default(),
        })
    }

    /// Says that something may exist from now on, and that time counts.
    pub(crate) fn is_applied(&self) {
        let mut known = self.known();
        known.is_applied = true;
        known.applied_at = Some(Instant::now());
    }

    /// Says that a step begins.
    pub(crate) fn begins(&self, step: WrapperStep) {
        self.known().step = Some(step);
        if let Some(at_step) = self.options.at_step {
            at_step(step);
        }
    }

    /// Tells people and the folder what was decided and why.
    pub(crate) fn decide(&self, what: impl Into<String>) {
        let what = self.redactor.text(&what.into());
        self.cx.note(what.clone());
        let at = self.began.elapsed().as_secs_f64();
        if let Err(error) = self.folder.decided(at, &what, &self.redactor) {
            self.known().problems.push(format!("write `{}`: {error}", crate::folder::DECISIONS));
        }
        self.known().decisions.push(what);
    }

    /// Says what ended the run; the first reason counts, all are told.
    pub(crate) fn stopped(&self, outcome: ScenarioOutcome, detail: impl Into<String>) {
        let detail = self.redactor.text(&detail.into());
        let known = self.known();
        let step = known.step.map(|step| step.word().to_owned()).unwrap_or_default();
        let since = known.applied_at.unwrap_or(self.began);
        drop(known);
        let detail = if step.is_empty() { detail } else { format!("{step}: {detail}") };
        let failure = StepFailure::new("", outcome, detail, since.elapsed().as_secs_f64());
        self.decide(format!("{}: {}", outcome.word(), failure.detail));
        self.known().stop.get_or_insert(failure);
    }
}
