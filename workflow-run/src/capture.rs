//! Captures what there is of a Workflow, before anything of it is deleted. A read that fails is told and holds nothing up.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::time::Duration;

use chaos_core::{Redactor, Secret, is_api_key};
use chaos_kube::{CallError, Cluster, Patience, Selection, log_tail, patiently};
use chaos_manifests::{EmbeddedChaos, WORKFLOW_LABEL, variables_name};
use k8s_openapi::api::core::v1::{ConfigMap, Event, Pod};
use kube::Resource;
use kube::api::{Api, ListParams, ObjectList};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::{Instant, timeout};

use crate::folder::RunFolder;
use crate::view::{ClusterView, SeenChaos, SeenNode, SeenPod, SeenWorkflow};

/// How many of the last lines of each log are kept.
const LOG_LINES: i64 = 10_000;
/// How long all reads may take.
const LIMIT: Duration = Duration::from_mins(2);
/// How long one of them may, asked again and again: as long as other calls are.
const ONE: Duration = Duration::from_secs(45);

/// What was captured, and what was not.
#[derive(Debug, Default)]
pub(crate) struct Captured {
    /// What the reads saw, at the end of it all.
    pub(crate) view: ClusterView,
    /// Whether nodes and pods were read, so that what is missing among them is missing there.
    pub(crate) is_whole: bool,
    /// What could not be read or written, a clause each.
    pub(crate) problems: Vec<String>,
}

struct Capture<'a> {
    cluster: &'a Cluster,
    namespace: &'a str,
    workflow: &'a str,
    folder: &'a RunFolder,
    redactor: &'a Redactor,
    until: Instant,
    captured: Captured,
}

/// Reads everything of a Workflow and writes it to the folder of its run.
pub(crate) async fn capture(
    cluster: &Cluster,
    namespace: &str,
    workflow: &str,
    folder: &RunFolder,
    redactor: &Redactor,
) -> Captured {
    let until = Instant::now() + LIMIT;
    let mut work = Capture { cluster, namespace, workflow, folder, redactor, until, captured: Captured::default() };
    work.all().await;
    work.captured
}

impl Capture<'_> {
    /// Asks within the time that is left. What was not had is told, and nothing is asked any more when all reads have had their time.
    async fn ask<T, F>(&mut self, what: &str, call: impl FnOnce(Patience) -> F) -> Option<T>
    where
        F: Future<Output = Result<T, CallError>>,
    {
        let left = self.until.saturating_duration_since(Instant::now());
        let limit = LIMIT.as_secs();
        let problem = if left.is_zero() {
            format!("{what}: not asked, since all that is captured has had {limit} s")
        } else {
            match timeout(left, call(Patience(left.min(ONE)))).await {
                Ok(Ok(done)) => return Some(done),
                Ok(Err(error)) => error.to_string(),
                Err(_) => {
                    format!("{what}: no answer from the API server before all that is captured had had {limit} s")
                }
            }
        };
        self.captured.problems.push(problem);
        None
    }

    async fn list<K>(&mut self, what: &str, api: &Api<K>, of: &ListParams) -> Option<ObjectList<K>>
    where
        K: Resource + Clone + DeserializeOwned + std::fmt::Debug,
    {
        let what = format!("list {what}");
        self.ask(&what, |patience| patiently(&what, patience, || api.list(of))).await
    }

    fn write(&mut self, name: &str, text: &str) {
        if let Err(error) = self.folder.write(name, &self.redactor.text(text)) {
            self.captured.problems.push(format!("write `{name}`: {error}"));
        }
    }

    /// Objects without what only servers read, and without secrets.
    fn write_objects(&mut self, name: &str, objects: &impl Serialize) {
        let mut value = serde_json::to_value(objects).unwrap_or_default();
        without_managed_fields(&mut value);
        learn(&value, self.redactor);
        let masked = self.redactor.value(&value);
        let text = serde_json::to_string_pretty(&masked).unwrap_or_default();
        self.write(name, &(text + "\n"));
    }

    async fn all(&mut self) {
        let (namespace, workflow) = (self.namespace, self.workflow);
        let of = Selection::label(WORKFLOW_LABEL, workflow).list();
        let api = self.cluster.chaos_mesh("Workflow", "workflows", namespace);
        let what = format!("read Workflow `{workflow}`");
        let found = self.ask(&what, |patience| patiently(&what, patience, || api.get_opt(workflow))).await;
        let workflow_read = found.is_some();
        if let Some(Some(found)) = found {
            self.captured.view.workflow = Some(SeenWorkflow::of(&found));
            self.write_objects("workflow.json", &found);
        }
        let api = self.cluster.chaos_mesh("WorkflowNode", "workflownodes", namespace);
        let nodes = self.list("WorkflowNodes", &api, &of).await;
        if let Some(nodes) = &nodes {
            let seen = nodes.items.iter().map(SeenNode::of).map(|node| (node.name.clone(), node));
            self.captured.view.nodes = seen.collect();
            self.write_objects("workflow-nodes.json", &nodes.items);
            let tree = tree(&self.captured.view);
            self.write("workflow-nodes.txt", &tree);
        }
        let pods = self.list("pods", &self.cluster.pods(namespace), &of).await;
        if let Some(pods) = &pods {
            let seen = pods.items.iter().map(SeenPod::of).map(|pod| (pod.uid.clone(), pod));
            self.captured.view.pods = seen.collect();
            self.write_objects("pods.json", &pods.items);
        }
        self.variables().await;
        self.chaos().await;
        self.events().await;
        for pod in pods.iter().flat_map(|pods| &pods.items) {
            self.logs(pod).await;
        }
        self.captured.is_whole = workflow_read && nodes.is_some() && pods.is_some();
    }

    /// The chaos that is there: what is in force, or was not recovered.
    async fn chaos(&mut self) {
        let workflow = self.captured.view.workflow.as_ref();
        let chaos = workflow.map(|workflow| EmbeddedChaos::of(&workflow.spec)).unwrap_or_default();
        if chaos.is_empty() {
            return;
        }
        let (cluster, namespace, workflow) = (self.cluster, self.namespace, self.workflow);
        let there = self.ask("list chaos", |patience| cluster.chaos_there(namespace, workflow, &chaos, patience)).await;
        if let Some(there) = there {
            let seen = there.iter().map(|(kind, object)| SeenChaos::of(kind, object));
            self.captured.view.chaos = seen.map(|one| ((0, format!("{}/{}", one.kind, one.name)), one)).collect();
            let objects: Vec<_> = there.iter().map(|(_, object)| object).collect();
            self.write_objects("chaos.json", &objects);
        }
    }

    async fn variables(&mut self) {
        let name = variables_name(self.workflow);
        let api: Api<ConfigMap> = self.cluster.config_maps(self.namespace);
        // A list: the rights to watch it are there, those to read one need not be.
        let found = self.list("ConfigMaps", &api, &Selection::name(&name).list()).await;
        if let Some(map) = found.and_then(|found| found.items.into_iter().next()) {
            self.captured.view.set_variables(Some(&map));
            self.write_objects("workflow-vars.json", &map);
        }
    }

    /// Events of what belongs to the Workflow.
    async fn events(&mut self) {
        let api: Api<Event> = Api::namespaced(self.cluster.client(), self.namespace);
        let Some(events) = self.list("events", &api, &ListParams::default()).await else { return };
        let view = &self.captured.view;
        let pods = view.pods.values().map(|pod| pod.name.as_str());
        let chaos = view.chaos.values().map(|one| one.name.as_str());
        let mut ours: BTreeSet<&str> = view.nodes.keys().map(String::as_str).chain(pods).chain(chaos).collect();
        ours.insert(self.workflow);
        let is_ours = |event: &Event| event.involved_object.name.as_deref().is_some_and(|name| ours.contains(name));
        let events: Vec<Event> = events.items.into_iter().filter(is_ours).collect();
        self.write_objects("events.json", &events);
    }

    async fn logs(&mut self, pod: &Pod) {
        let name = pod.metadata.name.clone().unwrap_or_default();
        let statuses = pod.status.as_ref().and_then(|status| status.container_statuses.as_ref());
        let containers: Vec<String> = statuses
            .into_iter()
            .flatten()
            // One that never ran has no log.
            .filter(|it| it.state.as_ref().is_some_and(|state| state.running.is_some() || state.terminated.is_some()))
            .map(|it| it.name.clone())
            .collect();
        let api = self.cluster.pods(self.namespace);
        for container in containers {
            let what = format!("read the log of `{container}` in pod `{name}`");
            let log = self.ask(&what, |patience| log_tail(&api, &name, &container, LOG_LINES, patience)).await;
            if let Some(log) = log {
                self.write(&format!("logs/{name}.{container}.log"), &log);
            }
        }
    }
}

/// Values of variables whose names say that they are secret are masked everywhere from here on.
pub(crate) fn learn(value: &Value, redactor: &Redactor) {
    match value {
        Value::Object(map) => {
            let env = map.get("name").and_then(Value::as_str).zip(map.get("value").and_then(Value::as_str));
            let data = map.get("data").and_then(Value::as_object).into_iter().flatten();
            let data = data.filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)));
            for (name, value) in env.into_iter().chain(data) {
                if is_secret(name) && !value.is_empty() {
                    redactor.learn(&Secret::new(value));
                }
            }
            map.values().for_each(|value| learn(value, redactor));
        }
        Value::Array(items) => items.iter().for_each(|item| learn(item, redactor)),
        _ => {}
    }
}

/// Whether a variable of that name holds a secret.
pub fn is_secret(name: &str) -> bool {
    let upper = name.to_uppercase();
    let parts = ["PASSWORD", "PASSWD", "SECRET", "TOKEN", "CREDENTIAL", "MNEMONIC", "PRIVATE_KEY"];
    // `…_SECRET_NAME` names one, and is none.
    is_api_key(name) || parts.iter().any(|part| upper.contains(part)) && !upper.ends_with("_NAME")
}

fn without_managed_fields(value: &mut Value) {
    match value {
        Value::Object(map) => {
            if let Some(metadata) = map.get_mut("metadata").and_then(Value::as_object_mut) {
                metadata.remove("managedFields");
            }
            map.values_mut().for_each(without_managed_fields);
        }
        Value::Array(items) => items.iter_mut().for_each(without_managed_fields),
        _ => {}
    }
}

/// The nodes as a tree, for people.
fn tree(view: &ClusterView) -> String {
    let mut text = String::new();
    let mut told = BTreeSet::new();
    if let Some(entry) = view.entry() {
        branch(view, entry, 0, &mut told, &mut text);
    }
    // What hangs on nothing is there, too.
    for node in view.nodes.values() {
        branch(view, node, 0, &mut told, &mut text);
    }
    text
}

fn branch<'a>(
    view: &'a ClusterView,
    node: &'a SeenNode,
    depth: usize,
    told: &mut BTreeSet<&'a str>,
    text: &mut String,
) {
    if !told.insert(&node.name) {
        return;
    }
    let holds = node.status.conditions.iter().filter(|condition| condition.status == "True");
    let conditions: Vec<String> = holds
        .map(|it| if it.reason.is_empty() { it.kind.clone() } else { format!("{} ({})", it.kind, it.reason) })
        .collect();
    let conditions = if conditions.is_empty() { "running".to_owned() } else { conditions.join(", ") };
    let (template, kind) = (&node.spec.template_name, &node.spec.kind);
    // A string takes everything.
    let _ = writeln!(text, "{}{template} [{kind}] {}: {conditions}", "  ".repeat(depth), node.name);
    let children = node.status.finished_children.iter().chain(&node.status.active_children);
    for child in children.filter_map(|child| view.nodes.get(&child.name)) {
        branch(view, child, depth + 1, told, text);
    }
}

#[cfg(test)]
mod tests;
