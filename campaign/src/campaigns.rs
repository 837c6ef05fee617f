//! The campaigns, one a file.

use crate::campaign::Campaign;

mod disk;
mod experiment;
mod guardian;
mod journal;
mod kill;
mod neighbour;
mod resume;
mod signals;
mod stall;
mod syscall;
mod workflow;
mod workflow_run;

/// Every campaign.
pub fn all() -> Vec<Box<dyn Campaign>> {
    vec![
        Box::new(kill::Kill::default()),
        Box::new(syscall::Syscall::default()),
        Box::new(guardian::Guardian::default()),
        Box::new(neighbour::Neighbour),
        Box::new(journal::Journal),
        Box::new(disk::Disk::default()),
        Box::new(stall::Stall),
        Box::new(signals::Signals),
        Box::new(experiment::Experiment),
        Box::new(resume::Resume::default()),
        Box::new(workflow::Workflows::default()),
        Box::new(workflow_run::WorkflowRuns),
    ]
}

/// The attack on runs that have a guardian, with only those of its rows; `None` where one is unknown.
pub fn guardian_of(rows: &[String]) -> Option<Box<dyn Campaign>> {
    guardian::Guardian::of(rows).map(|guardian| Box::new(guardian) as Box<dyn Campaign>)
}
