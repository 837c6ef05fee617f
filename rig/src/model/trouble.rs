//! Why an object could not be reconciled.

/// Why an operation on a pod fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    /// The pod went before it was injected.
    #[error("pod not found")]
    NotFound,
    /// Its annotation refuses injections.
    #[error("the pod refuses chaos")]
    Refuses,
    /// Its annotation refuses recoveries.
    #[error("the pod keeps its chaos")]
    Keeps,
}

/// What is wrong with what somebody wrote: it is reconciled again and again, and fails each time.
#[derive(Debug, thiserror::Error)]
pub(super) enum Wrong {
    /// A duration that is none in Go's notation.
    #[error("invalid duration {0:?}")]
    Duration(String),
    /// A time that is none, or out of range.
    #[error("the time {text:?}")]
    Time {
        /// What stands there.
        text: String,
        /// Why it is none.
        source: k8s_openapi::jiff::Error,
    },
    /// A template that the Workflow does not have.
    #[error("no template {0}")]
    Template(String),
    /// A type of template that is not known.
    #[error("unknown type of template {0}")]
    Type(String),
    /// A part that an object of its type needs.
    #[error("there is no {0}")]
    Missing(&'static str),
    /// A selector of which more is asked than is modelled.
    #[error("the selector")]
    Selector(#[source] serde_json::Error),
    /// A mode that is not modelled, or whose value is none.
    #[error("the mode {mode:?} with the value {value:?}")]
    Mode {
        /// How many targets are taken.
        mode: String,
        /// The number that belongs to it.
        value: String,
    },
    /// A schedule that does not fire in the model.
    #[error("the schedule {0:?} is not `@every` with a duration")]
    Schedule(String),
    /// A pod that does not let chaos in, or out.
    #[error(transparent)]
    Refusal(#[from] Refusal),
    /// A target that could not be injected or recovered.
    #[error("failed to {0}")]
    Target(String),
    /// A container or volume that is none.
    #[error("the pod of the task")]
    Pod(#[source] serde_json::Error),
    /// A Workflow without any annotation: the real controller writes into a map that is not there, and panics.
    #[error("assignment to entry in nil map: annotations of {0}")]
    NoAnnotations(String),
}

/// Why an object could not be reconciled.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    /// Somebody else wrote in between: read again at once.
    #[error("conflict")]
    Conflict,
    /// The API server refused, or was not there.
    #[error("the API server")]
    Api(#[source] kube::Error),
    /// What somebody wrote is wrong.
    #[error(transparent)]
    Wrong(#[from] Wrong),
}

impl From<kube::Error> for Trouble {
    fn from(error: kube::Error) -> Self {
        match &error {
            kube::Error::Api(status) if status.code == 409 => Self::Conflict,
            _ => Self::Api(error),
        }
    }
}
