//! A namespace, a repository with a scenario, and runs of it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use chaos_core::{NamePattern, Policy, StateDir, Task};
use chaos_kube::{Cluster, ClusterAccess};
use chaos_manifests::WORKFLOW_LABEL;
use chaos_rig::model::WorkflowModel;
use chaos_rig::{AuditedRequest, Rig};
use chaos_runner::{Guardian, Report, RunControl, Runner};
use chaos_workflow_run::{
    RunFolder, ScenarioEnd, ScenarioMode, ScenarioOptions, ScenarioReport, ScenarioSource, drive_scenario,
};
use kube::api::{ListParams, Patch, PatchParams, PostParams};
use serde_json::json;

/// How often a state is looked for, and how often at most: 120 s in all, for a machine that is busy.
const LOOK: Duration = Duration::from_millis(50);
const LOOKS: usize = 2400;

/// The variables of run `r1`.
const VARIABLES: &str = "workflow-vars-release-r1";

/// One step of a scenario: its name, its exit code, and how long it takes.
pub(crate) type StepLine = (&'static str, i32, &'static str);

/// Five steps of which the second fails. The third, where it begins all the same, goes on for longer than the run.
pub(crate) const FIVE: [StepLine; 5] =
    [("one", 0, "0s"), ("two", 1, "0s"), ("three", 0, "600s"), ("four", 0, "0s"), ("five", 0, "0s")];

/// Where runs of a scenario are made.
pub(crate) struct Stage {
    pub(crate) rig: Rig,
    pub(crate) cluster: Cluster,
    pub(crate) namespace: String,
    pub(crate) folder: tempfile::TempDir,
    _model: Option<WorkflowModel>,
}

impl Stage {
    /// A stage in the shared rig, with the model in it.
    pub(crate) async fn new() -> Option<Self> {
        Self::of_shared(true).await
    }

    pub(crate) async fn of_shared(with_model: bool) -> Option<Self> {
        Some(Self::of(Rig::local()?, with_model).await)
    }

    pub(crate) async fn of(rig: Rig, with_model: bool) -> Self {
        let namespace = rig.namespace().await;
        let cluster = Cluster::connect(&rig.access()).await.unwrap();
        let model = with_model.then(|| WorkflowModel::start_in(&rig.access(), &namespace));
        Self { rig, cluster, namespace, folder: tempfile::tempdir().unwrap(), _model: model }
    }

    /// Puts the scenario of these steps into a repository.
    pub(crate) fn scenario(&self, deadline: Option<&str>, steps: &[StepLine]) {
        let deadline = deadline.map(|time| format!("      deadline: {time}\n")).unwrap_or_default();
        let names: Vec<&str> = steps.iter().map(|(name, _, _)| *name).collect();
        let mut text = format!(
            "apiVersion: chaos-mesh.org/v1alpha1\nkind: Workflow\nmetadata:\n  name: release-$RUN_ID\n  annotations:\n    \
             squall.dev/placeholders: RUN_ID\nspec:\n  entry: main\n  templates:\n    - name: main\n      templateType: Serial\n\
             {deadline}      children: [{}]\n",
            names.join(", ")
        );
        text.extend(steps.iter().map(|(name, exit, after)| {
            format!(
                "    - name: {name}\n      templateType: Task\n      deadline: 5m\n      task:\n        labels:\n          \
                 rig.squall.dev/exit: \"{exit}\"\n          rig.squall.dev/after: {after}\n        container:\n          \
                 name: main\n          image: stub\n          env: [{{name: API_TOKEN, value: hunter2-hunter2}}]\n          \
                 envFrom: [{{configMapRef: {{name: workflow-vars-release-$RUN_ID, optional: true}}}}]\n"
            )
        }));
        self.commit(&text);
    }

    /// Puts a text into the repository as the scenario.
    pub(crate) fn commit(&self, text: &str) {
        let repo = self.repo();
        std::fs::create_dir_all(repo.join("scenarios")).unwrap();
        std::fs::write(repo.join("scenarios/release.yaml"), text).unwrap();
        let git = |arguments: &[&str]| {
            let identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"];
            let done = Command::new("git").arg("-C").arg(&repo).args(identity).args(arguments).output().unwrap();
            assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
        };
        git(&["init", "-q", "-b", "main"]);
        git(&["add", "."]);
        git(&["commit", "-q", "-m", "scenario"]);
    }

    fn repo(&self) -> PathBuf {
        self.folder.path().join("repo")
    }

    pub(crate) fn workspace(&self) -> PathBuf {
        self.folder.path().join("work")
    }

    pub(crate) fn options(&self, run_id: &str) -> ScenarioOptions {
        ScenarioOptions {
            source: ScenarioSource {
                repo: self.repo().display().to_string(),
                reference: "main".into(),
                scenario: "release".into(),
                folder: "scenarios".into(),
            },
            access: self.rig.access(),
            namespace: self.namespace.clone(),
            run_id: run_id.into(),
            variables: BTreeMap::new(),
            run_id_variable: Some("RUN_ID".into()),
            namespace_variable: Some("NAMESPACE".into()),
            images: Vec::new(),
            mode: ScenarioMode::Compatible,
            finally: Vec::new(),
            timeout: None,
            clean_timeout: Duration::from_mins(3),
            workspace: self.workspace(),
            store: None,
            at_step: None,
        }
    }

    /// Starts a run; the test may end it early, and waits for it.
    pub(crate) fn start(&self, options: ScenarioOptions) -> Started {
        self.start_within(options, anything())
    }

    pub(crate) fn start_within(&self, options: ScenarioOptions, policy: Policy) -> Started {
        std::fs::create_dir_all(self.workspace()).unwrap();
        let folder = RunFolder::open(&options.workspace, &options.namespace, &options.workflow()).unwrap();
        self.start_in(options, policy, folder)
    }

    /// The same in a folder that is held already.
    pub(crate) fn start_in(&self, options: ScenarioOptions, policy: Policy, folder: RunFolder) -> Started {
        let state = StateDir::at(self.folder.path().join("state"));
        let runner = Runner::builder().state_dir(state).workspace(self.workspace()).guardian(Guardian::None);
        let runner = runner.policy(policy).build().unwrap();
        let (told, made) = tokio::sync::oneshot::channel();
        let handle = runner.drive(Task::default(), move |session| {
            Box::pin(async move {
                let end = drive_scenario(session, options, folder).await;
                let driven = end.driven();
                let _ = told.send(end);
                driven
            })
        });
        let handle = handle.unwrap();
        let control = handle.control();
        Started { control, handle, made }
    }

    /// Runs it to its end.
    pub(crate) async fn run(&self, options: ScenarioOptions) -> ScenarioReport {
        self.start(options).end().await.0
    }

    /// What our client asked of this namespace.
    pub(crate) fn asked(&self) -> Vec<AuditedRequest> {
        let all = self.rig.audit();
        all.into_iter().filter(|one| one.agent.starts_with("squall/") && one.namespace == self.namespace).collect()
    }

    /// Nodes that there are, by their templates.
    pub(crate) async fn templates(&self) -> Vec<String> {
        let nodes = self.cluster.chaos_mesh("WorkflowNode", "workflownodes", &self.namespace);
        let nodes = nodes.list(&ListParams::default()).await.unwrap().items;
        nodes.iter().filter_map(|node| Some(node.data["spec"]["templateName"].as_str()?.to_owned())).collect()
    }

    /// Names of pods of the run, once there are some.
    pub(crate) async fn until_pod(&self, prefix: &str) -> String {
        for _ in 0..LOOKS {
            let pods = self.cluster.pods(&self.namespace).list(&ListParams::default()).await.unwrap().items;
            let found = pods.into_iter().filter_map(|pod| pod.metadata.name).find(|name| name.starts_with(prefix));
            if let Some(found) = found {
                return found;
            }
            tokio::time::sleep(LOOK).await;
        }
        panic!("no pod `{prefix}`");
    }

    /// Waits until run `r1` has seen that a step has begun.
    pub(crate) async fn until_followed(&self, step: &str) {
        self.until_decided(&format!("step `{step}` has begun")).await;
    }

    /// Waits until run `r1` has decided something.
    pub(crate) async fn until_decided(&self, what: &str) {
        let folder = self.workspace().join(".squall/workflow-runs").join(&self.namespace).join("release-r1");
        for _ in 0..LOOKS {
            if std::fs::read_to_string(folder.join("decisions.jsonl")).is_ok_and(|text| text.contains(what)) {
                return;
            }
            tokio::time::sleep(LOOK).await;
        }
        panic!("`{what}` was not decided");
    }

    /// Says these under `EXIT_REASON`, one after the other, as steps of run `r1` would.
    pub(crate) async fn say(&self, reasons: &[&str]) {
        let maps = self.cluster.config_maps(&self.namespace);
        let map = serde_json::from_value(json!({"metadata": {"name": VARIABLES}, "data": {}})).unwrap();
        maps.create(&PostParams::default(), &map).await.unwrap();
        for reason in reasons {
            self.say_now(reason).await;
        }
    }

    /// Says this in the place of what was said before.
    pub(crate) async fn say_now(&self, reason: &str) {
        let patch = json!({"data": {"EXIT_REASON": reason}});
        let maps = self.cluster.config_maps(&self.namespace);
        maps.patch(VARIABLES, &PatchParams::default(), &Patch::Merge(&patch)).await.unwrap();
    }

    /// That nothing of a Workflow is left.
    pub(crate) async fn assert_nothing_left(&self) {
        let workflows = self.cluster.chaos_mesh("Workflow", "workflows", &self.namespace);
        assert_eq!(workflows.list(&ListParams::default()).await.unwrap().items.len(), 0);
        assert_eq!(self.templates().await, Vec::<String>::new());
        let of = ListParams::default().labels(WORKFLOW_LABEL);
        assert_eq!(self.cluster.pods(&self.namespace).list(&of).await.unwrap().items.len(), 0);
    }
}

/// A run that was started.
pub(crate) struct Started {
    pub(crate) control: RunControl,
    handle: chaos_runner::RunHandle,
    made: tokio::sync::oneshot::Receiver<ScenarioEnd>,
}

impl Started {
    pub(crate) async fn end(self) -> (ScenarioReport, Report) {
        let run = self.handle.wait().await.unwrap();
        (self.made.await.unwrap().report, run)
    }
}

/// A policy that allows every cluster.
pub(crate) fn anything() -> Policy {
    let mut policy = Policy::default();
    let any = || vec![NamePattern("*".into())];
    (policy.clusters.contexts, policy.clusters.namespaces, policy.clusters.kinds) = (any(), any(), any());
    policy
}

/// A file that a run captured.
pub(crate) fn captured(report: &ScenarioReport, name: &str) -> String {
    std::fs::read_to_string(Path::new(&report.folder).join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// A user with those rights, and no others.
pub(crate) fn options_as(options: ScenarioOptions, access: ClusterAccess) -> ScenarioOptions {
    ScenarioOptions { access, ..options }
}
