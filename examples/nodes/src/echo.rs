//! A server that sends back what it gets, and streams of messages through it. What it has sent back it has also written down
//! (`echo-node`).

mod server;
mod streams;

pub use server::{EchoError, MESSAGE, echo, received};
pub use streams::{StreamPlan, Streamed, streams};
