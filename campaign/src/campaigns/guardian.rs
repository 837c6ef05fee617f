//! Kills of a run, of its guardian, of both, and a run that is stopped.

use std::collections::BTreeMap;
use std::process::Child;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::campaign::Campaign;
use crate::child::{kill, send, sleep};
use crate::control::Control;
use crate::flaw::{Flaw, FlawKind};
use crate::guarded::{GUARDED, Guarded, first_is_over, live_on, refused};
use crate::link_client::Seen;
use crate::link_watch::{LinkWatch, Standing};
use crate::moment::KillMoment;
use crate::processes::{guardians_of, kill_pid};
use crate::round::Round;
use crate::traced::{self, Deaths, Point, Since};

/// After what time nothing may be in force any more, where a run was killed and its guardian was not.
const AT_THE_LATEST: Duration = Duration::from_secs(2);

/// The same where the run was stopped: the lease, and what an undo takes.
const AFTER_A_STOP: Duration = Duration::from_secs(8);

/// Most of a run's life before its first step is of no interest here.
const MOMENTS: [KillMoment; 7] = [
    KillMoment::Start,
    KillMoment::Journal,
    KillMoment::Armed,
    KillMoment::Armed,
    KillMoment::Stopped,
    KillMoment::Stopped,
    KillMoment::Stopped,
];

/// The longest time between the death of the one and of the other.
const APART: Duration = Duration::from_millis(6);

/// The n-th system call at which a run is killed is below this; a run makes some thousand.
const SYSTEM_CALLS: u64 = 6_000;
/// The same, counted from its first line in the journal on.
const AFTER_JOURNAL: u64 = 3_000;
/// The same for the entries to and exits from a sync alone: a run syncs its journal three to five times.
const SYNCS: u64 = 10;
/// The same for the calls of a guardian until it waits for its run, and for those with which it takes over.
const OF_GUARDIAN: u64 = 1_200;
const OF_TAKE_OVER: u64 = 600;

/// Undoes at its end what it does, and has nobody to do that when it is killed. Its link is a process that no client gets through, and
/// lives as long as a round looks.
const NO_GUARDIAN: Control = Control {
    program: r#"#!/bin/sh
mkdir -p filled
case "$1" in
inject) pid=${3#pid=}; kill -STOP $pid ;;
run)
    : >filled/file
    if grep -q '"type":"link"' task.json; then
        export SQUALL_LINK="{\"run\":$$,\"listen\":1}"
        sh -c 'sleep 8; :' squall-link &
    fi
    ;;
*) exit 0 ;;
esac
for i in 1 2 3 4 5; do sleep 0.01; done
rm -f filled/file
[ -z "$pid" ] || kill -CONT $pid
"#,
    found: &[FlawKind::LeftStopped, FlawKind::Harmed],
};

/// Attacks a run that has a guardian.
#[derive(Debug)]
pub(super) struct Guardian {
    /// What is drawn from.
    rows: Vec<&'static Guarded>,
    /// Why rows can't be run here, once they were asked about.
    refused: Mutex<BTreeMap<&'static str, Option<String>>>,
    traced: OnceLock<bool>,
}

impl Default for Guardian {
    fn default() -> Self {
        Self { rows: GUARDED.iter().collect(), refused: Mutex::default(), traced: OnceLock::new() }
    }
}

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
        let subject = *round.random.choose(&self.rows);
        let hold = Duration::from_millis(1) + round.random.time(Duration::from_millis(60));
        let args = (subject.arguments)(round, hold)?;
        if let Some(why) = self.refusal(round, subject, &args)? {
            round.tally.count(&format!("skipped: `{}`: {why}", subject.name));
            return Ok(());
        }
        let attack = Attack { row: subject.name, codes: subject.codes, args: &args, hold };
        if round.link().is_some() && round.random.one_in(5) {
            return attack.run_killed_after_its_undo(round);
        }
        match round.random.below(20) {
            0 => attack.stopped(round),
            part @ (1..=6 | 12..=14) if !*self.traced.get_or_init(traced::is_allowed) => {
                round.tally.count("skipped: needs ptrace");
                if part < 7 { attack.run_killed(round) } else { attack.both_killed(round) }
            }
            1..=6 => attack.run_killed_at_a_call(round),
            7..=9 => attack.run_killed(round),
            10..=11 => attack.guardian_killed(round),
            12 => attack.guardian_killed_at_a_call(round),
            13..=14 => attack.both_killed_at_a_call(round),
            _ => attack.both_killed(round),
        }
    }
}

impl Guardian {
    /// The same with only those rows; `None` where one is unknown.
    pub(super) fn of(names: &[String]) -> Option<Self> {
        let row = |name: &String| GUARDED.iter().find(|row| row.name == name);
        let rows: Option<Vec<&Guarded>> = names.iter().map(row).collect();
        rows.filter(|rows| !rows.is_empty()).map(|rows| Self { rows, ..Self::default() })
    }

    /// Asks once for each row.
    fn refusal(&self, round: &Round, subject: &Guarded, args: &[String]) -> Result<Option<String>, Flaw> {
        let mut refusals = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = refusals.get(subject.name) {
            return Ok(known.clone());
        }
        let why = refused(round, args)?;
        refusals.insert(subject.name, why.clone());
        Ok(why)
    }
}

/// One command that is attacked.
struct Attack<'a> {
    row: &'static str,
    codes: &'static [i32],
    args: &'a [String],
    hold: Duration,
}

impl Attack<'_> {
    /// Starts it, and waits for a random moment of it.
    fn begun(&self, round: &mut Round) -> Result<Child, Flaw> {
        let mut run = round.start(self.args)?;
        round.run.set(run.id());
        let moment = *round.random.choose(&MOMENTS);
        let moment = if moment == KillMoment::Stopped && !round.shows_effects() { KillMoment::Armed } else { moment };
        let waited = moment.wait(round, &mut run, Duration::from_millis(40) + self.hold);
        if waited.is_err() {
            kill(&mut run);
        }
        waited.map(|()| run)
    }

    /// Whether anything is in force at this moment; an effect that is seen is counted.
    fn look(&self, round: &mut Round) -> bool {
        if round.has_effect() {
            round.tally.count_seen(self.row);
        }
        round.in_force()
    }

    fn run_killed(&self, round: &mut Round) -> Result<(), Flaw> {
        let mut run = self.begun(round)?;
        let ended = run.try_wait()?.is_some();
        let was = self.look(round);
        let died = Instant::now();
        kill(&mut run);
        round.tally.count_kill(self.row, "run");
        round.count_moment(ended);
        undone(round, died, was, AT_THE_LATEST)?;
        round.settle()
    }

    /// At any of its system calls, at one after its first line in the journal, or at one that syncs such a line.
    fn run_killed_at_a_call(&self, round: &mut Round) -> Result<(), Flaw> {
        let (what, point) = match round.random.below(3) {
            0 => ("run at a system call", Point::Call(1 + round.random.below(SYSTEM_CALLS))),
            1 => ("run at a system call", Point::AfterJournal(1 + round.random.below(AFTER_JOURNAL))),
            _ => ("run at a journal write", Point::Sync(1 + round.random.below(SYNCS))),
        };
        let traced = traced::kill_both_at(round, self.args, Deaths { run: Some(point), guardian: None })?;
        let died = Instant::now();
        let was = self.look(round);
        if let Some(status) = traced.ended {
            round.tally.count_kill(self.row, "none: ended before");
            round.ended(status, self.codes)?;
        } else {
            round.tally.count_kill(self.row, what);
        }
        round.count_moment(traced.ended.is_some());
        undone(round, died, was, AT_THE_LATEST)?;
        round.settle()
    }

    /// When the run has undone its fault on a link, and lives on with the link.
    fn run_killed_after_its_undo(&self, round: &mut Round) -> Result<(), Flaw> {
        let more = live_on(round)?.map(str::to_owned);
        let mut run = round.start(&[self.args, &more].concat())?;
        round.run.set(run.id());
        let looked = self.undone_by_the_run(round, &mut run);
        let (was, died) = (round.in_force(), Instant::now());
        kill(&mut run);
        round.tally.count_kill(self.row, "run after its undo");
        looked?;
        undone(round, died, was, AT_THE_LATEST)?;
        round.settle()
    }

    /// Looks at the link while the fault is in force, and once it no longer is.
    fn undone_by_the_run(&self, round: &mut Round, run: &mut Child) -> Result<(), Flaw> {
        let start = Instant::now();
        while !first_is_over(round) {
            if round.has_effect() {
                self.look(round);
                let seen = round.link().and_then(LinkWatch::seen);
                if matches!(seen, Some(Seen::Harmed(_) | Seen::NotThere(_))) {
                    round.tally.count(&format!("{}: a client was harmed", self.row));
                }
                break;
            }
            if run.try_wait()?.is_some() || start.elapsed() > round.patience {
                break;
            }
            sleep(Duration::from_micros(500));
        }
        let start = Instant::now();
        while !first_is_over(round) {
            if let Some(status) = run.try_wait()? {
                return Err(
                    round.finding(FlawKind::ExitCode, &format!("the run ended before its fault was over: {status}"))
                );
            }
            if start.elapsed() > round.patience {
                return Err(round.finding(FlawKind::Hang, "the fault on a link was never over"));
            }
            sleep(Duration::from_millis(1));
        }
        match round.link_stands("its undo in a run that lives")? {
            Some(Standing::Passes) => round.tally.count("link passes after its undo"),
            standing => {
                return Err(round.finding(FlawKind::Harmed, &format!("the run lives, and its link is {standing:?}")));
            }
        }
        Ok(())
    }

    fn guardian_killed(&self, round: &mut Round) -> Result<(), Flaw> {
        let mut run = self.begun(round)?;
        self.look(round);
        let guardians = guardians_of(run.id());
        guardians.iter().copied().for_each(kill_pid);
        round.tally.count_kill(self.row, if guardians.is_empty() { "none: ended before" } else { "guardian" });
        let status = round.wait(&mut run, "the run")?;
        round.ended(status, self.codes)?;
        round.settle()
    }

    fn guardian_killed_at_a_call(&self, round: &mut Round) -> Result<(), Flaw> {
        let nth = 1 + round.random.below(OF_GUARDIAN);
        let deaths = Deaths { run: None, guardian: Some((Since::Start, nth)) };
        let traced = traced::kill_both_at(round, self.args, deaths)?;
        let what = if traced.guardian_killed { "guardian at a system call" } else { "none: ended before" };
        round.tally.count_kill(self.row, what);
        if let Some(status) = traced.ended {
            round.ended(status, self.codes)?;
        }
        round.settle()
    }

    /// The run, and then its guardian at any call with which it takes over and undoes.
    fn both_killed_at_a_call(&self, round: &mut Round) -> Result<(), Flaw> {
        let point = match round.random.below(2) {
            0 => Point::AfterJournal(1 + round.random.below(AFTER_JOURNAL)),
            _ => Point::Sync(1 + round.random.below(SYNCS)),
        };
        let nth = 1 + round.random.below(OF_TAKE_OVER);
        let deaths = Deaths { run: Some(point), guardian: Some((Since::RunsEnd, nth)) };
        let traced = traced::kill_both_at(round, self.args, deaths)?;
        let what = match (traced.ended, traced.guardian_killed) {
            (Some(_), _) => "none: ended before",
            (None, true) => "run and guardian, at system calls",
            // It was done before its call came.
            (None, false) => "run at a system call",
        };
        round.tally.count_kill(self.row, what);
        round.count_moment(traced.ended.is_some());
        fallen_back(round)?;
        round.settle()
    }

    fn both_killed(&self, round: &mut Round) -> Result<(), Flaw> {
        let mut run = self.begun(round)?;
        self.look(round);
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
        round.tally.count_kill(self.row, "run and guardian");
        round.count_moment(false);
        fallen_back(round)?;
        round.settle()
    }

    fn stopped(&self, round: &mut Round) -> Result<(), Flaw> {
        let mut run = self.begun(round)?;
        let was = self.look(round);
        send(&run, Signal::STOP);
        round.tally.count_kill(self.row, "run stopped, continued");
        let gone = undone(round, Instant::now(), was, AFTER_A_STOP);
        send(&run, Signal::CONT);
        let status = round.wait(&mut run, "the run that was stopped")?;
        gone?;
        if round.in_force() {
            return Err(round.finding(FlawKind::Touched, "the run that woke up has put something in force"));
        }
        round.ended(status, self.codes)?;
        round.settle()
    }
}

/// A link whose run and guardian are dead forwards and does nothing else, until somebody recovers.
fn fallen_back(round: &mut Round) -> Result<(), Flaw> {
    match round.link_stands("the deaths of run and guardian")? {
        Some(Standing::Passes) => round.tally.count("link passes after both died"),
        Some(Standing::Halted) => round.tally.count("link was being ended when both died"),
        Some(Standing::Gone) => round.tally.count("link gone when both died"),
        Some(Standing::Harmed(_)) | None => {}
    }
    Ok(())
}

/// Waits until nothing is in force, without anybody who recovers, and notes how long that took.
fn undone(round: &mut Round, died: Instant, was: bool, latest: Duration) -> Result<(), Flaw> {
    loop {
        let look = Instant::now();
        if !round.in_force() {
            break;
        }
        let look = look.elapsed();
        if died.elapsed() > round.patience {
            let what = format!("{:?} after the run, in force is: {}", died.elapsed(), round.what_is_in_force());
            return Err(round.finding(FlawKind::LeftStopped, &what));
        }
        // A look at every process takes a while, and must leave the processor to the guardian.
        sleep(look.max(Duration::from_micros(200)));
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
