use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::super::body::MOST_BYTES;
use super::client::{Client, frame, gzip};
use super::*;
use crate::span::AttributeValue;

const TRACES: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
const PROTOBUF: (&str, &str) = ("content-type", "application/x-protobuf");
const JSON: (&str, &str) = ("content-type", "application/json; charset=utf-8");
const GRPC: (&str, &str) = ("content-type", "application/grpc");
const GZIP: (&str, &str) = ("content-encoding", "gzip");
const GRPC_GZIP: (&str, &str) = ("grpc-encoding", "gzip");

type Headers<'a> = &'a [(&'a str, &'a str)];
/// Method, path, headers, body; status, and part of the answer.
type HttpRow<'a> = (&'a str, &'a str, Headers<'a>, &'a [u8], u16, &'a str);
/// Path, headers, body; status, and part of the message.
type GrpcRow<'a> = (&'a str, Headers<'a>, Vec<u8>, &'a str, &'a str);

#[tokio::test]
async fn each_protocol_and_encoding_arrives_as_the_same_span() {
    let up = Up::new().await;
    let request = request();
    let (protobuf, json) = (request.encode_to_vec(), serde_json::to_vec(&request).unwrap());
    let rows: [(&str, Headers<'_>, Vec<u8>); 6] = [
        ("/v1/traces", &[PROTOBUF], protobuf.clone()),
        ("/v1/traces", &[PROTOBUF, GZIP], gzip(&protobuf)),
        ("/v1/traces", &[JSON], json.clone()),
        ("/v1/traces", &[JSON, GZIP], gzip(&json)),
        (TRACES, &[GRPC], frame(false, &protobuf)),
        (TRACES, &[("content-type", "application/grpc+proto"), GRPC_GZIP], frame(true, &gzip(&protobuf))),
    ];
    for (sent, (path, headers, body)) in rows.into_iter().enumerate() {
        let grpc = path == TRACES;
        // OTLP/HTTP comes over either version.
        let mut client =
            if grpc || sent % 2 == 1 { Client::http2(up.port()).await } else { Client::http1(up.port()).await };
        let reply = client.send("POST", path, headers, body).await;
        assert_eq!(reply.status, 200, "{headers:?}");
        let content_type = reply.header("content-type").to_owned();
        if grpc {
            assert_eq!((reply.grpc(), content_type.as_str()), (("0", ""), "application/grpc"));
            assert_eq!(reply.trailers["grpc-status"], "0");
            assert_eq!(reply.body.as_ref(), frame(false, &[]));
        } else {
            assert!(headers[0].1.starts_with(&content_type), "{content_type}");
            let answer = if headers[0].1 == "application/x-protobuf" {
                ExportTraceServiceResponse::decode(reply.body).unwrap()
            } else {
                assert_eq!(reply.body.as_ref(), b"{}");
                ExportTraceServiceResponse::default()
            };
            assert_eq!(answer.partial_success, None);
        }
        assert_eq!(up.found().count, sent as u64 + 1, "{headers:?}");
    }
    let found = up.found();
    let (first, now) = (found.first.unwrap(), Moment::now(up.scope.cx().clock()));
    assert_eq!((first.service.as_str(), first.name.as_str()), ("n1", "disconnected"));
    assert_eq!((first.trace_id.to_string(), first.span_id.to_string()), ("07".repeat(16), "09".repeat(8)));
    assert!(first.start < first.arrival && first.arrival <= now, "{first:?}");
    let store = up.scope.cx().services().get::<SpanStore>();
    let text = |text: &'static str| AttributeValue::Text(text.into());
    let attributes = [
        ("peer".to_owned(), text("n3")),
        ("waited".to_owned(), AttributeValue::Int(7)),
        ("ratio".to_owned(), AttributeValue::Double(0.5)),
        ("last".to_owned(), AttributeValue::Bool(true)),
        ("list".to_owned(), AttributeValue::Json("[\"x\"]".into())),
        ("raw".to_owned(), text("ab01")),
        ("service.name".to_owned(), text("n1")),
    ];
    let ever = Window { from: Moment(i64::MIN), to: now };
    let query = SpanQuery {
        attributes: &attributes,
        status: Some(crate::span::SpanStatus::Error),
        duration_above: Some(std::time::Duration::from_millis(4)),
        ..SpanQuery::all(ever)
    };
    assert_eq!(store.find(query).count, 6);
}

#[tokio::test]
async fn each_mistake_is_answered_as_the_protocol_says() {
    let up = Up::new().await;
    let bomb = gzip(&vec![0; MOST_BYTES + 1]);
    let large = vec![0; MOST_BYTES + 1];
    let rows: &[HttpRow<'_>] = &[
        ("POST", "/v1/traces", &[PROTOBUF], b"\x0a\xff", 400, "invalid protobuf"),
        ("POST", "/v1/traces", &[JSON], b"{\"resourceSpans\":[", 400, "invalid JSON"),
        ("POST", "/v1/traces", &[JSON], b"", 400, "invalid JSON"),
        ("POST", "/v1/traces", &[JSON, GZIP], b"{}", 400, "invalid gzip"),
        ("POST", "/v1/traces", &[PROTOBUF, GZIP], &bomb, 413, "more than 16 MiB"),
        ("POST", "/v1/traces", &[PROTOBUF], &large, 413, "more than 16 MiB"),
        ("POST", "/v1/traces", &[("content-type", "text/plain")], b"", 415, "expected the content type"),
        ("POST", "/v1/traces", &[], b"", 415, "expected the content type"),
        ("POST", "/v1/traces", &[PROTOBUF, ("content-encoding", "br")], b"", 415, "expected the content encoding"),
        ("GET", "/v1/traces", &[], b"", 405, "expected POST"),
        ("POST", "/v1/spans", &[PROTOBUF], b"", 404, "nothing is taken in at `/v1/spans`"),
    ];
    for (method, path, headers, body, status, message) in rows {
        let reply = Client::http1(up.port()).await.send(method, path, headers, body.to_vec()).await;
        let text = String::from_utf8_lossy(&reply.body).into_owned();
        assert_eq!(reply.status, *status, "{headers:?} {text}");
        assert!(text.contains(message), "{text}");
        if *status == 400 || *status == 413 {
            // `google.rpc.Status`: the code is field 1, 3 is INVALID_ARGUMENT.
            let code = if *status == 400 { 3 } else { 8 };
            match headers[0] {
                PROTOBUF => assert_eq!(reply.body[..2], [8, code], "{text}"),
                _ => assert!(text.starts_with(&format!("{{\"code\":{code},")), "{text}"),
            }
            assert!(headers[0].1.starts_with(reply.header("content-type")));
        }
        assert_eq!(reply.header("allow"), if *status == 405 { "POST" } else { "" });
    }
    assert_eq!(up.found().missing.unwrap(), "the source `app` has lost spans of that time (6 in all)");
}

#[tokio::test]
async fn each_mistake_in_grpc_has_its_code() {
    let up = Up::new().await;
    let valid = request().encode_to_vec();
    let mut short = frame(false, &valid);
    short.pop();
    let huge = [0, 0xff, 0xff, 0xff, 0xff];
    let rows: Vec<GrpcRow<'_>> = vec![
        (TRACES, &[GRPC], frame(false, b"\x0a\xff"), "3", "invalid protobuf"),
        (TRACES, &[GRPC], Vec::new(), "3", "expected a message"),
        (TRACES, &[GRPC], short, "3", "expected one message of the length that it says"),
        (TRACES, &[GRPC], [frame(false, &valid), frame(false, &valid)].concat(), "3", "expected one message"),
        (TRACES, &[GRPC], frame(true, &gzip(&valid)), "3", "does not say how"),
        (TRACES, &[GRPC, GRPC_GZIP], frame(true, &valid), "3", "invalid gzip"),
        (TRACES, &[GRPC, GRPC_GZIP], frame(true, &gzip(&vec![0; MOST_BYTES + 1])), "8", "more than 16 MiB"),
        (TRACES, &[GRPC], huge.to_vec(), "8", "more than 16 MiB"),
        (
            TRACES,
            &[GRPC, ("grpc-encoding", "zstd")],
            frame(true, &valid),
            "12",
            "expected the encoding gzip or identity",
        ),
        (
            TRACES,
            &[("content-type", "application/grpc+json")],
            frame(false, b"{}"),
            "12",
            "expected messages in protobuf",
        ),
        ("/a.b/C%c3%a9", &[GRPC], frame(false, &valid), "12", "nothing is taken in at `/a.b/C%25c3%25a9`"),
    ];
    for (path, headers, body, code, message) in rows {
        let reply = Client::http2(up.port()).await.send("POST", path, headers, body).await;
        let (status, text) = reply.grpc();
        assert_eq!((reply.status, status), (200, code), "{headers:?} {text}");
        assert!(text.contains(message), "{text}");
    }
    assert_eq!(up.found().count, 0);
}

#[tokio::test]
async fn spans_that_can_not_be_kept_are_told_to_their_sender() {
    let up = Up::new().await;
    let mut request = request();
    let spans = &mut request.resource_spans[0].scope_spans[0].spans;
    let mut bad = vec![spans[0].clone(); 3];
    bad[0].trace_id = vec![0; 16];
    bad[1].span_id = vec![1; 7];
    bad[2].parent_span_id = vec![1; 9];
    spans.extend(bad);
    let body = serde_json::to_vec(&request).unwrap();
    let reply = Client::http1(up.port()).await.send("POST", "/v1/traces", &[JSON], body).await;
    let answer: serde_json::Value = serde_json::from_slice(&reply.body).unwrap();
    let want = json!({"rejectedSpans": 3, "errorMessage": "a trace id or span id of zeros"});
    assert_eq!((reply.status, &answer["partialSuccess"]), (200, &want));
    let found = up.found();
    assert_eq!((found.count, found.missing.is_some()), (1, true));
    let end = up.running.stop().await;
    assert_eq!((end.taken, end.dropped, end.detail.as_str()), (4, 3, "a trace id or span id of zeros"));
}

#[tokio::test]
async fn more_requests_than_can_be_held_are_told_to_come_again() {
    let up = Up::new().await;
    let mut held = Vec::new();
    for _ in 0..32 {
        let mut stream = TcpStream::connect(("127.0.0.1", up.port())).await.unwrap();
        let request_head = "POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 2\r\nexpect: 100-continue\r\n\r\n";
        stream.write_all(request_head.as_bytes()).await.unwrap();
        // It reads the body, so it counts.
        let mut answer = [0; 25];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 100 Continue\r\n\r\n");
        held.push(stream);
    }
    let body = serde_json::to_vec(&request()).unwrap();
    let mut client = Client::http1(up.port()).await;
    let reply = client.send("POST", "/v1/traces", &[JSON], body.clone()).await;
    assert_eq!((reply.status, reply.header("retry-after")), (503, "1"));
    let framed = frame(false, &request().encode_to_vec());
    let reply = Client::http2(up.port()).await.send("POST", TRACES, &[GRPC], framed).await;
    assert_eq!(reply.grpc().0, "14");
    let mut first = held.remove(0);
    first.write_all(b"{}").await.unwrap();
    let mut answer = [0; 64];
    let read = first.read(&mut answer).await.unwrap();
    assert!(String::from_utf8_lossy(&answer[..read]).contains("200 OK"));
    let reply = client.send("POST", "/v1/traces", &[JSON], body).await;
    assert_eq!((reply.status, up.found().count, up.found().missing), (200, 1, None));
}

#[tokio::test]
async fn a_node_gets_where_to_send_and_who_it_is() {
    let up = Up::new().await;
    let env = up.running.node_environment("n2");
    let of = |name: &str| env.get(name).map(String::as_str);
    assert_eq!(of("OTEL_EXPORTER_OTLP_ENDPOINT"), Some(format!("http://127.0.0.1:{}", up.port()).as_str()));
    assert_eq!(of("OTEL_SERVICE_NAME"), Some("n2"));
    assert_eq!(of("OTEL_RESOURCE_ATTRIBUTES"), Some("service.instance.id=n2"));
    assert_eq!(of("OTEL_BSP_SCHEDULE_DELAY"), Some("200"));
}

#[tokio::test]
async fn what_is_under_way_at_the_end_is_taken_in_and_the_port_is_free_again() {
    // None that the kernel gives to others once it is free.
    let port = chaos_host::free_ports(1).unwrap()[0].get();
    let up = Up::with(json!({"port": port})).await;
    let body = serde_json::to_vec(&request()).unwrap();
    let mut stream = TcpStream::connect(("127.0.0.1", up.port())).await.unwrap();
    let head = format!(
        "POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {}\r\nexpect: 100-continue\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.read_exact(&mut [0; 25]).await.unwrap();
    let (end, ()) = tokio::join!(up.running.stop(), async { stream.write_all(&body).await.unwrap() });
    assert_eq!((end.taken, end.dropped, end.detail.as_str()), (1, 0, ""));
    assert_eq!(up.found().missing.unwrap(), "the source `app` is down: it has been stopped");
    let again = Up::with(json!({"port": up.port()})).await;
    assert_eq!(again.port(), up.port());
    let taken: Otlp = parse(&json!({"port": again.port()})).unwrap();
    let error = Source::start(&taken, &SourceContext::new("b", up.scope.cx().clone())).await.unwrap_err().to_string();
    assert!(error.contains("listen for OTLP on port") && error.contains("in use"), "{error}");
}

#[test]
fn its_parameters_are_checked_and_its_plan_says_where_it_listens() {
    let refused = |keys| parse::<Otlp>(&keys).unwrap_err().pointer;
    assert_eq!(refused(json!({"port": 70_000})), "/port");
    assert_eq!(refused(json!({"max_spans": 0})), "/max_spans");
    assert_eq!(refused(json!({"endpoint": "x"})), "/endpoint");
    let cx = SourceContext::new("app", run_context().build());
    let plan = |keys| {
        let source: Otlp = parse(&keys).unwrap();
        let plan = tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(Source::plan(&source, &cx));
        plan.unwrap().summary
    };
    assert_eq!(plan(json!({})), "listen for OTLP on any free port of 127.0.0.1");
    assert_eq!(plan(json!({"port": 4318})), "listen for OTLP on port 4318 of 127.0.0.1");
}
