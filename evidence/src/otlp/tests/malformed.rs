//! Ten thousand requests that are wrong in some way, over real connections.

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message;
use serde_json::Value;

use super::client::{Client, Reply, frame, gzip};
use super::*;

const REQUESTS: usize = 10_000;
const SERVICE: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

/// Numbers that come in the same order each time (xorshift).
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % most.max(1) as u64).unwrap()
    }
}

/// Spoils bytes: flips, cuts, repeats, and lengths that lie.
fn spoil(bytes: &mut Vec<u8>, dice: &mut Dice) {
    for _ in 0..=dice.below(3) {
        let at = dice.below(bytes.len() + 1);
        let end = (at + dice.below(40)).min(bytes.len());
        match dice.below(6) {
            0 => bytes.truncate(at),
            1 => drop(bytes.drain(at..end)),
            2 => {
                let piece = bytes[at..end].to_vec();
                bytes.splice(at..at, piece);
            }
            3 => bytes.splice(at..at, [0xff, 0xff, 0xff, 0xff, 0x0f]).for_each(drop),
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << dice.below(8);
                }
            }
        }
    }
}

/// Puts something else in the place of some part of a document.
fn spoil_tree(value: &mut Value, dice: &mut Dice) {
    let inside = match value {
        Value::Array(items) if dice.below(5) > 0 => items.iter_mut().collect(),
        Value::Object(map) if dice.below(5) > 0 => map.values_mut().collect(),
        _ => Vec::new(),
    };
    let chosen = dice.below(inside.len());
    match inside.into_iter().nth(chosen) {
        Some(part) => spoil_tree(part, dice),
        None => {
            *value = match dice.below(9) {
                0 => Value::Null,
                1 => json!(-1),
                2 => json!(1e308),
                3 => json!("18446744073709551616"),
                4 => json!("\u{0}é"),
                5 => json!([]),
                6 => json!({"unknown": {"a": [1]}}),
                7 => (0..dice.below(300)).fold(json!(1), |inner, _| json!({"arrayValue": {"values": [inner]}})),
                _ => json!("x".repeat(dice.below(5_000))),
            }
        }
    }
}

/// What the answer to a request must be.
enum Want {
    /// As its body is: taken in, or refused because it can't be read or is too large.
    Read,
    /// With this status, whatever its body is.
    Exactly(&'static str),
}

struct Sent {
    path: &'static str,
    headers: Vec<(&'static str, &'static str)>,
    body: Vec<u8>,
    want: Want,
}

fn over_http(valid: &ExportTraceServiceRequest, dice: &mut Dice) -> Sent {
    let json = dice.below(2) == 0;
    let mut body = if json {
        let mut tree = serde_json::to_value(valid).unwrap();
        spoil_tree(&mut tree, dice);
        tree.to_string().into_bytes()
    } else {
        valid.encode_to_vec()
    };
    if !json || dice.below(3) == 0 {
        spoil(&mut body, dice);
    }
    let mut headers = vec![("content-type", if json { "application/json" } else { "application/x-protobuf" })];
    let mut want = Want::Read;
    match dice.below(8) {
        0 | 1 => {
            body = gzip(&body);
            headers.push(("content-encoding", "gzip"));
            if dice.below(2) == 0 {
                body.truncate(dice.below(body.len()));
                want = Want::Exactly("400");
            }
        }
        2 => {
            headers[0].1 = ["text/plain", "application/grpc", "", "application/json2"][dice.below(4)];
            want = Want::Exactly("415");
        }
        3 => {
            headers.push(("content-encoding", ["br", "zstd", "gzip, gzip"][dice.below(3)]));
            want = Want::Exactly("415");
        }
        _ => {}
    }
    Sent { path: "/v1/traces", headers, body, want }
}

fn over_grpc(valid: &ExportTraceServiceRequest, dice: &mut Dice) -> Sent {
    let mut message = valid.encode_to_vec();
    spoil(&mut message, dice);
    let mut headers = vec![("content-type", "application/grpc")];
    let packed = dice.below(3) == 0;
    if packed {
        message = gzip(&message);
        headers.push(("grpc-encoding", "gzip"));
    }
    let mut body = frame(packed, &message);
    let mut want = Want::Read;
    match dice.below(8) {
        0 => {
            body.truncate(dice.below(body.len()));
            want = Want::Exactly("3");
        }
        1 => {
            body[0] = 2;
            want = Want::Exactly("3");
        }
        2 => {
            headers.retain(|(name, _)| *name != "grpc-encoding");
            headers.push(("grpc-encoding", "snappy"));
            want = Want::Exactly("12");
        }
        3 => spoil(&mut body, dice),
        _ => {}
    }
    Sent { path: SERVICE, headers, body, want }
}

/// The status of an answer, once it is shown to be one that the protocol knows.
fn judged(sent: &Sent, reply: &Reply) -> String {
    let grpc = sent.path == SERVICE;
    let status = if grpc { reply.grpc().0.to_owned() } else { reply.status.to_string() };
    let known: &[&str] = if grpc { &["0", "3", "8", "12"] } else { &["200", "400", "413", "415"] };
    assert!(known.contains(&status.as_str()), "{status} {:?}", sent.headers);
    match (grpc, status.as_str()) {
        (true, "0") => {
            let answer = ExportTraceServiceResponse::decode(&reply.body[5..]).unwrap();
            assert!(answer.partial_success.is_none_or(|partial| partial.rejected_spans > 0));
        }
        (true, _) => assert!(!reply.grpc().1.is_empty()),
        (false, "415") => assert!(!reply.body.is_empty()),
        (false, status) => {
            assert_eq!(reply.header("content-type"), sent.headers[0].1);
            let json = sent.headers[0].1 == "application/json";
            match (status, json) {
                ("200", true) if reply.body.as_ref() == b"{}" => {}
                ("200", true) => drop(serde_json::from_slice::<ExportTraceServiceResponse>(&reply.body).unwrap()),
                ("200", false) => drop(ExportTraceServiceResponse::decode(reply.body.clone()).unwrap()),
                (_, true) => {
                    let status: Value = serde_json::from_slice(&reply.body).unwrap();
                    assert!(status["code"].is_i64() && status["message"].is_string(), "{status}");
                }
                (_, false) => assert_eq!(reply.body[0], 8, "no `google.rpc.Status`"),
            }
        }
    }
    status
}

#[tokio::test]
async fn ten_thousand_malformed_requests_are_each_answered_as_the_protocol_says() {
    let up = Up::new().await;
    let (mut http1, mut http2) = (Client::http1(up.port()).await, Client::http2(up.port()).await);
    let (valid, mut dice) = (request(), Dice(0x5eed_5eed));
    let mut answers: BTreeMap<String, usize> = BTreeMap::new();
    for _ in 0..REQUESTS {
        let grpc = dice.below(2) == 0;
        let sent = if grpc { over_grpc(&valid, &mut dice) } else { over_http(&valid, &mut dice) };
        let client = if grpc { &mut http2 } else { &mut http1 };
        let reply = client.send("POST", sent.path, &sent.headers, sent.body.clone()).await;
        let status = judged(&sent, &reply);
        if let Want::Exactly(want) = sent.want {
            assert_eq!(status, want, "{:?}", sent.headers);
        }
        *answers.entry(format!("{} {status}", if grpc { "grpc" } else { "http" })).or_default() += 1;
    }
    assert_eq!(answers.values().sum::<usize>(), REQUESTS);
    for kind in ["grpc 0", "grpc 3", "grpc 12", "http 200", "http 400", "http 415"] {
        assert!(answers[kind] > REQUESTS / 100, "{answers:?}");
    }
    // It is still there, and still reads what is right.
    let before = up.found().count;
    let body = valid.encode_to_vec();
    let reply = http1.send("POST", "/v1/traces", &[("content-type", "application/x-protobuf")], body).await;
    assert_eq!((reply.status, up.found().count), (200, before + 1));
}
