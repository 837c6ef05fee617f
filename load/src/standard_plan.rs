//! What the standard client needs of a plan.

use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{HeaderMap, Method};
use url::Url;

use crate::error::LoadError;
use crate::plan::LoadPlan;
use crate::request;

/// What the standard client needs of a plan.
#[derive(Debug)]
pub(crate) struct StandardPlan {
    pub(crate) url: Url,
    /// Path and query as they are sent.
    pub(crate) path: String,
    pub(crate) method: Method,
    pub(crate) headers: HeaderMap,
    pub(crate) h2: bool,
    pub(crate) follow: bool,
    pub(crate) compression: bool,
}

impl StandardPlan {
    /// Gives it for a plan that needs the standard client.
    pub(crate) fn of(load: &LoadPlan) -> Result<Option<Self>, LoadError> {
        if !load.needs_standard_client() {
            return Ok(None);
        }
        let bad = |field, given: &str, expected| LoadError::BadPlan { field, given: given.to_owned(), expected };
        let method = request::method(load);
        let mut headers = HeaderMap::new();
        for (name, value) in request::headers(load, &method) {
            let key = HeaderName::from_bytes(name.as_bytes());
            let key = key.map_err(|_| bad("headers", &name, "it must be the name of a header"))?;
            let value = HeaderValue::from_bytes(value.as_bytes());
            headers.append(key, value.map_err(|_| bad("headers", &name, "its value must be printable"))?);
        }
        if load.transport.compression {
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        }
        let method = Method::from_bytes(method.as_bytes());
        Ok(Some(Self {
            url: load.url.clone(),
            path: target(&load.path),
            method: method.map_err(|_| bad("method", "", "it must be a word such as GET"))?,
            headers,
            h2: load.transport.h2,
            follow: load.transport.follow_redirects,
            compression: load.transport.compression,
        }))
    }
}

/// A path as hyper sends it: the four characters that it refuses are written in percent encoding.
pub(crate) fn target(path: &str) -> String {
    let mut target = String::with_capacity(path.len());
    for c in path.chars() {
        match c {
            '"' => target.push_str("%22"),
            '<' => target.push_str("%3C"),
            '>' => target.push_str("%3E"),
            '`' => target.push_str("%60"),
            c => target.push(c),
        }
    }
    target
}
