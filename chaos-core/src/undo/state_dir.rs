//! The user's state directory: where journals and resource locks are found from any folder.

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::OFlags;

use crate::value::fnv::fnv1a;
use crate::{Resource, ResourceId};

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
    /// Something else than a folder stands in its place; a link is not followed.
    #[error("state directory `{}` is a link or no folder; put a folder of your own there", path.display())]
    NotAFolder {
        /// The place.
        path: PathBuf,
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

/// Why resources can't be taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// Another run holds it, or what overlaps with it.
    #[error("`{0}` is already held by a fault of another run")]
    Held(ResourceId),
    /// Its file can't be locked.
    #[error("`{id}` can't be locked: {source}")]
    Io {
        /// The resource.
        id: ResourceId,
        /// What the system said.
        source: io::Error,
    },
}

/// A lock's file that is older and that nobody holds is nobody's.
const LOCK_AGE: Duration = Duration::from_mins(1);

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

    /// Makes it where it is missing, and refuses it when it, or a folder of it, is a link or belongs to somebody else.
    pub fn prepare(&self) -> Result<(), StateDirError> {
        for dir in [self.root.clone(), self.journals(), self.locks()] {
            let unusable = |source| StateDirError::Unusable { path: dir.clone(), source };
            if refuse_other(&dir)?.is_none() {
                DirBuilder::new().recursive(true).mode(0o700).create(&dir).map_err(unusable)?;
            }
            if refuse_other(&dir)?.is_some_and(|meta| meta.mode() & 0o077 != 0) {
                fs::set_permissions(&dir, fs::Permissions::from_mode(0o700)).map_err(unusable)?;
            }
        }
        Ok(())
    }

    /// Refuses what [`Self::prepare`] refuses where journals are read, and makes nothing. What stands in another folder's
    /// place keeps nothing from being undone.
    pub fn check(&self) -> Result<(), StateDirError> {
        [self.root.clone(), self.journals()].iter().try_for_each(|dir| refuse_other(dir).map(drop))
    }

    /// The folder of journals.
    pub fn journals(&self) -> PathBuf {
        self.root.join("journals")
    }

    /// The folder of journals that an operator gave up.
    pub fn forgotten(&self) -> PathBuf {
        self.root.join("forgotten")
    }

    /// The folder of what nodes write: one folder a run, which is kept when the run did not go well.
    pub fn nodes(&self) -> PathBuf {
        self.root.join("nodes")
    }

    fn locks(&self) -> PathBuf {
        self.root.join("locks")
    }

    /// Takes all resources of one fault, or none; a [`LockError::Held`] when another live run (or this one) holds what
    /// overlaps.
    ///
    /// A resource is locked for one holder, what it is a part of for all holders of its parts. The locks fall when the
    /// guard is dropped or the process dies.
    pub fn lock(&self, resources: &[Resource]) -> Result<ResourceLock, LockError> {
        let alone: BTreeSet<&ResourceId> = resources.iter().map(|resource| &resource.id).collect();
        let whole: BTreeSet<&ResourceId> = resources.iter().flat_map(|resource| &resource.part_of).collect();
        let shared = whole.difference(&alone).map(|id| (*id, Share::WithParts));
        let mut held = ResourceLock { files: Vec::new() };
        for (id, share) in shared.chain(alone.iter().map(|id| (*id, Share::Alone))) {
            let file = self.lock_file(id, share).map_err(|source| LockError::Io { id: id.clone(), source })?;
            held.files.push(file.ok_or_else(|| LockError::Held(id.clone()))?);
        }
        Ok(held)
    }

    /// Removes the files of locks that nobody holds: runs that were killed leave them. Young ones stay: a run may be about
    /// to lock what it has just made.
    pub fn clean_locks(&self) {
        let files = fs::read_dir(self.locks()).into_iter().flatten().flatten().map(|file| file.path());
        for path in files.filter(|path| path.extension().is_some_and(|end| end == "lock")) {
            if let Ok(file) = open_lock(&path, false)
                && is_old(&file)
                && file.try_lock().is_ok()
                && is_at(&path, &file)
            {
                // Best effort: it is in nobody's way.
                let _ = fs::remove_file(&path);
            }
        }
    }

    fn lock_file(&self, id: &ResourceId, share: Share) -> io::Result<Option<LockFile>> {
        let path = self.locks().join(file_name(id));
        loop {
            let file = open_lock(&path, true)?;
            let locked = match share {
                Share::Alone => file.try_lock(),
                Share::WithParts => file.try_lock_shared(),
            };
            if let Err(error) = locked {
                return match error {
                    fs::TryLockError::WouldBlock => Ok(None),
                    fs::TryLockError::Error(error) => Err(error),
                };
            }
            // The file may have been removed by its last holder between open and lock: then the lock is worth nothing.
            if is_at(&path, &file) {
                return Ok(Some(LockFile { path, file }));
            }
        }
    }
}

/// Opens the file of a lock. Whatever stands there: it is not waited for, and no link is followed.
fn open_lock(path: &Path, create: bool) -> io::Result<File> {
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed();
    let mut options = OpenOptions::new();
    options.create(create).truncate(false).write(true).mode(0o600).custom_flags(flags);
    let file = options.open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other(format!("`{}` is not a regular file", path.display())));
    }
    Ok(file)
}

fn is_old(file: &File) -> bool {
    let modified = file.metadata().and_then(|found| found.modified());
    modified.is_ok_and(|at| at.elapsed().is_ok_and(|age| age > LOCK_AGE))
}

/// Whether it is this very file that stands there.
fn is_at(path: &Path, file: &File) -> bool {
    fs::metadata(path).is_ok_and(|at| file.metadata().is_ok_and(|own| own.ino() == at.ino()))
}

/// What is known of a folder of ours, if it is there; refuses a link, no folder, and another user's.
pub(super) fn refuse_other(dir: &Path) -> Result<Option<fs::Metadata>, StateDirError> {
    let meta = match fs::symlink_metadata(dir) {
        Ok(meta) => meta,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(StateDirError::Unusable { path: dir.to_owned(), source }),
    };
    let me = rustix::process::geteuid().as_raw();
    if !meta.is_dir() {
        Err(StateDirError::NotAFolder { path: dir.to_owned() })
    } else if meta.uid() != me {
        Err(StateDirError::Foreign { path: dir.to_owned(), owner: meta.uid(), me })
    } else {
        Ok(Some(meta))
    }
}

/// Who else may lock the same file.
#[derive(Debug, Clone, Copy)]
enum Share {
    Alone,
    WithParts,
}

/// The resource's letters and digits, cut to 80, and a hash of all of it: what a file name can hold, and unlikely to
/// be alike for two.
fn file_name(id: &ResourceId) -> String {
    let safe: String =
        id.to_string().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).take(80).collect();
    let hash = fnv1a(format!("{id:?}").as_bytes());
    format!("{safe}-{hash:016x}.lock")
}

/// A resource held by this process.
#[must_use = "the resource is free again when it is dropped"]
#[derive(Debug)]
pub struct ResourceLock {
    files: Vec<LockFile>,
}

#[derive(Debug)]
struct LockFile {
    path: PathBuf,
    file: File,
}

impl Drop for LockFile {
    fn drop(&mut self) {
        // Only the last holder may remove it. Best effort: a file left behind is unlocked, and the next holder's.
        if self.file.try_lock().is_ok() {
            let _ = fs::remove_file(&self.path);
        }
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
        let resource = [Resource::other("process", "71@9/..")];
        let held = state.lock(&resource).unwrap();
        let error = state.lock(&resource).unwrap_err().to_string();
        assert_eq!(error, "`process:71@9/..` is already held by a fault of another run");
        assert!(state.lock(&[Resource::other("process", "72@9")]).is_ok());
        drop(held);
        assert!(state.lock(&resource).is_ok());
    }

    #[test]
    fn parts_exclude_their_whole_and_not_each_other() {
        let (_temp, state) = dir();
        let node = [Resource::node("r", "db")];
        let part = |pid| [Resource::process(pid, 9, 4).within(node[0].id.clone())];
        let first = state.lock(&part(1)).unwrap();
        let second = state.lock(&part(2)).unwrap();
        assert!(state.lock(&node).is_err());
        drop(first);
        assert!(state.lock(&node).is_err(), "the file of a whole that is still shared was removed");
        drop(second);
        let whole = state.lock(&[&node[..], &part(1)[..]].concat()).unwrap();
        assert!(state.lock(&part(1)).is_err() && state.lock(&part(2)).is_err());
        drop(whole);
        assert!(state.lock(&part(1)).is_ok());
        assert_eq!(fs::read_dir(state.locks()).unwrap().count(), 0);
    }

    #[test]
    fn the_files_of_locks_that_nobody_holds_are_removed_and_no_others() {
        let (_temp, state) = dir();
        let (held, left) = (Resource::other("process", "1"), Resource::other("process", "2"));
        let place = |resource: &Resource| state.locks().join(file_name(&resource.id));
        let lock = state.lock(std::slice::from_ref(&held)).unwrap();
        let young = Resource::other("process", "3");
        for resource in [&left, &young] {
            fs::write(place(resource), "").unwrap();
        }
        let past = std::time::SystemTime::now() - std::time::Duration::from_hours(1);
        for resource in [&held, &left] {
            OpenOptions::new().write(true).open(place(resource)).unwrap().set_modified(past).unwrap();
        }
        std::os::unix::fs::symlink(place(&held), state.locks().join("link.lock")).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(state.locks().join("fifo.lock")).status().unwrap().success());
        state.clean_locks();
        assert!(place(&held).exists() && place(&young).exists() && !place(&left).exists());
        assert!(state.lock(&[held]).is_err(), "a lock that is held was taken away");
        drop(lock);
        assert_eq!(fs::read_dir(state.locks()).unwrap().count(), 3);
    }

    #[test]
    fn an_unwritable_place_is_an_error_that_names_it() {
        let (_temp, state) = dir();
        let file = state.root().join("file");
        fs::write(&file, "").unwrap();
        let error = StateDir::at(file.join("below")).prepare().unwrap_err();
        assert!(error.to_string().contains("can't be used"), "{error}");
    }

    #[test]
    fn a_link_and_what_is_no_folder_are_refused() {
        let (temp, state) = dir();
        let link = StateDir::at(temp.path().join("link"));
        std::os::unix::fs::symlink(state.root(), link.root()).unwrap();
        fs::remove_dir(state.journals()).unwrap();
        std::os::unix::fs::symlink(temp.path(), state.journals()).unwrap();
        let file = StateDir::at(temp.path().join("file"));
        fs::write(file.root(), "").unwrap();
        for refused in [&link, &state, &file] {
            for refusal in [refused.prepare(), refused.check()] {
                assert!(matches!(refusal, Err(StateDirError::NotAFolder { .. })), "{refusal:?}");
            }
        }
        assert!(StateDir::at(temp.path().join("absent")).check().is_ok());
    }

    #[test]
    fn a_lock_that_is_no_file_is_an_error_at_once_and_keeps_no_other_from_being_taken() {
        let (temp, state) = dir();
        let place = |resource: &Resource| state.locks().join(file_name(&resource.id));
        let bad = [Resource::other("process", "1"), Resource::other("process", "2"), Resource::other("process", "3")];
        assert!(std::process::Command::new("mkfifo").arg(place(&bad[0])).status().unwrap().success());
        std::os::unix::fs::symlink(temp.path().join("elsewhere"), place(&bad[1])).unwrap();
        fs::create_dir(place(&bad[2])).unwrap();
        // With a reader the FIFO opens for writing.
        let fifo = File::from(
            rustix::fs::open(place(&bad[0]), OFlags::RDONLY | OFlags::NONBLOCK, rustix::fs::Mode::empty()).unwrap(),
        );
        for resource in bad {
            assert!(matches!(state.lock(&[resource]), Err(LockError::Io { .. })));
        }
        drop(fifo);
        assert!(!temp.path().join("elsewhere").exists());
        assert!(state.lock(&[Resource::other("process", "4")]).is_ok());
    }
}
