//! A worker: registers, sends heartbeats, and takes tasks through bundle, container and monitor to their report.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use chaos_failpoints::{FiredSite, fail_error, inherit};
use tokio::{task::AbortHandle, time::Instant};

use crate::{Beat, CallError, Ended, Finished, Flaw, JobSpec, Pace, TaskRef, Work};

/// Seconds between two heartbeats.
pub(crate) const HEARTBEAT: f64 = 10.0;
/// Seconds between two checks of a running task.
const MONITOR: f64 = 1.0;

/// What a worker reports to.
pub trait Supervisor: std::fmt::Debug + Send + Sync {
    /// Returns the pace of the system's clock.
    fn pace(&self) -> Pace;

    /// Returns the defect that the system was built with.
    fn flaw(&self) -> Option<Flaw>;

    /// Registers a worker, also again after it was given up.
    fn register(&self, worker: &Arc<Worker>);

    /// Handles a worker's heartbeat.
    ///
    /// # Errors
    /// A worker that is not registered, or that has been given up.
    fn heartbeat(&self, worker: &str, beat: &Beat) -> Result<(), CallError>;

    /// Handles the report of a task's end; a second report is harmless.
    fn report(&self, worker: &str, done: &Finished);

    /// Counts a fire that reached the code, and returns its message.
    fn saw(&self, fired: &FiredSite) -> String;
}

/// A machine's end of the system.
#[derive(Debug)]
pub struct Worker {
    /// Its name.
    pub id: String,
    /// Its processors.
    pub cpus: u32,
    pace: Pace,
    flaw: Option<Flaw>,
    controller: Arc<dyn Supervisor>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    running: BTreeMap<TaskRef, Option<AbortHandle>>,
    finished: Vec<Finished>,
    /// Containers ever created: what proves an attempt, whatever the controller has counted.
    containers: u32,
    main: Option<AbortHandle>,
    stopped: bool,
}

impl Worker {
    /// Starts a worker.
    pub fn start(id: &str, cpus: u32, controller: &Arc<impl Supervisor + 'static>) -> Arc<Self> {
        let worker = Arc::new(Self {
            id: id.to_owned(),
            cpus,
            pace: controller.pace(),
            flaw: controller.flaw(),
            controller: Arc::clone(controller) as Arc<dyn Supervisor>,
            state: Mutex::default(),
        });
        let main = tokio::spawn(inherit(Arc::clone(&worker).live()));
        worker.state().main = Some(main.abort_handle());
        worker
    }

    /// Ends the worker and everything on it, as when its machine goes.
    pub fn stop(&self) {
        let mut state = self.state();
        state.stopped = true;
        state.main.take().iter().for_each(AbortHandle::abort);
        for handle in std::mem::take(&mut state.running).into_values().flatten() {
            handle.abort();
        }
    }

    /// Returns how many containers it has ever created.
    pub fn containers(&self) -> u32 {
        self.state().containers
    }

    /// Returns how many tasks it runs.
    pub fn running(&self) -> usize {
        self.state().running.len()
    }

    /// Accepts a task, which then runs by itself.
    ///
    /// # Errors
    /// The worker is gone, or cannot start anything.
    pub async fn submit_task(self: &Arc<Self>, task: TaskRef, spec: &JobSpec) -> Result<(), CallError> {
        if self.state().stopped {
            return Err(CallError::Unavailable(format!("worker `{}` is gone", self.id)));
        }
        fail_error!(
            /// The worker cannot take any task.
            async "worker.submit_task",
            |fired| CallError::Worker(self.controller.saw(&fired))
        );
        let work = spec.tasks[task.task].clone();
        // Known as running before it can end, or a beat in between would show it as lost.
        self.state().running.insert(task, None);
        let run = Arc::clone(self).run(task, work, spec.timeout_seconds);
        let handle = tokio::spawn(inherit(run)).abort_handle();
        if let Some(running) = self.state().running.get_mut(&task) {
            *running = Some(handle);
        }
        Ok(())
    }

    /// Stops a task without a report.
    pub fn kill_task(&self, task: TaskRef) {
        if let Some(Some(handle)) = self.state().running.remove(&task) {
            handle.abort();
        }
    }

    /// Registers, then sends heartbeats until stopped.
    async fn live(self: Arc<Self>) {
        loop {
            while self.register().await.is_err() {
                self.pace.sleep(MONITOR).await;
            }
            loop {
                self.pace.sleep(HEARTBEAT).await;
                if matches!(self.beat().await, Err(CallError::Unregistered(_))) {
                    self.abandon();
                    break;
                }
            }
        }
    }

    async fn register(self: &Arc<Self>) -> Result<(), CallError> {
        fail_error!(
            /// The first heartbeat, which registers the worker.
            async "worker.heartbeat",
            |fired| CallError::Unavailable(self.controller.saw(&fired))
        );
        self.controller.register(self);
        Ok(())
    }

    async fn beat(&self) -> Result<(), CallError> {
        fail_error!(
            /// Every later heartbeat.
            async "worker.heartbeat",
            |fired| CallError::Unavailable(self.controller.saw(&fired))
        );
        let finished = self.state().finished.clone();
        let beat = Beat {
            running_tasks: self.state().running.keys().copied().collect(),
            completed_task_ids: if self.flaw == Some(Flaw::SilentHeartbeat) { Vec::new() } else { finished.clone() },
        };
        self.controller.heartbeat(&self.id, &beat)?;
        self.state().finished.retain(|done| !finished.contains(done));
        Ok(())
    }

    /// Stops what the controller has given up.
    fn abandon(&self) {
        let running = std::mem::take(&mut self.state().running);
        running.into_values().flatten().for_each(|handle| handle.abort());
        self.state().finished.clear();
    }

    async fn run(self: Arc<Self>, task: TaskRef, work: Work, timeout_seconds: Option<f64>) {
        let ended = match self.attempt(task, &work, timeout_seconds).await {
            Ok(code) => Ended::Exit(code),
            Err(reason) => Ended::Broken(reason.to_string()),
        };
        let done = Finished { task, ended };
        {
            let mut state = self.state();
            state.running.remove(&task);
            state.finished.push(done.clone());
        }
        // A report that is lost is made good by the next heartbeat.
        if self.report(&done).await.is_ok() {
            self.state().finished.retain(|other| *other != done);
        }
    }

    async fn attempt(&self, task: TaskRef, work: &Work, timeout_seconds: Option<f64>) -> Result<i32, CallError> {
        self.download_bundle().await?;
        self.create_container().await?;
        let Some(seconds) = timeout_seconds else {
            return self.monitor(task, work).await;
        };
        let watched = tokio::time::timeout(self.pace.seconds(seconds), self.monitor(task, work));
        let late = |_| CallError::Unexpected(format!("the task timed out after {seconds} s"));
        watched.await.map_err(late)?
    }

    async fn download_bundle(&self) -> Result<(), CallError> {
        fail_error!(
            /// The task's files cannot be fetched.
            async "worker.bundle_download",
            |fired| CallError::Unexpected(self.controller.saw(&fired))
        );
        Ok(())
    }

    async fn create_container(&self) -> Result<(), CallError> {
        self.state().containers += 1;
        fail_error!(
            /// The container cannot be created.
            async "worker.create_container",
            |fired| CallError::Unexpected(self.controller.saw(&fired))
        );
        Ok(())
    }

    /// Watches the task until it exits.
    async fn monitor(&self, task: TaskRef, work: &Work) -> Result<i32, CallError> {
        let start = Instant::now();
        loop {
            fail_error!(
                /// The task's monitor crashes.
                async "worker.task_monitor",
                |fired| CallError::Unexpected(self.controller.saw(&fired))
            );
            let left = work.seconds - self.pace.since(start);
            if left <= 0.0 {
                return Ok(work.exit(task.attempt));
            }
            self.pace.sleep(left.min(MONITOR)).await;
        }
    }

    async fn report(&self, done: &Finished) -> Result<(), CallError> {
        fail_error!(
            /// The report of a task's end is lost.
            async "worker.report_task_state",
            |fired| CallError::Unavailable(self.controller.saw(&fired))
        );
        self.controller.report(&self.id, done);
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
