//! Control groups, by version and controller.

use std::fs;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};

use super::fact::Fact;

/// Where a controller is.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    version: &'static str,
    /// The group that we are in.
    group: PathBuf,
}

/// Whether groups with that controller can be made.
pub(super) fn controller(name: &str) -> Fact {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let Some(place) = place(name, &read("/proc/self/mounts"), &read("/proc/self/cgroup"), |path| {
        fs::read_to_string(path).unwrap_or_default()
    }) else {
        let setting = format!("a mounted cgroup hierarchy with `{name}`; in a container, its runtime mounts one");
        return Fact::no(format!("no hierarchy has the controller `{name}`"), setting);
    };
    let Place { version, group } = place;
    let shown = group.display();
    match access(&group, Access::WRITE_OK) {
        Ok(()) => Fact::yes(format!("{version}, groups can be made in `{shown}`")),
        Err(error) => {
            let setting = format!(
                "write access to `{shown}`: root, a delegated group (`Delegate=yes` of a systemd unit), or a writable mount"
            );
            Fact::no(format!("{version}, no groups can be made in `{shown}`: {error}"), setting)
        }
    }
}

fn place(name: &str, mounts: &str, own: &str, read: impl Fn(&Path) -> String) -> Option<Place> {
    let mounts = mounts.lines().filter_map(|line| {
        let words: Vec<&str> = line.split(' ').collect();
        Some((*words.get(1)?, *words.get(2)?, *words.get(3)?))
    });
    let mounts: Vec<_> = mounts.filter(|(_, kind, _)| kind.starts_with("cgroup")).collect();
    let path_of = |wanted: &dyn Fn(&str) -> bool| {
        let mut lines = own.lines().map(|line| line.splitn(3, ':').collect::<Vec<_>>());
        lines.find(|fields| fields.get(1).is_some_and(|held| wanted(held)))?.get(2).map(|path| (*path).to_owned())
    };
    let split = mounts.iter().find(|(_, kind, options)| *kind == "cgroup" && options.split(',').any(|one| one == name));
    if let Some((at, ..)) = split {
        let path = path_of(&|held| held.split(',').any(|one| one == name));
        return Some(Place { version: "v1", group: within(at, path) });
    }
    let (at, ..) = mounts.iter().find(|(_, kind, _)| *kind == "cgroup2")?;
    let group = within(at, path_of(&|held| held.is_empty()));
    // Freezing is not a controller in version 2: every group can do it.
    let has = name == "freezer" || read(&group.join("cgroup.controllers")).split_whitespace().any(|one| one == name);
    has.then_some(Place { version: "v2", group })
}

/// The group below its mount; the mount itself where a namespace hides the way.
fn within(at: &str, path: Option<String>) -> PathBuf {
    let group = Path::new(at).join(path.unwrap_or_default().trim_start_matches('/'));
    if group.exists() { group } else { PathBuf::from(at) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HYBRID: &str = "cgroup2 /nowhere/unified cgroup2 rw 0 0\ncgroup /nowhere/memory cgroup rw,memory 0 0\n\
                          cgroup /nowhere/cpu,cpuacct cgroup rw,cpu,cpuacct 0 0\n";

    #[test]
    fn a_controller_is_found_in_either_version_and_the_freezer_is_always_in_the_second() {
        let of = |name: &str, mounts: &str, controllers: &str| {
            place(name, mounts, "3:memory:/a\n0::/b\n", |_| controllers.to_owned())
                .map(|place| (place.version, place.group.display().to_string()))
        };
        assert_eq!(of("cpu", HYBRID, ""), Some(("v1", "/nowhere/cpu,cpuacct".to_owned())));
        assert_eq!(of("pids", HYBRID, "cpu pids"), Some(("v2", "/nowhere/unified".to_owned())));
        assert_eq!(of("pids", HYBRID, "cpu"), None);
        assert_eq!(of("freezer", HYBRID, ""), Some(("v2", "/nowhere/unified".to_owned())));
        assert_eq!(of("memory", "tmpfs /tmp tmpfs rw 0 0\n", "memory"), None);
    }
}
