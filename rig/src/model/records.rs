//! How a chaos object stands: whether it is to run, and what was done to each of its targets.

use std::time::Duration;

use chaos_manifests::{ChaosKind, Condition, PAUSE_ANNOTATION};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::jiff::Timestamp;
use kube::api::{Object, ObjectMeta};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::spawn::seconds;
use super::trouble::{Refusal, Wrong};
use super::{condition, go_duration};

/// A chaos object as it stands in the cluster.
pub(super) type Chaos = Object<Map<String, Value>, ChaosStatus>;

/// Keeps a chaos object until everything is recovered.
const FINALIZER: &str = "chaos-mesh/records";
/// With the value `forced` on a chaos object that is being deleted: its finalizer goes, recovered or not.
const CLEAN: &str = "chaos-mesh.chaos-mesh.org/cleanFinalizer";
/// On a pod: an injection into it fails.
const REFUSES: &str = "rig.squall.dev/refuses-chaos";
/// On a pod: a recovery of it fails.
const KEEPS: &str = "rig.squall.dev/keeps-chaos";
/// How many events a record keeps.
const MOST_EVENTS: usize = 100;

const SELECTED: &str = "Selected";
const ALL_INJECTED: &str = "AllInjected";
const ALL_RECOVERED: &str = "AllRecovered";
const PAUSED: &str = "Paused";

/// How a chaos object stands.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct ChaosStatus {
    /// `Selected`, `AllInjected`, `AllRecovered` and `Paused`: all four, once it was looked at.
    pub(super) conditions: Vec<Condition>,
    /// What is wanted, and how far it is.
    pub(super) experiment: Experiment,
    /// Keys that are not read here.
    #[serde(flatten)]
    rest: Map<String, Value>,
}

/// What is wanted of the targets, and how far each is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Experiment {
    /// Whether the targets are to be injected or recovered.
    pub(super) desired_phase: Phase,
    /// The targets.
    pub(super) container_records: Vec<Record>,
}

/// What is wanted of all targets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Phase {
    /// Injected.
    #[default]
    Run,
    /// Recovered.
    Stop,
}

/// One target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Record {
    /// `namespace/pod`; the name of the object where its kind has no selector.
    pub(super) id: String,
    selector_key: String,
    phase: RecordPhase,
    injected_count: u64,
    recovered_count: u64,
    events: Vec<RecordEvent>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum RecordPhase {
    #[serde(rename = "Not Injected")]
    NotInjected,
    Injected,
}

/// What is done to a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Operation {
    /// Injects.
    Apply,
    /// Undoes it.
    Recover,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct RecordEvent {
    #[serde(rename = "type")]
    kind: String,
    operation: Operation,
    message: String,
    timestamp: String,
}

/// What an operation does to a pod of the rig.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// No container runs here that anything could be done to.
    Nothing,
    /// The pod is deleted.
    Kill,
}

impl Record {
    fn new(id: String) -> Self {
        Self {
            id,
            selector_key: ".".to_owned(),
            phase: RecordPhase::NotInjected,
            injected_count: 0,
            recovered_count: 0,
            events: Vec::new(),
        }
    }

    /// What is to be done to it for that phase.
    pub(super) fn due(&self, phase: Phase) -> Option<Operation> {
        match (phase, self.phase) {
            (Phase::Run, RecordPhase::NotInjected) => Some(Operation::Apply),
            (Phase::Stop, RecordPhase::Injected) => Some(Operation::Recover),
            _ => None,
        }
    }

    /// Notes how an operation went. The oldest of more than 100 events is forgotten.
    pub(super) fn note(&mut self, operation: Operation, outcome: Result<(), &str>, now: Timestamp) {
        if outcome.is_ok() {
            let (phase, count) = match operation {
                Operation::Apply => (RecordPhase::Injected, &mut self.injected_count),
                Operation::Recover => (RecordPhase::NotInjected, &mut self.recovered_count),
            };
            *count += 1;
            self.phase = phase;
        }
        if self.events.len() >= MOST_EVENTS {
            self.events.remove(0);
        }
        self.events.push(RecordEvent {
            kind: if outcome.is_ok() { "Succeeded" } else { "Failed" }.to_owned(),
            operation,
            message: outcome.err().unwrap_or_default().to_owned(),
            timestamp: seconds(now),
        });
    }
}

impl ChaosStatus {
    /// The status of an object that was looked at for the first time, with its targets. They are never selected again.
    pub(super) fn new(ids: Vec<String>) -> Self {
        let mut it = Self::default();
        it.experiment.container_records = ids.into_iter().map(Record::new).collect();
        it
    }

    /// Writes what is wanted and what that makes of the conditions. Without targets nothing counts as injected, nor as recovered.
    pub(super) fn settle(&mut self, phase: Phase, paused: bool) {
        let records = &self.experiment.container_records;
        let all = |phase| !records.is_empty() && records.iter().all(|it| it.phase == phase);
        for (kind, truth) in [
            (SELECTED, !records.is_empty()),
            (ALL_INJECTED, all(RecordPhase::Injected)),
            (ALL_RECOVERED, phase == Phase::Stop && all(RecordPhase::NotInjected)),
            (PAUSED, paused),
        ] {
            condition::set(&mut self.conditions, kind, truth, "");
        }
        self.experiment.desired_phase = phase;
    }

    /// Whether nothing is left to be undone.
    pub(super) fn is_clean(&self) -> bool {
        self.experiment.container_records.iter().all(|it| it.phase == RecordPhase::NotInjected)
    }
}

/// What is wanted of a chaos object at that time, and when to ask again.
///
/// Its duration counts from its creation. One that has an effect once is wanted to run until it is deleted: neither a duration nor a
/// pause stops it.
///
/// # Errors
/// A duration that is none.
pub(super) fn desired(chaos: &Chaos, kind: &ChaosKind, now: Timestamp) -> Result<(Phase, Option<Duration>), Wrong> {
    if is_deleted(&chaos.metadata) {
        return Ok((Phase::Stop, None));
    }
    if kind.is_one_shot(&chaos.spec) {
        return Ok((Phase::Run, None));
    }
    let mut after = None;
    if let Some(text) = chaos.spec.get("duration").and_then(Value::as_str) {
        let created = chaos.metadata.creation_timestamp.as_ref().map_or(now, |it| it.0);
        let end = created.checked_add(go_duration::parse(text)?);
        let end = end.map_err(|source| Wrong::Time { text: text.to_owned(), source })?;
        if end <= now {
            return Ok((Phase::Stop, None));
        }
        after = Some(Duration::try_from(end.duration_since(now)).unwrap_or_default() + Duration::from_millis(1));
    }
    Ok((if is_paused(&chaos.metadata) { Phase::Stop } else { Phase::Run }, after))
}

/// What an operation does to a pod, which may be gone. An effect that comes once leaves nothing to be undone.
///
/// # Errors
/// A pod that can't be injected or recovered.
pub(super) fn effect(
    chaos: &Chaos,
    kind: &ChaosKind,
    operation: Operation,
    pod: Option<&Pod>,
) -> Result<Effect, Refusal> {
    let Some(pod) = pod else {
        return if operation == Operation::Apply { Err(Refusal::NotFound) } else { Ok(Effect::Nothing) };
    };
    match operation {
        Operation::Apply if is(&pod.metadata, REFUSES, "true") => Err(Refusal::Refuses),
        Operation::Apply if kind.kind == "PodChaos" && chaos.spec.get("action").is_some_and(|it| it == "pod-kill") => {
            Ok(Effect::Kill)
        }
        Operation::Recover if is(&pod.metadata, KEEPS, "true") && !kind.is_one_shot(&chaos.spec) => Err(Refusal::Keeps),
        _ => Ok(Effect::Nothing),
    }
}

/// Whether the object is being deleted.
pub(super) fn is_deleted(meta: &ObjectMeta) -> bool {
    meta.deletion_timestamp.is_some()
}

/// Whether the object is paused.
pub(super) fn is_paused(meta: &ObjectMeta) -> bool {
    is(meta, PAUSE_ANNOTATION, "true")
}

/// Whether the object is to be let go, recovered or not.
pub(super) fn is_forced(meta: &ObjectMeta) -> bool {
    is_deleted(meta) && is(meta, CLEAN, "forced")
}

/// Whether the object is held.
pub(super) fn is_held(meta: &ObjectMeta) -> bool {
    meta.finalizers.iter().flatten().any(|it| it == FINALIZER)
}

/// Holds the object. What is being deleted already can't be held any more.
pub(super) fn hold(meta: &mut ObjectMeta) {
    if !is_deleted(meta) && !is_held(meta) {
        meta.finalizers.get_or_insert_default().push(FINALIZER.to_owned());
    }
}

/// Lets the object go.
pub(super) fn release(meta: &mut ObjectMeta) {
    meta.finalizers.iter_mut().for_each(|it| it.retain(|one| one != FINALIZER));
}

fn is(meta: &ObjectMeta, annotation: &str, value: &str) -> bool {
    meta.annotations.as_ref().and_then(|it| it.get(annotation)).is_some_and(|it| it == value)
}

#[cfg(test)]
mod tests;
