//! A Kubernetes control plane on loopback, for tests.
//!
//! etcd, kube-apiserver, kube-controller-manager and kube-scheduler are real; nodes and pods are fakes of kwok, which end with the
//! exit codes that their labels name; of Chaos Mesh there are its
//! custom resources, and a model of its controllers. `rig/kube` builds the programs.
//!
//! | Module | Holds |
//! |---|---|
//! | `rig` | the cluster that a test gets: shared by a test program, of its own, or one from outside |
//! | `plane` | the processes of a control plane: started, killed, frozen |
//! | `part` | which processes there are, and how each is started |
//! | `folder` | what they read: keys, tokens, kubeconfigs, policies |
//! | `spawner` | starts processes that end with ours, whatever ends it |
//! | `janitor` | removes the folder of a rig whose process was killed |
//! | `programs`, `ports` | where the programs are, where they listen |
//! | `resources` | the custom resources of Chaos Mesh and the fake nodes |
//! | `users` | users with few rights |
//! | `audit` | what was asked of the API server, from its own log |
//! | `model` | a model of Chaos Mesh's controllers of Workflows, Schedules and chaos |

mod audit;
mod error;
mod folder;
mod janitor;
pub mod model;
mod part;
mod plane;
mod ports;
mod programs;
mod resources;
mod rig;
mod spawner;
mod users;

pub use audit::AuditedRequest;
pub use error::RigError;
pub use part::RigPart;
pub use rig::Rig;
