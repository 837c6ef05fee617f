use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use chaos_core::{Fault, Journal, Presence, UndoLog};
use serde_json::json;

use super::*;
use crate::network::test_links::{HANG, Rig, contract_link, datagrams, fault, round_trip};

chaos_test::contract_subject!(FirewallInbound, |subjects| {
    contract_link(subjects);
    Ok(fault(json!({"node": "b"})))
});

const WHILE: Duration = Duration::from_millis(300);
const RING: [(&str, &str, &str); 4] = [("ab", "a", "b"), ("cb", "c", "b"), ("ba", "b", "a"), ("bc", "b", "c")];

#[tokio::test(flavor = "multi_thread")]
async fn datagrams_to_the_node_are_lost_and_its_own_arrive() {
    let rig = Rig::start("udp", &RING).await;
    let seen = rig
        .inject(&fault::<FirewallInbound>(json!({"node": "b"})), || {
            for (link, _, to) in RING {
                let expected = if to == "b" { 0 } else { 4 };
                assert_eq!(datagrams(rig.port(link), 4, expected), expected, "{link}");
            }
        })
        .await;
    assert!(seen.contains("link `ba` lets a message of `b` through"), "{seen}");
    assert!(RING.iter().all(|(link, ..)| datagrams(rig.port(link), 4, 4) == 4), "not all is whole again");
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_connects_to_the_node_and_the_node_connects() {
    let rig = Rig::start("tcp", &RING).await;
    let (mut inward, outward) = (rig.connect("ab"), rig.connect("bc"));
    rig.inject(&fault::<FirewallInbound>(json!({"node": "b"})), || {
        let address = SocketAddr::from(([127, 0, 0, 1], rig.port("cb")));
        let refused = TcpStream::connect_timeout(&address, WHILE).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::TimedOut);
        inward.set_read_timeout(Some(WHILE)).unwrap();
        inward.write_all(b"late").unwrap();
        assert_eq!(inward.read(&mut [0; 4]).unwrap_err().kind(), ErrorKind::WouldBlock);
        round_trip(&outward).unwrap();
        rig.connect("ba");
    })
    .await;
    let mut late = [0; 4];
    inward.set_read_timeout(Some(HANG)).unwrap();
    inward.read_exact(&mut late).unwrap();
    assert_eq!(&late, b"late");
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_cut_off_both_ways_is_no_firewall() {
    let rig = Rig::start("udp", &[("ab", "a", "b"), ("ba", "b", "a")]).await;
    let (wall, back): (FirewallInbound, FirewallInbound) = (fault(json!({"node": "b"})), fault(json!({"node": "a"})));
    let log = UndoLog::new(Arc::new(Journal::in_memory()), rig.cx.clone(), None);
    for fault in [&wall, &back] {
        fault.inject(&rig.cx.clone().into(), &log.handle()).await.unwrap();
    }
    let seen = wall.witness(&rig.cx).await;
    assert_eq!(seen.presence, Presence::Unknown, "{seen:?}");
    assert!(seen.evidence.summary.contains("`b` does not reach anybody either"), "{seen:?}");
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_no_link_goes_to_is_refused() {
    let rig = Rig::start("tcp", &[("ab", "a", "b"), ("ac", "a", "c")]).await;
    for node in ["a", "z"] {
        let why = rig.refused(&fault::<FirewallInbound>(json!({"node": node}))).await;
        assert_eq!(why, format!("no link says `to: {node}`; links go to b, c"));
    }
    rig.end().await;
}
