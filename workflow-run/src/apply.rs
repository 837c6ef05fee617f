//! Puts the Workflow into the cluster, if nothing of its name is there.

use chaos_kube::{CallError, Cluster, Patience, RUN_ANNOTATION, Right, Selection, patiently};
use chaos_manifests::{EmbeddedChaos, WORKFLOW_LABEL, chaos_plural};
use kube::api::{DynamicObject, PostParams};
use serde_json::{Value, json};

/// What the wrapper does in the namespace.
const RIGHTS: [Right<'static>; 13] = [
    right("get", "chaos-mesh.org", "workflows"),
    right("list", "chaos-mesh.org", "workflows"),
    right("watch", "chaos-mesh.org", "workflows"),
    right("create", "chaos-mesh.org", "workflows"),
    right("patch", "chaos-mesh.org", "workflows"),
    right("delete", "chaos-mesh.org", "workflows"),
    right("list", "chaos-mesh.org", "workflownodes"),
    right("watch", "chaos-mesh.org", "workflownodes"),
    right("list", "", "pods"),
    right("watch", "", "pods"),
    right("delete", "", "pods"),
    right("list", "", "configmaps"),
    right("watch", "", "configmaps"),
];

const fn right<'a>(verb: &'a str, group: &'a str, resource: &'a str) -> Right<'a> {
    Right { verb, group, resource }
}

/// How often a conflict on the server's side is tried again, such as one of a quota that is counted at this moment.
const CONFLICTS: u32 = 5;

/// Why nothing was applied, or perhaps something.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApplyError {
    #[error("`{namespace}` has {what} of that name already, which this run did not make; nothing was applied")]
    Exists { namespace: String, what: String },
    #[error(
        "missing rights in namespace `{namespace}`: {}; ask for a Role with these, nothing was applied",
        missing.join(", ")
    )]
    Rights { namespace: String, missing: Vec<String> },
    #[error(transparent)]
    Call(#[from] CallError),
}

/// The object as it is created: in that namespace, and with the run that it belongs to.
pub(crate) fn object(manifest: &Value, namespace: &str, engine_run: &str) -> Value {
    let mut object = manifest.clone();
    if !object["metadata"].is_object() {
        object["metadata"] = json!({});
    }
    object["metadata"]["namespace"] = json!(namespace);
    for holder in ["annotations", "labels"] {
        if !object["metadata"][holder].is_object() {
            object["metadata"][holder] = json!({});
        }
        // A Workflow without any annotation can't be aborted by its own status checks.
        object["metadata"][holder][RUN_ANNOTATION] = json!(engine_run);
    }
    object
}

/// Refuses where rights are missing, or something of that name is there.
pub(crate) async fn refuse(
    cluster: &Cluster,
    namespace: &str,
    workflow: &str,
    chaos: &EmbeddedChaos,
) -> Result<(), ApplyError> {
    let patience = Patience::default();
    // Chaos is Chaos Mesh's to make and to remove; whether it landed and is gone must be seen.
    let kinds: Vec<String> = chaos.objects().iter().map(|kind| chaos_plural(kind)).collect();
    let seen = kinds.iter().flat_map(|kind| ["list", "watch"].map(|verb| right(verb, "chaos-mesh.org", kind)));
    let rights: Vec<Right<'_>> = RIGHTS.into_iter().chain(seen).collect();
    let missing = cluster.missing_rights(namespace, &rights, patience).await?;
    if !missing.is_empty() {
        return Err(ApplyError::Rights { namespace: namespace.to_owned(), missing });
    }
    let exists = |what: String| ApplyError::Exists { namespace: namespace.to_owned(), what };
    let api = cluster.chaos_mesh("Workflow", "workflows", namespace);
    let what = format!("read Workflow `{workflow}`");
    if patiently(&what, patience, || api.get_opt(workflow)).await?.is_some() {
        return Err(exists(format!("a Workflow `{workflow}`")));
    }
    let of = Selection::label(WORKFLOW_LABEL, workflow);
    let nodes = cluster.chaos_mesh("WorkflowNode", "workflownodes", namespace);
    let found = patiently("list WorkflowNodes", patience, || async { nodes.list(&of.list()).await }).await?;
    if !found.items.is_empty() {
        return Err(exists(format!("{} nodes of a Workflow `{workflow}`", found.items.len())));
    }
    let pods = cluster.pods(namespace);
    let found = patiently("list pods", patience, || async { pods.list(&of.list()).await }).await?;
    if !found.items.is_empty() {
        return Err(exists(format!("{} pods of a Workflow `{workflow}`", found.items.len())));
    }
    Ok(())
}

/// Creates it. An answer that was lost is made good by looking whose object is there.
pub(crate) async fn create(
    cluster: &Cluster,
    namespace: &str,
    workflow: &str,
    object: Value,
) -> Result<DynamicObject, ApplyError> {
    let run = object["metadata"]["annotations"][RUN_ANNOTATION].as_str().unwrap_or_default().to_owned();
    let api = cluster.chaos_mesh("Workflow", "workflows", namespace);
    let what = format!("create Workflow `{workflow}`");
    let how = PostParams { field_manager: Some("squall".to_owned()), ..PostParams::default() };
    let wanted: DynamicObject = serde_json::from_value(object)
        .map_err(|error| CallError::Answer { what: what.clone(), why: error.to_string() })?;
    for again in 0..=CONFLICTS {
        let error = match patiently(&what, Patience::default(), || api.create(&how, &wanted)).await {
            Ok(made) => return Ok(made),
            Err(error) => error,
        };
        if !error.is_conflict() {
            return Err(error.into());
        }
        let found =
            patiently(&format!("read Workflow `{workflow}`"), Patience::default(), || api.get_opt(workflow)).await?;
        match found {
            Some(found)
                if found.metadata.annotations.as_ref().and_then(|all| all.get(RUN_ANNOTATION)) == Some(&run) =>
            {
                return Ok(found);
            }
            Some(_) => {
                let what = format!("a Workflow `{workflow}`");
                return Err(ApplyError::Exists { namespace: namespace.to_owned(), what });
            }
            None if again == CONFLICTS => return Err(error.into()),
            None => tokio::time::sleep(std::time::Duration::from_millis(200 << again)).await,
        }
    }
    Err(CallError::Answer { what, why: "it conflicts".to_owned() }.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_created_says_whose_it_is_and_is_else_unchanged() {
        let manifest = json!({
            "apiVersion": "chaos-mesh.org/v1alpha1", "kind": "Workflow",
            "metadata": {"name": "a-1", "labels": {"team": "x"}}, "spec": {"entry": "e", "odd": [1]},
        });
        let object = object(&manifest, "nightly", "r1");
        let want = json!({
            "apiVersion": "chaos-mesh.org/v1alpha1", "kind": "Workflow",
            "metadata": {
                "name": "a-1", "namespace": "nightly", "labels": {"team": "x", "squall.dev/run": "r1"},
                "annotations": {"squall.dev/run": "r1"},
            },
            "spec": {"entry": "e", "odd": [1]},
        });
        assert_eq!(object, want);
    }
}
