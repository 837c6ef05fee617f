//! More than a plain request and its answer passes unharmed: WebSocket, gRPC, large bodies, many requests at once.

use bytes::Bytes;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use hyper::client::conn::http2;
use hyper::{Request, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{Client, Rig, VERSIONS, request, run};
use crate::server::{EVENTS, binary};

#[test]
fn a_connection_that_is_upgraded_is_passed_through() {
    run(async {
        let rig = Rig::new();
        rig.rule("r", serde_json::json!({"match": {"path": "/other"}, "effect": {"close": true}}));
        let mut stream = TcpStream::connect(rig.address).await.unwrap();
        let head =
            "GET /websocket HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\nfirst";
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut got = Vec::new();
        while !got.ends_with(b"first") {
            let read = stream.read_buf(&mut got).await.unwrap();
            assert!(read > 0, "{:?}", String::from_utf8_lossy(&got));
        }
        let head = String::from_utf8_lossy(&got).to_ascii_lowercase();
        assert!(head.starts_with("http/1.1 101 "), "{head}");
        assert!(head.contains("upgrade: websocket") && head.contains("connection: upgrade"), "{head}");
        for frame in [binary(1), binary(70_000)] {
            let (mut reader, mut writer) = stream.split();
            let mut back = vec![0; frame.len()];
            let (sent, read) = tokio::join!(writer.write_all(&frame), reader.read_exact(&mut back));
            sent.unwrap();
            read.unwrap();
            assert!(back == frame);
        }
        // Each side's end is passed on.
        stream.shutdown().await.unwrap();
        assert_eq!(stream.read_to_end(&mut Vec::new()).await.unwrap(), 0);
    });
}

#[test]
fn both_ways_of_a_stream_of_http_2_are_open_at_once() {
    run(async {
        let rig = Rig::new();
        let io = TokioIo::new(TcpStream::connect(rig.address).await.unwrap());
        let (mut sender, connection) = http2::handshake(TokioExecutor::new(), io).await.unwrap();
        tokio::spawn(connection);
        let (pieces, mut to_send) = tokio::sync::mpsc::channel::<Result<Frame<Bytes>, std::convert::Infallible>>(1);
        let body = StreamBody::new(futures_util::stream::poll_fn(move |cx| to_send.poll_recv(cx)));
        let call = Request::post("http://service.test/echo-frames").header("te", "trailers").body(body).unwrap();
        let mut answer = sender.send_request(call).await.unwrap().into_body();
        for n in 0..50_u8 {
            // The next piece is sent when the one before it has come back.
            let piece = Bytes::from(vec![n; 1000]);
            pieces.send(Ok(Frame::data(piece.clone()))).await.unwrap();
            let mut back = Vec::new();
            while back.len() < piece.len() {
                back.extend_from_slice(&answer.frame().await.unwrap().unwrap().into_data().unwrap());
            }
            assert_eq!(back, piece);
        }
        let mut trailers = hyper::HeaderMap::new();
        trailers.insert("x-end", "1".parse().unwrap());
        pieces.send(Ok(Frame::trailers(trailers.clone()))).await.unwrap();
        drop(pieces);
        assert_eq!(answer.frame().await.unwrap().unwrap().into_trailers().unwrap(), trailers);
        assert!(answer.frame().await.is_none());
    });
}

#[test]
fn a_call_of_grpc_keeps_its_trailers() {
    run(async {
        let rig = Rig::new();
        let mut client = Client::connect(rig.address, Version::HTTP_2).await;
        let mut call = request("POST", "/grpc", "\0\0\0\0\u{1}x");
        call.headers_mut().insert("te", "trailers".parse().unwrap());
        let got = client.ask(call).await.unwrap();
        assert_eq!((got.status, got.text()), (200, "\0\0\0\0\u{1}x"));
        assert_eq!(got.trailers.unwrap()["grpc-status"], "0");
        assert_eq!(rig.server.last().headers["te"], "trailers");
        let refused = client.get("/grpc-refused").await.unwrap();
        assert_eq!((refused.header("grpc-status"), refused.body.len()), (Some("7"), 0));
    });
}

#[test]
fn calls_of_tonic_pass_unharmed() {
    use tonic_health::pb::HealthCheckRequest;
    use tonic_health::pb::health_client::HealthClient;
    run(async {
        let (reporter, service) = tonic_health::server::health_reporter();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let incoming = tonic::transport::server::TcpIncoming::from(listener);
        tokio::spawn(tonic::transport::Server::builder().add_service(service).serve_with_incoming(incoming));
        let rig = Rig::to(crate::server::Server::start(), address, chaos_links::LinkTls::default());
        let to_link = tonic::transport::Endpoint::from_shared(format!("http://{}", rig.address)).unwrap();
        let mut client = HealthClient::new(to_link.connect().await.unwrap());
        let asked = |service: &str| HealthCheckRequest { service: service.to_owned() };
        assert_eq!(client.check(asked("")).await.unwrap().into_inner().status, 1);
        let unknown = client.check(asked("unknown")).await.unwrap_err();
        assert_eq!(unknown.code(), tonic::Code::NotFound);
        let mut watched = client.watch(asked("")).await.unwrap().into_inner();
        assert_eq!(watched.message().await.unwrap().unwrap().status, 1);
        reporter.set_service_status("", tonic_health::ServingStatus::NotServing).await;
        assert_eq!(watched.message().await.unwrap().unwrap().status, 2);
        rig.rule("r", serde_json::json!({"match": {"times": 1}, "effect": {"answer": {"grpc": {"code": 14, "message": "später"}}}}));
        let told = client.check(asked("")).await.unwrap_err();
        assert_eq!((told.code(), told.message()), (tonic::Code::Unavailable, "später"));
        assert_eq!(client.check(asked("")).await.unwrap().into_inner().status, 2);
    });
}

#[test]
fn a_stream_of_events_comes_event_by_event() {
    run(async {
        for version in VERSIONS {
            let rig = Rig::new();
            let mut client = Client::connect(rig.address, version).await;
            let got = client.get("/sse").await.unwrap();
            assert_eq!((got.text(), got.header("content-type")), (&*EVENTS.concat(), Some("text/event-stream")));
        }
    });
}

#[test]
fn large_bodies_are_the_same_bytes_both_ways() {
    run(async {
        for version in VERSIONS {
            let rig = Rig::new();
            let mut client = Client::connect(rig.address, version).await;
            for size in [64 * 1024, 32 * 1024 * 1024] {
                let body = binary(size);
                let got = client.ask(request("POST", "/echo", body.clone())).await.unwrap();
                assert!(got.body == body, "{version:?} {size}: {}", got.body.len());
            }
        }
    });
}

#[test]
fn five_hundred_requests_at_once_each_get_their_answer() {
    run(async {
        let rig = Rig::new();
        let shared = Client::connect(rig.address, Version::HTTP_2).await;
        let Client::Two(shared) = shared else { return };
        let mut asked = tokio::task::JoinSet::new();
        for n in 0..500 {
            let (shared, address) = (shared.clone(), rig.address);
            asked.spawn(async move {
                let mut client =
                    if n % 2 == 0 { Client::Two(shared) } else { Client::connect(address, Version::HTTP_11).await };
                let body = format!("{n} ").repeat(2000);
                let got = client.ask(request("POST", "/echo", body.clone())).await.unwrap();
                assert_eq!(got.text(), body);
            });
        }
        asked.join_all().await;
        assert_eq!((rig.server.times("/echo"), rig.view().counts.requests), (500, 500));
    });
}

#[test]
fn streams_that_stall_leave_the_others_of_their_connection_alone() {
    run(async {
        let rig = Rig::new();
        rig.rule("r", serde_json::json!({"match": {"path": "/large"}, "effect": {"stall": {"after_bytes": 1}}}));
        let Client::Two(sender) = Client::connect(rig.address, Version::HTTP_2).await else { return };
        let mut stalled = Vec::new();
        for _ in 0..20 {
            stalled.push(sender.clone().send_request(request("GET", "/large", "")).await.unwrap());
        }
        let got = Client::Two(sender).get("/medium").await.unwrap();
        assert!(got.body == binary(64 * 1024));
        drop(stalled);
    });
}

#[test]
fn requests_that_come_in_one_piece_are_answered_in_their_order() {
    run(async {
        let rig = Rig::new();
        let mut stream = TcpStream::connect(rig.address).await.unwrap();
        let echo = |n: u32| format!("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n{n:03}");
        let mut all = (0..20).map(echo).collect::<Vec<String>>().concat();
        all += "GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
        stream.write_all(all.as_bytes()).await.unwrap();
        let mut got = String::new();
        stream.read_to_string(&mut got).await.unwrap();
        let answers: Vec<&str> =
            got.split("\r\n\r\n").skip(1).map(|rest| rest.split("HTTP/1.1").next().unwrap()).collect();
        let expected: Vec<String> = (0..20).map(|n| format!("{n:03}")).chain(["hello world".to_owned()]).collect();
        assert_eq!(answers, expected);
    });
}

#[test]
fn a_body_is_asked_for_when_the_server_asks() {
    run(async {
        let rig = Rig::new();
        let mut stream = TcpStream::connect(rig.address).await.unwrap();
        let head =
            "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\nConnection: close\r\n\r\n";
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut got = vec![0; 25];
        stream.read_exact(&mut got).await.unwrap();
        assert_eq!(String::from_utf8_lossy(&got), "HTTP/1.1 100 Continue\r\n\r\n");
        stream.write_all(b"12345").await.unwrap();
        let mut rest = String::new();
        stream.read_to_string(&mut rest).await.unwrap();
        assert!(rest.starts_with("HTTP/1.1 200 OK\r\n") && rest.ends_with("\r\n\r\n12345"), "{rest}");
        assert_eq!(rig.server.last().headers["expect"], "100-continue");
    });
}
