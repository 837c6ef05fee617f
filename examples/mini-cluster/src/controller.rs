//! The controller: holds all jobs and workers, and assigns tasks to workers.

mod dispatch;
mod outcome;
mod schedule;
mod state;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chaos_failpoints::{FiredSite, inherit};
use tokio::{sync::Notify, time::Instant};

use crate::{
    Beat, CallError, Finished, Flaw, JobId, JobSpec, JobState, Pace, Worker, ledger::Ledger, worker::Supervisor,
};
use state::{Job, Machine, State};
pub use state::{JobView, WorkerView};

/// Assigns the tasks of jobs to workers.
#[derive(Debug)]
pub struct Controller {
    pace: Pace,
    flaw: Option<Flaw>,
    state: Mutex<State>,
    ledger: Ledger,
    /// Something has changed that may let the scheduler act.
    wake: Notify,
    /// Something has changed that a caller may wait for.
    changed: Notify,
}

impl Controller {
    /// Starts a controller.
    pub fn start(pace: Pace, flaw: Option<Flaw>) -> Arc<Self> {
        let controller = Arc::new(Self {
            pace,
            flaw,
            state: Mutex::default(),
            ledger: Ledger::default(),
            wake: Notify::new(),
            changed: Notify::new(),
        });
        tokio::spawn(inherit(Arc::clone(&controller).schedule()));
        controller
    }

    /// Returns how many fires of a site the code has seen.
    pub fn seen(&self, site: &str) -> u64 {
        self.ledger.count(site)
    }

    /// Takes a job.
    pub fn submit(&self, spec: JobSpec) -> JobId {
        let mut state = self.state();
        let id = JobId(state.jobs.len() as u64 + 1);
        state.jobs.insert(id, Job::new(spec));
        drop(state);
        self.touched();
        id
    }

    /// Notes that machines will be added, so that the lack of workers does not end a job.
    pub fn expect_machines(&self) {
        self.state().machines_expected = true;
    }

    /// Gives up a worker and everything on it.
    pub fn fail_worker(&self, worker: &str, reason: &str) {
        self.lose_worker(worker, reason);
        self.touched();
    }

    /// Returns what is known of a job.
    pub fn job(&self, id: JobId) -> Option<JobView> {
        self.state().jobs.get(&id).map(Job::view)
    }

    /// Returns what is known of every worker, by name.
    pub fn workers(&self) -> Vec<WorkerView> {
        let state = self.state();
        state.machines.keys().filter_map(|id| state.worker(id)).collect()
    }

    /// Waits until a job is over.
    pub async fn wait(&self, id: JobId) -> JobState {
        self.until(|state| {
            let job = state.jobs.get(&id)?;
            job.state.is_over().then(|| job.state.clone())
        })
        .await
    }

    /// Waits until so many workers are registered and live.
    pub async fn wait_for_workers(&self, count: usize) {
        self.until(|state| (state.live().count() >= count).then_some(())).await;
    }

    async fn until<T>(&self, check: impl Fn(&State) -> Option<T>) -> T {
        loop {
            // Made before the check, so that a change after it is not missed.
            let changed = self.changed.notified();
            if let Some(seen) = check(&self.state()) {
                return seen;
            }
            changed.await;
        }
    }

    fn touched(&self) {
        self.changed.notify_waiters();
        self.wake.notify_one();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Supervisor for Controller {
    fn pace(&self) -> Pace {
        self.pace
    }

    fn flaw(&self) -> Option<Flaw> {
        self.flaw
    }

    fn register(&self, worker: &Arc<Worker>) {
        let machine = Machine { worker: Arc::clone(worker), beaten: Instant::now(), failed: None };
        self.state().machines.insert(worker.id.clone(), machine);
        self.touched();
    }

    fn heartbeat(&self, worker: &str, beat: &Beat) -> Result<(), CallError> {
        {
            let mut state = self.state();
            let machine = state.machines.get_mut(worker).filter(|machine| machine.failed.is_none());
            let Some(machine) = machine else {
                return Err(CallError::Unregistered(worker.to_owned()));
            };
            machine.beaten = Instant::now();
        }
        for done in &beat.completed_task_ids {
            self.report(worker, done);
        }
        self.find_lost(worker, beat);
        Ok(())
    }

    fn report(&self, worker: &str, done: &Finished) {
        self.ended(worker, done);
        self.touched();
    }

    fn saw(&self, fired: &FiredSite) -> String {
        self.ledger.saw(fired)
    }
}
