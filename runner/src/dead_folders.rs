//! Folders of runs: kept while the run lives, and collected when it died.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use chaos_core::StateDir;

/// The file that a live run holds a lock on; gone from a folder that is kept on purpose.
const ALIVE: &str = ".alive";

/// The file that names the ledger of a workflow: a folder with it is kept while the ledger is there, so that a resume finds it.
const KEPT_FOR: &str = ".kept-for";

/// Keeps a folder of nodes, also from a recovery, for as long as the file `ledger` is there.
pub fn keep_for(folder: &Path, ledger: &Path) -> io::Result<()> {
    fs::write(folder.join(KEPT_FOR), ledger.as_os_str().as_encoded_bytes())
}

fn is_kept(folder: &Path) -> bool {
    fs::read_to_string(folder.join(KEPT_FOR)).is_ok_and(|ledger| Path::new(&ledger).is_file())
}

/// A folder of a live run; dropping this without [`LiveFolder::keep`] or [`LiveFolder::remove`] leaves it to a recovery.
#[derive(Debug)]
pub(crate) struct LiveFolder {
    path: PathBuf,
    /// The kernel lets the lock go when we die.
    _lock: File,
}

impl LiveFolder {
    /// Makes it, for this user alone.
    pub(crate) fn make(path: &Path) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(path)?;
        let lock = File::options().write(true).create(true).truncate(false).mode(0o600).open(path.join(ALIVE))?;
        lock.lock_shared()?;
        Ok(Self { path: path.to_owned(), _lock: lock })
    }

    /// Keeps it for people, also from a recovery.
    pub(crate) fn keep(self) {
        let _ = fs::remove_file(self.path.join(ALIVE));
    }

    /// Removes it with everything in it; best effort.
    pub(crate) fn remove(self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Removes the folders of runs that are dead and of which everything is undone; best effort.
pub(crate) fn collect(state: &StateDir) {
    remove_sockets(state);
    for folder in fs::read_dir(state.nodes()).into_iter().flatten().flatten() {
        let path = folder.path();
        let Ok(lock) = File::options().write(true).open(path.join(ALIVE)) else { continue };
        let pending = state.journals().join(folder.file_name()).with_extension("jsonl").exists();
        if !pending && !is_kept(&path) && lock.try_lock().is_ok() {
            let _ = fs::remove_dir_all(path);
        }
    }
}

/// The folder in which each live run has one of its own, with its control socket.
pub(crate) fn run_folders(state: &StateDir) -> PathBuf {
    state.root().join("runs")
}

/// Removes the folders of control sockets whose runs are dead: those without a journal.
fn remove_sockets(state: &StateDir) {
    let Ok(entries) = fs::read_dir(run_folders(state)) else { return };
    for entry in entries.flatten() {
        let journal = state.journals().join(entry.file_name()).with_extension("jsonl");
        if !journal.exists() {
            // Best effort: the next run tries again.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_of_a_live_run_and_one_that_is_kept_stay_and_that_of_a_dead_run_goes() {
        let temp = tempfile::tempdir().unwrap();
        let state = StateDir::at(temp.path());
        let at = |name: &str| state.nodes().join(name);
        let live = LiveFolder::make(&at("live")).unwrap();
        LiveFolder::make(&at("kept")).unwrap().keep();
        drop(LiveFolder::make(&at("dead")).unwrap());
        drop(LiveFolder::make(&at("pending")).unwrap());
        fs::create_dir_all(state.journals()).unwrap();
        fs::write(state.journals().join("pending.jsonl"), "").unwrap();
        fs::create_dir(at("theirs")).unwrap();
        collect(&state);
        let mut left: Vec<_> = fs::read_dir(state.nodes()).unwrap().map(|one| one.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["kept", "live", "pending", "theirs"]);
        live.remove();
        assert!(!at("live").exists());
    }
}
