//! Dispatching a task to a worker: four tries with exponential backoff, and what follows when all fail.

use std::sync::Arc;

use chaos_failpoints::{FiredSite, fail_error};
use tokio::time::Instant;

use super::Controller;
use crate::{CallError, Flaw, JobSpec, TaskRef, TaskState, Worker, worker::Supervisor};

/// Tries within one dispatch.
const TRIES: u32 = 4;
/// Seconds before the second try; doubled before each further one.
const FIRST_WAIT: f64 = 0.5;

impl Controller {
    /// Dispatches one task to one worker.
    pub(super) async fn dispatch(self: Arc<Self>, at: TaskRef, worker: Arc<Worker>, spec: Arc<JobSpec>) {
        match self.try_to_submit(at, &worker, &spec).await {
            Ok(()) => self.accepted(at, &worker),
            Err(error @ CallError::Worker(_)) => self.lose_worker(&worker.id, &error.to_string()),
            Err(error) => self.redispatch(at, &error.to_string()),
        }
        self.touched();
    }

    async fn try_to_submit(&self, at: TaskRef, worker: &Arc<Worker>, spec: &JobSpec) -> Result<(), CallError> {
        let mut wait = FIRST_WAIT;
        for _ in 1..TRIES {
            match self.submit_once(at, worker, spec).await {
                Err(error) if error.is_retryable() => self.pace.sleep(wait).await,
                settled => return settled,
            }
            wait *= 2.0;
        }
        self.submit_once(at, worker, spec).await
    }

    async fn submit_once(&self, at: TaskRef, worker: &Arc<Worker>, spec: &JobSpec) -> Result<(), CallError> {
        fail_error!(
            /// The dispatch call to the worker fails.
            async "controller.dispatch",
            |fired| self.injected(&fired)
        );
        worker.submit_task(at, spec).await
    }

    /// The kind of error decides whether the retry is tested at all.
    fn injected(&self, fired: &FiredSite) -> CallError {
        if self.flaw == Some(Flaw::WrongErrorKind) {
            CallError::Unexpected(self.saw(fired))
        } else {
            CallError::Unavailable(self.saw(fired))
        }
    }

    fn accepted(&self, at: TaskRef, worker: &Worker) {
        let mut state = self.state();
        let Some(job) = state.current(at) else {
            // The job ended meanwhile, or the task was given to another: the worker is not to keep it.
            drop(state);
            worker.kill_task(at);
            return;
        };
        let task = &mut job.tasks[at.task];
        task.state = TaskState::Running(worker.id.clone());
        task.started = Some(Instant::now());
    }
}
