//! What may be a method, or the name or value of a header.

/// Whether a text may be a method or the name of a header (RFC 9110, section 5.6.2).
pub(crate) fn is_token(text: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(legal)
}

/// Whether a header can be sent without changing what the rest of the request means.
pub fn is_header(name: &str, value: &str) -> bool {
    is_token(name) && !value.bytes().any(|byte| byte < b' ' && byte != b'\t' || byte == 0x7f)
}
