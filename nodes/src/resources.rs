//! The resources of a member: limits in its group, soft limits of its process, and loads beside it.
//!
//! | Module | Holds |
//! |---|---|
//! | `subject` | [`Subject`]: whose resources, and in which group |
//! | `restore` | the undo steps of limits |
//! | `load` | loads, and the undo step that ends them |
//! | `oom` | taking memory until the kernel kills, and its undo step |

use std::num::NonZeroU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chaos_core::{
    CeilingKind, Cpus, Effect, LoadUsage, Plan, PluginError, ResourceAct, ResourceAmount, ResourceCounters,
    ResourceLimit, ResourceLoad, ResourceUsage,
};
use chaos_host::{
    CgroupDir, CgroupError, CgroupVersion, Controller, GroupLimit, PidFd, ProcessIdentity, ProcessLimit, TreeMark,
    memory_available, own_memory_room,
};

use crate::group::failed;
use crate::held::again;
use crate::start_node::StartNode;
use crate::stress::Work;

mod load;
mod oom;
mod restore;
mod subject;

pub use load::StopLoad;
pub use oom::EndOom;
pub use restore::{RestoreLimit, RestoreProcessLimit};

pub(crate) use subject::{GroupOf, Subject};

use load::Load;
use subject::{Descriptors, may_lower};

/// Memory that a load leaves to everybody else, whatever it is to hold.
const SPARE_BYTES: u64 = 256 << 20;

/// What is known of a member's resources beside what the system tells.
#[derive(Debug, Default)]
pub(crate) struct Resources(Arc<Known>);

#[derive(Debug, Default)]
struct Known {
    loads: Mutex<Vec<Load>>,
    before: Mutex<Before>,
}

/// What was read right before the last effect of its kind.
#[derive(Debug, Clone, Copy, Default)]
struct Before {
    counters: ResourceCounters,
    fds: Option<Limit>,
    pids: Option<Limit>,
}

/// A limit that was read.
#[derive(Debug, Clone, Copy)]
struct Limit(Option<u64>);

impl Limit {
    fn is_above(self, now: Option<u64>) -> bool {
        now.is_some_and(|now| self.0.is_none_or(|then| now < then))
    }
}

/// What an act would change.
enum Change {
    Group(CgroupDir, GroupLimit),
    Process(ProcessLimit, u64),
    OutOfMemory(CgroupDir),
    Load(Vec<Work>, Option<CgroupDir>),
}

impl Resources {
    /// What the act would touch.
    pub(crate) fn plan(subject: &Subject<'_>, act: ResourceAct) -> Result<Plan, PluginError> {
        // What is not up yet is asked again before the effect.
        let change = change(subject, act)?;
        let words = match &change {
            Some(Change::Process(limit, soft)) => format!("{} of its process below {soft}", limit.words()),
            Some(Change::Group(dir, _) | Change::OutOfMemory(dir) | Change::Load(_, Some(dir))) => {
                format!("in `{}`", dir.path.display())
            }
            Some(Change::Load(_, None)) if matches!(subject.group, GroupOf::Own(_)) => {
                "in its group, once it is up".to_owned()
            }
            Some(Change::Load(_, None)) => "on this machine, since it has no group".to_owned(),
            None => "once it is up".to_owned(),
        };
        let mut plan =
            subject.plan(kind(act), &words, matches!(change, Some(Change::Group(..) | Change::OutOfMemory(_))))?;
        match act {
            ResourceAct::Load(ResourceLoad::Cpu(workers)) => {
                plan = plan.at_most(CeilingKind::Concurrency, workers.get());
            }
            ResourceAct::Load(ResourceLoad::Memory(bytes)) => {
                #[expect(clippy::cast_precision_loss, reason = "a ceiling need not be exact above 2^52 bytes")]
                let bytes = bytes.get() as f64;
                plan = plan.at_most(CeilingKind::Bytes, bytes);
            }
            ResourceAct::Limit(ResourceLimit::OutOfMemory) if subject.node.is_none() => {
                let why = format!("{} was not started by this run, so nobody starts it again", subject.label);
                plan = plan.irreversible(why);
            }
            _ => {}
        }
        Ok(plan)
    }

    /// The act, and the step that undoes it.
    pub(crate) fn effect(&self, subject: &Subject<'_>, act: ResourceAct) -> Result<Effect, PluginError> {
        let change = change(subject, act)?.ok_or_else(|| subject.not_up())?;
        let held = subject.held.as_ref().ok_or_else(|| subject.not_up())?;
        let known = Arc::clone(&self.0);
        let mut before = Before { counters: raw_counters(subject), ..*lock(&known.before) };
        match act {
            ResourceAct::Limit(ResourceLimit::FdsLeft(_)) => {
                before.fds = Some(Limit(subject.limit(held, ProcessLimit::Fds)?.soft));
            }
            ResourceAct::Limit(ResourceLimit::PidsLeft(_)) => {
                before.pids = subject.pids()?.map(|pids| Limit(pids.limit));
            }
            _ => {}
        }
        let begins = move || *lock(&known.before) = before;
        match change {
            Change::Group(dir, limit) => group_effect(subject, dir, limit, begins),
            Change::Process(limit, soft) => process_effect(subject, held, limit, soft, begins),
            Change::OutOfMemory(dir) => oom_effect(subject, held, dir, begins),
            Change::Load(works, dir) => self.load_effect(subject, works, dir, begins),
        }
    }

    fn load_effect(
        &self,
        subject: &Subject<'_>,
        works: Vec<Work>,
        dir: Option<CgroupDir>,
        begins: impl FnOnce() + Send + 'static,
    ) -> Result<Effect, PluginError> {
        let (mark, known) = (TreeMark::unique(), Arc::clone(&self.0));
        let step = StopLoad::of(subject.label.clone(), &mark)?;
        let act = move || {
            begins();
            lock(&known.loads).clear();
            for work in works {
                let join = dir.iter().map(CgroupDir::procs).collect();
                let load = Load::start(work, join, &mark)?;
                lock(&known.loads).push(load);
            }
            lock(&known.loads).iter().try_for_each(Load::has_begun)
        };
        Ok(Effect::new(step, Effect::blocking(act)))
    }

    /// What the member uses and may use.
    pub(crate) fn usage(&self, subject: &Subject<'_>) -> Result<ResourceUsage, PluginError> {
        let loads: Vec<LoadUsage> =
            lock(&self.0.loads).iter().map(Load::usage).filter_map(Result::transpose).collect::<Result<_, _>>()?;
        let mut usage = ResourceUsage { label: subject.label.clone(), loads, ..ResourceUsage::default() };
        // A group that is not there limits nothing.
        if let Some(dir) = subject.group_dir(Controller::Cpu) {
            usage.cpus = dir.cpus().map_err(failed)?.and_then(|cpus| Cpus::try_from(cpus).ok());
        }
        if let Some(dir) = subject.group_dir(Controller::Memory) {
            let (used, limit) = (dir.memory_used().map_err(failed)?, dir.memory_limit().map_err(failed)?);
            usage.memory = Some(ResourceAmount { used, limit, lowered: false });
        }
        let before = *lock(&self.0.before);
        if let Some(held) = &subject.held {
            usage.fds = Descriptors::of(held)?.map(|Descriptors { numbers, limit }| ResourceAmount {
                used: numbers.iter().filter(|number| limit.is_none_or(|limit| **number < limit)).count() as u64,
                limit,
                lowered: before.fds.is_some_and(|then| then.is_above(limit)),
            });
        }
        usage.pids = subject
            .pids()?
            .map(|pids| ResourceAmount { lowered: before.pids.is_some_and(|then| then.is_above(pids.limit)), ..pids });
        Ok(usage)
    }

    /// What the kernel has counted since the last effect.
    pub(crate) fn counters(&self, subject: &Subject<'_>) -> ResourceCounters {
        raw_counters(subject).since(lock(&self.0.before).counters)
    }
}

/// What is held alone: one side of a member's resources.
fn kind(act: ResourceAct) -> &'static str {
    match act {
        ResourceAct::Limit(ResourceLimit::Cpus(_)) => "cpu",
        ResourceAct::Limit(ResourceLimit::MemoryBytes(_)) => "memory",
        ResourceAct::Limit(ResourceLimit::PidsLeft(_)) => "pids",
        ResourceAct::Limit(ResourceLimit::FdsLeft(_)) => "descriptors",
        ResourceAct::Load(ResourceLoad::Cpu(_)) => "cpu load",
        ResourceAct::Load(ResourceLoad::Memory(_)) => "memory load",
        // It ends the node, as a kill does.
        _ => "",
    }
}

/// What the act would change, or a refusal that names what forbids it; `None` for what is not up yet.
fn change(subject: &Subject<'_>, act: ResourceAct) -> Result<Option<Change>, PluginError> {
    subject.may_be_touched()?;
    match act {
        ResourceAct::Limit(ResourceLimit::Cpus(cpus)) => {
            let dir = subject.dir(Controller::Cpu)?;
            Ok(dir.map(|dir| Change::Group(dir, GroupLimit::Cpus(cpus.get()))))
        }
        ResourceAct::Limit(ResourceLimit::MemoryBytes(bytes)) => memory(subject, bytes),
        ResourceAct::Limit(ResourceLimit::OutOfMemory) => {
            let dir = subject.dir(Controller::Memory)?;
            if dir.as_ref().is_some_and(|dir| dir.oom_waits().unwrap_or(false)) {
                let why = "its group lets members wait for memory instead (`oom_kill_disable`)";
                return Err(PluginError::refused(format!("{} is not killed for want of memory: {why}", subject.label)));
            }
            if dir.as_ref().is_some_and(|dir| dir.version == CgroupVersion::V1) {
                load::possible()?;
                has_room(subject, None, oom::HEADROOM_BYTES)?;
            }
            Ok(dir.map(Change::OutOfMemory))
        }
        ResourceAct::Limit(ResourceLimit::PidsLeft(left)) => pids(subject, left),
        ResourceAct::Limit(ResourceLimit::FdsLeft(left)) => descriptors(subject, left),
        ResourceAct::Load(ResourceLoad::Cpu(workers)) => {
            load::possible()?;
            let works = vec![Work::Cpu; usize::try_from(workers.get()).unwrap_or(usize::MAX)];
            Ok(Some(Change::Load(works, subject.group_dir(Controller::Cpu))))
        }
        ResourceAct::Load(ResourceLoad::Memory(bytes)) => {
            load::possible()?;
            let dir = subject.group_dir(Controller::Memory);
            has_room(subject, dir.as_ref(), bytes.get())?;
            Ok(Some(Change::Load(vec![Work::Memory(bytes.get())], dir)))
        }
        _ => Err(PluginError::refused(format!("{} does not know this act on resources", subject.label))),
    }
}

fn memory(subject: &Subject<'_>, bytes: NonZeroU64) -> Result<Option<Change>, PluginError> {
    let Some(dir) = subject.dir(Controller::Memory)? else { return Ok(None) };
    let (used, bytes) = (dir.memory_used().map_err(failed)?, bytes.get());
    // Version 1 reclaims what it can, and says so itself where that is too little.
    if used > bytes && dir.version == CgroupVersion::V2 {
        let why = format!(
            "{} uses {used} bytes, so a limit of {bytes} would have it killed; use `oom` for that",
            subject.label
        );
        return Err(PluginError::refused(why));
    }
    Ok(Some(Change::Group(dir, GroupLimit::MemoryBytes(bytes))))
}

fn pids(subject: &Subject<'_>, left: u32) -> Result<Option<Change>, PluginError> {
    let no_group = match subject.dir(Controller::Pids) {
        Ok(Some(dir)) => {
            let used = dir.pids_used().map_err(failed)?;
            return Ok(Some(Change::Group(dir, GroupLimit::Pids(used + u64::from(left)))));
        }
        Ok(None) => return Ok(None),
        Err(why) => why,
    };
    // The limit of a user's processes: it counts per user, and does not hold root.
    let Some(held) = &subject.held else { return Err(no_group) };
    let uid = crate::held::owner(held)?.uids[0];
    let refused = |why: &str| Err(PluginError::refused(format!("{no_group} ({why})")));
    if uid == 0 {
        return refused("the limit of a user's processes does not hold root");
    }
    if left > 0 {
        return refused("without one nothing can be left, since the limit counts all processes of the user");
    }
    may_lower(held, ProcessLimit::Pids)?;
    Ok(Some(Change::Process(ProcessLimit::Pids, 0)))
}

fn descriptors(subject: &Subject<'_>, left: u32) -> Result<Option<Change>, PluginError> {
    let Some(held) = &subject.held else { return Ok(None) };
    may_lower(held, ProcessLimit::Fds)?;
    let Some(Descriptors { numbers, limit }) = Descriptors::of(held)? else { return Err(subject.not_up()) };
    let soft = limit_that_leaves(&numbers, u64::from(left));
    if limit.is_some_and(|limit| soft >= limit) {
        let why = format!("{} has no more than {left} descriptors left already", subject.label);
        return Err(PluginError::refused(why));
    }
    Ok(Some(Change::Process(ProcessLimit::Fds, soft)))
}

/// The limit below which so many numbers are free: a new descriptor gets the lowest free one.
fn limit_that_leaves(used: &[u64], left: u64) -> u64 {
    let (mut free, mut next) = (0, 0);
    for number in used {
        let gap = number.saturating_sub(next);
        if free + gap > left {
            return next + (left - free);
        }
        free += gap;
        next = number + 1;
    }
    next + (left - free)
}

/// Refuses a load that would leave others without memory.
fn has_room(subject: &Subject<'_>, dir: Option<&CgroupDir>, bytes: u64) -> Result<(), PluginError> {
    let refused = |room: u64, whose: &str| {
        let why = format!("{bytes} bytes are more than {whose} can spare ({room} bytes)");
        Err(PluginError::refused(format!("{why}; ask for fewer")))
    };
    let spared = |room: u64| room.saturating_sub(SPARE_BYTES);
    match memory_available().map(spared) {
        Some(room) if bytes > room => return refused(room, "this machine"),
        None => return Err(PluginError::refused("`/proc/meminfo` does not tell how much memory is available")),
        Some(_) => {}
    }
    if let Some(room) = own_memory_room().map(spared).filter(|room| bytes > *room) {
        return refused(room, "the memory group of Squall");
    }
    if let Some(dir) = dir
        && let Some(limit) = dir.memory_limit().map_err(failed)?
    {
        let room = limit.saturating_sub(dir.memory_used().map_err(failed)?);
        if bytes > room {
            return refused(room, &format!("the group of {}", subject.label));
        }
    }
    Ok(())
}

fn group_effect(
    subject: &Subject<'_>,
    dir: CgroupDir,
    limit: GroupLimit,
    begins: impl FnOnce() + Send + 'static,
) -> Result<Effect, PluginError> {
    let saved = dir.saved(limit).map_err(failed)?;
    let step = RestoreLimit::of(subject.label.clone(), dir.clone(), saved);
    let act = move || {
        begins();
        dir.limit(limit).map_err(failed)
    };
    Ok(Effect::new(step, Effect::blocking(act)))
}

fn process_effect(
    subject: &Subject<'_>,
    held: &PidFd,
    limit: ProcessLimit,
    soft: u64,
    begins: impl FnOnce() + Send + 'static,
) -> Result<Effect, PluginError> {
    let before = subject.limit(held, limit)?;
    let step = RestoreProcessLimit { process: identity(held)?, limit, soft: before.soft };
    let (held, pid) = (again(held)?, held.pid());
    let act = move || {
        begins();
        let doing = format!("lower the limit of {} of process {pid}", limit.words());
        if held.set_soft_limit(limit, Some(soft)).map_err(|error| PluginError::io(&doing, &error))? {
            Ok(())
        } else {
            Err(PluginError::failed(format!("process {pid} ended before its limit was lowered")))
        }
    };
    Ok(Effect::new(step, Effect::blocking(act)))
}

fn oom_effect(
    subject: &Subject<'_>,
    held: &PidFd,
    dir: CgroupDir,
    begins: impl FnOnce() + Send + 'static,
) -> Result<Effect, PluginError> {
    let mark = TreeMark::unique();
    let score = held.oom_score_adj().map_err(|error| PluginError::io("read `oom_score_adj`", &error))?;
    // The bytes do not matter: these are the files that will be written.
    let saved = dir.saved(GroupLimit::MemoryBytes(0)).map_err(failed)?;
    let step = EndOom {
        victim: identity(held)?,
        score: score.ok_or_else(|| subject.not_up())?,
        limit: RestoreLimit::of(subject.label.clone(), dir.clone(), saved),
        load: StopLoad::of(format!("the memory of {}", subject.label), &mark)?,
        start: subject.node.map(|node| StartNode { node: node.node().name().to_owned() }),
    };
    let (victim, node) = (again(held)?, subject.node.cloned());
    Ok(Effect::new(step, async move {
        begins();
        if let Some(node) = &node {
            node.expect_end(true);
        }
        let within = std::time::Duration::from_secs(crate::resume_process::SETTLE_SECONDS.into());
        let held = again(&victim)?;
        let done = Effect::blocking(move || oom::take_memory(&victim, &dir, &mark, within)).await;
        match (&node, &done) {
            (Some(node), Ok(())) => node.has_ended(&held).await,
            // A later end is not ours.
            (Some(node), Err(_)) => node.expect_end(false),
            (None, _) => {}
        }
        done
    }))
}

fn identity(held: &PidFd) -> Result<ProcessIdentity, PluginError> {
    let pid = held.pid();
    ProcessIdentity::of(held).map_err(|error| PluginError::io(&format!("identify process {pid}"), &error))
}

/// The counters as the kernel has them; what is not counted is 0.
fn raw_counters(subject: &Subject<'_>) -> ResourceCounters {
    let count = |controller, of: fn(&CgroupDir) -> Result<u64, CgroupError>| {
        subject.group_dir(controller).and_then(|dir| of(&dir).ok()).unwrap_or_default()
    };
    ResourceCounters {
        throttled: count(Controller::Cpu, CgroupDir::throttled),
        oom_kills: count(Controller::Memory, CgroupDir::oom_kills),
        pids_refused: count(Controller::Pids, CgroupDir::pids_refused),
    }
}

fn lock<T>(one: &Mutex<T>) -> MutexGuard<'_, T> {
    // It stays usable whatever panicked while holding it.
    one.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_leaves_as_many_numbers_as_are_asked_for() {
        let rows: [(&[u64], u64, u64); 7] = [
            (&[0, 1, 2], 0, 3),
            (&[0, 1, 2], 2, 5),
            (&[0, 1, 2, 7], 0, 3),
            (&[0, 1, 2, 7], 4, 8),
            (&[0, 1, 2, 7], 3, 6),
            (&[0, 1, 2, 7], 5, 9),
            (&[], 0, 0),
        ];
        for (used, left, limit) in rows {
            let found = limit_that_leaves(used, left);
            let free = (0..found).filter(|number| !used.contains(number)).count() as u64;
            assert_eq!(free, left, "{used:?}, {left}: {found}");
            assert!(found <= limit, "{used:?}, {left}: {found} for {limit}");
        }
    }
}
