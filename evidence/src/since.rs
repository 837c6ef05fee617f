//! From when on evidence counts.

use chaos_core::{Edge, FaultEdges, RunContext, Stage};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Moment;

/// From when on evidence counts. Where a probe does not say, it is the moment at which the fault of its own entry came into
/// force; before that, or outside an entry, the start of the run, but in `detect` nothing: what was seen before the fault shows
/// nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Since {
    /// Everything that the run has seen.
    Run,
    /// The moment at which a check found the entry's own fault in force.
    Fault,
    /// The moment at which the undo of the entry's own fault began.
    Undo,
}

/// The moment from which on evidence is to count has not come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotSince {
    /// The fault is not in force yet.
    #[error("the fault of this entry has not been in force yet")]
    NoFault,
    /// The undo has not begun.
    #[error("the undo of this entry's fault has not begun yet")]
    NoUndo,
}

impl Since {
    /// That moment for a probe of `cx`; without a word, the default.
    ///
    /// # Errors
    /// [`NotSince`]: it has not come.
    pub fn moment(since: Option<Self>, cx: &RunContext) -> Result<Moment, NotSince> {
        let start = Moment(i64::MIN);
        match since {
            Some(Self::Run) => Ok(start),
            Some(Self::Fault) => last(cx, Stage::InForce).ok_or(NotSince::NoFault),
            Some(Self::Undo) => last(cx, Stage::Leaving).ok_or(NotSince::NoUndo),
            None => match last(cx, Stage::InForce) {
                Some(fault) => Ok(fault),
                None if is_detection(cx) => Err(NotSince::NoFault),
                None => Ok(start),
            },
        }
    }
}

/// Whether the question is, or is a part of, the entry's `detect`, which the engine asks once before the fault, too.
fn is_detection(cx: &RunContext) -> bool {
    let within = cx.entry().and_then(|entry| cx.path().strip_prefix(&*entry.path));
    within.is_some_and(|within| within.split('/').nth(1) == Some("detect"))
}

/// When the fault of this entry last came to that stage; while its control leg goes on, when that did: what an earlier fault
/// caused says nothing of a system without one.
fn last(cx: &RunContext, stage: Stage) -> Option<Moment> {
    let entry = cx.entry()?;
    let edges = cx.services().get::<FaultEdges>().watch();
    let edges = edges.borrow();
    let control = edges.iter().rev().find(|edge| edge.entry.is_control_of(entry)).map(|edge| edge.stage);
    let in_control = matches!(control, Some(Stage::Landing | Stage::InForce));
    let is_its = |edge: &&Edge| {
        let of = if in_control { edge.entry.is_control_of(entry) } else { edge.entry.path == entry.path };
        of && edge.stage == stage
    };
    edges.iter().rev().find(is_its).map(|edge| Moment::at(edge.at))
}
