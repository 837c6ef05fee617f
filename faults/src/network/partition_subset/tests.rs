use serde_json::json;

use super::*;
use crate::network::test_links::{Rig, contract_link, datagrams, fault};

chaos_test::contract_subject!(PartitionSubset, |subjects| {
    contract_link(subjects);
    Ok(fault(json!({"sides": {"a": ["a"], "b": ["b"]}})))
});

#[tokio::test(flavor = "multi_thread")]
async fn what_crosses_is_cut_and_what_is_inside_is_whole() {
    let names = ["1", "2", "3", "4", "5"];
    let pairs = names.iter().flat_map(|a| names.iter().filter(move |b| a != *b).map(move |b| (*a, *b)));
    let links: Vec<(String, &str, &str)> = pairs.map(|(a, b)| (format!("{a}-{b}"), a, b)).collect();
    let all: Vec<(&str, &str, &str)> = links.iter().map(|(link, a, b)| (link.as_str(), *a, *b)).collect();
    let rig = Rig::start("udp", &all).await;
    let fault: PartitionSubset = fault(json!({"sides": {"a": ["1", "2"], "b": ["3", "4", "5"]}}));
    let crosses = |a: &str, b: &str| ["1", "2"].contains(&a) != ["1", "2"].contains(&b);
    rig.inject(&fault, || {
        for (link, a, b) in &all {
            let expected = if crosses(a, b) { 0 } else { 4 };
            assert_eq!(datagrams(rig.port(link), 4, expected), expected, "{link}");
        }
    })
    .await;
    assert!(all.iter().all(|(link, ..)| datagrams(rig.port(link), 4, 4) == 4), "not all is whole again");
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sides_that_are_none_are_refused() {
    let rig = Rig::start("tcp", &[("ab", "a", "b"), ("ac", "a", "c")]).await;
    for (a, b, why) in [
        (json!(["a"]), json!(["a", "b"]), "`a` stands on both sides"),
        (json!(["a"]), json!(["z"]), "no link says `from` or `to` `z`; links join: a, b, c"),
        (json!(["b"]), json!(["c"]), "no link joins b with c"),
    ] {
        let refused = rig.refused(&fault::<PartitionSubset>(json!({"sides": {"a": a, "b": b}}))).await;
        assert!(refused.contains(why), "{refused}");
    }
    rig.end().await;
}
