//! Programs from the npm registry: where they are, or why a test is skipped.

use std::path::PathBuf;

/// The folder with the npm packages, if it has all of `packages`; otherwise says which test part is skipped.
pub(crate) fn node_modules(packages: &[&str]) -> Option<PathBuf> {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/node/node_modules");
    let folder = std::env::var_os("SQUALL_NODE_MODULES").map_or_else(|| PathBuf::from(default), PathBuf::from);
    for package in packages {
        if !folder.join(package).join("package.json").is_file() {
            eprintln!("skipped: needs {package}");
            return None;
        }
    }
    Some(folder)
}
