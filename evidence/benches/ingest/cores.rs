//! Which core is whose.

use std::fmt;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// The cores that this process may use: one for the receiver, the others for the sender.
pub(crate) struct Cores {
    receiver: usize,
    sender: Vec<usize>,
}

/// One core.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Core(usize);

impl Core {
    /// Keeps the calling thread, and what it starts from now on, on this core.
    pub(crate) fn stay(self) {
        stay(&[self.0]);
    }
}

impl Cores {
    pub(crate) fn of_this_machine() -> Self {
        let may = sched_getaffinity(None).unwrap();
        let all: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|core| may.is_set(*core)).collect();
        let (receiver, rest) = all.split_first().expect("this process runs on some core");
        let sender = if rest.is_empty() { vec![*receiver] } else { rest.to_vec() };
        Self { receiver: *receiver, sender }
    }

    /// The receiver's core.
    pub(crate) fn receiver(&self) -> Core {
        Core(self.receiver)
    }

    /// Keeps the calling thread on the sender's cores.
    pub(crate) fn stay_with_the_sender(&self) {
        stay(&self.sender);
    }
}

impl fmt::Display for Cores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the receiver is on core {}, the sender on {:?}", self.receiver, self.sender)?;
        if self.sender.contains(&self.receiver) {
            f.write_str(": one core for both, so what is measured by the clock is the sum of both")?;
        }
        Ok(())
    }
}

fn stay(cores: &[usize]) {
    let mut set = CpuSet::new();
    for core in cores {
        set.set(*core);
    }
    sched_setaffinity(None, &set).unwrap();
}
