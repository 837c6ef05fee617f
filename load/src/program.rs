//! Which requests a plan schedules, whatever the model.

use crate::plan::{LoadModel, LoadPlan};
use crate::schedule::{Lane, OpenSchedule, Split};

impl LoadPlan {
    /// How many connections take part: the plan's, or fewer where it has too few requests for them.
    pub fn connections_used(&self) -> usize {
        Program::of(self).connections(self)
    }
}

/// The schedule of a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Program {
    /// Each connection has its own.
    Lanes(Split),
    /// All connections share one.
    Open(OpenSchedule),
}

impl Program {
    /// The schedule of a plan. Without a rate there is nothing to share: each
    /// connection goes as fast as it can, in either model.
    pub(crate) fn of(load: &LoadPlan) -> Self {
        match (load.model, OpenSchedule::of(load)) {
            (LoadModel::Open, Some(schedule)) => Self::Open(schedule),
            _ => Self::Lanes(Split::of(load)),
        }
    }

    /// Connections that may be used.
    pub(crate) fn connections(&self, load: &LoadPlan) -> usize {
        match self {
            Self::Lanes(split) => split.threads,
            Self::Open(schedule) => {
                let calls = schedule.total.unwrap_or(u64::MAX);
                load.connections.get().min(usize::try_from(calls).unwrap_or(usize::MAX))
            }
        }
    }

    /// How many calls were due by a moment; `None` where none has a due time.
    pub(crate) fn due_by(&self, load: &LoadPlan, now: u64) -> Option<u64> {
        match self {
            Self::Open(schedule) => Some(schedule.due_by(now)),
            Self::Lanes(split) => (0..split.threads).map(|index| Lane::of(load, split, index).due_by(now)).sum(),
        }
    }

    /// How many calls the whole run schedules; `None` without a number.
    pub(crate) fn total(&self) -> Option<u64> {
        match self {
            Self::Open(schedule) => schedule.total,
            Self::Lanes(split) => split.total(),
        }
    }
}
