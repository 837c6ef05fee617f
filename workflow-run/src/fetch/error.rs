//! Why a scenario can't be fetched.

use std::time::Duration;

/// The longest scenario that is read; a Workflow that etcd takes is shorter.
pub(super) const MOST_BYTES: usize = 4 * 1024 * 1024;

/// Why a scenario can't be fetched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// A name that could be read as something else.
    #[error("invalid {what} `{value}`: expected {expected}")]
    Invalid {
        /// What it is.
        what: &'static str,
        /// What was given.
        value: String,
        /// What would be right.
        expected: &'static str,
    },
    /// `git` can't be run.
    #[error("`git` can't be run: {0}")]
    NoGit(#[source] std::io::Error),
    /// `git` failed.
    #[error("`git {command}` failed: {said}")]
    Git {
        /// Its command.
        command: &'static str,
        /// What it said, on one line and without credentials.
        said: String,
    },
    /// The repository has nothing of that name.
    #[error("no branch, tag or commit `{reference}` in `{repo}`")]
    NoReference {
        /// What was asked for.
        reference: String,
        /// The repository, without credentials.
        repo: String,
    },
    /// The name means two things.
    #[error("`{0}` is a branch and a tag: write `refs/heads/{0}` or `refs/tags/{0}`")]
    Ambiguous(String),
    /// The commit has no such file.
    #[error("no `{first}` at `{commit}`, nor `{second}`")]
    NoFile {
        /// Where it was looked for first.
        first: String,
        /// And then.
        second: String,
        /// The commit.
        commit: String,
    },
    /// What stands there is no text file.
    #[error("`{path}` at `{commit}` is not a text file of at most {MOST_BYTES} bytes")]
    NotText {
        /// Where it stands.
        path: String,
        /// The commit.
        commit: String,
    },
    /// It took too long.
    #[error("the scenario was not fetched within {} s", .0.as_secs())]
    Late(Duration),
    /// It was interrupted.
    #[error("interrupted while the scenario was fetched")]
    Interrupted,
}
