//! The library and the canary, as they are embedded and as they lie beside a node.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use chaos_core::PluginError;

use super::page::ControlPage;
use crate::log_files::private_folder;

/// The names of the files in a node's clock folder: the page first.
pub(super) const FILES: [&str; 3] = [PAGE, LIBRARY, CANARY];
const PAGE: &str = "page";
const LIBRARY: &str = "libsquall-clock.so";
const CANARY: &str = "canary";

const PRELOAD: &str = "LD_PRELOAD";
/// As the library calls it.
const PAGE_VARIABLE: &str = "SQUALL_CLOCK_PAGE";

#[cfg(feature = "clock")]
static EMBEDDED: [&[u8]; 2] = [
    include_bytes!(concat!(env!("OUT_DIR"), "/clock_library")),
    include_bytes!(concat!(env!("OUT_DIR"), "/clock_canary")),
];
#[cfg(not(feature = "clock"))]
static EMBEDDED: [&[u8]; 2] = [&[], &[]];

/// Where the clock files of one node are.
#[derive(Debug, Clone)]
pub(super) struct ClockFiles(PathBuf);

impl ClockFiles {
    pub(super) fn in_folder(folder: PathBuf) -> Self {
        Self(folder)
    }

    pub(super) fn folder(&self) -> &Path {
        &self.0
    }

    pub(super) fn page(&self) -> PathBuf {
        self.0.join(PAGE)
    }

    pub(super) fn library(&self) -> PathBuf {
        self.0.join(LIBRARY)
    }

    pub(super) fn canary(&self) -> PathBuf {
        self.0.join(CANARY)
    }

    /// Why no node can have a clock of its own here.
    ///
    /// # Errors
    /// [`PluginError::Refused`].
    pub(super) fn check(&self) -> Result<(), PluginError> {
        if EMBEDDED.iter().any(|file| file.is_empty()) {
            let why =
                "this build of Squall has no clock library: build it with the feature `clock`, for Linux and glibc";
            return Err(PluginError::refused(why));
        }
        let path = self.0.to_string_lossy();
        if path.contains([' ', ':', '\t', '\n']) {
            let why = "`LD_PRELOAD` takes no path with a space or a colon; choose another state directory";
            return Err(PluginError::refused(format!("the clock library would be in `{path}`: {why}")));
        }
        Ok(())
    }

    /// Makes the files; a page that is there keeps what it says.
    pub(super) fn install(&self) -> io::Result<()> {
        private_folder(&self.0)?;
        for (path, bytes) in [self.library(), self.canary()].iter().zip(EMBEDDED) {
            let mut options = OpenOptions::new();
            let file = options.write(true).create_new(true).mode(0o500).open(path);
            file?.write_all(bytes)?;
        }
        ControlPage::create(&self.page()).map(drop)
    }

    /// Removes the files; whether any was there.
    pub(super) fn remove(&self) -> io::Result<bool> {
        let mut any = false;
        for name in FILES {
            match fs::remove_file(self.0.join(name)) {
                Ok(()) => any = true,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        // The folder, and the one around it with the last of them; one that holds something else stays.
        let _ = fs::remove_dir(&self.0).and_then(|()| fs::remove_dir(self.0.parent().unwrap_or(&self.0)));
        Ok(any)
    }

    /// Adds to a node's environment what makes it read the page; `outer` is what it has already.
    pub(super) fn add_to(&self, env: &mut BTreeMap<String, String>, outer: Option<&str>) {
        let before = env.get(PRELOAD).map(String::as_str).or(outer).filter(|text| !text.is_empty());
        let library = self.library().display().to_string();
        let preload = before.map_or_else(|| library.clone(), |others| format!("{library}:{others}"));
        env.insert(PRELOAD.to_owned(), preload);
        env.insert(PAGE_VARIABLE.to_owned(), self.page().display().to_string());
    }
}

/// What the environment of a run preloads already.
pub(super) fn preloaded(cx: &chaos_core::RunContext) -> Option<String> {
    cx.env(PRELOAD).map(str::to_owned)
}
