//! `squall workflow-run`: scenarios, which are Workflows of Chaos Mesh with placeholders.

use clap::Subcommand;

use super::failure::Failure;
use super::format::{DataFormat, ReportFormat};

#[cfg(feature = "kube")]
mod dry_scenario;
#[cfg(feature = "kube")]
mod scenario;
mod survey;

/// Runs a scenario (a Chaos Mesh Workflow in a git repository): fetches and renders it, refuses what has drifted, applies it, follows
/// it to its first failure, captures everything, cleans up, uploads.
///
/// Exit codes: 0 every step passed, 1 a step failed, 2 it could not be judged, 3 something may still be in the cluster. The first failure
/// decides; what goes wrong later changes nothing.
#[derive(Debug, clap::Args)]
#[command(subcommand_negates_reqs = true, args_conflicts_with_subcommands = true)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Option<WorkflowRunCommand>,
    #[cfg(feature = "kube")]
    #[command(flatten)]
    scenario: scenario::ScenarioArgs,
}

/// What is done with scenarios beside running one.
#[derive(Debug, Subcommand)]
enum WorkflowRunCommand {
    Survey(survey::Args),
}

impl Args {
    /// The form in which standard output is read.
    pub(super) fn format(&self) -> ReportFormat {
        match &self.command {
            Some(WorkflowRunCommand::Survey(args)) => match args.format {
                DataFormat::Json => ReportFormat::Json,
                DataFormat::Text => ReportFormat::Text,
            },
            #[cfg(feature = "kube")]
            None => self.scenario.format,
            #[cfg(not(feature = "kube"))]
            None => ReportFormat::Text,
        }
    }
}

pub(super) fn run(args: &Args) -> Result<u8, Failure> {
    match &args.command {
        Some(WorkflowRunCommand::Survey(args)) => survey::run(args),
        #[cfg(feature = "kube")]
        None => scenario::run(&args.scenario),
        #[cfg(not(feature = "kube"))]
        None => Err(Failure::Usage("this program was built without `kube`, so it runs no scenario".to_owned())),
    }
}
