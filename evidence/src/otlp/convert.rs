//! OTLP's messages as what the stores keep.

use std::borrow::Cow;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chaos_core::Clock;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value as Any};
use opentelemetry_proto::tonic::trace::v1;
use serde_json::{Map, Value, json};

use crate::moment::Moment;
use crate::span::{AttributeValue, Attributes, SpanId, SpanKind, SpanRecord, SpanStatus, TraceId};

/// When a request arrived, on the run's clock and on the wall's: all of its times are moved by the same amount.
#[derive(Debug, Clone, Copy)]
pub(super) struct Arrival {
    pub(super) at: Moment,
    /// Nanoseconds since 1970.
    wall: i128,
}

impl Arrival {
    pub(super) fn now(clock: &dyn Clock) -> Self {
        let (at, wall) = (Moment::now(clock), clock.wall());
        Self { at, wall: since_1970(wall) }
    }

    /// The moment of a time in nanoseconds since 1970.
    pub(super) fn moment(self, unix_nanos: u64) -> Moment {
        let moved = i128::from(self.at.0) - (self.wall - i128::from(unix_nanos));
        Moment(i64::try_from(moved).unwrap_or(if moved < 0 { i64::MIN } else { i64::MAX }))
    }
}

fn since_1970(wall: SystemTime) -> i128 {
    let nanos = |time: Duration| i128::try_from(time.as_nanos()).unwrap_or(i128::MAX);
    match wall.duration_since(UNIX_EPOCH) {
        Ok(after) => nanos(after),
        Err(before) => -nanos(before.duration()),
    }
}

/// A span, or what is wrong with it.
pub(super) fn span(span: &v1::Span, arrival: Arrival) -> Result<SpanRecord<'_>, &'static str> {
    let trace_id = TraceId(span.trace_id.as_slice().try_into().map_err(|_| "a trace id of other than 16 bytes")?);
    let span_id = SpanId(span.span_id.as_slice().try_into().map_err(|_| "a span id of other than 8 bytes")?);
    if trace_id.is_zero() || span_id.is_zero() {
        return Err("a trace id or span id of zeros");
    }
    let parent = match span.parent_span_id.as_slice() {
        [] => SpanId::default(),
        id => SpanId(id.try_into().map_err(|_| "a parent span id of other than 8 bytes")?),
    };
    let duration = Duration::from_nanos(span.end_time_unix_nano.saturating_sub(span.start_time_unix_nano));
    Ok(SpanRecord {
        trace_id,
        span_id,
        parent,
        name: Cow::Borrowed(&span.name),
        kind: SpanKind::of_number(span.kind),
        status: SpanStatus::of_number(span.status.as_ref().map_or(0, |status| status.code)),
        start: arrival.moment(span.start_time_unix_nano),
        duration,
        links: u32::try_from(span.links.len()).unwrap_or(u32::MAX),
        attributes: attributes(&span.attributes),
    })
}

/// Who sent something: the node or the service, by its resource.
pub(super) fn origin(resource: &Attributes<'_>) -> String {
    let of = |wanted: &str| resource.iter().find(|(key, _)| key == wanted).map(|(_, value)| value.clone().into_text());
    of("service.instance.id").or_else(|| of("service.name")).unwrap_or_default().into_owned()
}

/// Attributes; one without a value is an empty text.
pub(super) fn attributes(pairs: &[KeyValue]) -> Attributes<'_> {
    pairs.iter().map(|pair| (Cow::Borrowed(pair.key.as_str()), value(pair.value.as_ref()))).collect()
}

/// A value; an empty text where there is none.
pub(super) fn value(value: Option<&AnyValue>) -> AttributeValue<'_> {
    match value.and_then(|any| any.value.as_ref()) {
        Some(Any::StringValue(text)) => AttributeValue::Text(Cow::Borrowed(text)),
        Some(Any::IntValue(int)) => AttributeValue::Int(*int),
        Some(Any::DoubleValue(double)) => AttributeValue::Double(*double),
        Some(Any::BoolValue(yes)) => AttributeValue::Bool(*yes),
        Some(Any::BytesValue(bytes)) => AttributeValue::Text(hexadecimal(bytes).into()),
        Some(other @ (Any::ArrayValue(_) | Any::KvlistValue(_))) => {
            AttributeValue::Json(json_of(Some(other)).to_string().into())
        }
        // Of profiles, where texts stand in a table beside.
        Some(Any::StringValueStrindex(index)) => AttributeValue::Int(i64::from(*index)),
        None => AttributeValue::Text("".into()),
    }
}

/// Not deeper than the reader of either encoding goes: a hundred levels.
fn json_of(value: Option<&Any>) -> Value {
    let inner = |any: Option<&AnyValue>| json_of(any.and_then(|any| any.value.as_ref()));
    match value {
        Some(Any::StringValue(text)) => json!(text),
        Some(Any::IntValue(int)) => json!(int),
        Some(Any::DoubleValue(double)) => json!(double),
        Some(Any::BoolValue(yes)) => json!(yes),
        Some(Any::BytesValue(bytes)) => json!(hexadecimal(bytes)),
        Some(Any::ArrayValue(list)) => list.values.iter().map(|value| inner(Some(value))).collect(),
        Some(Any::KvlistValue(list)) => {
            let pairs = list.values.iter().map(|pair| (pair.key.clone(), inner(pair.value.as_ref())));
            Value::Object(pairs.collect::<Map<_, _>>())
        }
        Some(Any::StringValueStrindex(index)) => json!(index),
        None => Value::Null,
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |four: u8| char::from(DIGITS[usize::from(four & 0xf)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(*byte)]).collect()
}
