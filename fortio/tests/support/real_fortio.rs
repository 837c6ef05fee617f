//! The real fortio that tests compare with.

use std::path::PathBuf;

use chaos_fortio::find;

/// Finds one on `PATH`, or where Go puts it; says so where there is none.
pub(crate) fn fortio() -> Option<PathBuf> {
    let on_path = std::env::var_os("PATH").and_then(|places| find(&places));
    let home = || std::env::home_dir().map(|home| home.join("go/bin/fortio")).filter(|path| path.is_file());
    let found = on_path.or_else(home);
    if found.is_none() {
        println!("skipped: needs fortio (go install fortio.org/fortio@v1.68.2)");
    }
    found
}
