//! A URL as it stands in a request: host, path and query.

use percent_encoding::{AsciiSet, utf8_percent_encode};
use url::Url;

/// What can't stand in a request line: controls and the space (`%20`).
const CONTROLS: &AsciiSet = &percent_encoding::CONTROLS.add(b' ');

/// Path and query of a URL, as its parser writes them.
#[cfg(feature = "std-client")]
pub(crate) fn path(url: &Url) -> String {
    match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    }
}

/// A path and query as they were typed, which is how they are sent: only what would break the request line or is not
/// ASCII is written in percent encoding, and a fragment is left out.
pub(crate) fn target(typed: &str) -> String {
    let typed = typed.split('#').next().unwrap_or_default();
    let path = utf8_percent_encode(typed, CONTROLS).to_string();
    if path.starts_with('/') { path } else { format!("/{path}") }
}

/// The path and query of a URL as it was typed.
pub(crate) fn typed_path(url: &str) -> String {
    let url = url.trim_matches(|c: char| c <= ' ');
    let rest = url.split_once(':').map_or(url, |(_, rest)| rest).trim_start_matches(['/', '\\']);
    let authority = rest.find(['/', '\\', '?', '#']).unwrap_or(rest.len());
    let path = &rest[authority..];
    // URL parsers take this one for a slash, and so end the host there.
    target(path.strip_prefix('\\').unwrap_or(path))
}

/// Host and, where it is not the scheme's own, port.
pub(crate) fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}
