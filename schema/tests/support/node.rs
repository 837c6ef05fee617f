//! Programs from the npm registry: where they are, or why a test is skipped.

use std::path::{Path, PathBuf};

/// The folder with the npm packages, if it has all of `packages`; otherwise says which test part is skipped.
pub(crate) fn node_modules(packages: &[&str]) -> Option<PathBuf> {
    let folder = std::env::var_os("SQUALL_NODE_MODULES").map_or_else(installed, PathBuf::from);
    for package in packages {
        if !folder.join(package).join("package.json").is_file() {
            eprintln!("skipped: needs {package}");
            return None;
        }
    }
    Some(folder)
}

/// Where `cargo xtask test` installs: in the target folder of the workspace, above the package that is tested.
fn installed() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut above = here.ancestors().map(|folder| folder.join("target/node/node_modules"));
    above.find(|folder| folder.is_dir()).unwrap_or_default()
}
