//! The file that holds everything that was drawn, so that a replay runs the same plan.
//!
//! Its checksum finds a manifest that was changed or cut off. It does not sign: whoever can write the file can make it fit.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use chaos_core::{fnv1a, read_bounded};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::judge::SoakFailure;
use crate::plan::SoakPlan;
use crate::target::SoakTarget;

/// The version that is written, and the only one that is read.
pub const MANIFEST_VERSION: u64 = 1;

/// What the file says that it is.
const FORMAT: &str = "squall-soak-manifest";

/// A plan of 100,000 events is about 40 MiB.
const LIMIT: u64 = 256 << 20;

/// A soak as it was drawn, and how it ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SoakManifest {
    /// The program that wrote it.
    pub squall_version: String,
    /// The file of the document.
    pub file: String,
    /// The document as it was written; placeholders are not filled, so that no secret stands in it.
    pub document: String,
    /// The step of the document's workflow that holds the soak; `None` where the document itself does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// The nodes that were discovered.
    pub targets: Vec<SoakTarget>,
    /// What was drawn.
    pub plan: SoakPlan,
    /// The first failure, once there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<SoakFailure>,
}

/// Why a manifest can't be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// There is no such file.
    #[error("manifest `{0}` is lost: the file does not exist")]
    Lost(PathBuf),
    /// It can't be read or written.
    #[error("manifest `{path}`")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is something else.
    #[error("`{0}` is not a manifest of a soak: expected a file that `squall soak` wrote")]
    Foreign(PathBuf),
    /// Another version wrote it.
    #[error("manifest `{path}` has the unknown version {version}: expected {MANIFEST_VERSION}")]
    UnknownVersion {
        /// The file.
        path: PathBuf,
        /// Its version.
        version: String,
    },
    /// It was changed, or cut off.
    #[error("manifest `{0}` was tampered with: its checksum does not fit what it holds")]
    Tampered(PathBuf),
}

impl SoakManifest {
    /// The manifest as text.
    pub fn to_text(&self) -> String {
        let body = serde_json::to_value(self).unwrap_or_default();
        let whole =
            json!({ "format": FORMAT, "version": MANIFEST_VERSION, "checksum": checksum(&body), "manifest": body });
        // Values of JSON always have a text.
        serde_json::to_string_pretty(&whole).unwrap_or_default() + "\n"
    }

    /// Writes the manifest. What stands in it is as secret as the document.
    ///
    /// # Errors
    /// [`ManifestError::Io`].
    pub fn write(&self, path: &Path) -> Result<(), ManifestError> {
        let failed = |source| ManifestError::Io { path: path.to_owned(), source };
        let mut file = OpenOptions::new();
        let file = file.create(true).write(true).truncate(true).mode(0o600).open(path);
        file.and_then(|mut file| file.write_all(self.to_text().as_bytes())).map_err(failed)
    }

    /// Reads a manifest.
    ///
    /// # Errors
    /// [`ManifestError`]: lost, another file, an unknown version, or tampered with.
    pub fn read(path: &Path) -> Result<Self, ManifestError> {
        let bytes = read_bounded(path, LIMIT).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => ManifestError::Lost(path.to_owned()),
            _ => ManifestError::Io { path: path.to_owned(), source },
        })?;
        Self::of_bytes(&bytes, path)
    }

    /// Reads the bytes of a manifest; `path` is what messages call it.
    ///
    /// # Errors
    /// As [`SoakManifest::read`].
    pub fn of_bytes(bytes: &[u8], path: &Path) -> Result<Self, ManifestError> {
        let tampered = || ManifestError::Tampered(path.to_owned());
        let whole: Value = serde_json::from_slice(bytes).map_err(|_| {
            // Cut off in the middle it is not JSON any more.
            let ours = String::from_utf8_lossy(bytes).contains(FORMAT);
            if ours { tampered() } else { ManifestError::Foreign(path.to_owned()) }
        })?;
        if whole.get("format").and_then(Value::as_str) != Some(FORMAT) {
            return Err(ManifestError::Foreign(path.to_owned()));
        }
        let version = whole.get("version").unwrap_or(&Value::Null);
        if version.as_u64() != Some(MANIFEST_VERSION) {
            return Err(ManifestError::UnknownVersion { path: path.to_owned(), version: version.to_string() });
        }
        let body = whole.get("manifest").ok_or_else(tampered)?;
        if whole.get("checksum").and_then(Value::as_str) != Some(checksum(body).as_str()) {
            return Err(tampered());
        }
        Self::deserialize(body).map_err(|_| tampered())
    }
}

fn checksum(body: &Value) -> String {
    format!("fnv1a64:{:016x}", fnv1a(body.to_string().as_bytes()))
}
