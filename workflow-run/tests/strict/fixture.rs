//! A namespace of the rig, and strict runs in it.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chaos_core::{BoxFuture, NamePattern, Policy, StateDir, Task, WorkflowStep};
use chaos_kube::{Cluster, ClusterAccess};
use chaos_rig::{AuditedRequest, Rig};
use chaos_runner::{Driven, Guardian, Runner, Session};
use chaos_workflow::{NewRun, WorkflowEnd, WorkflowReport, WorkflowSource, drive};
use chaos_workflow_run::{StrictOptions, strict_workflow};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, ListParams};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A place of its own for one test.
pub(crate) struct Place {
    pub(crate) rig: Rig,
    pub(crate) namespace: String,
    pub(crate) folder: TempDir,
    pub(crate) policy: Policy,
    /// The cluster, and who the run is there.
    pub(crate) access: ClusterAccess,
    /// The run that pods belong to.
    pub(crate) run: String,
}

/// A `Task` whose pod ends so, as labels choose.
pub(crate) fn task(name: &str, labels: &[(&str, &str)]) -> Value {
    let labels: serde_json::Map<String, Value> =
        labels.iter().map(|(key, value)| (format!("rig.squall.dev/{key}"), json!(value))).collect();
    json!({ "name": name, "templateType": "Task",
        "task": { "container": { "name": "main", "image": "x" }, "labels": labels } })
}

/// One that ends with this exit code.
pub(crate) fn exits(name: &str, code: i32) -> Value {
    task(name, &[("exit", &code.to_string())])
}

pub(crate) fn with(mut value: Value, more: &Value) -> Value {
    value.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    value
}

/// A serial entry of these templates.
pub(crate) fn serial(templates: &[Value]) -> Value {
    let children: Vec<&Value> = templates.iter().map(|template| &template["name"]).collect();
    let entry = json!({ "name": "all", "templateType": "Serial", "deadline": "10m", "children": children });
    let all: Vec<&Value> = [&entry].into_iter().chain(templates).collect();
    json!({ "entry": "all", "templates": all })
}

impl Place {
    /// A namespace of the shared rig; `None` where there is none.
    pub(crate) async fn new() -> Option<Self> {
        Some(Self::of(Rig::local()?).await)
    }

    /// A namespace of that rig.
    pub(crate) async fn of(rig: Rig) -> Self {
        let any = vec![NamePattern("*".into())];
        let mut policy = Policy::default();
        policy.clusters.contexts.clone_from(&any);
        policy.clusters.namespaces.clone_from(&any);
        policy.clusters.kinds = any;
        let (namespace, folder) = (rig.namespace().await, tempfile::tempdir().unwrap());
        let access = rig.access();
        Self { rig, namespace, folder, policy, access, run: "7".into() }
    }

    pub(crate) fn tree(&self, spec: &Value, finally: &[&str]) -> Arc<WorkflowStep> {
        let options = StrictOptions {
            namespace: self.namespace.clone(),
            run_id: self.run.clone(),
            workflow: "release-7".into(),
            finally: finally.iter().map(|name| (*name).to_owned()).collect(),
            access: self.access.clone(),
        };
        Arc::new(strict_workflow(&serde_json::from_value(spec.clone()).unwrap(), &options).unwrap())
    }

    /// Runs a Workflow in strict mode.
    pub(crate) async fn run(&self, spec: &Value, finally: &[&str]) -> WorkflowReport {
        self.run_while(spec, finally, |_| {}).await
    }

    /// The same, with something done to the session at its beginning.
    pub(crate) async fn run_while(
        &self,
        spec: &Value,
        finally: &[&str],
        before: impl FnOnce(Session) + Send + 'static,
    ) -> WorkflowReport {
        self.drive(self.tree(spec, finally), before).await
    }

    pub(crate) async fn drive(
        &self,
        tree: Arc<WorkflowStep>,
        before: impl FnOnce(Session) + Send + 'static,
    ) -> WorkflowReport {
        let runner = Runner::builder()
            .state_dir(StateDir::at(self.folder.path().join("state")))
            .workspace(self.folder.path())
            .policy(self.policy.clone())
            .guardian(Guardian::None)
            .build()
            .unwrap();
        let source = WorkflowSource::New(NewRun {
            workspace: self.folder.path().to_owned(),
            file: "w.yaml".into(),
            document: b"w".to_vec(),
            places: None,
        });
        let done: Arc<Mutex<Option<WorkflowEnd>>> = Arc::default();
        let (slot, steps) = (Arc::clone(&done), Arc::clone(&tree));
        let (tell, events) = std::sync::mpsc::channel();
        let work = move |session: Session| {
            tell.send(session.events()).unwrap();
            let work = async move {
                before(session.clone());
                let mut end = drive(session, steps, source).await;
                let driven = end.driven();
                *slot.lock().unwrap() = Some(end);
                driven
            };
            Box::pin(work) as BoxFuture<'static, Driven>
        };
        let handle = runner.drive(Task::default(), work).unwrap();
        let run = tokio::task::spawn_blocking(move || handle.wait_blocking().unwrap()).await.unwrap();
        // Whoever reads the events of a run waits for their end.
        let mut events = events.recv().unwrap();
        let ended = async { while events.recv().await.is_some() {} };
        tokio::time::timeout(Duration::from_mins(2), ended).await.expect("the events do not end");
        let end = done.lock().unwrap().take();
        WorkflowReport::of(&tree, end, run)
    }

    pub(crate) async fn pods(&self) -> Api<Pod> {
        Cluster::connect(&self.rig.access()).await.unwrap().pods(&self.namespace)
    }

    /// The pods that are there.
    pub(crate) async fn left(&self) -> Vec<String> {
        let pods = self.pods().await.list(&ListParams::default()).await.unwrap();
        pods.items.into_iter().filter_map(|pod| pod.metadata.name).collect()
    }

    /// What was asked about pods of this namespace, in order.
    pub(crate) fn asked(&self) -> Vec<AuditedRequest> {
        let all = self.rig.audit();
        let ours = |request: &AuditedRequest| {
            request.namespace == self.namespace
                && request.resource.starts_with("pods")
                && request.agent.starts_with("squall/")
        };
        all.into_iter().filter(ours).collect()
    }

    /// The steps whose pods were created, in order.
    pub(crate) fn created(&self) -> Vec<String> {
        let is_create = |request: &&AuditedRequest| request.verb == "create" && request.resource == "pods";
        self.asked().iter().filter(is_create).map(|request| step_of(&request.body, &self.run)).collect()
    }
}

/// What a step left in its folder.
pub(crate) fn kept(report: &WorkflowReport, step: &str, file: &str) -> PathBuf {
    let ledger = PathBuf::from(report.ledger.as_ref().unwrap());
    ledger.parent().unwrap().join("steps").join(step).join(file)
}

/// The step in the name of a pod: between the run, and attempt and hash.
fn step_of(pod: &Value, run: &str) -> String {
    let name = pod["metadata"]["name"].as_str().unwrap();
    let rest = name.strip_prefix(&format!("{run}-")).unwrap();
    rest.rsplitn(3, '-').nth(2).unwrap().to_owned()
}

/// How each step ended.
pub(crate) fn outcomes(report: &WorkflowReport) -> Vec<(&str, &'static str)> {
    report.steps.iter().map(|step| (step.name.as_str(), step.outcome.word())).collect()
}

pub(crate) fn detail<'a>(report: &'a WorkflowReport, name: &str) -> &'a str {
    &report.steps.iter().find(|step| step.name == name).unwrap().detail
}
