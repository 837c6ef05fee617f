//! Signals at random moments, of a run and of its recovery.

use std::process::Child;
use std::time::Duration;

use rustix::process::Signal;

use crate::campaign::Campaign;
use crate::child::{kill, send, spin_for};
use crate::control::{Control, NO_JOURNAL};
use crate::flaw::{Flaw, FlawKind};
use crate::moment::KillMoment;
use crate::round::Round;
use crate::sleeper::Sleeper;
use crate::subject::SUBJECTS;

/// What ends or stops a process that does not handle it, and can be handled; faults of the processor are left out.
const SIGNALS: [Signal; 16] = [
    Signal::HUP,
    Signal::INT,
    Signal::QUIT,
    Signal::TERM,
    Signal::USR1,
    Signal::USR2,
    Signal::ALARM,
    Signal::STKFLT,
    Signal::XCPU,
    Signal::XFSZ,
    Signal::VTALARM,
    Signal::PROF,
    Signal::IO,
    Signal::POWER,
    Signal::TRAP,
    Signal::TSTP,
];

/// How long a fault holds that no signal ends.
const HOLD: Duration = Duration::from_millis(40);

/// Sends signals.
#[derive(Debug)]
pub(super) struct Signals;

impl Campaign for Signals {
    fn name(&self) -> &'static str {
        "signals"
    }

    fn about(&self) -> &'static str {
        "sends up to three signals that end or stop a process at random moments, to a run and now and then to a recovery"
    }

    fn control(&self) -> Control {
        Control { found: &[FlawKind::LeftStopped], ..NO_JOURNAL }
    }

    fn round(&self, round: &mut Round) -> Result<(), Flaw> {
        let recovering = round.random.one_in(4);
        if recovering {
            recovery(round)?;
        }
        let subject = round.random.choose(&SUBJECTS);
        let before = round.victims.len();
        let args = (subject.arguments)(round, HOLD)?;
        let mut run = round.start(&args)?;
        let moment = *round.random.choose(&KillMoment::ALL);
        moment.wait(round, &mut run, HOLD)?;
        signalled(round, &mut run, HOLD)?;
        // A signal cuts short what it recovers, which the next recovery makes good.
        let own = if recovering || subject.leaves_dead { round.victims.len() - 1 } else { before };
        let left = || round.victims.get(own..).is_some_and(|own| own.iter().any(Sleeper::is_stopped));
        let status = round.wait_and_continue(&mut run, "a run with a signal", || {
            let what = "it stopped itself, and its victim is stopped";
            if left() { Err(round.finding(FlawKind::LeftStopped, what)) } else { Ok(()) }
        })?;
        if own == before && !recovering {
            round.ended(status, &[0, 1, 2])?;
        } else if left() {
            return Err(round.finding(FlawKind::LeftStopped, &format!("the run ended with {status}")));
        }
        round.settle()
    }
}

/// Signals to a recovery that has something to do.
fn recovery(round: &mut Round) -> Result<(), Flaw> {
    let args = round.pause(Duration::from_mins(1))?;
    let mut left = round.start(&args)?;
    let moment = *round.random.choose(&KillMoment::ALL);
    let waited = moment.wait(round, &mut left, Duration::from_millis(2));
    kill(&mut left);
    waited?;
    let mut recovery = round.start(&["recover"])?;
    signalled(round, &mut recovery, Duration::from_millis(5))?;
    round.wait(&mut recovery, "a recovery with a signal")?;
    round.tally.count("recovery signalled");
    Ok(())
}

/// Sends up to three signals at random moments.
fn signalled(round: &mut Round, to: &mut Child, within: Duration) -> Result<(), Flaw> {
    for _ in 0..=round.random.below(3) {
        let signal = *round.random.choose(&SIGNALS);
        if to.try_wait()?.is_some() {
            round.tally.count("after its end");
            return Ok(());
        }
        round.tally.count(if round.any_stopped() { "victim stopped" } else { "victim running" });
        send(to, signal);
        spin_for(round.random.time(within));
    }
    Ok(())
}
