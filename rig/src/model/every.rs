//! When a Schedule makes its next chaos object, and what that object is.

use std::time::Duration;

use chaos_manifests::{API_VERSION, ChaosKind, MANAGED_BY_LABEL, SCHEDULE};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use k8s_openapi::jiff::Timestamp;
use kube::api::{DynamicObject, Object, ObjectMeta};
use serde_json::{Map, Value, json};

use super::object::{name, namespace};
use super::records::{is_deleted, is_paused};
use super::trouble::Wrong;
use super::{go_duration, spawn};

/// A Schedule as it stands in the cluster.
pub(super) type Schedule = Object<Map<String, Value>, Map<String, Value>>;

/// The only schedule that fires in the model.
const EVERY: &str = "@every ";

/// What a Schedule does now.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Next {
    /// Whether it makes an object.
    pub(super) fires: bool,
    /// When to ask again.
    pub(super) after: Duration,
}

/// The kind of chaos that a Schedule makes.
///
/// # Errors
/// A type that is not a kind of chaos; Workflows are not modelled.
pub(super) fn kind(schedule: &Schedule) -> Result<&'static ChaosKind, Wrong> {
    let kind = text(schedule, "type");
    ChaosKind::named(kind).ok_or_else(|| Wrong::Type(kind.to_owned()))
}

/// What a Schedule with so many objects does at that time. Times that it missed count once.
///
/// # Errors
/// A schedule that is not `@every` with a duration, a last time that is not a time.
pub(super) fn decide(schedule: &Schedule, children: usize, now: Timestamp) -> Result<Next, Wrong> {
    let every = period(text(schedule, "schedule"))?;
    let created = schedule.metadata.creation_timestamp.as_ref().map_or(now, |it| it.0);
    let last = match schedule.status.as_ref().and_then(|it| it.get("time")).and_then(Value::as_str) {
        Some(text) => text.parse().map_err(|source| Wrong::Time { text: text.to_owned(), source })?,
        None => created,
    };
    let since = Duration::try_from(now.duration_since(last)).unwrap_or_default();
    if since < every {
        return Ok(Next { fires: false, after: every.saturating_sub(since) + Duration::from_millis(1) });
    }
    let allowed = children == 0 || text(schedule, "concurrencyPolicy") == "Allow";
    Ok(Next { fires: allowed && !is_paused(&schedule.metadata) && !is_deleted(&schedule.metadata), after: every })
}

/// The next object of a Schedule, named `<schedule>-xxxxx` by the API server.
///
/// # Errors
/// A Schedule without the specification that its type asks for.
pub(super) fn child(schedule: &Schedule, kind: &ChaosKind) -> Result<DynamicObject, Wrong> {
    let spec = schedule.spec.get(kind.field).ok_or(Wrong::Missing(kind.field))?;
    let mut object = DynamicObject::new("", &spawn::chaos_resource(kind.kind));
    object.metadata = ObjectMeta {
        generate_name: Some(format!("{}-", name(schedule))),
        namespace: Some(namespace(schedule).to_owned()),
        labels: Some([(MANAGED_BY_LABEL.to_owned(), name(schedule).to_owned())].into()),
        owner_references: Some(vec![OwnerReference {
            api_version: API_VERSION.to_owned(),
            kind: SCHEDULE.to_owned(),
            name: name(schedule).to_owned(),
            uid: schedule.metadata.uid.clone().unwrap_or_default(),
            controller: Some(true),
            block_owner_deletion: Some(true),
        }]),
        ..ObjectMeta::default()
    };
    object.data = json!({ "spec": spec });
    Ok(object)
}

/// In whole seconds, and at least one, as the real parser rounds.
fn period(schedule: &str) -> Result<Duration, Wrong> {
    let every = schedule.strip_prefix(EVERY).ok_or_else(|| Wrong::Schedule(schedule.to_owned()))?;
    let every = Duration::try_from(go_duration::parse(every.trim())?).unwrap_or_default();
    Ok(Duration::from_secs(every.as_secs().max(1)))
}

fn text<'a>(schedule: &'a Schedule, key: &str) -> &'a str {
    schedule.spec.get(key).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(when: &str, rest: &Value) -> Schedule {
        let mut it = json!({
            "metadata": { "name": "every", "namespace": "here", "uid": "uid", "creationTimestamp": "2026-01-01T00:00:00Z" },
            "spec": { "schedule": when, "type": "PodChaos", "podChaos": { "action": "pod-failure" } },
        });
        for (key, value) in rest.as_object().unwrap() {
            it[key] = value.clone();
        }
        serde_json::from_value(it).unwrap()
    }

    fn fires(schedule: &Schedule, children: usize, now: &str) -> (bool, u64) {
        let next = decide(schedule, children, now.parse().unwrap()).unwrap();
        (next.fires, next.after.as_secs())
    }

    #[test]
    fn model_a_schedule_fires_a_period_after_its_creation_or_its_last_time() {
        let every = schedule("@every 10s", &json!({}));
        assert_eq!(fires(&every, 0, "2026-01-01T00:00:04Z"), (false, 6));
        assert_eq!(fires(&every, 0, "2026-01-01T00:00:10Z"), (true, 10));
        let again = schedule("@every 10s", &json!({ "status": { "time": "2026-01-01T00:00:10Z" } }));
        assert_eq!(fires(&again, 0, "2026-01-01T00:00:19Z"), (false, 1));
        assert_eq!(fires(&again, 0, "2026-01-01T00:01:19Z"), (true, 10), "what it missed counts once");
    }

    #[test]
    fn model_an_object_that_is_there_forbids_the_next_unless_that_is_allowed() {
        let mut every = schedule("@every 1s", &json!({}));
        assert!(!fires(&every, 1, "2026-01-01T00:00:02Z").0);
        every.spec.insert("concurrencyPolicy".into(), "Allow".into());
        assert!(fires(&every, 1, "2026-01-01T00:00:02Z").0);
        every.metadata.annotations = Some([(chaos_manifests::PAUSE_ANNOTATION.to_owned(), "true".to_owned())].into());
        assert!(!fires(&every, 0, "2026-01-01T00:00:02Z").0, "it is paused");
    }

    #[test]
    fn model_only_every_fires() {
        assert_eq!(period("@every 1m30.7s").unwrap().as_secs(), 90);
        assert_eq!(period("@every 5ms").unwrap().as_secs(), 1);
        for other in ["*/5 * * * *", "@hourly", "@every", "@every soon", ""] {
            assert!(period(other).is_err(), "{other}");
        }
    }

    #[test]
    fn model_an_object_of_a_schedule_carries_its_name_and_is_owned_by_it() {
        let mut every = schedule("@every 1s", &json!({}));
        let object = child(&every, kind(&every).unwrap()).unwrap();
        assert_eq!(object.metadata.generate_name.as_deref(), Some("every-"));
        assert_eq!(object.metadata.labels.unwrap()[MANAGED_BY_LABEL], "every");
        let owner = &object.metadata.owner_references.unwrap()[0];
        assert_eq!((owner.kind.as_str(), owner.uid.as_str(), owner.controller), ("Schedule", "uid", Some(true)));
        assert_eq!(
            (object.types.unwrap().kind.as_str(), &object.data["spec"]["action"]),
            ("PodChaos", &json!("pod-failure"))
        );
        every.spec.insert("type".into(), "NetworkChaos".into());
        assert!(child(&every, kind(&every).unwrap()).is_err(), "its specification is missing");
        every.spec.insert("type".into(), "Workflow".into());
        assert!(kind(&every).is_err());
    }
}
