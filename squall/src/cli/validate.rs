//! `squall validate`: every problem of task files, in one pass.

use std::path::{Path, PathBuf};

use chaos_schema::{Diagnostic, Document};
use serde::Serialize;

use super::console::{Colour, Paint, print, print_json};
use super::document::{DocumentFlags, load_file, rendered};
use super::failure::{Failure, INVALID, USAGE};
use super::format::DataFormat;

/// Checks task files as `run` would, and as the published schema does; runs nothing.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The files (YAML or JSON); `-` reads standard input.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    document: DocumentFlags,
    /// How to print it.
    #[arg(long, value_enum, default_value_t)]
    format: DataFormat,
}

/// What became of one file.
#[derive(Debug, Serialize)]
struct Checked {
    file: String,
    valid: bool,
    /// Entries of a valid file.
    #[serde(skip_serializing_if = "Option::is_none")]
    entries: Option<usize>,
    /// Why it could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    unreadable: Option<String>,
    diagnostics: Vec<Diagnostic>,
}

impl Checked {
    fn exit_code(&self) -> u8 {
        match (self.valid, &self.unreadable) {
            (true, _) => 0,
            (false, Some(_)) => USAGE,
            (false, None) => INVALID,
        }
    }
}

#[derive(Serialize)]
struct Report<'a> {
    valid: bool,
    files: &'a [Checked],
}

pub(super) fn run(args: &Args) -> Result<u8, Failure> {
    let checked: Vec<Checked> = args.files.iter().map(|file| check(file, &args.document)).collect();
    match args.format {
        DataFormat::Json => print_json(&Report { valid: checked.iter().all(|one| one.valid), files: &checked })?,
        DataFormat::Text => print(&checked.iter().map(|one| text(one, Paint::stdout())).collect::<String>())?,
    }
    Ok(checked.iter().map(Checked::exit_code).max().unwrap_or_default())
}

fn check(path: &Path, document: &DocumentFlags) -> Checked {
    let file = path.display().to_string();
    match load_file(path, &document.options()) {
        Ok(loaded) => {
            let valid = loaded.document.is_some();
            let entries = loaded.document.and_then(Document::into_task).map(|task| task.entries.len());
            Checked { file, valid, entries, unreadable: None, diagnostics: loaded.diagnostics }
        }
        Err(failure) => {
            let unreadable = Some(failure.chain());
            Checked { file, valid: false, entries: None, unreadable, diagnostics: Vec::new() }
        }
    }
}

fn text(checked: &Checked, paint: Paint) -> String {
    let mut lines = Vec::from_iter((!checked.diagnostics.is_empty()).then(|| rendered(&checked.diagnostics, paint)));
    let unreadable = checked.unreadable.iter();
    lines.extend(unreadable.map(|why| format!("{} {why}", paint.paint(Colour::Red, "error:"))));
    let warnings = checked.diagnostics.iter().filter(|diagnostic| !diagnostic.is_error()).count();
    let errors = checked.diagnostics.len() - warnings;
    let mut outcome = match checked.entries {
        Some(1) => "valid, 1 entry".to_owned(),
        Some(entries) => format!("valid, {entries} entries"),
        None if checked.valid => "valid, an experiment".to_owned(),
        None if checked.unreadable.is_some() => "not read".to_owned(),
        None => format!("invalid, {}", counted(errors, "error")),
    };
    if warnings > 0 {
        outcome = format!("{outcome}, {}", counted(warnings, "warning"));
    }
    let colour = if checked.valid { Colour::Green } else { Colour::Red };
    lines.push(format!("{}: {}\n", checked.file, paint.paint(colour, &outcome)));
    lines.join("\n")
}

fn counted(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}
