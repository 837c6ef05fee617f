//! A scenario, run: the seven steps around a Chaos Mesh Workflow as one command.

use std::path::PathBuf;
use std::time::Duration;

use chaos_core::{DurationText, Secret, Task};
use chaos_kube::ClusterAccess;
use chaos_workflow_run::{
    DeclaredImage, FolderError, RunFolder, ScenarioEnd, ScenarioMode, ScenarioOptions, ScenarioReport, ScenarioSource,
    Store, capture_dead, drive_scenario, is_secret_variable,
};
use clap::ValueEnum;

use crate::cli::console::Out;
use crate::cli::execute::{create, drive, on_runtime};
use crate::cli::exports::ExportFlags;
use crate::cli::failure::Failure;
use crate::cli::follow::Watch;
use crate::cli::format::ReportFormat;
use crate::cli::live::Detail;
use crate::cli::policy_flags::PolicyFlags;
use crate::cli::run_flags::runner_within;
use crate::cli::secrets;
use crate::cli::settings;
use crate::cli::signals::Signals;

use super::dry_scenario;

/// How long cleaning up may take, where nobody says.
const CLEAN: Duration = Duration::from_mins(2);

/// What a run of a scenario is told.
#[derive(Debug, clap::Args)]
pub(super) struct ScenarioArgs {
    /// The scenario: the file `NAME.yaml` in the repository, and the first part of the Workflow's name.
    #[arg(long, value_name = "NAME", required = true)]
    scenario: Option<String>,
    /// The repository: a folder or a URL that `git` takes.
    #[arg(long, value_name = "REPO", required = true)]
    scenario_repo: Option<String>,
    /// The branch, tag or commit in it.
    #[arg(long, value_name = "REF", required = true)]
    scenario_ref: Option<String>,
    /// The folder in the repository that is looked in before its root.
    #[arg(long, value_name = "FOLDER", default_value = "scenarios")]
    scenario_path: PathBuf,
    /// The namespace in which it runs.
    #[arg(long, value_name = "NAME", required = true)]
    namespace: Option<String>,
    /// The id of this run, which no other run has: the Workflow is `<scenario>-<run id>`.
    #[arg(long, value_name = "ID", required = true)]
    run_id: Option<String>,
    /// The bucket that the files of the run are uploaded to; default: none. Keys come from `AWS_…` variables.
    #[arg(long, value_name = "NAME")]
    bucket: Option<String>,
    /// What the keys of uploaded files begin with; default `<scenario>/<run id>`.
    #[arg(long, value_name = "PREFIX", requires = "bucket")]
    prefix: Option<String>,
    /// The value of a placeholder; may be given several times. Only placeholders that are named so are replaced.
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    var: Vec<(String, String)>,
    /// A placeholder whose value is in the environment variable of that name, and is masked in all output and files.
    #[arg(long, value_name = "NAME")]
    secret_var: Vec<String>,
    /// The placeholder of the run id.
    #[arg(long, value_name = "NAME", default_value = "RUN_ID")]
    run_id_var: String,
    /// The placeholder of the namespace.
    #[arg(long, value_name = "NAME", default_value = "NAMESPACE")]
    namespace_var: String,
    /// An image that a Deployment must run, else nothing is applied: `[NAMESPACE/]DEPLOYMENT/CONTAINER=IMAGE[@DIGEST]`.
    #[arg(long, value_name = "CHECK")]
    image_check: Vec<DeclaredImage>,
    /// Who stops the Workflow at its first failure.
    #[arg(long, value_enum, default_value_t)]
    mode: Mode,
    /// A template that runs last, whatever happened: the last children of the entry. In compiled and strict mode.
    #[arg(long, value_name = "TEMPLATE")]
    finally: Vec<String>,
    /// How long the Workflow may take; default: the deadline of its entry and five minutes, else an hour.
    #[arg(long, value_name = "TIME")]
    timeout: Option<DurationText>,
    /// How long cleaning up may take; default 2m.
    #[arg(long, value_name = "TIME")]
    clean_timeout: Option<DurationText>,
    /// The kubeconfig; default `KUBECONFIG`, else `~/.kube/config`, else the service account of the pod.
    #[arg(long, value_name = "PATH")]
    kubeconfig: Option<PathBuf>,
    /// The context in it; default its current one.
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
    /// Fetches, renders and checks, and says what would be applied; asks the cluster nothing.
    #[arg(long)]
    dry_run: bool,
    /// How to print the report.
    #[arg(long, value_enum, default_value_t)]
    pub(super) format: ReportFormat,
    /// Writes every event of the run as a line of JSON to this file; `-` is standard output, the report then goes to
    /// standard error.
    #[arg(long, value_name = "PATH")]
    events: Option<PathBuf>,
    /// Shows no progress; the report and errors stay.
    #[arg(long, short)]
    quiet: bool,
    /// Folder below which the files of the run are kept; default: the current one.
    #[arg(long, value_name = "FOLDER")]
    workspace: Option<PathBuf>,
    #[command(flatten)]
    exports: ExportFlags,
    /// What may be touched.
    #[command(flatten)]
    policy: PolicyFlags,
}

/// Who stops a Workflow at its first failure.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Mode {
    /// We abort it: Chaos Mesh may start one more step before.
    #[default]
    Compatible,
    /// Chaos Mesh itself: its sequence is rewritten to nested branches.
    Compiled,
    /// Our own engine starts every step as a pod, and none after a failure.
    Strict,
}

impl From<Mode> for ScenarioMode {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Compatible => Self::Compatible,
            Mode::Compiled => Self::Compiled,
            Mode::Strict => Self::Strict,
        }
    }
}

/// Text that is not a name and a value.
#[derive(Debug, thiserror::Error)]
#[error("expected `NAME=VALUE`")]
struct NotAPair;

fn pair(text: &str) -> Result<(String, String), NotAPair> {
    let (name, value) = text.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or(NotAPair)?;
    Ok((name.to_owned(), value.to_owned()))
}

impl ScenarioArgs {
    /// What the flags say; what is secret among it is masked from here on.
    fn options(&self) -> Result<ScenarioOptions, Failure> {
        // The parser has refused the command without them.
        let given = |value: &Option<String>| value.clone().unwrap_or_default();
        let (scenario, run_id) = (given(&self.scenario), given(&self.run_id));
        let mut variables = std::collections::BTreeMap::new();
        for (name, value) in &self.var {
            if is_secret_variable(name) && !value.is_empty() {
                secrets::hide(&Secret::new(value));
            }
            if variables.insert(name.clone(), value.clone()).is_some() {
                return Err(Failure::Usage(format!("`--var {name}` is given twice")));
            }
        }
        for name in &self.secret_var {
            let value = std::env::var(name)
                .map_err(|_| Failure::Usage(format!("`--secret-var {name}`: no such environment variable")))?;
            secrets::hide(&Secret::new(&value));
            if variables.insert(name.clone(), value).is_some() {
                return Err(Failure::Usage(format!("`{name}` is given twice")));
            }
        }
        let env = |name: &str| std::env::var(name).ok();
        for secret in ["AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"].into_iter().filter_map(env) {
            secrets::hide(&Secret::new(secret));
        }
        let prefix = self.prefix.clone().unwrap_or_else(|| format!("{scenario}/{run_id}"));
        let options = ScenarioOptions {
            source: ScenarioSource {
                repo: given(&self.scenario_repo),
                reference: given(&self.scenario_ref),
                scenario,
                folder: self.scenario_path.clone(),
            },
            access: ClusterAccess { kubeconfig: self.kubeconfig.clone(), context: self.context.clone() },
            namespace: given(&self.namespace),
            run_id,
            variables,
            run_id_variable: Some(self.run_id_var.clone()).filter(|name| !name.is_empty()),
            namespace_variable: Some(self.namespace_var.clone()).filter(|name| !name.is_empty()),
            images: self.image_check.clone(),
            mode: self.mode.into(),
            finally: self.finally.clone(),
            timeout: self.timeout.map(DurationText::get),
            clean_timeout: self.clean_timeout.map_or(CLEAN, DurationText::get),
            workspace: settings::workspace_or_here(self.workspace.as_deref()).to_owned(),
            store: self.bucket.as_ref().map(|bucket| Store::from_env(bucket, &prefix, env)),
            at_step: None,
        };
        options.check().map_err(|error| Failure::Usage(error.to_string()))?;
        if !options.finally.is_empty() && options.mode == ScenarioMode::Compatible {
            let why =
                "`--finally` needs `--mode compiled` or `--mode strict`: Chaos Mesh's own Workflow has no such step";
            return Err(Failure::Usage(why.to_owned()));
        }
        Ok(options)
    }

    fn out(&self) -> Out {
        Out::beside(self.events.as_deref())
    }

    fn tell(&self, report: &ScenarioReport) -> Result<(), Failure> {
        match self.format {
            ReportFormat::Json => self.out().print_json(report),
            ReportFormat::Junit => self.out().print(&report.junit()),
            ReportFormat::Text | ReportFormat::Html => self.out().print(&report.text()),
        }
    }
}

pub(super) fn run(args: &ScenarioArgs) -> Result<u8, Failure> {
    if args.format == ReportFormat::Html {
        return Err(Failure::Usage(
            "`--format html` does not apply to `workflow-run`: use text, json or junit".to_owned(),
        ));
    }
    let options = args.options()?;
    if args.dry_run {
        return dry_scenario::run(&options, &args.policy.policy()?, args.format, args.out());
    }
    let folder = RunFolder::open(&options.workspace, &options.namespace, &options.workflow());
    let folder = folder.map_err(|error| match error {
        FolderError::Io { path, source } => Failure::File { path, doing: "used", source },
        other => Failure::Scenario(other),
    })?;
    let events = args.events.as_deref().map(create).transpose()?;
    let (report, code) = on_runtime(async |signals| scenario(args, options, folder, events, signals).await)?;
    if let Some(report) = report {
        args.tell(&report)?;
    }
    Ok(code)
}

async fn scenario(
    args: &ScenarioArgs,
    options: ScenarioOptions,
    mut folder: RunFolder,
    events: Option<std::fs::File>,
    signals: &mut Signals,
) -> Result<(Option<ScenarioReport>, u8), Failure> {
    // Before the engine recovers the dead run, and with it deletes what there is to capture.
    capture_dead(&options, &mut folder, &secrets::redactor()).await;
    let mut builder = runner_within(&args.policy, None, Some(&options.workspace))?;
    if let Some(note) = args.exports.note() {
        builder = builder.announce(note);
    }
    let runner = builder.build()?;
    let detail = if args.quiet { Detail::asked(true, false) } else { Detail::Notes };
    let watch = Watch { detail, until_stdin_closes: false, exports: args.exports.start()? };
    let task = Task { name: Some(options.workflow()), ..Task::default() };
    let work = move |session| async move {
        let end = drive_scenario(session, options, folder).await;
        let driven = end.driven();
        (end, driven)
    };
    let (run, end) = drive(&runner, task, work, events, watch, signals).await?;
    let worst = run.verdict.exit_code();
    let Some(ScenarioEnd { mut report }) = end else {
        let why = run.not_begun.clone().unwrap_or_else(|| "the engine ended without a report".to_owned());
        crate::cli::console::complain(&format!("the scenario did not run: {why}"));
        return Ok((None, worst.max(2)));
    };
    if worst == 3 {
        report.exit_code = 3;
    }
    let code = report.exit_code;
    Ok((Some(report), code))
}
