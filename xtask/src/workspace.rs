//! Where things are in this workspace, and what cargo says of it.

use std::env;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use serde_json::Value;

use crate::error::TaskError;
use crate::process;

/// The root of the workspace: the folder above this crate, as cargo says it when it runs us. What it was when this was
/// compiled is only the second choice: a copied workspace shares the compiled program.
pub(crate) fn root() -> &'static Path {
    static ROOT: OnceLock<PathBuf> = OnceLock::new();
    ROOT.get_or_init(|| {
        let here = env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
        here.parent().map_or(here.clone(), Path::to_owned)
    })
}

/// The build folder, where installed tools are put too.
pub(crate) fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |dir| root().join(dir))
}

/// The packages of the workspace, as cargo describes them.
pub(crate) fn packages() -> Result<Vec<Value>, TaskError> {
    let mut cargo = process::cargo();
    cargo.args(["metadata", "--no-deps", "--format-version", "1"]).current_dir(root());
    let text = process::output(&mut cargo)?;
    let metadata: Value = serde_json::from_str(&text).map_err(TaskError::Metadata)?;
    Ok(metadata["packages"].as_array().cloned().unwrap_or_default())
}

/// A text field of a package or a dependency; empty when it is absent.
pub(crate) fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}
