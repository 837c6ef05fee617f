//! Faults on what members can use: what is limited or used up, of which members, and for how long. How it is done is the
//! members' own.

mod exhaust_fds;
mod exhaust_pids;
mod limit_resources;
mod oom;
mod stress_cpu;
mod stress_memory;
mod targeted;

pub use exhaust_fds::ExhaustFds;
pub use exhaust_pids::ExhaustPids;
pub use limit_resources::LimitResources;
pub use oom::Oom;
pub use stress_cpu::StressCpu;
pub use stress_memory::StressMemory;

#[cfg(test)]
mod test_nodes;
