//! When something is done to a run.

use std::process::Child;
use std::time::{Duration, Instant};

use crate::child::{sleep, spin_for};
use crate::flaw::{Flaw, FlawKind};
use crate::round::Round;

/// From what point of a run's life a random time is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KillMoment {
    /// Its start.
    Start,
    /// Its journal is there.
    Journal,
    /// A step is armed.
    Armed,
    /// An effect shows: a victim is stopped.
    Stopped,
}

impl KillMoment {
    /// All of them; a start is drawn as often as any other.
    pub const ALL: [Self; 4] = [Self::Start, Self::Journal, Self::Armed, Self::Stopped];

    /// What it is called in a report.
    fn name(self) -> &'static str {
        match self {
            Self::Start => "its start",
            Self::Journal => "its journal",
            Self::Armed => "its first step",
            Self::Stopped => "its effect",
        }
    }

    /// Whether a run has come so far.
    fn has_come(self, round: &Round) -> bool {
        match self {
            Self::Start => true,
            Self::Journal => !round.place.journals().is_empty(),
            Self::Armed => round.place.is_armed(),
            Self::Stopped => round.has_effect(),
        }
    }

    /// Waits until a run has come so far, and a random time more; not for a run that has ended.
    pub fn wait(self, round: &mut Round, run: &mut Child, longest: Duration) -> Result<(), Flaw> {
        let start = Instant::now();
        loop {
            let look = Instant::now();
            if self.has_come(round) {
                break;
            }
            let look = look.elapsed();
            if run.try_wait()?.is_some() {
                return Ok(());
            }
            if start.elapsed() > round.patience {
                let what = format!("the run never came to {} within {:?}", self.name(), round.patience);
                return Err(round.finding(FlawKind::Hang, &what));
            }
            // A look at every process takes a while, and must leave the processor to the run.
            sleep(look.max(Duration::from_micros(50)));
        }
        spin_for(round.random.time(longest));
        Ok(())
    }
}
