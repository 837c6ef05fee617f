//! Faults in families: one file each, named for its `type`.
//!
//! | Module | Holds |
//! |---|---|
//! | `clock` | `clock_skew` on nodes with a clock of their own (feature `process`) |
//! | `disk` | faults on directories and their file systems |
//! | `failpoint` | `failpoint`: arms a fail point of another process (feature `failpoint`) |
//! | `load` | `load` makes load (feature `load`); `generate_load` has a model ask for it (feature `generate-load`) |
//! | `network` | `slow_link`, `lossy_link`, `limit_bandwidth`, `black_hole`, `partition_pair`, `partition_subset`, `firewall_inbound`, `flap_link`, `reset_connections`, `nat_shift` on links (feature `links`), `http_fault` (feature `http-links`) |
//! | `process` | `pause_process`, `kill_process`, `burst_kill`, `restart_process` on nodes and processes (feature `process`) |
//! | `resources` | `limit_resources`, `oom`, `exhaust_fds`, `exhaust_pids`, `stress_cpu`, `stress_memory` (feature `process`) |
//! | `shows` | what members show of a fault, together |

#[cfg(feature = "process")]
mod clock;
pub mod disk;
#[cfg(feature = "failpoint")]
mod failpoint;
#[cfg(feature = "load")]
mod load;
#[cfg(feature = "links")]
mod network;
#[cfg(feature = "process")]
mod process;
#[cfg(feature = "process")]
mod resources;
#[cfg(any(feature = "links", feature = "process"))]
mod shows;

#[cfg(feature = "process")]
pub use clock::{ClockOffset, ClockOffsetError, ClockSkew, RatePercent, RatePercentError};
#[cfg(feature = "failpoint")]
pub use failpoint::{
    BoundsError, ControlPlace, ControlPlaceError, DisarmFailpoint, Failpoint, FailpointHits, LeaseSeconds, RuntimeSite,
    Share, SiteName, VariableName,
};
#[cfg(feature = "generate-load")]
pub use load::GenerateLoad;
#[cfg(feature = "fuzz")]
#[doc(hidden)]
pub use load::parsers;
#[cfg(feature = "load")]
pub use load::{Load, LoadEngine, StopFortio};
#[cfg(feature = "http-links")]
pub use network::HttpFault;
#[cfg(feature = "links")]
pub use network::{
    BlackHole, FirewallInbound, FlapLink, HoleKind, LimitBandwidth, LinkTarget, LinkTargetError, LossyLink, LostPieces,
    NatShift, PartitionPair, PartitionSubset, ResetConnections, Sides, SlowLink,
};
#[cfg(feature = "process")]
pub use process::{BurstKill, KillProcess, PauseProcess, RestartProcess};
#[cfg(feature = "process")]
pub use resources::{ExhaustFds, ExhaustPids, LimitResources, Oom, StressCpu, StressMemory};

#[cfg(test)]
mod tests {
    use chaos_core::{FAULTS, UNDO_STEPS};

    #[test]
    fn every_registered_fault_keeps_the_contract() {
        let broken = chaos_test::broken_contracts();
        assert!(broken.is_empty(), "{broken:#?}");
        assert!(FAULTS.names().iter().any(|name| !name.starts_with("test_")), "nothing was tested");
    }

    #[test]
    fn undo_steps_keep_the_names_that_journals_hold() {
        let names = [
            #[cfg(feature = "failpoint")]
            "disarm_failpoint",
            #[cfg(feature = "load")]
            "stop_fortio",
        ];
        for name in names {
            assert!(UNDO_STEPS.get(name).is_ok(), "{name}");
        }
    }
}
