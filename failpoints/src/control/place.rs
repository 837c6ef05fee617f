//! Where the unix socket is: a folder of this user, and a name that a dead program may still hold.

use std::{
    fs::{DirBuilder, Metadata, symlink_metadata},
    io::{Error, ErrorKind, Result},
    os::unix::{
        fs::{DirBuilderExt, FileTypeExt, MetadataExt},
        net::UnixStream,
    },
    path::{Path, PathBuf},
};

/// Names this user's folder.
pub(super) fn folder() -> PathBuf {
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|path| path.is_absolute());
    runtime.map_or_else(
        || std::env::temp_dir().join(format!("failpoints-{}", rustix::process::geteuid().as_raw())),
        |runtime| runtime.join("failpoints"),
    )
}

/// Makes a folder that nobody else can enter, or checks that the one which is there is such a folder.
pub(super) fn own(folder: &Path) -> Result<()> {
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    // Of a link itself: it might lead to a folder of ours that somebody else has chosen.
    let found = symlink_metadata(folder)?;
    let is_ours = found.is_dir() && found.uid() == rustix::process::geteuid().as_raw();
    if is_ours && found.mode() & 0o777 == 0o700 {
        return Ok(());
    }
    Err(Error::new(ErrorKind::PermissionDenied, "not a folder of this user with mode 0700; remove it"))
}

/// Puts a socket in its place. One there on which nobody listens is removed first.
pub(super) fn link(socket: &Path, path: &Path) -> Result<()> {
    match std::fs::hard_link(socket, path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        done => return done,
    }
    let found = symlink_metadata(path)?;
    if !found.file_type().is_socket() || found.uid() != rustix::process::geteuid().as_raw() {
        return Err(Error::new(ErrorKind::AlreadyExists, "what is there is not a socket of this user"));
    }
    match UnixStream::connect(path) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => {}
        _ => return Err(Error::new(ErrorKind::AddrInUse, "a program listens there")),
    }
    // Another program may have replaced it meanwhile: only the very socket that was asked is removed.
    let aside = socket.with_extension("old");
    std::fs::rename(path, &aside)?;
    if !is_same(&found, &symlink_metadata(&aside)?) {
        std::fs::hard_link(&aside, path)?;
        std::fs::remove_file(&aside)?;
        return Err(Error::new(ErrorKind::AddrInUse, "a program listens there"));
    }
    std::fs::remove_file(&aside)?;
    std::fs::hard_link(socket, path)
}

fn is_same(one: &Metadata, other: &Metadata) -> bool {
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}
