//! The rows as entries of a task: a fault on links, and what members and clients must see of it.

use chaos_example_nodes::mesh::{linked, mesh, relayed};
use serde_json::{Value, json};

/// An entry: its name, its fault, and what detects it.
pub(crate) type Row = (&'static str, Value, Value);

/// How long an entry may be held. The test releases it when it has seen enough.
const HOLD: u32 = 100;

/// What a narrow link lets pass, in bytes a second.
pub(crate) const NARROW: u32 = 20_000;

/// The link over TCP through which clients tell `n2` something.
pub(crate) const TOLD: &str = "told-n2";

/// Where a link listens.
fn link(name: &str) -> String {
    format!("127.0.0.1:{{{{node.{name}.port.listen}}}}")
}

fn span(name: &str, service: &str, peer: &str) -> Value {
    json!({"type": "otlp_span", "name": format!("{service} says {name} of {peer}"), "service": service, "span": name,
        "attributes": {"peer": peer}})
}

/// Each of the pairs says so, and nobody else.
fn said(name: &str, pairs: &[(String, String)]) -> Vec<Value> {
    let all = json!({"type": "otlp_span", "name": format!("nobody else says {name}"), "span": name,
        "count": {"at_least": pairs.len(), "at_most": pairs.len()}});
    pairs.iter().map(|(one, other)| span(name, one, other)).chain([all]).collect()
}

fn all(checks: &[Value]) -> Value {
    json!({"type": "all", "checks": checks, "within_seconds": 30})
}

/// Nobody is missed by anybody.
fn nobody() -> Value {
    json!({"type": "otlp_span", "name": "nobody is missed", "span": "disconnected", "count": {"at_most": 0}})
}

/// What `mesh-node` answers about a way, asked as a client.
fn asked(words: &[&str]) -> Value {
    let argv: Vec<&str> = ["mesh-node"].iter().chain(words).copied().collect();
    json!({"type": "command", "argv": argv, "timeout_seconds": 20})
}

/// Both directions of each pair of one side with the other.
pub(crate) fn crossing(a: &[&str], b: &[&str]) -> Vec<(String, String)> {
    let pairs = a.iter().flat_map(|one| b.iter().map(move |other| ((*one).to_owned(), (*other).to_owned())));
    pairs.flat_map(|(one, other)| [(one.clone(), other.clone()), (other, one)]).collect()
}

/// The rows of a mesh of five, where each member hears each other one through a link of its own.
pub(crate) fn of_a_mesh() -> Vec<Row> {
    let pair = crossing(&["n1"], &["n2"]);
    let halves = crossing(&["n1", "n2"], &["n3", "n4", "n5"]);
    let way = link("n1-n2");
    let carried = asked(&["carried", "127.0.0.1:{{node.n1.port.gossip}}", "50", "n2"]);
    let lossy = |count, least, most| asked(&["lossy", &way, count, least, most]);
    let slow = |name: &str| asked(&["slow", &link(name), "3", "100"]);
    let loss = |key: &str, value: Value| json!({"type": "lossy_link", "target": {"link": "n1-n2"}, key: value, "ways": "upstream"});
    vec![
        ("pair", json!({"type": "partition_pair", "a": "n1", "b": "n2"}), all(&said("disconnected", &pair))),
        (
            "subset",
            json!({"type": "partition_subset", "sides": {"a": ["n1", "n2"], "b": ["n3", "n4", "n5"]}}),
            all(&said("disconnected", &halves)),
        ),
        (
            "slow",
            json!({"type": "slow_link", "target": {"between": {"a": ["n1"], "b": ["n2"]}}, "latency": "50ms"}),
            all(&[slow("n1-n2"), slow("n2-n1"), nobody()]),
        ),
        (
            "narrow",
            json!({"type": "limit_bandwidth", "target": {"link": "n1-n2"}, "bytes_per_second": NARROW}),
            all(&[asked(&["narrow", &way, "20", "800"]), nobody()]),
        ),
        // A third of 200, at most 4.6 standard deviations off; what a member carries arrives all the same.
        ("share", loss("share", json!(0.3)), all(&[lossy("200", "30", "90"), carried, span("retransmit", "n1", "n2")])),
        // A stream loses nothing behind a proxy, see the test.
        (
            "stalls",
            json!({"type": "lossy_link", "target": {"link": TOLD}, "every": 4, "ways": "upstream"}),
            all(&[asked(&["stalled", &link(TOLD), "20", "200", "5"]), nobody()]),
        ),
        ("every", loss("every", json!(4)), all(&[lossy("100", "25", "25"), nobody()])),
        (
            "flap",
            json!({"type": "flap_link", "target": {"link": "n1-n2"}, "down": "300ms", "up": "300ms"}),
            all(&[lossy("60", "1", "59"), nobody()]),
        ),
        ("firewall", json!({"type": "firewall_inbound", "node": "n4"}), all(&firewalled())),
        // It is over at once: what shows it comes afterwards.
        ("nat", json!({"type": "nat_shift", "target": {"between": {"a": ["n5"], "b": OTHERS}}}), Value::Null),
    ]
}

/// All but the one whose ports are shifted.
const OTHERS: [&str; 4] = ["n1", "n2", "n3", "n4"];

/// The node hears nobody, and all others know that, and hear it.
fn firewalled() -> Vec<Value> {
    let (inward, outward): (Vec<_>, Vec<_>) =
        crossing(&["n4"], &["n1", "n2", "n3", "n5"]).into_iter().partition(|(from, _)| from == "n4");
    [said("disconnected", &inward), said("one_way", &outward)].concat()
}

/// Each of the others sees the node move, once.
fn moved() -> Vec<Value> {
    let once = |name: &&str| {
        let mut span = span("moved", name, "n5");
        (span["since"], span["count"]) = (json!("run"), json!({"at_least": 1, "at_most": 1}));
        span
    };
    OTHERS.iter().map(once).collect()
}

/// The members of two meshes, and the relay between them.
pub(crate) const A: [&str; 3] = ["a1", "a2", "a3"];
pub(crate) const B: [&str; 3] = ["b1", "b2", "b3"];
pub(crate) const RELAY: &str = "r";

/// The rows of two meshes of three that a relay joins.
pub(crate) fn of_meshes() -> Vec<Row> {
    let cross = crossing(&A, &B);
    let cut: Vec<_> = cross.iter().cloned().chain(crossing(&[RELAY], &B)).collect();
    // What the relay itself says of others does not count while it is dead.
    let to_relay = [A, B].concat().into_iter().map(|name| (name.to_owned(), RELAY.to_owned()));
    let dead: Vec<_> = cross.iter().cloned().chain(to_relay).collect();
    let legs = json!({"a": [RELAY], "b": B});
    let slow = asked(&["slow", &link("a1-r"), "3", "400", "b1"]);
    vec![
        ("partition_meshes", json!({"type": "partition_subset", "sides": legs}), all(&said("disconnected", &cut))),
        ("kill_relay", json!({"type": "kill_process", "target": {"node": RELAY}}), all(&said("disconnected", &dead))),
        (
            "wan_latency",
            json!({"type": "slow_link", "target": {"between": legs}, "latency": "200ms"}),
            all(&[slow, nobody()]),
        ),
    ]
}

/// The same rows, whose faults act on others than those of whom members and clients are asked.
pub(crate) fn elsewhere(rows: Vec<Row>) -> Vec<Row> {
    let aim = |name: &str, mut action: Value| {
        let other = match name {
            "pair" => json!({"a": "n3", "b": "n4"}),
            "subset" => json!({"sides": {"a": ["n5"], "b": ["n3"]}}),
            "slow" => json!({"target": {"between": {"a": ["n4"], "b": ["n5"]}}}),
            "narrow" => json!({"target": {"link": "n1-n3"}}),
            "share" => json!({"target": {"link": "n4-n1"}}),
            "stalls" => json!({"target": {"link": "n3-n1"}}),
            "every" => json!({"target": {"link": "n5-n1"}}),
            "flap" => json!({"target": {"link": "n3-n2"}}),
            "firewall" => json!({"node": "n2"}),
            "nat" => json!({"target": {"between": {"a": ["n2"], "b": ["n1"]}}}),
            "partition_meshes" => json!({"sides": {"a": ["a1"], "b": ["a2"]}}),
            "kill_relay" => json!({"target": {"node": "b3"}}),
            "wan_latency" => json!({"target": {"between": {"a": ["b1"], "b": ["b2"]}}}),
            _ => panic!("{name}"),
        };
        action.as_object_mut().unwrap().extend(other.as_object().unwrap().clone());
        action
    };
    rows.into_iter().map(|(name, action, detect)| (name, aim(name, action), detect)).collect()
}

/// The entry that the test tells when it has seen enough.
pub(crate) const END: &str = "end";

/// How an entry begins and ends.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Pace {
    /// The test tells it to begin, and releases it.
    Told,
    /// At once, for so many seconds.
    Brief(u32),
}

/// The name of the check that an entry is over.
fn over(name: &str) -> String {
    format!("{name} is over")
}

/// A task of these rows on members that are joined by links and send their spans to the run.
pub(crate) fn task(rows: &[Row], pace: Pace) -> Value {
    let is_relayed = ["partition_meshes", "kill_relay", "wan_latency"].contains(&rows[0].0);
    let mut task = linked(if is_relayed { relayed(3) } else { mesh(5) });
    if !is_relayed {
        task["nodes"][TOLD] =
            json!({"type": "link", "upstream": "127.0.0.1:{{node.n2.port.http}}", "ports": ["listen"]});
    }
    task["evidence"] = json!({"spans": {"type": "otlp"}});
    let entry = |(name, action, detect): &Row| {
        let (trigger, seconds) = match pace {
            Pace::Told => (json!({"type": "event", "told": name}), HOLD),
            Pace::Brief(seconds) => (json!({"type": "immediate"}), seconds),
        };
        let mut entry = json!({"name": name, "trigger": trigger, "action": action, "verify": over(name)});
        if !detect.is_null() {
            (entry["detect"], entry["duration_seconds"]) = (detect.clone(), json!(seconds));
        }
        if let (Pace::Brief(seconds), false) = (pace, detect.is_null()) {
            entry["detect"]["within_seconds"] = json!(seconds - 1);
        }
        entry
    };
    let mut entries: Vec<Value> = rows.iter().map(entry).collect();
    if let Pace::Told = pace {
        // Keeps the nodes up until the test has seen enough; a shift needs no undo.
        let link = if is_relayed { "a1-r" } else { "n1-n2" };
        let action = json!({"type": "nat_shift", "target": {"link": link}});
        entries.push(
            json!({"name": END, "trigger": {"type": "event", "told": END}, "action": action, "verify": over(END)}),
        );
    }
    task["chaos_spec"] = json!(entries);
    let members: Vec<&str> =
        if is_relayed { [&A[..], &B, &[RELAY]].concat() } else { vec!["n1", "n2", "n3", "n4", "n5"] };
    let count = members.len().to_string();
    let mut words = vec!["just".to_owned(), count];
    words.extend(members.iter().map(|name| format!("http://127.0.0.1:{{{{node.{name}.port.http}}}}")));
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let after = |(name, _, detect): &Row| {
        let mut checks = vec![asked(&words)];
        // Whoever was missed is heard again, by exactly those who missed it: as a span after the undo.
        if *name == "nat" {
            checks.extend(moved());
        }
        for check in detect["checks"].as_array().into_iter().flatten() {
            if check["span"] == "disconnected" && check["count"].is_null() {
                let mut again = check.clone();
                again["name"] = json!(check["name"].as_str().unwrap().replace("disconnected", "connected"));
                (again["span"], again["since"]) = (json!("connected"), json!("undo"));
                checks.push(again);
            }
        }
        let seconds = if matches!(pace, Pace::Told) { 30 } else { 5 };
        json!({"name": over(name), "mode": "converge", "timeout_seconds": seconds,
            "check": {"type": "all", "checks": checks}})
    };
    let end = (END, Value::Null, Value::Null);
    task["verification_spec"] = rows.iter().chain([&end]).map(after).collect();
    task
}
