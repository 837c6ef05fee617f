mod client;
mod malformed;
mod protocol;
mod signals;

use std::sync::Arc;

use chaos_core::{RunScope, RunningSource, Source, SourceContext, parse};
use chaos_test::run_context;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use serde_json::json;

use super::*;
use crate::moment::Moment;
use crate::span_store::{FoundSpans, SpanQuery};
use crate::window::Window;

/// A source that listens, and its run.
struct Up {
    scope: RunScope,
    running: Arc<dyn RunningSource>,
}

impl Up {
    async fn with(keys: serde_json::Value) -> Self {
        Self::within(run_context().scope(), keys).await
    }

    async fn within(scope: RunScope, keys: serde_json::Value) -> Self {
        let source: Otlp = parse(&keys).unwrap();
        let cx = SourceContext::new("app", scope.cx().clone());
        let running = Source::start(&source, &cx).await.unwrap();
        Self { scope, running }
    }

    async fn new() -> Self {
        Self::with(json!({})).await
    }

    fn port(&self) -> u16 {
        let endpoint = &self.running.node_environment("n1")["OTEL_EXPORTER_OTLP_ENDPOINT"];
        endpoint.rsplit(':').next().unwrap().parse().unwrap()
    }

    fn found(&self) -> FoundSpans {
        let ever = Window { from: Moment(i64::MIN), to: Moment(i64::MAX) };
        self.scope.cx().services().get::<SpanStore>().find(SpanQuery::all(ever))
    }
}

fn pair(key: &str, value: Any) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

/// A request with one span of each kind of attribute.
fn request() -> ExportTraceServiceRequest {
    let unix = std::time::UNIX_EPOCH.elapsed().unwrap();
    let now = u64::try_from(unix.as_nanos()).unwrap();
    let text = |text: &str| Any::StringValue(text.to_owned());
    let list = opentelemetry_proto::tonic::common::v1::ArrayValue { values: vec![AnyValue { value: Some(text("x")) }] };
    let span = Span {
        trace_id: vec![7; 16],
        span_id: vec![9; 8],
        parent_span_id: vec![8; 8],
        name: "disconnected".to_owned(),
        kind: 3,
        start_time_unix_nano: now - 5_000_000,
        end_time_unix_nano: now,
        attributes: vec![
            pair("peer", text("n3")),
            pair("waited", Any::IntValue(7)),
            pair("ratio", Any::DoubleValue(0.5)),
            pair("last", Any::BoolValue(true)),
            pair("list", Any::ArrayValue(list)),
            pair("raw", Any::BytesValue(vec![0xab, 1])),
        ],
        status: Some(Status { code: 2, message: String::new() }),
        ..Span::default()
    };
    let resource = Resource { attributes: vec![pair("service.name", text("n1"))], ..Resource::default() };
    let scope = ScopeSpans { spans: vec![span], ..ScopeSpans::default() };
    let spans = ResourceSpans { resource: Some(resource), scope_spans: vec![scope], ..ResourceSpans::default() };
    ExportTraceServiceRequest { resource_spans: vec![spans] }
}
