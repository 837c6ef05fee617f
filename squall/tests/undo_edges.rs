//! Each fault that is undone, at the edges of its undo: replayed twice, after its target died, against a recycled pid, and on
//! a machine without memory, without processes, or with a full disk. None does harm, and each is told.
#![expect(clippy::unwrap_used, reason = "a test that can't be set up should stop at once")]

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;

use chaos_campaign::{Place, Sleeper, kill, wait_until};
use chaos_failpoints::{ControlServer, fail_check};
use serde_json::{Value, json};
use squall::chaos_core::FAULTS;

#[path = "support/groups.rs"]
mod groups;

use groups::groups_of;

/// Faults that end by themselves, so that a killed run leaves none of them in force. What they start for that time has undo
/// steps (`stop_fortio`, `start_node`, `mend_link`) with tests of their own.
const ENDED: [&str; 5] = ["generate_load", "load", "nat_shift", "reset_connections", "restart_process"];

/// What a fault is made on.
enum Subject {
    /// A node with these keys beside the usual ones.
    Node(Value),
    /// A link; the kind of the node and its keys are its own.
    Link,
    /// A process that the run did not start.
    Pid,
    /// A node that is built with fail points.
    Sites,
}

/// One fault that is undone.
struct Row {
    fault: &'static str,
    action: Value,
    subject: Subject,
}

fn rows() -> Vec<Row> {
    let row = |fault, keys: Value, subject| {
        let mut action = json!({"type": fault});
        if !matches!(subject, Subject::Pid | Subject::Link) && keys.get("target").is_none() && fault != "failpoint" {
            action["target"] = json!({"node": "n1"});
        }
        action.as_object_mut().unwrap().extend(keys.as_object().unwrap().clone());
        Row { fault, action, subject }
    };
    let group = || Subject::Node(json!({"group": true}));
    let plain = || Subject::Node(json!({}));
    vec![
        row("black_hole", json!({"target": {"link": "n1"}}), Subject::Link),
        row("burst_kill", json!({"target": {"nodes": {"role": "member"}, "pick": 2}}), plain()),
        row("clock_skew", json!({"offset": "1h"}), Subject::Node(json!({"clock": true}))),
        row("disk_full", json!({}), Subject::Node(json!({"tmpfs_bytes": 1 << 20}))),
        row("exhaust_fds", json!({}), Subject::Pid),
        row("exhaust_pids", json!({}), group()),
        row("failpoint", json!({"site": "edges.tick", "error": "no"}), Subject::Sites),
        row("firewall_inbound", json!({"node": "b"}), Subject::Link),
        row("flap_link", json!({"target": {"link": "n1"}, "down": "50ms", "up": "50ms"}), Subject::Link),
        row("http_fault", json!({"target": {"link": "n1"}, "effect": {"answer": {}}}), Subject::Link),
        row("kill_process", json!({}), plain()),
        row("limit_bandwidth", json!({"target": {"link": "n1"}, "bytes_per_second": 100_000}), Subject::Link),
        row("limit_resources", json!({"cpus": 0.2}), group()),
        row("lossy_link", json!({"target": {"link": "n1"}, "every": 2}), Subject::Link),
        row("oom", json!({}), group()),
        row("partition_pair", json!({"a": "a", "b": "b"}), Subject::Link),
        row("partition_subset", json!({"sides": {"a": ["a"], "b": ["b"]}}), Subject::Link),
        row("pause_process", json!({}), Subject::Pid),
        row("pause_process", json!({"method": "freezer"}), group()),
        row("pause_process", json!({"method": "runtime", "runtime": {"site": "edges.tick"}}), Subject::Sites),
        row("slow_link", json!({"target": {"link": "n1"}, "latency": "20ms"}), Subject::Link),
        row("stress_cpu", json!({}), group()),
        row("stress_memory", json!({"bytes": 8_388_608}), group()),
    ]
}

#[test]
fn no_registered_fault_is_left_out() {
    let here: BTreeSet<&str> = rows().iter().map(|row| row.fault).chain(ENDED).collect();
    let real = FAULTS.all().iter().map(|fault| fault.name).filter(|name| !name.starts_with("test_"));
    assert_eq!(real.collect::<BTreeSet<_>>(), here);
}

/// Not a test, but the node that has fail points.
#[test]
#[ignore = "started by the tests beside it"]
fn victim() {
    let Some(told) = std::env::var_os("EDGES_VICTIM") else { return };
    let _control = ControlServer::from_environment().unwrap();
    let _ = fail_check!("edges.tick");
    for pass in 0_u64.. {
        let _ = fail_check!("edges.tick");
        fs::write(&told, pass.to_string()).unwrap();
        std::thread::park_timeout(std::time::Duration::from_millis(5));
    }
}

/// A run of one fault that was killed while that was in force, and what it left.
struct Killed {
    folder: tempfile::TempDir,
    /// Whether the state directory is a file system of its own.
    mounted: bool,
    run: u32,
    victim: Option<Sleeper>,
    journal: (PathBuf, String),
}

impl Killed {
    /// `None` where this machine can't make the fault; that is printed.
    fn start(row: &Row, own_disk: bool) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        fs::create_dir(&state).unwrap();
        let mut command = Command::new("mount");
        command.args(["-t", "tmpfs", "-o", "size=64m,mode=700", "edges"]).arg(&state).stderr(Stdio::null());
        let mounted = own_disk && command.status().is_ok_and(|status| status.success());
        if own_disk && !mounted {
            eprintln!("skipped: the full disk of `{}` needs the right to mount", row.fault);
        }
        let mut killed = Self { folder, mounted, run: 0, victim: None, journal: (PathBuf::new(), String::new()) };
        let mut action = row.action.clone();
        let mut task = json!({"nodes": {}});
        let mut node = json!({"type": "process", "argv": ["sleep", "600"], "labels": {"role": "member"}});
        match &row.subject {
            Subject::Pid => {
                let victim = Sleeper::start().unwrap();
                action["target"] = json!({"pid": victim.pid()});
                killed.victim = Some(victim);
            }
            Subject::Node(keys) => {
                node.as_object_mut().unwrap().extend(keys.as_object().unwrap().clone());
                task["nodes"] = json!({"n1": node, "n2": node});
            }
            Subject::Link => {
                // Nobody is there: the link is what matters.
                task["nodes"]["n1"] =
                    json!({"type": "link", "upstream": "127.0.0.1:9", "from": "a", "to": "b", "ports": ["listen"]});
                if row.fault == "http_fault" {
                    task["nodes"]["n1"]["protocol"] = "http".into();
                }
            }
            Subject::Sites => {
                let (control, ready) = (killed.path("control"), killed.path("ready"));
                let url = json!(format!("unix:{}", control.display()));
                match action.get_mut("runtime") {
                    Some(runtime) => runtime["url"] = url,
                    None => action["url"] = url,
                }
                node["argv"] = json!([std::env::current_exe().unwrap(), "victim", "--exact", "--ignored"]);
                node["env"] = json!({"FAILPOINTS_LISTEN": control, "EDGES_VICTIM": ready});
                node["ready"] = json!({"type": "command", "argv": ["test", "-e", ready]});
                task["nodes"]["n1"] = node;
            }
        }
        task["chaos_spec"] = json!([{"trigger": {"type": "immediate"}, "action": action, "duration_seconds": 60.0}]);
        fs::write(killed.path("task.json"), task.to_string()).unwrap();
        let allowed = killed.folder.path().display().to_string();
        let mut arguments = vec!["run", "task.json", "--events", "events.jsonl", "--allow-command", "*"];
        arguments.extend(["--allow-path", &allowed]);
        let said = fs::File::create(killed.path("said")).unwrap();
        let mut command = killed.squall(&arguments);
        command.stdout(said.try_clone().unwrap()).stderr(said);
        let mut run = command.spawn().unwrap();
        killed.run = run.id();
        if !killed.is_in_force(row, &mut run) {
            return None;
        }
        kill(&mut run);
        let journals = fs::read_dir(killed.path("state/journals")).unwrap().map(|entry| entry.unwrap().path());
        let journal = journals.last().unwrap();
        killed.journal = (journal.clone(), fs::read_to_string(journal).unwrap());
        Some(killed)
    }

    fn is_in_force(&self, row: &Row, run: &mut Child) -> bool {
        let events = || fs::read_to_string(self.path("events.jsonl")).unwrap_or_default();
        let mut over = false;
        wait_until(&format!("{} was in force", row.action), || {
            over = run.try_wait().unwrap().is_some();
            over || events().contains("\"active\"")
        })
        .unwrap();
        let said = fs::read_to_string(self.path("said")).unwrap();
        let is_refused = ["cgroup", "the right to mount", "preload"].iter().any(|word| said.contains(word));
        assert!(!over || is_refused, "{}: {said}", row.action);
        if over {
            eprintln!("skipped: {} needs more than this machine has: {said}", row.action);
        }
        !over
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn settle_in(&self, command: &mut Command) {
        command.current_dir(self.folder.path()).env("SQUALL_STATE", self.path("state")).env("SQUALL_GUARDIAN", "none");
        command.env_remove("SQUALL_POLICY").env_remove("SQUALL_CONFIG").env("XDG_CONFIG_HOME", self.path("config"));
        command.stdin(Stdio::null());
    }

    fn squall(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_squall"));
        command.args(arguments);
        self.settle_in(&mut command);
        command
    }

    /// Recovers, behind what comes first on the command line.
    fn recover(&self, behind: &[&str]) -> Output {
        let words = [behind, &[env!("CARGO_BIN_EXE_squall"), "recover", "--format", "json"]].concat();
        let mut command = Command::new(words[0]);
        command.args(&words[1..]);
        self.settle_in(&mut command);
        command.output().unwrap()
    }

    /// The processes of the run, by their folder.
    fn processes(&self) -> Vec<u32> {
        let folder = self.folder.path().display().to_string();
        let pids = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok());
        let of_it = |pid: &u32| {
            let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            let works_in = fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd.starts_with(&folder));
            works_in || String::from_utf8_lossy(&environment).contains(&folder)
        };
        pids.filter(of_it).collect()
    }

    /// Nothing of the run is there: no journal, process, group or mount; and its victim is as it was.
    fn nothing_is_left(&self, what: &str) {
        wait_until(&format!("{what}: no process is left"), || self.processes().is_empty()).unwrap();
        let journals = fs::read_dir(self.path("state/journals")).map_or(0, Iterator::count);
        assert_eq!((journals, groups_of(self.run), self.mounts()), (0, vec![], usize::from(self.mounted)), "{what}");
        if let Some(victim) = &self.victim {
            assert!(!victim.is_stopped(), "{what}");
            let limits = fs::read_to_string(format!("/proc/{}/limits", victim.pid())).unwrap_or_default();
            let ours = fs::read_to_string("/proc/self/limits").unwrap();
            let files = |text: &str| text.lines().find(|line| line.starts_with("Max open files")).map(str::to_owned);
            assert!(limits.is_empty() || files(&limits) == files(&ours), "{what}: {limits}");
        }
    }

    fn mounts(&self) -> usize {
        let table = fs::read_to_string("/proc/self/mountinfo").unwrap();
        let beneath = format!(" {}/", self.folder.path().canonicalize().unwrap().display());
        table.lines().filter(|line| line.contains(&beneath)).count()
    }

    /// Puts the journal back as the killed run left it, or a forged one.
    fn put_back(&self, text: &str) {
        fs::write(&self.journal.0, text).unwrap();
    }
}

impl Drop for Killed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let _ = self.recover(&[]);
        }
        if self.mounted {
            let _ = Command::new("umount").arg("-l").arg(self.path("state")).status();
        }
    }
}

/// A group in which nothing can be started, for the recovery alone; `None` where there can be none.
struct NoProcesses(PathBuf);

impl NoProcesses {
    fn make() -> Option<Self> {
        static TOLD: OnceLock<()> = OnceLock::new();
        let folder = format!("squall-edges-{}", std::process::id());
        for root in ["/sys/fs/cgroup/pids", "/sys/fs/cgroup"] {
            let group = Path::new(root).join(&folder);
            if fs::create_dir(&group).is_ok() {
                let made = Self(group);
                if fs::write(made.0.join("pids.max"), "1").is_ok() {
                    return Some(made);
                }
            }
        }
        TOLD.get_or_init(|| eprintln!("skipped: to be out of processes needs a writable cgroup with `pids`"));
        None
    }
}

impl Drop for NoProcesses {
    fn drop(&mut self) {
        let _ = wait_until("the group is empty", || fs::remove_dir(&self.0).is_ok());
    }
}

/// All that a wrong undo could have changed of a process.
fn seen(process: &Sleeper) -> String {
    let read = |file: &str| fs::read_to_string(format!("/proc/{}/{file}", process.pid())).unwrap();
    let (status, limits) = (read("status"), read("limits"));
    let state = status.lines().find(|line| line.starts_with("State:")).unwrap();
    // One that has just begun runs or waits for its file, and sleeps then.
    let is_at_work = ["R (running)", "D (disk sleep)"].iter().any(|at_work| state.contains(at_work));
    let state = if is_at_work { "State:\tS (sleeping)" } else { state };
    format!("{state} {} {} {limits}", read("cgroup"), read("oom_score_adj"))
}

fn code(output: &Output) -> Option<i32> {
    output.status.code()
}

/// What the steps of a recovery found.
fn outcomes(output: &Output) -> Vec<String> {
    let text = String::from_utf8_lossy(&output.stdout);
    let report: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    assert_eq!(report["kept"], json!([]), "{report}");
    let undone = report["undone"].as_array().unwrap().iter();
    undone.map(|step| step["undone"]["outcome"].as_str().unwrap().to_owned()).collect()
}

/// The journal with another pid in each step.
fn with_pid(journal: &str, pid: u32) -> String {
    let forged = journal.split_inclusive('\n').map(|line| {
        let Some((before, step)) = line.split_once("\"step\":") else { return line.to_owned() };
        let Some((key, rest)) = step.split_once("\"pid\":") else { return line.to_owned() };
        let rest = rest.trim_start_matches(|digit: char| digit.is_ascii_digit());
        format!("{before}\"step\":{key}\"pid\":{pid}{rest}")
    });
    chaos_test::sealed(&forged.collect::<String>())
}

#[test]
fn an_undo_without_processes_twice_or_against_another_process_harms_nobody() {
    for row in rows() {
        let Some(killed) = Killed::start(&row, false) else { continue };
        let (what, other) = (row.action.to_string(), Sleeper::start().unwrap());
        let before = seen(&other);
        // The pid is another process's now: what the step is about is not touched through it.
        let recycled = with_pid(&killed.journal.1, other.pid());
        let has_pid = recycled != killed.journal.1;
        assert!(has_pid || !matches!(row.subject, Subject::Pid), "{what}: {recycled}");
        if matches!(row.subject, Subject::Pid) {
            killed.put_back(&recycled);
            let output = killed.recover(&[]);
            assert_eq!(code(&output), Some(0), "{what}: {output:?}");
            assert!(outcomes(&output).iter().all(|found| found == "nothing_to_do"), "{what}: {output:?}");
            killed.put_back(&killed.journal.1);
        }
        // Nothing can be started, not even a thread.
        let output = match NoProcesses::make() {
            Some(group) => {
                let script = "echo $$ > \"$0/cgroup.procs\" && exec \"$@\"";
                killed.recover(&["sh", "-c", script, &group.0.display().to_string()])
            }
            None => killed.recover(&[]),
        };
        assert_eq!(code(&output), Some(0), "{what}: {output:?}");
        // What a kill leaves is a node that is over, as its run is.
        let is_kill = ["burst_kill", "kill_process"].contains(&row.fault);
        assert!(is_kill || outcomes(&output).contains(&"reverted".to_owned()), "{what}: {output:?}");
        killed.nothing_is_left(&what);
        // Once more, with what it acted on as it was, or gone, and its pid another process's.
        for journal in [&killed.journal.1, &recycled] {
            killed.put_back(journal);
            let output = killed.recover(&[]);
            assert_eq!(code(&output), Some(0), "{what}: {output:?}");
            assert!(outcomes(&output).iter().all(|found| found == "nothing_to_do"), "{what}: {output:?}");
            killed.nothing_is_left(&what);
        }
        assert_eq!(seen(&other), before, "{what}");
    }
}

#[test]
fn an_undo_of_a_dead_target_without_memory_and_on_a_full_disk_is_told_and_complete() {
    for row in rows() {
        let Some(mut killed) = Killed::start(&row, true) else { continue };
        let what = row.action.to_string();
        for pid in killed.processes() {
            let _ = Command::new("kill").args(["-KILL", &pid.to_string()]).status();
        }
        drop(killed.victim.take());
        if killed.mounted {
            let mut file = fs::File::create(killed.path("state/full")).unwrap();
            wait_until("the disk is full", || file.write_all(&[7; 4096]).is_err()).unwrap();
        }
        for megabytes in [64_u64, 96, 128] {
            let script = "ulimit -v $0 && exec \"$@\"";
            let output = killed.recover(&["sh", "-c", script, &(megabytes << 10).to_string()]);
            // A program that can't even be loaded is told by the kernel.
            let told = code(&output).is_none() || !output.stderr.is_empty() || !output.stdout.is_empty();
            assert!(told, "{what} with {megabytes} MB: {output:?}");
            let left = killed.journal.0.exists();
            assert!(code(&output) != Some(0) || !left, "{what} with {megabytes} MB: {output:?}");
        }
        let output = killed.recover(&[]);
        assert_eq!(code(&output), Some(0), "{what}: {output:?}");
        killed.nothing_is_left(&what);
    }
}

/// A process of the test's own that passes a fail point all the time, and is killed at the end.
struct Passing(Child, PathBuf);

impl Passing {
    fn start(folder: &Path) -> Self {
        let (control, told) = (folder.join("control"), folder.join("passes"));
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["victim", "--exact", "--ignored"]).env("FAILPOINTS_LISTEN", control).env("EDGES_VICTIM", &told);
        command.env_remove("FAILPOINTS_TOKEN").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let passing = Self(command.spawn().unwrap(), told);
        wait_until("it passes by", || passing.count() > 0).unwrap();
        passing
    }

    /// How often it has passed; 0 while that is being written.
    fn count(&self) -> u64 {
        fs::read_to_string(&self.1).ok().and_then(|text| text.parse().ok()).unwrap_or(0)
    }

    fn passes_again(&self, why: &str) {
        let before = self.count();
        wait_until(why, || self.count() > before + 3).unwrap();
    }
}

impl Drop for Passing {
    fn drop(&mut self) {
        kill(&mut self.0);
    }
}

#[test]
fn a_process_whose_runtime_is_held_goes_on_after_the_run_and_its_guardian_are_killed_together() {
    // With somebody who recovers, and without: then the process itself lets go, since nobody renews what holds it.
    for recovers in [true, false] {
        let place = Place::with_guardian(Path::new(env!("CARGO_BIN_EXE_squall"))).unwrap();
        let held = Passing::start(place.path());
        let site = json!({"site": "edges.tick", "url": format!("unix:{}", place.path().join("control").display())});
        let task = json!({"chaos_spec": [{
            "trigger": {"type": "immediate"}, "duration_seconds": 60,
            "action": {"type": "pause_process", "target": {"pid": held.0.id()}, "method": "runtime", "runtime": site},
        }]});
        fs::write(place.path().join("task.json"), task.to_string()).unwrap();
        let allowed = place.path().display().to_string();
        let mut run = place.squall(&["run", "task.json", "--events", "events.jsonl", "--allow-path", &allowed]);
        place.quiet(&mut run).unwrap();
        let mut run = run.spawn().unwrap();
        wait_until("its runtime is held", || {
            fs::read_to_string(place.path().join("events.jsonl")).is_ok_and(|text| text.contains("\"active\""))
        })
        .unwrap_or_else(|flaw| panic!("{flaw:?}: {}", place.said()));
        let guardian = guardian_of(run.id());
        // Neither sees the other one's end.
        for (signal, pid) in [("-STOP", guardian), ("-STOP", run.id()), ("-KILL", guardian), ("-KILL", run.id())] {
            assert!(Command::new("kill").args([signal, &pid.to_string()]).status().unwrap().success());
        }
        run.wait().unwrap();
        let journal = place.journals().remove(0);
        wait_until("both are gone", || fs::File::open(&journal).unwrap().try_lock().is_ok()).unwrap();
        if recovers {
            let (code, told) = place.recover().unwrap();
            assert_eq!((code, told["undone"].as_array().unwrap().len()), (0, 1), "{told}");
            assert_eq!(told["undone"][0]["undone"]["outcome"], "reverted", "it was held until then: {told}");
            assert!(
                !is_armed(&place.path().join("control")),
                "it is let go by the recovery, and not by the end of its lease"
            );
        }
        held.passes_again("the process goes on");
        let (code, told) = place.recover().unwrap();
        assert!(code == 0 && place.journals().is_empty(), "{told}");
    }
}

/// Whether the fail point is armed, as its process says.
fn is_armed(control: &Path) -> bool {
    let mut stream = UnixStream::connect(control).unwrap();
    stream.write_all(b"GET /edges.tick HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let answer = std::io::read_to_string(stream).unwrap();
    answer.starts_with("HTTP/1.1 200")
}

/// The guardian that a run has started.
fn guardian_of(run: u32) -> u32 {
    let children = fs::read_dir(format!("/proc/{run}/task"))
        .unwrap()
        .filter_map(|task| fs::read_to_string(task.ok()?.path().join("children")).ok());
    let children: Vec<u32> =
        children.flat_map(|text| text.split_whitespace().map(|pid| pid.parse().unwrap()).collect::<Vec<_>>()).collect();
    let is_guardian = |pid: &&u32| {
        fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| line.starts_with(b"squall-helper:guardian\0"))
    };
    *children.iter().find(is_guardian).unwrap()
}
