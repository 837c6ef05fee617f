//! A span as sources hand it over, and as a recording keeps it.

use std::borrow::Cow;
use std::time::Duration;

use schemars::JsonSchema;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::Moment;

/// One span.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SpanRecord<'a> {
    /// Its trace.
    pub trace_id: TraceId,
    /// Its own number.
    pub span_id: SpanId,
    /// That of the span that it is a part of; zero where it is the first of its trace.
    #[serde(default, skip_serializing_if = "SpanId::is_zero")]
    pub parent: SpanId,
    /// Its name.
    #[serde(borrow)]
    pub name: Cow<'a, str>,
    /// On which side of a call it is.
    #[serde(default)]
    pub kind: SpanKind,
    /// Whether it went well.
    #[serde(default)]
    pub status: SpanStatus,
    /// When it began.
    #[serde(rename = "start_ns")]
    pub start: Moment,
    /// How long it took.
    #[serde(rename = "duration_ns", with = "nanos")]
    pub duration: Duration,
    /// How many other spans it refers to.
    #[serde(default)]
    pub links: u32,
    /// What else is said of it.
    #[serde(borrow, default)]
    pub attributes: Attributes<'a>,
}

/// Keys with their values, in the order in which they were sent.
pub type Attributes<'a> = Vec<(Cow<'a, str>, AttributeValue<'a>)>;

/// The value of an attribute. In JSON it is what it looks like, and a list or map of attributes is one of JSON.
#[derive(Debug, Clone, PartialEq)]
pub enum AttributeValue<'a> {
    /// A string.
    Text(Cow<'a, str>),
    /// A whole number.
    Int(i64),
    /// Another number.
    Double(f64),
    /// True or false.
    Bool(bool),
    /// Anything else, as compact JSON.
    Json(Cow<'a, str>),
}

impl<'a> AttributeValue<'a> {
    /// The same as text, such as for the label of a metric.
    pub fn into_text(self) -> Cow<'a, str> {
        match self {
            Self::Text(text) | Self::Json(text) => text,
            Self::Int(int) => int.to_string().into(),
            Self::Double(double) => double.to_string().into(),
            Self::Bool(yes) => yes.to_string().into(),
        }
    }
}

impl AttributeValue<'_> {
    /// What a JSON value is as an attribute.
    pub fn of_json(value: &Value) -> AttributeValue<'static> {
        match value {
            Value::String(text) => AttributeValue::Text(text.clone().into()),
            Value::Bool(yes) => AttributeValue::Bool(*yes),
            Value::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(int), _) => AttributeValue::Int(int),
                (None, Some(double)) => AttributeValue::Double(double),
                (None, None) => AttributeValue::Json(number.to_string().into()),
            },
            other => AttributeValue::Json(other.to_string().into()),
        }
    }

    /// The same as JSON; a number that JSON can't write (`NaN`, infinity) is its name.
    pub fn to_json(&self) -> Value {
        match self {
            Self::Text(text) => Value::from(text.as_ref()),
            Self::Int(int) => Value::from(*int),
            Self::Double(double) if double.is_finite() => Value::from(*double),
            Self::Double(double) => Value::from(double.to_string()),
            Self::Bool(yes) => Value::from(*yes),
            Self::Json(text) => serde_json::from_str(text).unwrap_or_else(|_| Value::from(text.as_ref())),
        }
    }
}

impl Serialize for AttributeValue<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_json().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for AttributeValue<'_> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::of_json(&Value::deserialize(deserializer)?))
    }
}

/// On which side of a call a span is. The numbers are those of OTLP.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum SpanKind {
    /// It was not said.
    #[default]
    Unspecified = 0,
    /// Within a service.
    Internal = 1,
    /// The side that was called.
    Server = 2,
    /// The side that calls.
    Client = 3,
    /// The side that sends a message.
    Producer = 4,
    /// The side that gets it.
    Consumer = 5,
}

impl SpanKind {
    /// The kind of that number; one that OTLP does not know is unspecified.
    pub fn of_number(number: i32) -> Self {
        match number {
            1 => Self::Internal,
            2 => Self::Server,
            3 => Self::Client,
            4 => Self::Producer,
            5 => Self::Consumer,
            _ => Self::Unspecified,
        }
    }
}

/// Whether what a span stands for went well. The numbers are those of OTLP.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum SpanStatus {
    /// It was not said, as is usual where all went well.
    #[default]
    Unset = 0,
    /// Somebody has checked that it went well.
    Ok = 1,
    /// It did not.
    Error = 2,
}

impl SpanStatus {
    /// The status of that number; one that OTLP does not know is unset.
    pub fn of_number(number: i32) -> Self {
        match number {
            1 => Self::Ok,
            2 => Self::Error,
            _ => Self::Unset,
        }
    }
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $bytes:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
        pub struct $name(pub [u8; $bytes]);

        impl $name {
            /// Whether it is all zeros, which stands for none.
            pub fn is_zero(&self) -> bool {
                self.0 == [0; $bytes]
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = Cow::<'de, str>::deserialize(deserializer)?;
                let mut bytes = [0; $bytes];
                let digits = text.as_bytes();
                let whole = digits.len() == 2 * $bytes;
                for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)).filter(|_| whole) {
                    let pair = std::str::from_utf8(pair).ok().filter(|pair| !pair.starts_with('+'));
                    let value = pair.and_then(|pair| u8::from_str_radix(pair, 16).ok());
                    *byte = value.ok_or_else(|| D::Error::custom("expected hexadecimal digits"))?;
                }
                if whole { Ok(Self(bytes)) } else { Err(D::Error::custom(concat!("expected ", $bytes, " bytes in hexadecimal"))) }
            }
        }
    };
}

id!(
    /// The number of a trace.
    TraceId,
    16
);
id!(
    /// The number of a span.
    SpanId,
    8
);

mod nanos {
    use super::{Deserialize, Deserializer, Duration, Serializer};

    pub(super) fn serialize<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_nanos)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_span_is_the_same_after_a_recording() {
        let span = SpanRecord {
            trace_id: TraceId([7; 16]),
            span_id: SpanId([0xab; 8]),
            parent: SpanId::default(),
            name: "digest \"1\"".into(),
            kind: SpanKind::Client,
            status: SpanStatus::Error,
            start: Moment(-5),
            duration: Duration::from_nanos(u64::MAX),
            links: 2,
            attributes: vec![
                ("text".into(), AttributeValue::Text("x".into())),
                ("int".into(), AttributeValue::Int(i64::MIN)),
                ("double".into(), AttributeValue::Double(0.5)),
                ("bool".into(), AttributeValue::Bool(true)),
                ("list".into(), AttributeValue::Json("[1,\"a\"]".into())),
            ],
        };
        let text = serde_json::to_string(&span).unwrap();
        assert!(text.contains("\"span_id\":\"abababababababab\"") && text.contains("[\"list\",[1,\"a\"]]"), "{text}");
        assert_eq!(serde_json::from_str::<SpanRecord<'_>>(&text).unwrap(), span);
    }

    #[test]
    fn an_identity_is_its_digits_and_nothing_else() {
        for bad in ["", "00", "+1ababababababab", "zzabababababab00", "ababababababab0é", "abababababababab00"] {
            assert!(serde_json::from_value::<SpanId>(json!(bad)).is_err(), "{bad}");
        }
        assert_eq!(
            serde_json::from_value::<SpanId>(json!("00000000000000fF")).unwrap(),
            SpanId([0, 0, 0, 0, 0, 0, 0, 255])
        );
    }
}
