//! What may be done to a process, and how: signals through its pidfd.

use std::fs;
use std::io;
use std::num::NonZeroU32;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use chaos_core::{
    Effect, NodeState, PauseMethod, Permission, PermissionNeed, Plan, PluginError, ProcessAct, ProcessState,
    ProcessStatus, Resource, ResourceId, SignalName,
};
use chaos_host::{
    CgroupDir, PidFd, ProcessIdentity, ProcessOwner, ProcessStat, Signal, ancestors, own_ancestors, pid_namespace,
    polls_in_seconds, proc_is_ours,
};
use rustix::process::geteuid;

use crate::resume_process::{ResumeProcess, SETTLE_SECONDS, all_paused};

/// Takes hold of a process; `None` when there is none of that pid.
///
/// # Errors
/// Also when `/proc` shows other processes than those whose pids we know.
pub(crate) fn hold(pid: NonZeroU32) -> Result<Option<PidFd>, PluginError> {
    own_proc()?;
    PidFd::open(pid).map_err(|error| failed("take hold of", pid, &error))
}

/// Refuses where `/proc` is that of another pid namespace.
pub(crate) fn own_proc() -> Result<(), PluginError> {
    if proc_is_ours().map_err(|error| PluginError::io("read `/proc/self/status`", &error))? {
        return Ok(());
    }
    let why = "`/proc` shows another pid namespace than ours, so its pids are other processes: mount our own";
    Err(PluginError::refused(why))
}

/// Whether it is this process, or has come of it. What we started is ours, whoever started us.
fn has_come_of(pid: u32, first: NonZeroU32) -> bool {
    let us = std::process::id();
    // Unknown where `/proc` does not say; then the process alone counts.
    let line = ancestors(pid).unwrap_or_else(|_| vec![pid]);
    line.into_iter().take_while(|pid| *pid != us).any(|pid| pid == first.get())
}

/// Whether that is, or is part of, a process which has come of this one, or this folder.
pub(crate) fn is_of(what: &Resource, first: Option<NonZeroU32>, folder: Option<&Path>) -> bool {
    what.ids().any(|id| match id {
        ResourceId::Process { pid, .. } => first.is_some_and(|first| has_come_of(*pid, first)),
        ResourceId::Dir(dir) => {
            let found = folder.and_then(|folder| fs::metadata(folder).ok());
            found.is_some_and(|found| (found.dev(), found.ino()) == (dir.device, dir.inode))
        }
        _ => false,
    })
}

/// What the process is, if that may be done to it at all.
pub(crate) fn target(held: &PidFd, act: ProcessAct) -> Result<ProcessStat, PluginError> {
    Ok(owned_target(held, act)?.0)
}

/// The same, and whose it is.
fn owned_target(held: &PidFd, act: ProcessAct) -> Result<(ProcessStat, ProcessOwner), PluginError> {
    let (verb, reaches) = match act {
        ProcessAct::Pause(_) => ("stopping", "no signal stops"),
        ProcessAct::Kill(_) | ProcessAct::Restart => ("ending", "no signal ends"),
    };
    let (stat, owner) = ours_to_touch(held, verb, reaches)?;
    if matches!(act, ProcessAct::Pause(_)) {
        if stat.is_stopped() || stat.is_traced() {
            let (label, state) = (stat.label(), stat.state);
            let why = format!("{label} is stopped already (state {state}), and resuming it is for whoever stopped it");
            return Err(PluginError::refused(why));
        }
        if CgroupDir::has_frozen(held.pid()) {
            let why = format!("{} is frozen already, and thawing it is for whoever froze it", stat.label());
            return Err(PluginError::refused(why));
        }
    }
    Ok((stat, owner))
}

/// What the process is and whose, unless no fault may touch it: `verb` is what would be done, `reaches` why a thread of the kernel is
/// out of reach.
pub(crate) fn ours_to_touch(
    held: &PidFd,
    verb: &str,
    reaches: &str,
) -> Result<(ProcessStat, ProcessOwner), PluginError> {
    let pid = held.pid();
    let both = held.stat_and_owner().map_err(|error| failed("read the state of", pid, &error))?;
    let (stat, owner) = both.ok_or_else(|| missing(pid))?;
    let refused = |why: &str| Err(PluginError::refused(format!("{} {why}", stat.label())));
    let us = std::process::id();
    let line = own_ancestors().map_err(|error| PluginError::io("read our ancestors", &error))?;
    if stat.pid == 1 {
        return refused(&format!("is the first process: {verb} it would stop the machine or the container"));
    }
    if owner.process == us {
        return refused("is Squall itself, which could not undo it any more");
    }
    if line.contains(&stat.pid) {
        return refused("is an ancestor of Squall, which must outlive the fault");
    }
    if stat.is_kernel {
        return refused(&format!("is a thread of the kernel, which {reaches}"));
    }
    if owner.process != stat.pid {
        let process = owner.process;
        return refused(&format!("is a thread of process {process}; name {process}, which stops with all its threads"));
    }
    if stat.is_dead() {
        return refused("has ended");
    }
    Ok((stat, owner))
}

/// What the act would touch.
pub(crate) fn plan(held: &PidFd, act: ProcessAct) -> Result<Plan, PluginError> {
    let (target, owner) = owned_target(held, act)?;
    let mut plan = Plan::new(target.label()).touching(resource(&target)?);
    plan.permissions.extend(foreign(&target, &owner));
    Ok(plan)
}

/// The process as a resource.
pub(crate) fn resource(target: &ProcessStat) -> Result<Resource, PluginError> {
    let pid_ns = pid_namespace().map_err(|error| PluginError::io("read our pid namespace", &error))?;
    Ok(Resource::process(target.pid, target.start_time, pid_ns))
}

/// Why it needs `other_user`: it belongs, in part, to another user than the one whose rights we use.
pub(crate) fn foreign(target: &ProcessStat, owner: &ProcessOwner) -> Option<PermissionNeed> {
    let ours = geteuid().as_raw();
    let other = owner.uids.iter().find(|uid| **uid != ours);
    other.map(|uid| {
        let why = format!("{} belongs to uid {uid}, not to {ours}", target.label());
        PermissionNeed { permission: Permission::OtherUser, why }
    })
}

pub(crate) fn owner(held: &PidFd) -> Result<ProcessOwner, PluginError> {
    let pid = held.pid();
    let owner = held.owner().map_err(|error| failed("read the state of", pid, &error))?;
    owner.ok_or_else(|| missing(pid))
}

/// The pause, and the step that ends it.
pub(crate) fn pause(held: &PidFd, act: ProcessAct) -> Result<Effect, PluginError> {
    if act == ProcessAct::Pause(PauseMethod::Runtime) {
        return Err(PluginError::refused("a runtime is held at a fail point of its own, not by a signal"));
    }
    let target = target(held, act)?;
    let pid = held.pid();
    let process = ProcessIdentity::of(held).map_err(|error| failed("identify", pid, &error))?;
    let held = again(held)?;
    Ok(Effect::new(ResumeProcess { process }, Effect::blocking(move || stop(&held, &target.label()))))
}

/// Stops it, and waits until all its threads have stopped.
fn stop(held: &PidFd, label: &str) -> Result<(), PluginError> {
    let stopped = held
        .signal(Signal::STOP)
        .and_then(|_| held.settle(polls_in_seconds(SETTLE_SECONDS), |states| states.is_empty() || all_paused(states)));
    let states = stopped.map_err(|error| failed("stop", held.pid(), &error))?;
    if states.is_empty() {
        return Err(PluginError::failed(format!("{label} ended before it stopped")));
    }
    if all_paused(&states) {
        return Ok(());
    }
    let text: String = states.iter().collect();
    Err(PluginError::failed(format!("{label} did not stop in {SETTLE_SECONDS} s (thread states {text})")))
}

/// Ends it with a signal, and waits for its end. Blocks.
pub(crate) fn kill(held: &PidFd, signal: SignalName, label: &str) -> Result<(), PluginError> {
    let dead = |states: &[char]| states.iter().all(|state| matches!(state, 'Z' | 'X' | 'x'));
    let ended = held.signal(number(signal)).and_then(|_| held.settle(polls_in_seconds(SETTLE_SECONDS), dead));
    if dead(&ended.map_err(|error| failed("end", held.pid(), &error))?) {
        return Ok(());
    }
    Err(not_ended(label, signal))
}

/// What is said of a process that a signal did not end.
pub(crate) fn not_ended(label: &str, signal: SignalName) -> PluginError {
    PluginError::failed(format!("{label} did not end within {SETTLE_SECONDS} s of {signal}"))
}

/// What it is doing; gone when it has ended, even if nobody has collected it.
pub(crate) fn status(held: &PidFd) -> Result<ProcessStatus, PluginError> {
    let pid = held.pid();
    let stat = held.stat().map_err(|error| failed("read the state of", pid, &error))?;
    let Some(stat) = stat else { return Ok(gone(format!("process {pid}"), format!("process {pid} has ended"))) };
    if stat.is_dead() {
        let detail = format!("{} has ended (state {})", stat.label(), stat.state);
        return Ok(gone(stat.label(), detail));
    }
    let frozen = CgroupDir::has_frozen(pid);
    let state = match stat.state {
        't' => ProcessState::Traced,
        'T' => ProcessState::Stopped,
        _ if frozen => ProcessState::Stopped,
        _ => ProcessState::Running,
    };
    let identity = Some(resource(&stat)?.id);
    let group = if frozen { ", its group is frozen" } else { "" };
    Ok(ProcessStatus { label: stat.label(), state, detail: format!("state {}{group}", stat.state), identity })
}

/// What a node of that process is doing.
pub(crate) fn node_state(held: &PidFd) -> NodeState {
    match status(held).map(|status| status.state) {
        Ok(ProcessState::Running) => NodeState::Running,
        Ok(ProcessState::Stopped | ProcessState::Traced) => NodeState::Paused,
        Ok(ProcessState::Gone) => NodeState::Ended,
        _ => NodeState::Unknown,
    }
}

/// The status of what is not there.
pub(crate) fn gone(label: String, detail: String) -> ProcessStatus {
    ProcessStatus { label, state: ProcessState::Gone, detail, identity: None }
}

/// A hold of the same process, for whoever acts on it later.
pub(crate) fn again(held: &PidFd) -> Result<PidFd, PluginError> {
    held.try_clone().map_err(|error| failed("take hold of", held.pid(), &error))
}

pub(crate) fn missing(pid: NonZeroU32) -> PluginError {
    PluginError::refused(format!("there is no process {pid}"))
}

pub(crate) fn failed(verb: &str, pid: NonZeroU32, error: &io::Error) -> PluginError {
    PluginError::io(&format!("{verb} process {pid}"), error)
}

/// The signal of that name.
pub(crate) fn number(signal: SignalName) -> Signal {
    match signal {
        SignalName::Term => Signal::TERM,
        SignalName::Int => Signal::INT,
        SignalName::Quit => Signal::QUIT,
        SignalName::Hup => Signal::HUP,
        SignalName::Abrt => Signal::ABORT,
        SignalName::Segv => Signal::SEGV,
        SignalName::Bus => Signal::BUS,
        SignalName::Usr1 => Signal::USR1,
        SignalName::Usr2 => Signal::USR2,
        _ => Signal::KILL,
    }
}
