//! The file of a program, before it is started.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// The file of a program as it is started in `dir`, with the `PATH` that it is looked up in; `None` when there is none.
pub(crate) fn file_of(program: &str, dir: &Path, path: Option<&str>) -> Option<PathBuf> {
    let is_program =
        |file: &PathBuf| file.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0);
    if program.contains('/') {
        return Some(dir.join(program)).filter(is_program);
    }
    std::env::split_paths(path?).map(|folder| folder.join(program)).find(is_program)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_program_is_found_as_it_is_started() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("tool");
        fs::write(&path, "").unwrap();
        let folder = temp.path().to_str().unwrap();
        assert_eq!(file_of("tool", Path::new("/"), Some(folder)), None, "it may not be executed");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        let found = Some(path.clone());
        assert_eq!(file_of("tool", Path::new("/"), Some(&format!("/nonexistent:{folder}"))), found);
        assert_eq!(file_of("./tool", temp.path(), None).map(|path| path.canonicalize().unwrap()), found);
        assert_eq!(file_of(path.to_str().unwrap(), Path::new("/"), None), found);
        assert_eq!(file_of("tool", temp.path(), None), None);
    }
}
