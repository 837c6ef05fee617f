//! A secret as it may stand in output.

use std::fmt::Write;

use serde_json::Value;

use crate::{visible, visible_line};

/// What each part of a URL leaves as it is, beside letters and digits (WHATWG: query, query of http, path, user info; and
/// RFC 3986: everything but unreserved characters is encoded).
const URL_PARTS: [&str; 5] = [
    "-._~!$%&'()*+,/:;=?@[\\]^`{|}",
    "-._~!$%&()*+,/:;=?@[\\]^`{|}",
    "-._~!$%&'()*+,/:;=@[\\]|",
    "-._~!$%&'()*+,",
    "-._~",
];

/// The secret as it is and in every encoding; in base64 and hexadecimal too where it is `long` enough to be told there.
pub(super) fn forms(secret: &str, long: bool) -> Vec<String> {
    let trimmed = secret.trim();
    let mut plain = vec![
        secret.to_owned(),
        trimmed.to_owned(),
        secret.replace(['\n', '\r', '\t'], " "),
        visible(secret).into_owned(),
        visible_line(secret).into_owned(),
        visible_line(trimmed).into_owned(),
    ];
    if trimmed.contains('\n') {
        plain.extend(trimmed.lines().map(|line| line.trim().to_owned()));
    }
    if long && trimmed.contains(|c: char| c.is_ascii_digit()) {
        // As hosts and names of headers are written. One without a digit may be a word.
        plain.extend([trimmed.to_lowercase(), trimmed.to_uppercase()]);
    }
    plain.extend(plain.iter().map(|text| inside(&format!("{text:?}"))).collect::<Vec<_>>());
    plain.sort();
    plain.dedup();
    let mut inner = Vec::new();
    for text in plain {
        for left in URL_PARTS {
            let encoded = percent(&text, left);
            inner.extend([lower_hex(&encoded), encoded]);
        }
        inner.push(percent(&text, "-._*").replace("%20", "+"));
        // As a shell and as YAML is told it.
        inner.extend([text.replace('\'', "'\\''"), text.replace('\'', "''"), text]);
    }
    inner.sort();
    inner.dedup();
    let mut forms: Vec<String> = inner.iter().flat_map(|text| outer(text)).collect();
    if long {
        forms.extend([secret, trimmed].into_iter().flat_map(|text| opaque(text.as_bytes())));
    }
    forms.retain(|form| !form.is_empty());
    forms.sort();
    forms.dedup();
    forms
}

/// A form as JSON, XML and HTML have it, since any of them may hold any other.
fn outer(text: &str) -> Vec<String> {
    let once = json(text);
    let mut forms = vec![json(&once), ascii(&once, ""), ascii(&once, "<>&"), text.to_owned()];
    for text in [text, &once] {
        let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        for (double, single) in [("&quot;", "&apos;"), ("&quot;", "&#39;"), ("&quot;", "&#x27;"), ("&#34;", "&#39;")] {
            forms.push(escaped.replace('"', double).replace('\'', single));
        }
        forms.push(escaped);
    }
    forms.push(once);
    forms
}

/// In base64, in both alphabets, wherever in the encoded bytes it begins, and in hexadecimal. Characters that it shares
/// with its neighbours are left out.
fn opaque(secret: &[u8]) -> Vec<String> {
    let mut forms = Vec::new();
    for before in 0..3 {
        let bytes: Vec<u8> = std::iter::repeat_n(0, before).chain(secret.iter().copied()).collect();
        for alphabet in [BASE64, BASE64_URL] {
            let encoded = base64(&bytes, alphabet);
            forms.push(encoded[(before * 8).div_ceil(6)..bytes.len() * 8 / 6].to_owned());
        }
    }
    let hex = |upper: bool| {
        secret.iter().fold(String::new(), |mut hex, byte| {
            // Writing to a string does not fail.
            let _ = if upper { write!(hex, "{byte:02X}") } else { write!(hex, "{byte:02x}") };
            hex
        })
    };
    forms.extend([hex(false), hex(true)]);
    forms
}

pub(super) const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
pub(super) const BASE64_URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// RFC 4648, without padding. A few lines, as the encodings here, since the contract has no library for them.
pub(super) fn base64(bytes: &[u8], alphabet: &[u8; 64]) -> String {
    let mut encoded = String::new();
    for chunk in bytes.chunks(3) {
        let group = chunk.iter().fold(0_u32, |group, byte| group << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for at in 0..=chunk.len() {
            encoded.push(char::from(alphabet[(group >> (18 - 6 * at) & 63) as usize]));
        }
    }
    encoded
}

/// The text as it stands between the quotes of a JSON string.
fn json(text: &str) -> String {
    inside(&Value::String(text.to_owned()).to_string())
}

fn inside(quoted: &str) -> String {
    quoted[1..quoted.len() - 1].to_owned()
}

/// JSON as many servers write it: all beyond ASCII as `\u00e9`, and some more besides.
fn ascii(json: &str, more: &str) -> String {
    json.chars().fold(String::new(), |mut out, c| {
        if c.is_ascii() && !more.contains(c) {
            out.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        }
        out
    })
}

fn percent(text: &str, left: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || left.as_bytes().contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}

/// The same with the digits of `%2F` in lower case.
fn lower_hex(encoded: &str) -> String {
    let mut left = 0;
    let lower = |c: char| {
        left = if c == '%' { 3 } else { usize::saturating_sub(left, 1) };
        if left > 0 { c.to_ascii_lowercase() } else { c }
    };
    encoded.chars().map(lower).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings_are_those_of_the_standards() {
        assert_eq!((base64(b"fo", BASE64).as_str(), base64(b"foobar", BASE64).as_str()), ("Zm8", "Zm9vYmFy"));
        assert_eq!((percent("a/b ü", "-"), lower_hex("A%2FB%C3C")), ("a%2Fb%20%C3%BC".into(), "A%2fB%c3C".into()));
        assert_eq!((json("a\"<ü"), ascii("a<ü🦀", "<")), ("a\\\"<ü".into(), "a\\u003c\\u00fc\\ud83e\\udd80".into()));
    }
}
