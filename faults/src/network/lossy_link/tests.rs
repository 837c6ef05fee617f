use serde_json::json;

use super::*;
use crate::network::test_links::{Rig, contract_link, datagrams, fault, round_trip};

chaos_test::contract_subject!(LossyLink, |subjects| {
    contract_link(subjects);
    Ok(fault(json!({"target": {"link": "n1"}, "every": 2})))
});

#[tokio::test(flavor = "multi_thread")]
async fn a_share_of_datagrams_is_lost_within_its_band_and_every_fourth_exactly() {
    let rig = Rig::start("udp", &[("ab", "a", "b")]).await;
    let port = rig.port("ab");
    let share: LossyLink = fault(json!({"target": {"link": "ab"}, "share": 0.3, "ways": "upstream"}));
    let seen = rig
        .inject(&share, || {
            // 99.9 % of all draws of 1,000 are within 4.8 points.
            let back = datagrams(port, 1000, 652);
            assert!((652..=748).contains(&back), "{back}");
        })
        .await;
    assert!(seen.contains("messages were lost"), "{seen}");
    let every: LossyLink = fault(json!({"target": {"link": "ab"}, "every": 4, "ways": "upstream"}));
    rig.inject(&every, || assert_eq!(datagrams(port, 1000, 750), 750)).await;
    assert_eq!(datagrams(port, 1000, 1000), 1000, "it still loses");
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_stalls_and_loses_nothing() {
    let rig = Rig::start("tcp", &[("ab", "a", "b")]).await;
    let stream = rig.connect("ab");
    let fault: LossyLink = fault(json!({"target": {"link": "ab"}, "every": 2, "ways": "upstream"}));
    rig.inject(&fault, || {
        let times: Vec<u128> = (0..20).map(|_| round_trip(&stream).unwrap().as_millis()).collect();
        let stalled = times.iter().filter(|time| **time >= 190).count();
        // A busy machine may be late with some of the others, too.
        assert!((10..20).contains(&stalled), "{times:?}");
    })
    .await;
    rig.end().await;
}

#[test]
fn exactly_one_of_share_and_every_is_told() {
    for parameters in [
        json!({"target": {"link": "ab"}}),
        json!({"target": {"link": "ab"}, "share": 0.1, "every": 4}),
        json!({"target": {"link": "ab"}, "share": 0}),
        json!({"target": {"link": "ab"}, "every": 0}),
        json!({"target": {}, "every": 1}),
        json!({"target": {"link": "ab", "links": {"x": "y"}}, "every": 1}),
        json!({"target": {"between": {"a": [], "b": ["n"]}}, "every": 1}),
        json!({"target": {"link": "ab", "pick": 1}, "every": 1}),
    ] {
        assert!(serde_json::from_value::<LossyLink>(parameters.clone()).is_err(), "{parameters}");
    }
}
