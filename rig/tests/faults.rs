//! Faults of a control plane, each in a rig of its own, and what is left of a rig afterwards.
#![expect(clippy::unwrap_used, reason = "a test may fail by it, in its helpers too")]

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use chaos_kube::Cluster;
use chaos_rig::{Rig, RigPart};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, ListParams, PostParams, WatchParams};
use serde_json::json;

/// What has not come about by then never will.
const PATIENCE: Duration = Duration::from_mins(2);
/// A write to a store that is frozen is given up after it.
const SHORT: Duration = Duration::from_secs(2);
/// Asks this program to start a rig, to say where it is, and to wait to be killed.
const HELD: &str = "SQUALL_TEST_HOLDS_A_RIG";

fn map(name: &str) -> ConfigMap {
    serde_json::from_value(json!({ "metadata": { "name": name } })).unwrap()
}

/// Whether a process is there and no zombie.
fn lives(pid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    status.rsplit(')').next().is_some_and(|rest| !rest.is_empty() && !rest.trim_start().starts_with('Z'))
}

async fn eventually(what: &str, holds: impl AsyncFn() -> bool) {
    let held = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, held).await.unwrap_or_else(|_| panic!("{what}"));
}

#[tokio::test]
async fn a_killed_api_server_comes_back_with_its_data_and_old_watches_get_410() {
    let Some(rig) = Rig::alone() else { return };
    let (cluster, namespace) = (Cluster::connect(&rig.access()).await.unwrap(), rig.namespace().await);
    let maps = cluster.config_maps(&namespace);
    maps.create(&PostParams::default(), &map("before")).await.unwrap();
    let old = maps.list(&ListParams::default()).await.unwrap().metadata.resource_version.unwrap();
    maps.create(&PostParams::default(), &map("later")).await.unwrap();

    rig.kill_api();
    let error = maps.get("before").await.unwrap_err();
    assert!(!matches!(error, kube::Error::Api(_)), "nobody answers: {error}");
    assert_eq!(rig.pid(RigPart::Api), None);
    rig.start_api().await;
    assert_eq!(maps.get("before").await.unwrap().metadata.name.as_deref(), Some("before"));
    let audit = rig.audit();
    let codes: Vec<_> = audit.iter().filter(|request| request.name == "before").map(|request| request.code).collect();
    assert_eq!(codes, [201, 200], "the log goes on, and what nobody answered is not in it");

    maps.create(&PostParams::default(), &map("after")).await.unwrap();
    assert!(expired(&maps, &old).await, "a watch from before the restart is too old");
}

/// Whether a watch from a version gets 410.
async fn expired(maps: &Api<ConfigMap>, version: &str) -> bool {
    use futures_util::StreamExt;
    let parameters = WatchParams::default().timeout(60);
    let watch = loop {
        match maps.watch(&parameters, version).await {
            Ok(watch) => break watch,
            // It has just begun, and asks for a pause, which the client keeps.
            Err(kube::Error::Api(status)) if status.code == 429 => {}
            Err(kube::Error::Api(status)) => return status.code == 410,
            Err(error) => panic!("{error}"),
        }
    };
    let first = Box::pin(watch).next().await;
    matches!(&first, Some(Ok(kube::api::WatchEvent::Error(status))) if status.code == 410)
        || matches!(&first, Some(Err(kube::Error::Api(status))) if status.code == 410)
}

#[tokio::test]
async fn a_frozen_store_answers_no_write_and_takes_them_again_when_it_is_thawed() {
    let Some(rig) = Rig::alone() else { return };
    let (cluster, namespace) = (Cluster::connect(&rig.access()).await.unwrap(), rig.namespace().await);
    let maps = cluster.config_maps(&namespace);
    rig.freeze_etcd();
    let write = tokio::time::timeout(SHORT, maps.create(&PostParams::default(), &map("frozen"))).await;
    assert!(write.is_err(), "no answer is expected: {write:?}");
    rig.thaw_etcd();
    let made = async || maps.create(&PostParams::default(), &map("thawed")).await.is_ok();
    eventually("writes are taken again", made).await;
}

#[tokio::test]
async fn pods_go_on_after_an_outage_of_the_api_server() {
    let Some(rig) = Rig::alone() else { return };
    let (cluster, namespace) = (Cluster::connect(&rig.access()).await.unwrap(), rig.namespace().await);
    let pods = cluster.pods(&namespace);
    rig.kill_api();
    rig.start_api().await;
    let pod = serde_json::from_value(json!({
        "metadata": { "name": "p", "labels": { "rig.squall.dev/exit": "5" } },
        "spec": { "restartPolicy": "Never", "containers": [{ "name": "main", "image": "stub" }] },
    }))
    .unwrap();
    pods.create(&PostParams::default(), &pod).await.unwrap();
    let ended = async || pods.get("p").await.unwrap().status.unwrap().phase.as_deref() == Some("Failed");
    eventually("a pod ends after the outage", ended).await;
}

#[tokio::test]
async fn nothing_is_left_when_the_last_handle_is_dropped() {
    let Some(rig) = Rig::alone() else { return };
    let other = rig.clone();
    // A part that is stopped can't end by itself.
    rig.freeze_etcd();
    let pids: Vec<_> = RigPart::ALL.into_iter().map(|part| rig.pid(part).unwrap()).collect();
    let files = rig.files().to_owned();
    drop(rig);
    assert!(pids.iter().all(|pid| lives(*pid)) && files.exists(), "another handle is there");
    drop(other);
    assert!(!pids.iter().any(|pid| lives(*pid)), "{pids:?}");
    assert!(!files.exists(), "{}", files.display());
}

#[tokio::test]
async fn nothing_is_left_when_the_process_of_a_rig_is_killed() {
    if std::env::var_os(HELD).is_some() {
        return held();
    }
    if !Rig::installed() {
        return;
    }
    let program = std::env::current_exe().unwrap();
    let mut child = Command::new(program)
        .args(["--exact", "--nocapture", "nothing_is_left_when_the_process_of_a_rig_is_killed"])
        .env(HELD, "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = std::io::BufReader::new(child.stdout.take().unwrap());
    let said = std::io::BufRead::lines(output).map(Result::unwrap).find_map(|line| {
        let (_, said) = line.split_once("held: ")?;
        Some(said.to_owned())
    });
    let said = said.expect("the process says where its rig is");
    let mut words = said.split(' ');
    let files = Path::new(words.next().unwrap()).to_owned();
    let pids: Vec<u32> = words.map(|pid| pid.parse().unwrap()).collect();
    assert!(pids.len() == RigPart::ALL.len() && pids.iter().all(|pid| lives(*pid)) && files.exists(), "{said}");
    child.kill().unwrap();
    child.wait().unwrap();
    eventually("the processes end with their parent", async || !pids.iter().any(|pid| lives(*pid))).await;
    eventually("the folder is removed", async || !files.exists()).await;
}

/// Starts a rig, freezes a part of it, says where all is, and waits.
fn held() {
    let rig = Rig::alone().expect("the parent has one");
    rig.freeze_etcd();
    let pids: Vec<_> = RigPart::ALL.into_iter().map(|part| rig.pid(part).unwrap().to_string()).collect();
    println!("held: {} {}", rig.files().display(), pids.join(" "));
    loop {
        std::thread::park();
    }
}
