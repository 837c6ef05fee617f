//! How a pod stands, and what that makes of its step.

use std::sync::Arc;

use chaos_core::StepOutcome;
use k8s_openapi::api::core::v1::{ContainerStatus, Pod};

use crate::container::{ending_signal, is_stuck, was_not_run};

/// What is known of a pod.
#[derive(Debug, Clone, Default)]
pub(super) struct PodState {
    /// As it was seen last.
    pub(super) pod: Option<Arc<Pod>>,
    /// Whether it is not there any more.
    pub(super) gone: bool,
}

/// What that means for its step.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Stand {
    /// It has not ended.
    Going,
    /// Its container waits for this reason.
    Stuck(String),
    /// It has ended.
    Ended(PodEnd),
}

/// How a pod ended.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct PodEnd {
    pub(super) outcome: StepOutcome,
    pub(super) detail: String,
    pub(super) exit_code: Option<i32>,
    /// Whether its container ran, so that there may be a log.
    pub(super) ran: bool,
}

impl PodEnd {
    /// An end that says nothing of what was to be tested.
    pub(super) fn infra(detail: String, ran: bool) -> Self {
        Self { outcome: StepOutcome::InfraFail, detail, exit_code: None, ran }
    }
}

impl PodState {
    /// How it stands; `container` is the one that counts.
    pub(super) fn stand(&self, container: &str) -> Stand {
        let Some(pod) = self.pod.as_deref() else { return Stand::Going };
        let status = pod.status.clone().unwrap_or_default();
        let its = status.container_statuses.iter().flatten().find(|its| its.name == container);
        let taken = self.gone || pod.metadata.deletion_timestamp.is_some();
        if let Some(end) = its.and_then(|its| exited(its, taken)) {
            return Stand::Ended(end);
        }
        let why = || {
            let reason = status.reason.clone().filter(|reason| !reason.is_empty());
            let message = status.message.clone().filter(|message| !message.is_empty());
            match (reason, message) {
                (Some(reason), Some(message)) => format!(" ({reason}: {message})"),
                (Some(one), None) | (None, Some(one)) => format!(" ({one})"),
                (None, None) => String::new(),
            }
        };
        let ran = its.is_some_and(|its| its.state.as_ref().is_some_and(|state| state.running.is_some()));
        if self.gone {
            return Stand::Ended(PodEnd::infra(format!("the pod is gone before its end{}", why()), false));
        }
        match status.phase.as_deref() {
            Some("Failed") => Stand::Ended(PodEnd::infra(format!("the pod failed without an exit code{}", why()), ran)),
            Some("Succeeded") => Stand::Ended(PodEnd::infra("the pod succeeded without an exit code".to_owned(), ran)),
            _ => its.and_then(stuck).map_or(Stand::Going, Stand::Stuck),
        }
    }

    /// Whether anything of it may still run.
    pub(super) fn may_run(&self) -> bool {
        let phase = self.pod.as_ref().and_then(|pod| pod.status.as_ref()?.phase.as_deref());
        !self.gone && !matches!(phase, Some("Failed" | "Succeeded"))
    }
}

/// How the container ended, if it did. `taken` says that somebody deletes the pod.
fn exited(its: &ContainerStatus, taken: bool) -> Option<PodEnd> {
    let ended = its.state.as_ref()?.terminated.as_ref()?;
    let code = ended.exit_code;
    let reason = ended.reason.as_deref().unwrap_or_default();
    let told = match reason {
        "" | "Completed" | "Error" => String::new(),
        reason => format!(" ({reason})"),
    };
    let detail = match ending_signal(code, ended.signal) {
        Some(signal) => format!("the container exited with {code}, as after signal {signal}{told}"),
        None => format!("the container exited with {code}{told}"),
    };
    let outcome = match code {
        0 => StepOutcome::Pass,
        _ if taken => {
            let detail = format!("{detail} while the pod was deleted by somebody else");
            return Some(PodEnd { exit_code: Some(code), ..PodEnd::infra(detail, true) });
        }
        2 => StepOutcome::InfraFail,
        _ if was_not_run(reason) => StepOutcome::InfraFail,
        _ => StepOutcome::TaskFail,
    };
    Some(PodEnd { outcome, detail, exit_code: Some(code), ran: true })
}

/// Why the container does not start, where that mostly does not pass.
fn stuck(its: &ContainerStatus) -> Option<String> {
    let waiting = its.state.as_ref()?.waiting.as_ref()?;
    let reason = waiting.reason.as_deref().filter(|reason| is_stuck(reason))?;
    let message = waiting.message.as_deref().and_then(|message| message.lines().next()).unwrap_or_default();
    Some(if message.is_empty() { reason.to_owned() } else { format!("{reason}: {message}") })
}
