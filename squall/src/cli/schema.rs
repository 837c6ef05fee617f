//! `squall schema`: the registries as JSON Schema, or as tools of a model.

use std::path::{Path, PathBuf};

use chaos_core::FAULTS;
use chaos_schema::{Document, FunctionTool, KindHint, LoadOptions, Profile, schema, tools};
use clap::ValueEnum;

use super::console::{Paint, print_json};
use super::document::{load_file, rendered};
use super::failure::Failure;
use super::variables::Variable;

/// Prints the JSON Schema of task files, entries, experiments or policies, with every plug-in of this program, or of what a
/// run writes.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Which document, or which output.
    #[arg(long, value_enum, default_value_t)]
    kind: SchemaKind,
    /// Who reads it.
    #[arg(long, value_enum, default_value_t)]
    profile: Which,
    /// With `--profile tools`: exactly the tools that a model is offered in this experiment.
    #[arg(value_name = "EXPERIMENT")]
    experiment: Option<PathBuf>,
    /// Fills the placeholder `{{NAME}}` of the experiment.
    #[arg(long = "var", value_name = "NAME=VALUE", requires = "experiment")]
    vars: Vec<Variable>,
}

/// What a schema describes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum SchemaKind {
    /// A task with its entries.
    #[default]
    Task,
    /// One entry.
    Entry,
    /// An experiment.
    Experiment,
    /// An operator's policy.
    Policy,
    /// The report that a run writes as JSON.
    Report,
    /// One line of the events that a run writes.
    Event,
    /// The report of a workflow that a run writes as JSON.
    Workflow,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Which {
    /// Editors: with snippets and texts for hovering.
    #[default]
    Editor,
    /// Validators: standard keywords only.
    Plain,
    /// Models: one function tool for each fault, without parameters that only an author may set.
    Tools,
}

pub(super) fn run(args: &Args) -> Result<u8, Failure> {
    let kind = match args.kind {
        SchemaKind::Task => chaos_schema::DocumentKind::Task,
        SchemaKind::Entry => chaos_schema::DocumentKind::Entry,
        SchemaKind::Experiment => chaos_schema::DocumentKind::Experiment,
        SchemaKind::Policy => chaos_schema::DocumentKind::Policy,
        SchemaKind::Report | SchemaKind::Event | SchemaKind::Workflow if args.profile == Which::Tools => {
            let why = "`--profile tools` is about faults; leave `--kind` out".to_owned();
            return Err(Failure::Usage(why));
        }
        SchemaKind::Report => return print_json(&chaos_runner::report_schema()).map(|()| 0),
        SchemaKind::Workflow => return print_json(&chaos_workflow::workflow_report_schema()).map(|()| 0),
        SchemaKind::Event => return print_json(&chaos_runner::event_schema()).map(|()| 0),
    };
    match (args.profile, &args.experiment) {
        (Which::Tools, None) => print_json(&tools(FAULTS.all().iter().copied()))?,
        (Which::Tools, Some(file)) => print_json(&offered(file, &args.vars)?)?,
        (_, Some(_)) => {
            return Err(Failure::Usage("only `--profile tools` takes an experiment; leave the file out".to_owned()));
        }
        (Which::Editor, None) => print_json(&schema(kind, Profile::Editor))?,
        (Which::Plain, None) => print_json(&schema(kind, Profile::Plain))?,
    }
    Ok(0)
}

/// The tools that an experiment offers to its model.
fn offered(file: &Path, vars: &[Variable]) -> Result<Vec<FunctionTool>, Failure> {
    let vars = vars.iter().map(Variable::parts).collect();
    let loaded = load_file(file, &LoadOptions { vars, ..LoadOptions::of(KindHint::Experiment) })?;
    if let Some(spec) = loaded.document.and_then(Document::into_experiment) {
        return Ok(chaos_experiment::offered_tools(&spec));
    }
    let rendered = rendered(&loaded.diagnostics, Paint::stderr());
    Err(Failure::Invalid { rendered, diagnostics: loaded.diagnostics })
}
