//! An API server that is killed, and a store that hangs, while steps run.

use std::time::Duration;

use chaos_rig::Rig;
use serde_json::json;

use crate::fixture::{Place, exits, outcomes, serial, task};
use crate::ledger;

/// Steps that take some time each, so that the server is away while one runs and while one begins.
fn steps() -> serde_json::Value {
    let step = |name: &str| task(name, &[("exit", "0"), ("after", "1s")]);
    serial(&[step("one"), step("two"), step("three"), step("four")])
}

/// How long the store hangs: longer than a request may take, and than several of them.
const FROZEN: Duration = Duration::from_secs(30);

const ENDS: [(&str, &str); 5] =
    [("all", "pass"), ("one", "pass"), ("two", "pass"), ("three", "pass"), ("four", "pass")];

/// Each step at most once: what was created is what was asked for, and no more pods are there than steps.
fn each_once(place: &Place) {
    let made: Vec<String> = place
        .asked()
        .iter()
        .filter(|request| request.verb == "create" && request.code == 201)
        .map(|request| request.body["metadata"]["name"].as_str().unwrap().to_owned())
        .collect();
    let different: std::collections::BTreeSet<&String> = made.iter().collect();
    assert_eq!(different.len(), made.len(), "a step was run twice: {made:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_server_that_is_killed_and_comes_back_costs_no_step() {
    let Some(rig) = Rig::alone() else { return };
    let place = Place::of(rig).await;
    let (rig, pods, run) = (place.rig.clone(), place.pods().await, place.run.clone());
    let (tell, restarted) = tokio::sync::oneshot::channel();
    let report = place
        .run_while(&steps(), &[], move |_| {
            tokio::spawn(async move {
                let selected = kube::api::ListParams::default().labels(&format!("squall.dev/run={run}"));
                // While the first pod is there, and again when there are three.
                for count in [1, 3] {
                    while pods.list(&selected).await.map_or(0, |list| list.items.len()) < count {
                        tokio::time::sleep(Duration::from_millis(50)).await;
                    }
                    rig.kill_api();
                    rig.start_api().await;
                }
                let _ = tell.send(());
            });
        })
        .await;
    // Before that the server may be away when it is asked.
    restarted.await.unwrap();
    assert_eq!(outcomes(&report), ENDS, "{}", report.text());
    each_once(&place);
    assert_eq!(place.left().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_hangs_while_a_pod_is_asked_for_makes_no_second_one() {
    let Some(rig) = Rig::alone() else { return };
    let place = Place::of(rig).await;
    let (rig, workspace) = (place.rig.clone(), place.folder.path().to_owned());
    // Nothing but the clock ends the pause, so that the next pod is asked for while the store hangs.
    let pause = json!({ "name": "pause", "templateType": "Suspend", "deadline": "8s" });
    let report = place
        .run_while(&serial(&[exits("one", 0), pause, exits("two", 0), exits("three", 0)]), &[], move |_| {
            tokio::spawn(async move {
                while !ledger::says(&workspace, "started", "pause") {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                rig.freeze_etcd();
                tokio::time::sleep(FROZEN).await;
                rig.thaw_etcd();
            });
        })
        .await;
    let ends = [("all", "pass"), ("one", "pass"), ("pause", "pass"), ("two", "pass"), ("three", "pass")];
    assert_eq!(outcomes(&report), ends, "{}", report.text());
    let twos = place.created().iter().filter(|step| *step == "two").count();
    assert!(twos >= 2, "the second pod was asked for {twos} times, so the store did not hang then");
    each_once(&place);
    assert_eq!(place.left().await, Vec::<String>::new());
}
