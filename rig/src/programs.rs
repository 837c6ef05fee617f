//! Where the programs are.

use std::env;
use std::path::{Path, PathBuf};

/// The programs of a rig.
#[derive(Debug, Clone)]
pub(crate) struct Programs {
    pub(crate) kuberig: PathBuf,
    pub(crate) kwok: PathBuf,
}

impl Programs {
    /// Those in the `PATH`, which `cargo xtask test` sets, or else those in the build folder of this workspace.
    pub(crate) fn found() -> Option<Self> {
        let find = |name: &str| {
            let path = env::var_os("PATH").unwrap_or_default();
            let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/go/bin");
            let own = env::var_os("CARGO_TARGET_DIR").map(|target| PathBuf::from(target).join("go/bin"));
            let folders = env::split_paths(&path).chain(own).chain([built]);
            folders.map(|folder| folder.join(name)).find(|program| program.is_file())
        };
        Some(Self { kuberig: find("kuberig")?, kwok: find("kwok")? })
    }
}
