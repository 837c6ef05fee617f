//! Kills of a run, of its guardian, of both, and a run that is stopped.

use std::process::Child;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::campaign::Campaign;
use crate::child::{kill, send, sleep};
use crate::control::Control;
use crate::flaw::{Flaw, FlawKind};
use crate::guarded::{GUARDED, Guarded, guardians_of, in_force, kill_pid};
use crate::moment::Moment;
use crate::round::Round;
use crate::traced;

/// After what time nothing may be in force any more, where a run was killed and its guardian was not.
const AT_THE_LATEST: Duration = Duration::from_secs(2);

/// The same where the run was stopped: the lease, and what an undo takes.
const AFTER_A_STOP: Duration = Duration::from_secs(8);

/// Most of a run's life before its first step is of no interest here.
const MOMENTS: [Moment; 7] =
    [Moment::Start, Moment::Journal, Moment::Armed, Moment::Armed, Moment::Stopped, Moment::Stopped, Moment::Stopped];

/// The longest time between the death of the one and of the other.
const APART: Duration = Duration::from_millis(6);

/// The n-th system call at which a run is killed is below this; a run makes some thousand.
const SYSTEM_CALLS: u64 = 6_000;

/// Undoes at its end what it does, and has nobody to do that when it is killed.
const NO_GUARDIAN: Control = Control {
    program: r#"#!/bin/sh
mkdir -p filled
case "$1" in
inject) pid=${3#pid=}; kill -STOP $pid ;;
run) : >filled/file ;;
*) exit 0 ;;
esac
for i in 1 2 3 4 5; do sleep 0.01; done
rm -f filled/file
[ -z "$pid" ] || kill -CONT $pid
"#,
    found: &[FlawKind::LeftStopped],
};

/// Attacks a run that has a guardian.
#[derive(Debug)]
pub(super) struct Guardian;

impl Campaign for Guardian {
    fn name(&self) -> &'static str {
        "guardian"
    }

    fn about(&self) -> &'static str {
        "kills a run, its guardian or both, or stops the run, and measures how long its effects stay"
    }

    fn control(&self) -> Control {
        NO_GUARDIAN
    }

    fn is_guarded(&self) -> bool {
        true
    }

    fn round(&self, round: &mut Round) -> Result<(), Flaw> {
        let subject = round.random.choose(&GUARDED);
        let hold = Duration::from_millis(1) + round.random.time(Duration::from_millis(60));
        let args = (subject.arguments)(round, hold)?;
        round.tally.count(subject.name);
        match round.random.below(20) {
            0 => stopped(round, subject, &args, hold),
            1..=6 => at_a_system_call(round, subject, &args),
            7..=11 => run_killed(round, subject, &args, hold),
            12..=14 => guardian_killed(round, subject, &args, hold),
            _ => both_killed(round, subject, &args, hold),
        }
    }
}

/// Starts the subject, and waits for a random moment of it.
fn begun(round: &mut Round, subject: &Guarded, args: &[String], hold: Duration) -> Result<Child, Flaw> {
    let mut run = round.start(args)?;
    let moment = *round.random.choose(&MOMENTS);
    // A node's state is none of the oracle's of processes that are stopped.
    let moment = if moment == Moment::Stopped && !subject.stops { Moment::Armed } else { moment };
    let waited = moment.wait(round, &mut run, Duration::from_millis(40) + hold);
    if waited.is_err() {
        kill(&mut run);
    }
    waited.map(|()| run)
}

fn run_killed(round: &mut Round, subject: &Guarded, args: &[String], hold: Duration) -> Result<(), Flaw> {
    let mut run = begun(round, subject, args, hold)?;
    let ended = run.try_wait()?.is_some();
    let was = in_force(round);
    let died = Instant::now();
    kill(&mut run);
    round.tally.count("run killed");
    round.count_moment(ended);
    undone(round, died, was, AT_THE_LATEST)?;
    round.settle()
}

fn at_a_system_call(round: &mut Round, _subject: &Guarded, args: &[String]) -> Result<(), Flaw> {
    if !traced::is_allowed() {
        round.tally.count("skipped: needs ptrace");
        return Ok(());
    }
    let nth = 1 + round.random.below(SYSTEM_CALLS);
    let traced = traced::kill_at(round, args, Some(nth))?;
    round.tally.count("run killed at a system call");
    let was = in_force(round);
    round.count_moment(traced.ended);
    undone(round, Instant::now(), was, AT_THE_LATEST)?;
    round.settle()
}

fn guardian_killed(round: &mut Round, subject: &Guarded, args: &[String], hold: Duration) -> Result<(), Flaw> {
    let mut run = begun(round, subject, args, hold)?;
    for guardian in guardians_of(run.id()) {
        kill_pid(guardian);
        round.tally.count("guardian killed");
    }
    let status = round.wait(&mut run, "the run")?;
    // Killed while it was being started, it is missed: then nothing is injected.
    round.ended(status, &[0, 2])?;
    if in_force(round) {
        return Err(round.finding(FlawKind::SilentLoss, "the run ended, and something is in force"));
    }
    round.settle()
}

fn both_killed(round: &mut Round, subject: &Guarded, args: &[String], hold: Duration) -> Result<(), Flaw> {
    let mut run = begun(round, subject, args, hold)?;
    let guardians = guardians_of(run.id());
    let apart = round.random.time(APART);
    if round.random.one_in(2) {
        guardians.iter().copied().for_each(kill_pid);
        sleep(apart);
        kill(&mut run);
    } else {
        kill(&mut run);
        sleep(apart);
        guardians.iter().copied().for_each(kill_pid);
    }
    round.tally.count("both killed");
    round.count_moment(false);
    round.settle()?;
    if in_force(round) {
        return Err(round.finding(FlawKind::SilentLoss, "recovery ended, and something is in force"));
    }
    Ok(())
}

fn stopped(round: &mut Round, subject: &Guarded, args: &[String], hold: Duration) -> Result<(), Flaw> {
    let mut run = begun(round, subject, args, hold)?;
    let was = in_force(round);
    send(&run, Signal::STOP);
    round.tally.count("run stopped");
    let gone = undone(round, Instant::now(), was, AFTER_A_STOP);
    send(&run, Signal::CONT);
    let status = round.wait(&mut run, "the run that was stopped")?;
    gone?;
    round.ended(status, &[0, 2])?;
    if in_force(round) {
        return Err(round.finding(FlawKind::Touched, "the run that woke up has put something in force"));
    }
    round.settle()
}

/// Waits until nothing is in force, without anybody who recovers, and notes how long that took.
fn undone(round: &mut Round, died: Instant, was: bool, latest: Duration) -> Result<(), Flaw> {
    while in_force(round) {
        if died.elapsed() > round.patience {
            let what = format!("something is in force {:?} after the run", died.elapsed());
            return Err(round.finding(FlawKind::LeftStopped, &what));
        }
        sleep(Duration::from_micros(200));
    }
    let took = died.elapsed();
    if was {
        round.tally.count("in force at the time");
        if latest == AT_THE_LATEST {
            round.tally.after_death.push(took);
        }
        if took > latest {
            return Err(
                round.finding(FlawKind::Hang, &format!("it was in force for {took:?}, at most {latest:?} is allowed"))
            );
        }
    }
    Ok(())
}
