//! SIGKILL at every step boundary of a workflow, and inside its steps, and a resume after each.

use std::process::Child;
use std::sync::OnceLock;
use std::time::Duration;

use crate::campaign::Campaign;
use crate::child::{kill, sleep, spin_for};
use crate::control::Control;
use crate::flaw::{Flaw, FlawKind};
use crate::round::Round;
use crate::traced::{self, Deaths, Point};
use crate::workflow::{MARK, Workflow, command, until_or_ended};

/// The most kills of a round.
const KILLS: u64 = 6;
/// Longer than most steps.
const INSIDE: Duration = Duration::from_millis(12);

/// Begins anew whenever it goes on.
const FORGETS: &str = r#"#!/bin/sh
[ "$1" = run ] || exit 0
mkdir -p .squall/runs/1
echo '{"record":"begun"}' >> .squall/runs/1/ledger.jsonl
echo '{"record":"started","step":"c0"}' >> .squall/runs/1/ledger.jsonl
echo c0 >> ran.txt
sleep 0.02
echo diagnose >> ran.txt
echo '{"record":"finished"}' >> .squall/runs/1/ledger.jsonl
"#;

/// Kills workflows and resumes them.
#[derive(Debug, Default)]
pub(super) struct Resume {
    /// Whether the system lets us trace.
    traces: OnceLock<bool>,
}

impl Campaign for Resume {
    fn name(&self) -> &'static str {
        "resume"
    }

    fn about(&self) -> &'static str {
        "kills a workflow at step boundaries and inside steps, resumes it, and kills that too, until it is finished"
    }

    fn control(&self) -> Control {
        Control { program: FORGETS, found: &[FlawKind::Repeated] }
    }

    fn round(&self, round: &mut Round) -> Result<(), Flaw> {
        let workflow = Workflow::write(round)?;
        let guarded = round.random.one_in(3);
        let mut kills = 0;
        for _ in 0..=round.random.below(KILLS) {
            let args = Workflow::goes_on(round);
            let died = if round.random.one_in(3) && *self.traces.get_or_init(traced::is_allowed) {
                at_a_sync(round, &workflow, &args)?
            } else {
                by_sight(round, &workflow, &args, guarded)?
            };
            kills += u64::from(died);
            if Workflow::is_finished(round) {
                break;
            }
        }
        let code = workflow.to_the_end(round, guarded, None)?;
        round.tally.count(if kills == 0 { "never killed" } else { "finished after kills" });
        *round.tally.met.entry("kills".to_owned()).or_default() += kills;
        workflow.judge(round, code, kills, kills, true)?;
        round.settle()
    }
}

/// Kills it as it enters or leaves the n-th sync of its ledger or journal: exactly at a boundary.
fn at_a_sync(round: &mut Round, workflow: &Workflow, args: &[String]) -> Result<bool, Flaw> {
    let nth = 1 + round.random.below(2 * workflow.boundaries());
    let deaths = Deaths { run: Some(Point::Sync(nth)), guardian: None };
    let traced = traced::kill_with_at(round, args, deaths, |command| {
        command.env(MARK, &workflow.mark);
    })?;
    let died = traced.ended.is_none();
    round.tally.count(if died { "killed at a sync" } else { "ended before its kill" });
    Ok(died)
}

/// Kills it behind a line of the ledger, or behind the start of a command.
fn by_sight(round: &mut Round, workflow: &Workflow, args: &[String], guarded: bool) -> Result<bool, Flaw> {
    let inside = round.random.one_in(2);
    let (lines, ran) = (Workflow::lines(round), Workflow::ran(round).len());
    let more = usize::try_from(1 + round.random.below(if inside { 4 } else { 12 })).unwrap_or(1);
    let mut run = round.start_quiet(&mut command(round, workflow, args, guarded))?;
    let came = until_or_ended(round, &mut run, || {
        if inside { Workflow::ran(round).len() >= ran + more } else { Workflow::lines(round) >= lines + more }
    });
    if came.is_ok() && (inside || round.random.one_in(2)) {
        spin_for(round.random.time(INSIDE));
    }
    let ended = run.try_wait()?.is_some();
    let way = if round.random.one_in(4) { stopped } else { kill };
    way(&mut run);
    came?;
    let what = match (ended, inside) {
        (true, _) => "ended before its kill",
        (_, true) => "killed in a step",
        (_, false) => "killed behind a line",
    };
    round.tally.count(what);
    Ok(!ended)
}

/// It can do nothing at its end.
fn stopped(run: &mut Child) {
    crate::child::send(run, rustix::process::Signal::STOP);
    sleep(Duration::from_millis(1));
    kill(run);
}
