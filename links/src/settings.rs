//! What the control plane tells the data path: a snapshot that is replaced, never a call that waits.

use std::sync::Arc;

use tokio::sync::watch;

use crate::counters::Counters;
use crate::draw::Draw;
use crate::toxic::Toxic;

/// What a link is to do from now on.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// Which start of the link this is; a connection of another one ends.
    pub(crate) generation: u64,
    /// The server's address, resolved at each connection.
    pub(crate) upstream: Arc<str>,
    /// The toxics of both streams in the order in which they act.
    pub(crate) toxics: Arc<[Arc<Toxic>]>,
    /// How often flows have been told to go on from another port.
    pub(crate) shifts: u64,
}

/// What a link and its connections share.
#[derive(Debug)]
pub(crate) struct SharedLink {
    pub(crate) draw: Draw,
    pub(crate) counters: Arc<Counters>,
    pub(crate) changes: watch::Sender<Settings>,
    /// The TLS of an HTTP link, which has this even where it speaks none.
    #[cfg(feature = "http")]
    pub(crate) http: Option<crate::http::tls::Sides>,
}
