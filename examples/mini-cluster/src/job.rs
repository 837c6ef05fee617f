//! What is submitted, and the states that jobs and tasks go through.

/// A job's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct JobId(pub u64);

/// What is submitted.
#[derive(Clone, Debug)]
pub struct JobSpec {
    /// For people.
    pub name: String,
    /// What each of the tasks does.
    pub tasks: Vec<Work>,
    /// Processors that each task needs.
    pub cpus: u32,
    /// All tasks start together or not at all.
    pub coscheduled: bool,
    /// How often a task that failed by itself is tried again.
    pub max_retries_failure: u32,
    /// How often a task is dispatched again after its worker failed.
    pub max_redispatches: u32,
    /// When a running task is ended.
    pub timeout_seconds: Option<f64>,
    /// When a job that cannot be placed is given up.
    pub scheduling_timeout_seconds: Option<f64>,
}

/// What a task does in its container.
#[derive(Clone, Debug)]
pub struct Work {
    /// How long it runs.
    pub seconds: f64,
    /// Its exit codes, attempt by attempt; the last one stays.
    pub exits: Vec<i32>,
}

impl Work {
    /// Runs for a time and succeeds.
    pub fn of(seconds: f64) -> Self {
        Self { seconds, exits: vec![0] }
    }

    /// Runs for a time and exits with these codes, attempt by attempt.
    pub fn exiting(seconds: f64, exits: &[i32]) -> Self {
        Self { seconds, exits: exits.to_vec() }
    }

    /// Returns the exit code of an attempt, from 1.
    pub fn exit(&self, attempt: u32) -> i32 {
        let at = usize::try_from(attempt).unwrap_or(usize::MAX).saturating_sub(1);
        self.exits.get(at).or(self.exits.last()).copied().unwrap_or(0)
    }
}

impl JobSpec {
    /// One task on one processor, three re-dispatches, no retries and no timeouts.
    pub fn of(name: &str, work: Work) -> Self {
        Self {
            name: name.to_owned(),
            tasks: vec![work],
            cpus: 1,
            coscheduled: false,
            max_retries_failure: 0,
            max_redispatches: 3,
            timeout_seconds: None,
            scheduling_timeout_seconds: None,
        }
    }
}

/// Where a job stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobState {
    /// Some task has no worker yet.
    Pending,
    /// Every task has one, or is done.
    Running,
    /// Every task succeeded.
    Succeeded,
    /// It is over, for this reason.
    Failed(String),
    /// It could not be placed in time.
    Unschedulable,
}

impl JobState {
    /// Says whether nothing more will happen.
    pub fn is_over(&self) -> bool {
        !matches!(self, Self::Pending | Self::Running)
    }
}

/// Where a task stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TaskState {
    /// It waits for a worker.
    Pending,
    /// A worker has been chosen and is being told.
    Dispatching(String),
    /// A worker has accepted it.
    Running(String),
    /// It exited with 0.
    Succeeded,
    /// Its budget is spent.
    Failed,
    /// It was stopped because its job was over.
    Killed,
}

impl TaskState {
    /// Returns the worker that it occupies.
    pub fn worker(&self) -> Option<&str> {
        match self {
            Self::Dispatching(worker) | Self::Running(worker) => Some(worker),
            _ => None,
        }
    }
}
