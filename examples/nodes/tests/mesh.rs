//! The gossip mesh under faults: what the kernel shows, what the members say, and what the run reports must be one story.
#![expect(clippy::unwrap_used, reason = "a test that can't be set up should stop at once")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Instant, UNIX_EPOCH};

use chaos_example_nodes::mesh::mesh;
use serde_json::{Value, json};

#[path = "mesh/burst.rs"]
mod burst;
#[path = "support/collector.rs"]
mod collector;
#[path = "mesh/evidence.rs"]
mod evidence;
#[path = "support/harness.rs"]
mod harness;
#[path = "support/held.rs"]
mod held;
#[path = "support/place.rs"]
mod place;
#[path = "mesh/soak.rs"]
mod soak;
#[path = "mesh/wedge.rs"]
mod wedge;

use collector::Collector;
use harness::skipped;
use held::{Held, Process, members, stat, status, until};
use place::{Host, Place, task_files, with_a_bystander};

fn main() -> ExitCode {
    let tests: &[harness::Test] = &[
        (
            "a_killed_node_is_missed_by_all_and_comes_back_as_itself",
            a_killed_node_is_missed_by_all_and_comes_back_as_itself,
        ),
        ("a_restarted_node_is_itself_in_another_process", a_restarted_node_is_itself_in_another_process),
        (
            "a_burst_kills_three_at_once_and_never_the_protected_one",
            burst::a_burst_kills_three_at_once_and_never_the_protected_one,
        ),
        (
            "a_thousand_seeds_draw_every_three_about_equally_often",
            burst::a_thousand_seeds_draw_every_three_about_equally_often,
        ),
        (
            "a_node_stopped_by_a_signal_goes_on_as_the_same_process",
            wedge::a_node_stopped_by_a_signal_goes_on_as_the_same_process,
        ),
        ("a_frozen_node_goes_on_as_the_same_process", wedge::a_frozen_node_goes_on_as_the_same_process),
        (
            "a_node_whose_runtime_is_paused_goes_on_as_the_same_process",
            wedge::a_node_whose_runtime_is_paused_goes_on_as_the_same_process,
        ),
        (
            "a_pause_of_a_bystander_or_of_nobody_is_not_noticed",
            wedge::a_pause_of_a_bystander_or_of_nobody_is_not_noticed,
        ),
        ("a_full_disk_costs_a_node_new_state_and_nothing_else", a_full_disk_costs_a_node_new_state_and_nothing_else),
        ("a_skewed_clock_fools_only_the_member_that_trusts_it", a_skewed_clock_fools_only_the_member_that_trusts_it),
        (
            "a_fault_that_hits_another_process_or_none_is_not_noticed",
            a_fault_that_hits_another_process_or_none_is_not_noticed,
        ),
        ("survivors_spans_are_the_evidence_of_a_fault", evidence::survivors_spans_are_the_evidence_of_a_fault),
        (
            "without_survivors_spans_no_fault_counts_as_noticed",
            evidence::without_survivors_spans_no_fault_counts_as_noticed,
        ),
        (
            "a_mistake_of_a_member_shows_again_and_in_two_events",
            soak::a_mistake_of_a_member_shows_again_and_in_two_events,
        ),
        ("a_soak_is_noticed_and_reverted_event_by_event", soak::a_soak_is_noticed_and_reverted_event_by_event),
        (
            "the_task_files_hold_and_their_dry_run_touches_nothing",
            the_task_files_hold_and_their_dry_run_touches_nothing,
        ),
    ];
    harness::run(tests, 4)
}

/// How many members the mesh has; `MESH_NODES` says otherwise.
fn count() -> usize {
    std::env::var("MESH_NODES").ok().and_then(|text| text.parse().ok()).unwrap_or(5)
}

/// Made by the test when it has seen enough of what comes after the undo.
const GATE: &str = "gate";

/// Made by the test when it watches each process.
const WATCHED: &str = "watched";

/// What the test and its runs write in a place.
const OURS: [&str; 7] = [GATE, WATCHED, "run.json", "run.jsonl", "run.out", "run.err", "other.yaml"];

/// A mesh and one fault on it, held until the test has seen enough, unless it ends by itself. The nodes stay up behind it
/// until the gate is open.
fn task(place: &Place, action: &Value) -> Value {
    let mut task = mesh(count());
    let seen = json!({"type": "command", "argv": ["test", "-e", place.path(GATE)]});
    task["policy"] = json!({"allow_commands": ["mesh-node", "test"]});
    task["chaos_spec"] = json!([{"trigger": {"type": "immediate"}, "action": action, "verify": "seen"}]);
    task["verification_spec"] = json!([{"name": "seen", "check": seen, "mode": "converge", "timeout_seconds": 120}]);
    task
}

/// One row of the battery: a place, a collector, and the host as it was before.
struct Row {
    place: Place,
    collector: Collector,
    before: Host,
}

impl Row {
    fn new() -> Self {
        let place = Place::new();
        let before = place.host().without_state();
        Self { place, collector: Collector::start(), before }
    }

    fn hold(&self, task: &Value, more: &[&str]) -> Held<'_> {
        Held::start(&self.place, task, more, self.collector.url())
    }

    /// Each of `survivors` has said in a span that it misses `node`, after it waited, and says the same when asked.
    fn is_missed(&self, node: &str, survivors: &BTreeMap<String, Process>) {
        let names: BTreeSet<&String> = survivors.keys().collect();
        let waited = until("a survivor has not said that it misses the node", || {
            let told = self.collector.told("disconnected", node, "waited_ms");
            names.iter().all(|name| told.contains_key(*name)).then_some(told)
        });
        for (name, process) in survivors {
            assert!(waited[name].parse::<u64>().unwrap() > 0, "{name}: {waited:?}");
            assert_eq!(status(process).unwrap()["members"][node]["state"], "stale", "{name}");
        }
    }

    /// Who a member is, by its file.
    fn id_on_disk(&self, node: &str) -> String {
        let runs = fs::read_dir(self.place.path("state/nodes")).unwrap().map(|entry| entry.unwrap().path());
        let file = runs.map(|run| run.join(node).join("identity.json")).find(|file| file.exists()).unwrap();
        let identity: Value = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
        identity["id"].as_str().unwrap().to_owned()
    }

    /// Every member hears every other one, and knows `node` in its `incarnation`.
    fn all_hear(&self, node: &str, incarnation: u64) {
        until("they do not hear each other", || {
            let all = members(&self.place);
            let whole = all.len() == count()
                && all.iter().all(|(name, process)| {
                    let Some(status) = status(process) else { return false };
                    let known = status["members"].as_object().unwrap();
                    known.len() == count() - 1
                        && known.values().all(|member| member["state"] == "live")
                        && (node.is_empty() || name == node || known[node]["incarnation"] == incarnation)
                });
            whole.then_some(())
        });
    }

    /// Opens the gate and waits for the end: everything is undone, and the machine is as it was.
    fn is_over(&self, held: Held<'_>) -> Value {
        fs::write(self.place.path(GATE), "").unwrap();
        let report = held.end();
        assert_eq!((&report["verdict"], &report["node_exits"]), (&json!("held"), &Value::Null), "{report:#}");
        left_as_it_was(&self.place, &self.before);
        report
    }
}

fn left_as_it_was(place: &Place, before: &Host) {
    let mut after = place.host().without_state();
    after.files.retain(|path| !OURS.iter().any(|name| path.ends_with(name)));
    assert_eq!(&after, before);
    assert_eq!(fs::read_dir(place.path("state/journals")).map_or(0, Iterator::count), 0, "journals that were left");
    assert_eq!(fs::read_dir(place.path("state/nodes")).map_or(0, Iterator::count), 0, "folders that were left");
}

fn without(all: &BTreeMap<String, Process>, node: &str) -> BTreeMap<String, Process> {
    all.iter().filter(|(name, _)| *name != node).map(|(name, process)| (name.clone(), process.clone())).collect()
}

fn landed(report: &Value) -> &str {
    report["entries"][0]["witness"]["evidence"]["summary"].as_str().unwrap()
}

/// Whether that very process has ended.
fn is_gone(process: &Process) -> bool {
    stat(process.pid).is_none_or(|(state, started)| started != process.started || matches!(state, 'Z' | 'X'))
}

fn a_killed_node_is_missed_by_all_and_comes_back_as_itself() {
    let row = Row::new();
    let mut held = row.hold(&task(&row.place, &json!({"type": "kill_process", "target": {"node": "n3"}})), &[]);
    let survivors = members(&row.place);
    assert_eq!(survivors.len(), count() - 1, "{survivors:?}");
    assert!(!survivors.contains_key("n3"));
    let id = row.id_on_disk("n3");
    row.is_missed("n3", &survivors);
    // Nobody else is missed by anybody.
    assert!(row.collector.named("disconnected").iter().all(|span| span.attributes["peer"] == "n3"));
    held.release();
    row.all_hear("n3", 2);
    let now = members(&row.place);
    assert_eq!(without(&now, "n3"), survivors, "the others are the same processes");
    assert_eq!(status(&now["n3"]).unwrap()["id"], id.as_str());
    let report = row.is_over(held);
    assert!(landed(&report).contains("ended by SIGKILL"), "{report:#}");
}

fn a_restarted_node_is_itself_in_another_process() {
    let row = Row::new();
    let action = json!({"type": "restart_process", "target": {"node": "n2"}});
    let mut task = task(&row.place, &action);
    // It is looked at before, too: the fault waits for a second.
    task["chaos_spec"][0]["trigger"] = json!({"type": "time", "delay_seconds": 1});
    let held = Held::begin(&row.place, &task, &[], row.collector.url());
    let (before, first) = until("the node is not up", || {
        let all = members(&row.place);
        let process = all.get("n2")?.clone();
        Some((status(&process)?, process))
    });
    assert_eq!(before["incarnation"], 1);
    row.all_hear("n2", 2);
    let now = members(&row.place)["n2"].clone();
    assert!(is_gone(&first) && (now.pid, now.started) != (first.pid, first.started), "{first:?} {now:?}");
    assert_eq!(now.url, first.url, "the same ports");
    assert_eq!(status(&now).unwrap()["id"], before["id"]);
    let report = row.is_over(held);
    assert_eq!(report["entries"][0]["injected_fault"], "restart_process");
}

/// Whether this process may mount (`CAP_SYS_ADMIN` is the 21st capability).
fn may_mount() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("CapEff:")).unwrap();
    u64::from_str_radix(line.trim(), 16).unwrap() & (1 << 21) != 0
}

fn a_full_disk_costs_a_node_new_state_and_nothing_else() {
    if !may_mount() {
        skipped("the right to mount (CAP_SYS_ADMIN)");
        return;
    }
    let row = Row::new();
    let mut task = task(&row.place, &json!({"type": "disk_full", "target": {"node": "n3"}}));
    task["nodes"]["n3"]["tmpfs_bytes"] = json!(8 << 20);
    let mut held = row.hold(&task, &[]);
    let all = members(&row.place);
    let home = PathBuf::from(format!("/proc/{}/cwd", all["n3"].pid));
    let free = |of: &Path| rustix::fs::statvfs(of).unwrap().f_bfree;
    assert_eq!((all.len(), free(&home)), (count(), 0));
    assert!(free(&PathBuf::from(format!("/proc/{}/cwd", all["n1"].pid))) > 0, "its neighbours have space");
    let identity = fs::read_to_string(home.join("identity.json")).unwrap();
    let failed = || row.collector.of("n3", "storage_error");
    let spans = until("it has not said that its disk is full", || Some(failed()).filter(|spans| !spans.is_empty()));
    assert!(spans[0].attributes["error"].contains("No space left on device"), "{spans:?}");
    for (name, process) in &all {
        let failing = &status(process).unwrap()["storage"]["failing"];
        assert_eq!(failing.is_null(), name != "n3", "{name}: {failing}");
    }
    assert!(row.collector.named("disconnected").is_empty(), "it is alive to all others");
    assert_eq!(fs::read_to_string(home.join("identity.json")).unwrap(), identity);
    held.release();
    let writes = |process: &Process| status(process)?["storage"]["writes"].as_u64();
    until("there is no space again", || (free(&home) > 0).then_some(()));
    let stuck = until("it does not answer", || writes(&all["n3"]));
    until("it does not write again", || (writes(&all["n3"])? > stuck).then_some(()));
    assert_eq!(members(&row.place), all, "the same processes");
    assert_eq!(fs::read_to_string(home.join("identity.json")).unwrap(), identity);
    row.is_over(held);
}

/// How far a member's wall clock is from the machine's, in milliseconds: at least and at most, since the answer takes time.
fn ahead(process: &Process) -> (i64, i64) {
    let wall = || i64::try_from(UNIX_EPOCH.elapsed().unwrap().as_millis()).unwrap();
    let before = wall();
    let its = until("it does not answer", || status(process)?["wall_ms"].as_i64());
    (its - wall(), its - before)
}

/// What the row asks of a clock, in milliseconds.
const EXACT: i64 = 50;

fn is_ahead(process: &Process, asked: i64) -> bool {
    let (least, most) = ahead(process);
    least - EXACT <= asked && asked <= most + EXACT
}

/// How much later the machine's wall clock is than its monotonic one, in seconds.
fn host_offset() -> i64 {
    let [wall, monotonic] =
        [rustix::time::ClockId::Realtime, rustix::time::ClockId::Monotonic].map(rustix::time::clock_gettime);
    wall.tv_sec - monotonic.tv_sec
}

fn a_skewed_clock_fools_only_the_member_that_trusts_it() {
    for (offset, asked) in [("30s", 30_000), ("-60s", -60_000)] {
        let row = Row::new();
        let mut task = task(&row.place, &json!({"type": "clock_skew", "target": {"node": "n3"}, "offset": offset}));
        task["nodes"]["n3"]["clock"] = json!(true);
        // It judges others by the time that they say it is.
        task["nodes"]["n5"]["argv"].as_array_mut().unwrap().push(json!("--trust-sender-clock"));
        let machine = host_offset();
        let mut held = row.hold(&task, &[]);
        let all = members(&row.place);
        assert!(is_ahead(&all["n3"], asked), "{offset}: {:?}", ahead(&all["n3"]));
        assert!(is_ahead(&all["n1"], 0), "{offset}: {:?}", ahead(&all["n1"]));
        assert!((host_offset() - machine).abs() <= 1, "the machine's clock was set");
        until("the member that trusts a sender's clock is not fooled", || {
            row.collector.told("disconnected", "n3", "waited_ms").contains_key("n5").then_some(())
        });
        // Its monotonic clock has its usual rate, within what two answers take.
        let runs = || until("it does not answer", || status(&all["n3"])?["running_ms"].as_i64());
        let (begun, first) = (Instant::now(), runs());
        let inside = Instant::now();
        let beats = |member: &str| status(&all[member]).and_then(|status| status["beats"].as_u64());
        let heard = until("it does not answer", || beats("n1"));
        until("it sends no heartbeats", || (beats("n1")? > heard + 5).then_some(()));
        let (shortest, later) = (inside.elapsed(), runs());
        let passed = later - first;
        let [shortest, longest] = [shortest, begun.elapsed()].map(|time| i64::try_from(time.as_millis()).unwrap());
        let fits = shortest - EXACT <= passed && passed <= longest + EXACT;
        assert!(fits, "{offset}: {passed} in {shortest} to {longest} ms");
        held.release();
        until("its clock is not right again", || is_ahead(&all["n3"], 0).then_some(()));
        row.all_hear("n3", 1);
        assert_eq!(members(&row.place), all, "the same processes");
        // Nobody but the broken member has missed anybody, and it nobody but the one whose clock was wrong.
        let missed = row.collector.named("disconnected");
        let wrong = missed.iter().find(|span| span.service != "n5" || span.attributes["peer"] != "n3");
        assert_eq!(wrong, None, "{offset}");
        row.is_over(held);
    }
}

/// Faults of the battery, on two nodes that are nobody's members, and left out: no member may say anything then.
fn a_fault_that_hits_another_process_or_none_is_not_noticed() {
    for action in ["kill_process", "burst_kill"] {
        let row = Row::new();
        let pick = if action == "burst_kill" { 2 } else { 1 };
        let action = json!({"type": action, "target": {"nodes": {"by": "stander"}, "pick": pick}});
        let mut task = task(&row.place, &action);
        let bystander = json!({"type": "process", "argv": ["sleep", "600"], "labels": {"by": "stander"}});
        (task["nodes"]["x1"], task["nodes"]["x2"]) = (bystander.clone(), bystander);
        task["policy"] = json!({"allow_commands": ["mesh-node", "sleep", "test"]});
        holds_without_notice(&row, &task);
        assert!(row.collector.named("disconnected").is_empty());
    }
    for action in ["kill_process", "burst_kill", "restart_process"] {
        let place = Place::new();
        let pick = if action == "burst_kill" { 2 } else { 1 };
        let task = task(&place, &json!({"type": action, "target": {"nodes": {"role": "member"}, "pick": pick}}));
        fs::write(place.path("run.json"), task.to_string()).unwrap();
        fs::write(place.path(GATE), "").unwrap();
        let (report, _) = place.run(&place.path("run.json"), &["--sham"]);
        let entry = &report["entries"][0];
        assert_eq!((&report["verdict"], &entry["success"]), (&json!("inconclusive"), &json!(false)), "{report:#}");
    }
}

/// Holds the fault of `task` for more heartbeats than make a member stale; nobody has missed anybody then.
fn holds_without_notice(row: &Row, task: &Value) {
    let held = row.hold(task, &[]);
    let mut all = members(&row.place);
    all.retain(|name, _| name.starts_with('n'));
    assert_eq!(all.len(), count(), "{all:?}");
    let one = all["n1"].clone();
    let beats = || status(&one).and_then(|status| status["beats"].as_u64());
    let began = until("it does not answer", beats);
    // Ten heartbeats are two seconds: twice what it takes to be missed.
    until("it sends no heartbeats", || (beats()? > began + 10).then_some(()));
    let told = status(&one).unwrap();
    assert!(told["members"].as_object().unwrap().values().all(|member| member["times_stale"] == 0), "{told:#}");
    let report = row.is_over(held);
    assert_eq!(report["entries"][0]["witness"]["presence"], "present", "{report:#}");
}

fn the_task_files_hold_and_their_dry_run_touches_nothing() {
    let files = task_files("mesh");
    assert_eq!(files.len(), 2);
    for file in files {
        let place = Place::new();
        let (path, before) = (file.display().to_string(), place.host());
        let output = place.output(&["run", &path, "--dry-run", "--accept-policy"]);
        let (text, said) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success() && !said.contains("warning"), "{path}: {text}{said}");
        for part in [
            "(`mesh-node`)",
            "commands: mesh-node",
            "at most: duration",
            "reversible: yes",
            "expires: ",
            "would run",
            "nothing was touched",
        ] {
            assert!(text.contains(part), "{path}: {part}: {text}");
        }
        assert_eq!(place.host(), before, "{path}");

        let before = before.without_state();
        let (report, _) = place.run(&file, &["--seed", "3"]);
        assert_eq!(report["verdict"], "held", "{path}: {report:#}");
        left_as_it_was(&place, &before);
        println!("{path}: noticed after {} s", report["entries"][0]["time_to_detect_seconds"]);

        // The same fault on others is not noticed, and the run says so.
        let other = place.path("other.yaml");
        fs::write(&other, with_a_bystander(&fs::read_to_string(&file).unwrap(), "mesh-node")).unwrap();
        let (report, _) = place.run(&other, &[]);
        let entry = &report["entries"][0];
        assert_eq!(
            (&report["verdict"], &entry["witness"]["presence"]),
            (&json!("deviated"), &json!("present")),
            "{report:#}"
        );
        let detect = entry["probes"].as_array().unwrap().last().unwrap();
        assert_eq!((&detect["answer"], &entry["time_to_detect_seconds"]), (&json!("no"), &Value::Null), "{entry:#}");
    }
}
