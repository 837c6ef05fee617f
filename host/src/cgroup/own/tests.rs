//! Tests on real groups, where we may make some.

use std::num::NonZeroU32;
use std::process::{Child, Command};

use super::*;
use crate::cgroup::GroupLimit;

/// A group of its own for one test; `None` where none can be made.
fn group(name: &str) -> Option<OwnGroup> {
    let group = OwnGroup::plan(&format!("test-{}", std::process::id()), name);
    match group {
        Ok(group) => {
            group.make().unwrap();
            Some(group)
        }
        Err(why) => {
            eprintln!("skipped: needs a writable cgroup ({why})");
            None
        }
    }
}

fn member(group: &OwnGroup, script: &str) -> Child {
    let files: Vec<String> = group.procs().iter().map(|path| path.display().to_string()).collect();
    let join = "for f; do echo 0 > \"$f\" || exit 9; done; eval \"$SCRIPT\"";
    let child = Command::new("/bin/sh").args(["-c", join, "join"]).args(files).env("SCRIPT", script).spawn().unwrap();
    let pid = NonZeroU32::new(child.id()).unwrap();
    while !group.holds(pid).unwrap() {
        std::thread::yield_now();
    }
    child
}

#[test]
fn a_group_holds_descendants_in_a_session_of_their_own_and_is_removed_with_them() {
    let Some(group) = group("kill") else { return };
    let mut child = member(&group, "setsid sleep 600 & setsid sleep 600 & wait");
    let dir = group.dir(Controller::Freezer).unwrap();
    while dir.members().unwrap().len() < 3 {
        std::thread::yield_now();
    }
    assert_eq!(group.remove().unwrap(), Some(3));
    assert!(!child.wait().unwrap().success());
    assert!(!dir.is_there().unwrap());
    assert_eq!(group.remove().unwrap(), None, "removed twice");
}

#[test]
fn a_frozen_group_is_thawed_before_it_is_killed() {
    let Some(group) = group("freeze") else { return };
    let mut child = member(&group, "exec sleep 600");
    let dir = group.dir(Controller::Freezer).unwrap();
    assert!(!dir.is_frozen().unwrap());
    dir.freeze().unwrap();
    assert!(dir.is_frozen().unwrap());
    dir.thaw().unwrap();
    assert!(!dir.is_frozen().unwrap());
    dir.freeze().unwrap();
    assert_eq!(group.remove().unwrap(), Some(1));
    child.wait().unwrap();
}

#[test]
fn a_frozen_group_of_version_one_is_thawed_before_it_is_killed() {
    let us = Membership::of(std::process::id()).unwrap().unwrap();
    let parent = Hierarchies::here().unwrap().split(Controller::Freezer).and_then(|one| one.dir_of(&us));
    let Some(parent) = parent.filter(|parent| access(&parent.path, Access::WRITE_OK).is_ok()) else {
        eprintln!("skipped: needs a writable freezer of cgroup version 1");
        return;
    };
    let path = parent.path.join(format!("{RUN_PREFIX}test-{}-v1", std::process::id())).join("n1");
    let dir = CgroupDir { path, version: CgroupVersion::V1, inode: None };
    let group = OwnGroup { dirs: vec![OwnDir { dir, controllers: vec![Controller::Freezer] }] };
    group.make().unwrap();
    let mut child = member(&group, "exec sleep 600");
    let dir = group.dir(Controller::Freezer).unwrap();
    dir.freeze().unwrap();
    assert!(dir.is_frozen().unwrap() && dir.get("freezer.state").unwrap() == "FROZEN");
    assert_eq!(group.remove().unwrap(), Some(1));
    child.wait().unwrap();
}

#[test]
fn limits_are_set_read_back_and_restored() {
    let Some(group) = group("limits") else { return };
    for (controller, limit) in [
        (Controller::Cpu, GroupLimit::Cpus(0.2)),
        (Controller::Memory, GroupLimit::MemoryBytes(64 << 20)),
        (Controller::Pids, GroupLimit::Pids(7)),
    ] {
        let dir = match group.dir(controller) {
            Ok(dir) => dir,
            Err(why) => {
                eprintln!("skipped: needs the controller {controller} ({why})");
                continue;
            }
        };
        let saved = dir.saved(limit).unwrap();
        dir.limit(limit).unwrap();
        match controller {
            Controller::Cpu => assert_eq!(dir.cpus().unwrap(), Some(0.2)),
            Controller::Memory => assert_eq!(dir.memory_limit().unwrap(), Some(64 << 20)),
            _ => assert_eq!(dir.pids_limit().unwrap(), Some(7)),
        }
        assert!(dir.restore(&saved).unwrap() && !dir.restore(&saved).unwrap());
        assert_eq!(dir.saved(limit).unwrap(), saved);
    }
    assert_eq!(group.remove().unwrap(), Some(0));
}

#[test]
fn a_folder_that_is_not_named_after_a_run_is_never_removed() {
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().join("other/n1");
    std::fs::create_dir_all(&path).unwrap();
    let dir = CgroupDir { path: path.clone(), version: CgroupVersion::V2, inode: None };
    let group = OwnGroup { dirs: vec![OwnDir { dir, controllers: vec![Controller::Freezer] }] };
    assert_eq!(group.remove().unwrap(), None);
    assert!(path.is_dir());
}

#[test]
fn a_group_in_a_hierarchy_that_is_not_mounted_may_be_there() {
    let path = PathBuf::from("/nowhere/squall-r/n1");
    let dir = CgroupDir { path, version: CgroupVersion::V2, inode: None };
    let group = OwnGroup { dirs: vec![OwnDir { dir, controllers: vec![Controller::Freezer] }] };
    assert!(group.remove().unwrap_err().to_string().contains("its hierarchy is not mounted here"));
}

#[test]
fn version_two_limits_where_a_group_above_hands_controllers_down() {
    let temp = tempfile::tempdir().unwrap();
    let mount = temp.path();
    std::fs::create_dir_all(mount.join("app/us")).unwrap();
    std::fs::write(mount.join("app/cgroup.subtree_control"), "cpu memory\n").unwrap();
    std::fs::write(mount.join("app/us/cgroup.subtree_control"), "\n").unwrap();
    let own = CgroupDir { path: mount.join("app/us"), version: CgroupVersion::V2, inode: None };
    let parent = parent_of_two(own.clone(), mount);
    assert_eq!(parent.path, mount.join("app"));
    assert!(hands_down(&parent, Controller::Cpu) && !hands_down(&parent, Controller::Pids));
    std::fs::write(mount.join("app/cgroup.subtree_control"), "").unwrap();
    assert_eq!(parent_of_two(own.clone(), mount).path, own.path);
}
