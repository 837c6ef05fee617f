use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::json;

use super::*;
use crate::network::test_links::{HANG, Rig, contract_link, fault, round_trip};

chaos_test::contract_subject!(BlackHole, |subjects| {
    contract_link(subjects);
    Ok(fault(json!({"target": {"link": "n1"}})))
});

const WHILE: Duration = Duration::from_millis(300);

#[tokio::test(flavor = "multi_thread")]
async fn silence_accepts_and_says_nothing_and_loses_nothing() {
    let rig = Rig::start("tcp", &[("ab", "a", "b")]).await;
    let mut stream = rig.connect("ab");
    let fault: BlackHole = fault(json!({"target": {"link": "ab"}}));
    rig.inject(&fault, || {
        let mut fresh = TcpStream::connect(("127.0.0.1", rig.port("ab"))).unwrap();
        for stream in [&mut stream, &mut fresh] {
            stream.set_read_timeout(Some(WHILE)).unwrap();
            stream.write_all(b"late").unwrap();
            assert_eq!(stream.read(&mut [0; 4]).unwrap_err().kind(), ErrorKind::WouldBlock);
        }
    })
    .await;
    let mut late = [0; 4];
    stream.set_read_timeout(Some(HANG)).unwrap();
    stream.read_exact(&mut late).unwrap();
    assert_eq!(&late, b"late");
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_handshake_open_connections_go_on() {
    let rig = Rig::start("tcp", &[("ab", "a", "b")]).await;
    let stream = rig.connect("ab");
    let fault: BlackHole = fault(json!({"target": {"link": "ab"}, "kind": "no_handshake"}));
    let seen = rig
        .inject(&fault, || {
            let address = SocketAddr::from(([127, 0, 0, 1], rig.port("ab")));
            let refused = TcpStream::connect_timeout(&address, WHILE).unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::TimedOut);
            round_trip(&stream).unwrap();
        })
        .await;
    assert!(seen.contains("a connect is not answered"), "{seen}");
    rig.connect("ab");
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn half_open_is_not_told_and_datagrams_have_no_half() {
    let rig = Rig::start("tcp", &[("ab", "a", "b")]).await;
    let mut stream = rig.connect("ab");
    let half: BlackHole = fault(json!({"target": {"link": "ab"}, "kind": "half_open"}));
    rig.inject(&half, || {
        stream.set_read_timeout(Some(WHILE)).unwrap();
        stream.write_all(b"lost").unwrap();
        assert_eq!(stream.read(&mut [0; 4]).unwrap_err().kind(), ErrorKind::WouldBlock);
    })
    .await;
    stream.set_read_timeout(Some(HANG)).unwrap();
    let ended = stream.read(&mut [0; 4]);
    assert!(matches!(&ended, Err(error) if error.kind() == ErrorKind::ConnectionReset), "{ended:?}");
    rig.end().await;
    let rig = Rig::start("udp", &[("ab", "a", "b")]).await;
    let why = rig.refused(&half).await;
    assert!(why.contains("forwards datagrams"), "{why}");
    rig.inject(&fault::<BlackHole>(json!({"target": {"link": "ab"}})), || {}).await;
    rig.end().await;
}
