use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTracePartialSuccess;

use super::super::run_trace_spans::{RunSpan, RunSpanStatus};
use super::*;

/// Head and body of each request.
type Requests = Arc<Mutex<Vec<(String, Vec<u8>)>>>;

/// A receiver that gives these answers, one a connection, and keeps heads and bodies.
fn receiver(answers: Vec<(&'static str, Vec<u8>)>) -> (SocketAddr, Requests) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, seen) = (listener.local_addr().unwrap(), Arc::default());
    let kept: Requests = Arc::clone(&seen);
    std::thread::spawn(move || {
        for (status, body) in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let (mut head, mut byte) = (Vec::new(), [0]);
            while !head.ends_with(b"\r\n\r\n") {
                stream.read_exact(&mut byte).unwrap();
                head.push(byte[0]);
            }
            let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
            let length = head.split("content-length: ").nth(1).unwrap().split("\r\n").next().unwrap().parse().unwrap();
            let mut sent = vec![0; length];
            stream.read_exact(&mut sent).unwrap();
            kept.lock().unwrap().push((head, sent));
            let head = format!(
                "HTTP/1.1 {status}\r\nRetry-After: 0\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
                body.len()
            );
            stream.write_all(&[head.as_bytes(), &body].concat()).unwrap();
        }
    });
    (address, seen)
}

fn run() -> TracedRun {
    let span = RunSpan {
        id: 1,
        parent: None,
        name: "run".into(),
        start: 1,
        end: 2,
        attributes: Vec::new(),
        events: Vec::new(),
        links: Vec::new(),
        status: RunSpanStatus::Ok,
    };
    TracedRun { trace_id: 1, run_id: "r".into(), version: "0".into(), spans: vec![span] }
}

#[tokio::test]
async fn a_receiver_gets_the_official_message_at_the_path_of_the_standard() {
    let (address, seen) = receiver(vec![("200 OK", Vec::new())]);
    let endpoint = OtlpEndpoint::new(&format!("http://{address}")).unwrap();
    assert_eq!(endpoint.send(&run()).await.unwrap(), 1);
    let (head, body) = seen.lock().unwrap()[0].clone();
    assert!(
        head.starts_with("post /v1/traces http/1.1") && head.contains("content-type: application/x-protobuf"),
        "{head}"
    );
    assert_eq!(ExportTraceServiceRequest::decode(body.as_slice()).unwrap(), trace_requests(&run())[0]);
}

#[tokio::test]
async fn what_may_pass_is_tried_again_and_then_given_up() {
    let (address, seen) = receiver(vec![("503 X", Vec::new()), ("429 X", Vec::new()), ("200 OK", Vec::new())]);
    let endpoint = OtlpEndpoint::new(&format!("http://{address}/own/path")).unwrap();
    endpoint.send(&run()).await.unwrap();
    assert_eq!(seen.lock().unwrap().len(), 3);
    assert!(seen.lock().unwrap()[2].0.starts_with("post /own/path http/1.1"));
    let (address, seen) = receiver(vec![("503 X", Vec::new()); 4]);
    let error = OtlpEndpoint::new(&format!("http://{address}")).unwrap().send(&run()).await.unwrap_err().to_string();
    assert!(error.ends_with("answered 503 Service Unavailable") && seen.lock().unwrap().len() == 3, "{error}");
}

#[tokio::test]
async fn what_can_not_pass_is_told_at_once() {
    let (address, seen) = receiver(vec![("400 X", Vec::new()); 2]);
    let error = OtlpEndpoint::new(&format!("http://{address}")).unwrap().send(&run()).await.unwrap_err();
    assert!(matches!(error, NotPosted::Refused(..)) && seen.lock().unwrap().len() == 1, "{error}");
    let partial = ExportTracePartialSuccess { rejected_spans: 1, error_message: "too old".into() };
    let body = ExportTraceServiceResponse { partial_success: Some(partial) }.encode_to_vec();
    let (address, _) = receiver(vec![("200 OK", body)]);
    let error = OtlpEndpoint::new(&format!("http://{address}")).unwrap().send(&run()).await.unwrap_err().to_string();
    assert!(error.ends_with("rejected 1 spans: too old"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_is_not_there_is_named_without_its_password() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let endpoint = OtlpEndpoint::new(&format!("http://u:s3cret@{closed}/")).unwrap();
    let error = endpoint.send(&run()).await.unwrap_err().to_string();
    assert!(error.contains(&format!("`http://{closed}/v1/traces` was not reached: ")), "{error}");
    assert!(error.contains("refused") && !error.contains("s3cret"), "{error}");
}

#[test]
fn only_http_is_a_receiver() {
    for text in ["ftp://h/", "h:4318", "http://", "grpc://h:1", ""] {
        let error = OtlpEndpoint::new(text).unwrap_err().to_string();
        assert!(error.contains("give it as `http://host:4318`"), "{text}: {error}");
    }
}
