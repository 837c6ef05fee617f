//! A short run of each campaign against the program as the tests built it: about a hundred kills, and some other attacks.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use chaos_campaign::{Bound, Drive, PATIENCE, Tally, all};

/// Runs so many rounds, which must find nothing.
fn clean(name: &str, rounds: u64) {
    clean_from(7, name, rounds);
}

/// The same, from that seed on.
fn clean_from(seed: u64, name: &str, rounds: u64) -> Tally {
    let program = Path::new(env!("CARGO_BIN_EXE_squall"));
    let campaigns = all();
    let campaign = campaigns.iter().find(|one| one.name() == name).expect("a campaign of this name");
    let stop = AtomicBool::new(false);
    let drive = Drive { program, bound: Bound::Rounds(rounds), seed, jobs: 2, patience: PATIENCE, stop: &stop };
    let tally = drive.run(campaign.as_ref()).tally;
    assert!(tally.findings.is_empty(), "{name}: {:?}", tally.findings);
    for what in tally.met.keys().filter(|what| what.starts_with("skipped")) {
        eprintln!("{name}: {what}");
    }
    tally
}

/// The same, again with other seeds until the rounds have met enough: where the machine is fast, many a run is over before it
/// would be killed.
fn clean_until(name: &str, rounds: u64, is_enough: impl Fn(&BTreeMap<String, u64>) -> bool) {
    let mut met = BTreeMap::new();
    for seed in (7..).step_by(1_000).take(6) {
        for (what, times) in clean_from(seed, name, rounds).met {
            *met.entry(what).or_default() += times;
        }
        if is_enough(&met) || met.keys().any(|what| what.starts_with("skipped")) {
            return;
        }
    }
    panic!("{name} met too little: {met:?}");
}

/// The same, where the rounds must have met the fault in force.
fn clean_with_the_fault(name: &str, rounds: u64) {
    clean_until(name, rounds, |met| met.contains_key("victim stopped"));
}

#[test]
fn kills_at_random_moments_leave_nothing_stopped() {
    clean_with_the_fault("kill", 60);
}

#[test]
fn kills_at_system_calls_leave_nothing_stopped() {
    clean_with_the_fault("syscall", 40);
}

#[test]
fn a_guardian_undoes_what_a_killed_or_stopped_run_leaves() {
    clean_until("guardian", 100, |met| met.contains_key("in force at the time"));
}

#[test]
fn a_live_run_is_not_touched_by_what_happens_beside_it() {
    clean("neighbour", 6);
}

#[test]
fn a_corrupted_journal_loses_nothing_without_a_word() {
    clean("journal", 20);
}

#[test]
fn full_disks_leave_nothing_stopped() {
    clean("disk", 12);
}

#[test]
fn stalled_outputs_leave_nothing_stopped() {
    clean("stall", 12);
}

#[test]
fn signals_leave_nothing_stopped() {
    clean_with_the_fault("signals", 24);
}

#[test]
fn killed_workflows_are_resumed_and_no_command_runs_twice() {
    clean_until("resume", 12, |met| met.get("kills").is_some_and(|kills| *kills >= 12));
}

#[test]
fn diagnostics_run_last_whatever_is_done_to_a_workflow() {
    clean_until("workflow", 10, |met| met.contains_key("diagnostics ran last"));
}

#[cfg(feature = "full")]
#[test]
fn killed_experiments_leave_nothing_stopped_and_their_report_so_far() {
    clean_with_the_fault("experiment", 12);
}

#[cfg(feature = "full")]
#[test]
fn killed_scenarios_leave_nothing_in_a_cluster_and_repeat_no_step() {
    // Kills of runs, by their moment, and of the recovery of those that died.
    let kinds = ["killed when", "killed before", "recovery killed"];
    let is_kill = |what: &str| kinds.iter().any(|kind| what.starts_with(kind));
    clean_until("workflow-run", 64, |met| {
        met.iter().filter(|(what, _)| is_kill(what)).map(|(_, times)| times).sum::<u64>() >= 100
    });
}
