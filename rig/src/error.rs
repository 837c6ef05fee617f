//! Why there is no control plane.

use std::path::{Path, PathBuf};

/// Why a control plane can't be started or used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RigError {
    /// A file can't be read or written.
    #[error("file `{}`", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A process can't be started, or signalled.
    #[error("process of {part}")]
    Process {
        /// Of which part.
        part: &'static str,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A process has ended while it was waited for.
    #[error("{part} ended with {status} and said last: {said}")]
    Ended {
        /// Which part.
        part: &'static str,
        /// Its exit status.
        status: std::process::ExitStatus,
        /// The end of its log.
        said: String,
    },
    /// Something did not come about in time.
    #[error("{what} did not come within {seconds} s; last: {last}")]
    Late {
        /// What was waited for.
        what: String,
        /// For how long.
        seconds: u64,
        /// What the last attempt said.
        last: String,
    },
    /// What is waited for is not there yet.
    #[error("{0}")]
    NotYet(String),
    /// No keys or certificates can be made.
    #[error("keys and certificates")]
    Keys(#[from] rcgen::Error),
    /// No port is free.
    #[error("no free port on loopback")]
    Ports,
    /// Whether ports are free can't be told.
    #[error("sockets on loopback")]
    Sockets(#[source] std::io::Error),
    /// The cluster can't be reached.
    #[error("cluster")]
    Cluster(#[from] chaos_kube::ClusterError),
    /// The API server refused.
    #[error("API server: {0}")]
    Api(String),
}

impl RigError {
    pub(crate) fn file(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { path, source }
    }
}

impl From<kube::Error> for RigError {
    fn from(error: kube::Error) -> Self {
        Self::Api(error.to_string())
    }
}

/// An error and what is behind it, in one line.
pub(crate) fn explained(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |error| error.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
