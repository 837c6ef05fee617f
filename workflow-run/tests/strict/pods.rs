//! The pods of steps: once, kept before they are deleted, and nobody else's.

use std::fs;
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::api::{DeleteParams, ListParams, PostParams};
use serde_json::{Value, json};

use crate::fixture::{Place, detail, exits, kept, outcomes, serial, task};

#[tokio::test(flavor = "multi_thread")]
async fn log_and_status_are_kept_before_anything_is_deleted() {
    let Some(place) = Place::new().await else { return };
    let report = place.run(&serial(&[exits("one", 3)]), &[]).await;
    let log = fs::read_to_string(kept(&report, "one", "log.txt")).unwrap();
    assert!(!log.is_empty() && !log.starts_with("(no log"), "{log}");
    let pod: Value = serde_json::from_slice(&fs::read(kept(&report, "one", "pod.json")).unwrap()).unwrap();
    assert_eq!(pod["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"], 3);
    assert!(pod.get("spec").is_none());
    let verbs: Vec<String> =
        place.asked().iter().map(|request| format!("{} {}", request.verb, request.resource)).collect();
    let first = |verb: &str| verbs.iter().position(|asked| asked == verb).unwrap();
    assert!(first("get pods/log") < first("deletecollection pods"), "{verbs:?}");
    let step = report.steps.iter().find(|step| step.name == "one").unwrap();
    assert_eq!(step.outputs, ["exit_code", "pod"]);
}

fn foreign(name: &str, labels: &Value) -> Pod {
    serde_json::from_value(json!({
        "metadata": { "name": name, "labels": labels },
        "spec": { "containers": [{ "name": "main", "image": "x" }] },
    }))
    .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn where_somebody_has_pods_of_that_run_nothing_is_created_and_nothing_deleted() {
    let Some(place) = Place::new().await else { return };
    let pods = place.pods().await;
    pods.create(&PostParams::default(), &foreign("theirs", &json!({ "squall.dev/run": "7" }))).await.unwrap();
    let before = place.asked().len();
    let report = place.run(&serial(&[exits("one", 0)]), &[]).await;
    assert_eq!(report.exit_code, 2);
    let why = detail(&report, "one");
    assert!(why.contains("run `7` has 1 pods already, such as `theirs`"), "{why}");
    let writes = |verb: &str| !matches!(verb, "get" | "list" | "watch");
    assert!(place.asked()[before..].iter().all(|request| !writes(&request.verb)));
    assert_eq!(place.left().await, ["theirs"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_that_has_the_name_of_a_step_is_left_alone() {
    let Some(place) = Place::new().await else { return };
    // Its name is that of the same step of an earlier run of the same id.
    let first = place.run(&serial(&[exits("one", 0)]), &[]).await;
    assert_eq!(first.exit_code, 0, "{}", first.text());
    let created: Vec<String> = place
        .asked()
        .iter()
        .filter(|request| request.verb == "create")
        .map(|request| request.body["metadata"]["name"].as_str().unwrap().to_owned())
        .collect();
    let pods = place.pods().await;
    pods.create(&PostParams::default(), &foreign(&created[0], &json!({}))).await.unwrap();
    let second = place.run(&serial(&[exits("one", 0)]), &[]).await;
    let why = detail(&second, "one");
    assert!(why.contains("is there already, and this attempt did not make it"), "{why}");
    assert_eq!((second.exit_code, place.left().await), (2, created));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_that_vanishes_is_not_run_again() {
    let Some(place) = Place::new().await else { return };
    let (pods, run) = (place.pods().await, place.run.clone());
    let report = place
        .run_while(&serial(&[task("one", &[]), exits("two", 0)]), &[], move |_| {
            tokio::spawn(async move {
                let selected = ListParams::default().labels(&format!("squall.dev/run={run}"));
                let name = loop {
                    match pods.list(&selected).await.unwrap().items.pop() {
                        Some(pod) => break pod.metadata.name.unwrap(),
                        None => tokio::time::sleep(Duration::from_millis(50)).await,
                    }
                };
                pods.delete(&name, &DeleteParams::default().grace_period(0)).await.unwrap();
            });
        })
        .await;
    assert_eq!(outcomes(&report), [("all", "infra_fail"), ("one", "infra_fail"), ("two", "skipped")]);
    assert_eq!(place.created(), ["one"], "{}", detail(&report, "one"));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_leave_of_the_policy_nothing_is_asked_of_the_cluster() {
    let Some(mut place) = Place::new().await else { return };
    place.policy = chaos_core::Policy::default();
    let report = place.run(&serial(&[exits("one", 0)]), &[]).await;
    assert_eq!(report.exit_code, 2);
    assert!(detail(&report, "one").contains("--allow-kind Pod"), "{}", detail(&report, "one"));
    assert_eq!(place.asked(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_server_refuses_is_told_in_its_words() {
    let Some(place) = Place::new().await else { return };
    let mut odd = exits("one", 0);
    odd["task"]["container"]["imagePullPolicy"] = json!("Sometimes");
    let report = place.run(&serial(&[odd, exits("two", 0)]), &[]).await;
    assert_eq!(report.exit_code, 2);
    assert!(detail(&report, "one").contains("imagePullPolicy"), "{}", detail(&report, "one"));
    assert_eq!(place.left().await, Vec::<String>::new());
}
