//! `squall validate`: every problem of task files, in one pass.

use std::path::{Path, PathBuf};

use chaos_schema::{Code, Diagnostic, Document, KindHint, LoadOptions, Loaded, Placeholders, Severity, load_bytes};
use serde::Serialize;

use super::console::{Colour, Paint, print, print_json};
use super::document::{DocumentFlags, bytes, rendered, unanswered};
use super::failure::{Failure, INVALID, USAGE};
use super::format::DataFormat;
use super::manifests;

/// Checks task files as `run` would, and as the published schema does, and manifests of Chaos Mesh; runs nothing.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The files (YAML or JSON), or folders of them; `-` reads standard input.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    document: DocumentFlags,
    /// Refuses what is only a warning, too.
    #[arg(long)]
    strict: bool,
    /// Lets placeholders stand that no `--var` fills.
    #[arg(long)]
    allow_placeholders: bool,
    /// The program that answers the harness's own checks at the run, so that a `verify` may name what only it knows; it is
    /// not started.
    #[arg(long, value_name = "COMMAND")]
    verifier: Option<String>,
    /// How to print it.
    #[arg(long, value_enum, default_value_t)]
    format: DataFormat,
}

/// What became of one file.
#[derive(Debug, Serialize)]
struct Checked {
    file: String,
    valid: bool,
    /// What a valid file holds: `task`, `entry`, `experiment`, `policy`, `manifests`; absent while placeholders are left.
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    /// Entries of a valid task or entry.
    #[serde(skip_serializing_if = "Option::is_none")]
    entries: Option<usize>,
    /// Steps of its workflow.
    #[serde(skip_serializing_if = "Option::is_none")]
    steps: Option<usize>,
    /// Faults of the pool of its soak.
    #[serde(skip_serializing_if = "Option::is_none")]
    pool: Option<usize>,
    /// Objects of a file of manifests.
    #[serde(skip_serializing_if = "Option::is_none")]
    manifests: Option<usize>,
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
    let mut files = Vec::new();
    for path in &args.files {
        collect(path, &mut files)?;
    }
    let mut options = args.document.options()?;
    if args.allow_placeholders {
        options.placeholders = Placeholders::Allowed;
    }
    let checked: Vec<Checked> = files.iter().map(|file| check(file, args, &options)).collect();
    match args.format {
        DataFormat::Json => print_json(&Report { valid: checked.iter().all(|one| one.valid), files: &checked })?,
        DataFormat::Text => print(&checked.iter().map(|one| text(one, Paint::stdout())).collect::<String>())?,
    }
    Ok(checked.iter().map(Checked::exit_code).max().unwrap_or_default())
}

/// A file as it is named; of a folder all that can be a document, in order, without what is hidden.
fn collect(path: &Path, files: &mut Vec<PathBuf>) -> Result<(), Failure> {
    if !path.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    let before = files.len();
    walk(path, files)?;
    if files.len() == before {
        let folder = path.display();
        return Err(Failure::Usage(format!("folder `{folder}` holds no `.yaml`, `.yml` or `.json` file")));
    }
    Ok(())
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let unreadable = |source| Failure::File { path: folder.to_owned(), doing: "read", source };
    let entries = std::fs::read_dir(folder).map_err(unreadable)?;
    let mut entries: Vec<_> = entries.collect::<Result<_, _>>().map_err(unreadable)?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let (path, kind) = (entry.path(), entry.file_type().map_err(unreadable)?);
        let hidden = entry.file_name().to_string_lossy().starts_with('.');
        // What `squall schema` writes lies beside the tasks that name it.
        let hidden = hidden || path.to_string_lossy().ends_with(".schema.json");
        let document = path.extension().is_some_and(|end| ["yaml", "yml", "json"].iter().any(|known| end == *known));
        // A link to a folder could lead around in a circle.
        if kind.is_dir() && !hidden {
            walk(&path, files)?;
        } else if !kind.is_dir() && !hidden && document {
            files.push(path);
        }
    }
    Ok(())
}

fn check(path: &Path, args: &Args, options: &LoadOptions) -> Checked {
    let file = path.display().to_string();
    match bytes(path).map(|bytes| read(&bytes, &file, options)) {
        Ok((loaded, manifests)) => {
            let strictly = |one: &Diagnostic| args.strict && one.severity == Severity::Warning;
            let loaded =
                loaded.with_errors(|one| if unanswered(one) { args.verifier.is_none() } else { strictly(one) });
            let valid = !loaded.has_errors();
            let (steps, pool) = match &loaded.document {
                Some(Document::Task(task)) => (
                    task.workflow.as_ref().map(|workflow| workflow.all().len()),
                    task.soak.as_ref().map(|soak| soak.pool.len()),
                ),
                _ => (None, None),
            };
            let (kind, entries) = match loaded.document {
                Some(Document::Task(task)) => (Some("task"), Some(task.entries.len())),
                Some(Document::Entry(_)) => (Some("entry"), Some(1)),
                Some(Document::Experiment(_)) => (Some("experiment"), None),
                Some(Document::Policy(_)) => (Some("policy"), None),
                None if valid && manifests.is_some() => (Some("manifests"), None),
                None => (None, None),
            };
            let (unreadable, diagnostics) = (None, loaded.diagnostics);
            Checked { file, valid, kind, entries, steps, pool, manifests, unreadable, diagnostics }
        }
        Err(failure) => {
            let unreadable = Some(failure.chain());
            let (kind, entries, steps, pool, manifests) = (None, None, None, None, None);
            Checked { file, valid: false, kind, entries, steps, pool, manifests, unreadable, diagnostics: Vec::new() }
        }
    }
}

/// A document of ours, or manifests of Chaos Mesh with how many there are.
fn read(bytes: &[u8], name: &str, options: &LoadOptions) -> (Loaded, Option<usize>) {
    let loaded = load_bytes(bytes, name, options);
    let others = matches!(options.kind, KindHint::Auto)
        && loaded.diagnostics.iter().any(|one| matches!(one.code, Code::OtherTool | Code::ManyDocuments));
    match others.then(|| manifests::check(bytes, name)).flatten() {
        Some((count, diagnostics)) => (Loaded { document: None, diagnostics }, Some(count)),
        None => (loaded, None),
    }
}

fn text(checked: &Checked, paint: Paint) -> String {
    // What a line says in full needs no block of its own.
    let told: Vec<Diagnostic> = checked.diagnostics.iter().filter(|one| !said_in_line(one)).cloned().collect();
    let mut lines = Vec::from_iter((!told.is_empty()).then(|| rendered(&told, paint)));
    let unreadable = checked.unreadable.iter();
    lines.extend(unreadable.map(|why| format!("{} {why}", paint.paint(Colour::Red, "error:"))));
    let count = |severity| checked.diagnostics.iter().filter(|one| one.severity == severity).count();
    let no_chaos = checked.diagnostics.iter().find(|one| one.code == Code::NoChaos && !one.is_error());
    let mut outcome = match (checked.kind, checked.entries, no_chaos) {
        (_, _, Some(note)) => format!("valid, no chaos: {}", note.message),
        _ if checked.steps.is_some() => format!("valid, {}", counted(checked.steps.unwrap_or_default(), "step")),
        _ if checked.pool.is_some() => {
            format!("valid, a soak of {}", counted(checked.pool.unwrap_or_default(), "fault"))
        }
        (_, Some(1), _) => "valid, 1 entry".to_owned(),
        (_, Some(entries), _) => format!("valid, {entries} entries"),
        (Some("manifests"), ..) => format!("valid, {}", counted(checked.manifests.unwrap_or_default(), "manifest")),
        (Some("policy"), ..) => "valid, a policy".to_owned(),
        (Some(_), ..) => "valid, an experiment".to_owned(),
        _ if checked.valid => "valid, with placeholders to fill".to_owned(),
        _ if checked.unreadable.is_some() => "not read".to_owned(),
        _ => format!("invalid, {}", counted(count(Severity::Error), "error")),
    };
    if !checked.valid && no_chaos.is_some() {
        outcome = format!("invalid, {}", counted(count(Severity::Error), "error"));
    }
    if count(Severity::Warning) > 0 {
        outcome = format!("{outcome}, {}", counted(count(Severity::Warning), "warning"));
    }
    let empty = checked.diagnostics.iter().filter(|one| one.code == Code::EmptyKey).count();
    if checked.valid && empty > 0 {
        outcome = format!("{outcome}, {} that count as absent", counted(empty, "empty key"));
    }
    let colour = if checked.valid { Colour::Green } else { Colour::Red };
    lines.push(format!("{}: {}\n", checked.file, paint.paint(colour, &outcome)));
    lines.join("\n")
}

fn said_in_line(diagnostic: &Diagnostic) -> bool {
    diagnostic.severity == Severity::Note && matches!(diagnostic.code, Code::NoChaos | Code::EmptyKey)
}

fn counted(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}
