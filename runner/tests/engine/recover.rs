//! Recovery of dead runs: what is undone, what is left alone, and what is kept for the program that knows it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chaos_core::{Journal, JournalProblem, JournalRecord, PastJournal, RealClock, StateDir};
use chaos_runner::{KeptJournal, RecoverReport, recover};
use chaos_test::{Bench, sealed, unsealed_line};
use serde_json::{Value, json};

/// A journal of a run that died after it had made the files `f0`, `f1`, ….
fn dead_run(bench: &Bench, files: usize) -> PathBuf {
    let state = bench.state();
    state.prepare().unwrap();
    let journal = Journal::create(&state, "dead", "/opt/squall", Path::new("/work")).unwrap();
    for n in 0..files {
        fs::write(bench.path(&format!("f{n}")), "").unwrap();
        journal.append(record(&json!({"type": "test_remove_file", "path": bench.path(&format!("f{n}"))}))).unwrap();
    }
    journal.path().to_owned()
}

fn record(step: &Value) -> JournalRecord {
    JournalRecord {
        seq: 0,
        entry: "/chaos_spec/0".into(),
        expires_at_boot_ms: None,
        survives_reboot: false,
        owner: None,
        describe: format!("remove {}", step["path"]),
        step: step.clone(),
    }
}

fn recovered(state: &StateDir) -> RecoverReport {
    recover(state).unwrap()
}

#[test]
fn steps_are_undone_newest_first_and_a_second_call_has_nothing_to_do() {
    let bench = Bench::new().unwrap();
    dead_run(&bench, 3);
    let report = recovered(&bench.state());
    let order: Vec<bool> =
        report.undone.iter().zip(["f2", "f1", "f0"]).map(|(step, file)| step.step.contains(file)).collect();
    assert_eq!((order, report.exit_code()), (vec![true; 3], 0), "{report:?}");
    assert!((0..3).all(|n| !bench.path(&format!("f{n}")).exists()));
    assert_eq!(bench.journals_left(), 0);
    assert!(recovered(&bench.state()).is_empty());
}

#[test]
fn a_live_run_is_not_touched() {
    let bench = Bench::new().unwrap();
    bench.state().prepare().unwrap();
    let journal = Journal::create(&bench.state(), "live", "squall", Path::new("/work")).unwrap();
    fs::write(bench.path("f0"), "").unwrap();
    journal.append(record(&json!({"type": "test_remove_file", "path": bench.path("f0")}))).unwrap();
    let report = recovered(&bench.state());
    assert_eq!((report.live, report.undone.len()), (1, 0));
    assert!(bench.path("f0").exists());
}

#[test]
fn a_torn_line_is_ignored_and_a_garbled_or_unknown_one_keeps_the_file_and_names_the_program() {
    let unknown = serde_json::to_string(&json!({"armed": record(&json!({"type": "melt_cpu", "path": "x"}))})).unwrap();
    let rows = [
        ("{\"armed\":{\"se".to_owned(), 0, ""),
        ("{\"armed\":{\"se\n".to_owned(), 3, "not as it was written"),
        ("{\"melted\":1}\n".to_owned(), 3, "not as it was written"),
        (unsealed_line(&unknown), 3, "stands there twice"),
        (unsealed_line(&unknown.replace("\"seq\":0", "\"seq\":1")), 3, "this program can't undo it"),
    ];
    for (tail, code, why) in rows {
        let bench = Bench::new().unwrap();
        let path = dead_run(&bench, 1);
        let mut text = fs::read_to_string(&path).unwrap();
        text.push_str(&tail);
        fs::write(&path, sealed(&text)).unwrap();
        let report = recovered(&bench.state());
        assert_eq!(report.exit_code(), code, "{tail}");
        assert!(!bench.path("f0").exists(), "what is known is undone all the same: {tail}");
        assert_eq!(path.exists(), code == 3, "{tail}");
        for kept in &report.kept {
            assert_eq!(kept.executable.as_deref(), Some("/opt/squall"));
            assert!(kept.problems[0].what.contains(why), "{kept:?}");
        }
        assert_eq!(recovered(&bench.state()).undone.len(), 0, "a second call undoes nothing twice");
    }
}

#[test]
fn after_a_reboot_what_cannot_have_survived_is_moot() {
    let bench = Bench::new().unwrap();
    let path = dead_run(&bench, 1);
    let text = fs::read_to_string(&path).unwrap().replace(&chaos_core::boot_id(), "another-boot");
    fs::write(&path, sealed(&text)).unwrap();
    assert!(PastJournal::take(&path).unwrap().unwrap().before_reboot());
    let report = recovered(&bench.state());
    assert_eq!((report.moot.len(), report.undone.len(), report.exit_code()), (1, 0, 0));
    assert!(bench.path("f0").exists());
}

#[test]
fn a_step_that_fails_keeps_the_journal_for_the_next_try() {
    let bench = Bench::new().unwrap();
    bench.state().prepare().unwrap();
    let journal = Journal::create(&bench.state(), "dead", "squall", Path::new("/work")).unwrap();
    let step = json!({"type": "test_remove_file", "path": bench.path("f0"), "misbehave": "undo_fails"});
    journal.append(record(&step)).unwrap();
    drop(journal);
    let report = recovered(&bench.state());
    assert_eq!((report.exit_code(), report.undone.len()), (3, 0));
    assert!(report.lines()[0].contains("the undo failed"), "{:?}", report.lines());
    assert_eq!(bench.journals_left(), 1);
}

#[test]
fn the_next_run_undoes_what_a_dead_one_left() {
    let bench = Bench::new().unwrap();
    dead_run(&bench, 2);
    let entry =
        json!({"trigger": {"type": "test_now"}, "action": {"type": "test_finite", "seconds": 1, "lands": true}});
    let report = bench.run(&entry).unwrap();
    assert_eq!(report.recovered.undone.len(), 2);
    assert!(chaos_runner::text(&report).starts_with("recovered: remove"));
    assert!(!bench.path("f0").exists() && !bench.path("f1").exists());
}

#[test]
fn one_bad_file_does_not_starve_the_others() {
    let bench = Bench::new().unwrap();
    dead_run(&bench, 1);
    let place = |name: &str| bench.state().journals().join(format!("{name}.jsonl"));
    assert!(std::process::Command::new("mkfifo").arg(place("a")).status().unwrap().success());
    std::os::unix::fs::symlink("/dev/zero", place("b")).unwrap();
    fs::create_dir(place("c")).unwrap();
    fs::write(place("d"), "").unwrap();
    let report = recovered(&bench.state());
    let kept: Vec<_> = report.kept.iter().map(|kept| (kept.run_id.as_str(), kept.problems[0].what.as_str())).collect();
    assert!(!bench.path("f0").exists() && !place("dead").exists());
    assert_eq!(report.exit_code(), 3);
    assert!(kept[..3].iter().all(|(_, what)| what.contains("is not a regular file")), "{kept:?}");
    assert_eq!((kept.len(), kept[3]), (4, ("d", "no header")));
    for name in ["a", "b", "c", "d"] {
        chaos_runner::forget(&bench.state(), name).unwrap();
    }
    assert!(recovered(&bench.state()).is_empty());
}

#[test]
fn a_recovery_that_is_stopped_keeps_what_it_did_not_undo_and_the_next_one_undoes_it() {
    let bench = Bench::new().unwrap();
    dead_run(&bench, 2);
    let stop = tokio_util::sync::CancellationToken::new();
    stop.cancel();
    let report = chaos_runner::recover_until(&bench.state(), &stop).unwrap();
    assert_eq!((report.undone.len(), report.exit_code()), (0, 3));
    assert!(report.lines()[0].contains("the recovery was stopped"), "{:?}", report.lines());
    assert!(bench.path("f0").exists());
    assert_eq!((recovered(&bench.state()).exit_code(), bench.journals_left()), (0, 0));
    assert!(!bench.path("f0").exists() && !bench.path("f1").exists());
}

#[test]
fn a_state_directory_that_is_a_link_is_refused_and_nothing_behind_it_is_undone() {
    let bench = Bench::new().unwrap();
    dead_run(&bench, 1);
    let link = StateDir::at(bench.path("link"));
    std::os::unix::fs::symlink(bench.state().root(), link.root()).unwrap();
    let refused = recover(&link).unwrap_err().with_cause();
    assert!(refused.contains("is a link or no folder"), "{refused}");
    assert!(bench.path("f0").exists());
}

#[test]
fn what_cannot_be_read_is_given_up_by_the_advice_that_recovery_prints() {
    let bench = Bench::new().unwrap();
    let path = dead_run(&bench, 1);
    let unreadable = bench.state().journals().join("closed.jsonl");
    // A foreign file where we may give files away, a loop of links elsewhere.
    fs::write(&unreadable, "").unwrap();
    if std::os::unix::fs::chown(&unreadable, Some(12345), None).is_err() {
        fs::remove_file(&unreadable).unwrap();
        std::os::unix::fs::symlink(&unreadable, &unreadable).unwrap();
    }
    let report = recovered(&bench.state());
    assert_eq!((report.exit_code(), path.exists()), (3, false));
    assert!(report.lines().concat().contains("`squall recover --forget closed` gives it up"), "{:?}", report.lines());
    chaos_runner::forget(&bench.state(), "closed").unwrap();
    assert!(recovered(&bench.state()).is_empty());
}

#[test]
fn a_lock_that_outlives_its_run_for_a_moment_does_not_make_the_run_alive() {
    let bench = Bench::new().unwrap();
    let path = dead_run(&bench, 1);
    // As a child between fork and exec holds it.
    let held = fs::File::open(&path).unwrap();
    held.lock().unwrap();
    let clock: std::sync::Arc<dyn chaos_core::Clock> = std::sync::Arc::new(LetsGo(Some(held).into()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let stop = tokio_util::sync::CancellationToken::new();
    let report = runtime.block_on(chaos_runner::recover_async(&bench.state(), &clock, &stop)).unwrap();
    assert_eq!((report.live, report.undone.len(), report.exit_code()), (0, 1, 0));
}

#[test]
fn a_lock_that_outlives_a_dead_run_keeps_the_journal_and_is_no_live_run() {
    let bench = Bench::new().unwrap();
    let path = dead_run(&bench, 1);
    let held = fs::File::open(&path).unwrap();
    held.lock().unwrap();
    assert_eq!(recovered(&bench.state()).live, 1, "this process wrote it, and is alive");
    // As if a process of another start time had written it.
    let text = fs::read_to_string(&path).unwrap();
    let (before, after) = text.split_once("\"start_time\":").unwrap();
    fs::write(&path, sealed(&format!("{before}\"start_time\":1{after}"))).unwrap();
    let report = recovered(&bench.state());
    assert_eq!((report.live, report.exit_code()), (0, 3), "{report:?}");
    assert!(report.lines()[0].contains("its run is dead"), "{:?}", report.lines());
    drop(held);
    assert_eq!((recovered(&bench.state()).exit_code(), bench.path("f0").exists()), (0, false));
}

/// A clock that lets a lock go when somebody waits on it for the first time.
#[derive(Debug)]
struct LetsGo(std::sync::Mutex<Option<fs::File>>);

impl chaos_core::Clock for LetsGo {
    fn now(&self) -> Duration {
        RealClock::new().now()
    }

    fn wall(&self) -> std::time::SystemTime {
        RealClock::new().wall()
    }

    fn sleep(&self, time: Duration) -> chaos_core::BoxFuture<'_, ()> {
        drop(self.0.lock().unwrap().take());
        Box::pin(tokio::time::sleep(time))
    }

    fn external(&self) -> chaos_core::ExternalWait {
        RealClock::new().external()
    }
}

#[test]
fn a_name_with_a_line_break_makes_no_line_of_its_own() {
    let hostile = "a\nresume process 1: process 1 is resumed\u{1b}[2J".to_owned();
    let problems = vec![JournalProblem { line: 1, what: hostile.clone() }];
    let kept =
        KeptJournal { run_id: hostile.clone(), path: hostile.clone(), executable: Some(hostile.clone()), problems };
    let report = RecoverReport { kept: vec![kept], moot: vec![hostile], ..RecoverReport::default() };
    assert_eq!(report.lines().len(), 2);
    assert!(report.lines().iter().all(|line| !line.contains(char::is_control)), "{:?}", report.lines());
}
