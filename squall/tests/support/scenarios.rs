//! A repository with scenarios, a namespace of a cluster, and `squall workflow-run` with nothing of this machine but those and `git`.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use chaos_rig::model::WorkflowModel;
use chaos_rig::{AuditedRequest, Rig};
use serde_json::Value;
use tempfile::TempDir;

/// Verbs that change something.
const WRITES: [&str; 5] = ["create", "patch", "update", "delete", "deletecollection"];

/// Where runs of one mode are made.
pub(crate) struct Scene {
    pub(crate) rig: Rig,
    pub(crate) namespace: String,
    pub(crate) mode: &'static str,
    pub(crate) place: TempDir,
    _model: Option<WorkflowModel>,
}

impl Scene {
    /// A namespace of its own in the shared rig. Strict mode gets no Chaos Mesh, nor a model of it.
    pub(crate) fn new(mode: &'static str) -> Option<Self> {
        let rig = Rig::local()?;
        let namespace = rig.namespace_now();
        let model = (mode != "strict").then(|| WorkflowModel::start_in(&rig.access(), &namespace));
        let place = tempfile::tempdir().unwrap();
        for folder in ["bin", "home/.kube", "repo/scenarios", "work"] {
            fs::create_dir_all(place.path().join(folder)).unwrap();
        }
        symlink(found("git"), place.path().join("bin/git")).unwrap();
        if mode == "strict" {
            fs::copy(kubeconfig(&rig), place.path().join("home/.kube/config")).unwrap();
        }
        let scene = Self { rig, namespace, mode, place, _model: model };
        scene.git(&["init", "-q", "-b", "main"]);
        Some(scene)
    }

    fn git(&self, arguments: &[&str]) -> String {
        let identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"];
        let mut git = Command::new("git");
        let done = git.arg("-C").arg(self.place.path().join("repo")).args(identity).args(arguments).output().unwrap();
        assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap().trim().to_owned()
    }

    /// Puts a text into the repository as a scenario, and gives the commit.
    pub(crate) fn commit(&self, scenario: &str, text: &str) -> String {
        fs::write(self.place.path().join(format!("repo/scenarios/{scenario}.yaml")), text).unwrap();
        self.git(&["add", "."]);
        self.git(&["commit", "-q", "-m", scenario]);
        self.git(&["rev-parse", "HEAD"])
    }

    /// The same for one of Tasks one after the other: the name of each, and its labels for the rig.
    pub(crate) fn serial(&self, scenario: &str, steps: &[(&str, &str)]) {
        let names: Vec<&str> = steps.iter().map(|(name, _)| *name).collect();
        let mut text = format!(
            "apiVersion: chaos-mesh.org/v1alpha1\nkind: Workflow\nmetadata: {{name: {scenario}-$RUN_ID}}\nspec:\n  entry: main\n  \
             templates:\n    - {{name: main, templateType: Serial, deadline: 20m, children: [{}]}}\n",
            names.join(", ")
        );
        text.extend(steps.iter().map(|(name, labels)| {
            format!(
                "    - name: {name}\n      templateType: Task\n      deadline: 15m\n      task:\n        labels: {{{labels}}}\n        \
                 container: {{name: {name}, image: stub}}\n"
            )
        }));
        self.commit(scenario, &text);
    }

    /// The command, without what the policy must allow.
    pub(crate) fn forbidden(&self, scenario: &str, run_id: &str, flags: &[&str]) -> Command {
        let place = self.place.path();
        // Another build of it may take the place of that of the tests: the one that is shipped.
        let program = std::env::var_os("SQUALL_TEST_PROGRAM").unwrap_or(env!("CARGO_BIN_EXE_squall").into());
        let mut command = Command::new(program);
        command.env_clear().env("PATH", place.join("bin")).env("HOME", place.join("home"));
        if self.mode != "strict" {
            command.env("KUBECONFIG", kubeconfig(&self.rig));
        }
        command.current_dir(place.join("work")).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.args(["workflow-run", "--scenario", scenario, "--scenario-repo", "../repo", "--scenario-ref", "main"]);
        command.args(["--namespace", &self.namespace, "--run-id", run_id, "--mode", self.mode]).args(flags);
        command
    }

    /// The command.
    pub(crate) fn command(&self, scenario: &str, run_id: &str, flags: &[&str]) -> Command {
        let mut command = self.forbidden(scenario, run_id, flags);
        command.args(["--allow-context", "rig", "--allow-namespace", &self.namespace]);
        // Each mode may touch what it needs, and no more.
        command.args(["--allow-kind", "Pod"]);
        if self.mode != "strict" {
            command.args(["--allow-kind", "Workflow"]);
        }
        command
    }

    /// What was asked of this namespace.
    pub(crate) fn asked(&self) -> Vec<AuditedRequest> {
        self.rig.audit_of(&self.namespace)
    }

    /// What the program changed in it, or tried to.
    pub(crate) fn written(&self) -> Vec<AuditedRequest> {
        let asked = self.asked();
        asked.into_iter().filter(|one| is_ours(one) && WRITES.contains(&one.verb.as_str())).collect()
    }

    /// The pods that were made for a Workflow, in their order.
    pub(crate) fn pods_of(&self, workflow: &str) -> Vec<Value> {
        let made = self.asked().into_iter();
        let made = made.filter(|one| one.verb == "create" && one.resource == "pods" && one.code == 201);
        let of = |body: &Value| body["metadata"]["labels"]["chaos-mesh.org/workflow"] == workflow;
        made.map(|one| one.body).filter(of).collect()
    }

    /// The pods that run now.
    pub(crate) fn running(&self) -> Vec<String> {
        let shown = r#"jsonpath={range .items[?(@.status.phase=="Running")]}{.metadata.name} {end}"#;
        let mut kubectl = self.rig.kubectl();
        kubectl.args(["get", "pods", "--namespace", &self.namespace, "--output", shown, "--kubeconfig"]);
        let done = kubectl.arg(kubeconfig(&self.rig)).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap().split_whitespace().map(str::to_owned).collect()
    }

    /// That nothing is left: no Workflow, node or pod, and no journal of an undo.
    pub(crate) fn assert_nothing_left(&self) {
        assert_eq!(self.rig.objects(&self.namespace), Vec::<String>::new(), "{}", self.mode);
        let journals = self.place.path().join("home/.local/state/squall/journals");
        let journals: Vec<_> = fs::read_dir(&journals).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert!(journals.is_empty(), "{}: {journals:?}", self.mode);
    }

    /// A file that a run left in its folder.
    pub(crate) fn captured(&self, workflow: &str, name: &str) -> String {
        let folder = self.place.path().join("work/.squall/workflow-runs").join(&self.namespace).join(workflow);
        fs::read_to_string(folder.join(name)).unwrap_or_else(|error| panic!("{} {name}: {error}", self.mode))
    }

    /// The report that a run left in its folder.
    pub(crate) fn report(&self, workflow: &str) -> Value {
        serde_json::from_str(&self.captured(workflow, "report.json")).unwrap()
    }
}

/// Whether the program asked.
pub(crate) fn is_ours(request: &AuditedRequest) -> bool {
    request.agent.starts_with("squall/")
}

/// What it printed as one object, and its exit code.
pub(crate) fn told(output: &Output) -> (Value, Option<i32>) {
    let report = serde_json::from_slice(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    (report.unwrap_or_else(|error| panic!("no single object ({error}): {errors}")), output.status.code())
}

fn kubeconfig(rig: &Rig) -> PathBuf {
    rig.access().kubeconfig.unwrap()
}

fn found(program: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap();
    let found =
        std::env::split_paths(&path).map(|folder| folder.join(program)).find(|path: &PathBuf| Path::is_file(path));
    found.unwrap()
}
