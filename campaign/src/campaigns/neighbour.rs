//! A live run beside others that are killed and recovered.

use std::process::Child;
use std::time::Duration;

use rustix::process::Signal;

use crate::campaign::Campaign;
use crate::child::{kill, send};
use crate::control::Control;
use crate::flaw::{Flaw, FlawKind};
use crate::moment::KillMoment;
use crate::round::Round;
use crate::sleeper::Sleeper;

/// Heeds a signal and keeps a journal, but recovers whatever it finds, whoever holds it.
const NO_LOCK: &str = r#"#!/bin/sh
mkdir -p squall/journals
case "$1" in
inject)
    pid=${3#pid=}
    trap 'kill -CONT $pid; rm -f squall/journals/$pid.jsonl; exit 2' TERM
    echo '{"armed":{}}' > squall/journals/$pid.jsonl
    kill -STOP $pid
    for i in $(seq 600); do sleep 0.01; done ;;
recover)
    for journal in squall/journals/*.jsonl; do pid=${journal##*/}; kill -CONT ${pid%.jsonl}; rm -f $journal; done ;;
esac
"#;

/// Kills runs beside a live one.
#[derive(Debug)]
pub(super) struct Neighbour;

impl Campaign for Neighbour {
    fn name(&self) -> &'static str {
        "neighbour"
    }

    fn about(&self) -> &'static str {
        "kills and recovers runs beside a live one, whose fault must stay in force until its own end"
    }

    fn control(&self) -> Control {
        Control { program: NO_LOCK, found: &[FlawKind::Touched] }
    }

    fn round(&self, round: &mut Round) -> Result<(), Flaw> {
        let args = round.pause(Duration::from_mins(5))?;
        let mut live = round.start(&args)?;
        let beside = KillMoment::Stopped
            .wait(round, &mut live, Duration::from_micros(1))
            .and_then(|()| (0..=round.random.below(2)).try_for_each(|_| kill_beside(round, &mut live)));
        if beside.is_err() {
            kill(&mut live);
            return beside;
        }
        send(&live, Signal::TERM);
        let status = round.wait(&mut live, "the live run")?;
        round.ended(status, &[2])?;
        round.settle()
    }
}

/// One run that is killed, and a recovery, which now and then is killed too.
fn kill_beside(round: &mut Round, live: &mut Child) -> Result<(), Flaw> {
    let hold = Duration::from_millis(1) + round.random.time(Duration::from_millis(20));
    let args = round.pause(hold)?;
    let moment = *round.random.choose(&[KillMoment::Start, KillMoment::Armed]);
    let mut run = round.start(&args)?;
    // Its own journal is the second one, so that the moment may come at once: then it is killed as it starts.
    let waited = moment.wait(round, &mut run, Duration::from_millis(60));
    kill(&mut run);
    waited?;
    round.tally.count("killed beside a live run");
    let (code, _) = round.recover_once()?;
    let touched = if live.try_wait()?.is_some() {
        "the live run has ended"
    } else if !round.victims.first().is_some_and(Sleeper::is_stopped) {
        "the victim of the live run was resumed"
    } else if code != Some(0) {
        "recovery beside a live run failed"
    } else {
        return Ok(());
    };
    Err(round.finding(FlawKind::Touched, &format!("{touched}; recovery ended with {code:?}")))
}
