//! A group that we make below our own, with everything it can limit.

use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};
use serde::{Deserialize, Serialize};

use super::{CgroupDir, CgroupError, CgroupVersion, Controller, Hierarchies, Membership};

/// How the folder of a run's groups begins, so that leftovers are found; behind it stands the run's id.
pub const RUN_PREFIX: &str = "squall-";

/// What version 2 has to hand down; freezing needs no controller there.
const LIMITED: [Controller; 3] = [Controller::Cpu, Controller::Memory, Controller::Pids];

/// A group of our own: one folder in each hierarchy that limits something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnGroup {
    dirs: Vec<OwnDir>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct OwnDir {
    #[serde(flatten)]
    dir: CgroupDir,
    controllers: Vec<Controller>,
}

impl OwnGroup {
    /// The group for `name` in the run. Touches nothing.
    ///
    /// # Errors
    /// When there is no hierarchy, or none that we may write.
    pub fn plan(run: &str, name: &str) -> Result<Self, CgroupError> {
        let read = |error| CgroupError::io("read the groups of", Path::new("/proc/self"), error);
        let hierarchies = Hierarchies::here().map_err(read)?;
        let us = Membership::of(std::process::id()).map_err(read)?;
        let Some(us) = us else { return Err(CgroupError::NoController(Controller::Freezer)) };
        let group = Self::below(&hierarchies, &us, Path::new(&format!("{RUN_PREFIX}{run}")).join(name).as_path());
        group.check()?;
        Ok(group)
    }

    fn below(hierarchies: &Hierarchies, us: &Membership, name: &Path) -> Self {
        let mut dirs: Vec<OwnDir> = Vec::new();
        let mut add = |parent: &CgroupDir, controller| {
            let path = parent.path.join(name);
            match dirs.iter_mut().find(|one| one.dir.path == path) {
                Some(one) => one.controllers.push(controller),
                None => dirs.push(OwnDir {
                    dir: CgroupDir { path, version: parent.version, inode: None },
                    controllers: vec![controller],
                }),
            }
        };
        let unified = hierarchies.unified().and_then(|one| Some(parent_of_two(one.dir_of(us)?, &one.mount)));
        for controller in Controller::ALL {
            let by_two =
                unified.as_ref().filter(|parent| controller == Controller::Freezer || hands_down(parent, controller));
            let by_one = || hierarchies.split(controller).and_then(|one| one.dir_of(us));
            if let Some(parent) = by_two.cloned().or_else(by_one) {
                add(&parent, controller);
            }
        }
        Self { dirs }
    }

    /// Whether it can be made.
    fn check(&self) -> Result<(), CgroupError> {
        if self.dirs.is_empty() {
            return Err(CgroupError::NoController(Controller::Freezer));
        }
        for OwnDir { dir, .. } in &self.dirs {
            // The run's folder is not there yet, or is ours.
            if let Some(parent) = dir.path.ancestors().nth(2) {
                access(parent, Access::WRITE_OK | Access::EXEC_OK)
                    .map_err(|error| CgroupError::io("make a group in", parent, error.into()))?;
            }
        }
        Ok(())
    }

    /// Makes it; what is there already stays.
    pub fn make(&self) -> Result<(), CgroupError> {
        for OwnDir { dir, controllers } in &self.dirs {
            dir.make()?;
            if dir.version == CgroupVersion::V2 {
                self.hand_down(dir, controllers)?;
            }
        }
        Ok(())
    }

    /// Has the run's folder hand its controllers to the group.
    #[expect(clippy::unused_self, reason = "it belongs to making the group")]
    fn hand_down(&self, dir: &CgroupDir, controllers: &[Controller]) -> Result<(), CgroupError> {
        let Some(run) = dir.path.parent() else { return Ok(()) };
        let run = CgroupDir { path: run.to_owned(), version: dir.version, inode: None };
        let wanted = controllers.iter().filter(|controller| LIMITED.contains(controller));
        wanted.into_iter().try_for_each(|controller| run.set("cgroup.subtree_control", &format!("+{controller}")))
    }

    /// The files whose writer joins it.
    pub fn procs(&self) -> Vec<PathBuf> {
        self.dirs.iter().map(|one| one.dir.procs()).collect()
    }

    /// Its folder with that controller, identified.
    ///
    /// # Errors
    /// When no hierarchy gives it the controller, or it is not there.
    pub fn dir(&self, controller: Controller) -> Result<CgroupDir, CgroupError> {
        self.with(controller)?.clone().identified()
    }

    /// Whether it has the controller, once it is made.
    ///
    /// # Errors
    /// When no hierarchy gives it.
    pub fn offers(&self, controller: Controller) -> Result<(), CgroupError> {
        self.with(controller).map(drop)
    }

    fn with(&self, controller: Controller) -> Result<&CgroupDir, CgroupError> {
        let found = self.dirs.iter().find(|one| one.controllers.contains(&controller));
        if let Some(one) = found {
            return Ok(&one.dir);
        }
        let two = self.dirs.iter().find(|one| one.dir.version == CgroupVersion::V2);
        Err(match two.and_then(|one| one.dir.path.ancestors().nth(2)) {
            Some(parent) => CgroupError::NotHandedDown { controller, file: parent.join("cgroup.subtree_control") },
            None => CgroupError::NoController(controller),
        })
    }

    /// Whether a process is in all of its folders.
    pub fn holds(&self, pid: std::num::NonZeroU32) -> Result<bool, CgroupError> {
        for OwnDir { dir, .. } in &self.dirs {
            if !dir.members()?.contains(&pid) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Kills all members, thawed first; gives how many there were. Blocks.
    pub fn kill_all(&self) -> Result<usize, CgroupError> {
        // A member that is frozen in one hierarchy is not killed through another one.
        for one in self.there()? {
            if one.dir.is_frozen()? {
                one.dir.thaw()?;
            }
        }
        let mut killed = 0;
        for one in self.there()? {
            killed = killed.max(one.dir.kill_all()?);
        }
        Ok(killed)
    }

    /// Kills all members and removes it, with the run's folder once that is empty; gives how many members there were, or
    /// `None` when it was gone. Blocks.
    pub fn remove(&self) -> Result<Option<usize>, CgroupError> {
        let there: Vec<&OwnDir> = self.there()?;
        if there.is_empty() {
            self.remove_run();
            return Ok(None);
        }
        let killed = self.kill_all()?;
        for one in there {
            one.dir.remove()?;
        }
        self.remove_run();
        Ok(Some(killed))
    }

    /// Removes the run's folders, unless another node's group is in them.
    fn remove_run(&self) {
        for run in self.dirs.iter().filter_map(|one| one.dir.path.parent()) {
            let ours = run.file_name().is_some_and(|name| name.to_string_lossy().starts_with(RUN_PREFIX));
            if ours {
                // Another node's group may be in it.
                let _ = std::fs::remove_dir(run);
            }
        }
    }

    /// The folders that are there. Those of a name that is not ours are never.
    fn there(&self) -> Result<Vec<&OwnDir>, CgroupError> {
        let mut there = Vec::new();
        for one in &self.dirs {
            let run = one.dir.path.parent().and_then(Path::file_name);
            if run.is_some_and(|name| name.to_string_lossy().starts_with(RUN_PREFIX)) && one.dir.is_there()? {
                there.push(one);
            }
        }
        Ok(there)
    }

    /// In words: "cgroup v1 cpu, memory, pids; v2 freezer".
    pub fn describe(&self) -> String {
        let of = |version| {
            let mut names: Vec<&str> = Vec::new();
            for one in self.dirs.iter().filter(|one| one.dir.version == version) {
                names.extend(one.controllers.iter().map(|controller| controller.name()));
            }
            (!names.is_empty()).then(|| format!("{version} {}", names.join(", ")))
        };
        let parts: Vec<String> = [CgroupVersion::V1, CgroupVersion::V2].into_iter().filter_map(of).collect();
        format!("cgroup {}", parts.join("; "))
    }
}

/// Where a group of version 2 can be made: a group that has members can't hand controllers to groups below it, except the
/// root, so it is the one above ours that may.
fn parent_of_two(own: CgroupDir, mount: &Path) -> CgroupDir {
    let above = own.path.parent().filter(|above| above.starts_with(mount)).map(|above| CgroupDir {
        path: above.to_owned(),
        version: own.version,
        inode: None,
    });
    let count = |dir: &CgroupDir| LIMITED.iter().filter(|controller| hands_down(dir, **controller)).count();
    match above {
        Some(above) if count(&above) > count(&own) => above,
        _ => own,
    }
}

fn hands_down(dir: &CgroupDir, controller: Controller) -> bool {
    let named = dir.get("cgroup.subtree_control").unwrap_or_default();
    named.split_whitespace().any(|name| name == controller.name())
}

#[cfg(test)]
mod tests;
