//! `squall schema`: the registries as JSON Schema, or as tools of a model.

use chaos_schema::{Profile, schema, tools};
use clap::ValueEnum;

use super::console::print_json;
use super::document::DocumentKind;
use super::failure::Failure;

/// Prints the JSON Schema of task files, entries or experiments, with every plug-in of this program.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Which document.
    #[arg(long, value_enum, default_value = "task")]
    kind: DocumentKind,
    /// For whom.
    #[arg(long, value_enum, default_value_t)]
    profile: Which,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Which {
    /// Editors: with snippets and texts for hovering.
    #[default]
    Editor,
    /// Validators: standard keywords only.
    Plain,
    /// Models: one function tool a fault.
    Tools,
}

pub(super) fn run(args: &Args) -> Result<u8, Failure> {
    let kind = match args.kind {
        DocumentKind::Task => chaos_schema::DocumentKind::Task,
        DocumentKind::Entry => chaos_schema::DocumentKind::Entry,
        DocumentKind::Experiment => chaos_schema::DocumentKind::Experiment,
    };
    match args.profile {
        Which::Editor => print_json(&schema(kind, Profile::Editor))?,
        Which::Plain => print_json(&schema(kind, Profile::Plain))?,
        Which::Tools => print_json(&tools(&chaos_core::FAULTS))?,
    }
    Ok(0)
}
