//! The controller's state.

use std::{collections::BTreeMap, sync::Arc};

use tokio::time::Instant;

use crate::{JobId, JobSpec, JobState, TaskRef, TaskState, Worker};

/// Everything, under one lock that is never held across an await.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) jobs: BTreeMap<JobId, Job>,
    pub(super) machines: BTreeMap<String, Machine>,
    /// A cloud replaces machines that go.
    pub(super) machines_expected: bool,
}

/// A worker, as the controller sees it.
#[derive(Debug)]
pub(super) struct Machine {
    pub(super) worker: Arc<Worker>,
    pub(super) beaten: Instant,
    pub(super) failed: Option<String>,
}

/// A job and its tasks.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) spec: Arc<JobSpec>,
    pub(super) state: JobState,
    pub(super) submitted: Instant,
    pub(super) over: Option<Instant>,
    pub(super) tasks: Vec<Task>,
}

/// A task's state and what it has used of its two budgets.
#[derive(Debug)]
pub(super) struct Task {
    pub(super) state: TaskState,
    pub(super) attempts: u32,
    /// Failures of its own, against `max_retries_failure`.
    pub(super) failures: u32,
    /// Failures of its workers, against `max_redispatches`.
    pub(super) redispatches: u32,
    pub(super) started: Option<Instant>,
}

/// The public view of a job.
#[derive(Clone, Debug)]
pub struct JobView {
    /// Where it stands.
    pub state: JobState,
    /// Where its tasks stand.
    pub tasks: Vec<TaskState>,
    /// Attempts over all tasks.
    pub attempts: u32,
    /// Failures of tasks by themselves.
    pub failures: u32,
    /// Dispatches that were repeated because a worker failed.
    pub redispatches: u32,
    /// When it was submitted.
    pub submitted: Instant,
    /// When the last task was accepted by a worker.
    pub started: Option<Instant>,
    /// When it was over.
    pub over: Option<Instant>,
}

/// The public view of a worker.
#[derive(Clone, Debug)]
pub struct WorkerView {
    /// Its name.
    pub id: String,
    /// Why it was given up, if it was.
    pub failed: Option<String>,
    /// Processors in use, as the controller counts.
    pub used_cpus: u32,
}

impl State {
    /// Returns the workers that have not failed.
    pub(super) fn live(&self) -> impl Iterator<Item = (&String, &Machine)> {
        self.machines.iter().filter(|(_, machine)| machine.failed.is_none())
    }

    /// Returns the processors of a worker that tasks occupy.
    pub(super) fn used(&self, worker: &str) -> u32 {
        let occupied = |job: &Job| {
            let here = job.tasks.iter().filter(|task| task.state.worker() == Some(worker));
            u32::try_from(here.count()).unwrap_or(u32::MAX).saturating_mul(job.spec.cpus)
        };
        self.jobs.values().map(occupied).sum()
    }

    pub(super) fn worker(&self, id: &str) -> Option<WorkerView> {
        let machine = self.machines.get(id)?;
        Some(WorkerView { id: id.to_owned(), failed: machine.failed.clone(), used_cpus: self.used(id) })
    }

    /// Returns the tasks that a worker holds, as the controller counts.
    pub(super) fn held_by(&self, worker: &str) -> Vec<TaskRef> {
        let mut held = Vec::new();
        for (&job, entry) in &self.jobs {
            for (task, known) in entry.tasks.iter().enumerate() {
                if known.state.worker() == Some(worker) {
                    held.push(TaskRef { job, task, attempt: known.attempts });
                }
            }
        }
        held
    }

    /// Finds a task, if this is still the attempt that counts.
    pub(super) fn current(&mut self, at: TaskRef) -> Option<&mut Job> {
        let job = self.jobs.get_mut(&at.job)?;
        let task = job.tasks.get(at.task)?;
        (task.attempts == at.attempt && task.state.worker().is_some()).then_some(job)
    }
}

impl Job {
    pub(super) fn new(spec: JobSpec) -> Self {
        let task = |_| Task { state: TaskState::Pending, attempts: 0, failures: 0, redispatches: 0, started: None };
        Self {
            tasks: spec.tasks.iter().map(task).collect(),
            spec: Arc::new(spec),
            state: JobState::Pending,
            submitted: Instant::now(),
            over: None,
        }
    }

    /// Ends the job and returns the tasks that are still on workers.
    pub(super) fn end(&mut self, id: JobId, state: JobState) -> Vec<(String, TaskRef)> {
        self.state = state;
        self.over = Some(Instant::now());
        let mut left = Vec::new();
        for (at, task) in self.tasks.iter_mut().enumerate() {
            if let Some(worker) = task.state.worker() {
                left.push((worker.to_owned(), TaskRef { job: id, task: at, attempt: task.attempts }));
                task.state = TaskState::Killed;
            } else if task.state == TaskState::Pending {
                task.state = TaskState::Killed;
            }
        }
        left
    }

    pub(super) fn view(&self) -> JobView {
        JobView {
            state: self.state.clone(),
            tasks: self.tasks.iter().map(|task| task.state.clone()).collect(),
            attempts: self.tasks.iter().map(|task| task.attempts).sum(),
            failures: self.tasks.iter().map(|task| task.failures).sum(),
            redispatches: self.tasks.iter().map(|task| task.redispatches).sum(),
            submitted: self.submitted,
            started: self.tasks.iter().filter_map(|task| task.started).max(),
            over: self.over,
        }
    }
}
