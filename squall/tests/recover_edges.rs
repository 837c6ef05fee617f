//! `squall status`, `squall recover` and `--forget` where something is not as a run left it, or where others are at it too.
#![expect(clippy::unwrap_used, reason = "a test that can't be set up should stop at once")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output};

use chaos_campaign::{Place, Sleeper, kill, wait_until};
use serde_json::{Value, json};

const SQUALL: &str = env!("CARGO_BIN_EXE_squall");

/// A run that holds a fault on a victim.
fn paused(place: &Place, victim: &Sleeper) -> Child {
    let pid = format!("pid={}", victim.pid());
    let run = place.squall(&["inject", "pause_process", &pid, "--for", "60s"]).spawn().unwrap();
    wait_until("the victim stopped", || victim.is_stopped()).unwrap();
    run
}

/// A run that was killed while its victim was stopped, that victim, and its journal.
fn killed() -> (Place, Sleeper, PathBuf) {
    let (place, victim) = (Place::new(Path::new(SQUALL)).unwrap(), Sleeper::start().unwrap());
    kill(&mut paused(&place, &victim));
    let journal = place.journals().remove(0);
    (place, victim, journal)
}

/// What a command says, with its exit code.
fn said(place: &Place, arguments: &[&str]) -> (i32, String) {
    let Output { status, stdout, stderr } = place.squall(arguments).output().unwrap();
    (status.code().unwrap(), String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned())
}

fn id(journal: &Path) -> String {
    journal.file_stem().unwrap().to_str().unwrap().to_owned()
}

#[test]
fn of_two_recoveries_at_once_one_undoes_it_and_both_say_that_nothing_is_left() {
    for _ in 0..3 {
        let (place, victim, _) = killed();
        let recover = || place.squall(&["recover", "--format", "json"]).spawn().unwrap();
        let both = [recover(), recover(), recover()].map(|one| one.wait_with_output().unwrap());
        let undone = both.iter().map(|output| {
            assert_eq!(output.status.code(), Some(0), "{output:?}");
            let report: Value = serde_json::from_slice(&output.stdout).unwrap();
            report["undone"].as_array().unwrap().len()
        });
        assert_eq!(undone.sum::<usize>(), 1);
        assert!(!victim.is_stopped() && place.journals().is_empty());
    }
}

#[test]
fn a_damaged_journal_is_told_by_all_three_and_what_can_be_read_of_it_is_undone() {
    let (place, victim, journal) = killed();
    let text = fs::read_to_string(&journal).unwrap();
    fs::write(&journal, format!("{text}{{\"no\": \"line\"}}\n")).unwrap();
    let (code, text) = said(&place, &["status"]);
    assert!(code == 3 && text.contains("can't be read: ") && text.contains("resume process"), "{text}");
    let (code, text) = said(&place, &["recover"]);
    assert!(code == 3 && text.contains("a line that is not as it was written"), "{text}");
    assert!(!victim.is_stopped(), "{text}");
    let (code, text) = said(&place, &["recover", "--forget", &id(&journal)]);
    assert!(code == 0 && text.contains("unreadable: lines or file"), "{text}");
    assert_eq!(said(&place, &["status"]).0, 0);
}

#[test]
fn a_journal_of_another_user_is_believed_by_nobody_and_can_be_given_up() {
    let (place, victim, journal) = killed();
    if std::os::unix::fs::chown(&journal, Some(65_534), None).is_err() {
        eprintln!("skipped: needs the right to give a file away (CAP_CHOWN)");
        return;
    }
    for command in ["status", "recover"] {
        let (code, text) = said(&place, &[command]);
        assert!(code == 3 && text.contains("65534"), "{command}: {text}");
        assert!(victim.is_stopped() && !text.contains("resume process"), "{command}: {text}");
    }
    let (code, text) = said(&place, &["recover", "--forget", &id(&journal)]);
    assert!(code == 0 && victim.is_stopped() && place.journals().is_empty(), "{text}");
}

#[test]
fn of_another_boot_nothing_is_in_force() {
    let (place, victim, journal) = killed();
    let text = fs::read_to_string(&journal).unwrap();
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    let other = text.replace(boot.trim(), "11111111-2222-3333-4444-555555555555");
    assert_ne!(text, other);
    fs::write(&journal, chaos_test::sealed(&other)).unwrap();
    let (code, text) = said(&place, &["status"]);
    assert!(code == 0 && text.contains("nothing in force") && !text.contains("resume process"), "{text}");
    let (code, text) = said(&place, &["recover"]);
    assert!(code == 0 && text.contains("moot since the reboot"), "{text}");
    assert!(victim.is_stopped() && place.journals().is_empty(), "that pid is another process's by now");
}

#[test]
fn a_run_that_is_alive_or_that_its_guardian_has_is_not_given_up() {
    let (place, victim) = (Place::with_guardian(Path::new(SQUALL)).unwrap(), Sleeper::start().unwrap());
    let mut run = paused(&place, &victim);
    let run_id = id(&place.journals()[0]);
    let (code, text) = said(&place, &["recover", "--forget", &run_id]);
    assert!(code != 0 && text.contains(&format!("run `{run_id}` is alive")), "{text}");
    let (_, text) = said(&place, &["status", "--format", "json"]);
    let kept: Value = serde_json::from_str(&text).unwrap();
    let own = kept[0]["kept_by"].as_array().unwrap().iter().find(|one| one["pid"] != json!(run.id())).unwrap();
    let signal = |name: &str| Command::new("kill").args([name, &own["pid"].to_string()]).status().unwrap();
    signal("-STOP");
    kill(&mut run);
    let (code, text) = said(&place, &["recover", "--forget", &run_id]);
    assert!(code != 0 && text.contains("another process still holds its journal"), "{text}");
    assert!(victim.is_stopped() && !place.journals().is_empty());
    signal("-CONT");
    wait_until("the victim was resumed", || !victim.is_stopped()).unwrap();
}
