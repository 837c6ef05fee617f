//! Which call a request is.

use hyper::{Method, StatusCode};

/// A call, with the names in its path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Route {
    Version,
    Metrics,
    Reset,
    Populate,
    Links,
    CreateLink,
    Link(String),
    UpdateLink(String),
    RemoveLink(String),
    Toxics(String),
    AddToxic(String),
    Toxic(String, String),
    UpdateToxic(String, String),
    RemoveToxic(String, String),
}

impl Route {
    /// Reads method and path. Names may hold what is percent-encoded, a `/` included.
    ///
    /// # Errors
    ///
    /// 404 for an unknown path, 405 for a method that the path does not have.
    pub(super) fn of(method: &Method, path: &str) -> Result<Self, StatusCode> {
        let segments: Vec<String> = path.strip_prefix('/').unwrap_or(path).split('/').map(decoded).collect();
        if segments.iter().any(String::is_empty) {
            return Err(StatusCode::NOT_FOUND);
        }
        let is_update = *method == Method::POST || *method == Method::PATCH;
        let (get, post, delete) = (*method == Method::GET, *method == Method::POST, *method == Method::DELETE);
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        let route = match *segments.as_slice() {
            ["version"] if get => Self::Version,
            ["metrics"] => Self::Metrics,
            ["reset"] if post => Self::Reset,
            ["populate"] if post => Self::Populate,
            ["proxies"] if get => Self::Links,
            ["proxies"] if post => Self::CreateLink,
            ["proxies", link] if get => Self::Link(link.into()),
            ["proxies", link] if is_update => Self::UpdateLink(link.into()),
            ["proxies", link] if delete => Self::RemoveLink(link.into()),
            ["proxies", link, "toxics"] if get => Self::Toxics(link.into()),
            ["proxies", link, "toxics"] if post => Self::AddToxic(link.into()),
            ["proxies", link, "toxics", toxic] if get => Self::Toxic(link.into(), toxic.into()),
            ["proxies", link, "toxics", toxic] if is_update => Self::UpdateToxic(link.into(), toxic.into()),
            ["proxies", link, "toxics", toxic] if delete => Self::RemoveToxic(link.into(), toxic.into()),
            ["version" | "reset" | "populate" | "proxies"]
            | ["proxies", _]
            | ["proxies", _, "toxics"]
            | ["proxies", _, "toxics", _] => return Err(StatusCode::METHOD_NOT_ALLOWED),
            _ => return Err(StatusCode::NOT_FOUND),
        };
        Ok(route)
    }
}

/// Percent-decoding; what is not valid is kept as it stands.
fn decoded(segment: &str) -> String {
    let bytes = segment.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = (bytes[at] == b'%').then(|| segment.get(at + 1..at + 3)).flatten();
        let byte = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        out.push(byte.unwrap_or(bytes[at]));
        at += if byte.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_decoded_after_the_path_is_cut() {
        let of = |path: &str| Route::of(&Method::DELETE, path);
        assert_eq!(of("/proxies/a%2Fb"), Ok(Route::RemoveLink("a/b".into())));
        assert_eq!(of("/proxies/100%/toxics/%zz"), Ok(Route::RemoveToxic("100%".into(), "%zz".into())));
        assert_eq!(of("/proxies/%C3%A4"), Ok(Route::RemoveLink("ä".into())));
    }

    #[test]
    fn an_unknown_path_is_told_from_a_method_that_it_does_not_have() {
        assert_eq!(Route::of(&Method::PUT, "/proxies/a"), Err(StatusCode::METHOD_NOT_ALLOWED));
        assert_eq!(Route::of(&Method::GET, "/proxies/"), Err(StatusCode::NOT_FOUND));
        assert_eq!(Route::of(&Method::GET, "/proxies/a/b"), Err(StatusCode::NOT_FOUND));
        assert_eq!(Route::of(&Method::GET, "/"), Err(StatusCode::NOT_FOUND));
        assert_eq!(Route::of(&Method::GET, "*"), Err(StatusCode::NOT_FOUND));
    }
}
