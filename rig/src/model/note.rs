//! What the controllers tell about an object: an event of Kubernetes.

/// One event to be recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Note {
    /// `Normal` or `Warning`.
    pub(super) kind: &'static str,
    /// Why, in one word.
    pub(super) reason: String,
    /// In words.
    pub(super) message: String,
}

impl Note {
    /// Something that belongs to the course.
    pub(super) fn normal(reason: &str, message: impl Into<String>) -> Self {
        Self { kind: "Normal", reason: reason.to_owned(), message: message.into() }
    }

    /// Something that went wrong.
    pub(super) fn warning(reason: &str, message: impl Into<String>) -> Self {
        Self { kind: "Warning", reason: reason.to_owned(), message: message.into() }
    }
}
