use std::io::{ErrorKind, Read, Write};
use std::time::Duration;

use serde_json::json;

use super::*;
use crate::network::test_links::{HANG, Rig, contract_link, datagrams, fault, round_trip};

chaos_test::contract_subject!(PartitionPair, |subjects| {
    contract_link(subjects);
    Ok(fault(json!({"a": "a", "b": "b"})))
});

const MESH: &[(&str, &str, &str)] =
    &[("ab", "a", "b"), ("ba", "b", "a"), ("ac", "a", "c"), ("ca", "c", "a"), ("bc", "b", "c"), ("cb", "c", "b")];

#[tokio::test(flavor = "multi_thread")]
async fn both_directions_are_cut_and_the_other_four_are_whole() {
    let rig = Rig::start("udp", MESH).await;
    let fault: PartitionPair = fault(json!({"a": "b", "b": "a"}));
    let is_delivered = |expected: [usize; 6]| {
        let links = MESH.iter().zip(expected);
        let delivery: Vec<_> = links.map(|((link, ..), least)| datagrams(rig.port(link), 20, least)).collect();
        assert_eq!(delivery, expected);
    };
    rig.inject(&fault, || is_delivered([0, 0, 20, 20, 20, 20])).await;
    is_delivered([20; 6]);
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_goes_on_where_it_was() {
    let rig = Rig::start("tcp", &[("ab", "a", "b"), ("ac", "a", "c")]).await;
    let (mut cut, whole) = (rig.connect("ab"), rig.connect("ac"));
    let fault: PartitionPair = fault(json!({"a": "a", "b": "b"}));
    let seen = rig
        .inject(&fault, || {
            cut.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
            cut.write_all(b"late").unwrap();
            assert_eq!(cut.read(&mut [0; 4]).unwrap_err().kind(), ErrorKind::WouldBlock);
            round_trip(&whole).unwrap();
        })
        .await;
    assert!(seen.contains("link `ab`: a connect is not answered"), "{seen}");
    cut.set_read_timeout(Some(HANG)).unwrap();
    cut.read_exact(&mut [0; 4]).unwrap();
    rig.end().await;
}
