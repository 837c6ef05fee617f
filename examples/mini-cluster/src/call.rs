//! The calls between controller and workers, and how they can fail.

use thiserror::Error;

use crate::JobId;

/// One attempt at one task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TaskRef {
    /// The job.
    pub job: JobId,
    /// The task's place in it.
    pub task: usize,
    /// The attempt, from 1.
    pub attempt: u32,
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The container exited with this code.
    Exit(i32),
    /// It never came to an exit code.
    Broken(String),
}

/// An attempt that is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished {
    /// Which.
    pub task: TaskRef,
    /// How.
    pub ended: Ended,
}

/// A heartbeat, sent every ten seconds.
#[derive(Clone, Debug, Default)]
pub struct Beat {
    /// The attempts that it runs.
    pub running_tasks: Vec<TaskRef>,
    /// Those that ended since the controller last acknowledged any.
    pub completed_task_ids: Vec<Finished>,
}

/// A call that failed.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum CallError {
    /// The other side was not reached: worth another try.
    #[error("unavailable: {0}")]
    Unavailable(String),
    /// The worker was reached and cannot do it: it has failed.
    #[error("the worker failed: {0}")]
    Worker(String),
    /// The controller does not know the worker, or has given it up: register again.
    #[error("worker `{0}` is not registered")]
    Unregistered(String),
    /// Something else, which no caller expects.
    #[error("unexpected: {0}")]
    Unexpected(String),
}

impl CallError {
    /// Says whether a retry can help.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }
}
