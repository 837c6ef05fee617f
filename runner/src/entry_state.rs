//! The state of an entry, and the one function that says what may follow what.

use std::time::Duration;

use chaos_core::{Evidence, Plan};
use serde::{Deserialize, Serialize};

/// Where an entry stands, in the order in which it gets there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum EntryStage {
    /// Not begun: its turn has not come, or the preflight is going on.
    Pending,
    /// Waiting for its trigger.
    Waiting,
    /// The trigger fired.
    Fired,
    /// The fault said what it would touch.
    Planned,
    /// Being injected.
    Injecting,
    /// In force.
    Active,
    /// Being undone.
    Undoing,
    /// Undone; what is asked afterwards is being asked.
    Undone,
    /// Over.
    Ended,
}

/// The state of an entry.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct EntryState {
    /// Where it stands.
    pub stage: EntryStage,
    /// What showed that the fault was in force; kept to the end.
    pub active: Option<Evidence>,
}

/// A step from one stage to the next.
#[derive(Debug)]
pub(crate) enum Step {
    /// Begins to wait for a trigger of this type, which takes at least so long.
    Wait(&'static str, Duration),
    Fire(String),
    Plan(Plan),
    /// Injects a fault of this type; `None` in a sham run.
    Inject(Option<&'static str>),
    Activate(Evidence),
    /// Holds what is active.
    Hold(Duration),
    /// Begins to undo.
    Leave,
    Undone,
    End,
}

/// A step that its stage does not allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an entry that is {stage:?} can't {step}")]
pub(crate) struct IllegalStep {
    stage: EntryStage,
    step: &'static str,
}

impl EntryStage {
    /// The stage after `step`.
    pub(crate) fn after(self, step: &Step) -> Result<Self, IllegalStep> {
        use EntryStage as At;
        match (self, step) {
            (At::Pending, Step::Wait(..)) => Ok(At::Waiting),
            (At::Waiting, Step::Fire(_)) => Ok(At::Fired),
            (At::Fired, Step::Plan(_)) => Ok(At::Planned),
            (At::Planned, Step::Inject(_)) => Ok(At::Injecting),
            (At::Injecting, Step::Activate(_)) | (At::Active, Step::Hold(_)) => Ok(At::Active),
            (At::Injecting | At::Active, Step::Leave) => Ok(At::Undoing),
            (At::Undoing, Step::Undone) => Ok(At::Undone),
            // What was in force must be undone first; an undo that failed ends as `Undoing`.
            (At::Pending | At::Waiting | At::Fired | At::Planned | At::Undoing | At::Undone, Step::End) => {
                Ok(At::Ended)
            }
            (stage, step) => Err(IllegalStep { stage, step: step.word() }),
        }
    }
}

impl Step {
    fn word(&self) -> &'static str {
        match self {
            Self::Wait(..) => "wait",
            Self::Fire(_) => "fire",
            Self::Plan(_) => "plan",
            Self::Inject(_) => "inject",
            Self::Activate(_) => "become active",
            Self::Hold(_) => "be held",
            Self::Leave => "be undone",
            Self::Undone => "become undone",
            Self::End => "end",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One step of each kind.
    fn steps() -> [Step; 9] {
        [
            Step::Wait("", Duration::ZERO),
            Step::Fire(String::new()),
            Step::Plan(Plan::default()),
            Step::Inject(None),
            Step::Activate(Evidence::new("seen")),
            Step::Hold(Duration::ZERO),
            Step::Leave,
            Step::Undone,
            Step::End,
        ]
    }

    #[test]
    fn every_pair_of_stage_and_step_has_one_answer() {
        use EntryStage::{Active, Ended, Fired, Injecting, Pending, Planned, Undoing, Undone, Waiting};
        let rows: [(EntryStage, [Option<EntryStage>; 9]); 9] = [
            (Pending, [Some(Waiting), None, None, None, None, None, None, None, Some(Ended)]),
            (Waiting, [None, Some(Fired), None, None, None, None, None, None, Some(Ended)]),
            (Fired, [None, None, Some(Planned), None, None, None, None, None, Some(Ended)]),
            (Planned, [None, None, None, Some(Injecting), None, None, None, None, Some(Ended)]),
            (Injecting, [None, None, None, None, Some(Active), None, Some(Undoing), None, None]),
            (Active, [None, None, None, None, None, Some(Active), Some(Undoing), None, None]),
            (Undoing, [None, None, None, None, None, None, None, Some(Undone), Some(Ended)]),
            (Undone, [None, None, None, None, None, None, None, None, Some(Ended)]),
            (Ended, [None; 9]),
        ];
        for (stage, wanted) in rows {
            for (step, want) in steps().iter().zip(wanted) {
                assert_eq!(stage.after(step).ok(), want, "{stage:?} {step:?}");
            }
        }
    }

    #[test]
    fn an_illegal_step_names_stage_and_step() {
        let error = EntryStage::Waiting.after(&Step::Activate(Evidence::new("seen"))).unwrap_err();
        assert_eq!(error.to_string(), "an entry that is Waiting can't become active");
    }
}
