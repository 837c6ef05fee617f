//! Programs that `cargo xtask test` installs.

use std::path::{Path, PathBuf};

/// Where `cargo xtask test` installs: in the target folder of the workspace.
pub(crate) fn installed(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../target").join(path)
}

/// A program in the search path, or where it is installed, that is as it is wanted.
pub(crate) fn program(name: &str, at: &str, is_wanted: impl Fn(&Path) -> bool) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut found = std::env::split_paths(&path).map(|folder| folder.join(name)).chain([installed(at)]);
    found.find(|program| program.is_file() && is_wanted(program))
}
