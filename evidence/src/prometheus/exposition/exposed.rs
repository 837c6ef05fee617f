//! A sample as it stands in an exposition.

use std::borrow::Cow;

use crate::MetricKind;

/// A sample as it was exposed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Exposed<'a> {
    pub(crate) name: Cow<'a, str>,
    pub(crate) labels: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    pub(crate) kind: MetricKind,
    pub(crate) value: f64,
    /// In seconds of the wall clock.
    pub(crate) at: Option<f64>,
    /// When the counter began, in seconds of the wall clock.
    pub(crate) began: Option<f64>,
}
