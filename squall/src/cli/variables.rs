//! The values of placeholders, plain ones and secret ones.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::str::FromStr;

use chaos_core::{Secret, SecretMasking, read_bounded};
use chaos_schema::is_reserved;

use super::console::say;
use super::failure::Failure;
use super::secrets;

/// The values of placeholders.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct VariableFlags {
    /// Fills the placeholder `{{NAME}}`.
    #[arg(long = "var", value_name = "NAME=VALUE")]
    vars: Vec<Variable>,
    /// Fills `{{NAME}}` from the environment variable of that name, or of another one; every output has `***` in its place.
    #[arg(long, value_name = "NAME[=ENVVAR]")]
    var_env: Vec<FromEnvironment>,
    /// Fills `{{NAME}}` with the text of a file, without the line break at its end; every output has `***` in its place.
    #[arg(long, value_name = "NAME=PATH")]
    var_file: Vec<FromFile>,
}

impl VariableFlags {
    /// The values. From here on, the secret ones are masked.
    pub(crate) fn values(&self) -> Result<BTreeMap<String, String>, Failure> {
        let mut values: BTreeMap<String, String> =
            self.vars.iter().map(|var| (var.name.clone(), var.value.clone())).collect();
        let environment = self.var_env.iter().map(|from| (&from.name, from.value()));
        let files = self.var_file.iter().map(|from| (&from.name, from.value()));
        for (name, value) in environment.chain(files) {
            let secret = Secret::new(value?);
            if values.insert(name.clone(), secret.expose().to_owned()).is_some() {
                return Err(Failure::Usage(format!("placeholder `{name}` is filled twice; fill it once")));
            }
            if secrets::hide(&secret) {
                warn_of_short(name, &secret);
            }
        }
        Ok(values)
    }
}

/// A short value may be a word or a figure of the report, and is not masked there.
fn warn_of_short(name: &str, secret: &Secret) {
    let where_masked = match SecretMasking::of(secret) {
        SecretMasking::WholeWords => "only as a whole word",
        SecretMasking::Credentials if !secret.expose().is_empty() => "only in headers such as `Authorization`",
        _ => return,
    };
    say(&format!("warning: the value of `{name}` is shorter than 6 characters, and is masked {where_masked}"));
}

/// A placeholder and an environment variable.
#[derive(Debug, Clone, PartialEq, Eq)]
struct FromEnvironment {
    name: String,
    variable: String,
}

impl FromEnvironment {
    fn value(&self) -> Result<String, Failure> {
        let Self { name, variable } = self;
        std::env::var(variable).map_err(|error| {
            let why = match error {
                std::env::VarError::NotPresent => "is not set",
                std::env::VarError::NotUnicode(_) => "is not UTF-8",
            };
            Failure::Usage(format!("`--var-env {name}`: environment variable `{variable}` {why}"))
        })
    }
}

impl FromStr for FromEnvironment {
    type Err = VariableError;

    fn from_str(text: &str) -> Result<Self, VariableError> {
        let (name, variable) = text.split_once('=').unwrap_or((text, text));
        match (name, variable) {
            ("", _) | (_, "") => Err(VariableError::NotAPair(text.to_owned(), "NAME or NAME=ENVVAR")),
            (name, _) if is_reserved(name) => Err(VariableError::Reserved(name.to_owned())),
            (name, variable) => Ok(Self { name: name.to_owned(), variable: variable.to_owned() }),
        }
    }
}

/// A placeholder and a file.
/// Bytes of a value that a file holds: a key or a certificate takes some thousand.
const LONGEST: u64 = 1 << 20;

#[derive(Debug, Clone, PartialEq, Eq)]
struct FromFile {
    name: String,
    path: PathBuf,
}

impl FromFile {
    fn value(&self) -> Result<String, Failure> {
        let failed = |source| Failure::File { path: self.path.clone(), doing: "read", source };
        let bytes = read_bounded(&self.path, LONGEST).map_err(failed)?;
        let mut text = String::from_utf8(bytes).map_err(|error| failed(io::Error::other(error)))?;
        if text.ends_with('\n') {
            text.pop();
            if text.ends_with('\r') {
                text.pop();
            }
        }
        Ok(text)
    }
}

impl FromStr for FromFile {
    type Err = VariableError;

    fn from_str(text: &str) -> Result<Self, VariableError> {
        match text.split_once('=') {
            Some((name, _)) if is_reserved(name) => Err(VariableError::Reserved(name.to_owned())),
            Some((name, path)) if !name.is_empty() && !path.is_empty() => {
                Ok(Self { name: name.to_owned(), path: path.into() })
            }
            _ => Err(VariableError::NotAPair(text.to_owned(), "NAME=PATH")),
        }
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
    #[error("invalid variable `{0}`: expected {1}")]
    NotAPair(String, &'static str),
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
            _ => Err(VariableError::NotAPair(text.to_owned(), "NAME=VALUE")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_is_cut_at_its_first_equals_sign() {
        let var: Variable = "A=b=c".parse().unwrap();
        assert_eq!((var.name.as_str(), var.value.as_str()), ("A", "b=c"));
        for wrong in ["A", "=b", ""] {
            assert_eq!(wrong.parse::<Variable>(), Err(VariableError::NotAPair(wrong.to_owned(), "NAME=VALUE")));
        }
        let reserved = "node.web.dir=/tmp".parse::<Variable>();
        assert_eq!(reserved, Err(VariableError::Reserved("node.web.dir".to_owned())));
    }

    #[test]
    fn a_secret_names_where_it_comes_from() {
        let from = |name: &str, variable: &str| FromEnvironment { name: name.into(), variable: variable.into() };
        assert_eq!("KEY".parse(), Ok(from("KEY", "KEY")));
        assert_eq!("KEY=API_KEY".parse(), Ok(from("KEY", "API_KEY")));
        for wrong in ["", "=X", "KEY=", "node.a"] {
            assert!(wrong.parse::<FromEnvironment>().is_err(), "{wrong}");
        }
        for wrong in ["KEY", "=x", "KEY=", "node.a=x"] {
            assert!(wrong.parse::<FromFile>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_file_loses_one_line_break() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("key");
        for (text, want) in [("k", "k"), ("k\n", "k"), ("k\r\n", "k"), ("k\n\n", "k\n"), ("a\nb\n", "a\nb")] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(FromFile { name: "KEY".into(), path: path.clone() }.value().unwrap(), want);
        }
    }
}
