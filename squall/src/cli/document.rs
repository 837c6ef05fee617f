//! Reads task files and policy files for the commands.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use std::str::FromStr;

use chaos_core::{Policy, Task};
use chaos_schema::{Colour, Diagnostic, KindHint, LoadOptions, Loaded, is_reserved, load_bytes, render_with};
use clap::ValueEnum;

use super::console::{Paint, say};
use super::failure::Failure;

/// The largest policy file, in bytes.
const MAX_POLICY_BYTES: usize = 1 << 20;

/// How a document is read.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct DocumentFlags {
    /// Fills the placeholder `{{NAME}}`.
    #[arg(long = "var", value_name = "NAME=VALUE")]
    vars: Vec<Variable>,
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
}

impl DocumentFlags {
    /// The options that the flags set.
    pub(crate) fn options(&self) -> LoadOptions {
        let kind = match self.kind {
            None => KindHint::Auto,
            Some(DocumentKind::Task) => KindHint::Task,
            Some(DocumentKind::Entry) => KindHint::Entry,
            Some(DocumentKind::Experiment) => KindHint::Experiment,
        };
        let vars: BTreeMap<_, _> = self.vars.iter().map(|var| (var.name.clone(), var.value.clone())).collect();
        LoadOptions { kind, vars }
    }
}

/// The value of a placeholder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Variable {
    name: String,
    value: String,
}

impl Variable {
    /// Its name and its value.
    pub(crate) fn parts(&self) -> (String, String) {
        (self.name.clone(), self.value.clone())
    }
}

/// Why a variable is refused.
#[derive(Debug, PartialEq, thiserror::Error)]
pub(crate) enum VariableError {
    #[error("invalid variable `{0}`: expected NAME=VALUE")]
    NotAPair(String),
    #[error(
        "reserved variable name `{0}`: names that start with `node.`, `link.` or `steps.` are filled from the file"
    )]
    Reserved(String),
}

impl FromStr for Variable {
    type Err = VariableError;

    fn from_str(text: &str) -> Result<Self, VariableError> {
        match text.split_once('=') {
            Some((name, _)) if is_reserved(name) => Err(VariableError::Reserved(name.to_owned())),
            Some((name, value)) if !name.is_empty() => Ok(Self { name: name.to_owned(), value: value.to_owned() }),
            _ => Err(VariableError::NotAPair(text.to_owned())),
        }
    }
}

/// The bytes of a file, or of standard input where the path is `-`.
pub(crate) fn bytes(path: &Path) -> Result<Vec<u8>, Failure> {
    let unreadable = |source| Failure::File { path: path.to_owned(), doing: "read", source };
    if path == Path::new("-") {
        let mut bytes = Vec::new();
        std::io::stdin().lock().read_to_end(&mut bytes).map_err(unreadable)?;
        return Ok(bytes);
    }
    std::fs::read(path).map_err(unreadable)
}

/// Loads a file.
pub(crate) fn load_file(path: &Path, options: &LoadOptions) -> Result<Loaded, Failure> {
    Ok(load_bytes(&bytes(path)?, &path.display().to_string(), options))
}

/// The task of what was loaded; its warnings go to standard error, its errors into the failure.
pub(crate) fn task(loaded: Loaded) -> Result<Task, Failure> {
    let rendered = rendered(&loaded.diagnostics, Paint::stderr());
    let Some(document) = loaded.document else {
        return Err(Failure::Invalid { rendered, diagnostics: loaded.diagnostics });
    };
    if !rendered.is_empty() {
        say(rendered.trim_end());
    }
    let experiment = || Failure::Usage("this is an experiment; run it with `squall experiment FILE`".to_owned());
    document.into_task().ok_or_else(experiment)
}

/// The text form of diagnostics.
pub(crate) fn rendered(diagnostics: &[Diagnostic], paint: Paint) -> String {
    render_with(diagnostics, if paint.is_on() { Colour::Always } else { Colour::Never })
}

/// Reads a policy file.
pub(crate) fn policy(path: &Path) -> Result<Policy, Failure> {
    let wrong = |why: String| Failure::Usage(format!("policy file `{}`: {why}", path.display()));
    let bytes = bytes(path)?;
    if bytes.len() > MAX_POLICY_BYTES {
        return Err(wrong(format!("larger than {MAX_POLICY_BYTES} bytes")));
    }
    let text = String::from_utf8(bytes).map_err(|_| wrong("is not UTF-8".to_owned()))?;
    let policy: Policy = serde_saphyr::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    for (key, ceiling) in [("max_qps", policy.max_qps), ("max_duration_seconds", policy.max_duration_seconds)] {
        if !ceiling.is_finite() || ceiling < 0.0 {
            return Err(wrong(format!("`{key}` must be 0 or more")));
        }
    }
    Ok(policy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_is_cut_at_its_first_equals_sign() {
        let var: Variable = "A=b=c".parse().unwrap();
        assert_eq!((var.name.as_str(), var.value.as_str()), ("A", "b=c"));
        for wrong in ["A", "=b", ""] {
            assert_eq!(wrong.parse::<Variable>(), Err(VariableError::NotAPair(wrong.to_owned())));
        }
        let reserved = "node.web.dir=/tmp".parse::<Variable>();
        assert_eq!(reserved, Err(VariableError::Reserved("node.web.dir".to_owned())));
    }

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
            ("max_qps: -1\n", "must be 0 or more"),
            ("allow_hosts: [\"a b\"]\n", "invalid host pattern"),
        ];
        for (text, want) in rows {
            let error = policy_of(text).unwrap_err();
            assert!(error.to_string().contains(want), "{text}: {error}");
            assert_eq!(error.exit_code(), 64);
        }
    }
}
