//! Files that only their owner may read: what a model said or was told may stand in them.

use std::fs::{File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use super::secrets::in_document;

/// Creates a file for its owner alone, or empties one and takes it from everybody else.
pub(crate) fn create(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)?;
    let found = file.metadata()?;
    // Devices and pipes are whatever they are.
    if found.is_file() {
        if found.permissions().mode() & 0o077 != 0 {
            file.set_permissions(Permissions::from_mode(0o600))?;
        }
        file.set_len(0)?;
    }
    Ok(file)
}

/// The same where a model may speak in it, or the document was filled with secrets; else as others create files.
pub(crate) fn create_as_private_as_its_text(path: &Path) -> io::Result<File> {
    if is_private() { create(path) } else { File::create(path) }
}

/// Sees whether a file can be written; one that is not there is made as it will be needed.
pub(crate) fn check(path: &Path) -> io::Result<()> {
    let mode = if is_private() { 0o600 } else { 0o666 };
    OpenOptions::new().append(true).create(true).mode(mode).open(path).map(drop)
}

fn is_private() -> bool {
    let named = |name| std::env::var_os(name).is_some_and(|model| !model.is_empty());
    in_document() || ["CHAOS_MODEL", "AGENT_MODEL"].into_iter().any(named)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_file_is_its_owners_alone_also_when_it_was_not() {
        let temp = tempfile::tempdir().unwrap();
        let (new, old) = (temp.path().join("new"), temp.path().join("old"));
        std::fs::write(&old, "something longer").unwrap();
        std::fs::set_permissions(&old, Permissions::from_mode(0o644)).unwrap();
        for path in [new, old] {
            create(&path).unwrap().write_all(b"text").unwrap();
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
            assert_eq!(std::fs::read(&path).unwrap(), b"text");
        }
        create(Path::new("/dev/null")).unwrap().write_all(b"text").unwrap();
    }
}
