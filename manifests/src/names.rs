//! Names that Chaos Mesh gives meaning to.

/// Group and version of every object of Chaos Mesh.
pub const API_VERSION: &str = "chaos-mesh.org/v1alpha1";
/// The label with the name of the Workflow, on its nodes, pods and status checks.
pub const WORKFLOW_LABEL: &str = "chaos-mesh.org/workflow";
/// The label with the name of the parent: of the Workflow on the entry node, of a node on what the node made.
pub const CONTROLLED_BY_LABEL: &str = "chaos-mesh.org/controlled-by";
/// The label with the name of the Schedule that made a chaos object.
pub const MANAGED_BY_LABEL: &str = "managed-by";
/// The annotation that aborts a Workflow when it is `"true"`.
pub const ABORT_ANNOTATION: &str = "workflow.chaos-mesh.org/abort";
/// The annotation that pauses a chaos object or a Schedule when it is `"true"`.
pub const PAUSE_ANNOTATION: &str = "experiment.chaos-mesh.org/pause";
/// The name of the `ConfigMap` with the variables of a Workflow's run.
pub fn variables_name(workflow: &str) -> String {
    format!("workflow-vars-{workflow}")
}

/// Whether a text is written as names of objects are: lower-case letters, digits and `-`, a letter or digit at both ends.
pub fn is_object_name(text: &str) -> bool {
    let end = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    text.chars().all(|c| end(c) || c == '-') && text.starts_with(end) && text.ends_with(end)
}

/// The annotation in which a scenario declares its placeholders: names with commas between them.
pub const PLACEHOLDERS_ANNOTATION: &str = "squall.dev/placeholders";
