//! `squall down`: ends a run that holds its nodes.

use chaos_core::{StateDir, Verdict};
use chaos_runner::{bring_down, live_runs};
use serde_json::json;

use super::console::{print, print_json};
use super::failure::Failure;
use super::format::DataFormat;
use super::ps;
use super::settings;

/// Ends a run of `squall up`: what is in force is undone, the nodes are stopped, and that run reports.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Id of the run, as `squall ps` names it; default: the only one that holds nodes.
    #[arg(value_name = "RUN")]
    run: Option<String>,
    /// How to print it.
    #[arg(long, value_enum, default_value_t)]
    pub(super) format: DataFormat,
}

pub(super) fn run(args: &Args) -> Result<u8, Failure> {
    let state = settings::located_state_dir()?;
    let run = args.run.clone().map_or_else(|| only(&state), Ok)?;
    let verdict = bring_down(&state, &run).map_err(Failure::control)?;
    match args.format {
        DataFormat::Json => print_json(&json!({"run_id": run, "verdict": verdict}))?,
        DataFormat::Text => {
            let verdict = verdict.map(|verdict| format!(", verdict: {}", verdict.word())).unwrap_or_default();
            print(&format!("run {run} is down{verdict}\n"))?;
        }
    }
    // How the nodes did is told by the run itself; whether all of it is gone is told here too.
    Ok(if verdict == Some(Verdict::RevertFailed) { Verdict::RevertFailed.exit_code() } else { 0 })
}

/// The only run that holds nodes.
fn only(state: &StateDir) -> Result<String, Failure> {
    let held = live_runs(state).into_iter().filter_map(|run| ps::nodes_of(state, &run).ok()).filter(|nodes| nodes.held);
    let held: Vec<String> = held.map(|nodes| nodes.run_id).collect();
    match held.as_slice() {
        [run] => Ok(run.clone()),
        [] => Err(Failure::Usage("no run holds nodes; `squall up FILE` starts one".to_owned())),
        several => Err(Failure::Usage(format!("several runs hold nodes; name one: {}", several.join(", ")))),
    }
}
