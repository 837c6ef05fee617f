//! Signals at random moments, of a run and of its recovery.

use std::process::Child;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::campaign::Campaign;
use crate::child::{kill, spin_for, wait_bounded};
use crate::flaw::Flaw;
use crate::round::Round;

/// What ends a process that does not handle it, and can be handled; faults of the processor are left out.
const SIGNALS: [Signal; 14] = [
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
];

/// Sends signals.
#[derive(Debug)]
pub(super) struct Signals;

impl Campaign for Signals {
    fn name(&self) -> &'static str {
        "signals"
    }

    fn about(&self) -> &'static str {
        "sends up to three signals that end a process at random moments, to a run and now and then to a recovery"
    }

    fn round(&self, round: &mut Round) -> Result<(), Flaw> {
        let recovering = round.random.one_in(4);
        if recovering {
            let args = round.pause(Duration::from_mins(1))?;
            let mut left = round.start(&args)?;
            spin_for(round.random.time(Duration::from_millis(40)));
            kill(&mut left);
            let mut recovery = round.start(&["recover"])?;
            signalled(round, &mut recovery, Duration::from_millis(5))?;
            wait_bounded(&mut recovery, "a recovery with a signal")?;
            round.tally.count("recovery signalled");
        }
        let args = round.pause(Duration::from_millis(40))?;
        let mut run = round.start(&args)?;
        let within = Duration::from_millis(if round.random.one_in(4) { 2 } else { 35 });
        signalled(round, &mut run, within)?;
        if recovering {
            // What it recovers may be cut short, which the next recovery makes good.
            wait_bounded(&mut run, "a run with a signal")?;
        } else {
            round.ended(&mut run, &[0, 1, 2])?;
        }
        round.settle()
    }
}

/// Sends up to three signals at random moments.
fn signalled(round: &mut Round, to: &mut Child, within: Duration) -> Result<(), Flaw> {
    for _ in 0..=round.random.below(3) {
        spin_for(round.random.time(within));
        let signal = *round.random.choose(&SIGNALS);
        if to.try_wait()?.is_some() {
            round.tally.count("after its end");
            return Ok(());
        }
        if let Some(pid) = Pid::from_raw(i32::try_from(to.id()).unwrap_or(0)) {
            round.tally.count(if round.any_stopped() { "victim stopped" } else { "victim running" });
            let _ = kill_process(pid, signal);
        }
    }
    Ok(())
}
