//! `squall workflow-run survey`: what scenarios have in common, what differs between them, and what none uses.

use std::path::{Path, PathBuf};

use chaos_manifests::{SurveyError, survey};
use chaos_schema::{Code, Diagnostic};

use super::super::console::{Paint, print, print_json};
use super::super::document::{bytes, rendered};
use super::super::failure::Failure;
use super::super::format::DataFormat;

/// Lists what scenarios have in common, what differs between them, and what none of them uses; runs nothing.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The scenarios, as they are written: with their placeholders.
    #[arg(required = true, num_args = 2.., value_name = "FILE")]
    files: Vec<PathBuf>,
    /// How to print it.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: DataFormat,
}

pub(crate) fn run(args: &Args) -> Result<u8, Failure> {
    let read = |path: &PathBuf| {
        let text = String::from_utf8(bytes(path)?);
        let text = text.map_err(|_| Failure::Usage(format!("file `{}` is not UTF-8", path.display())))?;
        Ok((name(path), text))
    };
    let scenarios: Vec<(String, String)> = args.files.iter().map(read).collect::<Result<_, Failure>>()?;
    let survey = survey(&scenarios).map_err(refused)?;
    match args.format {
        DataFormat::Json => print_json(&survey)?,
        DataFormat::Text => print(&survey.to_string())?,
    }
    Ok(0)
}

/// The name of a scenario: that of its file, without the ending.
fn name(path: &Path) -> String {
    path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

fn refused(error: SurveyError) -> Failure {
    let mut diagnostic = Diagnostic::new(Code::Syntax, "", error.to_string());
    match error {
        SurveyError::Unreadable { source, .. } => (diagnostic.line, diagnostic.column) = (source.line, source.column),
        SurveyError::NoWorkflow(_) => {}
        other => return Failure::Usage(other.to_string()),
    }
    Failure::Invalid {
        rendered: rendered(std::slice::from_ref(&diagnostic), Paint::stderr()),
        diagnostics: vec![diagnostic],
    }
}
