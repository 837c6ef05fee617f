use std::fs;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Instant;

use chaos_core::{Fault, Presence};
use chaos_tls::rustls::pki_types::ServerName;
use chaos_tls::rustls::{ClientConnection, StreamOwned};
use chaos_tls::{ClientTls, Trust, in_words};
use serde_json::{Value, json};

use super::*;
use crate::network::test_links::{HANG, Rig, contract_node, fault};
use crate::network::{BlackHole, SlowLink};

chaos_test::contract_subject!(HttpFault, |subjects| {
    let backend = Backend::start();
    let keys = json!({"upstream": backend.upstream(), "protocol": "http"});
    contract_node(subjects, keys);
    subjects.keep(backend);
    Ok(fault(json!({"target": {"link": "n1"}, "effect": {"answer": {"status": 503}}})))
});

/// A server: `/events` is a stream of five events, all else is ten digits.
struct Backend {
    port: u16,
    served: Arc<AtomicU32>,
}

impl Backend {
    fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let served = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&served);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let count = Arc::clone(&count);
                // A client that goes is what some faults are about.
                thread::spawn(move || serve(&stream, &count));
            }
        });
        Self { port, served }
    }

    fn upstream(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// How many requests there were since it was asked last.
    fn served(&self) -> u32 {
        self.served.swap(0, Ordering::SeqCst)
    }
}

fn serve(mut stream: &TcpStream, count: &AtomicU32) -> io::Result<()> {
    let (mut got, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        while let Some(end) = got.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            let head: Vec<u8> = got.drain(..end + 4).collect();
            count.fetch_add(1, Ordering::SeqCst);
            if head.starts_with(b"GET /events ") {
                stream.write_all(
                    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n",
                )?;
                for number in 0..5 {
                    stream.write_all(format!("9\r\ndata: {number}\n\n\r\n").as_bytes())?;
                }
                stream.write_all(b"0\r\n\r\n")?;
            } else {
                stream.write_all(b"HTTP/1.1 200 OK\r\netag: one\r\ncontent-length: 10\r\n\r\n0123456789")?;
            }
        }
        match stream.read(&mut buffer)? {
            0 => return Ok(()),
            read => got.extend(&buffer[..read]),
        }
    }
}

/// What a client got of an answer.
struct Got {
    head: String,
    body: String,
    /// Why it ended, where it was not by the end of the connection.
    error: Option<io::Error>,
    milliseconds: u128,
}

fn read_all(mut stream: impl Read + Write, path: &str) -> Got {
    let began = Instant::now();
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    let mut all = Vec::new();
    let asked = stream.write_all(request.as_bytes()).and_then(|()| stream.flush());
    let error = asked.and_then(|()| stream.read_to_end(&mut all)).err();
    let text = String::from_utf8_lossy(&all).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    Got { head: head.to_lowercase(), body: body.to_owned(), error, milliseconds: began.elapsed().as_millis() }
}

fn get(port: u16, path: &str, patience: Duration) -> Got {
    let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(patience)).unwrap();
    read_all(stream, path)
}

/// What comes up to some text and behind it, until nothing more comes for a while; whether it falls silent so.
fn falls_silent(port: u16, path: &str, behind: &str) -> (String, bool) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(HANG)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
    let (mut got, mut buffer) = (String::new(), [0; 4096]);
    loop {
        match stream.read(&mut buffer) {
            Ok(read @ 1..) => got.push_str(std::str::from_utf8(&buffer[..read]).unwrap()),
            Ok(_) => return (got, false),
            Err(error) => return (got, error.kind() == io::ErrorKind::WouldBlock),
        }
        if got.contains(behind) {
            stream.set_read_timeout(Some(WHILE)).unwrap();
        }
    }
}

async fn rig(backend: &Backend) -> Rig {
    let mut rig = Rig::start("http", &[]).await;
    rig.declare("api", json!({"upstream": backend.upstream(), "protocol": "http", "from": "a", "to": "b"})).await;
    rig
}

fn effect(effect: &Value) -> HttpFault {
    fault(json!({"target": {"link": "api"}, "effect": effect}))
}

const WHILE: Duration = Duration::from_millis(500);

#[tokio::test(flavor = "multi_thread")]
async fn answers_in_place_of_the_server_and_behind_it() {
    let backend = Backend::start();
    let rig = rig(&backend).await;
    let port = rig.port("api");
    let limited =
        json!({"answer": {"status": 429, "retry_after": "2s", "headers": {"x-team": "a"}, "body": "slow down"}});
    let seen = rig
        .inject(&effect(&limited), || {
            let got = get(port, "/", HANG);
            assert!(got.head.starts_with("http/1.1 429") && got.head.contains("retry-after: 2"), "{}", got.head);
            assert!(got.head.contains("x-team: a") && got.body == "slow down", "{} {}", got.head, got.body);
            assert_eq!(backend.served(), 0);
        })
        .await;
    assert!(seen.contains("the server did not get it, it was answered 429 (it has met 0 requests of users"), "{seen}");
    rig.inject(&effect(&json!({"answer": {}, "after_server": true})), || {
        assert!(get(port, "/", HANG).head.starts_with("http/1.1 503"));
        assert_eq!(backend.served(), 1);
    })
    .await;
    rig.inject(&effect(&json!({"close": true})), || {
        assert_eq!((get(port, "/", HANG).head.as_str(), backend.served()), ("", 0));
    })
    .await;
    let got = get(port, "/", HANG);
    assert!(got.head.starts_with("http/1.1 200") && got.body == "0123456789", "{} {}", got.head, got.body);
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn late_twice_and_changed_answers() {
    let backend = Backend::start();
    let rig = rig(&backend).await;
    let port = rig.port("api");
    rig.inject(&effect(&json!({"delay": "300ms"})), || {
        let got = get(port, "/", HANG);
        assert!(got.milliseconds >= 300 && got.body == "0123456789", "{}", got.milliseconds);
    })
    .await;
    backend.served();
    rig.inject(&effect(&json!({"duplicate": true})), || {
        assert_eq!(get(port, "/", HANG).body, "0123456789");
        let began = Instant::now();
        while backend.served.load(Ordering::SeqCst) < 2 {
            assert!(began.elapsed() < HANG, "the server got it once");
            chaos_host::moment();
        }
    })
    .await;
    let change = json!({"status": 404, "set_headers": {"x-new": "1"}, "remove_headers": ["etag"], "body": "gone"});
    rig.inject(&effect(&json!({"change": change})), || {
        let got = get(port, "/", HANG);
        assert!(got.head.starts_with("http/1.1 404") && got.head.contains("x-new: 1"), "{}", got.head);
        assert!(!got.head.contains("etag") && got.body == "gone", "{} {}", got.head, got.body);
    })
    .await;
    rig.inject(&effect(&json!({"corrupt": 1})), || {
        let body = get(port, "/", HANG).body;
        assert!(body != "0123456789" && !body.is_empty(), "{body}");
    })
    .await;
    let grpc = effect(&json!({"answer": {"grpc": {"code": 14, "message": "away"}}}));
    let seen = rig.inject(&grpc, || assert!(get(port, "/", HANG).head.contains("grpc-status: 14"))).await;
    assert!(seen.contains("`grpc-status` 14"), "{seen}");
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_end_or_fall_silent_inside() {
    let backend = Backend::start();
    let rig = rig(&backend).await;
    let port = rig.port("api");
    rig.inject(&effect(&json!({"cut": {"after_bytes": 4}})), || assert_eq!(get(port, "/", HANG).body, "0123")).await;
    rig.inject(&effect(&json!({"cut": {"after_events": 2}})), || {
        let body = get(port, "/events", HANG).body;
        assert!(body.contains("data: 1") && !body.contains("data: 2"), "{body}");
    })
    .await;
    let stall = effect(&json!({"stall": {"after_events": 3}}));
    rig.inject(&stall, || {
        let (got, is_silent) = falls_silent(port, "/events", "data: 2");
        assert!(is_silent && got.contains("data: 2") && !got.contains("data: 3"), "{got}");
    })
    .await;
    assert!(get(port, "/events", HANG).body.contains("data: 4"));
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_fits_is_met_and_counted() {
    let backend = Backend::start();
    let rig = rig(&backend).await;
    let port = rig.port("api");
    let keys =
        json!({"target": {"link": "api"}, "match": {"path": "/v1/*", "from": 2, "times": 1}, "effect": {"answer": {}}});
    let rule: HttpFault = fault(keys);
    rig.inject(&rule, || {
        let statuses = ["/v1/a", "/other", "/v1/b", "/v1/c"].map(|path| get(port, path, HANG).head[9..12].to_owned());
        assert_eq!(statuses, ["200", "200", "503", "200"]);
    })
    .await;
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_that_clients_refuse() {
    let backend = Backend::start();
    let mut rig = rig(&backend).await;
    rig.declare("tls", json!({"upstream": backend.upstream(), "protocol": "http", "tls": {"clients": true}})).await;
    let (port, ca) = (rig.port("tls"), rig.dir("tls").join("ca.pem"));
    assert!(fs::read_to_string(&ca).unwrap().contains("BEGIN CERTIFICATE"));
    let ask = || {
        let tls = ClientTls { trust: Trust::File(ca.clone()), ..ClientTls::http1(true) };
        let name = ServerName::try_from("localhost").unwrap();
        let client = ClientConnection::new(Arc::new(tls.config().unwrap()), name).unwrap();
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(HANG)).unwrap();
        read_all(StreamOwned::new(client, stream), "/")
    };
    assert!(ask().head.starts_with("http/1.1 200"));
    for (certificate, words) in [("expired", "has expired"), ("wrong_name", "not for `localhost`"), ("untrusted", "")] {
        let shows: HttpFault = fault(json!({"target": {"link": "tls"}, "effect": {"certificate": certificate}}));
        rig.inject(&shows, || {
            let got = ask();
            let why = in_words(&got.error.unwrap());
            assert!(got.head.is_empty() && why.contains(words), "{certificate}: {why}");
        })
        .await;
        assert!(ask().head.starts_with("http/1.1 200"), "{certificate}");
    }
    let status: HttpFault = fault(json!({"target": {"link": "tls"}, "effect": {"answer": {"status": 500}}}));
    rig.inject(&status, || assert!(ask().head.starts_with("http/1.1 500"))).await;
    let why = rig.refused(&effect(&json!({"certificate": "expired"}))).await;
    assert!(why.contains("shows its clients no certificate"), "{why}");
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_speaks_tls_with_a_server_whose_ca_it_is_told() {
    let backend = Backend::start();
    let mut rig = rig(&backend).await;
    rig.declare("inner", json!({"upstream": backend.upstream(), "protocol": "http", "tls": {"clients": true}})).await;
    let (upstream, ca) = (format!("localhost:{}", rig.port("inner")), rig.dir("inner").join("ca.pem"));
    rig.declare("outer", json!({"upstream": upstream, "protocol": "http", "tls": {"server": true, "ca_file": ca}}))
        .await;
    assert_eq!(get(rig.port("outer"), "/", HANG).body, "0123456789");
    let expired: HttpFault = fault(json!({"target": {"link": "inner"}, "effect": {"certificate": "expired"}}));
    rig.inject(&expired, || assert!(!get(rig.port("outer"), "/", HANG).head.starts_with("http/1.1 200"))).await;
    let closes: HttpFault = fault(json!({"target": {"link": "outer"}, "effect": {"close": true}}));
    rig.inject(&closes, || assert_eq!(get(rig.port("outer"), "/", HANG).head, "")).await;
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_on_streams_act_on_links_of_http_too() {
    let backend = Backend::start();
    let rig = rig(&backend).await;
    let port = rig.port("api");
    let slow: SlowLink = fault(json!({"target": {"link": "api"}, "latency": "150ms"}));
    rig.inject(&slow, || assert!(get(port, "/", HANG).milliseconds >= 300)).await;
    let hole: BlackHole = fault(json!({"target": {"link": "api"}}));
    rig.inject(&hole, || assert_eq!(get(port, "/", WHILE).head, "")).await;
    assert_eq!(get(port, "/", HANG).body, "0123456789");
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn presets_show_what_they_say() {
    let backend = Backend::start();
    let rig = rig(&backend).await;
    for preset in HttpPreset::ALL {
        let fault: HttpFault = fault(json!({"target": {"link": "api"}, "preset": preset}));
        let seen = rig.inject(&fault, || {}).await;
        assert!(seen.contains("a request of ours: "), "{preset:?}: {seen}");
    }
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_without_the_rule_or_without_http_is_told() {
    let backend = Backend::start();
    let mut rig = rig(&backend).await;
    rig.declare("tcp", json!({"upstream": backend.upstream()})).await;
    let rule = effect(&json!({"answer": {}}));
    let seen = rule.witness(&rig.cx).await;
    assert_eq!(seen.presence, Presence::Absent, "{seen:?}");
    for (keys, why) in [
        (json!({"target": {"link": "tcp"}, "effect": {"answer": {}}}), "only with `protocol: http`"),
        (json!({"target": {"link": "api"}, "effect": {}}), "does nothing"),
        (json!({"target": {"link": "api"}, "effect": {"close": true, "answer": {}}}), "`close` and `answer`"),
        (
            json!({"target": {"link": "api"}, "effect": {"certificate": "expired", "close": true}}),
            "an entry of its own",
        ),
    ] {
        let told = rig.refused(&fault::<HttpFault>(keys.clone())).await;
        assert!(told.contains(why), "{keys}: {told}");
    }
    rig.end().await;
}

#[test]
fn exactly_one_of_effect_and_preset_is_told_and_the_name_is_the_rule() {
    for keys in [
        json!({"target": {"link": "a"}}),
        json!({"target": {"link": "a"}, "effect": {"close": true}, "preset": "tool_error"}),
        json!({"target": {"link": "a"}, "effect": {"wrong": true}}),
        json!({"target": {"link": "a"}, "preset": "nothing"}),
    ] {
        assert!(serde_json::from_value::<HttpFault>(keys.clone()).is_err(), "{keys}");
    }
    let (one, two) = (effect(&json!({"close": true})), effect(&json!({"delay": "1s"})));
    let name = one.name().unwrap();
    assert_eq!((name.len(), &name[..5], &name), (13, "http-", &one.clone().name().unwrap()));
    assert_ne!(name, two.name().unwrap());
}
