//! How the tests of presets ask for a rewriting.

use serde_json::Value;

use super::exchange::{Exchange, Rewrite, Rewritten};

pub(super) fn rewritten(rewrite: Rewrite, request: &[u8], answer: &[u8], is_stream: bool) -> Option<Rewritten> {
    rewrite(&Exchange { request, answer, is_stream })
}

/// The status, where it is another one, and the body.
pub(super) fn answered(rewrite: Rewrite, request: &str, answer: &str) -> Option<(Option<u16>, Value)> {
    let Rewritten { status, body } = rewritten(rewrite, request.as_bytes(), answer.as_bytes(), false)?;
    Some((status.map(|status| status.as_u16()), serde_json::from_slice(&body).unwrap()))
}

/// The stream.
pub(super) fn streamed(rewrite: Rewrite, request: &str, answer: &str) -> Option<String> {
    let Rewritten { status, body } = rewritten(rewrite, request.as_bytes(), answer.as_bytes(), true)?;
    assert_eq!(status, None);
    Some(String::from_utf8(body).unwrap())
}
