//! Each effect does what it says, over HTTP/1.1 and HTTP/2, and what follows it on the connection is unharmed.

use std::time::{Duration, Instant};

use hyper::Version;
use serde_json::{Value, json};

use super::{Client, Rig, VERSIONS, request, run};
use crate::server::{EVENTS, binary};

/// A client on a link with one rule for `/hello` and the paths below `/x`.
async fn harmed(effect: Value, version: Version) -> (Rig, Client) {
    let rig = Rig::new();
    rig.effect(&effect);
    let client = Client::connect(rig.address, version).await;
    (rig, client)
}

/// The connection is as good as new.
async fn goes_on(rig: &Rig, client: &mut Client) {
    rig.links.remove_toxic("link", "rule").unwrap();
    let got = client.get("/after").await.unwrap();
    assert_eq!((got.status, got.text()), (200, "hello world"));
}

#[test]
fn a_delay_is_waited_for_before_the_server_gets_the_request() {
    run(async {
        for version in VERSIONS {
            let (rig, mut client) = harmed(json!({"delay": "300ms"}), version).await;
            let began = Instant::now();
            let got = client.get("/hello").await.unwrap();
            assert!(began.elapsed() >= Duration::from_millis(300), "{:?}", began.elapsed());
            assert_eq!((got.status, got.text()), (200, "hello world"));
            goes_on(&rig, &mut client).await;
        }
    });
}

#[test]
fn a_delay_ends_when_its_rule_goes() {
    run(async {
        let (rig, mut client) = harmed(json!({"delay": "1h"}), Version::HTTP_11).await;
        let asked = tokio::spawn(async move { (client.get("/hello").await, client) });
        while rig.met("rule") == 0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        assert_eq!(rig.server.times("/hello"), 0);
        rig.links.remove_toxic("link", "rule").unwrap();
        let (got, _) = asked.await.unwrap();
        assert_eq!(got.unwrap().text(), "hello world");
    });
}

#[test]
fn an_answer_stands_in_place_of_the_servers() {
    run(async {
        for version in VERSIONS {
            let effect = json!({"answer": {"status": 429, "headers": {"X-Limit": "0"}, "retry_after": "1500ms", "body": "slow down"}});
            let (rig, mut client) = harmed(effect, version).await;
            let got = client.ask(request("POST", "/hello", "x".repeat(100_000))).await.unwrap();
            assert_eq!((got.status, got.text()), (429, "slow down"));
            let shown = ["x-limit", "retry-after", "content-type", "content-length"].map(|name| got.header(name));
            assert_eq!(shown, [Some("0"), Some("2"), Some("text/plain; charset=utf-8"), Some("9")]);
            let head = client.ask(request("HEAD", "/hello", "")).await.unwrap();
            assert_eq!((head.status, head.text(), head.header("content-length")), (429, "", Some("9")));
            assert_eq!(rig.server.times("/hello"), 0);
            goes_on(&rig, &mut client).await;
        }
    });
}

#[test]
fn an_answer_after_the_server_lets_it_act_first() {
    run(async {
        for version in VERSIONS {
            let (rig, mut client) = harmed(json!({"answer": {"status": 503}, "after_server": true}), version).await;
            for n in 1..=3 {
                let got = client.ask(request("POST", "/medium", "order")).await.unwrap();
                assert_eq!((got.status, got.text(), rig.server.times("/medium")), (503, "", n));
            }
            assert_eq!(rig.server.last().body, b"order");
            goes_on(&rig, &mut client).await;
        }
    });
}

#[test]
fn close_ends_the_connection_before_or_after_the_server_acts() {
    run(async {
        for version in VERSIONS {
            for (effect, times) in [(json!({"close": true}), 0), (json!({"close": true, "after_server": true}), 1)] {
                let (rig, mut client) = harmed(effect, version).await;
                let error = client.get("/hello").await.unwrap_err();
                assert_eq!(rig.server.times("/hello"), times, "{version:?}");
                if version == Version::HTTP_2 {
                    // One stream is reset, and the others of the connection go on.
                    goes_on(&rig, &mut client).await;
                } else {
                    assert!(error.is_incomplete_message(), "{error:?}");
                    assert!(client.get("/hello").await.is_err());
                }
            }
        }
    });
}

#[test]
fn a_duplicate_reaches_the_server_twice_and_the_client_once() {
    run(async {
        for version in VERSIONS {
            let (rig, mut client) = harmed(json!({"duplicate": true}), version).await;
            let got = client.ask(request("POST", "/echo", "pay 5")).await.unwrap();
            assert_eq!((got.status, got.text()), (200, "pay 5"));
            rig.server.until("/echo", 2).await;
            let seen = rig.server.seen.lock().unwrap().clone();
            assert!(seen.iter().all(|seen| seen.body == b"pay 5" && seen.method == "POST"), "{seen:?}");
            goes_on(&rig, &mut client).await;
            assert_eq!(rig.server.times("/echo"), 2);
        }
    });
}

#[test]
fn a_duplicate_that_is_too_large_passes_once_and_does_not_count() {
    run(async {
        let (rig, mut client) = harmed(json!({"duplicate": true}), Version::HTTP_11).await;
        let large = binary(17 * 1024 * 1024);
        let got = client.ask(request("POST", "/echo", large.clone())).await.unwrap();
        assert!(got.body == large);
        goes_on(&rig, &mut client).await;
        assert_eq!((rig.server.times("/echo"), rig.view().counts.requests), (1, 2));
    });
}

#[test]
fn a_change_is_of_status_headers_and_body() {
    run(async {
        for version in VERSIONS {
            let change = json!({"status": 418, "set_headers": {"server": "teapot", "x-new": "1"}, "remove_headers": ["etag"], "body": "short"});
            let (rig, mut client) = harmed(json!({ "change": change }), version).await;
            let got = client.get("/hello").await.unwrap();
            assert_eq!((got.status, got.text()), (418, "short"));
            let shown = ["server", "x-new", "etag", "content-length"].map(|name| got.header(name));
            assert_eq!(shown, [Some("teapot"), Some("1"), None, Some("5")]);
            let streamed = client.get("/sse").await.unwrap();
            assert_eq!((streamed.text(), streamed.header("content-length")), ("short", Some("5")));
            let head = client.ask(request("HEAD", "/hello", "")).await.unwrap();
            assert_eq!((head.status, head.text()), (418, ""));
            goes_on(&rig, &mut client).await;
        }
    });
}

#[test]
fn a_change_of_the_status_alone_keeps_the_body() {
    run(async {
        for version in VERSIONS {
            let (rig, mut client) = harmed(json!({"change": {"status": 500}}), version).await;
            let got = client.get("/medium").await.unwrap();
            assert_eq!((got.status, got.body == binary(64 * 1024)), (500, true));
            rig.links.remove_toxic("link", "rule").unwrap();
            rig.effect(&json!({"change": {"status": 204}}));
            let got = client.get("/medium").await.unwrap();
            assert_eq!((got.status, got.body.len(), got.header("content-length")), (204, 0, None));
            goes_on(&rig, &mut client).await;
        }
    });
}

#[test]
fn corrupt_changes_a_share_of_the_bytes_and_no_more() {
    run(async {
        for version in VERSIONS {
            let (rig, mut client) = harmed(json!({"corrupt": 0.01}), version).await;
            let got = client.get("/medium").await.unwrap();
            let right = binary(64 * 1024);
            assert_eq!((got.status, got.body.len()), (200, right.len()));
            let wrong = got.body.iter().zip(&right).filter(|(a, b)| a != b).count();
            assert!((500..820).contains(&wrong), "{wrong}");
            goes_on(&rig, &mut client).await;
        }
    });
}

#[test]
fn a_cut_breaks_off_at_its_byte() {
    run(async {
        for version in VERSIONS {
            for (path, place, bytes) in [
                ("/hello", json!({"after_bytes": 0}), 0),
                ("/hello", json!({"after_bytes": 5}), 5),
                ("/medium", json!({"after_bytes": 40_000}), 40_000),
                ("/large", json!({"after_bytes": 3_000_000}), 3_000_000),
            ] {
                let (rig, mut client) = harmed(json!({ "cut": place }), version).await;
                let got = client.get(path).await.unwrap();
                assert_eq!((got.status, got.body.len()), (200, bytes), "{version:?} {path} {place}");
                assert!(got.broken.is_some(), "{version:?} {path} {place}");
                if version == Version::HTTP_2 {
                    goes_on(&rig, &mut client).await;
                }
            }
        }
    });
}

#[test]
fn a_cut_of_an_answer_of_the_rule_breaks_that_off() {
    run(async {
        for version in VERSIONS {
            let effect = json!({"answer": {"status": 200, "body": "0123456789"}, "cut": {"after_bytes": 4}});
            let (_rig, mut client) = harmed(effect, version).await;
            let got = client.get("/hello").await.unwrap();
            assert_eq!((got.text(), got.broken.is_some()), ("0123", true));
        }
    });
}

#[test]
fn a_stream_of_events_is_cut_behind_an_event() {
    run(async {
        for version in VERSIONS {
            for events in [0, 2, 3] {
                let (rig, mut client) = harmed(json!({"cut": {"after_events": events}}), version).await;
                let got = client.get("/sse").await.unwrap();
                assert_eq!((got.text(), got.broken.is_some()), (&*EVENTS[..events].concat(), true), "{version:?}");
                assert_eq!(rig.server.last().headers.get("accept-encoding"), None);
            }
            // Another type of body passes unharmed, and so does a stream of fewer.
            let (_rig, mut client) = harmed(json!({"cut": {"after_events": 9}}), version).await;
            assert_eq!(client.get("/sse").await.unwrap().text(), EVENTS.concat());
            assert_eq!(client.get("/hello").await.unwrap().text(), "hello world");
        }
    });
}

#[test]
fn events_need_an_answer_that_is_not_packed() {
    run(async {
        let (rig, mut client) = harmed(json!({"stall": {"after_events": 1, "lasts": "1ms"}}), Version::HTTP_11).await;
        let mut packed = request("GET", "/sse", "");
        packed.headers_mut().insert("accept-encoding", "gzip".parse().unwrap());
        assert_eq!(client.ask(packed.clone()).await.unwrap().text(), EVENTS.concat());
        assert_eq!(rig.server.last().headers.get("accept-encoding"), None);
        goes_on(&rig, &mut client).await;
        client.ask(packed).await.unwrap();
        assert_eq!(rig.server.last().headers.get("accept-encoding").unwrap(), "gzip");
    });
}

#[test]
fn a_stall_lasts_its_time() {
    run(async {
        for version in VERSIONS {
            for place in [json!({"after_bytes": 4, "lasts": "300ms"}), json!({"after_events": 0, "lasts": "300ms"})] {
                let (rig, mut client) = harmed(json!({ "stall": place }), version).await;
                let began = Instant::now();
                let got = client.get("/sse").await.unwrap();
                assert!(began.elapsed() >= Duration::from_millis(300), "{:?}", began.elapsed());
                assert_eq!((got.text(), got.broken.is_some()), (&*EVENTS.concat(), false));
                goes_on(&rig, &mut client).await;
            }
        }
    });
}

#[test]
fn a_stall_without_an_end_lasts_as_long_as_its_rule() {
    use http_body_util::BodyExt;
    run(async {
        for version in VERSIONS {
            let (rig, mut client) = harmed(json!({"stall": {"after_events": 2}}), version).await;
            let mut body = client.send(request("GET", "/sse", "")).await.unwrap().into_body();
            let (mut text, expected) = (Vec::new(), EVENTS[..2].concat());
            while text.len() < expected.len() {
                text.extend_from_slice(&body.frame().await.unwrap().unwrap().into_data().unwrap());
            }
            assert_eq!(text, expected.as_bytes());
            let more = tokio::time::timeout(Duration::from_millis(200), body.frame()).await;
            assert!(more.is_err(), "nothing comes while it stalls: {more:?}");
            rig.links.remove_toxic("link", "rule").unwrap();
            let rest = body.collect().await.unwrap().to_bytes();
            assert_eq!(rest, EVENTS[2..].concat());
            assert_eq!(client.get("/after").await.unwrap().text(), "hello world");
        }
    });
}

#[test]
fn a_client_that_leaves_ends_a_stall() {
    run(async {
        let (rig, mut client) = harmed(json!({"stall": {"after_bytes": 1}}), Version::HTTP_11).await;
        let answer = client.send(request("GET", "/hello", "")).await.unwrap();
        drop((answer, client));
        while rig.view().counts.open > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
}

#[test]
fn a_status_of_grpc_is_all_in_the_headers() {
    run(async {
        let effect = json!({"answer": {"grpc": {"code": 14, "message": "try again, 5 %"}}});
        let (rig, mut client) = harmed(effect, Version::HTTP_2).await;
        let mut call = request("POST", "/grpc", "\0\0\0\0\u{1}x");
        call.headers_mut().insert("content-type", "application/grpc+proto".parse().unwrap());
        let got = client.ask(call).await.unwrap();
        let shown = ["grpc-status", "grpc-message", "content-type"].map(|name| got.header(name));
        assert_eq!((got.status, got.body.len()), (200, 0));
        assert_eq!(shown, [Some("14"), Some("try again, 5 %25"), Some("application/grpc+proto")]);
        assert_eq!((got.trailers.is_none(), rig.server.times("/grpc")), (true, 0));
        goes_on(&rig, &mut client).await;
    });
}

#[test]
fn effects_of_one_rule_act_together() {
    run(async {
        let effect = json!({"delay": "50ms", "duplicate": true, "change": {"status": 502}, "cut": {"after_bytes": 3}});
        let (rig, mut client) = harmed(effect, Version::HTTP_11).await;
        let got = client.get("/hello").await.unwrap();
        assert_eq!((got.status, got.text(), got.broken.is_some()), (502, "hel", true));
        rig.server.until("/hello", 2).await;
    });
}
