//! Spans as the official Rust SDK sends them, over a client that writes bytes to a socket.
#![cfg(feature = "otlp")]
#![expect(clippy::unwrap_used, reason = "a test that can't be set up should stop at once")]

use std::future::Future;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::pin::Pin;

use bytes::Bytes;
use chaos_core::{Source, SourceContext, parse};
use chaos_evidence::{AttributeValue, Moment, Otlp, SpanQuery, SpanStatus, SpanStore, Window};
use chaos_test::run_context;
use http::{Request, Response};
use opentelemetry::KeyValue;
use opentelemetry::trace::{Span, SpanKind, Status, Tracer, TracerProvider};
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use serde_json::json;

/// Sends a request over a connection of its own.
#[derive(Debug)]
struct Plain;

impl Plain {
    fn send(request: &Request<Bytes>) -> std::io::Result<Response<Bytes>> {
        let mut stream = TcpStream::connect(request.uri().authority().unwrap().as_str())?;
        let lines = request.headers().iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()));
        let first = format!("POST {} HTTP/1.1", request.uri().path());
        let own = ["host: x", "connection: close"].map(str::to_owned);
        let length = format!("content-length: {}", request.body().len());
        let head: Vec<String> =
            [first].into_iter().chain(own).chain(lines).chain([length, "\r\n".to_owned()]).collect();
        stream.write_all(&[head.join("\r\n").as_bytes(), request.body()].concat())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let status: u16 = answer.split(' ').nth(1).unwrap().parse().unwrap();
        Ok(Response::builder().status(status).body(Bytes::new()).unwrap())
    }
}

impl HttpClient for Plain {
    fn send_bytes<'life0, 'async_trait>(
        &'life0 self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'async_trait>>
    where
        'life0: 'async_trait,
        Self: 'async_trait,
    {
        Box::pin(async move { Ok(Self::send(&request)?) })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_rust_sdk_sends_is_kept() {
    let scope = run_context().scope();
    let source: Otlp = parse(&json!({})).unwrap();
    let running = Source::start(&source, &SourceContext::new("app", scope.cx().clone())).await.unwrap();
    let endpoint = running.node_environment("n2")["OTEL_EXPORTER_OTLP_ENDPOINT"].clone() + "/v1/traces";
    let sent = tokio::task::spawn_blocking(move || {
        let exporter =
            SpanExporter::builder().with_http().with_http_client(Plain).with_endpoint(endpoint).build().unwrap();
        let resource = Resource::builder().with_service_name("n2").build();
        let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build();
        let tracer = provider.tracer("test");
        let mut span = tracer.span_builder("disconnected").with_kind(SpanKind::Client).start(&tracer);
        span.set_attribute(KeyValue::new("peer", "n3"));
        span.set_attribute(KeyValue::new("try", 2));
        span.set_status(Status::error("gone"));
        span.end();
        provider.shutdown().unwrap();
    });
    sent.await.unwrap();
    let text = |text: &'static str| AttributeValue::Text(text.into());
    let attributes = [
        ("peer".to_owned(), text("n3")),
        ("try".to_owned(), AttributeValue::Int(2)),
        ("service.name".to_owned(), text("n2")),
        ("telemetry.sdk.language".to_owned(), text("rust")),
    ];
    let window = Window { from: Moment(i64::MIN), to: Moment::now(scope.cx().clock()) };
    let query = SpanQuery { attributes: &attributes, status: Some(SpanStatus::Error), ..SpanQuery::all(window) };
    let found = scope.cx().services().get::<SpanStore>().find(query);
    assert_eq!((found.count, found.missing), (1, None));
    assert_eq!(found.first.unwrap().name, "disconnected");
}
