//! The fail point at which the runtime of a process is held.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::bounds::SiteName;
#[cfg(feature = "process")]
use super::failpoint::Failpoint;
use super::place::ControlPlace;

/// The fail point at which the runtime of a process is held: one that its threads pass often, in the form that blocks them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct RuntimeSite {
    /// Where the control endpoints of the process are: `http://host:port`, or `unix:/path` of a socket.
    pub url: ControlPlace,
    /// The site's name.
    pub site: SiteName,
}

#[cfg(feature = "process")]
impl RuntimeSite {
    /// The fail point as a fault of its own.
    pub(crate) fn pause(&self) -> Failpoint {
        Failpoint::pausing(self.url.clone(), self.site.clone())
    }
}
