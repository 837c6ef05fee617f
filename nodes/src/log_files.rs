//! Where a node's output goes.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

/// Makes a folder for this user alone, with those above it; one that is there is left as it is.
pub(crate) fn private_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// The streams of a node that go to files.
pub(crate) const STREAMS: [&str; 2] = ["stdout", "stderr"];

/// The file of one stream of a node.
pub(crate) fn log_path(folder: &Path, node: &str, stream: &str) -> PathBuf {
    folder.join(format!("{node}.{stream}.log"))
}

/// The log of one stream of a node, for this user alone; a later start writes behind what is there.
pub(crate) fn log_file(folder: &Path, node: &str, stream: &str) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true).mode(0o600);
    // The flags are small and positive on every target.
    options.custom_flags(i32::try_from(OFlags::NOFOLLOW.bits()).unwrap_or_default());
    options.open(log_path(folder, node, stream))
}
