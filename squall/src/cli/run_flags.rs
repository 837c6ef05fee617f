//! The flags of every command that runs something.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chaos_core::{ControlOrder, DurationText, StateDir};
use chaos_runner::{Runner, RunnerBuilder};

use super::exports::ExportFlags;
use super::failure::Failure;
use super::follow::Watch;
use super::format::ReportFormat;
use super::live::Detail;
use super::policy_flags::PolicyFlags;
use super::report_flags::ReportFlags;
use super::secrets;
use super::settings;
use super::verifier::CommandVerifier;

/// Variables that name a model; without them the offline planner plans.
const MODEL_VARIABLES: &[&str] = &["CHAOS_MODEL", "AGENT_MODEL"];

/// A runner within what these flags and the user's settings allow.
pub(crate) fn runner_within(
    policy: &PolicyFlags,
    state: Option<StateDir>,
    workspace: Option<&Path>,
) -> Result<RunnerBuilder, Failure> {
    let mut builder = Runner::builder().policy(policy.policy()?).guardian(settings::guardian());
    if policy.accept_policy {
        builder = builder.accept_policy();
    }
    if let Some(state) = state.or_else(settings::state_dir) {
        builder = builder.state_dir(state);
    }
    if let Some(folder) = settings::workspace(workspace) {
        builder = builder.workspace(folder);
    }
    Ok(builder.redactor(secrets::redactor()))
}

/// How a run is made and told.
#[derive(Debug, Default, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own on the command line")]
pub(crate) struct RunFlags {
    /// Prints the plan, and whether the policy allows it; touches nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// How to print the report.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: ReportFormat,
    /// Writes every event of the run as a line of JSON to this file; `-` is standard output, the report then goes to
    /// standard error.
    #[arg(long, value_name = "PATH")]
    pub(crate) events: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) reports: ReportFlags,
    /// Shows no progress; the report and errors stay.
    #[arg(long, short)]
    pub(crate) quiet: bool,
    /// Shows every event as it happens.
    #[arg(long, short, conflicts_with = "quiet")]
    pub(crate) verbose: bool,
    /// Seed of every random choice; default: the file's, else one that the report names.
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// Skips every effect and keeps every check; a sham run never passes.
    #[arg(long)]
    pub(crate) sham: bool,
    /// Holds until standard input closes: a fault without a time of its own lasts as long as the policy allows.
    #[arg(long)]
    pub(crate) until_stdin_closes: bool,
    /// How long a trigger may take beyond its own minimum; default 1h.
    #[arg(long, value_name = "TIME")]
    pub(crate) trigger_timeout: Option<DurationText>,
    /// Folder for files that plug-ins keep (transcripts, results); default: the current one.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) workspace: Option<PathBuf>,
    /// Asks no model, whatever the environment says: the offline planner makes the planned call.
    #[arg(long)]
    pub(crate) offline: bool,
    /// A program that answers the harness's own checks (`verify` names and check types that are not known here): a question
    /// as JSON on its standard input, the answer as JSON on its standard output.
    #[arg(long, value_name = "COMMAND")]
    pub(crate) verifier: Option<String>,
    /// How long one answer of the verifier may take; default 30s.
    #[arg(long, value_name = "TIME", requires = "verifier")]
    pub(crate) verifier_timeout: Option<DurationText>,
    #[command(flatten)]
    pub(crate) exports: ExportFlags,
    /// What may be touched.
    #[command(flatten)]
    pub(crate) policy: PolicyFlags,
}

impl RunFlags {
    /// How it is followed.
    pub(crate) fn watch(&self) -> Result<Watch, Failure> {
        let exports = self.exports.start()?;
        Ok(Watch { detail: self.detail(), until_stdin_closes: self.until_stdin_closes, exports })
    }

    /// How much is shown while it runs.
    pub(crate) fn detail(&self) -> Detail {
        Detail::asked(self.quiet, self.verbose)
    }

    /// The runner that they say; `state` takes the place of the user's state directory.
    pub(crate) fn runner(&self, state: Option<StateDir>) -> Result<Runner, Failure> {
        self.seeded_runner(state, self.seed, ControlOrder::default())
    }

    /// The same with another seed, and with control legs before or after their faults.
    pub(crate) fn seeded_runner(
        &self,
        state: Option<StateDir>,
        seed: Option<u64>,
        control: ControlOrder,
    ) -> Result<Runner, Failure> {
        let mut builder = runner_within(&self.policy, state, self.workspace.as_deref())?.sham(self.sham);
        builder = builder.hold_until_released(self.until_stdin_closes).control_order(control);
        if !self.dry_run {
            self.exports.start()?;
        }
        if let Some(note) = self.exports.note() {
            builder = builder.announce(note);
        }
        if self.offline {
            builder =
                builder.env(std::env::vars().filter(|(name, _)| !MODEL_VARIABLES.contains(&name.as_str())).collect());
        }
        if let Some(command) = &self.verifier {
            let verifier = CommandVerifier::new(command, self.verifier_timeout.map(DurationText::get));
            builder = builder.verifier(Arc::new(verifier.map_err(|error| Failure::Usage(error.to_string()))?));
        }
        if let Some(seed) = seed {
            builder = builder.seed(seed);
        }
        if let Some(limit) = self.trigger_timeout {
            builder = builder.trigger_timeout(Duration::max(limit.get(), Duration::from_millis(1)));
        }
        Ok(builder.build()?)
    }
}
