//! `--json`, `--junit`, `--html`: reports of the same run, each to a file.

use std::fs::canonicalize;
use std::path::{Path, PathBuf};

use chaos_runner::{html_runs, junit_runs};

use super::failure::Failure;
use super::outcome::{Outcome, document, together};
use super::output_file::{self, Readers};
use super::secrets::{masked, write_json};

/// Report files, beside what is printed.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct ReportFlags {
    /// Writes the report as JSON to this file, beside what is printed.
    #[arg(long, value_name = "FILE", conflicts_with = "dry_run")]
    json: Option<PathBuf>,
    /// Writes the report as `JUnit` XML to this file, beside what is printed.
    #[arg(long, value_name = "FILE", conflicts_with = "dry_run")]
    junit: Option<PathBuf>,
    /// Writes the report as one HTML page to this file, beside what is printed.
    #[arg(long, value_name = "FILE", conflicts_with = "dry_run")]
    html: Option<PathBuf>,
}

impl ReportFlags {
    fn given(&self) -> impl Iterator<Item = (&'static str, &Path)> {
        let all = [("json", &self.json), ("junit", &self.junit), ("html", &self.html)];
        all.into_iter().filter_map(|(form, path)| Some((form, path.as_deref()?)))
    }

    /// The first flag that asks for another form than JSON.
    pub(crate) fn beyond_json(&self) -> Option<&'static str> {
        let junit = self.junit.is_some().then_some("--junit");
        junit.or_else(|| self.html.is_some().then_some("--html"))
    }

    /// Refuses, before anything runs, a file that cannot be written, or that has another use: `taken`.
    pub(crate) fn check(&self, taken: &[&Path]) -> Result<(), Failure> {
        let mut taken: Vec<PathBuf> = taken.iter().map(|path| whole(path)).collect();
        for (form, path) in self.given() {
            if path.as_os_str() == "-" {
                let why = format!("`--{form}` takes a file; for standard output use `--format {form}`");
                return Err(Failure::Usage(why));
            }
            if taken.contains(&whole(path)) {
                let why =
                    format!("`--{form} {}`: the file has another use in this command; name another", path.display());
                return Err(Failure::Usage(why));
            }
            taken.push(whole(path));
            let opened = output_file::open(path, Readers::of_its_text());
            opened.map_err(|source| Failure::File { path: path.to_owned(), doing: "written", source })?;
        }
        Ok(())
    }

    /// Writes them all, also when one fails; then the first failure is returned.
    pub(crate) fn write(&self, outcomes: &[Outcome]) -> Result<(), Failure> {
        let mut first = Ok(());
        for (form, path) in self.given() {
            let written = write(form, path, outcomes);
            let written = written.map_err(|source| Failure::File { path: path.to_owned(), doing: "written", source });
            first = first.and(written);
        }
        first
    }
}

fn write(form: &str, path: &Path, outcomes: &[Outcome]) -> std::io::Result<()> {
    output_file::write(path, Readers::of_its_text(), |file| match form {
        "json" => write_json(file, &together(outcomes)),
        "junit" => file.write_all(masked(&document(outcomes, junit_runs)).as_bytes()),
        _ => file.write_all(masked(&document(outcomes, html_runs)).as_bytes()),
    })
}

/// The same path for the same file.
fn whole(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    canonicalize(&absolute).unwrap_or(absolute)
}
