//! Statuses, and values of headers that are no secrets.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// The status of an answer, 200 to 599.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub struct HttpStatus(u16);

/// A number that is not the status of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("invalid status {0}: expected 200 to 599")]
pub struct HttpStatusError(u16);

/// The value of a header: visible ASCII, spaces and tabs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HttpFieldText(String);

/// Text that is not the value of a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("invalid header value: expected visible ASCII, spaces and tabs")]
pub struct HttpFieldTextError;

/// The name of a header, in any case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HttpFieldName(String);

/// Text that is not the name of a header.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid header name `{0}`: expected a token such as `ETag`")]
pub struct HttpFieldNameError(String);

/// A code of gRPC that is not `OK`, 1 to 16.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct HttpGrpcCode(u8);

/// A number that is not such a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("invalid gRPC code {0}: expected 1 to 16")]
pub struct HttpGrpcCodeError(u8);

/// What every accepted name has; `TryFrom` accepts exactly the same.
const NAME: &str = "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$";

/// What every accepted value has; `TryFrom` accepts exactly the same.
const FIELD: &str = r"^[\t -~]*$";

impl HttpStatus {
    /// The number.
    pub fn get(self) -> u16 {
        self.0
    }
}

impl Default for HttpStatus {
    /// Service unavailable.
    fn default() -> Self {
        Self(503)
    }
}

impl TryFrom<u16> for HttpStatus {
    type Error = HttpStatusError;

    fn try_from(status: u16) -> Result<Self, HttpStatusError> {
        if (200..=599).contains(&status) { Ok(Self(status)) } else { Err(HttpStatusError(status)) }
    }
}

impl From<HttpStatus> for u16 {
    fn from(status: HttpStatus) -> Self {
        status.0
    }
}

impl HttpFieldText {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for HttpFieldText {
    type Error = HttpFieldTextError;

    fn try_from(text: String) -> Result<Self, HttpFieldTextError> {
        let is_fine = |byte: u8| byte == b'\t' || (b' '..=b'~').contains(&byte);
        if text.bytes().all(is_fine) { Ok(Self(text)) } else { Err(HttpFieldTextError) }
    }
}

impl From<HttpFieldText> for String {
    fn from(text: HttpFieldText) -> Self {
        text.0
    }
}

impl HttpFieldName {
    /// The name as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for HttpFieldName {
    type Error = HttpFieldNameError;

    fn try_from(text: String) -> Result<Self, HttpFieldNameError> {
        let is_fine = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+.^_`|~-".contains(&byte);
        if !text.is_empty() && text.bytes().all(is_fine) { Ok(Self(text)) } else { Err(HttpFieldNameError(text)) }
    }
}

impl From<HttpFieldName> for String {
    fn from(name: HttpFieldName) -> Self {
        name.0
    }
}

impl HttpGrpcCode {
    /// The number.
    pub fn get(self) -> u8 {
        self.0
    }
}

impl TryFrom<u8> for HttpGrpcCode {
    type Error = HttpGrpcCodeError;

    fn try_from(code: u8) -> Result<Self, HttpGrpcCodeError> {
        if (1..=16).contains(&code) { Ok(Self(code)) } else { Err(HttpGrpcCodeError(code)) }
    }
}

impl From<HttpGrpcCode> for u8 {
    fn from(code: HttpGrpcCode) -> Self {
        code.0
    }
}

impl JsonSchema for HttpFieldName {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "HttpFieldName".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": NAME,
            "patternErrorMessage": "write the name of a header, such as ETag"
        })
    }
}

impl JsonSchema for HttpGrpcCode {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "HttpGrpcCode".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": 1, "maximum": 16 })
    }
}

impl JsonSchema for HttpStatus {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "HttpStatus".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": 200, "maximum": 599 })
    }
}

impl JsonSchema for HttpFieldText {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "HttpFieldText".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": FIELD,
            "patternErrorMessage": "write visible ASCII, spaces and tabs"
        })
    }
}
