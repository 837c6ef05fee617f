//! A controller and its workers, started together.

use std::sync::Arc;

use crate::{Controller, Flaw, Pace, Worker};

/// A running system.
#[derive(Debug)]
pub struct Cluster {
    /// Its controller.
    pub controller: Arc<Controller>,
    /// The workers that it was started with.
    pub workers: Vec<Arc<Worker>>,
}

impl Cluster {
    /// Starts a system with a worker for each number of processors.
    pub fn start(pace: Pace, flaw: Option<Flaw>, cpus: &[u32]) -> Self {
        let controller = Controller::start(pace, flaw);
        let worker = |(at, &cpus): (usize, &u32)| Worker::start(&format!("worker-{at}"), cpus, &controller);
        let workers = cpus.iter().enumerate().map(worker).collect();
        Self { controller, workers }
    }

    /// Returns how many containers all workers have ever created.
    pub fn containers(&self) -> u32 {
        self.workers.iter().map(|worker| worker.containers()).sum()
    }

    /// Returns how many tasks all workers run.
    pub fn running(&self) -> usize {
        self.workers.iter().map(|worker| worker.running()).sum()
    }
}
