//! Links: a proxy for TCP, UDP and HTTP with toxics that change in flight, and a control API that toxiproxy's clients speak to.
//!
//! A link listens, forwards each connection to a server, and passes both ways through toxics: latency, bandwidth, resets,
//! and so on. It works for any user on any machine.
//!
//! | Module | Holds |
//! |---|---|
//! | `links`, `link` | the control plane: which links there are, and snapshots of what they are to do |
//! | `listener`, `connection`, `pump`, `chain` | the data path: accept, both ways of a connection, the queue behind toxics |
//! | `flow` | UDP: a flow for each client |
//! | `http` | HTTP: what stands between the pumps and the server, and what rules do there (feature `http`) |
//! | `toxic`, `behaviour` | the kinds of toxics, one file each, and what a toxic may do |
//! | `pipe`, `timer`, `worker` | splice(2), exact times, threads |
//! | `api` | the HTTP API |
//! | `client` | calls the HTTP API (feature `client`) |
//!
//! The control plane never waits for the data path: it replaces a snapshot (`settings`), and connections see that when they
//! next look. So no blocked connection can hold a call up.

mod api;
mod behaviour;
mod chain;
#[cfg(feature = "client")]
mod client;
mod connection;
mod counters;
mod draw;
mod error;
mod flow;
#[cfg(feature = "http")]
mod http;
mod link;
mod link_tls;
mod links;
mod listener;
mod piece;
mod pipe;
mod protocol;
mod pump;
mod settings;
mod timer;
mod toxic;
mod worker;

pub use api::{ApiServer, COMPATIBLE_WITH, links_of_config};
pub use behaviour::HoleMode;
#[cfg(feature = "client")]
pub use client::{LinksClient, LinksClientError};
pub use counters::{Counts, Direction};
pub use error::LinkError;
#[cfg(feature = "http")]
pub use http::HttpToxic;
pub use link::{LinkChange, LinkSpec, LinkView};
pub use link_tls::LinkTls;
pub use links::Links;
pub use protocol::Protocol;
pub use toxic::{
    Bandwidth, BlackHoleToxic, Corrupt, Distribution, Duplicate, LatencyToxic, LimitData, Loss, Reorder, ResetPeer,
    Slicer, SlowClose, Timeout, ToxicKind, ToxicSpec,
};
