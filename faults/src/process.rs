//! Faults on processes: what is done, to which members, and for how long. How it is done is the members' own.

mod burst_kill;
mod kill_process;
mod pause_process;
mod restart_process;
mod runtime_pause;
mod targeted;

pub use burst_kill::BurstKill;
pub use kill_process::KillProcess;
pub use pause_process::PauseProcess;
pub use restart_process::RestartProcess;
