//! Inputs that broke something once: kept in the repository, and fed again by an ordinary test.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The folder of the corpus, one folder a target in it.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

/// A kept input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Its file.
    pub path: PathBuf,
    /// What it is fed to.
    pub target: String,
    /// Its bytes.
    pub input: Vec<u8>,
}

/// Everything that is kept, in the order of names.
///
/// # Errors
/// What the system says.
pub fn kept() -> io::Result<Vec<Kept>> {
    let mut all = Vec::new();
    for folder in fs::read_dir(folder())? {
        let folder = folder?;
        if !folder.file_type()?.is_dir() {
            continue;
        }
        for file in fs::read_dir(folder.path())? {
            let path = file?.path();
            let target = folder.file_name().to_string_lossy().into_owned();
            all.push(Kept { input: fs::read(&path)?, path, target });
        }
    }
    all.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(all)
}

/// Keeps an input.
pub(crate) fn keep(folder: &Path, target: &str, name: &str, input: &[u8]) -> io::Result<PathBuf> {
    let folder = folder.join(target);
    fs::create_dir_all(&folder)?;
    let path = folder.join(name);
    fs::write(&path, input)?;
    Ok(path)
}
