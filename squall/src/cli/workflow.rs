//! A workflow through the engine: its own steps in place of entries, and its own report.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use chaos_core::Task;
use chaos_runner::Runner;
use chaos_schema::LoadOptions;
use chaos_workflow::{KeptPlaces, NewRun, WorkflowReport, WorkflowSource, drive};

use super::execute;
use super::failure::Failure;
use super::format::ReportFormat;
use super::run_flags::RunFlags;
use super::settings;
use super::signals::Signals;

/// Where the nodes of a document have their folders and ports.
pub(crate) fn kept_places(options: &LoadOptions) -> Option<KeptPlaces> {
    let pool = options.nodes.as_ref()?;
    Some(KeptPlaces { folder: pool.folder.clone(), ports: pool.ports.clone() })
}

/// The folder below which workflows keep their ledgers.
pub(crate) fn workspace(flags: &RunFlags) -> &Path {
    settings::workspace_or_here(flags.workspace.as_deref())
}

/// Refuses flags that say nothing of a workflow, by name.
pub(crate) fn check_flags(flags: &RunFlags, others: &[(&str, bool)]) -> Result<(), Failure> {
    let own = [
        ("--sham", flags.sham, "the programs of its steps would run all the same"),
        ("--until-stdin-closes", flags.until_stdin_closes, "its steps have times of their own"),
    ];
    let others = others.iter().map(|(flag, given)| (*flag, *given, "it is about entries"));
    for (flag, given, why) in own.into_iter().chain(others) {
        if given {
            return Err(Failure::Usage(format!("`{flag}` does not apply to a workflow: {why}")));
        }
    }
    let form = match flags.format {
        ReportFormat::Text | ReportFormat::Json => flags.reports.beyond_json(),
        ReportFormat::Junit => Some("--format junit"),
        ReportFormat::Html => Some("--format html"),
    };
    match form {
        Some(form) => {
            Err(Failure::Usage(format!("`{form}` does not apply to a workflow: use `--format json` or `--json`")))
        }
        None => Ok(()),
    }
}

/// A new run of a workflow.
pub(crate) fn new_run(flags: &RunFlags, file: &Path, document: Vec<u8>, places: Option<KeptPlaces>) -> WorkflowSource {
    let file = file.display().to_string();
    WorkflowSource::New(NewRun { workspace: workspace(flags).to_owned(), file, document, places })
}

/// Runs the workflow of a task to its end.
pub(crate) async fn run_workflow(
    runner: &Runner,
    task: Task,
    source: WorkflowSource,
    file: &Path,
    events: Option<File>,
    flags: &RunFlags,
    signals: &mut Signals,
) -> Result<WorkflowReport, Failure> {
    let workflow = task.workflow.clone().ok_or_else(|| Failure::Internal("a task without a workflow".to_owned()))?;
    let steps = Arc::clone(&workflow);
    let work = move |session| async move {
        let mut end = drive(session, steps, source).await;
        let driven = end.driven();
        (end, driven)
    };
    let (mut run, end) = execute::drive(runner, task, work, events, flags.watch()?, signals).await?;
    execute::finished(&mut run, Some(file), None);
    Ok(WorkflowReport::of(&workflow, end, run))
}
