//! The machines that workers run on: asked for, started, lost, replaced.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use chaos_failpoints::inherit;
use thiserror::Error;
use tokio::time::Instant;

use crate::{Controller, Pace, Worker, worker::Supervisor};

/// Seconds from a machine's creation to its worker's start.
const BOOT: f64 = 5.0;
/// Seconds after which a machine that does not come up is given up.
const BOOT_TIMEOUT: f64 = 60.0;
/// Seconds between two checks of the machines.
const CHECK_INTERVAL: f64 = 1.0;
/// Seconds before a refused machine is requested again.
const RETRY_INTERVAL: f64 = 5.0;

/// Why a machine was not created.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum CloudError {
    /// The account has no room for another machine.
    #[error("quota exceeded; request another machine when one is freed")]
    Quota,
}

/// A machine's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MachineState {
    /// It boots.
    Initializing,
    /// Its worker runs.
    Ready,
    /// It did not come up in time and was deleted.
    Stuck,
    /// It was preempted or deleted.
    Terminated,
}

/// A cloud with faults on request, and the loop that keeps one machine alive in it.
#[derive(Debug)]
pub struct Cloud {
    pace: Pace,
    controller: Arc<Controller>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    machines: BTreeMap<u32, Machine>,
    asked: u32,
    refusals: u32,
    stick: bool,
}

#[derive(Debug)]
struct Machine {
    state: MachineState,
    created: Instant,
    sticks: bool,
    worker: Option<Arc<Worker>>,
}

impl Cloud {
    /// Makes a cloud that keeps one machine of four processors alive for a controller.
    pub fn start(controller: &Arc<Controller>) -> Arc<Self> {
        controller.expect_machines();
        let cloud =
            Arc::new(Self { pace: controller.pace(), controller: Arc::clone(controller), state: Mutex::default() });
        tokio::spawn(inherit(Arc::clone(&cloud).keep_one()));
        cloud
    }

    /// Refuses the next machines for lack of quota.
    pub fn refuse(&self, machines: u32) {
        self.state().refusals = machines;
    }

    /// Makes the next machine never finish booting.
    pub fn stick_next(&self) {
        self.state().stick = true;
    }

    /// Preempts every machine that is up.
    pub fn preempt(&self) {
        let mut lost = Vec::new();
        for machine in self.state().machines.values_mut().filter(|machine| machine.state == MachineState::Ready) {
            machine.state = MachineState::Terminated;
            lost.extend(machine.worker.take());
        }
        for worker in lost {
            worker.stop();
            self.controller.fail_worker(&worker.id, "its machine was preempted");
        }
    }

    /// Returns how often a machine was asked for.
    pub fn asked(&self) -> u32 {
        self.state().asked
    }

    /// Returns the states of all machines, oldest first.
    pub fn machines(&self) -> Vec<MachineState> {
        self.state().machines.values().map(|machine| machine.state).collect()
    }

    async fn keep_one(self: Arc<Self>) {
        loop {
            self.come_up();
            let alive = |machine: &Machine| matches!(machine.state, MachineState::Initializing | MachineState::Ready);
            let lacking = !self.state().machines.values().any(alive);
            let wait = if lacking && self.create().is_err() { RETRY_INTERVAL } else { CHECK_INTERVAL };
            self.pace.sleep(wait).await;
        }
    }

    fn create(&self) -> Result<(), CloudError> {
        let mut state = self.state();
        state.asked += 1;
        if state.refusals > 0 {
            state.refusals -= 1;
            return Err(CloudError::Quota);
        }
        let machine = Machine {
            state: MachineState::Initializing,
            created: Instant::now(),
            sticks: std::mem::take(&mut state.stick),
            worker: None,
        };
        let id = state.asked;
        state.machines.insert(id, machine);
        Ok(())
    }

    /// Starts the workers of machines that have booted, and gives up those that are stuck.
    fn come_up(&self) {
        let mut state = self.state();
        for (id, machine) in &mut state.machines {
            if machine.state != MachineState::Initializing {
                continue;
            }
            let age = self.pace.since(machine.created);
            if !machine.sticks && age >= BOOT {
                machine.state = MachineState::Ready;
                machine.worker = Some(Worker::start(&format!("machine-{id}"), 4, &self.controller));
            } else if age >= BOOT_TIMEOUT {
                machine.state = MachineState::Stuck;
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
