//! What can keep a load run from starting.

use std::io;

/// Says why a run was not started.
///
/// What goes wrong *during* a run never ends up here: it is counted in the
/// [`LoadResult`](crate::LoadResult), with its cause in words.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The URL is not one that this engine can load.
    #[error("the URL `{url}` cannot be loaded: {reason}")]
    BadUrl {
        /// The text that was given, without credentials.
        url: String,
        /// What is wrong with it and what would be right.
        reason: String,
    },
    /// A number of the plan is out of its range.
    #[error("`{field}` is {given}; {expected}")]
    BadPlan {
        /// Name of the field.
        field: &'static str,
        /// Value found there.
        given: String,
        /// What would be right.
        expected: &'static str,
    },
    /// The host has no address.
    #[error("the host `{host}` has no address; check the name or pin one with `resolve`")]
    NoAddress {
        /// Name that was looked up.
        host: String,
        /// The resolver's error, if it gave one.
        #[source]
        source: Option<io::Error>,
    },
    /// A file of certificates or keys cannot be used.
    #[error("cannot use `{path}`: {reason}")]
    BadFile {
        /// Its path.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The plan needs something that this build leaves out.
    #[error("`{what}` needs the feature `{feature}` of chaos-load")]
    MissingFeature {
        /// What was asked for.
        what: &'static str,
        /// Name of the Cargo feature.
        feature: &'static str,
    },
    /// The operating system refused a thread, a timer or a runtime.
    #[error("the system refused {what}")]
    System {
        /// What was asked of the system.
        what: &'static str,
        /// Its answer.
        #[source]
        source: io::Error,
    },
}
