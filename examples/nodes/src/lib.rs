//! Programs that the examples start as nodes: systems under test and their clients. They know nothing of Squall
//! but the fail point that is linked into `mesh-node`.
//!
//! | Module | Holds |
//! |---|---|
//! | `echo` | a server that sends back what it gets, and streams through it (`echo-node`) |
//! | `http` | one request, and a small server |
//! | `kv` | a client of etcd that knows what it was promised (`kv-client`) |
//! | `mesh` | a member of a gossip mesh (`mesh-node`) |

pub mod echo;
mod http;
pub mod kv;
pub mod mesh;

pub use http::{HttpError, Reply, get, post, serve_http};
