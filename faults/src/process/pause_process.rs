//! The fault that pauses a process, and the step that resumes it.

use std::io;
use std::num::NonZeroU32;

use chaos_core::{
    Evidence, Fault, InjectContext, Injection, Permission, Plan, PluginError, Requirement, Resource, RunContext,
    Sighting, Span, Undo, UndoContext, UndoStep, Undone, register_fault, register_undo_step,
};
use chaos_host::{
    PidFd, ProcessIdentity, ProcessOwner, ProcessStat, Signal, Sought, ancestors, pid_namespace, polls_in_seconds,
    proc_is_ours,
};
use rustix::process::geteuid;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How long a process may take to stop or to resume; one in an uninterruptible wait does neither before its end.
const SETTLE_SECONDS: u32 = 5;

/// Pauses a process with SIGSTOP, and resumes it with SIGCONT.
///
/// # What it does
/// All threads of the process are paused; its memory, files and sockets stay. Its peers see a service that accepts
/// connections (the kernel does) and never answers.
///
/// # What it surfaces
/// Missing timeouts, health checks that only connect, leases that nobody takes over, work that is done twice after the
/// process wakes up and does not know that time has passed.
///
/// # How it is undone
/// With SIGCONT, through a pidfd, and only to the same process: its identity (boot, namespaces, pid, start time and,
/// from Linux 6.9 on, the inode of its pidfd) is journalled before the signal. A process that has ended meanwhile needs
/// nothing; one that stays stopped is a failed undo.
///
/// # Limits
/// Refused: pid 1, Squall itself and its ancestors, threads (name their process), threads of the kernel, and what is
/// stopped or traced already. A process of another user than ours needs the permission `other_user`. Children are not
/// stopped with it. Linux 5.3 or later. Whoever else sends SIGCONT undoes it, and the run then says so.
///
/// # Example
/// ```yaml
/// type: pause_process
/// pid: 4711
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PauseProcess {
    /// The process, in the pid namespace of Squall.
    #[schemars(range(min = 1, max = 4_294_967_295_u32), extend("x-author-only" = true))]
    pub pid: NonZeroU32,
}

/// Resumes a paused process, if it is still the same one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResumeProcess {
    /// The process.
    #[serde(flatten)]
    pub process: ProcessIdentity,
}

impl Fault for PauseProcess {
    const SPAN: Span = Span::Sustained;
    const NEEDS: &'static [Requirement] = &[Requirement::LinuxPidfd];

    async fn plan(&self, _cx: &RunContext) -> Result<Plan, PluginError> {
        let held = self.hold()?;
        let target = self.target(&held)?;
        let pid_ns = pid_namespace().map_err(|error| PluginError::io("read our pid namespace", &error))?;
        let resource = Resource::process(target.pid, target.start_time, pid_ns);
        let plan = Plan::new(format!("stop {}", target.label())).touching(resource);
        Ok(match self.foreign(&target, &held)? {
            Some(why) => plan.needing(Permission::OtherUser, why),
            None => plan,
        })
    }

    async fn inject(&self, cx: &InjectContext, undo: &Undo) -> Result<Injection, PluginError> {
        let held = self.hold()?;
        let target = self.target(&held)?;
        let process = ProcessIdentity::of(&held).map_err(|error| self.failed("identify", &error))?;
        let effect = undo.arm(ResumeProcess { process }).await?;
        let _real = cx.clock().external();
        let settled = tokio::task::spawn_blocking(move || {
            // The permit goes with the effect, wherever the run goes meanwhile.
            let _effect = effect;
            held.signal(Signal::STOP)?;
            held.settle(polls_in_seconds(SETTLE_SECONDS), |states| states.is_empty() || all_paused(states))
        });
        let states = settled.await.map_err(|error| PluginError::failed(error.to_string()))?;
        let states = states.map_err(|error| self.failed("stop", &error))?;
        if states.is_empty() {
            return Err(PluginError::failed(format!("{} ended before it stopped", target.label())));
        }
        if !all_paused(&states) {
            let text: String = states.iter().collect();
            let label = target.label();
            return Err(PluginError::failed(format!(
                "{label} did not stop in {SETTLE_SECONDS} s (thread states {text})"
            )));
        }
        Ok(Injection::in_force())
    }

    async fn witness(&self, _cx: &RunContext) -> Sighting {
        match self.seen() {
            Ok(Some(stat)) if stat.is_traced() => {
                Sighting::unknown(format!("{} is held by a tracer (state t)", stat.label()))
            }
            Ok(Some(stat)) => {
                let stopped = stat.is_stopped();
                let word = if stopped { "stopped" } else { "not stopped" };
                let shown = Evidence::new(format!("{} is {word} (state {})", stat.label(), stat.state));
                if stopped { Sighting::present(shown) } else { Sighting::absent(shown) }
            }
            Ok(None) => Sighting::absent(Evidence::new(format!("there is no process {}", self.pid))),
            Err(error) => Sighting::unknown(error.to_string()),
        }
    }
}

register_fault!(PauseProcess, "pause_process");

impl PauseProcess {
    /// Takes hold of the process, before anything is read of it: what is read is what the signal reaches.
    fn hold(&self) -> Result<PidFd, PluginError> {
        self.try_hold()?.ok_or_else(|| self.missing())
    }

    fn try_hold(&self) -> Result<Option<PidFd>, PluginError> {
        if !proc_is_ours().map_err(|error| PluginError::io("read `/proc/self/status`", &error))? {
            let why = "`/proc` shows another pid namespace than ours, so its pids are other processes: mount our own";
            return Err(PluginError::refused(why));
        }
        PidFd::open(self.pid).map_err(|error| self.failed("take hold of", &error))
    }

    /// What the process is doing; `None` when there is none.
    fn seen(&self) -> Result<Option<ProcessStat>, PluginError> {
        let Some(held) = self.try_hold()? else { return Ok(None) };
        held.stat().map_err(|error| self.failed("read the state of", &error))
    }

    /// What the process is, if it may be stopped at all.
    fn target(&self, held: &PidFd) -> Result<ProcessStat, PluginError> {
        let stat = held.stat().map_err(|error| self.failed("read the state of", &error))?;
        let stat = stat.ok_or_else(|| self.missing())?;
        let refused = |why: &str| Err(PluginError::refused(format!("{} {why}", stat.label())));
        let us = std::process::id();
        let line = ancestors(us).map_err(|error| PluginError::io("read our ancestors", &error))?;
        let owner = self.owner(held)?;
        if stat.pid == 1 {
            return refused("is the first process: stopping it would stop the machine or the container");
        }
        if owner.process == us {
            return refused("is Squall itself, which could not undo it any more");
        }
        if line.contains(&stat.pid) {
            return refused("is an ancestor of Squall, which must outlive the fault");
        }
        if stat.is_kernel {
            return refused("is a thread of the kernel, which no signal stops");
        }
        if owner.process != stat.pid {
            return refused(&format!(
                "is a thread of process {0}; name {0}, which stops with all its threads",
                owner.process
            ));
        }
        if stat.is_dead() {
            return refused("has ended");
        }
        if stat.is_stopped() || stat.is_traced() {
            return refused(&format!(
                "is stopped already (state {}), and resuming it is for whoever stopped it",
                stat.state
            ));
        }
        Ok(stat)
    }

    /// Why it needs `other_user`: it belongs, in part, to another user than the one whose rights we use.
    fn foreign(&self, target: &ProcessStat, held: &PidFd) -> Result<Option<String>, PluginError> {
        let ours = geteuid().as_raw();
        let other = self.owner(held)?.uids.into_iter().find(|uid| *uid != ours);
        Ok(other.map(|uid| format!("{} belongs to uid {uid}, not to {ours}", target.label())))
    }

    fn owner(&self, held: &PidFd) -> Result<ProcessOwner, PluginError> {
        let owner = held.owner().map_err(|error| self.failed("read the state of", &error))?;
        owner.ok_or_else(|| self.missing())
    }

    fn missing(&self) -> PluginError {
        PluginError::refused(format!("there is no process {}", self.pid))
    }

    fn failed(&self, verb: &str, error: &io::Error) -> PluginError {
        PluginError::io(&format!("{verb} process {}", self.pid), error)
    }
}

/// Whether every thread is paused, by a signal or a tracer; dead ones count for nothing.
fn all_paused(states: &[char]) -> bool {
    states.iter().all(|state| matches!(state, 'T' | 't' | 'Z' | 'X')) && !states.is_empty()
}

/// Whether some thread is paused.
fn any_paused(states: &[char]) -> bool {
    states.iter().any(|state| matches!(state, 'T' | 't'))
}

impl ResumeProcess {
    /// What the thread states before and after the signal say.
    fn judge(&self, before: &[char], after: &[char]) -> Result<Undone, PluginError> {
        let pid = self.process.pid;
        if after.is_empty() {
            return Ok(Undone::NothingToDo(format!("process {pid} is gone")));
        }
        if any_paused(after) {
            let text: String = after.iter().collect();
            let why = format!("process {pid} stays stopped (thread states {text}); a tracer may hold it");
            return Err(PluginError::failed(why));
        }
        if any_paused(before) {
            Ok(Undone::Reverted(format!("process {pid} is resumed")))
        } else {
            Ok(Undone::NothingToDo(format!("process {pid} was not stopped")))
        }
    }
}

/// Sends SIGCONT, and gives the thread states before and after it; empty ones when the process is gone.
fn resume(held: &PidFd, polls: u32) -> io::Result<(Vec<char>, Vec<char>)> {
    let before = held.settle(0, |_| true)?;
    // Sent in any case: a stop that is pending, but not yet visible, is cancelled with it.
    if !held.signal(Signal::CONT)? {
        return Ok((before, Vec::new()));
    }
    let after = held.settle(polls, |states| !any_paused(states))?;
    Ok((before, after))
}

impl UndoStep for ResumeProcess {
    async fn undo(&self, cx: &UndoContext) -> Result<Undone, PluginError> {
        let pid = self.process.pid;
        let found = self.process.find().map_err(|error| PluginError::io(&format!("identify process {pid}"), &error))?;
        let held = match found {
            Sought::Found(held) => held,
            Sought::Gone(why) => return Ok(Undone::NothingToDo(why)),
            Sought::Unclear(why) => return Err(PluginError::failed(why)),
        };
        let _real = cx.clock().external();
        let resumed = tokio::task::spawn_blocking(move || resume(&held, polls_in_seconds(SETTLE_SECONDS)));
        let resumed = resumed.await.map_err(|error| PluginError::failed(error.to_string()))?;
        let (before, after) = resumed.map_err(|error| PluginError::io(&format!("resume process {pid}"), &error))?;
        self.judge(&before, &after)
    }

    fn describe(&self) -> String {
        format!("resume process {}", self.process.pid)
    }
}

register_undo_step!(ResumeProcess, "resume_process");

#[cfg(test)]
mod tests;
