//! Many steps: what each costs the API server, and what all of them cost us.

use k8s_openapi::api::rbac::v1::PolicyRule;
use serde_json::{Value, json};

use crate::fixture::{Place, exits};

/// What a run costs beside its steps: a list and a watch at its beginning, the deletion and lists at its end, a watch that is
/// renewed.
const AROUND: usize = 12;

/// So many steps, `width` at a time.
fn steps(count: usize, width: usize) -> Value {
    let mut templates = Vec::new();
    let groups: Vec<String> = (0..count / width).map(|group| format!("g{group}")).collect();
    templates.push(json!({ "name": "all", "templateType": "Serial", "children": groups }));
    for group in &groups {
        let names: Vec<String> = (0..width).map(|step| format!("{group}-s{step}")).collect();
        templates.push(json!({ "name": group, "templateType": "Parallel", "children": names }));
        templates.extend(names.iter().map(|name| exits(name, 0)));
    }
    json!({ "entry": "all", "templates": templates })
}

/// The most memory that this process has had, in MiB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
}

/// Requests and steps of a run.
async fn asked(place: &Place, count: usize, width: usize) -> usize {
    let report = place.run(&steps(count, width), &[]).await;
    assert_eq!(report.exit_code, 0, "{}", report.text());
    let memory = peak();
    let asked = place.asked();
    let created = asked.iter().filter(|request| request.verb == "create" && request.code == 201).count();
    assert_eq!(created, count);
    println!("{count} steps: {} requests, {memory} MiB at the most", asked.len());
    asked.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_costs_two_requests_and_one_deletes_all_pods() {
    let Some(place) = Place::new().await else { return };
    let requests = asked(&place, 40, 10).await;
    assert!(requests <= 2 * 40 + AROUND, "{requests}");
}

/// Whoever may delete pods and no collections of them asks for each.
#[tokio::test(flavor = "multi_thread")]
async fn pods_are_deleted_one_by_one_where_that_is_the_right_there_is() {
    let Some(mut place) = Place::new().await else { return };
    let rule = |resource: &str, verbs: &[&str]| PolicyRule {
        api_groups: Some(vec![String::new()]),
        resources: Some(vec![resource.to_owned()]),
        verbs: verbs.iter().map(ToString::to_string).collect(),
        ..PolicyRule::default()
    };
    let rules = vec![rule("pods", &["get", "list", "watch", "create", "delete"]), rule("pods/log", &["get"])];
    place.access = place.rig.restricted_to(&place.namespace, rules).await;
    assert_eq!(place.run(&steps(6, 3), &[]).await.exit_code, 0);
    let asked = place.asked();
    let codes = |verb: &str| asked.iter().filter(|one| one.verb == verb).map(|one| one.code).collect::<Vec<_>>();
    assert_eq!((codes("deletecollection"), codes("delete")), (vec![403], vec![200; 6]));
    assert_eq!(place.left().await, Vec::<String>::new());
}

/// `cargo test -p chaos-workflow-run --test strict -- --ignored --nocapture a_thousand_steps`
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes some minutes of a rig"]
async fn a_thousand_steps_need_less_than_a_hundred_mebibytes_and_two_requests_each() {
    let Some(place) = Place::new().await else { return };
    let requests = asked(&place, 1000, 50).await;
    assert!(requests <= 2 * 1000 + AROUND, "{requests}");
    assert!(peak() <= 100, "{} MiB", peak());
}
