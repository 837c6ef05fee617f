//! The row of several nodes that are killed at the same time: who is drawn, and when each has ended.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use chaos_example_nodes::mesh::mesh;
use chaos_host::{PortSharing, bound_port, free_ports};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::SocketType;
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use serde_json::{Value, json};
use squall::chaos_schema::NodePool;
use squall::prelude::{Document, LoadOptions, Runner, load};

use super::held::{Held, Process, members, stat, until};
use super::place::Place;
use super::{Row, WATCHED, count, landed, task};

/// What the fault asks of itself: its `within_ms`.
const BURST: Duration = Duration::from_millis(100);

/// An end of a process, as the kernel tells it to a pidfd.
struct End {
    name: String,
    /// It had ended when this was read.
    seen: Instant,
    /// It had not ended yet shortly before this.
    alive: Instant,
}

/// The first `wanted` of the processes to end, in order.
fn ends(pidfds: &BTreeMap<String, OwnedFd>, wanted: usize) -> Vec<End> {
    let mut left: BTreeMap<&String, &OwnedFd> = pidfds.iter().collect();
    let (mut ended, mut alive) = (Vec::new(), Instant::now());
    while ended.len() < wanted {
        let over = over(&left.values().copied().collect::<Vec<_>>(), Duration::from_mins(1));
        assert!(over.contains(&true), "only {} have ended", ended.len());
        let seen = Instant::now();
        let names: Vec<&String> = left.keys().copied().collect();
        for name in names.into_iter().zip(over).filter(|(_, over)| *over).map(|(name, _)| name) {
            left.remove(name);
            ended.push(End { name: name.clone(), seen, alive });
        }
        alive = seen;
    }
    ended
}

/// Waits until one of the processes has ended, and says which have.
fn over(pidfds: &[&OwnedFd], within: Duration) -> Vec<bool> {
    let mut polled: Vec<PollFd<'_>> = pidfds.iter().map(|fd| PollFd::new(*fd, PollFlags::IN)).collect();
    poll(&mut polled, Some(&Timespec::try_from(within).unwrap())).unwrap();
    polled.iter().map(|fd| !fd.revents().is_empty()).collect()
}

/// A pidfd of that very process.
fn pidfd(process: &Process) -> OwnedFd {
    let pid = Pid::from_raw(i32::try_from(process.pid).unwrap()).unwrap();
    let fd = pidfd_open(pid, PidfdFlags::empty()).unwrap();
    assert!(stat(process.pid).is_some_and(|(_, started)| started == process.started), "{process:?}");
    fd
}

pub(super) fn a_burst_kills_three_at_once_and_never_the_protected_one() {
    let row = Row::new();
    let mut task = task(&row.place, &json!({"type": "burst_kill", "target": {"nodes": {"role": "member"}, "pick": 3}}));
    task["nodes"]["n4"]["protected"] = json!(true);
    // The fault waits until the test has each member's pidfd.
    let watched = json!({"type": "command", "argv": ["test", "-e", row.place.path(WATCHED)], "within_seconds": 60});
    task["steady_state"].as_array_mut().unwrap().push(watched);
    let mut held = Held::begin(&row.place, &task, &["--seed", "11"], row.collector.url());
    let before = until("the members are not up", || Some(members(&row.place)).filter(|all| all.len() == count()));
    let pidfds: BTreeMap<String, OwnedFd> =
        before.iter().map(|(name, process)| (name.clone(), pidfd(process))).collect();
    fs::write(row.place.path(WATCHED), "").unwrap();
    let ended = ends(&pidfds, 3);
    // From the first end to the last: no longer than what the fault asks of itself.
    let (least, most) = (ended[2].alive.saturating_duration_since(ended[0].seen), ended[2].seen - ended[0].seen);
    assert!(least <= BURST, "the kernel saw the ends at least {least:?} apart");
    println!("three ended within {most:?}");
    held.in_force();
    let killed: BTreeSet<&String> = ended.iter().map(|end| &end.name).collect();
    let survivors = members(&row.place);
    assert_eq!(survivors.len(), count() - 3, "{survivors:?}");
    assert!(survivors.contains_key("n4") && killed.iter().all(|name| !survivors.contains_key(*name)), "{killed:?}");
    for name in killed {
        row.is_missed(name, &survivors);
    }
    // Never more than asked: the others are the processes that they were.
    assert!(survivors.iter().all(|(name, process)| before[name] == *process), "{before:?} {survivors:?}");
    assert_eq!(over(&pidfds.values().collect::<Vec<_>>(), Duration::ZERO).iter().filter(|over| **over).count(), 3);
    held.release();
    row.all_hear("", 0);
    let report = row.is_over(held);
    assert_eq!(landed(&report).matches("ended by SIGKILL").count(), 3, "{report:#}");
    let note = report["entries"][0]["timeline"].to_string();
    assert!(note.contains("all of them had ended"), "{note}");

    // Whatever the seed: with four to draw from and four wanted, all but the protected one; with five, a refusal.
    let place = Place::new();
    for (pick, code, part) in [(count() - 1, 0, "kill at the same time"), (count(), 2, "protected ones never count")] {
        task["chaos_spec"][0]["action"]["target"]["pick"] = json!(pick);
        fs::write(place.path("run.json"), task.to_string()).unwrap();
        let file = place.path("run.json").display().to_string();
        let output = place.output(&["run", &file, "--dry-run", "--accept-policy"]);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let fault = text.split_once("burst_kill").unwrap().1;
        assert!(output.status.code() == Some(code) && fault.contains(part) && !fault.contains("`n4`"), "{text}");
    }
}

/// How many seeds are drawn with.
const SEEDS: u64 = 1_000;

/// Whom a dry run of a mesh of six would kill: three, and never the protected one.
fn drawn(text: &str, options: &LoadOptions, seed: u64) -> BTreeSet<String> {
    let Some(Document::Task(task)) = load(text, "draws.json", options).document else { panic!("the task is refused") };
    let dry = Runner::builder().seed(seed).accept_policy().build().unwrap().dry_run(*task).unwrap();
    assert!(dry.allowed(), "{dry:?}");
    let summary = dry.entries[0].plan.as_ref().unwrap().summary.clone();
    let names = summary.split('`').filter(|part| part.starts_with('n') && part.len() == 2);
    names.map(str::to_owned).collect()
}

pub(super) fn a_thousand_seeds_draw_every_three_about_equally_often() {
    let mut task: Value = mesh(6);
    let target = json!({"nodes": {"role": "member"}, "pick": 3});
    task["chaos_spec"] =
        json!([{"trigger": {"type": "immediate"}, "action": {"type": "burst_kill", "target": target}}]);
    task["nodes"]["n4"]["protected"] = json!(true);
    for node in task["nodes"].as_object_mut().unwrap().values_mut() {
        node["argv"][0] = json!(env!("CARGO_BIN_EXE_mesh-node"));
    }
    task["policy"] = json!({"allow_commands": [env!("CARGO_BIN_EXE_mesh-node")]});
    let text = task.to_string();
    // Ports that stay ours while we draw: looked at by a dry run, and taken by nobody.
    let ports = free_ports(task["nodes"].as_object().unwrap().len() * 2).unwrap();
    let kept = ports.iter().flat_map(|port| {
        [(SocketType::STREAM, PortSharing::Shared), (SocketType::DGRAM, PortSharing::Alone)]
            .map(|(kind, sharing)| bound_port(port.get(), kind, sharing).unwrap())
    });
    let _kept: Vec<OwnedFd> = kept.collect();
    let place = Place::new();
    let nodes = NodePool { folder: place.path("nodes"), ports };
    let options = LoadOptions { nodes: Some(nodes), ..LoadOptions::default() };
    let mut sets = BTreeMap::<BTreeSet<String>, u32>::new();
    let mut members = BTreeMap::<String, u32>::new();
    for seed in 0..SEEDS {
        let three = drawn(&text, &options, seed);
        assert!(three.len() == 3 && !three.contains("n4"), "seed {seed}: {three:?}");
        if seed % 10 == 0 {
            assert_eq!(drawn(&text, &options, seed), three, "seed {seed} once more");
        }
        for name in &three {
            *members.entry(name.clone()).or_default() += 1;
        }
        *sets.entry(three).or_default() += 1;
    }
    assert_eq!((sets.len(), members.len()), (10, 5), "{sets:?}");
    let off = |count: &u32, expected: f64| (f64::from(*count) - expected).powi(2);
    // One of ten sets for each seed, 100 times each: nine degrees of freedom, beyond 27.88 once in a thousand.
    let of_sets: f64 = sets.values().map(|count| off(count, 100.0) / 100.0).sum();
    // Three of five members for each seed, 600 times each. They are drawn without putting back, so the variance of a count is
    // 1,000 · 0.6 · 0.4 = 240, and 240 · 5 / 4 makes it a chi-square of four degrees: beyond 18.47 once in a thousand.
    let of_members: f64 = members.values().map(|count| off(count, 600.0) / 300.0).sum();
    println!("chi-square of ten sets {of_sets:.2}, of five members {of_members:.2}: {members:?}");
    assert!(of_sets < 27.88 && of_members < 18.47, "{of_sets}, {of_members}: {sets:?}");
}
