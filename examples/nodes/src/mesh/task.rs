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

/// A mesh of `count` members, half of which are killed at the same moment for four seconds, drawn by the seed: what
/// `remove-resilience.yaml` is for six.
pub fn halved(count: usize) -> Value {
    let names: Vec<String> = (1..=count).map(|number| format!("n{number}")).collect();
    let urls: Vec<String> = names.iter().map(|name| format!("http://{}", address(name, "http"))).collect();
    let killed = count / 2;
    let ask = |what: &str, many: usize| {
        let argv = ["mesh-node".to_owned(), what.to_owned(), many.to_string()].into_iter().chain(urls.clone());
        json!({"type": "command", "argv": argv.collect::<Vec<_>>(), "timeout_seconds": 3})
    };
    let probe = |name: &str, mut asked: Value, key: &str, seconds: f64| {
        (asked["name"], asked[key]) = (json!(name), json!(seconds));
        asked
    };
    let (mut task, left) = (mesh(count), count - killed);
    task["chaos_spec"] = json!([{
        "name": format!("{killed} of {count} members are killed"),
        "trigger": {"type": "immediate"},
        "action": {"type": "burst_kill", "target": {"nodes": {"role": "member"}, "pick": killed}},
        "duration_seconds": 4,
        "during": [probe("the survivors keep their heartbeats", ask("kept", left), "interval_seconds", 0.5)],
        "detect": probe("the survivors hear each other and nobody else", ask("just", left), "within_seconds", 3.0),
        "verify": "all are back",
    }]);
    let check = ask("just", count);
    task["verification_spec"] =
        json!([{"name": "all are back", "mode": "converge", "timeout_seconds": 20, "check": check}]);
    task
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
