//! The gossip mesh behind links, under faults on the network, as an ordinary user: what clients see, what the members say in their spans,
//! and what the run reports must be one story.
#![expect(clippy::unwrap_used, reason = "a test that can't be set up should stop at once")]

use std::collections::BTreeMap;
use std::fs;
use std::process::ExitCode;
use std::time::Duration;

use chaos_example_nodes::mesh::{Pinger, Teller};
use serde_json::{Value, json};

#[path = "support/harness.rs"]
#[expect(dead_code, reason = "nothing is skipped here")]
mod harness;
#[path = "support/held.rs"]
#[expect(dead_code, reason = "runs are held by their entries here")]
mod held;
#[path = "network/live.rs"]
mod live;
#[path = "support/place.rs"]
#[expect(dead_code, reason = "no task file is run here")]
mod place;
#[path = "network/rows.rs"]
mod rows;
#[path = "network/ways.rs"]
mod ways;

use held::{Process, members, until};
use live::Live;
use place::{Host, Place};
use rows::{A, B, END, NARROW, Pace, RELAY, Row, elsewhere, of_a_mesh, of_meshes, task};
use ways::{
    Ways, counted, fastest, gossip, is_bound, just_cut, missed, pinger, rate, socket, state, told, ways as all_ways,
};

fn main() -> ExitCode {
    let tests: &[harness::Test] = &[
        (
            "a_mesh_behind_links_shows_each_fault_and_is_whole_again",
            a_mesh_behind_links_shows_each_fault_and_is_whole_again,
        ),
        ("two_meshes_and_their_relay_show_each_fault", two_meshes_and_their_relay_show_each_fault),
        ("faults_that_are_aimed_elsewhere_are_not_detected", faults_that_are_aimed_elsewhere_are_not_detected),
        ("faults_on_a_mesh_that_are_left_out_do_not_pass", faults_on_a_mesh_that_are_left_out_do_not_pass),
        ("faults_on_meshes_that_are_left_out_do_not_pass", faults_on_meshes_that_are_left_out_do_not_pass),
        (
            "without_the_spans_of_one_survivor_no_fault_is_detected",
            without_the_spans_of_one_survivor_no_fault_is_detected,
        ),
        ("a_partition_with_an_empty_side_is_refused", a_partition_with_an_empty_side_is_refused),
    ];
    harness::run(tests, 3)
}

/// What the test and its runs write in a place.
const OURS: [&str; 4] = ["run.json", "run.jsonl", "run.out", "run.err"];

/// A mesh that is up, with its ways.
struct Mesh<'a> {
    place: &'a Place,
    live: Live<'a>,
    names: Vec<&'static str>,
    all: BTreeMap<String, Process>,
    ways: Ways,
}

impl<'a> Mesh<'a> {
    fn up(place: &'a Place, rows: &[Row]) -> Self {
        let mut live = Live::begin(place, &task(rows, Pace::Told), &["--seed", "16"]);
        live.up(rows.len() + 1);
        let names = rows.iter().map(|row| row.0).collect();
        let mesh = Self { place, live, names, all: members(place), ways: all_ways(place) };
        assert_eq!(just_cut(place, &mesh.ways, |_, _| false), mesh.ways.len(), "before any fault");
        mesh
    }

    /// Injects the row of that name; what `meanwhile` looks at is in force. Afterwards every way delivers again.
    fn row(&mut self, name: &str, meanwhile: impl FnOnce(&Self)) -> Value {
        let position = self.names.iter().position(|row| *row == name).unwrap();
        self.live.inject(position, name);
        meanwhile(self);
        let result = self.live.release(position, name);
        assert_eq!(just_cut(self.place, &self.ways, |_, _| false), self.ways.len(), "{name} is over");
        println!(
            "{name}: detected after {} s; {}",
            result["time_to_detect_seconds"], result["witness"]["evidence"]["summary"]
        );
        result
    }

    fn just_cut(&self, is_cut: impl Fn(&str, &str) -> bool) -> usize {
        just_cut(self.place, &self.ways, is_cut)
    }

    fn fastest(&self, from: &str, to: &str, on: &[&str]) -> Duration {
        fastest(pinger(&self.ways, from, to, on))
    }

    fn end(mut self, before: &Host) {
        self.live.finite(self.names.len(), END);
        let sockets: Vec<_> = self.ways.values().map(|address| (*address, socket(*address))).collect();
        let report = self.live.end();
        assert_eq!(report["verdict"], "held", "{report:#}");
        let source = &report["sources"][0];
        assert_eq!((&source["name"], &source["dropped"]), (&json!("spans"), &json!(0)), "{source}");
        left_as_it_was(self.place, before);
        // Somebody else may have a port by now.
        let left: Vec<_> = sockets.iter().filter(|(address, own)| own.is_some() && socket(*address) == *own).collect();
        assert!(left.is_empty(), "sockets of links that were left: {left:?}");
    }
}

fn left_as_it_was(place: &Place, before: &Host) {
    let mut after = place.host().without_state();
    after.files.retain(|path| !OURS.iter().any(|name| path.ends_with(name)));
    assert_eq!(&after, before);
    assert_eq!(fs::read_dir(place.path("state/journals")).map_or(0, Iterator::count), 0, "journals that were left");
}

/// How long a round trip through a link that is slow on both ways takes at least, and a longer one through the relay.
const SLOW: Duration = Duration::from_millis(100);
const WAN: Duration = Duration::from_millis(400);

fn a_mesh_behind_links_shows_each_fault_and_is_whole_again() {
    let place = live::place();
    let before = place.host().without_state();
    let mut mesh = Mesh::up(&place, &of_a_mesh());
    assert_eq!(mesh.ways.len(), 20);

    let is_pair = |one: &str, other: &str| ["n1", "n2"].contains(&one) && ["n1", "n2"].contains(&other);
    mesh.row("pair", |mesh| {
        assert_eq!(mesh.just_cut(is_pair), 18);
        // The way round over a third one is open.
        mesh.fastest("n1", "n3", &["n2"]);
        for (one, other) in mesh.ways.keys() {
            assert_eq!(
                state(&mesh.all, one, other),
                if is_pair(one, other) { "stale" } else { "live" },
                "{one} {other}"
            );
        }
    });
    let is_left = |name: &str| ["n1", "n2"].contains(&name);
    mesh.row("subset", |mesh| {
        assert_eq!(mesh.just_cut(|one, other| is_left(one) != is_left(other)), 8);
        for (one, other) in mesh.ways.keys() {
            let cut = is_left(one) != is_left(other);
            assert_eq!(state(&mesh.all, one, other), if cut { "stale" } else { "live" }, "{one} {other}");
        }
    });
    let mut known = missed(&mesh.all);
    mesh.row("slow", |mesh| {
        for (one, other) in mesh.ways.keys() {
            let time = mesh.fastest(one, other, &[]);
            assert_eq!(time >= SLOW, is_pair(one, other), "{one} to {other}: {time:?}");
        }
    });
    assert!(mesh.fastest("n1", "n2", &[]) < SLOW, "it is still slow");
    mesh.row("narrow", |mesh| {
        for (one, other) in mesh.ways.keys() {
            let is_narrow = (one.as_str(), other.as_str()) == ("n1", "n2");
            has_rate(mesh, one, other, is_narrow);
        }
    });
    has_rate(&mesh, "n1", "n2", false);
    // 30 % of 1,000 within five standard deviations, and exactly every fourth.
    mesh.row("share", |mesh| {
        let lost = lost(mesh);
        assert!((228..=372).contains(&lost), "{lost}");
        // What `n1` carries arrives in the end, all of it.
        let mut pinger = Pinger::new(gossip(&mesh.all["n1"]), &["n2".to_owned()]).unwrap().carried();
        assert_eq!(pinger.many(200, Duration::from_secs(10)).unwrap(), 200);
    });
    // Each message that is lost stalls, and a machine that is busy adds no stall to each fourth one without the fault.
    assert!(stalls(&mesh) < STALLED, "before any loss");
    mesh.row("stalls", |mesh| assert!(stalls(mesh) >= STALLED));
    assert!(stalls(&mesh) < STALLED, "it is still lossy");
    // Four heartbeats that are lost one after the other are a miss.
    let unlucky = ("n2".to_owned(), "n1".to_owned());
    known.insert(unlucky.clone(), missed(&mesh.all)[&unlucky]);
    mesh.row("every", |mesh| assert_eq!(lost(mesh), 250));
    mesh.row("flap", flaps);
    mesh.row("firewall", |mesh| {
        assert_eq!(mesh.just_cut(|_, other| other == "n4"), 16);
        for (one, other) in mesh.ways.keys() {
            assert_eq!(state(&mesh.all, one, other), if one == "n4" { "stale" } else { "live" }, "{one} {other}");
        }
    });
    shifted(&mut mesh);
    let address = mesh.ways[&("n1".to_owned(), "n2".to_owned())];
    assert!(is_bound(address), "it was released while it flapped, and is down");
    let since: Vec<_> =
        missed(&mesh.all).into_iter().filter(|(pair, times)| pair.0 != "n4" && known[pair] != *times).collect();
    assert!(since.is_empty() && missed(&mesh.all).len() == 20, "missed since the cuts by others than n4: {since:?}");
    assert_eq!(members(&place), mesh.all, "the same processes");
    mesh.end(&before);
}

/// A narrow way delivers near its limit, by the clock of the member behind it, and any other one far above.
fn has_rate(mesh: &Mesh<'_>, one: &str, other: &str, is_narrow: bool) {
    let rate = rate(&mesh.ways, &mesh.all, one, other, 20);
    let limit = u64::from(NARROW);
    println!("{one} to {other}: {rate} bytes a second, narrow: {is_narrow}");
    if is_narrow {
        // Each arrival is due at a time of its own, so that a late one makes none of the others late.
        assert!((limit / 2..=limit * 5 / 4).contains(&rate), "{one} to {other}: {rate}");
    } else {
        assert!(rate >= limit * 4, "{one} to {other}: {rate}");
    }
}

/// How long a piece of a stream that is lost is held back.
const STALL: Duration = Duration::from_millis(200);

/// Every so manieth of the messages of a stream is lost, and so many of them are stalled by that.
const EVERY: usize = 4;
const MESSAGES: usize = 20;
const STALLED: usize = MESSAGES / EVERY;

/// How many of the messages on one connection to `n2` came at least a stall after the one before, by the clock of `n2`; all of them arrive.
///
/// No segment of TCP is sent again here: the link ends the client's connection and has a second one to the server, and on both of them the
/// kernel has acknowledged what it was sent at once, so that neither `TcpRetransSegs` nor a capture shows anything. What stands in for
/// a retransmission is its effect: the piece comes one timeout later (200 ms, the least of Linux), and nothing before it. So the
/// evidence is the gap between arrivals. Datagrams are lost, and what `n1` carries is sent again by `n1` itself: its span `retransmit`
/// is the evidence there.
fn stalls(mesh: &Mesh<'_>) -> usize {
    let mut teller = Teller::new(told(mesh.place, &mesh.all["n2"]), Duration::from_mins(2)).unwrap();
    let (arrived, gaps) = teller.gaps(MESSAGES).unwrap();
    assert_eq!((arrived, gaps.len()), (MESSAGES as u64, MESSAGES - 1), "a stream loses nothing");
    println!("the longest gaps between arrivals: {:?}", &gaps[..=STALLED]);
    gaps.iter().filter(|gap| **gap >= STALL).count()
}

/// How many of 1,000 pings of a client do not arrive at `n2` on the way from `n1`: by what `n2` counts, and by what the link does.
fn lost(mesh: &Mesh<'_>) -> u64 {
    const SENT: u64 = 1000;
    const PINGS: usize = 1000;
    let beats = || held::status(&mesh.all["n1"]).unwrap()["beats"].as_u64().unwrap();
    let (first, [sent, dropped]) = (beats(), counted(mesh.place, "n1-n2"));
    let mut pinger = pinger(&mesh.ways, "n1", "n2", &[]);
    let answered = pinger.many(PINGS, Duration::from_millis(100)).unwrap() as u64;
    let length = pinger.length() as u64;
    // All of them have passed it, or were dropped.
    let [sent_then, dropped_then] = until("the link has not met all of them", || {
        let [sent_then, dropped_then] = counted(mesh.place, "n1-n2");
        (sent_then + dropped_then >= sent + dropped + SENT * length).then_some([sent_then, dropped_then])
    });
    let arrived = until("what arrives keeps growing", || {
        let told = || held::status(&mesh.all["n2"]).unwrap()["pings"][pinger.asker()].as_u64().unwrap();
        let now = told();
        std::thread::park_timeout(Duration::from_millis(100));
        (told() == now).then_some(now)
    });
    assert!(answered <= arrived && sent_then > sent, "{answered} of {arrived}");
    // The heartbeats of `n1` go the same way, and none of them is longer than this.
    let (lost, beats, longest) = (SENT - arrived, beats() - first + 1, 1200);
    let counted = dropped_then - dropped;
    assert!(
        lost * length <= counted && counted <= lost * length + beats * longest,
        "{lost} lost, {counted} bytes dropped"
    );
    lost
}

/// The kernel shows a link five times down and five times up again, about as long each time.
fn flaps(mesh: &Mesh<'_>) {
    let address = mesh.ways[&("n1".to_owned(), "n2".to_owned())];
    let (mut states, mut turns, mut last) = ([0_u32; 2], [0_u32; 2], is_bound(address));
    until("it does not flap", || {
        for _ in 0..5 {
            let up = is_bound(address);
            states[usize::from(up)] += 1;
            turns[usize::from(up)] += u32::from(up != last);
            last = up;
            std::thread::park_timeout(Duration::from_millis(10));
        }
        turns.iter().all(|turns| *turns >= 5).then_some(())
    });
    let up = f64::from(states[1]) / f64::from(states[0] + states[1]);
    assert!((0.3..=0.7).contains(&up), "it is up {up} of the time: {states:?}, {turns:?}");
}

/// Every other member sees `n5` behind another port afterwards, and knows it once, as the same member of the same start.
fn shifted(mesh: &mut Mesh<'_>) {
    let told = |mesh: &Mesh<'_>| -> Vec<Value> {
        let others = mesh.all.iter().filter(|(name, _)| *name != "n5");
        others.map(|(_, process)| held::status(process).unwrap()["members"]["n5"].clone()).collect()
    };
    let before = told(mesh);
    let position = mesh.names.len() - 1;
    let result = mesh.live.finite(position, "nat");
    let after = told(mesh);
    for (before, after) in before.iter().zip(&after) {
        assert_ne!(before["address"], after["address"], "{before} {after}");
        let same = ["id", "incarnation", "times_stale", "state"].iter().all(|key| before[*key] == after[*key]);
        assert!(same, "{before} {after}");
    }
    assert_eq!(just_cut(mesh.place, &mesh.ways, |_, _| false), mesh.ways.len(), "nat is over");
    println!("nat: {}", result["witness"]["evidence"]["summary"]);
}

fn two_meshes_and_their_relay_show_each_fault() {
    let place = live::place();
    let before = place.host().without_state();
    let mut mesh = Mesh::up(&place, &of_meshes());
    assert_eq!(mesh.ways.len(), 24);
    let across =
        |mesh: &Mesh<'_>| pinger(&mesh.ways, "a1", RELAY, &["b1"]).many(10, Duration::from_millis(300)).unwrap();
    let all_across = |mesh: &Mesh<'_>, expected: &str| {
        for (one, other) in rows::crossing(&A, &B) {
            assert_eq!(state(&mesh.all, &one, &other), expected, "{one} {other}");
        }
    };
    mesh.row("partition_meshes", |mesh| {
        let is_leg = |one: &str, other: &str| [one, other].contains(&RELAY) && (B.contains(&one) || B.contains(&other));
        assert_eq!((mesh.just_cut(is_leg), across(mesh)), (18, 0));
        all_across(mesh, "stale");
    });
    assert_eq!(across(&mesh), 10);
    let inner: Vec<_> = missed(&mesh.all).into_iter().filter(|((one, other), _)| one[..1] == other[..1]).collect();
    mesh.row("kill_relay", |mesh| {
        assert!(!members(mesh.place).contains_key(RELAY));
        // What it sent to is there, and what was sent to it is not.
        let to_relay = |_: &str, other: &str| other == RELAY;
        assert_eq!((mesh.just_cut(to_relay), across(mesh)), (18, 0));
        for name in A.iter().chain(&B) {
            assert_eq!(state(&mesh.all, name, RELAY), "stale", "{name}");
        }
        all_across(mesh, "stale");
    });
    let now = members(&place);
    assert_ne!(now[RELAY], mesh.all[RELAY], "another process");
    mesh.all = now;
    mesh.row("wan_latency", |mesh| {
        assert!(mesh.fastest("a1", RELAY, &["b1"]) >= WAN && mesh.fastest("b1", RELAY, &["a1"]) >= WAN);
        for (one, other) in mesh.ways.keys().filter(|(one, other)| one[..1] == other[..1]) {
            assert!(mesh.fastest(one, other, &[]) < WAN / 2, "{one} {other}");
        }
    });
    assert!(mesh.fastest("a1", RELAY, &["b1"]) < WAN, "it is still slow");
    // No member has ever missed one of its own mesh.
    assert!(inner.iter().all(|(_, times)| *times == 0), "{inner:?}");
    let still: Vec<_> = missed(&mesh.all).into_iter().filter(|((one, other), _)| one[..1] == other[..1]).collect();
    assert_eq!(still, inner);
    mesh.end(&before);
}

/// Runs a task to its end; gives its entries.
fn entries(task: &Value, more: &[&str], verdict: &str) -> Vec<Value> {
    let place = live::place();
    let before = place.host().without_state();
    let report = Live::begin(&place, task, more).end();
    assert_eq!(report["verdict"], verdict, "{report:#}");
    left_as_it_was(&place, &before);
    report["entries"].as_array().unwrap().clone()
}

/// The answer of an entry's `detect`, or of its `verify` where the fault was over at once.
fn detected(entry: &Value) -> &Value {
    let probes = entry["probes"].as_array().map_or(&[][..], Vec::as_slice);
    &probes.last().unwrap_or(&entry["verification"])["answer"]
}

/// How long a fault is held that nobody must notice: longer than everything takes that is noticed.
const BRIEF: Pace = Pace::Brief(5);

/// The rows of that name.
fn only(rows: Vec<Row>, names: &[&str]) -> Vec<Row> {
    rows.into_iter().filter(|row| names.contains(&row.0)).collect()
}

/// Each fault is in force, nobody notices it, and so no entry holds.
fn are_not_detected(entries: &[Value]) {
    for entry in entries {
        let shown = (&entry["verdict"], detected(entry), &entry["witness"]["presence"]);
        assert_eq!(shown, (&json!("deviated"), &json!("no"), &json!("present")), "{entry:#}");
    }
}

/// No fault is found, and so no entry holds.
fn are_absent(entries: &[Value]) {
    for entry in entries {
        let shown = (&entry["success"], &entry["verdict"], &entry["witness"]["presence"]);
        assert_eq!(shown, (&json!(false), &json!("inconclusive"), &json!("absent")), "{entry:#}");
        assert_eq!(entry["time_to_detect_seconds"], Value::Null, "{entry:#}");
    }
}

fn faults_on_a_mesh_that_are_left_out_do_not_pass() {
    // Those that act on different links, or differently on the same ones, at the same time.
    for names in
        [&["pair", "subset", "slow", "flap", "nat"][..], &["share", "firewall", "stalls"], &["every", "narrow"]]
    {
        let entries = entries(&task(&only(of_a_mesh(), names), BRIEF), &["--sham"], "inconclusive");
        assert_eq!(entries.len(), names.len());
        are_absent(&entries);
    }
}

fn faults_on_meshes_that_are_left_out_do_not_pass() {
    are_absent(&entries(&task(&of_meshes(), BRIEF), &["--sham"], "inconclusive"));
}

fn faults_that_are_aimed_elsewhere_are_not_detected() {
    let (apart, together): (Vec<_>, Vec<_>) = of_a_mesh().into_iter().partition(|row| row.0 == "firewall");
    for rows in [together, apart, of_meshes()] {
        are_not_detected(&entries(&task(&elsewhere(rows), BRIEF), &[], "deviated"));
    }
}

fn without_the_spans_of_one_survivor_no_fault_is_detected() {
    fn silenced(rows: &[Row], silent: &str) {
        let mut task = task(rows, BRIEF);
        task["nodes"][silent]["env"] = json!({"OTEL_EXPORTER_OTLP_ENDPOINT": ""});
        are_not_detected(&entries(&task, &[], "deviated"));
    }
    // The pair is on one side of the subsets, so that both are cut at the same time.
    let [cuts, others] = [["pair", "subset"], ["firewall", "nat"]].map(|names| only(of_a_mesh(), &names));
    let [cut, kill] = ["partition_meshes", "kill_relay"].map(|name| only(of_meshes(), &[name]));
    std::thread::scope(|threads| {
        for (rows, silent) in [(cuts, "n1"), (others, "n1"), (cut, "a1"), (kill, "a1")] {
            threads.spawn(move || silenced(&rows, silent));
        }
    });
}

fn a_partition_with_an_empty_side_is_refused() {
    let five = ["n1", "n2", "n3", "n4", "n5"];
    for (a, b) in [(json!([]), json!(five)), (json!(five), json!([]))] {
        let mut rows = of_a_mesh();
        rows.retain(|row| row.0 == "subset");
        rows[0].1["sides"] = json!({"a": a, "b": b});
        let place = live::place();
        let said = Live::begin(&place, &task(&rows, BRIEF), &[]).refused();
        assert!(said.contains("sides"), "{said}");
        assert!(members(&place).is_empty());
    }
}
