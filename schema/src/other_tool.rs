//! Files of other tools, so that a message can say whose file it is and what to do.

use serde_json::Value;

/// Another tool's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OtherTool {
    /// What the file is, with its article.
    pub(crate) what: &'static str,
    /// What to do.
    pub(crate) help: &'static str,
}

const CHAOS_TOOLKIT: OtherTool = OtherTool {
    what: "an experiment of Chaos Toolkit",
    help: "run it with `chaos run`; as a task, its hypothesis is `steady_state` and each action of its `method` an entry of `chaos_spec`",
};
const LITMUS: OtherTool = OtherTool {
    what: "a resource of LitmusChaos",
    help: "apply it with `kubectl apply`; as a task, each experiment is an entry of `chaos_spec` and each probe a check",
};
const CHAOS_MESH: OtherTool = OtherTool {
    what: "a resource of Chaos Mesh",
    help: "apply it with `kubectl apply`, check it with `squall validate`; as a task, it is one entry of `chaos_spec` with a `trigger` and an `action`",
};
const CHAOS_BLADE: OtherTool = OtherTool {
    what: "a resource of ChaosBlade",
    help: "apply it with `kubectl apply`; as a task, each of its experiments is an entry of `chaos_spec`",
};
const KUBERNETES: OtherTool = OtherTool {
    what: "a Kubernetes resource",
    help: "a task has `chaos_spec`, an entry has `trigger` and `action`; faults are listed by `squall list faults`",
};
const TOXIPROXY: OtherTool = OtherTool {
    what: "a list of proxies for Toxiproxy",
    help: "start it with `toxiproxy-server -config FILE`; a task has `chaos_spec` with the faults of `squall list faults`",
};
const AWS_FIS: OtherTool = OtherTool {
    what: "an experiment template of AWS Fault Injection Service",
    help: "create it with `aws fis create-experiment-template`; as a task, each action is an entry of `chaos_spec`",
};
const COMPOSE: OtherTool = OtherTool {
    what: "a Compose file",
    help: "start it with `docker compose up`; a task that breaks its services is a file of its own, with `chaos_spec`",
};
const JSON_SCHEMA: OtherTool = OtherTool {
    what: "a JSON Schema",
    help: "name it in a task: `# yaml-language-server: $schema=FILE` as the first line",
};

/// Whose file a value is, where it is another tool's beyond doubt.
pub(crate) fn of(value: &Value) -> Option<OtherTool> {
    let has = |key: &str| value.get(key).is_some();
    let text = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default();
    if let Value::Array(items) = value {
        let proxy = |item: &Value| item.get("listen").is_some() && item.get("upstream").is_some();
        return (!items.is_empty() && items.iter().all(proxy)).then_some(TOXIPROXY);
    }
    if has("chaos_spec") || has("trigger") {
        return None;
    }
    if has("apiVersion") && has("kind") {
        let (group, kind) = (text("apiVersion"), text("kind"));
        return Some(match group {
            _ if group.starts_with("litmuschaos.io") || kind.starts_with("ChaosEngine") => LITMUS,
            _ if group.starts_with("chaos-mesh.org") => CHAOS_MESH,
            _ if group.starts_with("chaosblade.io") => CHAOS_BLADE,
            _ => KUBERNETES,
        });
    }
    let list = |key: &str| value.get(key).is_some_and(Value::is_array);
    let map = |key: &str| value.get(key).is_some_and(Value::is_object);
    if list("method") && (has("title") || has("steady-state-hypothesis")) || map("steady-state-hypothesis") {
        return Some(CHAOS_TOOLKIT);
    }
    if map("actions") && (list("stopConditions") || has("roleArn")) {
        return Some(AWS_FIS);
    }
    if text("$schema").contains("json-schema.org") && (map("properties") || has("$ref") || map("definitions")) {
        return Some(JSON_SCHEMA);
    }
    let service = |service: &Value| service.get("image").is_some() || service.get("build").is_some();
    let services = value.get("services").and_then(Value::as_object);
    services.is_some_and(|all| !all.is_empty() && all.values().all(service)).then_some(COMPOSE)
}
