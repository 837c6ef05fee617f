//! Reads task files and policy files for the commands.

use std::path::{Path, PathBuf};

use chaos_core::{Policy, Task, read_bounded, read_to_limit, suggestion};
use chaos_schema::{
    Code, Colour, Diagnostic, Document, KindHint, LoadOptions, Loaded, Severity, load_bytes, render_with,
};
use clap::ValueEnum;

use super::console::{Paint, say};
use super::failure::Failure;
use super::variables::VariableFlags;

/// How a document is read.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct DocumentFlags {
    #[command(flatten)]
    variables: VariableFlags,
    /// What the file is, where its keys don't say.
    #[arg(long, value_enum)]
    kind: Option<DocumentKind>,
}

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DocumentKind {
    /// A task with its entries.
    Task,
    /// One entry.
    Entry,
    /// An experiment.
    Experiment,
    /// An operator's policy.
    Policy,
}

impl DocumentFlags {
    /// The options that the flags set.
    pub(crate) fn options(&self) -> Result<LoadOptions, Failure> {
        let kind = match self.kind {
            None => KindHint::Auto,
            Some(DocumentKind::Task) => KindHint::Task,
            Some(DocumentKind::Entry) => KindHint::Entry,
            Some(DocumentKind::Experiment) => KindHint::Experiment,
            Some(DocumentKind::Policy) => KindHint::Policy,
        };
        Ok(LoadOptions { vars: self.variables.values()?, ..LoadOptions::of(kind) })
    }
}

/// The bytes of a document or a report. Documents have a bound of their own (16 MiB), which tells more; reports of long
/// runs are larger.
const LIMIT: u64 = 256 << 20;

/// The bytes of a file, or of standard input where the path is `-`.
pub(crate) fn bytes(path: &Path) -> Result<Vec<u8>, Failure> {
    let unreadable = |source| Failure::File { path: path.to_owned(), doing: "read", source };
    if path == Path::new("-") {
        return read_to_limit(std::io::stdin().lock(), LIMIT).map_err(unreadable);
    }
    read_bounded(path, LIMIT).map_err(|source| match near(path) {
        Some(near) if source.kind() == std::io::ErrorKind::NotFound => {
            let (path, near) = (path.display(), near.display());
            Failure::Usage(format!("file `{path}` does not exist; did you mean `{near}`?"))
        }
        _ => unreadable(source),
    })
}

/// A file beside one that is not there, whose name is almost the same.
fn near(path: &Path) -> Option<PathBuf> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let names = std::fs::read_dir(folder).ok()?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let names: Vec<String> = names.collect();
    let wanted = path.file_name()?.to_str()?;
    let stem = |name: &str| Path::new(name).file_stem().map(std::ffi::OsStr::to_owned);
    let known = |name: &str| [".yaml", ".yml", ".json"].iter().any(|end| name.ends_with(end));
    let names = || names.iter().map(String::as_str);
    let same = names().find(|name| stem(name) == stem(wanted) && known(name));
    Some(path.with_file_name(same.or_else(|| suggestion(wanted, names()))?))
}

/// Loads a file.
pub(crate) fn load_file(path: &Path, options: &LoadOptions) -> Result<Loaded, Failure> {
    Ok(load_bytes(&bytes(path)?, &path.display().to_string(), options))
}

/// Who answers a `verify`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Checks {
    /// Only the checks of the file.
    File,
    /// A verifier of the operator, too.
    Verifier,
    /// Only the checks of the file, which has a soak.
    Soak,
    /// Nobody: only the nodes are wanted.
    Nobody,
}

/// The task of what was loaded; its warnings go to standard error, its errors into the failure.
pub(crate) fn task(loaded: Loaded, checks: Checks) -> Result<Task, Failure> {
    // A run without chaos would look like one that held.
    let is_error = |one: &Diagnostic| match checks {
        Checks::File | Checks::Soak => unanswered(one) || one.code == Code::NoChaos,
        Checks::Verifier => one.code == Code::NoChaos,
        Checks::Nobody => false,
    };
    let mut loaded = loaded.with_errors(is_error);
    // Notes are for who writes the file, not for who runs it.
    loaded.diagnostics.retain(|one| one.severity != Severity::Note);
    let rendered = rendered(&loaded.diagnostics, Paint::stderr());
    let Some(document) = loaded.document else {
        return Err(Failure::Invalid { rendered, diagnostics: loaded.diagnostics });
    };
    if !rendered.is_empty() {
        say(rendered.trim_end());
    }
    match document {
        Document::Experiment(_) => {
            Err(Failure::Usage("this is an experiment; run it with `squall experiment FILE`".to_owned()))
        }
        Document::Policy(_) => {
            Err(Failure::Usage("this is a policy; give it with `--policy FILE` beside a task".to_owned()))
        }
        Document::Task(task) if task.soak.is_some() && matches!(checks, Checks::File | Checks::Verifier) => {
            Err(Failure::Usage("this is a soak; run it with `squall soak FILE`".to_owned()))
        }
        document => match document.into_task() {
            Some(task) => Ok(task),
            None => Err(Failure::Internal("a document without entries".to_owned())),
        },
    }
}

/// A `verify` that names nothing: without a verifier nobody could answer it.
pub(crate) fn unanswered(diagnostic: &Diagnostic) -> bool {
    diagnostic.code == Code::UnknownVerify
}

/// The text form of diagnostics.
pub(crate) fn rendered(diagnostics: &[Diagnostic], paint: Paint) -> String {
    render_with(diagnostics, if paint.is_on() { Colour::Always } else { Colour::Never })
}

/// Reads a policy file, by the same rules as a task file; its warnings go to standard error.
pub(crate) fn policy(path: &Path) -> Result<Policy, Failure> {
    let loaded = load_file(path, &LoadOptions::of(KindHint::Policy))?;
    let rendered = rendered(&loaded.diagnostics, Paint::stderr());
    match loaded.document.and_then(Document::into_policy) {
        Some(policy) => {
            if !rendered.is_empty() {
                say(rendered.trim_end());
            }
            Ok(policy)
        }
        None => Err(Failure::Invalid { rendered, diagnostics: loaded.diagnostics }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy_of(text: &str) -> Result<Policy, Failure> {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("policy.yaml");
        std::fs::write(&path, text).unwrap();
        policy(&path)
    }

    #[test]
    fn a_policy_file_changes_what_it_names() {
        let policy = policy_of("max_qps: 5000\nallow_hosts: [10.0.0.0/8]\n").unwrap();
        assert_eq!((policy.max_qps, policy.allow_hosts.len(), policy.max_concurrency), (5000.0, 1, 64));
        assert_eq!(policy_of("{\"max_concurrency\": 3}").unwrap().max_concurrency, 3);
    }

    #[test]
    fn a_wrong_policy_file_is_refused_with_its_reason() {
        let rows = [
            ("max_qsp: 1\n", "max_qsp"),
            ("max_qps: .nan\n", "max_qps"),
            ("max_qps: -1\n", "must be at least 0"),
            ("allow_hosts: [\"a b\"]\n", "`allow_hosts`"),
            ("allow_privileged: yes\n", "must be `true` or `false`"),
            ("max_qps: 0b101\n", "must be a number"),
            ("max_qps: 5\n0x1: 1\nmax_qps: 6\n", "duplicate key `max_qps`"),
            ("{\"max_qps\": 5, // never more\n\"max_bytes\": 1}", "no comments"),
        ];
        for (text, want) in rows {
            let error = policy_of(text).unwrap_err();
            let Failure::Invalid { rendered, .. } = &error else { panic!("{text}: {error}") };
            assert!(rendered.contains(want) && rendered.contains("policy.yaml:"), "{text}: {rendered}");
            assert_eq!(error.exit_code(), 65);
        }
    }
}
