//! Placing tasks on workers, and the timeouts of workers and jobs.

use std::sync::Arc;

use chaos_failpoints::inherit;

use super::{Controller, outcome::stop_job, state::State};
use crate::{JobId, JobState, TaskRef, TaskState, Worker};

/// Seconds without a heartbeat after which a worker is given up.
const WORKER_TIMEOUT: f64 = 60.0;
/// Seconds between two checks of the timeouts.
const TICK: f64 = 1.0;

impl Controller {
    /// Checks timeouts and places tasks, whenever something changes and at every tick.
    pub(super) async fn schedule(self: Arc<Self>) {
        loop {
            self.give_up_silent_workers();
            self.give_up_unplaced_jobs();
            self.place();
            let tick = self.pace.seconds(TICK);
            // An error is the tick itself: nothing has changed, and the timeouts are due.
            let _ = tokio::time::timeout(tick, self.wake.notified()).await;
        }
    }

    fn give_up_silent_workers(&self) {
        let silent: Vec<String> = {
            let state = self.state();
            let late = state.live().filter(|(_, machine)| self.pace.since(machine.beaten) >= WORKER_TIMEOUT);
            late.map(|(id, _)| id.clone()).collect()
        };
        for worker in silent {
            self.fail_worker(&worker, "no heartbeat for 60 s");
        }
    }

    fn give_up_unplaced_jobs(&self) {
        let mut state = self.state();
        let late: Vec<JobId> = state
            .jobs
            .iter()
            .filter(|(_, job)| job.state == JobState::Pending && job.tasks.iter().all(|task| task.attempts == 0))
            .filter(|(_, job)| {
                let limit = job.spec.scheduling_timeout_seconds;
                limit.is_some_and(|limit| self.pace.since(job.submitted) >= limit)
            })
            .map(|(&id, _)| id)
            .collect();
        for &id in &late {
            stop_job(&mut state, id, JobState::Unschedulable);
        }
        drop(state);
        if !late.is_empty() {
            self.changed.notify_waiters();
        }
    }

    /// Gives every task that waits a worker with room, oldest job first.
    fn place(self: &Arc<Self>) {
        let mut state = self.state();
        let mut chosen = Vec::new();
        let open: Vec<JobId> = state.jobs.iter().filter(|(_, job)| !job.state.is_over()).map(|(&id, _)| id).collect();
        for id in open {
            chosen.extend(place_job(&mut state, id));
            settle(&mut state, id);
        }
        for (at, worker) in chosen {
            let Some(job) = state.jobs.get(&at.job) else {
                continue;
            };
            let dispatch = Arc::clone(self).dispatch(at, worker, Arc::clone(&job.spec));
            tokio::spawn(inherit(dispatch));
        }
    }
}

/// Places what waits of one job: all of it or nothing when its tasks must start together.
fn place_job(state: &mut State, id: JobId) -> Vec<(TaskRef, Arc<Worker>)> {
    let Some(job) = state.jobs.get(&id) else {
        return Vec::new();
    };
    let (cpus, together) = (job.spec.cpus, job.spec.coscheduled);
    let waiting: Vec<usize> = (0..job.tasks.len()).filter(|&at| job.tasks[at].state == TaskState::Pending).collect();
    let mut room: Vec<(Arc<Worker>, u32)> = state
        .live()
        .map(|(id, machine)| (Arc::clone(&machine.worker), machine.worker.cpus.saturating_sub(state.used(id))))
        .collect();
    let mut chosen = Vec::new();
    for at in &waiting {
        if let Some((worker, free)) = room.iter_mut().find(|(_, free)| *free >= cpus) {
            *free -= cpus;
            chosen.push((*at, Arc::clone(worker)));
        }
    }
    if together && chosen.len() < waiting.len() {
        return Vec::new();
    }
    let Some(job) = state.jobs.get_mut(&id) else {
        return Vec::new();
    };
    let occupy = |(at, worker): (usize, Arc<Worker>)| {
        let task = &mut job.tasks[at];
        task.attempts += 1;
        task.state = TaskState::Dispatching(worker.id.clone());
        (TaskRef { job: id, task: at, attempt: task.attempts }, worker)
    };
    chosen.into_iter().map(occupy).collect()
}

/// Brings a job's state up to date with its tasks.
fn settle(state: &mut State, id: JobId) {
    if let Some(job) = state.jobs.get_mut(&id) {
        let waits = job.tasks.iter().any(|task| task.state == TaskState::Pending);
        job.state = if waits { JobState::Pending } else { JobState::Running };
    }
}
