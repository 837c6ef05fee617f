//! The machine that a run was made on.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The machine that a run was made on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Machine {
    /// Its name on the network, where the system says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The operating system.
    pub os: String,
    /// Release of the kernel, where the system says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel: Option<String>,
    /// The processor's architecture.
    pub arch: String,
    /// Processors that this program may use.
    pub cpus: usize,
}

impl Machine {
    /// This machine.
    pub fn this() -> Self {
        let read = |name: &str| {
            let text = std::fs::read_to_string(format!("/proc/sys/kernel/{name}")).ok()?;
            Some(text.trim().to_owned()).filter(|text| !text.is_empty())
        };
        Self {
            host: read("hostname"),
            os: std::env::consts::OS.to_owned(),
            kernel: read("osrelease"),
            arch: std::env::consts::ARCH.to_owned(),
            cpus: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        }
    }

    /// In one line.
    pub(super) fn words(&self) -> String {
        let kernel = self.kernel.as_ref().map(|kernel| format!(" {kernel}")).unwrap_or_default();
        let host = self.host.as_ref().map(|host| format!("{host}, ")).unwrap_or_default();
        let cpus = if self.cpus == 1 { "1 CPU".to_owned() } else { format!("{} CPUs", self.cpus) };
        format!("{host}{}{kernel}, {}, {cpus}", self.os, self.arch)
    }
}
