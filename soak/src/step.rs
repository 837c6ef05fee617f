//! A soak as a step of a workflow.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use std::{fs, io};

use chaos_core::{
    Nodes, PluginError, Reach, SoakSpec, Step, StepContext, StepEnd, StepOutcome, Verdict, blocking, read_bounded,
    register_step,
};
use chaos_runner::DrivenSession;
use rand::Rng;
use schemars::JsonSchema;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::json;

use crate::execute::{drive, dry_entries};
use crate::manifest::SoakManifest;
use crate::plan::SoakPlan;
use crate::report::SoakReport;
use crate::target::run_targets;

/// The copy of the document in the folder of a workflow.
const DOCUMENT: &str = "document";
/// As much of it is read.
const LONGEST: u64 = 16 << 20;

/// Runs a soak: faults drawn by seed from a weighted pool, against the nodes of the run.
///
/// `held` is a `pass`; more misses than the flake budget and whatever ends a soak at once are a `task_fail`; a soak that
/// showed nothing, or may not run, is an `infra_fail`. At the deadline of the step what is in force is undone. A fault that may
/// still be in force ends the workflow with exit code 3.
///
/// Outputs: `events` (how many were judged), `failed_events` (those that missed or failed), `manifest` (a file that
/// `squall replay` and `squall shrink` read) and `report` (the figures, as JSON).
///
/// # Example
/// ```yaml
/// type: soak
/// name: shake
/// soak:
///   interval_seconds: 10
///   duration_seconds: 300
///   flake_budget_percent: 10
///   pool:
///     - action: { type: pause_process, target: { pid_file: /run/app.pid } }
///       draw: { duration_seconds: { min: 1, max: 5 } }
/// ```
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SoakStep {
    /// The soak, as in a task.
    #[serde(deserialize_with = "sound")]
    pub soak: SoakSpec,
    /// Seed of every draw; one that follows from the seed of the run where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
}

/// A soak of which a plan can be made.
fn sound<'de, D: Deserializer<'de>>(from: D) -> Result<SoakSpec, D::Error> {
    let spec = SoakSpec::deserialize(from)?;
    match spec.problems().into_iter().next() {
        Some(problem) => Err(D::Error::custom(format!("{}: {}; {}", problem.pointer, problem.message, problem.help))),
        None => Ok(spec),
    }
}

/// Why a soak did not begin.
#[derive(Debug, thiserror::Error)]
enum NotBegun {
    #[error("no run is driven here")]
    NoSession,
    #[error(transparent)]
    Plan(#[from] crate::SoakPlanError),
    #[error("`{fault}` may not run: {why}; nothing of the soak was injected")]
    Refused { fault: String, why: String },
    #[error("the files of the step can't be written: {0}")]
    Files(#[from] io::Error),
    #[error(transparent)]
    Manifest(#[from] crate::ManifestError),
}

impl Step for SoakStep {
    async fn run(&self, cx: &StepContext) -> StepEnd {
        match self.soaked(cx).await {
            Ok(end) => end,
            Err(why) => StepEnd::new(StepOutcome::InfraFail, why.to_string()),
        }
    }

    fn reach(&self) -> Result<Reach, PluginError> {
        let mut reach = Reach::default();
        for probe in &self.soak.invariants {
            reach = reach.and(probe.reach()?);
        }
        for fault in &self.soak.pool {
            for probe in &fault.during {
                reach = reach.and(probe.reach()?);
            }
            if let Some(probe) = &fault.detect {
                reach = reach.and(probe.reach()?);
            }
            if let Some(probe) = &fault.abort_if {
                reach = reach.and(probe.reach()?);
            }
        }
        Ok(reach)
    }

    fn at_least(&self) -> Duration {
        self.soak.at_least()
    }
}

register_step!(SoakStep, "soak");

impl SoakStep {
    async fn soaked(&self, cx: &StepContext) -> Result<StepEnd, NotBegun> {
        let run = cx.run();
        let driven = run.services().get::<DrivenSession>();
        let session = driven.session().ok_or(NotBegun::NoSession)?.within(run);
        let targets = run_targets(&run.services().get::<Nodes>());
        let seed = self.seed.unwrap_or_else(|| run.rng().next_u64());
        let plan = SoakPlan::draw(&self.soak, &targets, seed)?;
        for entry in dry_entries(&self.soak, &plan) {
            if let Some(why) = session.refusal(&entry).await {
                return Err(NotBegun::Refused { fault: entry.name, why });
            }
        }
        let files = Files { folder: cx.folder().join("steps").join(cx.name()) };
        let (document, step) = self.document(cx).await;
        let planned = plan.events.len();
        let mut manifest = SoakManifest {
            squall_version: env!("CARGO_PKG_VERSION").to_owned(),
            file: cx.folder().join(DOCUMENT).display().to_string(),
            document,
            step,
            targets: targets.clone(),
            plan: plan.clone(),
            failure: None,
        };
        // Before the first event: a soak whose engine dies can be replayed too.
        files.keep(&manifest, cx).await?;
        let mut end = drive(session, Arc::new(self.soak.clone()), targets, plan).await;
        driven.add_results(std::mem::take(&mut end.results));
        let mut report = SoakReport::of(&self.soak, seed, planned, &end);
        report.run_id = Some(run.run_id().to_owned());
        report.manifest = Some(files.manifest().display().to_string());
        manifest.failure = report.to_reproduce();
        // What the soak showed counts, wherever it can be written.
        let mut outputs = outputs(&report, &files);
        let kept = async {
            if manifest.failure.is_some() {
                files.keep(&manifest, cx).await?;
            }
            files.report(&report, cx).await
        };
        if let Err(error) = kept.await {
            run.note(format!("the report of the soak can't be written: {error}"));
            outputs.remove("report");
        }
        Ok(StepEnd { outputs, ..step_end(&report) })
    }

    /// The document that a replay reads, and the step of it that holds the soak; where no document is kept, one of its own.
    async fn document(&self, cx: &StepContext) -> (String, Option<String>) {
        let path = cx.folder().join(DOCUMENT);
        let _real = cx.run().clock().external();
        match blocking(move || read_bounded(&path, LONGEST)).await {
            Ok(Ok(bytes)) => (String::from_utf8_lossy(&bytes).into_owned(), Some(cx.name().to_owned())),
            _ => (json!({ "soak": self.soak }).to_string(), None),
        }
    }
}

fn step_end(report: &SoakReport) -> StepEnd {
    let outcome = match report.verdict {
        Verdict::Held | Verdict::Unchecked => StepOutcome::Pass,
        Verdict::Deviated => StepOutcome::TaskFail,
        Verdict::Inconclusive | Verdict::RevertFailed => StepOutcome::InfraFail,
    };
    let why = report.why.as_deref().map(|why| format!(": {why}")).unwrap_or_default();
    let (passed, n, skipped) = (report.passed, report.n, report.skipped);
    let detail = format!("soak {}{why} ({passed} of {n} events passed, {skipped} skipped)", report.verdict.word());
    let in_force = (report.verdict == Verdict::RevertFailed).then(|| detail.clone());
    StepEnd { in_force, ..StepEnd::new(outcome, detail) }
}

fn outputs(report: &SoakReport, files: &Files) -> BTreeMap<String, String> {
    let outputs = [
        ("events", report.n.to_string()),
        ("failed_events", (report.n - report.passed).to_string()),
        ("manifest", files.manifest().display().to_string()),
        ("report", files.folder.join("report.json").display().to_string()),
    ];
    outputs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

/// The files of the step.
struct Files {
    folder: PathBuf,
}

impl Files {
    fn manifest(&self) -> PathBuf {
        self.folder.join("manifest.json")
    }

    async fn keep(&self, manifest: &SoakManifest, cx: &StepContext) -> Result<(), NotBegun> {
        let (folder, path, manifest) = (self.folder.clone(), self.manifest(), manifest.clone());
        let _real = cx.run().clock().external();
        blocking(move || {
            fs::create_dir_all(&folder)?;
            Ok(manifest.write(&path)?)
        })
        .await
        .unwrap_or_else(|error| Err(io::Error::other(error).into()))
    }

    async fn report(&self, report: &SoakReport, cx: &StepContext) -> Result<(), NotBegun> {
        let path: PathBuf = self.folder.join("report.json");
        let text = serde_json::to_string_pretty(report).unwrap_or_default();
        let _real = cx.run().clock().external();
        let written = blocking(move || fs::write(Path::new(&path), text + "\n")).await;
        Ok(written.unwrap_or_else(|error| Err(io::Error::other(error)))?)
    }
}
