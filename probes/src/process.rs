//! The probe that asks how a process stands.

mod first_seen;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use chaos_core::{
    Answer, FaultEdges, FaultTarget, Member, NodeEnd, NodeStanding, NodeState, Nodes, Observation, PluginError, Probe,
    ProcessState, ProcessStatus, Reach, ResourceId, RunContext, Stage, attach, register_probe,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use first_seen::FirstSeen;

/// How often, and how long apart, a node is looked at that has ended and whose exit code nobody has collected yet.
const COLLECTING: u32 = 50;
const COLLECTING_PAUSE: Duration = Duration::from_millis(10);

/// Asks whether a process runs, has exited, or was started again.
///
/// # Answers
/// `running`: yes when it is there and nothing has stopped it, no when it is paused or gone.
///
/// `exited`: yes when it has ended, with `exit_code` where that is given; no when it is there, or ended otherwise. What the run did not
/// start has ended when it was seen before and is not found any more, or when nobody has the `pid`; its exit code is unknown.
///
/// `restarted`: yes when another process is there than the one that any probe of the run saw first, told by its start and not
/// by its pid; for a declared node of type `process` also when it was started after the fault of the entry was injected. No while the first one
/// is there, or none.
///
/// Of several `nodes`, all must be so; beside a fault with the same target, they are the ones that the fault drew. Unknown when there is no
/// such node, or its state can't be read. The observation's value is the pid, where there is one.
///
/// # Example
/// ```yaml
/// type: process
/// target: {node: worker}
/// expect: restarted
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ProcessProbe")]
pub struct ProcessProbe {
    /// Which process: a declared node (a protected one, too), nodes by their labels, or a process that the run did not start.
    pub target: FaultTarget,
    /// What it should be.
    pub expect: ExpectedState,
    /// With which exit code it should have `exited`; default any, or a signal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<u8>,
}

/// What a process should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum ExpectedState {
    /// It is there, and is not paused.
    Running,
    /// It has ended.
    Exited,
    /// Another one is there in its place.
    Restarted,
}

impl Probe for ProcessProbe {
    async fn observe(&self, cx: &RunContext) -> Observation {
        let members = match self.members(cx) {
            Ok(members) => members,
            Err(why) => return Observation::unknown(why.to_string()),
        };
        let (mut answer, mut details, mut pids) = (Answer::Yes, Vec::new(), Vec::new());
        for member in members {
            let (seen, pid) = self.ask(&*member, cx).await;
            answer = answer.and(seen.answer);
            details.push(seen.detail);
            pids.extend(pid);
        }
        let seen = Observation { answer, detail: details.join("; "), value: serde_json::Value::Null };
        match pids.as_slice() {
            [] => seen,
            [pid] => seen.with_value(*pid),
            pids => seen.with_value(json!(pids)),
        }
    }

    fn reach(&self) -> Result<Reach, PluginError> {
        if self.exit_code.is_some() && self.expect != ExpectedState::Exited {
            let why = "`exit_code` is of a process that has exited; remove it, or write `expect: exited`";
            return Err(PluginError::refused(why));
        }
        Ok(Reach::default())
    }
}

register_probe!(ProcessProbe, "process");

/// What was read of a process.
struct Seen {
    state: NodeState,
    end: Option<NodeEnd>,
    since: Option<SystemTime>,
    status: ProcessStatus,
    first: Option<ResourceId>,
}

impl ProcessProbe {
    fn members(&self, cx: &RunContext) -> Result<Vec<Arc<dyn Member>>, PluginError> {
        match &self.target {
            FaultTarget::Node(name) => match cx.services().get::<Nodes>().member(name) {
                Some(member) => Ok(vec![member]),
                // It says which there are.
                None => self.target.resolve(cx),
            },
            FaultTarget::Nodes { .. } => self.target.resolve(cx),
            // Not what the fault holds: that stays with the process that it was made on.
            FaultTarget::Running(locator) => Ok(vec![attach(locator)?]),
        }
    }

    async fn ask(&self, member: &dyn Member, cx: &RunContext) -> (Observation, Option<u32>) {
        let standing = self.standing(member, cx).await;
        let pid = standing.pid.map(std::num::NonZeroU32::get);
        let status = match member.process_facet() {
            Ok(facet) => facet.status().await,
            Err(why) => Err(why),
        };
        let status = match status {
            Ok(status) => status,
            Err(why) => return (Observation::unknown(why.to_string()), pid),
        };
        // A node goes by its own name, whichever process it is.
        let key = match &self.target {
            FaultTarget::Running(_) => self.target.to_string(),
            _ => member.label(),
        };
        let first = cx.services().get::<FirstSeen>().note(key, status.identity.as_ref());
        let seen = Seen { state: standing.state, end: standing.end, since: standing.since, status, first };
        let observation = match self.expect {
            ExpectedState::Running => running(&seen.status),
            ExpectedState::Exited => self.exited(&seen),
            ExpectedState::Restarted => restarted(&seen, cx),
        };
        (observation, pid)
    }

    /// How it stands. Where its exit code is asked for, the end of a program that the run started is collected first.
    async fn standing(&self, member: &dyn Member, cx: &RunContext) -> NodeStanding {
        let mut standing = member.standing().await;
        let is_open = |standing: &NodeStanding| {
            standing.state == NodeState::Ended && standing.end.is_none() && standing.since.is_some()
        };
        for _ in 0..COLLECTING {
            if self.exit_code.is_none() || !is_open(&standing) || !cx.sleep(COLLECTING_PAUSE).await {
                break;
            }
            standing = member.standing().await;
        }
        standing
    }

    fn exited(&self, seen: &Seen) -> Observation {
        let ProcessStatus { label, detail, state, .. } = &seen.status;
        if *state != ProcessState::Gone {
            return Observation::no(format!("{label} is there ({detail})"));
        }
        let is_bare_pid = matches!(self.target, FaultTarget::Running(chaos_core::Locator::Pid(_)));
        if seen.state == NodeState::NotUp && seen.first.is_none() && !is_bare_pid {
            return Observation::unknown(format!("{detail}, and no probe of this run has seen it before"));
        }
        match (self.exit_code, seen.end) {
            (None, None) => Observation::yes(detail.clone()),
            (None, Some(end)) => Observation::yes(format!("{label} has ended: {}", words(end))),
            (Some(want), Some(NodeEnd::ExitCode(code))) if code == i64::from(want) => {
                Observation::yes(format!("{label} has ended: exit code {code}"))
            }
            (Some(want), Some(end)) => {
                Observation::no(format!("{label} has ended: {} instead of exit code {want}", words(end)))
            }
            (Some(_), None) => Observation::unknown(format!("{detail}; with which exit code can't be told")),
        }
    }
}

fn running(status: &ProcessStatus) -> Observation {
    let ProcessStatus { label, detail, state, .. } = status;
    match state {
        ProcessState::Running => Observation::yes(format!("{label} is running ({detail})")),
        ProcessState::Stopped => Observation::no(format!("{label} is paused ({detail})")),
        ProcessState::Traced => Observation::unknown(format!("{label} is held by a tracer ({detail})")),
        ProcessState::Gone => Observation::no(detail.clone()),
        _ => Observation::unknown(format!("{label}: {detail}")),
    }
}

fn restarted(seen: &Seen, cx: &RunContext) -> Observation {
    let ProcessStatus { label, detail, identity, .. } = &seen.status;
    let Some(now) = identity else {
        return match seen.status.state {
            ProcessState::Gone => Observation::no(detail.clone()),
            _ => Observation::unknown(format!("{label}: which process it is can't be told")),
        };
    };
    if let Some(first) = seen.first.as_ref().filter(|first| *first != now) {
        return Observation::yes(format!("{label} is there as {now}, and was {first}"));
    }
    if let (Some(since), Some(injected)) = (seen.since, injected(cx))
        && since >= injected
    {
        return Observation::yes(format!("{label} was started after the fault was injected"));
    }
    Observation::no(format!("{label} is {now}, the first that was seen"))
}

/// When the fault of this entry was injected the last time, on the wall clock.
fn injected(cx: &RunContext) -> Option<SystemTime> {
    let entry = cx.entry()?;
    let edges = cx.services().get::<FaultEdges>().watch();
    let edges = edges.borrow();
    let landing = |edge: &&chaos_core::Edge| edge.stage == Stage::Landing && edge.entry.path == entry.path;
    let at = edges.iter().rev().find(landing)?.at;
    cx.clock().wall().checked_sub(cx.clock().now().saturating_sub(at))
}

fn words(end: NodeEnd) -> String {
    match end {
        NodeEnd::ExitCode(code) => format!("exit code {code}"),
        NodeEnd::Signal(signal) => format!("ended by signal {signal}"),
    }
}

#[cfg(test)]
mod tests;
