//! SIGKILL at the n-th system call.

use std::sync::OnceLock;
use std::time::Duration;

use crate::campaign::Campaign;
use crate::flaw::{Flaw, FlawKind};
use crate::round::Round;
use crate::traced;

/// Kills a run where a thread of it enters or leaves a system call.
#[derive(Debug, Default)]
pub(super) struct Syscall {
    /// How often a whole run enters or leaves one.
    stops: OnceLock<u64>,
}

impl Campaign for Syscall {
    fn name(&self) -> &'static str {
        "syscall"
    }

    fn about(&self) -> &'static str {
        "kills a run as it enters or leaves its n-th system call, counted over all threads"
    }

    fn round(&self, round: &mut Round) -> Result<(), Flaw> {
        let stops = if let Some(stops) = self.stops.get() {
            *stops
        } else {
            let stops = whole(round)?;
            *self.stops.get_or_init(|| stops)
        };
        let args = round.pause(Duration::from_millis(1))?;
        let ended = traced::kill_at(round, &args, Some(nth(round.seed, stops)))?.ended;
        round.count_moment(ended);
        round.settle()
    }
}

/// Neighbouring seeds lie far apart, and together they cover every stop.
fn nth(seed: u64, stops: u64) -> u64 {
    let part = u128::from(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    1 + u64::try_from((part * u128::from(stops)) >> 64).unwrap_or(0)
}

/// How often a whole run enters or leaves a system call.
fn whole(round: &mut Round) -> Result<u64, Flaw> {
    let args = round.pause(Duration::from_millis(1))?;
    let stops = traced::kill_at(round, &args, None)?.stops;
    if stops < 100 || round.any_stopped() {
        return Err(round.finding(FlawKind::Setup, &format!("a whole run made {stops} stops")));
    }
    Ok(stops)
}
