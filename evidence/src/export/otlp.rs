//! A run's trace in OpenTelemetry's own messages.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link, SpanKind};
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status, TracesData};

use super::run_trace::TracedRun;
use super::run_trace_spans::{RunSpan, RunSpanStatus, RunSpanValue};

/// Spans of one request: about half a megabyte, far below the 4 MB that receivers take.
const SPANS_A_REQUEST: usize = 1000;

/// The flag of a sampled trace, as links and spans carry it.
const SAMPLED: u32 = 1;

/// The trace as requests of the trace service, each of at most 1,000 spans.
pub fn trace_requests(run: &TracedRun) -> Vec<ExportTraceServiceRequest> {
    let parts = run.spans.chunks(SPANS_A_REQUEST);
    parts.map(|spans| ExportTraceServiceRequest { resource_spans: vec![resource_spans(run, spans)] }).collect()
}

/// The trace as one line of JSON, as the Collector's file exporter writes it; with a line break at its end.
///
/// # Errors
/// Only where a message can't be written as JSON.
pub fn trace_line(run: &TracedRun) -> serde_json::Result<String> {
    let data = TracesData { resource_spans: vec![resource_spans(run, &run.spans)] };
    serde_json::to_string(&data).map(|line| line + "\n")
}

fn resource_spans(run: &TracedRun, spans: &[RunSpan]) -> ResourceSpans {
    let attributes = [
        ("service.name", "squall".into()),
        ("service.version", run.version.as_str().into()),
        ("squall.run.id", run.run_id.as_str().into()),
    ];
    let resource = Resource { attributes: attributes.iter().map(key_value).collect(), ..Resource::default() };
    let scope = InstrumentationScope {
        name: "squall".to_owned(),
        version: run.version.clone(),
        ..InstrumentationScope::default()
    };
    let spans = spans.iter().map(|span| of_span(run.trace_id, span)).collect();
    ResourceSpans {
        resource: Some(resource),
        scope_spans: vec![ScopeSpans { scope: Some(scope), spans, schema_url: String::new() }],
        schema_url: String::new(),
    }
}

fn of_span(trace_id: u128, span: &RunSpan) -> Span {
    let link = |link: &super::RunSpanLink| Link {
        trace_id: link.trace_id.to_be_bytes().to_vec(),
        span_id: link.span_id.to_be_bytes().to_vec(),
        attributes: link.attributes.iter().map(key_value).collect(),
        flags: SAMPLED,
        ..Link::default()
    };
    let event = |event: &super::RunSpanEvent| Event {
        time_unix_nano: event.at,
        name: event.name.clone(),
        attributes: event.attributes.iter().map(key_value).collect(),
        dropped_attributes_count: 0,
    };
    Span {
        trace_id: trace_id.to_be_bytes().to_vec(),
        span_id: span.id.to_be_bytes().to_vec(),
        parent_span_id: span.parent.map(|id| id.to_be_bytes().to_vec()).unwrap_or_default(),
        flags: SAMPLED,
        name: span.name.clone(),
        kind: SpanKind::Internal.into(),
        start_time_unix_nano: span.start,
        end_time_unix_nano: span.end,
        attributes: span.attributes.iter().map(key_value).collect(),
        events: span.events.iter().map(event).collect(),
        links: span.links.iter().map(link).collect(),
        status: status(&span.status),
        ..Span::default()
    }
}

fn status(status: &RunSpanStatus) -> Option<Status> {
    let (code, message) = match status {
        RunSpanStatus::Unset => return None,
        RunSpanStatus::Ok => (StatusCode::Ok, String::new()),
        RunSpanStatus::Error(why) => (StatusCode::Error, why.clone()),
    };
    Some(Status { message, code: code.into() })
}

fn key_value((key, value): &(&'static str, RunSpanValue)) -> KeyValue {
    let value = match value {
        RunSpanValue::Text(text) => any_value::Value::StringValue(text.clone()),
        RunSpanValue::Integer(number) => any_value::Value::IntValue(*number),
        RunSpanValue::Number(number) => any_value::Value::DoubleValue(*number),
        RunSpanValue::Flag(flag) => any_value::Value::BoolValue(*flag),
    };
    KeyValue { key: (*key).to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

#[cfg(test)]
mod tests {
    use prost::Message;

    use super::super::run_trace_spans::{RunSpanEvent, RunSpanLink};
    use super::*;

    fn run(spans: usize) -> TracedRun {
        let span = |id: usize| RunSpan {
            id: id as u64 + 1,
            parent: (id > 0).then_some(1),
            name: format!("span {id}"),
            start: 1_700_000_000_000_000_000,
            end: 1_700_000_000_250_000_000,
            attributes: vec![
                ("t", "x".into()),
                ("n", RunSpanValue::Integer(-3)),
                ("f", 0.5.into()),
                ("b", true.into()),
            ],
            events: vec![RunSpanEvent { name: "note".into(), at: 1_700_000_000_100_000_000, attributes: Vec::new() }],
            links: vec![RunSpanLink { trace_id: 7, span_id: 9, attributes: Vec::new() }],
            status: RunSpanStatus::Error("deviated: late".into()),
        };
        TracedRun { trace_id: 5, run_id: "r1".into(), version: "0.1".into(), spans: (0..spans).map(span).collect() }
    }

    #[test]
    fn the_body_of_a_request_is_read_by_the_official_messages() {
        let requests = trace_requests(&run(1001));
        let decoded: Vec<ExportTraceServiceRequest> = requests
            .iter()
            .map(|one| ExportTraceServiceRequest::decode(one.encode_to_vec().as_slice()).unwrap())
            .collect();
        assert_eq!(decoded, requests);
        let counts: Vec<usize> = decoded.iter().map(|one| one.resource_spans[0].scope_spans[0].spans.len()).collect();
        assert_eq!(counts, [1000, 1]);
        let span = &decoded[0].resource_spans[0].scope_spans[0].spans[1];
        assert_eq!((span.trace_id.len(), span.span_id.len(), span.parent_span_id.len()), (16, 8, 8));
        assert_eq!((span.events.len(), span.links[0].trace_id.last()), (1, Some(&7)));
        assert_eq!(
            span.status.as_ref().map(|status| (status.code, status.message.as_str())),
            Some((2, "deviated: late"))
        );
    }

    #[test]
    fn a_line_is_the_json_of_the_file_exporter() {
        let line = trace_line(&run(1)).unwrap();
        assert!(line.ends_with("}\n") && line.matches('\n').count() == 1, "{line}");
        let json: serde_json::Value = serde_json::from_str(&line).unwrap();
        let span = &json["resourceSpans"][0]["scopeSpans"][0]["spans"][0];
        // The encoding that the protocol asks for: ids in hex, 64 bits as text.
        assert_eq!(span["traceId"], "00000000000000000000000000000005");
        assert_eq!(span["startTimeUnixNano"], "1700000000000000000");
        assert_eq!(span["links"][0]["spanId"], "0000000000000009");
        let back: TracesData = serde_json::from_str(&line).unwrap();
        assert_eq!(back.resource_spans, trace_requests(&run(1))[0].resource_spans);
    }
}
