//! A workflow: a tree of steps.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::late::Late;
use super::node::StepNode;
use crate::ProbeNode;

/// A step of a workflow, and the steps in it.
#[derive(Debug)]
pub struct WorkflowStep {
    /// Its name, which no other step of the workflow has.
    pub name: String,
    /// Its position in the document, as a JSON pointer.
    pub at: String,
    /// How long it may take.
    pub deadline: Option<Duration>,
    /// Whether it may run again where it was interrupted.
    pub idempotent: bool,
    /// What it does.
    pub body: StepBody,
}

/// What a step does: control steps are closed, since deadlines, resume and `finally` need their structure.
#[derive(Debug)]
pub enum StepBody {
    /// One after the other, up to the first failure; `finally` runs last, whatever happened.
    Serial {
        /// The steps.
        steps: Vec<WorkflowStep>,
        /// What runs last.
        finally: Vec<WorkflowStep>,
    },
    /// All at the same time.
    Parallel {
        /// The steps.
        steps: Vec<WorkflowStep>,
        /// How many must pass.
        success: ParallelSuccess,
    },
    /// One of two sequences, as a probe answers.
    Branch {
        /// The probe.
        when: Late<ProbeNode>,
        /// Runs on a yes.
        then: Vec<WorkflowStep>,
        /// Runs on a no.
        otherwise: Vec<WorkflowStep>,
    },
    /// Again until it passes.
    Retry {
        /// The step.
        step: Box<WorkflowStep>,
        /// How often at the most.
        attempts: u32,
        /// The wait between two attempts.
        delay: Duration,
    },
    /// A plug-in.
    Leaf(Late<StepNode>),
}

/// How many steps of a `parallel` must pass.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum ParallelSuccess {
    /// Every one; the first failure ends the others.
    #[default]
    All,
    /// One at least; all run to their end.
    BestEffort,
    /// So many; the others are ended once that many have passed, or can't any more.
    Quorum(u32),
}

impl WorkflowStep {
    /// The step and all steps in it, each before those that it holds, `finally` last.
    pub fn all(&self) -> Vec<&Self> {
        let (mut all, mut open) = (Vec::new(), vec![self]);
        while let Some(step) = open.pop() {
            all.push(step);
            open.extend(step.children().into_iter().rev());
        }
        all
    }

    /// The steps directly in it, in order.
    pub fn children(&self) -> Vec<&Self> {
        match &self.body {
            StepBody::Serial { steps, finally } => steps.iter().chain(finally).collect(),
            StepBody::Parallel { steps, .. } => steps.iter().collect(),
            StepBody::Branch { then, otherwise, .. } => then.iter().chain(otherwise).collect(),
            StepBody::Retry { step, .. } => vec![step],
            StepBody::Leaf(_) => Vec::new(),
        }
    }
}
