//! Task files for a mesh of any size: nodes and steady state, to which faults are added.

use serde_json::{Map, Value, json};

/// A mesh in which each of `count` members hears all others.
pub fn mesh(count: usize) -> Value {
    let names: Vec<String> = (1..=count).map(|number| format!("n{number}")).collect();
    task(&[("mesh", &names)], &[])
}

/// Two meshes, `a` and `b`, of `count` members each, with a bridge between the first ones and another between the second
/// ones: all else crosses from mesh to mesh as hearsay.
pub fn bridged(count: usize) -> Value {
    let names = |mesh: &str| (1..=count).map(|number| format!("{mesh}{number}")).collect::<Vec<_>>();
    let bridges: Vec<_> = (1..=count.min(2)).map(|number| (format!("a{number}"), format!("b{number}"))).collect();
    task(&[("a", &names("a")), ("b", &names("b"))], &bridges)
}

/// Two meshes, `a` and `b`, of `count` members each, and a relay `r` that hears and is heard by all of them: the one way from mesh to
/// mesh.
pub fn relayed(count: usize) -> Value {
    let names = |mesh: &str| (1..=count).map(|number| format!("{mesh}{number}")).collect::<Vec<_>>();
    let (a, b, relay) = (names("a"), names("b"), ["r".to_owned()]);
    let legs: Vec<_> = a.iter().chain(&b).map(|name| (relay[0].clone(), name.clone())).collect();
    task(&[("a", &a), ("b", &b), ("relay", &relay)], &legs)
}

/// A mesh of `count` members, half of which are killed at the same moment for four seconds, drawn by the seed: what
/// `remove-resilience.yaml` is for six.
pub fn halved(count: usize) -> Value {
    let ask = Asked(count);
    let (killed, mut task) = (count / 2, mesh(count));
    let left = count - killed;
    task["chaos_spec"] = json!([{
        "name": format!("{killed} of {count} members are killed"),
        "trigger": {"type": "immediate"},
        "action": {"type": "burst_kill", "target": {"nodes": {"role": "member"}, "pick": killed}},
        "duration_seconds": 4,
        "during": [ask.probe("the survivors keep their heartbeats", "kept", left, "interval_seconds", 0.5)],
        "detect": ask.noticed(left),
        "verify": "all are back",
    }]);
    task["verification_spec"] = ask.all_are_back();
    task
}

/// A mesh of `count` members under a soak of so many seconds: one of them is paused, killed or restarted every ten seconds. The
/// first one is spared.
pub fn soaked(count: usize, seconds: u32) -> Value {
    let ask = Asked(count);
    let mut task = mesh(count);
    let fault = |name: &str, kind: &str, weight: u32| {
        json!({"name": name, "weight": weight, "verify": "all are back",
            "action": {"type": kind, "target": {"nodes": {"role": "member"}}}})
    };
    let held = |mut fault: Value, most: u32| {
        fault["draw"] = json!({"duration_seconds": {"min": 2, "max": most}});
        fault["detect"] = ask.noticed(count - 1);
        fault
    };
    task["nodes"]["n1"]["protected"] = json!(true);
    task["soak"] = json!({
        "interval_seconds": 10,
        "duration_seconds": seconds,
        "flake_budget_percent": 15,
        "min_healthy": [{"labels": {"role": "member"}, "count": count - 1}],
        "pool": [
            held(fault("pause", "pause_process", 3), 4),
            held(fault("kill", "kill_process", 2), 4),
            fault("restart", "restart_process", 1),
        ],
        "invariants": [{"name": "n1 answers", "type": "http", "url": format!("http://{}/status", address("n1", "http"))}],
    });
    task["verification_spec"] = ask.all_are_back();
    task
}

/// What is asked of all members of a mesh of that size.
struct Asked(usize);

impl Asked {
    fn command(&self, what: &str, many: usize) -> Value {
        let urls = (1..=self.0).map(|number| format!("http://{}", address(&format!("n{number}"), "http")));
        let argv: Vec<String> =
            ["mesh-node".to_owned(), what.to_owned(), many.to_string()].into_iter().chain(urls).collect();
        json!({"type": "command", "argv": argv, "timeout_seconds": 3})
    }

    fn probe(&self, name: &str, what: &str, many: usize, key: &str, seconds: f64) -> Value {
        let mut asked = self.command(what, many);
        (asked["name"], asked[key]) = (json!(name), json!(seconds));
        asked
    }

    fn noticed(&self, left: usize) -> Value {
        self.probe("the survivors hear each other and nobody else", "just", left, "within_seconds", 3.0)
    }

    fn all_are_back(&self) -> Value {
        let check = self.command("just", self.0);
        json!([{"name": "all are back", "mode": "converge", "timeout_seconds": 20, "check": check}])
    }
}

fn task(meshes: &[(&str, &[String])], bridges: &[(String, String)]) -> Value {
    let (mut nodes, mut steady) = (Map::new(), Vec::new());
    for (mesh, names) in meshes {
        for name in *names {
            let across = bridges.iter().filter_map(|(one, other)| match name {
                name if name == one => Some(other),
                name if name == other => Some(one),
                _ => None,
            });
            let peers: Vec<&String> = names.iter().filter(|other| *other != name).chain(across).collect();
            let bridge = bridges.iter().any(|(one, other)| name == one || name == other);
            nodes.insert(name.clone(), node(name, mesh, &peers, bridge));
            steady.push(converged(name));
        }
    }
    json!({
        "policy": {"allow_commands": ["mesh-node"]},
        "nodes": nodes,
        "steady_state": steady,
    })
}

fn node(name: &str, mesh: &str, peers: &[&String], bridge: bool) -> Value {
    let mut argv = vec![
        "mesh-node".to_owned(),
        "run".to_owned(),
        name.to_owned(),
        "--mesh".to_owned(),
        mesh.to_owned(),
        "--http".to_owned(),
        address(name, "http"),
        "--gossip".to_owned(),
        address(name, "gossip"),
        "--dir".to_owned(),
        format!("{{{{node.{name}.dir}}}}"),
    ];
    for peer in peers {
        argv.extend(["--peer".to_owned(), format!("{peer}={}", address(peer, "gossip"))]);
    }
    let role = if bridge { "bridge" } else { "member" };
    let ready =
        json!({"type": "http", "url": format!("http://{}/status", address(name, "http")), "within_seconds": 30});
    json!({
        "type": "process",
        "argv": argv,
        "ports": ["http", "gossip"],
        "labels": {"mesh": mesh, "role": role},
        "stop_seconds": 1,
        "ready": ready,
    })
}

fn address(name: &str, port: &str) -> String {
    format!("127.0.0.1:{{{{node.{name}.port.{port}}}}}")
}

/// A probe that says yes while a member hears everybody that it knows.
fn converged(name: &str) -> Value {
    json!({
        "name": format!("{name} hears all others"),
        "type": "http",
        "url": format!("http://{}/converged", address(name, "http")),
        "within_seconds": 30,
    })
}
