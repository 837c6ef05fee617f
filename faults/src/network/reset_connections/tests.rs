use std::io::{ErrorKind, Read};
use std::sync::Arc;

use chaos_core::{Journal, Presence, UndoLog};
use serde_json::json;

use super::*;
use crate::network::test_links::{Rig, contract_link, fault, round_trip};

chaos_test::contract_subject!(ResetConnections, |subjects| {
    contract_link(subjects);
    Ok(fault(json!({"target": {"link": "n1"}})))
});

async fn outcome(rig: &Rig, fault: &ResetConnections) -> Outcome {
    let log = UndoLog::new(Arc::new(Journal::in_memory()), rig.cx.clone(), None);
    match fault.inject(&rig.cx.clone().into(), &log.handle()).await.unwrap() {
        Injection::Finished(outcome) => outcome,
        other @ Injection::InForce(_) => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn open_connections_are_reset_and_new_ones_are_not() {
    let rig = Rig::start("tcp", &[("ab", "a", "b"), ("ac", "a", "c")]).await;
    let fault: ResetConnections = fault(json!({"target": {"link": "ab"}}));
    let none = outcome(&rig, &fault).await;
    assert_eq!(
        (none.sighting.presence, none.error.as_deref()),
        (Presence::Absent, Some("no connection was open to be reset"))
    );
    let (mut one, mut two, other) = (rig.connect("ab"), rig.connect("ab"), rig.connect("ac"));
    let landed = outcome(&rig, &fault).await;
    assert_eq!(landed.sighting.presence, Presence::Present, "{landed:?}");
    assert_eq!(landed.sighting.evidence.summary, "2 connections were open, and 2 were reset");
    for stream in [&mut one, &mut two] {
        let ended = stream.read(&mut [0; 4]).unwrap_err();
        assert_eq!(ended.kind(), ErrorKind::ConnectionReset);
    }
    round_trip(&other).unwrap();
    rig.connect("ab");
    rig.end().await;
    let rig = Rig::start("udp", &[("ab", "a", "b")]).await;
    let why = rig.refused(&fault).await;
    assert!(why.contains("has no connections to be reset"), "{why}");
    rig.end().await;
}
