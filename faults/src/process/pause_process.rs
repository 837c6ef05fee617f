//! The fault that pauses a process, and the step that resumes it.

use std::io;
use std::num::NonZeroU32;

use chaos_core::{
    Evidence, Fault, InjectContext, Injection, Permission, Plan, PluginError, Requirement, Resource, RunContext,
    Sighting, Span, Undo, UndoContext, UndoStep, Undone, boot_id, register_fault, register_undo_step,
};
use chaos_host::{
    Elsewhere, Nested, PidFd, ProcessOwner, ProcessStat, Signal, ancestors, pid_namespace, polls_in_seconds,
    time_namespace,
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
    pub pid: NonZeroU32,
    /// When it started, in clock ticks since boot.
    pub start_time: u64,
    /// The boot in which it was stopped.
    pub boot_id: String,
    /// The inode of the pid namespace in which `pid` counts.
    pub pid_ns: u64,
    /// The inode of the time namespace in which `start_time` counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_ns: Option<u64>,
    /// The inode of its pidfd, which alone tells it from every other process of the boot; absent before Linux 6.9.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pidfd_inode: Option<u64>,
}

impl Fault for PauseProcess {
    const SPAN: Span = Span::Sustained;
    const NEEDS: &'static [Requirement] = &[Requirement::LinuxPidfd];

    async fn plan(&self, _cx: &RunContext) -> Result<Plan, PluginError> {
        let target = self.target()?;
        let pid_ns = pid_namespace().map_err(|error| PluginError::io("read our pid namespace", &error))?;
        let resource = Resource::process(target.pid, target.start_time, pid_ns);
        let plan = Plan::new(format!("stop {}", target.label())).touching(resource);
        Ok(match self.foreign(&target)? {
            Some(why) => plan.needing(Permission::OtherUser, why),
            None => plan,
        })
    }

    async fn inject(&self, cx: &InjectContext, undo: &Undo) -> Result<Injection, PluginError> {
        // Held first, read then: what was read is what the signal reaches.
        let held = PidFd::open(self.pid).map_err(|error| self.failed("take hold of", &error))?;
        let held = held.ok_or_else(|| self.missing())?;
        let target = self.target()?;
        if !held.is_there() {
            return Err(self.missing());
        }
        let effect = undo.arm(ResumeProcess::of(&target, &held)?).await?;
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
        match ProcessStat::of(self.pid.get()) {
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
            Err(error) => Sighting::unknown(self.failed("read the state of", &error).to_string()),
        }
    }
}

register_fault!(PauseProcess, "pause_process");

impl PauseProcess {
    /// The process, if it is one that may be stopped at all.
    fn target(&self) -> Result<ProcessStat, PluginError> {
        let stat = ProcessStat::of(self.pid.get()).map_err(|error| self.failed("read the state of", &error))?;
        let stat = stat.ok_or_else(|| self.missing())?;
        let refused = |why: &str| Err(PluginError::refused(format!("{} {why}", stat.label())));
        let us = std::process::id();
        let line = ancestors(us).map_err(|error| PluginError::io("read our ancestors", &error))?;
        let owner = self.owner()?;
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
    fn foreign(&self, target: &ProcessStat) -> Result<Option<String>, PluginError> {
        let ours = geteuid().as_raw();
        let other = self.owner()?.uids.into_iter().find(|uid| *uid != ours);
        Ok(other.map(|uid| format!("{} belongs to uid {uid}, not to {ours}", target.label())))
    }

    fn owner(&self) -> Result<ProcessOwner, PluginError> {
        let owner = ProcessOwner::of(self.pid.get()).map_err(|error| self.failed("read the state of", &error))?;
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
    fn of(target: &ProcessStat, held: &PidFd) -> Result<Self, PluginError> {
        let failed = |error: io::Error| PluginError::io(&format!("identify process {}", held.pid()), &error);
        Ok(Self {
            pid: held.pid(),
            start_time: target.start_time,
            boot_id: boot_id(),
            pid_ns: pid_namespace().map_err(failed)?,
            time_ns: time_namespace().map_err(failed)?,
            pidfd_inode: held.inode().map_err(failed)?,
        })
    }

    fn gone(&self) -> Undone {
        Undone::NothingToDo(format!("process {} is gone", self.pid))
    }

    /// What the thread states before and after the signal say.
    fn judge(&self, before: &[char], after: &[char]) -> Result<Undone, PluginError> {
        let pid = self.pid;
        if after.is_empty() {
            return Ok(self.gone());
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

    /// The same process, held; or why there is nothing to do.
    fn same(&self) -> Result<Result<PidFd, Undone>, PluginError> {
        if self.boot_id != boot_id() {
            return Ok(Err(Undone::NothingToDo(format!("process {} was stopped in another boot", self.pid))));
        }
        let here = pid_namespace().map_err(|error| PluginError::io("read our pid namespace", &error))?;
        let failed = |error: io::Error| PluginError::io(&format!("identify process {}", self.pid), &error);
        if self.pid_ns != here {
            let nested = Nested { pid: self.pid, namespace: self.pid_ns, pidfd_inode: self.pidfd_inode };
            return match nested.find(|held| self.is(held)).map_err(failed)? {
                Elsewhere::Found(held) => Ok(Ok(held)),
                Elsewhere::Gone => Ok(Err(self.gone())),
                Elsewhere::Hidden => {
                    let (pid, there) = (self.pid, self.pid_ns);
                    let why =
                        format!("process {pid} counts in pid namespace {there}, which is not visible from {here}");
                    Err(PluginError::failed(format!("{why}: recover from there")))
                }
            };
        }
        let Some(held) = PidFd::open(self.pid).map_err(failed)? else { return Ok(Err(self.gone())) };
        let Some(now) = held.stat().map_err(failed)? else { return Ok(Err(self.gone())) };
        if self.is(&held).map_err(failed)? {
            return Ok(Ok(held));
        }
        let why = format!("{} is another process that was given its pid, and is left alone", now.label());
        Ok(Err(Undone::NothingToDo(why)))
    }

    /// Whether it is the process that was stopped.
    fn is(&self, held: &PidFd) -> io::Result<bool> {
        if let (Some(then), Some(now)) = (self.pidfd_inode, held.inode()?) {
            return Ok(then == now);
        }
        if self.time_ns.is_some() && self.time_ns != time_namespace()? {
            return Err(io::Error::other("its start time counts in another time namespace: recover from there"));
        }
        Ok(held.stat()?.is_some_and(|now| now.start_time == self.start_time))
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
        let held = match self.same()? {
            Ok(held) => held,
            Err(nothing) => return Ok(nothing),
        };
        let _real = cx.clock().external();
        let resumed = tokio::task::spawn_blocking(move || resume(&held, polls_in_seconds(SETTLE_SECONDS)));
        let resumed = resumed.await.map_err(|error| PluginError::failed(error.to_string()))?;
        let (before, after) =
            resumed.map_err(|error| PluginError::io(&format!("resume process {}", self.pid), &error))?;
        self.judge(&before, &after)
    }

    fn describe(&self) -> String {
        format!("resume process {}", self.pid)
    }
}

register_undo_step!(ResumeProcess, "resume_process");

#[cfg(test)]
mod tests;
