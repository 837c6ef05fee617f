//! SIGKILL at the n-th system call.

use std::sync::OnceLock;
use std::time::Duration;

use crate::campaign::Campaign;
use crate::child::kill;
use crate::control::{Control, NO_JOURNAL};
use crate::flaw::{Flaw, FlawKind};
use crate::moment::KillMoment;
use crate::round::Round;
use crate::subject::SUBJECTS;
use crate::traced;

/// Kills a run, or a recovery, where a thread of it enters or leaves a system call.
#[derive(Debug, Default)]
pub(super) struct Syscall {
    /// Whether the system lets us.
    allowed: OnceLock<bool>,
    /// How often each subject enters or leaves one as a whole, and then a recovery.
    stops: [OnceLock<u64>; SUBJECTS.len() + 1],
}

impl Campaign for Syscall {
    fn name(&self) -> &'static str {
        "syscall"
    }

    fn about(&self) -> &'static str {
        "kills a run or a recovery as it enters or leaves its n-th system call, counted over all threads"
    }

    fn control(&self) -> Control {
        NO_JOURNAL
    }

    fn round(&self, round: &mut Round) -> Result<(), Flaw> {
        if !*self.allowed.get_or_init(traced::is_allowed) {
            round.tally.count("skipped: needs ptrace");
            return Ok(());
        }
        // By its seed alone, so that neighbouring rounds of one subject are spread over all of it.
        let (nth, subject) = (round.seed / self.stops.len() as u64, round.seed % self.stops.len() as u64);
        let subject = usize::try_from(subject).unwrap_or(0);
        let stops = if let Some(stops) = self.stops[subject].get() {
            *stops
        } else {
            let stops = whole(round, subject)?;
            *self.stops[subject].get_or_init(|| stops)
        };
        let args = prepared(round, subject)?;
        round.tally.count(SUBJECTS.get(subject).map_or("recovery", |subject| subject.name));
        let ended = traced::kill_at(round, &args, Some(spread(nth, stops)))?.ended.is_some();
        round.count_moment(ended);
        round.settle()
    }
}

/// The arguments of a subject; behind the last one stands a recovery that has something to do.
fn prepared(round: &mut Round, subject: usize) -> Result<Vec<String>, Flaw> {
    if let Some(subject) = SUBJECTS.get(subject) {
        return (subject.arguments)(round, Duration::from_millis(1));
    }
    let args = round.pause(Duration::from_mins(1))?;
    let mut dead = round.start(&args)?;
    let stopped = KillMoment::Stopped.wait(round, &mut dead, Duration::from_micros(1));
    kill(&mut dead);
    stopped?;
    Ok(vec!["recover".to_owned()])
}

/// Neighbouring numbers lie far apart, and together they cover every stop.
fn spread(number: u64, stops: u64) -> u64 {
    let part = u128::from(number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    1 + u64::try_from((part * u128::from(stops)) >> 64).unwrap_or(0)
}

/// How often a subject enters or leaves a system call as a whole.
fn whole(round: &mut Round, subject: usize) -> Result<u64, Flaw> {
    let args = prepared(round, subject)?;
    let stops = traced::kill_at(round, &args, None)?.stops;
    if stops == 0 || round.any_stopped() {
        return Err(round.finding(FlawKind::Setup, &format!("a whole run made {stops} stops")));
    }
    Ok(stops)
}
