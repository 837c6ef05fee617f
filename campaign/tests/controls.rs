//! Every campaign finds the defect of a program that was made for it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use chaos_campaign::{Bound, Drive, all};

/// So many rounds, each of which may meet the defect or not.
const ROUNDS: u64 = 40;

#[test]
fn every_campaign_finds_a_planted_defect() {
    for campaign in all() {
        let control = campaign.control();
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("squall");
        fs::write(&program, control.program).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let stop = AtomicBool::new(false);
        // A hang is one of the defects, so it is waited for.
        let (bound, patience) = (Bound::Rounds(ROUNDS), Duration::from_secs(3));
        let drive = Drive { program: &program, bound, seed: 7, jobs: 4, patience, stop: &stop };
        let tally = drive.run(campaign.as_ref()).tally;
        if let Some(rounds) = tally.met.get("skipped: needs kuberig")
            && *rounds == ROUNDS
        {
            eprintln!("skipped: needs kuberig");
            continue;
        }
        for kind in control.found {
            let name = campaign.name();
            assert!(tally.found(*kind) > 0, "`{name}` is blind to `{}`: {:?}", kind.name(), tally.findings);
        }
    }
}
