//! Where a container engine listens.

use std::path::{Path, PathBuf};

/// Where the engines listen by default, when they run as root.
const SYSTEM: [&str; 2] = ["/var/run/docker.sock", "/run/podman/podman.sock"];

/// The sockets on which Docker or Podman may listen, as `variable` (the environment) and their defaults say; the first is the
/// one to try first. None of them need be there.
pub fn engine_sockets(variable: impl Fn(&str) -> Option<String>) -> Vec<PathBuf> {
    let named = ["DOCKER_HOST", "CONTAINER_HOST"].into_iter().filter_map(&variable);
    let named = named.filter_map(|host| host.strip_prefix("unix://").map(PathBuf::from));
    let runtime = variable("XDG_RUNTIME_DIR").filter(|folder| Path::new(folder).is_absolute());
    let own =
        runtime.iter().flat_map(|folder| ["docker.sock", "podman/podman.sock"].map(|at| Path::new(folder).join(at)));
    named.chain(own).chain(SYSTEM.map(PathBuf::from)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_environment_names_comes_first() {
        let variable = |name: &str| match name {
            "DOCKER_HOST" => Some("unix:///a/docker.sock".to_owned()),
            "CONTAINER_HOST" => Some("tcp://127.0.0.1:1".to_owned()),
            "XDG_RUNTIME_DIR" => Some("/run/user/7".to_owned()),
            _ => None,
        };
        let all: Vec<String> = engine_sockets(variable).iter().map(|path| path.display().to_string()).collect();
        let own = ["/a/docker.sock", "/run/user/7/docker.sock", "/run/user/7/podman/podman.sock"];
        assert_eq!(all, [&own[..], &SYSTEM[..]].concat());
    }
}
