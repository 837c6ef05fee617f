use serde_json::json;

use super::Operation::{Apply, Recover};
use super::*;

const CREATED: &str = "2026-01-01T00:00:00Z";

fn at(second: u32) -> Timestamp {
    format!("2026-01-01T00:00:{second:02}Z").parse().unwrap()
}

fn chaos(spec: &Value) -> Chaos {
    let object = json!({ "metadata": { "name": "it", "creationTimestamp": CREATED }, "spec": spec });
    serde_json::from_value(object).unwrap()
}

fn annotate(meta: &mut ObjectMeta, key: &str, value: &str) {
    meta.annotations.get_or_insert_default().insert(key.to_owned(), value.to_owned());
}

fn delete(chaos: &mut Chaos) {
    chaos.metadata.deletion_timestamp = chaos.metadata.creation_timestamp.clone();
}

fn kind(kind: &str) -> &'static ChaosKind {
    ChaosKind::named(kind).unwrap()
}

/// The conditions that are true; all four must be there.
fn truths(status: &ChaosStatus) -> Vec<&str> {
    assert_eq!(status.conditions.len(), 4, "{:?}", status.conditions);
    let all = [SELECTED, ALL_INJECTED, ALL_RECOVERED, PAUSED];
    all.into_iter().filter(|kind| condition::is(&status.conditions, kind, true)).collect()
}

#[test]
fn model_a_duration_counts_from_the_creation_and_then_stops() {
    let failure = chaos(&json!({ "action": "pod-failure", "duration": "10s" }));
    let (phase, after) = desired(&failure, kind("PodChaos"), at(4)).unwrap();
    assert_eq!((phase, after), (Phase::Run, Some(Duration::from_millis(6001))));
    assert_eq!(desired(&failure, kind("PodChaos"), at(10)).unwrap(), (Phase::Stop, None));
    let endless = chaos(&json!({ "action": "pod-failure" }));
    assert_eq!(desired(&endless, kind("PodChaos"), at(59)).unwrap(), (Phase::Run, None));
    let wrong = chaos(&json!({ "action": "pod-failure", "duration": "soon" }));
    assert!(desired(&wrong, kind("PodChaos"), at(1)).is_err());
}

#[test]
fn model_an_effect_that_comes_once_is_wanted_until_the_deletion() {
    let mut kill = chaos(&json!({ "action": "pod-kill", "duration": "1s" }));
    annotate(&mut kill.metadata, PAUSE_ANNOTATION, "true");
    assert_eq!(desired(&kill, kind("PodChaos"), at(30)).unwrap(), (Phase::Run, None));
    delete(&mut kill);
    assert_eq!(desired(&kill, kind("PodChaos"), at(30)).unwrap(), (Phase::Stop, None));
}

#[test]
fn model_a_pause_stops_what_lasts_while_its_duration_runs_on() {
    let mut delay = chaos(&json!({ "action": "delay", "duration": "10s" }));
    annotate(&mut delay.metadata, PAUSE_ANNOTATION, "true");
    let (phase, after) = desired(&delay, kind("NetworkChaos"), at(4)).unwrap();
    assert_eq!((phase, after.is_some()), (Phase::Stop, true));
    annotate(&mut delay.metadata, PAUSE_ANNOTATION, "false");
    assert_eq!(desired(&delay, kind("NetworkChaos"), at(5)).unwrap().0, Phase::Run);
}

#[test]
fn model_all_targets_must_be_injected_and_recovered() {
    let mut status = ChaosStatus::new(vec!["here/a".into(), "here/b".into()]);
    status.settle(Phase::Run, false);
    assert_eq!(truths(&status), [SELECTED], "what was never injected is not recovered");
    assert!(status.is_clean());
    for index in 0..2 {
        assert_eq!(truths(&status), [SELECTED]);
        let record = &mut status.experiment.container_records[index];
        assert_eq!((record.due(Phase::Run), record.due(Phase::Stop)), (Some(Apply), None));
        record.note(Apply, Ok(()), at(1));
        assert_eq!((record.due(Phase::Run), record.due(Phase::Stop)), (None, Some(Recover)));
        status.settle(Phase::Run, false);
    }
    assert_eq!(truths(&status), [SELECTED, ALL_INJECTED]);
    status.experiment.container_records[0].note(Recover, Ok(()), at(2));
    status.settle(Phase::Stop, true);
    assert_eq!(truths(&status), [SELECTED, PAUSED]);
    assert!(!status.is_clean());
    status.experiment.container_records[1].note(Recover, Ok(()), at(2));
    status.settle(Phase::Stop, false);
    assert_eq!(truths(&status), [SELECTED, ALL_RECOVERED]);
    assert!(status.is_clean());
}

#[test]
fn model_without_targets_no_condition_is_ever_true() {
    let mut status = ChaosStatus::new(Vec::new());
    for phase in [Phase::Run, Phase::Stop] {
        status.settle(phase, false);
        assert_eq!(truths(&status), Vec::<&str>::new());
    }
}

#[test]
fn model_a_status_is_written_as_it_was_recorded() {
    let mut status = ChaosStatus::new(vec!["here/a".into()]);
    status.experiment.container_records[0].note(Apply, Err("no"), at(1));
    status.experiment.container_records[0].note(Apply, Ok(()), at(2));
    let written = serde_json::to_value(&status).unwrap();
    let expected = json!({ "desiredPhase": "Run", "containerRecords": [{
        "id": "here/a", "selectorKey": ".", "phase": "Injected", "injectedCount": 1, "recoveredCount": 0,
        "events": [
            { "type": "Failed", "operation": "Apply", "message": "no", "timestamp": "2026-01-01T00:00:01Z" },
            { "type": "Succeeded", "operation": "Apply", "message": "", "timestamp": "2026-01-01T00:00:02Z" },
        ],
    }] });
    assert_eq!(written["experiment"], expected);
    assert_eq!(serde_json::from_value::<ChaosStatus>(written).unwrap(), status);
    let fresh = serde_json::to_value(ChaosStatus::new(vec!["here/a".into()])).unwrap();
    assert_eq!(fresh["experiment"]["containerRecords"][0]["phase"], "Not Injected");
}

#[test]
fn model_a_record_keeps_its_last_events() {
    let mut record = Record::new("here/a".into());
    for number in 0..250 {
        record.note(Apply, Err(&number.to_string()), at(1));
    }
    assert_eq!((record.events.len(), record.events[0].message.as_str()), (100, "150"));
    assert_eq!((record.injected_count, record.due(Phase::Run)), (0, Some(Apply)));
}

#[test]
fn model_pods_say_what_fails() {
    let pod = |annotation: &str| {
        let mut pod = Pod::default();
        annotate(&mut pod.metadata, annotation, "true");
        pod
    };
    let of = |action: &str, operation, pod: Option<&Pod>| {
        effect(&chaos(&json!({ "action": action })), kind("PodChaos"), operation, pod)
    };
    let (plain, refuses, keeps) = (pod("other"), pod(REFUSES), pod(KEEPS));
    assert_eq!(of("pod-kill", Apply, Some(&plain)), Ok(Effect::Kill));
    assert_eq!(of("pod-failure", Apply, Some(&plain)), Ok(Effect::Nothing));
    assert_eq!(of("pod-failure", Apply, Some(&keeps)), Ok(Effect::Nothing));
    assert_eq!(of("pod-failure", Recover, Some(&refuses)), Ok(Effect::Nothing));
    assert_eq!(of("pod-kill", Apply, Some(&refuses)), Err(Refusal::Refuses), "nothing is killed");
    assert_eq!(of("pod-failure", Recover, Some(&keeps)), Err(Refusal::Keeps));
    assert_eq!(of("pod-kill", Recover, Some(&keeps)), Ok(Effect::Nothing), "there is nothing to undo");
    assert_eq!(of("pod-failure", Apply, None), Err(Refusal::NotFound));
    assert_eq!(of("pod-failure", Recover, None), Ok(Effect::Nothing), "a pod that is gone keeps nothing");
    let delay = chaos(&json!({ "action": "pod-kill" }));
    assert_eq!(effect(&delay, kind("NetworkChaos"), Apply, Some(&plain)), Ok(Effect::Nothing));
}

#[test]
fn model_an_object_is_held_until_it_is_let_go_or_forced() {
    let mut it = chaos(&json!({}));
    it.metadata.finalizers = Some(vec!["other".into()]);
    hold(&mut it.metadata);
    hold(&mut it.metadata);
    assert_eq!(it.metadata.finalizers.as_deref().unwrap(), ["other", FINALIZER]);
    annotate(&mut it.metadata, CLEAN, "forced");
    assert!(!is_forced(&it.metadata), "only what is being deleted");
    delete(&mut it);
    assert!(is_forced(&it.metadata) && is_held(&it.metadata));
    release(&mut it.metadata);
    assert!(!is_held(&it.metadata));
    hold(&mut it.metadata);
    assert!(!is_held(&it.metadata), "what is being deleted can't be held");
}
