use std::collections::BTreeSet;

use chaos_core::NodeLabels;
use chaos_schema::{KindHint, LoadOptions, check_value};
use chaos_soak::{SoakPlan, SoakTarget};
use serde_json::{Value, json};

use crate::fixture::soak;

fn node(name: &str, role: &str, protected: bool) -> SoakTarget {
    let labels = NodeLabels::from([("role".to_owned(), role.to_owned())]);
    SoakTarget { name: name.to_owned(), labels, protected }
}

fn five() -> Vec<SoakTarget> {
    let mut nodes: Vec<SoakTarget> = (1..=4).map(|n| node(&format!("n{n}"), "member", false)).collect();
    nodes.push(node("seed", "member", true));
    nodes
}

fn touch(weight: u32, name: &str) -> Value {
    json!({ "name": name, "weight": weight, "action": { "type": "test_touch_file", "path": name } })
}

fn on_nodes(extra: &Value) -> Value {
    let mut document = json!({
        "pool": [
            {
                "name": "pause", "action": { "type": "test_on_node", "target": { "nodes": { "role": "member" } } },
                "draw": { "duration_seconds": { "min": 1, "max": 12.5 }, "level": { "min": 1, "max": 3 } },
            },
        ],
        "interval_seconds": 5, "events": 1000, "overlap": 3,
    });
    document.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    document
}

#[test]
fn the_same_seed_gives_the_same_bytes_whatever_the_order_of_the_nodes() {
    let spec = soak(&on_nodes(&json!({})));
    let bytes = |nodes: &[SoakTarget], seed| serde_json::to_vec(&SoakPlan::draw(&spec, nodes, seed).unwrap()).unwrap();
    let (nodes, first) = (five(), bytes(&five(), 7));
    for turn in 0..nodes.len() {
        let mut other = nodes.clone();
        other.rotate_left(turn);
        assert_eq!(bytes(&other, 7), first);
        other.reverse();
        assert_eq!(bytes(&other, 7), first);
    }
    assert_ne!(bytes(&nodes, 8), first);
}

#[test]
fn faults_are_drawn_as_often_as_their_weights_say() {
    let pool = [touch(3, "a"), touch(1, "b"), touch(0, "never"), touch(4, "c")];
    let spec = soak(&json!({ "pool": pool, "interval_seconds": 1, "events": 4000 }));
    let mut worst: f64 = 0.0;
    for seed in 0..5 {
        let plan = SoakPlan::draw(&spec, &[], seed).unwrap();
        assert_eq!(plan.events.len(), 4000);
        let count = |name: &str| plan.events.iter().filter(|event| event.fault == name).count() as f64;
        assert!(count("never") == 0.0);
        let rows = [("a", 1500.0), ("b", 500.0), ("c", 2000.0)];
        let chi: f64 = rows.iter().map(|(name, want)| (count(name) - want).powi(2) / want).sum();
        worst = worst.max(chi);
    }
    // p = 0.001 with two degrees of freedom.
    assert!(worst < 13.816, "{worst}");
}

#[test]
fn a_protected_node_and_the_last_healthy_ones_are_never_acted_on() {
    let rule = json!({ "min_healthy": [{ "labels": { "role": "member" }, "count": 3 }] });
    let spec = soak(&on_nodes(&rule));
    let (mut skipped, mut together) = (0, 0);
    for seed in 0..1000 {
        let plan = SoakPlan::draw(&soak_of_30(&spec), &five(), seed).unwrap();
        for (place, event) in plan.events.iter().enumerate() {
            assert_ne!(event.node.as_deref(), Some("seed"));
            skipped += usize::from(event.skipped.is_some());
            let Some(node) = &event.node else { continue };
            let holds = |other: &&chaos_soak::PlannedEvent| {
                let until = other.at_ms as f64 / 1000.0 + other.duration_seconds.map_or(0.0, f64::from);
                other.skipped.is_none() && until > event.at_ms as f64 / 1000.0
            };
            let busy: Vec<&str> =
                plan.events[..place].iter().filter(holds).filter_map(|other| other.node.as_deref()).collect();
            assert!(!busy.contains(&node.as_str()), "{node} twice in {seed}");
            // Five members, of which three must be left.
            assert!(busy.len() < 2, "{busy:?} and {node} in {seed}");
            together = together.max(busy.len() + 1);
        }
    }
    assert!(skipped > 0 && together == 2, "{skipped} {together}");
}

fn soak_of_30(spec: &chaos_core::SoakSpec) -> chaos_core::SoakSpec {
    let mut document = serde_json::to_value(spec).unwrap();
    document["events"] = json!(30);
    soak(&document)
}

#[test]
fn drawn_values_are_within_their_bounds_and_reach_both_ends() {
    let spec = soak(&on_nodes(&json!({})));
    let plan = SoakPlan::draw(&spec, &five(), 3).unwrap();
    let levels: BTreeSet<u64> = plan.events.iter().map(|event| event.action["level"].as_u64().unwrap()).collect();
    assert_eq!(levels, BTreeSet::from([1, 2, 3]));
    assert!(plan.events.iter().all(|event| (1.0..=12.5).contains(&f64::from(event.duration_seconds.unwrap()))));
}

#[test]
fn events_end_within_the_duration_and_start_an_interval_apart() {
    let pool = [json!({ "action": { "type": "test_touch_file", "path": "p" }, "duration_seconds": 4 })];
    let spec = soak(&json!({ "pool": pool, "interval_seconds": 10, "duration_seconds": 300 }));
    let plan = SoakPlan::draw(&spec, &[], 1).unwrap();
    let at: Vec<u64> = plan.events.iter().map(|event| event.at_ms).collect();
    assert_eq!(at, (1..=29).map(|n| n * 10_000).collect::<Vec<_>>());
    // Longer than the interval, one after the other.
    let pool = [json!({ "action": { "type": "test_touch_file", "path": "p" }, "duration_seconds": 25 })];
    let spec = soak(&json!({ "pool": pool, "interval_seconds": 10, "events": 3 }));
    let at = SoakPlan::draw(&spec, &[], 1).unwrap().events.iter().map(|event| event.at_ms).collect::<Vec<_>>();
    assert_eq!(at, [10_000, 35_000, 60_000]);
}

/// The place of the mistake, and how it is made.
type Row = (&'static str, fn(&mut Value));

#[test]
fn what_no_soak_can_be_made_of_is_refused_at_its_place() {
    let good = || json!({ "pool": [touch(1, "a")], "interval_seconds": 1, "events": 1 });
    let rows: [Row; 11] = [
        ("/soak/pool", |soak| soak["pool"] = json!([])),
        ("/soak/pool", |soak| soak["pool"][0]["weight"] = json!(0)),
        ("/soak/pool/1", |soak| soak["pool"] = json!([touch(1, "a"), touch(1, "a")])),
        ("/soak", |soak| soak["duration_seconds"] = json!(5)),
        ("/soak", |soak| drop(soak.as_object_mut().unwrap().remove("events"))),
        ("/soak/pool/0/draw/misbehave", |soak| {
            soak["pool"][0]["draw"] = json!({ "misbehave": { "choice": ["no", "x"] } });
        }),
        ("/soak/pool/0/draw/pth", |soak| soak["pool"][0]["draw"] = json!({ "pth": { "choice": ["no"] } })),
        ("/soak/pool/0/draw/path", |soak| soak["pool"][0]["draw"] = json!({ "path": { "min": 1 } })),
        ("/soak/pool/0/draw/duration_seconds", |soak| {
            soak["pool"][0]["draw"] = json!({ "duration_seconds": { "min": 0, "max": 2 } });
        }),
        ("/soak/flake_budget_percent", |soak| soak["flake_budget_percent"] = json!(101)),
        ("/soak/pool/0/action/type", |soak| soak["pool"][0]["action"]["type"] = json!("test_touch_fil")),
    ];
    soak(&good());
    for (place, change) in rows {
        let mut document = good();
        change(&mut document);
        let options = LoadOptions::of(KindHint::Task);
        let loaded = check_value(&json!({ "soak": document }), "soak.yaml", &options);
        let found: Vec<&str> = loaded.diagnostics.iter().filter(|d| d.is_error()).map(|d| d.pointer.as_str()).collect();
        assert!(loaded.document.is_none() && found.iter().any(|at| at.starts_with(place)), "{place}: {found:?}");
    }
    let both = json!({ "soak": good(), "chaos_spec": [{ "trigger": { "type": "test_now" }, "action": { "type": "test_touch_file", "path": "p" } }] });
    assert!(check_value(&both, "both", &LoadOptions::of(KindHint::Task)).document.is_none());
}

#[test]
fn a_target_that_no_node_fits_is_refused_by_name() {
    let spec = |target: Value| {
        let mut document = on_nodes(&json!({}));
        document["pool"][0]["action"]["target"] = target;
        soak(&document)
    };
    let rows = [
        (json!({ "nodes": { "role": "none" } }), "no node that may be acted on"),
        (json!({ "node": "seed" }), "no node that may be acted on"),
        (json!({ "node": "n9" }), "unknown node `n9`"),
        (json!({ "nodes": { "role": "member" }, "pick": 2 }), "an event acts on one node"),
    ];
    for (target, want) in rows {
        let error = SoakPlan::draw(&spec(target), &five(), 1).unwrap_err().to_string();
        assert!(error.contains("`pause`") && error.contains(want), "{error}");
    }
}
