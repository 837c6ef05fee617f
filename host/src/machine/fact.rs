//! Whether a machine can do something.

use serde::Serialize;

/// Whether a machine can do something, and how that is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fact {
    /// `None` where it could not be told without trying in earnest.
    pub has: Option<bool>,
    /// What was found, in one clause.
    pub detail: String,
    /// What forbids it, as whoever runs the machine would change it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub setting: Option<String>,
}

impl Fact {
    pub(super) fn yes(detail: impl Into<String>) -> Self {
        Self { has: Some(true), detail: detail.into(), setting: None }
    }

    pub(super) fn no(detail: impl Into<String>, setting: impl Into<String>) -> Self {
        Self { has: Some(false), detail: detail.into(), setting: Some(setting.into()) }
    }

    pub(super) fn unknown(detail: impl Into<String>) -> Self {
        Self { has: None, detail: detail.into(), setting: None }
    }
}
