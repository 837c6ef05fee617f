//! A short run of the campaigns against the program as the tests built it, and planted defects that they must find.
#![expect(clippy::unwrap_used, reason = "a test that can't be set up should stop at once")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use chaos_campaign::{Bound, Drive, FlawKind, Tally, all};

fn ran(name: &str, program: &Path, rounds: u64) -> Tally {
    let campaigns = all();
    let campaign = campaigns.iter().find(|one| one.name() == name).unwrap();
    let stop = AtomicBool::new(false);
    let drive = Drive { program, bound: Bound::Rounds(rounds), seed: 7, jobs: 2, stop: &stop };
    drive.run(campaign.as_ref()).tally
}

#[test]
fn a_hundred_kills_leave_nothing_stopped_and_lose_nothing_in_silence() {
    let program = Path::new(env!("CARGO_BIN_EXE_squall"));
    for (name, rounds) in [("kill", 60), ("syscall", 40)] {
        let tally = ran(name, program, rounds);
        assert!(tally.findings.is_empty(), "{name}: {:?}", tally.findings);
        assert!(tally.met.contains_key("victim stopped"), "{name} missed the fault: {:?}", tally.met);
    }
}

/// A program that resumes its victim at its end, but keeps no journal: only a kill in between shows it.
const NO_JOURNAL: &str = r#"#!/bin/sh
[ "$1" = inject ] && { kill -STOP "${3#pid=}"; sleep 0.05; kill -CONT "${3#pid=}"; }
exit 0
"#;

#[test]
fn a_victim_that_was_stopped_without_a_journal_is_a_silent_loss() {
    let folder = tempfile::tempdir().unwrap();
    let planted = folder.path().join("squall");
    fs::write(&planted, NO_JOURNAL).unwrap();
    fs::set_permissions(&planted, fs::Permissions::from_mode(0o755)).unwrap();
    assert!(ran("kill", &planted, 20).found(FlawKind::SilentLoss) > 0, "the oracle is blind");
}
