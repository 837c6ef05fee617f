//! Kubernetes, as the rest of Squall sees it.
//!
//! | Module | Holds |
//! |---|---|
//! | `access` | which cluster, by reference: what an undo step needs to reach it again |
//! | `cluster` | a connected cluster and its objects |
//! | `throttle`, `patience` | pauses that a server asks for; calls that are tried again, within bounds |
//! | `watched` | objects as they change, whatever happens to the connection |
//! | `container`, `logs` | what the state of a container means; the end of what it wrote |
//! | `rights` | what this user may do |
//! | `chaos_objects` | the chaos objects of a Workflow, and which of them are there |
//! | `remove_workflow` | the undo step of a Workflow: abort, delete, wait, sweep, and wait for its chaos to be recovered |
//! | `pod_task`, `sweep_pods` | the step that is a pod, and the undo step of all pods of a run |

mod access;
mod chaos_objects;
mod cluster;
mod container;
mod logs;
mod patience;
mod pod_task;
mod remove_workflow;
mod rights;
mod sweep_pods;
mod throttle;
mod watched;

pub use access::ClusterAccess;
pub use chaos_objects::chaos_selections;
pub use cluster::{Cluster, ClusterError};
pub use container::{ending_signal, is_stuck, was_not_run};
pub use logs::log_tail;
pub use patience::{CallError, Patience, patiently};
pub use pod_task::{PodShape, PodTask};
pub use remove_workflow::{RUN_ANNOTATION, RemoveWorkflow, abort_workflow};
pub use rights::Right;
pub use sweep_pods::SweepPods;
pub use watched::{Seen, Selection, Watched, names};
