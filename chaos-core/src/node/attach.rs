//! How a process becomes a member of the run without being declared: the crate that knows processes says so.

use std::sync::Arc;

use super::locator::Locator;
use super::member::Member;
use crate::PluginError;

/// Makes a member of a process that is named by a fault itself; written by [`crate::register_attacher!`].
#[derive(Debug)]
pub struct Attacher {
    /// Makes it; nothing is looked up yet.
    pub attach: fn(&Locator) -> Arc<dyn Member>,
}

inventory::collect!(Attacher);

/// The anonymous member for a process that the run did not start.
///
/// # Errors
/// [`PluginError::Refused`] when no crate that is linked into this program knows processes.
pub fn attach(locator: &Locator) -> Result<Arc<dyn Member>, PluginError> {
    let Some(attacher) = inventory::iter::<Attacher>.into_iter().next() else {
        let why = format!("this program is built without node kinds, so it finds no process by {locator}");
        return Err(PluginError::refused(why));
    };
    Ok((attacher.attach)(locator))
}

/// Says who finds a process by pid, pid file, port or command: `register_attacher!(attached);`.
#[macro_export]
macro_rules! register_attacher {
    ($attach:expr) => {
        $crate::__private::inventory::submit! {
            $crate::Attacher { attach: $attach }
        }
    };
}
