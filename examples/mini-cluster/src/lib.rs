//! A small scheduler with fail points, and a battery of 21 tests of its behaviour under faults.
//!
//! A controller dispatches tasks to workers by calls that can fail; workers register, send heartbeats, download a
//! bundle, create a container, watch the task and report how it ended. Seven fail points sit where such systems
//! break. All of it runs in one process and in one thread, so that a paused clock can drive it.
//!
//! # Map
//!
//! | Module | Holds |
//! |---|---|
//! | `pace` | seconds of the system, as real or scaled time |
//! | `job` | what is submitted, and the states of jobs and tasks |
//! | `call` | the calls between controller and workers, and their errors |
//! | `controller` | placing, dispatching, budgets, timeouts; `worker` what runs the tasks |
//! | `cloud` | the life of the machines that workers run on |
//! | `flaw` | the three ways in which the system can be broken on purpose |
//! | `ledger` | fires counted by the code at the fail points |
//! | `battery` | the 21 tests |
//! | `randomised` | rounds of random systems, jobs and rules, checked against the counts |

pub mod battery;
mod call;
mod cloud;
mod cluster;
mod controller;
mod flaw;
mod job;
mod ledger;
mod pace;
pub mod randomised;
mod worker;

pub use call::{Beat, CallError, Ended, Finished, TaskRef};
pub use cloud::{Cloud, CloudError, MachineState};
pub use cluster::Cluster;
pub use controller::{Controller, JobView, WorkerView};
pub use flaw::Flaw;
pub use job::{JobId, JobSpec, JobState, TaskState, Work};
pub use pace::Pace;
pub use worker::{Supervisor, Worker};
