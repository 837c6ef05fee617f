use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;

use chaos_core::{Journal, Presence, UndoLog};
use serde_json::json;

use super::*;
use crate::network::test_links::{HANG, Rig, contract_flow, fault};

chaos_test::contract_subject!(NatShift, |subjects| {
    contract_flow(subjects);
    Ok(fault(json!({"target": {"link": "n1"}})))
});

async fn outcome(rig: &Rig, fault: &NatShift) -> Outcome {
    let log = UndoLog::new(Arc::new(Journal::in_memory()), rig.cx.clone(), None);
    match fault.inject(&rig.cx.clone().into(), &log.handle()).await.unwrap() {
        Injection::Finished(outcome) => outcome,
        other @ Injection::InForce(_) => panic!("{other:?}"),
    }
}

/// Sends a datagram there and back, and says from where the server saw it come.
fn seen_from(client: &UdpSocket, server: &UdpSocket) -> SocketAddr {
    let mut datagram = [0; 4];
    client.send(b"ping").unwrap();
    let (_, from) = server.recv_from(&mut datagram).unwrap();
    server.send_to(&datagram, from).unwrap();
    client.recv(&mut datagram).unwrap();
    assert_eq!(&datagram, b"ping");
    from
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_sees_another_peer_and_the_client_nothing() {
    let server = UdpSocket::bind(("127.0.0.1", 0)).unwrap();
    server.set_read_timeout(Some(HANG)).unwrap();
    let mut rig = Rig::start("udp", &[("ac", "a", "c")]).await;
    rig.link("udp", "ab", "a", "b", server.local_addr().unwrap().port()).await;
    let fault: NatShift = fault(json!({"target": {"link": "ab"}}));
    let none = outcome(&rig, &fault).await;
    assert_eq!((none.sighting.presence, none.error.as_deref()), (Presence::Absent, Some("no client had a flow")));
    let clients = [(); 2].map(|()| UdpSocket::bind(("127.0.0.1", 0)).unwrap());
    for client in &clients {
        client.set_read_timeout(Some(HANG)).unwrap();
        client.connect(("127.0.0.1", rig.port("ab"))).unwrap();
    }
    let before = clients.each_ref().map(|client| seen_from(client, &server));
    let landed = outcome(&rig, &fault).await;
    assert_eq!(landed.sighting.presence, Presence::Present, "{landed:?}");
    let after = clients.each_ref().map(|client| seen_from(client, &server));
    assert!(after.iter().all(|peer| !before.contains(peer)), "{before:?} {after:?}");
    let told = &landed.sighting.evidence.summary;
    assert!(told.contains("2 have moved"), "{told}");
    assert!(
        before.iter().chain(&after).all(|peer| told.contains(&peer.port().to_string())),
        "{told}: {before:?} {after:?}"
    );
    // Nothing of it is in force: the flows stay where they are now.
    assert_eq!(clients.each_ref().map(|client| seen_from(client, &server)), after);
    assert_eq!(fault.witness(&rig.cx).await.presence, Presence::Absent);
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_cannot_move() {
    let rig = Rig::start("tcp", &[("ab", "a", "b")]).await;
    let why = rig.refused(&fault::<NatShift>(json!({"target": {"link": "ab"}}))).await;
    assert!(why.contains("can't go on from another port"), "{why}");
    rig.end().await;
}

#[test]
fn a_count_without_other_ports_is_believed_by_nobody() {
    let flows = |shifts, sockets: &[(u16, u64)]| {
        let sockets = sockets.iter().map(|(port, id)| FlowSocket { port: *port, id: *id }).collect();
        [Flows { shifts, sockets }]
    };
    let told = |before: &[Flows], after: &[Flows]| super::outcome(before, after).error;
    assert_eq!(told(&flows(0, &[(1, 7)]), &flows(1, &[(2, 8)])), None);
    // Another flow's new socket may get the port that one has left.
    assert_eq!(told(&flows(0, &[(1, 7), (2, 8)]), &flows(2, &[(2, 9), (3, 10)])), None);
    for (before, after, why) in [
        (flows(0, &[(1, 7)]), flows(1, &[(1, 7)]), "1 flows have kept their ports"),
        (flows(0, &[(1, 7)]), flows(0, &[(2, 8)]), "no flow has moved"),
        (flows(0, &[(1, 7)]), flows(1, &[]), "no flow has moved"),
        (flows(0, &[]), flows(1, &[(2, 8)]), "no client had a flow"),
    ] {
        assert_eq!(told(&before, &after).as_deref(), Some(why));
    }
}
