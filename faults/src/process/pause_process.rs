//! The fault that pauses processes.

use std::borrow::Cow;
use std::num::NonZeroU32;

use chaos_core::schemars::{Schema, SchemaGenerator};
use chaos_core::{
    Fault, FaultTarget, InjectContext, Injection, Locator, PauseMethod, Plan, PluginError, ProcessAct, ProcessState,
    ProcessStatus, Requirement, RunContext, Sighting, Span, Undo, exactly_one_of, register_fault,
};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use super::runtime_pause;
use super::targeted;
use crate::shows::Shows;

/// A pause of one process or of several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "PauseKeys", into = "PauseKeys")]
pub struct PauseProcess {
    /// What is paused.
    pub target: FaultTarget,
    /// How.
    pub method: PauseMethod,
    /// Where the runtime is held, for [`PauseMethod::Runtime`].
    #[cfg(feature = "failpoint")]
    pub runtime: Option<crate::RuntimeSite>,
}

/// Pauses processes: with SIGSTOP, by freezing their group, or by holding their async runtime.
///
/// # What it does
/// All threads of the process are paused; its memory, files and sockets stay. Its peers see a service that accepts
/// connections (the kernel does) and never answers. With `method: freezer` everything in the group of a node is paused in
/// one step, what it has started included, and neither the node nor its parent is told. With `method: runtime` the process
/// is not stopped: the threads of its async runtime wait at the fail point that `runtime` names, so that its timers and
/// tasks are paused while threads of their own, such as a watchdog's, go on.
///
/// # What it surfaces
/// Missing timeouts, health checks that only connect, leases that nobody takes over, work that is done twice after the
/// process wakes up and does not know that time has passed.
///
/// # How it is undone
/// With SIGCONT, through a pidfd, and only to the same process: its identity (boot, namespaces, pid, start time and,
/// from Linux 6.9 on, the inode of its pidfd) is journalled before the signal. A process that has ended meanwhile needs
/// nothing; one that stays stopped is a failed undo. A frozen group is thawed, if it is still the same one. A fail point is
/// disarmed, which lets its callers go on; when the run is killed, it disarms itself within 10 s.
///
/// # Limits
/// Refused: pid 1, Squall itself and its ancestors, threads (name their process), threads of the kernel, and what is
/// stopped or traced already. A process of another user than ours needs the permission `other_user`. Children are not
/// stopped with it by a signal. `freezer` needs a node with a group (`group: true`), or a process whose group holds neither
/// Squall nor the whole machine; that one may hold others, and needs the permission `root`. Linux 5.3 or later. Whoever else
/// sends SIGCONT undoes it, and the run then says so. `runtime` is for one process, which has been built with fail points;
/// the site must be one that each thread of its runtime passes often, in the blocking form, and `url` must be that process's
/// own. It is in force once a caller waits there.
///
/// # Example
/// ```yaml
/// type: pause_process
/// pid: 4711
/// ```
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct PauseKeys {
    /// What is paused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-author-only" = true))]
    target: Option<FaultTarget>,
    /// The process, in the pid namespace of Squall: the same as `target: {pid: …}`.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "some")]
    #[schemars(range(min = 1, max = 4_294_967_295_u32), extend("x-author-only" = true))]
    pid: Option<NonZeroU32>,
    /// How it is paused; default `signal`.
    #[serde(default, skip_serializing_if = "is_default")]
    method: PauseMethod,
    /// The fail point at which the runtime is held, for `method: runtime`.
    #[cfg(feature = "failpoint")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-author-only" = true))]
    runtime: Option<crate::RuntimeSite>,
}

/// A key that is there has a value.
fn some<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<NonZeroU32>, D::Error> {
    NonZeroU32::deserialize(deserializer).map(Some)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_default(method: &PauseMethod) -> bool {
    *method == PauseMethod::default()
}

/// Keys that do not go together.
#[derive(Debug, thiserror::Error)]
enum PauseKeysError {
    #[error("expected exactly one of `pid`, `target`")]
    Target,
    #[cfg(feature = "failpoint")]
    #[error("`method: runtime` and `runtime` need each other: name the fail point as `runtime: {{ url: …, site: … }}`")]
    Runtime,
}

impl TryFrom<PauseKeys> for PauseProcess {
    type Error = PauseKeysError;

    fn try_from(keys: PauseKeys) -> Result<Self, PauseKeysError> {
        let target = match (keys.target, keys.pid) {
            (Some(target), None) => target,
            (None, Some(pid)) => FaultTarget::Running(Locator::Pid(pid)),
            _ => return Err(PauseKeysError::Target),
        };
        #[cfg(feature = "failpoint")]
        if keys.runtime.is_some() != (keys.method == PauseMethod::Runtime) {
            return Err(PauseKeysError::Runtime);
        }
        Ok(Self {
            method: keys.method,
            #[cfg(feature = "failpoint")]
            runtime: keys.runtime,
            ..target.into()
        })
    }
}

impl From<PauseProcess> for PauseKeys {
    fn from(pause: PauseProcess) -> Self {
        let (target, pid) = match pause.target {
            FaultTarget::Running(Locator::Pid(pid)) => (None, Some(pid)),
            target => (Some(target), None),
        };
        Self {
            target,
            pid,
            method: pause.method,
            #[cfg(feature = "failpoint")]
            runtime: pause.runtime,
        }
    }
}

impl JsonSchema for PauseProcess {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "PauseProcess".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = PauseKeys::json_schema(generator);
        exactly_one_of(&mut schema, &["pid", "target"]);
        #[cfg(feature = "failpoint")]
        schema.insert("dependencies".to_owned(), serde_json::json!({ "runtime": ["method"] }));
        schema
    }
}

impl From<FaultTarget> for PauseProcess {
    fn from(target: FaultTarget) -> Self {
        Self {
            target,
            method: PauseMethod::default(),
            #[cfg(feature = "failpoint")]
            runtime: None,
        }
    }
}

impl From<NonZeroU32> for PauseProcess {
    /// A pause of the process of that pid.
    fn from(pid: NonZeroU32) -> Self {
        FaultTarget::Running(Locator::Pid(pid)).into()
    }
}

impl PauseProcess {
    fn act(&self) -> ProcessAct {
        ProcessAct::Pause(self.method)
    }

    /// Where the runtime is held; `None` for the other methods.
    #[cfg(feature = "failpoint")]
    #[expect(clippy::unnecessary_wraps, reason = "a build without fail points refuses")]
    fn runtime(&self) -> Result<Option<&crate::RuntimeSite>, PluginError> {
        Ok(self.runtime.as_ref())
    }

    #[cfg(not(feature = "failpoint"))]
    fn runtime(&self) -> Result<Option<&runtime_pause::NoSite>, PluginError> {
        match self.method {
            PauseMethod::Runtime => Err(runtime_pause::without_fail_points()),
            _ => Ok(None),
        }
    }
}

impl Fault for PauseProcess {
    const SPAN: Span = Span::Sustained;
    const NEEDS: &'static [Requirement] = &[Requirement::LinuxPidfd];

    async fn plan(&self, cx: &RunContext) -> Result<Plan, PluginError> {
        match self.runtime()? {
            Some(site) => runtime_pause::plan(&self.target, site, cx).await,
            None => targeted::plan(&self.target, self.act(), "stop", cx).await,
        }
    }

    async fn inject(&self, cx: &InjectContext, undo: &Undo) -> Result<Injection, PluginError> {
        if let Some(site) = self.runtime()? {
            return runtime_pause::inject(&self.target, site, cx, undo).await;
        }
        targeted::perform(&self.target, self.act(), undo, cx).await?;
        Ok(Injection::in_force())
    }

    async fn witness(&self, cx: &RunContext) -> Sighting {
        match self.runtime() {
            Ok(Some(site)) => runtime_pause::witness(&self.target, site, cx).await,
            Ok(None) => targeted::sighting(&self.target, cx, shows_pause).await,
            Err(error) => Sighting::unknown(error.to_string()),
        }
    }
}

register_fault!(PauseProcess, "pause_process", aliases: ["wedge_node"]);

fn shows_pause(status: &ProcessStatus) -> Shows {
    let ProcessStatus { label, state, detail, .. } = status;
    match state {
        ProcessState::Stopped => Shows::Yes(format!("{label} is stopped ({detail})")),
        ProcessState::Running => Shows::No(format!("{label} is not stopped ({detail})")),
        ProcessState::Traced => Shows::Unknown(format!("{label} is held by a tracer ({detail})")),
        ProcessState::Gone => Shows::No(detail.clone()),
        _ => Shows::Unknown(format!("{label}: {detail}")),
    }
}

#[cfg(test)]
mod tests;
