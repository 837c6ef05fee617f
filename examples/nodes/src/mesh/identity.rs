//! Who a member is: made at its first start, kept on disk, with a number that grows with each start.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

/// The name of the file.
const FILE: &str = "identity.json";

/// A member across its restarts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Random, made once.
    pub id: String,
    /// How often it was started.
    pub incarnation: u64,
}

/// Why a member can't tell who it is. It must not start as somebody else then.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// The file, or its folder, can't be used.
    #[error("can't keep an identity in `{}`: {source}", path.display())]
    Io {
        /// Where it is kept.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file holds something else.
    #[error("`{}` is damaged: expected an id and an incarnation", .0.display())]
    Damaged(PathBuf),
}

impl Identity {
    /// Reads who the member is, or makes it, and puts this start on disk before anybody hears of it.
    ///
    /// # Errors
    /// When the file can't be read, is damaged or can't be written.
    pub fn start(dir: &Path) -> Result<Self, IdentityError> {
        let path = dir.join(FILE);
        let failed = |source| IdentityError::Io { path: path.clone(), source };
        let before = match fs::read(&path) {
            Ok(bytes) => Some(Self::read(&bytes).ok_or_else(|| IdentityError::Damaged(path.clone()))?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(failed(error)),
        };
        let identity = match before {
            Some(before) => Self { incarnation: before.incarnation + 1, ..before },
            None => Self { id: random().map_err(failed)?, incarnation: 1 },
        };
        let body = json!({"id": identity.id, "incarnation": identity.incarnation}).to_string();
        write_whole(&path, body.as_bytes()).map_err(failed)?;
        Ok(identity)
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let value: Value = serde_json::from_slice(bytes).ok()?;
        Some(Self { id: value["id"].as_str()?.to_owned(), incarnation: value["incarnation"].as_u64()? })
    }
}

/// Replaces a file as a whole, durably: whoever reads it finds the old text or the new one, also after a crash.
pub(super) fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let new = path.with_extension("new");
    let written = File::create(&new).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    if let Err(error) = written.and_then(|()| fs::rename(&new, path)) {
        let _ = fs::remove_file(&new);
        return Err(error);
    }
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

/// 128 random bits, in hexadecimal.
pub(super) fn random() -> io::Result<String> {
    let mut bytes = [0; 16];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(format!("{:032x}", u128::from_be_bytes(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_stays_itself_and_its_starts_are_counted() {
        let dir = tempfile::tempdir().unwrap();
        let first = Identity::start(dir.path()).unwrap();
        let second = Identity::start(dir.path()).unwrap();
        assert_eq!((first.incarnation, second.incarnation), (1, 2));
        assert_eq!(first.id, second.id);
        assert_ne!(first.id, Identity::start(tempfile::tempdir().unwrap().path()).unwrap().id);
        fs::write(dir.path().join(FILE), "{}").unwrap();
        let why = Identity::start(dir.path()).unwrap_err();
        assert!(matches!(why, IdentityError::Damaged(_)), "{why}");
        assert!(matches!(Identity::start(&dir.path().join("absent")), Err(IdentityError::Io { .. })));
    }
}
