//! The command without faults, then under faults, in a session whose nodes are up.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chaos_core::{ChaosResult, EventKind, Nodes, SoakSpec, Verdict};
use chaos_probes::Argv;
use chaos_runner::Session;
use chaos_soak::{EventEnd, SoakPlan, SoakReport, SoakTarget, drive_until};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use crate::attribution::{AttributedFailure, attributed, note_overlaps};
use crate::command::{Command, CommandDestination, CommandRun, RunTime};
use crate::fault_span::{FaultSpan, spans};
use crate::member::{self, CommandMember};
use crate::parts::PartsFormat;

/// How a command is tortured.
#[derive(Debug, Clone)]
pub struct TorturePlan {
    /// The command.
    pub argv: Argv,
    /// Variables that it gets beside those of the run.
    pub env: BTreeMap<String, String>,
    /// How long each run of it may take.
    pub deadline: Duration,
    /// How long the effects of a fault may last once it is undone.
    pub grace: Duration,
    /// How its output names its parts.
    pub format: PartsFormat,
    /// Where its standard output goes.
    pub destination: CommandDestination,
    /// Nodes that run inside the command and that faults may act on all the same.
    pub inside: Vec<String>,
    /// What is injected during each attempt.
    pub attempts: Vec<SoakPlan>,
}

/// One run of the command under faults.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TortureAttempt {
    /// Its number from 1 on.
    pub number: u32,
    /// The seed that drew its faults; `--seed` with it gives the same plan in the first attempt.
    pub seed: u64,
    /// The command.
    pub command: CommandRun,
    /// The faults that were injected.
    pub faults: Vec<FaultSpan>,
    /// The parts that failed, with the faults that were active.
    pub failures: Vec<AttributedFailure>,
    /// The soak.
    pub soak: SoakReport,
}

/// What was done.
#[derive(Debug, Default)]
pub struct TortureEnd {
    /// The run without faults.
    pub baseline: Option<CommandRun>,
    /// The runs under faults; none where that failed.
    pub attempts: Vec<TortureAttempt>,
    /// Whether it was ended from outside.
    pub interrupted: bool,
    /// The results of the entries.
    pub results: Vec<ChaosResult>,
}

/// The seed of an attempt: the given one for the first.
pub fn attempt_seed(seed: u64, number: u32) -> u64 {
    if number <= 1 {
        return seed;
    }
    // SplitMix64 (Steele, Lea, Flood 2014), cut to what JSON counts exactly.
    let mut mixed = seed.wrapping_add(u64::from(number - 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (mixed ^ (mixed >> 31)) & ((1 << 53) - 1)
}

/// Runs the command once without faults, and where it passes once for each attempt while a soak goes on, until one fails.
pub async fn drive(session: Session, spec: Arc<SoakSpec>, targets: Vec<SoakTarget>, plan: TorturePlan) -> TortureEnd {
    let cx = session.cx();
    let nodes = cx.services().get::<Nodes>();
    let inside = plan.inside.iter().filter_map(|name| nodes.member(name)).collect();
    let member = Arc::new(CommandMember::new(inside));
    nodes.declare(member::NAME, BTreeMap::new(), true, Arc::clone(&member) as Arc<dyn chaos_core::Member>);
    let time = run_time(&session).await;
    let command = Command {
        argv: &plan.argv,
        deadline: plan.deadline,
        destination: plan.destination,
        format: plan.format,
        member: &member,
        time: &time,
    };
    let baseline = command.run(&environment(&plan, 0, None), cx).await;
    cx.note(format!("without faults: the command {} ({:.1} s)", baseline.end.text(), baseline.seconds()));
    let (passed, mut end) = (baseline.end.is_pass(), TortureEnd { baseline: Some(baseline), ..TortureEnd::default() });
    for (number, soak) in (1_u32..).zip(&plan.attempts).filter(|_| passed) {
        if cx.cancel_token().is_cancelled() || end.attempts.last().is_some_and(TortureAttempt::ends_all) {
            break;
        }
        let (seed, planned, all) = (soak.seed, soak.events.len(), plan.attempts.len());
        cx.note(format!("attempt {number} of {all}: the command under faults, seed {seed}"));
        let env = environment(&plan, number, Some(seed));
        let stop = CancellationToken::new();
        let running = async {
            let run = command.run(&env, cx).await;
            stop.cancel();
            run
        };
        let soaking = drive_until(session.clone(), Arc::clone(&spec), targets.clone(), soak.clone(), stop.clone());
        let (run, mut soaked) = tokio::join!(running, soaking);
        cx.note(format!("attempt {number} of {all}: the command {} ({:.1} s)", run.end.text(), run.seconds()));
        let mut faults = spans(&soaked);
        note_overlaps(&run, &mut faults);
        let failures = attributed(&run, &faults, plan.grace.as_secs_f64());
        end.results.append(&mut soaked.results);
        let soak = SoakReport::of(&spec, seed, planned, &soaked);
        end.attempts.push(TortureAttempt { number, seed, command: run, faults, failures, soak });
    }
    end.interrupted = cx.cancel_token().is_cancelled();
    end
}

impl TortureAttempt {
    /// Whether no further attempt is made.
    fn ends_all(&self) -> bool {
        !self.command.end.is_pass() || self.soak.failure.is_some() || self.soak.verdict == Verdict::Deviated
    }

    /// Whether an undo failed in it.
    pub(crate) fn has_left_something(&self) -> bool {
        self.soak.verdict == Verdict::RevertFailed
            || self.soak.events.iter().any(|event| matches!(event.end, EventEnd::RevertFailed(_)))
    }
}

/// The command's variables: those of the nodes, the attempt (0 without faults) and its seed.
fn environment(plan: &TorturePlan, attempt: u32, seed: Option<u64>) -> BTreeMap<String, String> {
    let mut env = plan.env.clone();
    env.insert("SQUALL_TORTURE_ATTEMPT".to_owned(), attempt.to_string());
    env.extend(seed.map(|seed| ("SQUALL_TORTURE_SEED".to_owned(), seed.to_string())));
    env
}

/// What the clock says when the events say 0: it is older than the run.
async fn run_time(session: &Session) -> RunTime {
    let (cx, mut events) = (session.cx(), session.events());
    let (clock, text) = (cx.shared_clock(), "without faults: the command begins");
    let now = clock.now();
    cx.note(text);
    let at = loop {
        match events.recv().await {
            Some(event) if matches!(&event.kind, EventKind::Note { text: its } if its == text) => {
                break event.at_seconds;
            }
            Some(_) => {}
            None => break now.as_secs_f64(),
        }
    };
    let begun = now.saturating_sub(Duration::try_from_secs_f64(at).unwrap_or_default());
    RunTime { clock, begun }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_attempt_has_a_seed_of_its_own_that_json_counts_exactly() {
        let seeds: Vec<u64> = (1..=100).map(|number| attempt_seed(7, number)).collect();
        assert_eq!(seeds[0], 7);
        assert_eq!(seeds, (1..=100).map(|number| attempt_seed(7, number)).collect::<Vec<_>>());
        let different: std::collections::BTreeSet<&u64> = seeds.iter().collect();
        assert_eq!(different.len(), 100);
        assert!(seeds.iter().all(|seed| *seed < 1 << 53));
    }
}
