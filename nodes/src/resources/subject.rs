//! Whose resources, and in which group.

use std::sync::Arc;

use chaos_core::{Permission, Plan, PluginError, Resource, ResourceAmount, ResourceId};
use chaos_host::{CgroupDir, Controller, LimitPair, OwnGroup, PidFd, ProcessLimit, has_sys_resource};
use rustix::process::getuid;

use crate::group::failed;
use crate::held;
use crate::supervisor::Supervisor;

/// The group of a member.
#[derive(Debug, Clone, Copy)]
pub(crate) enum GroupOf<'a> {
    /// One that we have made for it.
    Own(&'a OwnGroup),
    /// None of its own.
    Ours,
    /// The one that it was in before we came.
    Found,
}

/// Whose resources.
#[derive(Debug)]
pub(crate) struct Subject<'a> {
    /// "node `n1`", "process 71 (`sleep`)".
    pub(crate) label: String,
    /// Its process, while that is up.
    pub(crate) held: Option<PidFd>,
    pub(crate) group: GroupOf<'a>,
    /// What holds it as a whole.
    pub(crate) whole: Option<ResourceId>,
    /// Who starts it again.
    pub(crate) node: Option<&'a Arc<Supervisor>>,
}

impl Subject<'_> {
    pub(crate) fn not_up(&self) -> PluginError {
        PluginError::refused(format!("{} is not up", self.label))
    }

    /// Refuses what no fault may touch.
    pub(super) fn may_be_touched(&self) -> Result<(), PluginError> {
        let Some(held) = &self.held else { return Ok(()) };
        held::ours_to_touch(held, "starving", "no limit of ours reaches").map(drop)
    }

    /// Its group for that controller; `None` when it is not up yet.
    ///
    /// # Errors
    /// A refusal that names what forbids it.
    pub(super) fn dir(&self, controller: Controller) -> Result<Option<CgroupDir>, PluginError> {
        let label = &self.label;
        let dir = match (self.group, &self.held) {
            (GroupOf::Ours, _) => {
                return Err(PluginError::refused(format!("{label} has no group of its own; give it `group: true`")));
            }
            (GroupOf::Own(group), None) => group.offers(controller).map(|()| None),
            (GroupOf::Own(group), Some(_)) => group.dir(controller).map(Some),
            (GroupOf::Found, None) => Ok(None),
            (GroupOf::Found, Some(held)) => CgroupDir::of_process(held.pid(), controller),
        };
        dir.map_err(|error| {
            let start = matches!(self.group, GroupOf::Found).then_some("; start it as a node with `group: true`");
            PluginError::refused(format!("{label}: {error}{}", start.unwrap_or_default()))
        })
    }

    /// Its group's freezer; `None` when it is not up yet.
    pub(crate) fn freezer(&self) -> Result<Option<CgroupDir>, PluginError> {
        self.dir(Controller::Freezer)
    }

    /// Its group for that controller, for what only reads; `None` where there is none.
    pub(super) fn group_dir(&self, controller: Controller) -> Option<CgroupDir> {
        match self.group {
            // It outlives the process.
            GroupOf::Own(group) => group.dir(controller).ok(),
            GroupOf::Ours => None,
            GroupOf::Found => self.dir(controller).ok().flatten(),
        }
    }

    /// Why the group that it was in before needs more than the right to touch it.
    pub(crate) fn shared_group(&self) -> String {
        format!("the group of {} was not made by this run, and may hold others", self.label)
    }

    /// The plan of an act on one side of its resources; on the whole of it where `kind` is empty.
    pub(super) fn plan(&self, kind: &str, words: &str, group: bool) -> Result<Plan, PluginError> {
        let mut whole: Vec<ResourceId> = self.whole.iter().cloned().collect();
        let mut plan = Plan::new(format!("{}, {words}", self.label));
        if let Some(held) = &self.held {
            let (stat, owner) = held::ours_to_touch(held, "starving", "no limit of ours reaches")?;
            plan.permissions.extend(held::foreign(&stat, &owner));
            if self.whole.is_none() {
                whole.push(held::resource(&stat)?.id);
            }
        }
        if group && matches!(self.group, GroupOf::Found) {
            plan = plan.needing(Permission::Root, self.shared_group());
        }
        let touched = match whole.first() {
            Some(whole) if kind.is_empty() => Resource::new(whole.clone()),
            _ => Resource::other(kind, &self.label),
        };
        Ok(plan.touching(whole.into_iter().filter(|one| *one != touched.id).fold(touched.clone(), Resource::within)))
    }

    pub(super) fn limit(&self, held: &PidFd, limit: ProcessLimit) -> Result<LimitPair, PluginError> {
        let pid = held.pid();
        let read = |error| PluginError::io(&format!("read `/proc/{pid}/limits`"), &error);
        held.limit(limit).map_err(read)?.ok_or_else(|| self.not_up())
    }

    /// Its processes and threads: of its group, or of its process with the limit of its user.
    pub(super) fn pids(&self) -> Result<Option<ResourceAmount>, PluginError> {
        if let Some(dir) = self.group_dir(Controller::Pids) {
            let (used, limit) = (dir.pids_used().map_err(failed)?, dir.pids_limit().map_err(failed)?);
            return Ok(Some(ResourceAmount { used, limit, lowered: false }));
        }
        let Some(held) = &self.held else { return Ok(None) };
        let pid = held.pid();
        let read = |error| PluginError::io(&format!("read the limits of process {pid}"), &error);
        let (usage, limit) = (held.usage().map_err(read)?, held.limit(ProcessLimit::Pids).map_err(read)?);
        Ok(usage.zip(limit).map(|(usage, limit)| ResourceAmount {
            used: usage.threads,
            limit: limit.soft,
            lowered: false,
        }))
    }
}

/// The numbers of the descriptors of a process, and the limit of them.
pub(super) struct Descriptors {
    pub(super) numbers: Vec<u64>,
    pub(super) limit: Option<u64>,
}

impl Descriptors {
    /// Those of a process; `None` when it is gone.
    pub(super) fn of(held: &PidFd) -> Result<Option<Self>, PluginError> {
        let pid = held.pid();
        let read = |error| PluginError::io(&format!("read the descriptors of process {pid}"), &error);
        let (numbers, limit) = (held.descriptors().map_err(read)?, held.limit(ProcessLimit::Fds).map_err(read)?);
        Ok(numbers.zip(limit).map(|(numbers, limit)| Self { numbers, limit: limit.soft }))
    }
}

/// Refuses to lower a limit that we may not.
pub(super) fn may_lower(held: &PidFd, limit: ProcessLimit) -> Result<(), PluginError> {
    let ours = getuid().as_raw();
    let other = held::owner(held)?.uids.into_iter().find(|uid| *uid != ours);
    match other {
        Some(uid) if !has_sys_resource() => {
            let (words, pid) = (limit.words(), held.pid());
            let why = format!("lowering the limit of {words} of process {pid} (uid {uid}) needs CAP_SYS_RESOURCE");
            Err(PluginError::refused(why))
        }
        _ => Ok(()),
    }
}
