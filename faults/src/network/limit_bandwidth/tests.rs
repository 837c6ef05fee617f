use std::io::{Read, Write};
use std::time::Instant;

use serde_json::json;

use super::*;
use crate::network::test_links::{Rig, contract_link, fault};

chaos_test::contract_subject!(LimitBandwidth, |subjects| {
    contract_link(subjects);
    Ok(fault(json!({"target": {"link": "n1"}, "bytes_per_second": 100_000})))
});

#[tokio::test(flavor = "multi_thread")]
async fn bulk_takes_as_long_as_the_rate_says() {
    let rig = Rig::start("tcp", &[("ab", "a", "b")]).await;
    let mut stream = rig.connect("ab");
    let fault: LimitBandwidth =
        fault(json!({"target": {"link": "ab"}, "bytes_per_second": 200_000, "ways": "upstream"}));
    rig.inject(&fault, || {
        let began = Instant::now();
        stream.write_all(&vec![7; 100_000]).unwrap();
        stream.read_exact(&mut vec![0; 100_000]).unwrap();
        let took = began.elapsed().as_millis();
        assert!((400..60_000).contains(&took), "{took} ms");
    })
    .await;
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn datagrams_wait_for_their_turn_and_less_than_a_step_is_refused() {
    let rig = Rig::start("udp", &[("ab", "a", "b")]).await;
    let limit: LimitBandwidth = fault(json!({"target": {"link": "ab"}, "bytes_per_second": 50_000}));
    let seen = rig.inject(&limit, || {}).await;
    assert!(seen.contains("bytes there and back took"), "{seen}");
    let none: LimitBandwidth = fault(json!({"target": {"link": "ab"}, "bytes_per_second": 999}));
    let why = rig.refused(&none).await;
    assert!(why.contains("less than 1000"), "{why}");
    rig.end().await;
}
