//! The trigger `file_exists`: waits until a file exists.

use std::path::PathBuf;
use std::time::Duration;

use chaos_core::schemars::JsonSchema;
use chaos_core::serde::{Deserialize, Serialize};
use chaos_core::{Fired, PluginError, RunContext, Trigger, register_trigger};

/// Short enough for people, long enough to spare the disk.
const CHECK_INTERVAL: Duration = Duration::from_millis(100);

/// Fires as soon as a file exists.
///
/// # What it waits for
/// Checks ten times a second whether `path` exists.
///
/// # Limits
/// It never gives up by itself: the engine owns the deadline.
///
/// # Example
/// ```yaml
/// type: file_exists
/// path: ready
/// ```
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(crate = "chaos_core::serde", deny_unknown_fields)]
#[schemars(crate = "chaos_core::schemars")]
pub struct FileExists {
    /// The file; relative to the workspace.
    pub path: PathBuf,
}

impl Trigger for FileExists {
    async fn wait(&self, cx: &RunContext) -> Result<Fired, PluginError> {
        let path = cx.workspace().join(&self.path);
        while !path.exists() {
            if !cx.sleep(CHECK_INTERVAL).await {
                return Err(PluginError::Cancelled);
            }
        }
        Ok(Fired(format!("`{}` exists", self.path.display())))
    }
}

register_trigger!(FileExists, "file_exists");
