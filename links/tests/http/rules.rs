//! Which requests rules meet, how they are counted, and how they come and go.

use hyper::Version;
use serde_json::{Value, json};

use super::{Client, Rig, VERSIONS, run, toxic};
use chaos_links::{LinkError, LinkSpec, ToxicSpec};

fn teapot(matching: &Value) -> Value {
    json!({"match": matching, "effect": {"change": {"status": 418}}})
}

#[test]
fn requests_are_counted_over_all_connections() {
    run(async {
        let rig = Rig::new();
        rig.rule("third", teapot(&json!({"path": "/a*", "from": 3, "times": 1})));
        let mut clients = Vec::new();
        for version in VERSIONS {
            clients.push(Client::connect(rig.address, version).await);
        }
        let mut statuses = Vec::new();
        for (n, path) in ["/a", "/b", "/a", "/ab", "/a", "/b", "/a"].into_iter().enumerate() {
            statuses.push(clients[n % 2].get(path).await.unwrap().status);
        }
        assert_eq!(statuses, [200, 200, 200, 418, 200, 200, 200]);
        assert_eq!((rig.met("third"), rig.view().counts.requests), (1, 7));
    });
}

#[test]
fn the_first_rule_that_meets_a_request_acts() {
    run(async {
        let rig = Rig::new();
        rig.rule("z", teapot(&json!({"times": 1})));
        rig.rule("a", json!({"effect": {"change": {"status": 500}}}));
        let mut client = Client::connect(rig.address, Version::HTTP_11).await;
        let mut statuses = Vec::new();
        for _ in 0..3 {
            statuses.push(client.get("/").await.unwrap().status);
        }
        assert_eq!((statuses, rig.met("z"), rig.met("a")), (vec![418, 500, 500], 1, 2));
    });
}

#[test]
fn a_share_is_of_requests_and_the_same_in_every_run() {
    run(async {
        let mut runs = Vec::new();
        for _ in 0..2 {
            let rig = Rig::new();
            rig.rule("some", teapot(&json!({"share": 0.4})));
            let mut client = Client::connect(rig.address, Version::HTTP_11).await;
            let mut met = Vec::new();
            for _ in 0..200 {
                met.push(client.get("/").await.unwrap().status == 418);
            }
            let some = met.iter().filter(|met| **met).count();
            assert!((50..110).contains(&some), "{some}");
            assert_eq!(rig.met("some"), some as u64);
            runs.push(met);
        }
        assert_eq!(runs[0], runs[1]);
    });
}

#[test]
fn rules_come_change_and_go_while_a_connection_is_open() {
    run(async {
        for version in VERSIONS {
            let rig = Rig::new();
            let mut client = Client::connect(rig.address, version).await;
            assert_eq!(client.get("/").await.unwrap().status, 200);
            rig.rule("r", teapot(&json!({})));
            assert_eq!(client.get("/").await.unwrap().status, 418);
            let other = toxic("r", json!({"effect": {"answer": {"status": 503}}}));
            rig.links.replace_toxic("link", "r", other).unwrap();
            assert_eq!((client.get("/").await.unwrap().status, rig.met("r")), (503, 1));
            rig.links.remove_toxic("link", "r").unwrap();
            assert_eq!(client.get("/").await.unwrap().status, 200);
            assert!(rig.view().rules.is_empty());
        }
    });
}

#[test]
fn a_toxicity_leaves_whole_connections_alone() {
    run(async {
        let rig = Rig::new();
        rig.links.add_toxic("link", ToxicSpec { toxicity: 0.0, ..toxic("r", teapot(&json!({}))) }).unwrap();
        let mut client = Client::connect(rig.address, Version::HTTP_11).await;
        assert_eq!((client.get("/").await.unwrap().status, rig.met("r")), (200, 0));
    });
}

#[test]
fn toxics_of_streams_act_on_http_links_and_rules_on_no_others() {
    run(async {
        let rig = Rig::new();
        let latency = chaos_links::LatencyToxic { latency: 200, ..Default::default() };
        let latency = ToxicSpec::new(chaos_links::ToxicKind::Latency(latency), chaos_links::Direction::Downstream);
        rig.links.add_toxic("link", latency).unwrap();
        let mut client = Client::connect(rig.address, Version::HTTP_11).await;
        let began = std::time::Instant::now();
        assert_eq!(client.get("/").await.unwrap().status, 200);
        assert!(began.elapsed() >= std::time::Duration::from_millis(200));
        rig.links.create(&LinkSpec::new("tcp", "127.0.0.1:0", "127.0.0.1:1")).unwrap();
        let error = rig.links.add_toxic("tcp", toxic("r", teapot(&json!({})))).unwrap_err();
        assert!(matches!(error, LinkError::WrongProtocol("http", "tcp")), "{error}");
        let bad = toxic("r", json!({"effect": {"close": true, "cut": {"after_bytes": 1}}}));
        assert_eq!(
            rig.links.add_toxic("link", bad).unwrap_err().to_string(),
            "bad rule: `close` and `cut` exclude each other"
        );
    });
}

#[test]
fn presets_are_rules() {
    run(async {
        let rig = Rig::new();
        rig.rule("r", json!({"match": {"path": "/v1/*"}, "preset": "llm_rate_limited"}));
        let mut client = Client::connect(rig.address, Version::HTTP_11).await;
        let got = client.get("/v1/chat/completions").await.unwrap();
        assert_eq!((got.status, got.header("retry-after").is_some()), (429, true));
        assert_eq!((client.get("/other").await.unwrap().status, rig.met("r")), (200, 1));
    });
}
