//! A scenario from a pinned place in a git repository, by the program `git`.

use std::fmt::Write;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

mod error;
mod git;
#[cfg(test)]
mod tests;

pub use error::FetchError;
use error::MOST_BYTES;
use git::Git;

/// How long all of it may take.
const WITHIN: Duration = Duration::from_mins(2);
/// Where a scenario comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScenarioSource {
    /// The repository: a path on this machine, or a URL that `git` takes.
    pub repo: String,
    /// A branch, a tag, or a commit.
    pub reference: String,
    /// The name of the scenario; its file is `<scenario>.yaml`.
    pub scenario: String,
    /// The folder in the repository that is looked in first; the root is the second.
    pub folder: PathBuf,
}

/// A scenario as it was fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// The file, byte for byte.
    pub text: String,
    /// The commit that the reference names, in full.
    pub commit: String,
    /// The SHA-256 of the file, in hexadecimal.
    pub sha256: String,
    /// The path of the file in the repository.
    pub path: String,
}

/// Fetches a scenario; nothing but a temporary folder is written. `git` asks nobody for a password.
///
/// # Errors
/// See [`FetchError`].
pub async fn fetch(source: &ScenarioSource, cancel: &CancellationToken) -> Result<Fetched, FetchError> {
    fetch_within(source, WITHIN, cancel).await
}

async fn fetch_within(
    source: &ScenarioSource,
    limit: Duration,
    cancel: &CancellationToken,
) -> Result<Fetched, FetchError> {
    let places = source.places()?;
    let git = Git::new(&source.repo, Instant::now() + limit, limit, cancel.clone()).await?;
    let commit = git.commit(&source.reference).await?;
    for path in &places {
        let Some(blob) = git.file(&commit, path).await? else { continue };
        let not_text = || FetchError::NotText { path: path.clone(), commit: commit.clone() };
        let bytes = match blob {
            git::Entry::File(blob) => git.blob(&blob, MOST_BYTES).await?.ok_or_else(not_text)?,
            git::Entry::Other => return Err(not_text()),
        };
        let sha256 = sha256(&bytes);
        let text = String::from_utf8(bytes).map_err(|_| not_text())?;
        return Ok(Fetched { text, commit, sha256, path: path.clone() });
    }
    let mut places = places.into_iter();
    let first = places.next().unwrap_or_default();
    let second = places.next().unwrap_or_else(|| first.clone());
    Err(FetchError::NoFile { first, second, commit })
}

/// The SHA-256 of these bytes, in hexadecimal.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |mut hex, byte| {
        // Writing to a string can't fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

impl ScenarioSource {
    /// The paths that are looked at, in order; refuses what could be read as an option, or leads out of the repository.
    fn places(&self) -> Result<Vec<String>, FetchError> {
        let invalid = |what, value: &str, expected| FetchError::Invalid { what, value: value.to_owned(), expected };
        let name = &self.scenario;
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        if !name.starts_with(|c: char| c.is_ascii_alphanumeric()) || !name.chars().all(is_name) {
            let expected = "letters, digits, `-`, `_` and `.`, a letter or digit first";
            return Err(invalid("scenario", name, expected));
        }
        if self.repo.is_empty() || self.repo.starts_with('-') || self.repo.contains(['\0', '\n']) {
            return Err(invalid("repository", &git::shown(&self.repo), "a path or a URL that does not begin with `-`"));
        }
        let reference = &self.reference;
        let forbidden = |c: char| c.is_control() || " ~^:?*[\\".contains(c);
        if reference.is_empty()
            || reference.starts_with('-')
            || reference.contains(forbidden)
            || reference.contains("..")
        {
            return Err(invalid("reference", reference, "a branch, a tag, or a commit"));
        }
        let folder = inside(&self.folder)
            .ok_or_else(|| invalid("folder", &self.folder.to_string_lossy(), "a path inside the repository"))?;
        let file = format!("{name}.yaml");
        let mut places = vec![file.clone()];
        if !folder.is_empty() {
            places.insert(0, format!("{folder}/{file}"));
        }
        Ok(places)
    }
}

/// A folder of the repository as git writes it; `None` where it leads out.
fn inside(folder: &Path) -> Option<String> {
    let mut parts = Vec::new();
    for part in folder.components() {
        match part {
            Component::Normal(part) => parts.push(part.to_str()?),
            Component::CurDir => {}
            _ => return None,
        }
    }
    Some(parts.join("/"))
}
