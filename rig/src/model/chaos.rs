//! The controller of chaos objects: selects their targets once, then injects and recovers them as it is wanted.
//!
//! These kinds have no status subresource: the whole object is written.

use std::time::Duration;

use chaos_manifests::ChaosKind;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt as _;
use kube::api::{Api, DeleteParams, ListParams, PostParams};

use super::cluster::Cluster;
use super::note::Note;
use super::object::{name, namespace};
use super::queue::Key;
use super::records::{self, Chaos, ChaosStatus, Effect, Operation, Phase, Record};
use super::selection::Selection;
use super::spawn;
use super::trouble::{Trouble, Wrong};
use crate::error::explained;

/// How often a write is tried that others cut across.
const TRIES: usize = 5;

/// Brings a chaos object nearer to what is wanted of it.
///
/// # Errors
/// A target that could not be injected or recovered, after that was written: it is tried again, for ever.
pub(super) async fn chaos(cluster: &Cluster, kind: &'static ChaosKind, key: &Key) -> Result<Option<Duration>, Trouble> {
    let api = Api::namespaced_with(cluster.client.clone(), &key.namespace, &spawn::chaos_resource(kind.kind));
    let Some(mut chaos): Option<Chaos> = api.get_opt(&key.name).await? else { return Ok(None) };
    let deleted = records::is_deleted(&chaos.metadata);
    if deleted && !records::is_held(&chaos.metadata) {
        return Ok(None);
    }
    let (phase, after) = records::desired(&chaos, kind, Timestamp::now())?;
    let before = chaos.clone();
    let mut notes = Vec::new();
    let mut status = chaos.status.take().unwrap_or_default();
    let first = status.conditions.is_empty() && !deleted;
    if first {
        let ids = targets(cluster, kind, &chaos).await?;
        if ids.is_empty() {
            notes.push(failed("select targets", "no target has been selected"));
        }
        status = ChaosStatus::new(ids);
    }
    let mut failure = None;
    // The object is held before anything is injected: its own change brings it back.
    if !first && !records::is_forced(&chaos.metadata) {
        failure = operate(cluster, kind, &chaos, &mut status, phase, &mut notes).await;
    }
    status.settle(phase, records::is_paused(&chaos.metadata));
    records::hold(&mut chaos.metadata);
    if deleted && (status.is_clean() || records::is_forced(&chaos.metadata)) {
        records::release(&mut chaos.metadata);
    }
    chaos.status = Some(status);
    if chaos.status != before.status || chaos.metadata.finalizers != before.metadata.finalizers {
        save(&api, chaos).await?;
    }
    cluster.tell(&before, kind.kind, &notes).await;
    match failure {
        Some(why) => Err(Wrong::Target(why).into()),
        None => Ok(if first { Some(Duration::ZERO) } else { after }),
    }
}

/// The ids of what the object acts on.
async fn targets(cluster: &Cluster, kind: &ChaosKind, chaos: &Chaos) -> Result<Vec<String>, Trouble> {
    if !kind.has_selector {
        return Ok(vec![name(chaos).to_owned()]);
    }
    let selection = Selection::of(&chaos.spec, namespace(chaos))?;
    let labelled = ListParams::default().labels(&selection.labels());
    let mut found = Vec::new();
    for namespace in selection.namespaces() {
        let pods: Api<Pod> = Api::namespaced(cluster.client.clone(), namespace);
        found.extend(pods.list(&labelled).await?.items);
    }
    Ok(selection.ids(&found))
}

/// Does what is due to each target, and gives the last failure.
async fn operate(
    cluster: &Cluster,
    kind: &ChaosKind,
    chaos: &Chaos,
    status: &mut ChaosStatus,
    phase: Phase,
    notes: &mut Vec<Note>,
) -> Option<String> {
    let mut failure = None;
    for record in &mut status.experiment.container_records {
        let Some(operation) = record.due(phase) else { continue };
        let (reason, verb) = match operation {
            Operation::Apply => ("Applied", "apply"),
            Operation::Recover => ("Recovered", "recover"),
        };
        let outcome = act(cluster, kind, chaos, record, operation).await;
        let why = outcome.err().map(|why| explained(&why));
        record.note(operation, why.as_deref().map_or(Ok(()), Err), Timestamp::now());
        match why {
            None => notes.push(Note::normal(reason, format!("Successfully {verb} chaos for {}", record.id))),
            Some(why) => {
                notes.push(failed(&format!("{verb} chaos"), &why));
                failure = Some(format!("{verb} chaos for {}: {why}", record.id));
            }
        }
    }
    failure
}

/// Does one operation to one target.
///
/// # Errors
/// A pod that refuses, and what the API server refuses: the failure of this operation alone.
async fn act(
    cluster: &Cluster,
    kind: &ChaosKind,
    chaos: &Chaos,
    record: &Record,
    operation: Operation,
) -> Result<(), Trouble> {
    let Some((namespace, pod_name)) = record.id.split_once('/').filter(|_| kind.has_selector) else { return Ok(()) };
    let pods: Api<Pod> = Api::namespaced(cluster.client.clone(), namespace);
    let pod = pods.get_opt(pod_name).await?;
    match records::effect(chaos, kind, operation, pod.as_ref()).map_err(Wrong::from)? {
        Effect::Nothing => Ok(()),
        Effect::Kill => {
            let at_once = DeleteParams { grace_period_seconds: Some(0), ..DeleteParams::default() };
            Ok(pods.delete(pod_name, &at_once).await.map(|_| ())?)
        }
    }
}

/// Writes status and finalizer. What others wrote meanwhile is kept, so that no injection is forgotten.
async fn save(api: &Api<Chaos>, wanted: Chaos) -> Result<(), Trouble> {
    let mut next = wanted.clone();
    for _ in 0..TRIES {
        match api.replace(name(&wanted), &PostParams::default(), &next).await.map_err(Trouble::from) {
            Err(Trouble::Conflict) => {}
            done => return done.map(|_| ()),
        }
        let Some(fresh) = api.get_opt(name(&wanted)).await?.filter(|it: &Chaos| it.uid() == wanted.uid()) else {
            return Ok(());
        };
        next = Chaos { status: wanted.status.clone(), ..fresh };
        if records::is_held(&wanted.metadata) {
            records::hold(&mut next.metadata);
        } else {
            records::release(&mut next.metadata);
        }
    }
    Err(Trouble::Conflict)
}

fn failed(what: &str, why: &str) -> Note {
    Note::warning("Failed", format!("Failed to {what}: {why}"))
}
