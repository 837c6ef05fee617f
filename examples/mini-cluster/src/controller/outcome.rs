//! The end of a task or the failure of a worker, and the two budgets.

use super::{
    Controller,
    state::{Job, State},
};
use crate::{Beat, Ended, Finished, Flaw, JobId, JobState, TaskRef, TaskState};

impl Controller {
    /// Records how an attempt ended, once.
    pub(super) fn ended(&self, worker: &str, done: &Finished) {
        let mut state = self.state();
        let at = done.task;
        let Some(job) = state.current(at).filter(|job| job.tasks[at.task].state.worker() == Some(worker)) else {
            return;
        };
        let reason = match &done.ended {
            Ended::Exit(0) => {
                job.tasks[at.task].state = TaskState::Succeeded;
                if job.tasks.iter().all(|task| task.state == TaskState::Succeeded) {
                    job.end(at.job, JobState::Succeeded);
                }
                return;
            }
            Ended::Exit(code) => format!("exit code {code}"),
            Ended::Broken(reason) => reason.clone(),
        };
        let budget = job.spec.max_retries_failure;
        let task = &mut job.tasks[at.task];
        task.failures += 1;
        if task.failures <= budget {
            task.state = TaskState::Pending;
            return;
        }
        task.state = TaskState::Failed;
        let text = format!("task {} failed: {reason} (retry budget of {budget} spent)", at.task);
        fail_job(&mut state, at.job, text);
    }

    /// Re-dispatches tasks that a worker should be running and does not list.
    pub(super) fn find_lost(&self, worker: &str, beat: &Beat) {
        let held = self.state().held_by(worker);
        for at in held {
            let running = matches!(self.task_state(at), Some(TaskState::Running(_)));
            if running && !beat.running_tasks.contains(&at) {
                self.redispatch(at, &format!("worker `{worker}` has lost the task"));
                self.touched();
            }
        }
    }

    /// Gives up a worker; its tasks go back.
    pub(super) fn lose_worker(&self, worker: &str, reason: &str) {
        let held = {
            let mut state = self.state();
            let Some(machine) = state.machines.get_mut(worker).filter(|machine| machine.failed.is_none()) else {
                return;
            };
            machine.failed = Some(reason.to_owned());
            state.held_by(worker)
        };
        for at in held {
            self.redispatch(at, &format!("worker `{worker}`: {reason}"));
        }
        self.fail_stranded(reason);
    }

    /// Fails the jobs that lost a worker and can have no other: a job that never had one may wait for the first.
    fn fail_stranded(&self, reason: &str) {
        let mut state = self.state();
        if self.is_unbounded() || state.machines_expected || state.live().next().is_some() {
            return;
        }
        let stranded = |job: &Job| {
            let mut tasks = job.tasks.iter();
            !job.state.is_over() && tasks.any(|task| task.state == TaskState::Pending && task.redispatches > 0)
        };
        let jobs = state.jobs.iter().filter(|(_, job)| stranded(job));
        let ids: Vec<JobId> = jobs.map(|(&id, _)| id).collect();
        for id in ids {
            fail_job(&mut state, id, format!("no worker is left: {reason}"));
        }
    }

    fn is_unbounded(&self) -> bool {
        self.flaw == Some(Flaw::UnboundedRedispatch)
    }

    /// Puts a task back after a failure that was not its own, within the budget.
    pub(super) fn redispatch(&self, at: TaskRef, reason: &str) {
        let mut state = self.state();
        let bounded = !self.is_unbounded();
        let Some(job) = state.current(at) else {
            return;
        };
        let budget = job.spec.max_redispatches;
        let task = &mut job.tasks[at.task];
        task.state = TaskState::Pending;
        if bounded && task.redispatches >= budget {
            fail_job(&mut state, at.job, format!("task {}: re-dispatch budget of {budget} spent: {reason}", at.task));
        } else {
            task.redispatches += 1;
        }
    }

    fn task_state(&self, at: TaskRef) -> Option<TaskState> {
        self.state().current(at).map(|job| job.tasks[at.task].state.clone())
    }
}

/// Ends a job as failed and stops what is left of it.
fn fail_job(state: &mut State, id: JobId, reason: String) {
    stop_job(state, id, JobState::Failed(reason));
}

/// Ends a job and stops what is left of it on the workers.
pub(super) fn stop_job(state: &mut State, id: JobId, end: JobState) {
    let left = state.jobs.get_mut(&id).map(|job| job.end(id, end)).unwrap_or_default();
    for (worker, task) in left {
        if let Some(machine) = state.machines.get(&worker) {
            machine.worker.kill_task(task);
        }
    }
}
