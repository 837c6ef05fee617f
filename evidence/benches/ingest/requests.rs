//! The requests, made before anything is measured.

use std::time::UNIX_EPOCH;

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;

/// Spans of a request.
pub(crate) const BATCH: usize = 512;
const ATTRIBUTES: usize = 10;
const VALUES: usize = 200;
/// How many different requests there are.
const REQUESTS: usize = 8;

/// The messages, as protobuf.
pub(crate) fn all() -> Vec<Bytes> {
    (0..REQUESTS).map(|number| request(number).into()).collect()
}

fn request(number: usize) -> Vec<u8> {
    let now = u64::try_from(UNIX_EPOCH.elapsed().unwrap().as_nanos()).unwrap();
    let text = |text: String| Some(AnyValue { value: Some(Any::StringValue(text)) });
    let span = |at: usize| {
        let serial = (number * BATCH + at) as u64;
        let attribute = |key: usize| KeyValue {
            key: format!("key-{key}"),
            value: text(format!("value-{}", (at * ATTRIBUTES + key) % VALUES)),
            ..KeyValue::default()
        };
        Span {
            trace_id: [serial.to_be_bytes(), 7_u64.to_be_bytes()].concat(),
            span_id: (serial + 1).to_be_bytes().to_vec(),
            name: ["digest", "join", "probe", "write"][at % 4].to_owned(),
            start_time_unix_nano: now + serial,
            end_time_unix_nano: now + serial + 1_000_000,
            attributes: (0..ATTRIBUTES).map(attribute).collect(),
            ..Span::default()
        }
    };
    let scope = ScopeSpans { spans: (0..BATCH).map(span).collect(), ..ScopeSpans::default() };
    let name = KeyValue { key: "service.name".to_owned(), value: text(format!("n{number}")), ..KeyValue::default() };
    let resource = Resource { attributes: vec![name], ..Resource::default() };
    let spans = ResourceSpans { resource: Some(resource), scope_spans: vec![scope], ..ResourceSpans::default() };
    ExportTraceServiceRequest { resource_spans: vec![spans] }.encode_to_vec()
}
