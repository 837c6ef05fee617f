//! Where control endpoints are, as a document names it.

use std::borrow::Cow;
use std::fmt;
use std::path::{Path, PathBuf};

use chaos_core::{HttpUrl, HttpUrlError};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// An `http://` URL, or `unix:` and the absolute path of a socket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[non_exhaustive]
pub enum ControlPlace {
    /// Over TCP.
    Http(HttpUrl),
    /// Over the unix socket at this path.
    Unix(PathBuf),
}

/// Text that names no place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ControlPlaceError {
    /// No URL.
    #[error("{0}; or `unix:/path` of a socket")]
    Url(#[from] HttpUrlError),
    /// No path of a socket.
    #[error("invalid socket: expected `unix:` and an absolute path without `//` and control characters")]
    Path,
}

const SCHEME: &str = "unix:";

/// What every accepted path has behind the scheme; `is_path` accepts exactly the same.
const PATH: &str = r"unix:(/[^/\u0000-\u001f\u007f-\u009f]+)+";

impl TryFrom<String> for ControlPlace {
    type Error = ControlPlaceError;

    fn try_from(text: String) -> Result<Self, ControlPlaceError> {
        match text.strip_prefix(SCHEME) {
            Some(path) if is_path(path) => Ok(Self::Unix(path.into())),
            Some(_) => Err(ControlPlaceError::Path),
            None => Ok(Self::Http(text.parse()?)),
        }
    }
}

fn is_path(path: &str) -> bool {
    let is_name = |name: &str| !name.is_empty() && !name.contains(char::is_control);
    path.strip_prefix('/').is_some_and(|names| names.split('/').all(is_name))
}

impl From<ControlPlace> for String {
    fn from(place: ControlPlace) -> Self {
        match place {
            ControlPlace::Http(url) => url.into(),
            ControlPlace::Unix(path) => format!("{SCHEME}{}", path.display()),
        }
    }
}

/// As people are told it: the host and the port, or the socket.
impl fmt::Display for ControlPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(url) => url.host().fmt(f),
            Self::Unix(path) => write!(f, "{SCHEME}{}", path.display()),
        }
    }
}

impl JsonSchema for ControlPlace {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "ControlPlace".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let url = HttpUrl::json_schema(generator);
        let url = url.get("pattern").and_then(|pattern| pattern.as_str()).unwrap_or_default();
        json_schema!({
            "type": "string",
            "pattern": format!("^({}|{PATH})$", url.trim_start_matches('^').trim_end_matches('$')),
            "patternErrorMessage": "expected http://host:port, or unix:/path of a socket",
            "examples": ["http://127.0.0.1:22381", "unix:/run/user/1000/failpoints/71.sock"]
        })
    }
}

/// The folder and the name of a socket.
pub(super) fn split(path: &Path) -> Option<(&Path, &str)> {
    Some((path.parent()?, path.file_name()?.to_str()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_read_and_written_again() {
        for text in ["http://127.0.0.1:1/base", "https://h/", "unix:/a", "unix:/run/a b/é.sock", "unix:/../x"] {
            let place: ControlPlace = text.to_owned().try_into().unwrap();
            assert_eq!(String::from(place), text);
        }
    }

    #[test]
    fn what_is_no_place_is_refused_by_pattern_and_parser() {
        let schema = ControlPlace::json_schema(&mut SchemaGenerator::default());
        let validator = jsonschema::draft7::new(&serde_json::to_value(&schema).unwrap()).unwrap();
        for (text, fine) in [
            ("unix:/a/b.sock", true),
            ("http://127.0.0.1:1", true),
            ("unix:a", false),
            ("unix:", false),
            ("unix:/", false),
            ("unix:/a/", false),
            ("unix://a", false),
            ("unix:/a\nb", false),
            ("unix:/a\u{9b}b", false),
            ("http://u:p@h/", false),
            ("ftp://h/", false),
        ] {
            let place = ControlPlace::try_from(text.to_owned());
            assert_eq!(place.is_ok(), fine, "{text:?}");
            assert_eq!(validator.is_valid(&text.into()), fine, "{text:?}");
            assert!(place.err().is_none_or(|error| !error.to_string().contains("u:p")), "{text:?}");
        }
    }
}
