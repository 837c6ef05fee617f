//! The guardian of a real run: what it does when the run is killed, stopped, or left without it.
#![expect(clippy::unwrap_used, reason = "a test that can't be set up should stop at once")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output};

use chaos_campaign::{Place, Sleeper, kill, wait_until};
use serde_json::{Value, json};

const SQUALL: &str = env!("CARGO_BIN_EXE_squall");

fn place() -> Place {
    Place::with_guardian(Path::new(SQUALL)).unwrap()
}

/// A run that holds a fault on a victim, with its guardian's pid.
fn paused(place: &Place, victim: &Sleeper, time: &str) -> (Child, u32) {
    let pid = format!("pid={}", victim.pid());
    let run = place.squall(&["inject", "pause_process", &pid, "--for", time, "--format", "json"]).spawn().unwrap();
    wait_until("the victim stopped", || victim.is_stopped()).unwrap();
    let guardians = guardians(run.id());
    assert_eq!(guardians.len(), 1, "it has one guardian");
    (run, guardians[0])
}

/// The field of `/proc/PID/stat` with this number, see proc(5).
fn stat(pid: u32, field: usize) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.split(' ').nth(field - 3).map(str::to_owned)
}

/// The guardians that a process has started.
fn guardians(run: u32) -> Vec<u32> {
    let pids = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok());
    let own = |pid: &u32| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line.starts_with(b"squall-helper:guardian\0") && stat(*pid, 4) == Some(run.to_string())
    };
    pids.filter(own).collect()
}

/// Whether a process has a file open.
fn has_open(pid: u32, file: &Path) -> bool {
    let open = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    open.into_iter().any(|entry| fs::read_link(entry.path()).is_ok_and(|link| link == file))
}

/// Whether it has ended; nobody need have waited for it.
fn is_over(pid: u32) -> bool {
    stat(pid, 3).is_none_or(|state| state == "Z")
}

fn signal(name: &str, pid: u32) {
    assert!(Command::new("kill").args([name, &pid.to_string()]).status().unwrap().success());
}

fn report(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

/// Nothing is in force, and nobody has anything to do.
fn nothing_is_left(place: &Place, victim: &Sleeper, guardian: u32) {
    wait_until("the guardian ended", || is_over(guardian)).unwrap();
    assert!(!victim.is_stopped() && place.journals().is_empty());
    let (code, report) = place.recover().unwrap();
    assert_eq!((code, &report["undone"], &report["live"]), (0, &json!([]), &json!(0)), "{report}");
    assert!(!victim.is_stopped());
}

#[test]
fn a_killed_run_is_undone_without_anybody_who_recovers() {
    let (place, victim) = (place(), Sleeper::start().unwrap());
    let (mut run, guardian) = paused(&place, &victim, "60s");
    let session = stat(guardian, 6);
    assert!(session == Some(guardian.to_string()), "a session of its own: {session:?}");
    assert_eq!(fs::read_link(format!("/proc/{guardian}/cwd")).unwrap(), Path::new("/"));
    assert_eq!(fs::read_dir(format!("/proc/{guardian}/task")).unwrap().count(), 1, "one thread");
    // What a terminal or a service manager sends to everybody.
    for name in ["-INT", "-TERM", "-HUP", "-QUIT", "-TSTP"] {
        signal(name, guardian);
    }
    kill(&mut run);
    wait_until("the victim was resumed", || !victim.is_stopped()).unwrap();
    nothing_is_left(&place, &victim, guardian);
}

#[test]
fn a_run_that_ends_by_itself_takes_its_guardian_along() {
    let (place, victim) = (place(), Sleeper::start().unwrap());
    // Long enough for its guardian to be found meanwhile.
    let (run, guardian) = paused(&place, &victim, "8s");
    let output = run.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(is_over(guardian), "it was waited for");
    nothing_is_left(&place, &victim, guardian);
}

#[test]
fn a_stopped_run_is_taken_over_at_the_end_of_its_lease_and_is_inconclusive() {
    let (place, victim) = (place(), Sleeper::start().unwrap());
    let (run, guardian) = paused(&place, &victim, "60s");
    signal("-STOP", run.id());
    wait_until("the victim was resumed", || !victim.is_stopped()).unwrap();
    let (code, told) = place.recover().unwrap();
    assert_eq!((code, &told["undone"], &told["live"]), (0, &json!([]), &json!(1)), "{told}");
    signal("-CONT", run.id());
    let output = run.wait_with_output().unwrap();
    let told = report(&output);
    assert_eq!((output.status.code(), &told["verdict"]), (Some(2), &json!("inconclusive")), "{told:#}");
    assert!(told["entries"][0]["error"].as_str().unwrap().starts_with("taken over"), "{told:#}");
    nothing_is_left(&place, &victim, guardian);
}

#[test]
fn status_tells_what_is_in_force_and_recover_all_ends_live_runs() {
    let (place, victim) = (place(), Sleeper::start().unwrap());
    let (run, guardian) = paused(&place, &victim, "60s");
    let status = || place.squall(&["status", "--format", "json"]).output().unwrap();
    let output = status();
    let told = report(&output);
    let (one, step) = (&told[0], &told[0]["in_force"][0]);
    assert_eq!(
        (output.status.code(), &one["alive"], &one["taken_over"]),
        (Some(0), &json!(true), &json!(false)),
        "{told}"
    );
    assert_eq!(one["holder_pid"], json!(run.id()), "{told}");
    let kept = one["kept_by"].as_array().unwrap();
    assert!(kept.iter().any(|kept| kept["pid"] == json!(guardian)), "{told}");
    assert_eq!(step["undo"], json!(format!("resume process {}", victim.pid())));
    let left = step["seconds_left"].as_f64().unwrap();
    assert!(left > 0.0 && left <= 60.0, "{told}");
    assert!(victim.is_stopped(), "it touches nothing");
    let all = place.squall(&["recover", "--all", "--format", "json"]).output().unwrap();
    assert_eq!((all.status.code(), &report(&all)["live"]), (Some(0), &json!(0)), "{all:?}");
    assert_eq!(run.wait_with_output().unwrap().status.code(), Some(2));
    assert_eq!((report(&status()), victim.is_stopped()), (json!([]), false));
    nothing_is_left(&place, &victim, guardian);
}

#[test]
fn status_tells_that_a_dead_run_has_something_in_force() {
    let (place, victim) = (Place::new(Path::new(SQUALL)).unwrap(), Sleeper::start().unwrap());
    let pid = format!("pid={}", victim.pid());
    let mut run = place.squall(&["inject", "pause_process", &pid, "--for", "60s"]).spawn().unwrap();
    wait_until("the victim stopped", || victim.is_stopped()).unwrap();
    kill(&mut run);
    let output = place.squall(&["status"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.code() == Some(3) && text.contains("dead: `squall recover` undoes it"), "{text}");
    assert_eq!(place.recover().unwrap().0, 0);
}

#[test]
fn where_both_are_killed_recover_undoes_it_once() {
    let (place, victim) = (place(), Sleeper::start().unwrap());
    let (mut run, guardian) = paused(&place, &victim, "60s");
    // Neither sees the other one's end: a run starts another guardian.
    for (name, pid) in [("-STOP", guardian), ("-STOP", run.id()), ("-KILL", guardian)] {
        signal(name, pid);
    }
    kill(&mut run);
    wait_until("the guardian ended", || is_over(guardian)).unwrap();
    assert!(victim.is_stopped(), "nobody has undone it yet");
    let (code, told) = place.recover().unwrap();
    assert_eq!((code, told["undone"].as_array().unwrap().len()), (0, 1), "{told}");
    nothing_is_left(&place, &victim, guardian);
}

#[test]
fn a_killed_guardian_is_replaced_and_the_run_goes_on() {
    let (place, victim) = (place(), Sleeper::start().unwrap());
    let (mut run, guardian) = paused(&place, &victim, "60s");
    signal("-KILL", guardian);
    let keeps = |pid: &u32| *pid != guardian && has_open(*pid, &place.journals()[0]);
    wait_until("there is another one", || guardians(run.id()).iter().any(keeps)).unwrap();
    assert!(victim.is_stopped(), "nobody has undone it");
    let other = guardians(run.id()).into_iter().find(|pid| *pid != guardian).unwrap();
    kill(&mut run);
    wait_until("the victim was resumed", || !victim.is_stopped()).unwrap();
    nothing_is_left(&place, &victim, other);
}

#[test]
fn recover_names_a_stopped_guardian_that_holds_the_journal() {
    let (place, victim) = (place(), Sleeper::start().unwrap());
    let (mut run, guardian) = paused(&place, &victim, "60s");
    signal("-STOP", guardian);
    wait_until("the guardian stopped", || stat(guardian, 3).as_deref() == Some("T")).unwrap();
    kill(&mut run);
    let (code, told) = place.recover().unwrap();
    let problem = told["kept"][0]["problems"][0]["what"].as_str().unwrap();
    let named = format!("process {guardian} (`squall-helper:guardian`, state T) holds it and is stopped");
    assert!(code == 3 && problem.contains(&named), "{told:#}");
    assert!(victim.is_stopped());
    signal("-CONT", guardian);
    wait_until("the victim was resumed", || !victim.is_stopped()).unwrap();
    nothing_is_left(&place, &victim, guardian);
}

/// A group of processes with a bound; `None` where there can be none, which is printed.
struct Bounded(PathBuf);

impl Bounded {
    fn make() -> Option<Self> {
        for root in ["/sys/fs/cgroup/pids", "/sys/fs/cgroup"] {
            let group = Path::new(root).join(format!("squall-guardian-{}", std::process::id()));
            if fs::create_dir(&group).is_ok() {
                let made = Self(group);
                if made.0.join("pids.max").exists() {
                    return Some(made);
                }
            }
        }
        eprintln!("skipped: needs a writable cgroup with `pids`");
        None
    }
}

impl Drop for Bounded {
    fn drop(&mut self) {
        let _ = wait_until("the group is empty", || fs::remove_dir(&self.0).is_ok());
    }
}

#[test]
fn on_a_machine_without_processes_the_guardian_undoes_all_of_it() {
    let Some(group) = Bounded::make() else { return };
    let place = place();
    // It needs descriptors until it sleeps.
    let starts = "echo $$ > pid; exec sleep 600";
    let sleeps = "grep -q '(sleep) S' /proc/$(cat {{node.n1.dir}}/pid)/stat";
    let task = json!({
        "nodes": {"n1": {
            "type": "process", "argv": ["sh", "-c", starts],
            "ready": {"type": "command", "argv": ["sh", "-c", sleeps], "within_seconds": 60},
        }},
        "chaos_spec": [{
            "trigger": {"type": "immediate"}, "action": {"type": "exhaust_fds", "target": {"node": "n1"}},
            "duration_seconds": 60,
        }],
    });
    fs::write(place.path().join("task.json"), task.to_string()).unwrap();
    let mut command = Command::new("sh");
    command.args(["-c", "echo $$ > \"$0/cgroup.procs\" && exec \"$@\""]).arg(&group.0).arg(SQUALL);
    command.args(["run", "task.json", "--allow-command", "sh", "--events", "events.jsonl"]);
    place.settle_in(&mut command);
    place.quiet(&mut command).unwrap();
    let mut run = command.spawn().unwrap();
    wait_until("the fault is in force", || {
        fs::read_to_string(place.path().join("events.jsonl")).is_ok_and(|text| text.contains("\"active\""))
    })
    .unwrap_or_else(|flaw| panic!("{flaw:?}: {}", place.said()));
    let own = fs::read_to_string(group.0.join("cgroup.procs")).unwrap();
    let inside: Vec<u32> = own.lines().map(|line| line.parse().unwrap()).collect();
    assert_eq!(inside.len(), 3, "the run, its guardian, its node");
    // Nothing can be started in it any more, not even a thread.
    fs::write(group.0.join("pids.max"), "0").unwrap();
    kill(&mut run);
    wait_until("all of them have ended", || inside.iter().all(|pid| is_over(*pid))).unwrap();
    assert_eq!(place.journals(), Vec::<PathBuf>::new());
}

#[cfg(feature = "load")]
#[test]
fn a_run_without_journalled_effects_has_no_guardian() {
    use squall::chaos_load::target::{Behaviour, serve};

    let place = place();
    let target = serve(([127, 0, 0, 1], 0).into(), Behaviour::new()).unwrap();
    let url = format!("target.service_url={}", target.url());
    let mut run = place.squall(&["inject", "generate_load", &url, "target.duration=60s"]).spawn().unwrap();
    wait_until("it began", || target.requests() >= 10).unwrap();
    assert_eq!(guardians(run.id()), Vec::<u32>::new());
    kill(&mut run);
}

mod embedded {
    use chaos_core::{PastJournal, StateDir, Task, Verdict, parse};
    use chaos_runner::{Guardian, Runner};
    use chaos_test as _;

    use super::*;

    /// What a program that embeds Squall gets which makes a file, for a guardian of its choice; and whether it was made.
    fn touched(guardian: Guardian) -> (Verdict, String, bool) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("made");
        let entry = json!({
            "name": "one", "trigger": {"type": "immediate"}, "duration_seconds": 0.05,
            "action": {"type": "test_touch_file", "path": file},
        });
        let runner = Runner::builder().state_dir(StateDir::at(folder.path().join("state"))).workspace(folder.path());
        let report = runner.guardian(guardian).build().unwrap().run(Task::of(parse(&entry).unwrap())).unwrap();
        let one = &report.entries[0];
        let made = one.timeline.iter().any(|point| point.event == "armed");
        assert!(!file.exists());
        (report.verdict, one.error.clone().unwrap_or_default(), made)
    }

    #[test]
    fn an_undo_step_that_the_helper_does_not_know_is_refused_before_its_effect() {
        let (verdict, _, made) = touched(Guardian::None);
        assert!(verdict == Verdict::Unchecked && made);
        let (verdict, error, made) = touched(Guardian::Program(PathBuf::from(SQUALL)));
        assert_eq!((verdict, made), (Verdict::Inconclusive, false), "{error}");
        assert!(error.contains("can't undo steps of type"), "{error}");
    }

    #[test]
    fn a_program_that_is_no_helper_is_refused_by_name_before_anything_is_touched() {
        let rows = [
            (Guardian::Program(PathBuf::from("/bin/true")), "`/bin/true` did not answer as a helper"),
            (
                Guardian::Program(PathBuf::from("/nonexistent/helper")),
                "`/nonexistent/helper` can't be started as a helper",
            ),
        ];
        for (guardian, why) in rows {
            let (verdict, error, made) = touched(guardian);
            assert_eq!((verdict, made), (Verdict::Inconclusive, false), "{error}");
            assert!(error.contains(why), "{error}");
        }
    }

    #[test]
    fn a_helper_of_another_version_is_refused_by_name_before_anything_is_touched() {
        // The same program with another version in it, wherever that stands.
        let (folder, own) = (tempfile::tempdir().unwrap(), env!("CARGO_PKG_VERSION"));
        let (helper, other) = (folder.path().join("other"), "9".to_owned() + &own[1..]);
        fs::copy(SQUALL, &helper).unwrap();
        let replace = format!("s/{}/{other}/g", own.replace('.', "\\."));
        let sed = Command::new("sed").env("LC_ALL", "C").args(["-i", &replace]).arg(&helper).status();
        if !sed.is_ok_and(|status| status.success()) {
            eprintln!("skipped: needs sed -i");
            return;
        }
        let told = Command::new(&helper).arg("--version").output().unwrap();
        assert!(String::from_utf8_lossy(&told.stdout).contains(&other), "{told:?}");
        let (verdict, error, made) = touched(Guardian::Program(helper));
        assert_eq!((verdict, made), (Verdict::Inconclusive, false), "{error}");
        assert!(error.contains(&format!("the helper is of version {other}, and the run of {own}")), "{error}");
    }

    #[test]
    fn a_run_that_has_lost_its_epoch_undoes_nothing() {
        let (folder, victim) = (tempfile::tempdir().unwrap(), Sleeper::start().unwrap());
        let state = StateDir::at(folder.path().join("state"));
        let entry = json!({
            "name": "one", "trigger": {"type": "immediate"}, "duration_seconds": 60,
            "action": {"type": "pause_process", "pid": victim.pid()},
        });
        let runner = Runner::builder().state_dir(state.clone()).workspace(folder.path());
        let runner = runner.guardian(Guardian::Program(PathBuf::from(SQUALL))).build().unwrap();
        let run = runner.start(Task::of(parse(&entry).unwrap())).unwrap();
        wait_until("the victim stopped", || victim.is_stopped()).unwrap();
        let journal = PastJournal::list(&state).unwrap().remove(0);
        // Its own guardian would be right to undo it.
        let own = guardians(std::process::id()).into_iter().find(|pid| has_open(*pid, &journal)).unwrap();
        signal("-STOP", own);
        let file = fs::OpenOptions::new().read(true).append(true).open(&journal).unwrap();
        PastJournal::adopt(&journal, file).unwrap().take_over("another");
        let report = run.wait_blocking().unwrap();
        signal("-KILL", own);
        let one = &report.entries[0];
        assert!(victim.is_stopped() && journal.exists(), "it undid what another one has: {one:#?}");
        assert!(one.timeline.iter().all(|point| point.event != "undid"), "{one:?}");
        assert_eq!(report.verdict, Verdict::RevertFailed, "nobody has undone it, and that is said");
    }
}
