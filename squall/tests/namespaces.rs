//! Injects and recovers in different namespaces: what a process is called there differs, and what it is does not.
#![expect(clippy::unwrap_used, reason = "a test that can't be set up should stop at once")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use chaos_campaign::{Place, Sleeper, kill, wait_until};
use serde_json::Value;

fn place() -> Place {
    Place::new(Path::new(env!("CARGO_BIN_EXE_squall"))).unwrap()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

/// A time namespace in which the machine has been up for a day longer.
const LATER: &[&str] =
    &["unshare", "--user", "--map-current-user", "--time", "--boottime", "86400", "--fork", "--kill-child"];
/// A pid namespace, in which `/proc` stays that of the outer one.
const OTHER_PIDS: &[&str] = &["unshare", "--user", "--map-current-user", "--pid", "--fork", "--kill-child"];

/// Whether the system lets us make such a namespace; says so where not.
fn is_there(namespace: &[&str]) -> bool {
    let tried = Command::new(namespace[0]).args(&namespace[1..]).arg("true").output();
    let works = tried.is_ok_and(|output| output.status.success());
    if !works {
        eprintln!("skipped: needs {}", namespace.join(" "));
    }
    works
}

/// The program inside a namespace.
fn squall(place: &Place, within: &[&str], args: &[&str]) -> Command {
    let Some((first, rest)) = within.split_first() else { return place.squall(args) };
    let mut command = Command::new(first);
    command.args(rest).arg(env!("CARGO_BIN_EXE_squall")).args(args);
    // What a killed run leaves is to be found from elsewhere.
    command.env("XDG_STATE_HOME", place.path()).env("SQUALL_GUARDIAN", "none").current_dir(place.path());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn recover(place: &Place, within: &[&str]) -> Output {
    squall(place, within, &["recover", "--format", "json"]).output().unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

/// A run that was killed inside a namespace while its victim was stopped, and that victim.
fn killed(within: &[&str]) -> (Place, Sleeper) {
    let (place, victim) = (place(), Sleeper::start().unwrap());
    let pid = format!("pid={}", victim.pid());
    let mut run = squall(&place, within, &["inject", "pause_process", &pid, "--for", "60s"]).spawn().unwrap();
    wait_until("the victim stopped", || victim.is_stopped()).unwrap();
    kill(&mut run);
    // Inside a namespace the run ends a little later than what started it.
    wait_until("the journal is free", || {
        place.journals().iter().all(|path| fs::File::open(path).unwrap().try_lock().is_ok())
    })
    .unwrap();
    (place, victim)
}

#[test]
fn a_process_is_found_from_another_time_namespace_in_both_directions() {
    if !is_there(LATER) {
        return;
    }
    for (there, here) in [(LATER, &[][..]), (&[][..], LATER), (LATER, LATER)] {
        let (place, victim) = killed(there);
        let has_inode = fs::read_to_string(&place.journals()[0]).unwrap().contains("\"pidfd_inode\":");
        let output = recover(&place, here);
        if has_inode {
            assert_eq!(code(&output), 0, "{output:?}");
            assert_eq!(json(&output)["undone"][0]["undone"]["outcome"], "reverted", "{output:?}");
            assert!(!victim.is_stopped() && place.journals().is_empty());
        } else {
            assert_kept(&output, &place, &victim);
        }
    }
}

fn assert_kept(output: &Output, place: &Place, victim: &Sleeper) {
    assert_eq!(code(output), 3, "{output:?}");
    assert!(victim.is_stopped() && !place.journals().is_empty(), "{output:?}");
}

#[test]
fn without_an_inode_a_start_time_of_another_time_namespace_keeps_the_journal() {
    if !is_there(LATER) {
        return;
    }
    for (there, here, home) in [(LATER, &[][..], None), (&[][..], LATER, Some(&[][..]))] {
        let (place, victim) = killed(there);
        let journal = &place.journals()[0];
        // What a kernel before 6.9 would have given.
        let text = fs::read_to_string(journal).unwrap();
        let without = without_inode(&text);
        fs::write(journal, chaos_test::sealed(&without)).unwrap();
        let output = recover(&place, here);
        assert_kept(&output, &place, &victim);
        assert!(String::from_utf8_lossy(&output.stdout).contains("recover from there"), "{output:?}");
        if let Some(home) = home {
            let output = recover(&place, home);
            assert_eq!(code(&output), 0, "{output:?}");
            assert!(!victim.is_stopped() && place.journals().is_empty());
        }
    }
}

/// The journal without the inode of a pidfd.
fn without_inode(text: &str) -> String {
    let key = "\"pidfd_inode\":";
    let Some(at) = text.find(key).map(|at| at + key.len()) else { return text.to_owned() };
    let digits = text[at..].find(|c: char| !c.is_ascii_digit()).unwrap();
    format!("{}null{}", &text[..at], &text[at + digits..])
}

#[test]
fn pids_of_another_namespace_than_that_of_proc_are_refused_and_a_journal_is_kept_there() {
    if !is_there(OTHER_PIDS) {
        return;
    }
    let (place, victim) = (place(), Sleeper::start().unwrap());
    for pid in [victim.pid().to_string(), "1".to_owned()] {
        let pid = format!("pid={pid}");
        let output = squall(&place, OTHER_PIDS, &["inject", "pause_process", &pid, "--for", "1s"]).output().unwrap();
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(code(&output) != 0 && said.contains("shows another pid namespace"), "{said}");
    }
    assert!(!victim.is_stopped() && place.journals().is_empty());
    let (place, victim) = killed(&[]);
    assert_kept(&recover(&place, OTHER_PIDS), &place, &victim);
    assert_eq!(code(&recover(&place, &[])), 0);
    assert!(!victim.is_stopped() && place.journals().is_empty());
}

/// Starts a victim and a run that pauses it, stops the run as Ctrl-Z does, and says how it ended.
const STOPS_A_RUN: &str = r#"
sleep 600 & victim=$!
"$@" pid=$victim & run=$!
until grep -q '^State:.T' /proc/$victim/status; do sleep 0.02; done
kill -TSTP $run
wait $run; echo "exit $?" >&2
grep -q '^State:.T' /proc/$victim/status && echo left stopped >&2
kill $victim
"#;

#[test]
fn a_stop_signal_is_heard_where_session_and_group_are_outside_the_namespace() {
    let namespace = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child", "--mount-proc"];
    if !is_there(&namespace) {
        return;
    }
    let shell = [&namespace[..], &["sh", "-c", STOPS_A_RUN, "sh"]].concat();
    let run = squall(&place(), &shell, &["inject", "pause_process", "--for=60s", "--format=json"]).output().unwrap();
    let said = String::from_utf8_lossy(&run.stderr);
    assert!(said.contains("exit 2\n") && !said.contains("left stopped"), "{said}");
    assert_eq!(json(&run)["entries"][0]["reverted"], "reverted");
}

/// A sleeper in a pid namespace with a `/proc` of its own, in which its pid is 2.
struct Container(Child);

impl Container {
    fn start() -> Option<Self> {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c"]);
        let script = "sleep 600 & echo ready; wait";
        let mut unshare = command.arg(script).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().ok()?;
        let mut line = String::new();
        BufReader::new(unshare.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        if line != "ready\n" {
            let _ = unshare.wait();
            eprintln!("skipped: needs unshare --user --pid --mount-proc");
            return None;
        }
        Some(Self(unshare))
    }

    fn first(&self) -> u32 {
        child_of(self.0.id()).unwrap()
    }

    fn is_stopped(&self) -> bool {
        let stat = fs::read_to_string(format!("/proc/{}/stat", child_of(self.first()).unwrap())).unwrap();
        stat.rsplit_once(')').unwrap().1.trim_start().starts_with('T')
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn child_of(pid: u32) -> Option<u32> {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    children.split_whitespace().next()?.parse().ok()
}

#[test]
fn a_process_is_resumed_from_its_namespace_where_proc_is_anothers() {
    let Some(container) = Container::start() else { return };
    let target = format!("--target={}", container.first());
    let whole = ["nsenter", &target, "--user", "--preserve-credentials", "--pid", "--mount"];
    let pids_only = ["nsenter", &target, "--user", "--preserve-credentials", "--pid"];
    if !is_there(&whole) || !is_there(&pids_only) {
        return;
    }
    let place = place();
    let run = squall(&place, &whole, &["inject", "pause_process", "pid=2", "--for", "60s"]).spawn().unwrap();
    wait_until("the victim stopped", || container.is_stopped()).unwrap();
    let program = child_of(run.id()).unwrap().to_string();
    assert!(Command::new("kill").args(["-KILL", &program]).status().unwrap().success());
    run.wait_with_output().unwrap();
    let output = recover(&place, &pids_only);
    assert_eq!(code(&output), 0, "{output:?}");
    assert_eq!(json(&output)["undone"][0]["undone"]["outcome"], "reverted", "{output:?}");
    assert!(!container.is_stopped() && place.journals().is_empty());
}

#[test]
fn the_example_that_needs_groups_is_refused_by_name_where_there_are_none_and_starts_nothing() {
    // A mount namespace in which there are no control groups, and programs that tell when they are started.
    let bare = ["unshare", "--mount", "sh", "-c", "mount -t tmpfs none /sys/fs/cgroup && exec \"$@\"", "sh"];
    if !is_there(&bare) {
        return;
    }
    let place = place();
    let programs = place.path().join("bin");
    fs::create_dir(&programs).unwrap();
    for program in ["etcd", "kv-client"] {
        let script = format!("#!/bin/sh\necho {program} >> {}/started\nexec sleep 60\n", place.path().display());
        fs::write(programs.join(program), script).unwrap();
        let made = Command::new("chmod").arg("+x").arg(programs.join(program)).status();
        assert!(made.unwrap().success());
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/etcd/starve-member.yaml");
    let arguments = ["run", &file.display().to_string(), "--accept-policy", "--format", "json"];
    let mut command = squall(&place, &bare, &arguments);
    let path = std::env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{}:{path}", programs.display()));
    let output = command.output().unwrap();
    let report = json(&output);
    assert_eq!((code(&output), &report["verdict"]), (2, &"inconclusive".into()), "{report:#}");
    // One reason, which every entry gives.
    let reasons: Vec<&str> =
        report["entries"].as_array().unwrap().iter().map(|entry| entry["error"].as_str().unwrap()).collect();
    assert!(reasons.len() == 2 && reasons[0] == reasons[1], "{reasons:#?}");
    assert!(reasons[0].contains("node `n3`") && reasons[0].contains("a group needs writable cgroups"), "{reasons:#?}");
    assert!(!place.path().join("started").exists() && place.journals().is_empty());
    let left = fs::read_dir(place.path().join("squall/nodes")).map_or(0, Iterator::count);
    assert_eq!(left, 0, "no folder of a node is made");
}
