use std::net::TcpStream;

use serde_json::json;

use super::*;
use crate::network::test_links::{Rig, contract_link, fault, round_trip};

chaos_test::contract_subject!(SlowLink, |subjects| {
    contract_link(subjects);
    Ok(fault(json!({"target": {"link": "n1"}, "latency": "20ms"})))
});

/// Whether a message is there and back before twice the latency of 50 ms; on a busy machine not each one of them is.
fn is_fast(stream: &TcpStream) -> bool {
    (0..1000).any(|_| round_trip(stream).unwrap().as_millis() < 100)
}

/// The milliseconds that the witness tells.
fn told(seen: &str) -> f64 {
    seen.split("took ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_waits_twice_the_latency_and_only_meanwhile() {
    let rig = Rig::start("tcp", &[("ab", "a", "b"), ("ac", "a", "c")]).await;
    let (slow, other) = (rig.connect("ab"), rig.connect("ac"));
    let fault: SlowLink = fault(json!({"target": {"link": "ab"}, "latency": "50ms"}));
    let seen = rig
        .inject(&fault, || {
            assert!(round_trip(&slow).unwrap().as_millis() >= 100);
            assert!(is_fast(&other), "another link is slow, too");
        })
        .await;
    assert!(seen.contains("link `ab`: there and back took ") && told(&seen) >= 100.0, "{seen}");
    assert!(is_fast(&slow), "it stays slow");
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_way_waits_once_and_datagrams_wait_too() {
    let rig = Rig::start("udp", &[("ab", "a", "b")]).await;
    let fault: SlowLink = fault(json!({"target": {"link": "ab"}, "latency": "1s", "ways": "upstream"}));
    let seen = rig.inject(&fault, || {}).await;
    assert!((1000.0..2000.0).contains(&told(&seen)), "{seen}");
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn times_that_can_not_be_are_refused() {
    let rig = Rig::start("tcp", &[("ab", "a", "b")]).await;
    for (parameters, why) in [
        (json!({"target": {"link": "ab"}, "latency": "0s"}), "`latency` is 0s"),
        (json!({"target": {"link": "ab"}, "latency": "2h"}), "expected 1ms to 1h"),
        (json!({"target": {"link": "ab"}, "latency": "5ms", "jitter": "6ms"}), "`jitter` is more than `latency`"),
        (json!({"target": {"link": "xy"}, "latency": "5ms"}), "unknown node `xy`"),
    ] {
        let refused = rig.refused(&fault::<SlowLink>(parameters)).await;
        assert!(refused.contains(why), "{refused}");
    }
    rig.end().await;
}
