//! A program that embeds Squall and is its own guardian, with a plug-in that hangs for ever: in its injection, in its undo, or
//! while the run is killed. The run ends and says what may still be in force; the guardian undoes what can be undone.
//!
//! The guardian must know the plug-in, so it is this program again, and each run is a process of its own. `main` runs them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use std::{env, fs, thread};

use chaos_campaign::{kill, wait_until};
use chaos_core::{
    Evidence, Fault, InjectContext, Injection, PastJournal, Plan, PluginError, Resource, Sighting, Span, Undo,
    UndoContext, UndoStep, Undone, register_fault, register_undo_step,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use squall::chaos_core;
use squall::prelude::*;

/// Set in the processes that run one; it holds the case.
const CASE: &str = "HANGS_CASE";
const FOLDER: &str = "HANGS_FOLDER";

/// What hangs, and never lets go of its thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Hangs {
    Nothing,
    Inject,
    Undo,
    /// Nothing, but each look at its file takes longer than a guardian waits behind the time of a step.
    Check,
    /// Nothing, but somebody else takes the run over right after the undo, before the look.
    TakenOver,
}

/// Makes a file.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct MakesFile {
    file: PathBuf,
    hangs: Hangs,
}

/// Removes it.
#[derive(Debug, Serialize, Deserialize)]
struct RemovesFile {
    file: PathBuf,
    hangs: Hangs,
}

static UNDONE: AtomicBool = AtomicBool::new(false);

impl Fault for MakesFile {
    const SPAN: Span = Span::Sustained;

    async fn plan(&self, _cx: &RunContext) -> Result<Plan, PluginError> {
        Ok(Plan::new("make a file").touching(Resource::other("file", self.file.display())))
    }

    async fn inject(&self, _cx: &InjectContext, undo: &Undo) -> Result<Injection, PluginError> {
        let effect = undo.arm(RemovesFile { file: self.file.clone(), hangs: self.hangs }).await?;
        fs::write(&self.file, "").map_err(|error| PluginError::io("make the file", &error))?;
        if self.hangs == Hangs::Inject {
            block();
        }
        drop(effect);
        Ok(Injection::in_force())
    }

    async fn witness(&self, cx: &RunContext) -> Sighting {
        if self.hangs == Hangs::Check && self.file.exists() {
            cx.clock().sleep(Duration::from_secs(7)).await;
        }
        if self.hangs == Hangs::TakenOver && UNDONE.swap(false, Ordering::SeqCst) {
            take_over(self.file.parent().unwrap());
            return Sighting::unknown("whoever took over has ended what was looked at");
        }
        let shown = Evidence::new("the file");
        if self.file.exists() { Sighting::present(shown) } else { Sighting::absent(shown) }
    }
}

register_fault!(MakesFile, "hangs_file");

impl UndoStep for RemovesFile {
    async fn undo(&self, _cx: &UndoContext) -> Result<Undone, PluginError> {
        // One that hangs does so until the test has seen what came of it.
        if self.hangs == Hangs::Undo && !self.file.with_extension("healed").exists() {
            fs::write(self.file.with_extension("undoing"), "").unwrap();
            block();
        }
        if self.hangs == Hangs::TakenOver {
            UNDONE.store(true, Ordering::SeqCst);
        }
        match fs::remove_file(&self.file) {
            Ok(()) => Ok(Undone::Reverted("removed".into())),
            Err(_) => Ok(Undone::NothingToDo("the file is gone".into())),
        }
    }

    fn describe(&self) -> String {
        format!("remove `{}`", self.file.display())
    }
}

register_undo_step!(RemovesFile, "hangs_remove_file");

/// Blocks the thread of its caller for as long as the process lives.
fn block() -> ! {
    loop {
        thread::park();
    }
}

/// What a guardian does that believes the run to be stopped.
fn take_over(folder: &Path) {
    let journal = PastJournal::list(&state(folder)).unwrap().remove(0);
    let file = fs::OpenOptions::new().read(true).append(true).open(&journal).unwrap();
    PastJournal::adopt(&journal, file).unwrap().take_over("another");
}

fn state(folder: &Path) -> StateDir {
    StateDir::at(folder.join("state"))
}

fn main() -> ExitCode {
    squall::helper::run_if_asked();
    if let Ok(case) = env::var(CASE) {
        return run(&case);
    }
    // They wait most of the time.
    let cases = [
        an_injection_that_hangs_is_given_up_and_its_effect_is_undone_and_told,
        an_undo_that_hangs_is_given_up_and_the_run_ends_and_names_its_journal,
        a_killed_run_whose_injection_hangs_is_undone_by_its_guardian,
        a_killed_run_whose_undo_hangs_is_undone_as_far_as_that_goes_and_by_the_next_one,
        a_run_that_was_taken_over_after_its_undo_is_inconclusive_and_nothing_failed,
        a_run_whose_checks_are_slow_is_taken_over_by_nobody,
    ];
    let threads = cases.map(thread::spawn);
    let failed = threads.into_iter().filter_map(|thread| thread.join().err()).count();
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// One run, in a process of its own: two files, of which the first one hangs.
fn run(case: &str) -> ExitCode {
    let folder = PathBuf::from(env::var_os(FOLDER).unwrap());
    if case == "recover" {
        let report = recover(&state(&folder)).unwrap();
        println!("{}", serde_json::to_string(&report).unwrap());
        return report.exit_code().into();
    }
    // Whoever takes over in that case undoes nothing, so the other one must be over by then.
    let seconds = |name: &str| match (case, name) {
        ("taken_over", "first") => 10.0,
        ("taken_over", _) => 0.1,
        _ => 1.0,
    };
    let entry = |name: &str, hangs: &str| {
        json!({
            "name": name, "trigger": {"type": "immediate"}, "duration_seconds": seconds(name),
            "action": {"type": "hangs_file", "file": folder.join(name), "hangs": hangs},
        })
    };
    let task = json!({"chaos_spec": [entry("first", case), entry("second", "nothing")]});
    let runner = Runner::builder().state_dir(state(&folder)).workspace(&folder).build().unwrap();
    let handle = runner.start(Task::from_value(&task).unwrap()).unwrap();
    if case == "inject" {
        wait_until("it hangs", || folder.join("first").exists()).unwrap();
        handle.cancel();
    }
    let report = handle.wait_blocking().unwrap();
    println!("{}", serde_json::to_string(&report).unwrap());
    report.exit_code().into()
}

/// A folder for a run, and what is started in it.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn start(&self, case: &str) -> Child {
        let mut command = Command::new(env::current_exe().unwrap());
        command.env(CASE, case).env(FOLDER, self.0.path()).env_remove("SQUALL_GUARDIAN");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap()
    }

    fn journals(&self) -> Vec<PathBuf> {
        PastJournal::list(&state(self.0.path())).unwrap()
    }

    fn recover(&self) -> (Option<i32>, Value) {
        ended(self.start("recover"))
    }
}

/// Its exit code and what it printed; killed where it does not end.
fn ended(mut child: Child) -> (Option<i32>, Value) {
    for _ in 0..1800 {
        if child.try_wait().unwrap().is_some() {
            let output = child.wait_with_output().unwrap();
            return (output.status.code(), serde_json::from_slice(&output.stdout).unwrap_or_default());
        }
        thread::park_timeout(Duration::from_millis(100));
    }
    kill(&mut child);
    panic!("the run did not end");
}

fn error(report: &Value, entry: usize) -> &str {
    report["entries"][entry]["error"].as_str().unwrap_or_default()
}

fn an_injection_that_hangs_is_given_up_and_its_effect_is_undone_and_told() {
    let place = Place::new();
    let (code, report) = ended(place.start("inject"));
    assert_eq!((code, &report["verdict"]), (Some(3), &json!("revert_failed")), "{report:#}");
    // It may make its effect at any time, so its absence now proves nothing.
    assert!(error(&report, 0).contains("the fault may still be in force"), "{report:#}");
    assert!(error(&report, 0).contains("an effect was still being made"), "{report:#}");
    assert!(!place.path("first").exists() && !place.path("second").exists());
    assert_ne!(report["entries"][1]["reverted"], json!("failed"), "{report:#}");
    let journals = place.journals();
    assert!(journals.len() == 1 && error(&report, 0).contains(&journals[0].display().to_string()), "{report:#}");
    assert_eq!(place.recover().0, Some(0));
    assert_eq!(place.journals().len(), 0);
}

fn an_undo_that_hangs_is_given_up_and_the_run_ends_and_names_its_journal() {
    let place = Place::new();
    let (code, report) = ended(place.start("undo"));
    assert_eq!((code, &report["verdict"]), (Some(3), &json!("revert_failed")), "{report:#}");
    assert!(error(&report, 0).contains("blocks its thread, which is left behind"), "{report:#}");
    assert!(place.path("first").exists() && !place.path("second").exists(), "the other one is undone");
    let journals = place.journals();
    assert!(journals.len() == 1 && error(&report, 0).contains(&journals[0].display().to_string()), "{report:#}");
    // It hangs in a recovery too, which ends and says so.
    let (code, told) = place.recover();
    assert!(code == Some(3) && place.path("first").exists(), "{told:#}");
    fs::write(place.path("first.healed"), "").unwrap();
    let (code, told) = place.recover();
    assert!(code == Some(0) && !place.path("first").exists() && place.journals().is_empty(), "{told:#}");
}

fn a_killed_run_whose_injection_hangs_is_undone_by_its_guardian() {
    let place = Place::new();
    let mut run = place.start("inject");
    wait_until("it hangs", || place.path("first").exists()).unwrap();
    kill(&mut run);
    wait_until("the guardian has undone it", || !place.path("first").exists() && !place.path("second").exists())
        .unwrap();
    wait_until("nothing is left to do", || place.journals().is_empty()).unwrap();
}

fn a_killed_run_whose_undo_hangs_is_undone_as_far_as_that_goes_and_by_the_next_one() {
    let place = Place::new();
    let mut run = place.start("undo");
    wait_until("it hangs", || place.path("first.undoing").exists()).unwrap();
    fs::remove_file(place.path("first.undoing")).unwrap();
    kill(&mut run);
    wait_until("the guardian hangs in it too", || place.path("first.undoing").exists()).unwrap();
    wait_until("the other one is undone", || !place.path("second").exists()).unwrap();
    // The guardian has given it up once its journal is free, and the journal is kept.
    let journal = place.journals().remove(0);
    wait_until("the guardian ended", || fs::File::open(&journal).unwrap().try_lock().is_ok()).unwrap();
    assert!(place.path("first").exists());
    fs::write(place.path("first.healed"), "").unwrap();
    assert_eq!(place.recover().0, Some(0));
    assert!(!place.path("first").exists() && place.journals().is_empty());
}

fn a_run_whose_checks_are_slow_is_taken_over_by_nobody() {
    let place = Place::new();
    let (code, report) = ended(place.start("check"));
    assert_eq!((code, &report["verdict"]), (Some(0), &json!("unchecked")), "{report:#}");
    assert!(!place.path("first").exists() && place.journals().is_empty());
}

fn a_run_that_was_taken_over_after_its_undo_is_inconclusive_and_nothing_failed() {
    let place = Place::new();
    let (code, report) = ended(place.start("taken_over"));
    assert_eq!((code, &report["verdict"]), (Some(2), &json!("inconclusive")), "{report:#}");
    assert!(error(&report, 0).starts_with("taken over"), "{report:#}");
    assert!(!place.path("first").exists() && !place.path("second").exists());
}
