//! What is known of each step, for the report.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chaos_core::{StepBody, StepOutcome, WorkflowStep};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::past::Past;
use crate::record::RecordedEnd;

/// One step in the report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StepReport {
    /// Its name.
    pub name: String,
    /// Its position in the document, as a JSON pointer.
    pub at: String,
    /// How deep it stands: 0 is the workflow itself.
    pub depth: u32,
    /// How it ended.
    pub outcome: StepOutcome,
    /// Why, in one clause; for a step that was skipped, why it was.
    pub detail: String,
    /// How often it was started.
    pub attempts: u32,
    /// Seconds of its last attempt.
    pub seconds: f64,
    /// The names of the outputs that it wrote.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outputs: Vec<String>,
}

/// The steps of a workflow, in the order of the document.
#[derive(Debug)]
pub(crate) struct Rows {
    places: HashMap<String, Place>,
    steps: Mutex<Vec<StepReport>>,
}

/// Where a step stands, and whether it is a plug-in's.
#[derive(Debug)]
struct Place {
    index: usize,
    is_leaf: bool,
}

impl Rows {
    /// The steps of a workflow, with what was done of them before.
    pub(crate) fn of(workflow: &WorkflowStep, past: &Past) -> Self {
        let (mut steps, mut places) = (Vec::new(), HashMap::new());
        let mut open = vec![(workflow, 0)];
        while let Some((step, depth)) = open.pop() {
            let is_leaf = matches!(step.body, StepBody::Leaf(_));
            places.insert(step.name.clone(), Place { index: steps.len(), is_leaf });
            steps.push(StepReport {
                name: step.name.clone(),
                at: step.at.clone(),
                depth,
                outcome: StepOutcome::Skipped,
                detail: "not reached".to_owned(),
                attempts: 0,
                seconds: 0.0,
                outputs: Vec::new(),
            });
            open.extend(step.children().into_iter().rev().map(|child| (child, depth + 1)));
        }
        let rows = Self { places, steps: Mutex::new(steps) };
        for (name, attempts) in &past.attempts {
            for done in attempts.values() {
                // Of control steps only the ends are recorded.
                if done.started || rows.places.get(name).is_some_and(|place| !place.is_leaf && done.ended.is_some()) {
                    rows.started(name);
                }
                if let Some(end) = &done.ended {
                    rows.ended(name, end);
                }
            }
        }
        rows
    }

    fn lock(&self) -> MutexGuard<'_, Vec<StepReport>> {
        self.steps.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with(&self, name: &str, change: impl FnOnce(&mut StepReport)) {
        let Some(place) = self.places.get(name) else { return };
        if let Some(row) = self.lock().get_mut(place.index) {
            change(row);
        }
    }

    /// One more attempt of a step begins.
    pub(crate) fn started(&self, name: &str) {
        self.with(name, |row| row.attempts += 1);
    }

    /// One more attempt of a step has ended.
    pub(crate) fn ended(&self, name: &str, end: &RecordedEnd) {
        self.with(name, |row| {
            row.outcome = end.outcome;
            row.detail.clone_from(&end.detail);
            row.seconds = end.seconds;
            row.outputs = end.outputs.keys().cloned().collect();
        });
    }

    /// A step and those in it are not run; one that ran before keeps what it did.
    pub(crate) fn skipped(&self, step: &WorkflowStep, why: &str) {
        for step in step.all() {
            self.with(&step.name, |row| {
                if row.attempts == 0 && row.outcome == StepOutcome::Skipped {
                    why.clone_into(&mut row.detail);
                }
            });
        }
    }

    /// What is known of all.
    pub(crate) fn all(&self) -> Vec<StepReport> {
        self.lock().clone()
    }
}
