//! SIGKILL at a random moment of a run.

use std::fs;
use std::process::Child;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use rustix::process::{Signal, kill_process_group};

use crate::campaign::Campaign;
use crate::child::{kill, pid_of, send, sleep};
use crate::control::{Control, NO_JOURNAL};
use crate::flaw::{Flaw, FlawKind};
use crate::moment::KillMoment;
use crate::round::Round;
use crate::subject::SUBJECTS;

/// How a run is killed. Whatever else must not survive, such as a guardian, is one more line.
const KILLS: [Way; 3] = [
    Way { name: "killed alone", kill },
    Way { name: "killed with its process group", kill: with_group },
    Way { name: "killed while it was stopped", kill: stopped },
];

struct Way {
    name: &'static str,
    kill: fn(&mut Child),
}

/// What a run tells in its event stream, in this order; it is killed right behind one of them.
const EVENTS: [&str; 10] =
    ["fired", "planned", "looked", "injecting", "armed", "active", "holding", "undoing", "undid", "ended"];
const EVENT_STREAM: &str = "events.jsonl";

/// Kills a run.
#[derive(Debug, Default)]
pub(super) struct Kill {
    /// How long a whole run takes beside its hold.
    overhead: OnceLock<Duration>,
}

impl Kill {
    /// Measured once with the program at hand, so that the moments fall all over a run.
    fn overhead(&self, round: &mut Round) -> Result<Duration, Flaw> {
        if let Some(overhead) = self.overhead.get() {
            return Ok(*overhead);
        }
        let args = round.pause(Duration::from_millis(1))?;
        let start = Instant::now();
        let mut run = round.start(&args)?;
        let status = round.wait(&mut run, "the run")?;
        round.ended(status, &[0])?;
        Ok(*self.overhead.get_or_init(|| start.elapsed()))
    }
}

impl Campaign for Kill {
    fn name(&self) -> &'static str {
        "kill"
    }

    fn about(&self) -> &'static str {
        "kills a run at a random moment, and now and then its recovery too"
    }

    fn control(&self) -> Control {
        NO_JOURNAL
    }

    fn round(&self, round: &mut Round) -> Result<(), Flaw> {
        let overhead = self.overhead(round)?;
        let hold = Duration::from_millis(1) + round.random.time(Duration::from_millis(30));
        let (subject, moment) = (round.random.choose(&SUBJECTS), *round.random.choose(&KillMoment::ALL));
        let way = round.random.choose(&KILLS);
        let event = round.random.one_in(4).then(|| *round.random.choose(&EVENTS));
        let mut args = (subject.arguments)(round, hold)?;
        if let Some(event) = event {
            args.extend(["--events", EVENT_STREAM].map(str::to_owned));
            round.tally.count(&format!("after `{event}`"));
        }
        let mut run = round.start(&args)?;
        // The start is the longest part of a run; behind the other moments lie the hold and the undo.
        let longest = if moment == KillMoment::Start { overhead } else { Duration::from_millis(10) };
        let waited = match event {
            Some(event) => after(round, &mut run, event),
            None => moment.wait(round, &mut run, longest + hold * subject.holds),
        };
        if waited.is_err() {
            kill(&mut run);
            return waited;
        }
        let ended = run.try_wait()?.is_some();
        (way.kill)(&mut run);
        round.tally.count(subject.name);
        round.tally.count(way.name);
        round.count_moment(ended);
        round.settle()
    }
}

/// Waits until the run has told an event; not for a run that has ended.
fn after(round: &Round, run: &mut Child, event: &str) -> Result<(), Flaw> {
    let (start, told) = (Instant::now(), format!("\"event\":\"{event}\""));
    let stream = round.place.path().join(EVENT_STREAM);
    while !fs::read_to_string(&stream).is_ok_and(|text| text.contains(&told)) {
        if run.try_wait()?.is_some() {
            return Ok(());
        }
        if start.elapsed() > round.patience {
            return Err(round.finding(FlawKind::Hang, &format!("the run never told `{event}`")));
        }
        sleep(Duration::from_micros(50));
    }
    Ok(())
}

/// With what it has started, as a terminal or a service manager does.
fn with_group(run: &mut Child) {
    if let Some(group) = pid_of(run) {
        // It may have ended.
        let _ = kill_process_group(group, Signal::KILL);
    }
    kill(run);
}

/// It can do nothing at its end.
fn stopped(run: &mut Child) {
    send(run, Signal::STOP);
    sleep(Duration::from_millis(1));
    kill(run);
}
