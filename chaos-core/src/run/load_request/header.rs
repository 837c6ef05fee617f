//! Methods and headers that cannot change where a request ends.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::Secret;

/// Headers that the client sets by itself, as they frame the request.
const FRAMING: [&str; 3] = ["connection", "content-length", "transfer-encoding"];

/// Text that is not an HTTP method.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid HTTP method `{0}`: expected a word such as `GET` or `POST`")]
pub struct HttpMethodError(String);

/// Text that cannot name a header of a load.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "invalid header name `{0}`: expected a token such as `Content-Type`, other than `connection`, `content-length` and `transfer-encoding`"
)]
pub struct HeaderNameError(String);

/// Text that cannot be the value of a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("invalid header value: expected text without line breaks and other control characters")]
pub struct HeaderValueError;

/// Whether a text is a token (RFC 9110, section 5.6.2).
fn is_token(text: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(legal)
}

/// An HTTP method.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HttpMethod(String);

/// The name of a header; case does not matter.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HeaderName(String);

/// The value of a header, which is never printed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct HeaderValue(Secret);

impl HttpMethod {
    /// The method's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl HeaderName {
    /// The name as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn folded(&self) -> impl Iterator<Item = u8> {
        self.0.bytes().map(|byte| byte.to_ascii_lowercase())
    }
}

impl HeaderValue {
    /// What stands for a value that may not be shown.
    pub(super) fn redacted() -> Self {
        Self(Secret::new("***"))
    }

    /// The value itself, for the one call that needs it.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

impl TryFrom<String> for HttpMethod {
    type Error = HttpMethodError;

    fn try_from(text: String) -> Result<Self, HttpMethodError> {
        if is_token(&text) { Ok(Self(text)) } else { Err(HttpMethodError(text)) }
    }
}

impl TryFrom<String> for HeaderName {
    type Error = HeaderNameError;

    fn try_from(text: String) -> Result<Self, HeaderNameError> {
        let framing = FRAMING.iter().any(|name| text.eq_ignore_ascii_case(name));
        if is_token(&text) && !framing { Ok(Self(text)) } else { Err(HeaderNameError(text)) }
    }
}

impl TryFrom<String> for HeaderValue {
    type Error = HeaderValueError;

    fn try_from(text: String) -> Result<Self, HeaderValueError> {
        let wrong = |byte: u8| byte < b' ' && byte != b'\t' || byte == 0x7f;
        if text.bytes().any(wrong) { Err(HeaderValueError) } else { Ok(Self(Secret::new(text))) }
    }
}

impl FromStr for HeaderName {
    type Err = HeaderNameError;

    fn from_str(text: &str) -> Result<Self, HeaderNameError> {
        text.to_owned().try_into()
    }
}

impl From<HttpMethod> for String {
    fn from(method: HttpMethod) -> Self {
        method.0
    }
}

impl From<HeaderName> for String {
    fn from(name: HeaderName) -> Self {
        name.0
    }
}

impl fmt::Display for HttpMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl PartialEq for HeaderName {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for HeaderName {}

impl PartialOrd for HeaderName {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for HeaderName {
    fn cmp(&self, other: &Self) -> Ordering {
        self.folded().cmp(other.folded())
    }
}

macro_rules! text_schema {
    ($($ty:ident, $schema:expr;)*) => {$(
        impl JsonSchema for $ty {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($ty).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                $schema
            }
        }
    )*};
}

text_schema! {
    HttpMethod, json_schema!({
        "type": "string",
        "pattern": "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$",
        "patternErrorMessage": "write a method such as GET or POST",
        "examples": ["GET", "POST"]
    });
    HeaderName, json_schema!({ "type": "string" });
    HeaderValue, json_schema!({ "type": "string" });
}
