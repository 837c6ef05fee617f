//! The user's state directory: where journals and resource locks are found from any folder.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::Resource;
use crate::value::fnv::fnv1a;

/// Why the state directory can't be used; nothing is injected then.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StateDirError {
    /// Neither variable says where it is.
    #[error("no state directory: set `XDG_STATE_HOME` or `HOME`")]
    Nowhere,
    /// It can't be made or read.
    #[error("state directory `{}` can't be used", path.display())]
    Unusable {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// It belongs to somebody else.
    #[error("state directory `{}` belongs to uid {owner}, not to you (uid {me})", path.display())]
    Foreign {
        /// The directory.
        path: PathBuf,
        /// Its owner.
        owner: u32,
        /// This process's user.
        me: u32,
    },
}

/// `$XDG_STATE_HOME/squall`, or `$HOME/.local/state/squall`: mode 0700, owned by this user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateDir {
    root: PathBuf,
}

impl StateDir {
    /// Finds it through the environment that `env` looks up. Touches nothing.
    pub fn locate(env: impl Fn(&str) -> Option<String>) -> Result<Self, StateDirError> {
        let set = |name: &str| env(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        // The XDG rule: a relative path is to be ignored.
        let base = set("XDG_STATE_HOME").filter(|path| path.is_absolute());
        let base = base.or_else(|| set("HOME").map(|home| home.join(".local/state")));
        base.map(|base| Self { root: base.join("squall") }).ok_or(StateDirError::Nowhere)
    }

    /// A state directory at a path of the caller's.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Makes it where it is missing, and refuses it when it belongs to somebody else.
    pub fn prepare(&self) -> Result<(), StateDirError> {
        for dir in [self.root.clone(), self.journals(), self.locks()] {
            let unusable = |source| StateDirError::Unusable { path: dir.clone(), source };
            DirBuilder::new().recursive(true).mode(0o700).create(&dir).map_err(unusable)?;
            let meta = fs::metadata(&dir).map_err(unusable)?;
            let me = rustix::process::geteuid().as_raw();
            if meta.uid() != me {
                return Err(StateDirError::Foreign { path: dir, owner: meta.uid(), me });
            }
            if meta.mode() & 0o077 != 0 {
                fs::set_permissions(&dir, fs::Permissions::from_mode(0o700)).map_err(unusable)?;
            }
        }
        Ok(())
    }

    /// The folder of journals.
    pub fn journals(&self) -> PathBuf {
        self.root.join("journals")
    }

    fn locks(&self) -> PathBuf {
        self.root.join("locks")
    }

    /// Takes a resource for this process alone; `None` when another live run (or this one) holds it.
    ///
    /// The lock falls when the guard is dropped or the process dies.
    pub fn lock(&self, resource: &Resource) -> io::Result<Option<ResourceLock>> {
        let path = self.locks().join(file_name(resource));
        loop {
            let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path)?;
            if let Err(error) = file.try_lock() {
                return match error {
                    fs::TryLockError::WouldBlock => Ok(None),
                    fs::TryLockError::Error(error) => Err(error),
                };
            }
            // The file may have been removed by its last holder between open and lock: then the lock is worth nothing.
            let same = fs::metadata(&path).is_ok_and(|at| file.metadata().is_ok_and(|own| own.ino() == at.ino()));
            if same {
                return Ok(Some(ResourceLock { path, _file: file }));
            }
        }
    }
}

/// The resource's letters and digits, cut to 80, and a hash of all of it: what a file name can hold, and unlikely to be alike for two.
fn file_name(resource: &Resource) -> String {
    let text = resource.to_string();
    let safe: String = text.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).take(80).collect();
    let hash = fnv1a(text.as_bytes());
    format!("{safe}-{hash:016x}.lock")
}

/// A resource held by this process.
#[must_use = "the resource is free again when it is dropped"]
#[derive(Debug)]
pub struct ResourceLock {
    path: PathBuf,
    _file: File,
}

impl Drop for ResourceLock {
    fn drop(&mut self) {
        // Best effort: a file left behind is unlocked, and taken over by the next holder.
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dir() -> (tempfile::TempDir, StateDir) {
        let temp = tempfile::tempdir().unwrap();
        let state = StateDir::at(temp.path().join("s"));
        state.prepare().unwrap();
        (temp, state)
    }

    #[test]
    fn it_is_found_by_xdg_then_by_home() {
        let with = |vars: &[(&str, &str)]| {
            let vars: Vec<_> = vars.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
            StateDir::locate(move |name| vars.iter().find(|(k, _)| k == name).map(|(_, v)| v.clone()))
        };
        let home = with(&[("HOME", "/h"), ("XDG_STATE_HOME", "relative")]).unwrap();
        assert_eq!(home.root(), Path::new("/h/.local/state/squall"));
        let xdg = with(&[("HOME", "/h"), ("XDG_STATE_HOME", "/x")]).unwrap();
        assert_eq!(xdg.root(), Path::new("/x/squall"));
        assert!(matches!(with(&[]), Err(StateDirError::Nowhere)));
    }

    #[test]
    fn directories_are_private() {
        let (_temp, state) = dir();
        let mode = fs::metadata(state.journals()).unwrap().mode();
        assert_eq!(mode & 0o777, 0o700);
    }

    #[test]
    fn a_resource_has_one_holder_at_a_time() {
        let (_temp, state) = dir();
        let resource = Resource::new("process", "71@9/..");
        let held = state.lock(&resource).unwrap().unwrap();
        assert!(state.lock(&resource).unwrap().is_none());
        assert!(state.lock(&Resource::new("process", "72@9")).unwrap().is_some());
        drop(held);
        assert!(state.lock(&resource).unwrap().is_some());
    }

    #[test]
    fn an_unwritable_place_is_an_error_that_names_it() {
        let (_temp, state) = dir();
        let file = state.root().join("file");
        fs::write(&file, "").unwrap();
        let error = StateDir::at(file.join("below")).prepare().unwrap_err();
        assert!(error.to_string().contains("can't be used"), "{error}");
    }
}
