//! What is installed.

use std::fs;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use super::fact::Fact;
use crate::engine_socket::engine_sockets;

/// Folders in which the loader of the C library is.
const LOADERS: [&str; 4] = ["/lib64", "/lib", "/usr/lib64", "/usr/lib"];

pub(super) fn preload() -> Fact {
    let names = LOADERS.iter().flat_map(|folder| {
        let files = fs::read_dir(folder).into_iter().flatten().flatten();
        files.filter_map(move |file| file.file_name().into_string().ok().map(|name| format!("{folder}/{name}")))
    });
    let names: Vec<String> = names.collect();
    let is_loader =
        |start: &str| names.iter().find(|name| name.rsplit('/').next().is_some_and(|name| name.starts_with(start)));
    // glibc's is `ld-linux…`, on some architectures `ld64.so…`.
    match (is_loader("ld-linux").or_else(|| is_loader("ld64.so")), is_loader("ld-musl")) {
        (Some(loader), _) => Fact::yes(format!(
            "glibc (`{loader}`): programs that are linked dynamically; static ones and Go's are not reached"
        )),
        (None, Some(loader)) => Fact::no(format!("the C library is musl (`{loader}`)"), "a system with glibc"),
        (None, None) => Fact::no("there is no loader of glibc", "a system with glibc"),
    }
}

pub(super) fn containers() -> Fact {
    let sockets = engine_sockets(|name| std::env::var(name).ok());
    let there: Vec<&PathBuf> = sockets.iter().filter(|socket| socket.exists()).collect();
    for socket in &there {
        if UnixStream::connect(socket).is_ok() {
            return Fact::yes(format!("an engine listens on `{}`", socket.display()));
        }
    }
    match there.first() {
        Some(socket) => {
            let shown = socket.display();
            Fact::no(
                format!("`{shown}` can't be reached"),
                format!("a running engine, and access to `{shown}` (its group, or root)"),
            )
        }
        None => Fact::no(
            "no socket of Docker or Podman is there",
            "a running engine (`systemctl start docker`, `systemctl --user start podman.socket`), or its socket in `DOCKER_HOST`",
        ),
    }
}
