//! Folders and ports for the nodes of a document.

use chaos_core::StateDir;
use chaos_host::free_ports;
use chaos_schema::{LoadOptions, NodePool};

use super::settings;

/// How many ports the nodes of one document may name without a number.
const PORTS: usize = 256;

/// The key of a document that declares nodes.
const KEY: &[u8] = b"nodes";

/// The options, with fresh places for nodes where the document may have some: each reading of it is a run of its own.
pub(crate) fn with_places(document: &[u8], options: &LoadOptions) -> LoadOptions {
    if !document.windows(KEY.len()).any(|word| word == KEY) {
        return options.clone();
    }
    let env = |name: &str| std::env::var(name).ok();
    let Some(state) = settings::state_dir().or_else(|| StateDir::locate(env).ok()) else { return options.clone() };
    // Without any, a document that needs one is refused.
    let ports = free_ports(PORTS).unwrap_or_default();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_nanos();
    let folder = state.nodes().join(format!("{now}-{}", std::process::id()));
    LoadOptions { nodes: Some(NodePool { folder, ports }), ..options.clone() }
}
