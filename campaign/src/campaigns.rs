//! The campaigns, one a file.

use crate::campaign::Campaign;

mod disk;
mod journal;
mod kill;
mod signals;
mod stall;
mod syscall;

/// Every campaign.
pub fn all() -> Vec<Box<dyn Campaign>> {
    vec![
        Box::new(kill::Kill::default()),
        Box::new(syscall::Syscall::default()),
        Box::new(journal::Journal),
        Box::new(disk::Disk),
        Box::new(stall::Stall),
        Box::new(signals::Signals),
    ]
}
