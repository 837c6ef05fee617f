//! The group that a process is in already.

use std::num::NonZeroU32;
use std::path::Path;

use super::{CgroupDir, CgroupError, Controller, Hierarchies, Membership};

impl CgroupDir {
    /// The group of a process for that controller, identified; version 2 first. `None` when the process is gone.
    ///
    /// # Errors
    /// When the group is the root of its hierarchy, which has no limits, or holds us too.
    pub fn of_process(pid: NonZeroU32, controller: Controller) -> Result<Option<Self>, CgroupError> {
        let read = |error| CgroupError::io("read the groups of", Path::new(&format!("/proc/{pid}")), error);
        let hierarchies = Hierarchies::here().map_err(read)?;
        let Some(member) = Membership::of(pid.get()).map_err(read)? else { return Ok(None) };
        let two = hierarchies.unified().and_then(|one| one.dir_of(&member));
        // In a hybrid most processes are in the root of version 2.
        let two = two.filter(|dir| dir.controls(controller) && !dir.is_root());
        let one = || hierarchies.split(controller).and_then(|one| one.dir_of(&member));
        let Some(dir) = two.or_else(one) else { return Err(CgroupError::NoController(controller)) };
        let not = |why| CgroupError::NotLimited { controller, path: dir.path.clone(), why };
        if dir.is_root() {
            return Err(not("is the root of its hierarchy, which can't be limited"));
        }
        if dir.members()?.iter().any(|pid| pid.get() == std::process::id()) {
            return Err(not("holds Squall itself"));
        }
        dir.identified().map(Some)
    }

    /// Whether a group of version 2 is one for that controller.
    fn controls(&self, controller: Controller) -> bool {
        match controller {
            // Every group but the root can be frozen, with whatever controllers.
            Controller::Freezer => self.has("cgroup.freeze"),
            _ => self
                .get("cgroup.controllers")
                .is_ok_and(|names| names.split_whitespace().any(|name| name == controller.name())),
        }
    }

    /// Whether the process is frozen in whatever group it is in, for its status. `false` where that can't be told.
    pub fn has_frozen(pid: NonZeroU32) -> bool {
        let Ok(hierarchies) = Hierarchies::here() else { return false };
        let Ok(Some(member)) = Membership::of(pid.get()) else { return false };
        let both = [hierarchies.unified(), hierarchies.split(Controller::Freezer)];
        let dirs = both.into_iter().flatten().filter_map(|one| one.dir_of(&member));
        dirs.into_iter().any(|dir| dir.is_frozen().unwrap_or(false))
    }
}

/// The bytes of memory that our own group, and those above it, leave us; `None` where nothing limits us.
pub fn own_memory_room() -> Option<u64> {
    let hierarchies = Hierarchies::here().ok()?;
    let us = Membership::of(std::process::id()).ok()??;
    let one = hierarchies.split(Controller::Memory).or_else(|| hierarchies.unified())?;
    let own = one.dir_of(&us)?;
    let above = own.path.ancestors().take_while(|path| path.starts_with(&one.mount));
    let room = |path: &Path| {
        let dir = CgroupDir { path: path.to_owned(), version: own.version, inode: None };
        let limit = dir.memory_limit().ok()??;
        Some(limit.saturating_sub(dir.memory_used().ok()?))
    };
    above.filter_map(room).min()
}
