//! The chaos objects of a Workflow: how they are found, and which of them are there.
//!
//! An object of a template carries the label of its Workflow. One that a Schedule made carries the name of the Schedule only, which
//! is that of its template with two random parts.

use std::collections::BTreeSet;

use chaos_manifests::{EmbeddedChaos, MANAGED_BY_LABEL, SCHEDULE, WORKFLOW_LABEL};
use kube::ResourceExt;
use kube::api::{DynamicObject, ListParams};

use crate::cluster::Cluster;
use crate::patience::{CallError, Patience, patiently};
use crate::watched::Selection;

/// The kinds of objects that a Workflow with this chaos makes, and how those of it are selected. What Schedules make is selected with what
/// Schedules of others make.
pub fn chaos_selections(workflow: &str, chaos: &EmbeddedChaos) -> Vec<(String, Selection)> {
    let labelled = Selection::label(WORKFLOW_LABEL, workflow);
    let managed = Selection { labels: Some(MANAGED_BY_LABEL.to_owned()), fields: None };
    let schedules = (!chaos.schedules.is_empty()).then(|| SCHEDULE.to_owned());
    let direct = chaos.kinds.iter().cloned().chain(schedules).map(|kind| (kind, labelled.clone()));
    let made_again: BTreeSet<&String> = chaos.schedules.values().collect();
    direct.chain(made_again.into_iter().map(|kind| (kind.clone(), managed.clone()))).collect()
}

impl Cluster {
    /// The chaos objects of a Workflow that are there: kind and object. A kind that the cluster does not know has none.
    ///
    /// # Errors
    /// [`CallError`] of the list that failed.
    pub async fn chaos_there(
        &self,
        namespace: &str,
        workflow: &str,
        chaos: &EmbeddedChaos,
        patience: Patience,
    ) -> Result<Vec<(String, DynamicObject)>, CallError> {
        let others = if chaos.schedules.is_empty() {
            BTreeSet::new()
        } else {
            let all = self.chaos_list(SCHEDULE, namespace, &ListParams::default(), patience).await?;
            let other = |it: &&DynamicObject| it.labels().get(WORKFLOW_LABEL).is_none_or(|of| of != workflow);
            all.iter().filter(other).map(ResourceExt::name_any).collect()
        };
        let mut found = Vec::new();
        for (kind, selection) in chaos_selections(workflow, chaos) {
            let listed = self.chaos_list(&kind, namespace, &selection.list(), patience).await?;
            let ours = listed.into_iter().filter(|object| is_of(object, workflow, chaos, &others));
            found.extend(ours.map(|object| (kind.clone(), object)));
        }
        Ok(found)
    }

    async fn chaos_list(
        &self,
        kind: &str,
        namespace: &str,
        of: &ListParams,
        patience: Patience,
    ) -> Result<Vec<DynamicObject>, CallError> {
        let api = self.chaos(kind, namespace);
        match patiently(&format!("list {kind}"), patience, || api.list(of)).await {
            Ok(list) => Ok(list.items),
            Err(error) if error.is_not_found() => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }
}

/// Whether a chaos object, or a Schedule, is one that this Workflow made; `others` are the Schedules that are there and not of it.
fn is_of(object: &DynamicObject, workflow: &str, chaos: &EmbeddedChaos, others: &BTreeSet<String>) -> bool {
    if let Some(of) = object.labels().get(WORKFLOW_LABEL) {
        return of == workflow;
    }
    let Some(schedule) = object.labels().get(MANAGED_BY_LABEL) else { return false };
    let is_named = |template: &String| schedule.strip_prefix(template.as_str()).is_some_and(|it| it.starts_with('-'));
    !others.contains(schedule) && chaos.schedules.keys().any(is_named)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn chaos() -> EmbeddedChaos {
        serde_json::from_value(json!({"kinds": ["NetworkChaos", "PodChaos"], "schedules": {"again": "PodChaos"}}))
            .unwrap()
    }

    #[test]
    fn each_kind_is_selected_by_what_its_objects_carry() {
        let found = chaos_selections("w-1", &chaos());
        let found: Vec<_> = found.iter().map(|(kind, of)| (kind.as_str(), of.labels.as_deref().unwrap())).collect();
        let labelled = "chaos-mesh.org/workflow=w-1";
        let want =
            [("NetworkChaos", labelled), ("PodChaos", labelled), ("Schedule", labelled), ("PodChaos", "managed-by")];
        assert_eq!(found, want);
        assert!(chaos_selections("w-1", &EmbeddedChaos::default()).is_empty());
    }

    #[test]
    fn what_others_made_is_not_of_it() {
        let object = |labels: serde_json::Value| -> DynamicObject {
            serde_json::from_value(json!({"metadata": {"name": "x", "labels": labels}})).unwrap()
        };
        let others = BTreeSet::from(["again-zzzzz-zzzzz".to_owned()]);
        let is_ours = |labels| is_of(&object(labels), "w-1", &chaos(), &others);
        assert!(is_ours(json!({WORKFLOW_LABEL: "w-1"})));
        assert!(!is_ours(json!({WORKFLOW_LABEL: "w-2"})));
        assert!(is_ours(json!({MANAGED_BY_LABEL: "again-aaaaa-bbbbb"})));
        assert!(!is_ours(json!({MANAGED_BY_LABEL: "again-zzzzz-zzzzz"})), "of a Schedule that is there and another's");
        assert!(!is_ours(json!({MANAGED_BY_LABEL: "againer-aaaaa-bbbbb"})));
        assert!(!is_ours(json!({})));
    }
}
