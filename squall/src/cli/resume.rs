//! `squall run --resume RUN`: goes on with a workflow whose run has died.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use chaos_core::{ControlOrder, StateDir};
use chaos_host::moment;
use chaos_runner::recover;
use chaos_schema::{LoadOptions, NodePool, load_bytes};
use chaos_workflow::{OpenedLedger, WorkflowSource};

use super::conclude::conclude;
use super::document::bytes;
use super::execute::{create, on_runtime, tell_text};
use super::failure::Failure;
use super::outcome::Outcome;
use super::run::Args;
use super::settings;
use super::workflow::{run_workflow, workspace};

/// How long what a dead run left behind may take to be undone, by its guardian or by us.
const UNDONE_WITHIN: Duration = Duration::from_secs(20);

pub(super) fn resume(args: &Args, run_id: &str) -> Result<u8, Failure> {
    if args.files.len() > 1 {
        return Err(Failure::Usage("`--resume` takes at most one file: the document of the run".to_owned()));
    }
    args.check_workflow()?;
    args.flags.reports.check(&args.taken())?;
    let workspace = std::path::absolute(workspace(&args.flags));
    let opened = OpenedLedger::open(&workspace.unwrap_or_else(|_| PathBuf::from(".")), run_id)?;
    let given = args.files.first().cloned().unwrap_or_else(|| opened.document());
    let document = bytes(&given)?;
    opened.check_document(&document, &given)?;
    let begun = &opened.begun;
    let mut options = args.options()?;
    let pool =
        |places: &chaos_workflow::KeptPlaces| NodePool { folder: places.folder.clone(), ports: places.ports.clone() };
    options = LoadOptions { nodes: begun.places.as_ref().map(pool), ..options };
    let task = args.checked(load_bytes(&document, &begun.file, &options))?;
    if task.workflow.is_none() {
        return Err(Failure::Usage(format!("`{}` has no workflow", begun.file)));
    }
    undone(&settings::located_state_dir()?, &opened.runs())?;
    let (file, seed) = (PathBuf::from(&begun.file), begun.seed);
    let runner = args.flags.seeded_runner(None, Some(seed), ControlOrder::default())?;
    let events = args.flags.events.as_deref().map(create).transpose()?;
    let source = WorkflowSource::Resumed(Box::new(opened));
    let report =
        on_runtime(async |signals| run_workflow(&runner, task, source, &file, events, &args.flags, signals).await)?;
    let outcome = Outcome::Workflow(Box::new(report));
    let shown = tell_text(&outcome, &args.flags);
    let code = conclude(&[], &[outcome], &args.flags)?;
    if code == 0 { shown.map(|()| code) } else { Ok(code) }
}

/// Undoes what the dead runs of a workflow left behind, before anything of it goes on.
fn undone(state: &StateDir, runs: &[String]) -> Result<(), Failure> {
    let begun = Instant::now();
    loop {
        let report = recover(state)?;
        let left = |run: &&String| state.journals().join(format!("{run}.jsonl")).exists();
        let Some(run) = runs.iter().find(left) else { return Ok(()) };
        let is_kept = report.kept.iter().any(|kept| kept.run_id == **run);
        if is_kept || begun.elapsed() > UNDONE_WITHIN {
            return Err(Failure::InForce(run.clone()));
        }
        // Its guardian is at work.
        moment();
    }
}
