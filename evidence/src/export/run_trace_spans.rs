//! The parts of a run's trace, as they are before any format.

/// The value of an attribute.
#[derive(Debug, Clone, PartialEq)]
pub enum RunSpanValue {
    /// A text.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// A number.
    Number(f64),
    /// Yes or no.
    Flag(bool),
}

impl From<&str> for RunSpanValue {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for RunSpanValue {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<f64> for RunSpanValue {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl From<bool> for RunSpanValue {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl From<u64> for RunSpanValue {
    /// A number beyond what 63 bits hold is the greatest one.
    fn from(number: u64) -> Self {
        Self::Integer(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

/// Attributes, in the order in which they were added.
pub(super) type Attributes = Vec<(&'static str, RunSpanValue)>;

/// How a span ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum RunSpanStatus {
    /// Nobody judged it.
    #[default]
    Unset,
    /// Well.
    Ok,
    /// Not well, and why.
    Error(String),
}

/// Something that happened at one moment of a span.
#[derive(Debug, Clone, PartialEq)]
pub struct RunSpanEvent {
    /// What happened.
    pub name: String,
    /// When, in nanoseconds since 1970.
    pub at: u64,
    /// More about it.
    pub attributes: Vec<(&'static str, RunSpanValue)>,
}

/// A span of another trace that this one has to do with.
#[derive(Debug, Clone, PartialEq)]
pub struct RunSpanLink {
    /// Its trace.
    pub trace_id: u128,
    /// Its id.
    pub span_id: u64,
    /// More about it.
    pub attributes: Vec<(&'static str, RunSpanValue)>,
}

/// One span of a run's trace.
#[derive(Debug, Clone, PartialEq)]
pub struct RunSpan {
    /// Its id, never 0.
    pub id: u64,
    /// The span that it is a part of; `None` for the run itself.
    pub parent: Option<u64>,
    /// What it is about.
    pub name: String,
    /// When it began, in nanoseconds since 1970.
    pub start: u64,
    /// When it ended; never before its start.
    pub end: u64,
    /// More about it.
    pub attributes: Vec<(&'static str, RunSpanValue)>,
    /// What happened in it.
    pub events: Vec<RunSpanEvent>,
    /// Spans of the system under test that it has to do with.
    pub links: Vec<RunSpanLink>,
    /// How it ended.
    pub status: RunSpanStatus,
}

/// The ids of a link, from their hex digits; `None` where they are invalid or all zero, which no trace store takes.
pub(super) fn link(trace: &str, span: &str, attributes: Attributes) -> Option<RunSpanLink> {
    let hex = |text: &str, digits: usize| {
        let valid = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        valid.then(|| u128::from_str_radix(text, 16).ok()).flatten().filter(|id| *id != 0)
    };
    let span_id = u64::try_from(hex(span, 16)?).ok()?;
    Some(RunSpanLink { trace_id: hex(trace, 32)?, span_id, attributes })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_valid_ids_make_a_link() {
        let (trace, span) = ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331");
        let made = link(trace, span, Vec::new()).unwrap();
        assert_eq!((made.trace_id, made.span_id), (0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c, 0xb7ad_6b71_6920_3331));
        let zeros = ("0".repeat(32), "0".repeat(16));
        let wrong = [(trace, "b7ad"), (trace, zeros.1.as_str()), (zeros.0.as_str(), span), (&trace[1..], span)];
        for (trace, span) in
            wrong.into_iter().chain([(trace, "b7ad6b716920333x"), ("+af7651916cd43dd8448eb211c80319c", span)])
        {
            assert_eq!(link(trace, span, Vec::new()), None, "{trace} {span}");
        }
    }
}
