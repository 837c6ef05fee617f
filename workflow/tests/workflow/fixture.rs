//! A step whose world is a file, and runs of workflows around it.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use chaos_core::{BoxFuture, Seconds, Step, StepContext, StepEnd, StepOutcome, Task, WorkflowStep, register_step};
use chaos_probes as _;
use chaos_runner::{Driven, Session};
use chaos_schema::{KindHint, LoadOptions, check_value};
use chaos_steps as _;
use chaos_test::Bench;
use chaos_triggers as _;
use chaos_workflow::{
    NewRun, OpenedLedger, Witness, WorkflowEnd, WorkflowReport, WorkflowSource, drive, drive_witnessed,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Writes its name into a file, takes its time, and ends as it is told.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Told {
    /// The file.
    pub log: PathBuf,
    /// The end of each attempt; the last one stays.
    #[serde(default)]
    pub ends: Vec<StepOutcome>,
    /// How long it takes.
    #[serde(default)]
    pub seconds: Option<Seconds>,
    /// What it writes.
    #[serde(default)]
    pub outputs: BTreeMap<String, String>,
    /// Whether it goes on when it is told to end.
    #[serde(default)]
    pub stubborn: bool,
    /// Whether it panics.
    #[serde(default)]
    pub panics: bool,
}

impl Step for Told {
    async fn run(&self, cx: &StepContext) -> StepEnd {
        assert!(!self.panics, "as it was told");
        let mut file = fs::OpenOptions::new().create(true).append(true).open(&self.log).unwrap();
        writeln!(file, "{}", cx.name()).unwrap();
        let times = fs::read_to_string(&self.log).unwrap().lines().filter(|line| *line == cx.name()).count();
        let time = self.seconds.unwrap_or_else(|| Seconds::from(0)).get();
        if self.stubborn {
            cx.run().clock().sleep(time).await;
        } else if !time.is_zero() && !cx.run().sleep(time).await {
            writeln!(file, "{} cancelled", cx.name()).unwrap();
            return StepEnd::new(StepOutcome::InfraFail, "cancelled");
        }
        let outcome = self.ends.get(times - 1).or(self.ends.last()).copied().unwrap_or(StepOutcome::Pass);
        StepEnd { outputs: self.outputs.clone(), ..StepEnd::new(outcome, "as it was told") }
    }
}

register_step!(Told, "test_told");

/// A place, and the runs in it.
pub(crate) struct Place {
    pub(crate) bench: Bench,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self { bench: Bench::new().unwrap() }
    }

    /// A step that ends so.
    pub(crate) fn told(&self, name: &str, more: &Value) -> Value {
        let mut step = json!({ "type": "test_told", "name": name, "log": self.bench.path("log") });
        step.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        step
    }

    pub(crate) fn passes(&self, name: &str) -> Value {
        self.told(name, &json!({}))
    }

    pub(crate) fn fails(&self, name: &str) -> Value {
        self.told(name, &json!({ "ends": ["task_fail"] }))
    }

    /// What was started, in order.
    pub(crate) fn log(&self) -> Vec<String> {
        let text = fs::read_to_string(self.bench.path("log")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// Runs a workflow.
    pub(crate) fn run(&self, workflow: &Value) -> WorkflowReport {
        self.run_with(workflow, |_| {})
    }

    /// The same, with something done to the session at its beginning.
    pub(crate) fn run_with(&self, workflow: &Value, before: impl FnOnce(&Session) + Send + 'static) -> WorkflowReport {
        self.drive(workflow, self.new_run(workflow), None, before)
    }

    /// The same with a witness.
    pub(crate) fn run_witnessed(&self, workflow: &Value, witness: Arc<dyn Witness>) -> WorkflowReport {
        self.drive(workflow, self.new_run(workflow), Some(witness), |_| {})
    }

    fn new_run(&self, workflow: &Value) -> WorkflowSource {
        WorkflowSource::New(NewRun {
            workspace: self.bench.folder().to_owned(),
            file: "w.json".into(),
            document: workflow.to_string().into_bytes(),
            places: None,
        })
    }

    /// Goes on with a run.
    pub(crate) fn resume(&self, workflow: &Value, run_id: &str) -> WorkflowReport {
        let opened = OpenedLedger::open(self.bench.folder(), run_id).unwrap();
        self.drive(workflow, WorkflowSource::Resumed(Box::new(opened)), None, |_| {})
    }

    fn drive(
        &self,
        workflow: &Value,
        source: WorkflowSource,
        witness: Option<Arc<dyn Witness>>,
        before: impl FnOnce(&Session) + Send + 'static,
    ) -> WorkflowReport {
        let workflow = read(workflow);
        let done: Arc<Mutex<Option<WorkflowEnd>>> = Arc::default();
        let (slot, steps) = (Arc::clone(&done), Arc::clone(&workflow));
        let work = move |session: Session| {
            let work = async move {
                before(&session);
                let mut end = match witness {
                    None => drive(session, steps, source).await,
                    Some(witness) => drive_witnessed(session, steps, source, witness).await,
                };
                let driven = end.driven();
                *slot.lock().unwrap() = Some(end);
                driven
            };
            Box::pin(work) as BoxFuture<'static, Driven>
        };
        let run = self.bench.runner().build().unwrap().drive(Task::default(), work).unwrap().wait_blocking().unwrap();
        let end = done.lock().unwrap().take();
        let report = WorkflowReport::of(&workflow, end, run);
        assert_eq!(self.bench.journals_left() == 0, report.exit_code != 3);
        report
    }
}

/// The workflow of a document, which must be valid.
pub(crate) fn read(workflow: &Value) -> Arc<WorkflowStep> {
    let loaded = check_value(&json!({ "workflow": workflow }), "w.json", &LoadOptions::of(KindHint::Task));
    let task = loaded.document.unwrap_or_else(|| panic!("{:?}", loaded.diagnostics)).into_task().unwrap();
    task.workflow.unwrap()
}

/// The outcome of each step, in the order of the document.
pub(crate) fn outcomes(report: &WorkflowReport) -> Vec<(&str, &'static str)> {
    report.steps.iter().map(|step| (step.name.as_str(), step.outcome.word())).collect()
}

/// The detail of a step.
pub(crate) fn detail<'a>(report: &'a WorkflowReport, name: &str) -> &'a str {
    &report.steps.iter().find(|step| step.name == name).unwrap().detail
}

/// The lines, each with its end.
pub(crate) fn whole<L: AsRef<str>>(lines: impl IntoIterator<Item = L>) -> String {
    lines.into_iter().fold(String::new(), |text, line| text + line.as_ref() + "\n")
}
