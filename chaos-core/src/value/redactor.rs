//! Keeps secrets out of transcripts, reports and events, and out of what tools tell a model.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use serde_json::Value;

use super::secret::Secret;

/// Stands where a secret was.
const MASK: &str = "***";

/// Members whose whole value is a credential, whatever it looks like. Compared in lower case, with `_` read as `-`.
const SECRET_KEYS: [&str; 6] = ["authorization", "proxy-authorization", "x-api-key", "api-key", "cookie", "set-cookie"];

/// Members of a query whose value is a credential.
const QUERY_KEYS: [&str; 6] = ["api_key", "api-key", "apikey", "access_token", "auth_token", "client_secret"];

/// Characters from which on a secret is masked wherever it occurs. A shorter one is a dummy, as local model servers take
/// (`EMPTY`, `x`), or can be guessed; masked inside other words and figures it would only make every text unreadable.
const SHORTEST_EVERYWHERE: usize = 6;

/// Where a [`Redactor`] masks a secret, which follows from the secret's length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SecretMasking {
    /// Wherever it occurs: six characters or more.
    Everywhere,
    /// Where it stands as a whole word: shorter, with at least one letter.
    WholeWords,
    /// Only in an `Authorization` header and its kin: shorter and without a letter, so that it may also be a figure.
    Credentials,
}

impl SecretMasking {
    /// Says where a secret is masked.
    pub fn of(secret: &Secret) -> Self {
        let text = secret.expose();
        if text.chars().count() >= SHORTEST_EVERYWHERE {
            Self::Everywhere
        } else if text.chars().any(char::is_alphabetic) {
            Self::WholeWords
        } else {
            Self::Credentials
        }
    }
}

/// Replaces known secrets, and what looks like a credential in an `Authorization` header.
///
/// A secret is found as it is, as it stands inside JSON text (once or twice encoded), percent-encoded, and in base64 and
/// hexadecimal, also inside of more text that was encoded with it. A short one is masked only where it cannot be something
/// else: see [`SecretMasking`]. The password in a URL, and a key or token in its query, are masked unasked.
#[derive(Clone, Default)]
pub struct Redactor {
    /// By their first byte, and of each the longest first, so that a secret which contains another is masked whole.
    needles: BTreeMap<u8, Vec<Needle>>,
}

#[derive(Clone, PartialEq)]
struct Needle {
    form: String,
    masking: SecretMasking,
}

impl Redactor {
    /// Takes the secret values to mask; empty ones are ignored.
    pub fn new(secrets: impl IntoIterator<Item = Secret>) -> Self {
        let mut redactor = Self::default();
        for secret in secrets {
            redactor.add(&secret);
        }
        redactor
    }

    /// Adds one more secret value.
    pub fn add(&mut self, secret: &Secret) {
        let masking = SecretMasking::of(secret);
        let secret = secret.expose();
        if secret.is_empty() {
            return;
        }
        let once = json_inner(secret);
        let twice = json_inner(&once);
        let mut forms = vec![secret.to_owned(), once, twice, percent_encoded(secret)];
        if masking == SecretMasking::Everywhere {
            forms.extend(opaque_forms(secret.as_bytes()));
        }
        for form in forms {
            let needles = self.needles.entry(form.as_bytes()[0]).or_default();
            let needle = Needle { form, masking };
            if !needles.contains(&needle) {
                needles.push(needle);
                needles.sort_by_key(|needle| std::cmp::Reverse(needle.form.len()));
            }
        }
    }

    /// Whether a text is one of the secrets, or holds one that is masked.
    pub fn holds_secret(&self, text: &str) -> bool {
        self.is_known(text) || self.text(text) != text
    }

    fn is_known(&self, text: &str) -> bool {
        let needles = text.bytes().next().and_then(|first| self.needles.get(&first));
        needles.is_some_and(|needles| needles.iter().any(|needle| needle.form == text))
    }

    /// Masks one text. Doing it twice gives the same as once.
    pub fn text(&self, text: &str) -> String {
        let mut masked = String::with_capacity(text.len());
        let mut rest = text;
        let mut before = None;
        while let Some(next) = rest.chars().next() {
            let (keep, hide) = self.secret_at(rest, before);
            if hide > 0 {
                masked.push_str(&rest[..keep]);
                masked.push_str(MASK);
                rest = &rest[keep + hide..];
                before = Some('*');
            } else {
                masked.push(next);
                rest = &rest[next.len_utf8()..];
                before = Some(next);
            }
        }
        masked
    }

    /// Masks every string inside a value, names of members included.
    pub fn value(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.text(text)),
            Value::Array(items) => items.iter().map(|item| self.value(item)).collect(),
            Value::Object(object) => {
                object.iter().map(|(key, value)| (self.text(key), self.member(key, value))).collect()
            }
            other => other.clone(),
        }
    }

    fn member(&self, key: &str, value: &Value) -> Value {
        let plain = key.to_ascii_lowercase().replace('_', "-");
        if value.is_string() && SECRET_KEYS.contains(&plain.as_str()) {
            Value::String(MASK.to_owned())
        } else {
            self.value(value)
        }
    }

    /// Says how many bytes at the start of `rest` to keep, and how many after them to hide (0: nothing here).
    fn secret_at(&self, rest: &str, before: Option<char>) -> (usize, usize) {
        let needles = rest.bytes().next().and_then(|first| self.needles.get(&first));
        if let Some(needle) = needles.and_then(|needles| needles.iter().find(|needle| needle.stands_at(rest, before))) {
            return (0, needle.form.len());
        }
        if let Some(found) = url_secret(rest) {
            return found;
        }
        if before.is_some_and(char::is_alphanumeric) {
            return (0, 0);
        }
        header_value(rest).or_else(|| self.scheme_token(rest)).unwrap_or((0, 0))
    }

    /// Finds `Bearer token` and `Basic token`. In prose the next word has neither digit nor capital, so it stays, unless
    /// it is a known secret.
    fn scheme_token(&self, rest: &str) -> Option<(usize, usize)> {
        let scheme = ["bearer ", "basic "].into_iter().find(|scheme| starts_with_ignoring_case(rest, scheme))?;
        let token = &rest[scheme.len()..];
        let length = token.find(|c: char| !(c.is_ascii_alphanumeric() || "-._~+/=".contains(c))).unwrap_or(token.len());
        let telling = |byte: u8| byte.is_ascii_digit() || byte.is_ascii_uppercase() || byte == b'=';
        let known = self.is_known(&token[..length]);
        let masked = known || (length >= SHORTEST_EVERYWHERE && token.bytes().take(length).any(telling));
        masked.then_some((scheme.len(), length))
    }
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Redactor({} forms)", self.needles.values().map(Vec::len).sum::<usize>())
    }
}

impl Needle {
    fn stands_at(&self, rest: &str, before: Option<char>) -> bool {
        let part_of_word = |c: char| c.is_alphanumeric() || c == '_';
        rest.starts_with(&self.form)
            && match self.masking {
                SecretMasking::Everywhere => true,
                SecretMasking::WholeWords => {
                    !before.is_some_and(part_of_word) && !rest[self.form.len()..].starts_with(part_of_word)
                }
                SecretMasking::Credentials => false,
            }
    }
}

/// Finds `Authorization: value` and its kin.
///
/// After a quoted name, as in JSON text, only a quoted value is a credential: masking anything else would break the
/// text's structure. A bare value ends with its line or with the quote around it all.
fn header_value(rest: &str) -> Option<(usize, usize)> {
    let name = SECRET_KEYS.iter().find(|name| starts_with_ignoring_case(rest, name))?;
    let (name_quote, after) = split_quote(&rest[name.len()..]);
    let value = after.trim_start().strip_prefix([':', '='])?.trim_start();
    let (quote, value) = split_quote(value);
    let length = if quote.is_empty() {
        if !name_quote.is_empty() {
            return None;
        }
        value.find(['"', '\'', '\\', '\r', '\n'])
    } else {
        closing(value, quote)
    };
    let length = length.unwrap_or(value.len());
    (length > 0).then(|| (rest.len() - value.len(), length))
}

/// Finds the password in `://user:password@host`, and the value of `?api_key=` and its kin.
fn url_secret(rest: &str) -> Option<(usize, usize)> {
    if let Some(authority) = rest.strip_prefix("://") {
        let end = authority.find(|c: char| "/?#\"'`<> \\".contains(c) || c.is_control()).unwrap_or(authority.len());
        let user_info = &authority[..authority[..end].rfind('@')?];
        let (user, password) = user_info.split_once(':')?;
        return (!password.is_empty()).then_some((3 + user.len() + 1, password.len()));
    }
    let query = rest.strip_prefix(['?', '&'])?;
    let name = QUERY_KEYS.iter().find(|name| starts_with_ignoring_case(query, name))?;
    let value = query[name.len()..].strip_prefix('=')?;
    let length = value.find(|c: char| "&#\"'`<> \\".contains(c) || c.is_control()).unwrap_or(value.len());
    (length > 0).then_some((1 + name.len() + 1, length))
}

/// A secret in base64, in both alphabets, wherever in the encoded bytes it begins, and in hexadecimal. Characters that it
/// shares with its neighbours are left out.
fn opaque_forms(secret: &[u8]) -> Vec<String> {
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

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const BASE64_URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// RFC 4648, without padding.
fn base64(bytes: &[u8], alphabet: &[u8; 64]) -> String {
    let mut encoded = String::new();
    for chunk in bytes.chunks(3) {
        let group = chunk.iter().fold(0_u32, |group, byte| group << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for at in 0..=chunk.len() {
            encoded.push(char::from(alphabet[(group >> (18 - 6 * at) & 63) as usize]));
        }
    }
    encoded
}

/// Splits off a quote with the backslashes that encode it.
fn split_quote(text: &str) -> (&str, &str) {
    let quote = text.trim_start_matches('\\');
    if quote.starts_with(['"', '\'']) { text.split_at(text.len() - quote.len() + 1) } else { ("", text) }
}

/// Finds the quote that closes a value: the same as the opening one, and not escaped once more.
fn closing(value: &str, quote: &str) -> Option<usize> {
    value.match_indices(quote).map(|(at, _)| at).find(|at| !value[..*at].ends_with('\\'))
}

fn starts_with_ignoring_case(text: &str, prefix: &str) -> bool {
    text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

/// The text as it stands between the quotes of a JSON string.
fn json_inner(text: &str) -> String {
    let quoted = Value::String(text.to_owned()).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

/// RFC 3986: everything but unreserved characters as `%XX`. A few lines, since the contract has no library for it.
fn percent_encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn known_secrets_are_masked_in_every_encoding() {
        let redactor = Redactor::new([Secret::new("p\"a ss\\"), Secret::new("tok-123")]);
        let cases = [
            ("x p\"a ss\\ y", "x *** y"),
            (r#"{"k":"p\"a ss\\"}"#, r#"{"k":"***"}"#),
            (r#""{\"k\":\"p\\\"a ss\\\\\"}""#, r#""{\"k\":\"***\"}""#),
            ("http://u:p%22a%20ss%5C@h/", "http://u:***@h/"),
            ("tok-123tok-123", "******"),
            ("tok-12", "tok-12"),
        ];
        for (text, expected) in cases {
            assert_eq!(redactor.text(text), expected);
        }
    }

    #[test]
    fn a_secret_inside_a_longer_one_leaves_no_rest() {
        let redactor = Redactor::new([Secret::new("abcdef"), Secret::new("abcdefgh")]);
        assert_eq!(redactor.text("abcdefgh abcdef"), "*** ***");
    }

    #[test]
    fn a_short_secret_is_masked_where_it_is_nothing_else() {
        let cases = [
            // A key of one figure leaves every figure alone, and is still masked as a credential.
            ("0", SecretMasking::Credentials, "0 errors of 100, p99 0.5 ms", "0 errors of 100, p99 0.5 ms"),
            (
                "0",
                SecretMasking::Credentials,
                "sent Bearer 0, Authorization: Bearer 0",
                "sent Bearer ***, Authorization: ***",
            ),
            ("12345", SecretMasking::Credentials, "12345 requests", "12345 requests"),
            (
                "EMPTY",
                SecretMasking::WholeWords,
                "the key `EMPTY` is wrong: NONEMPTY",
                "the key `***` is wrong: NONEMPTY",
            ),
            ("x", SecretMasking::WholeWords, "max x, x_y, x", "max ***, x_y, ***"),
            ("abc", SecretMasking::WholeWords, "bearer abc abcd", "bearer *** abcd"),
            ("secret", SecretMasking::Everywhere, "mysecrets", "my***s"),
            // Characters count, not bytes.
            ("äöüäö", SecretMasking::WholeWords, "xäöüäö äöüäö", "xäöüäö ***"),
        ];
        for (secret, masking, text, expected) in cases {
            let secret = Secret::new(secret);
            assert_eq!(SecretMasking::of(&secret), masking);
            let redactor = Redactor::new([secret]);
            assert_eq!(redactor.text(text), expected);
            assert_eq!(redactor.text(expected), expected, "masking twice changes nothing more");
        }
    }

    #[test]
    fn authorization_shapes_are_masked_without_knowing_the_secret() {
        let redactor = Redactor::default();
        let cases = [
            ("-H 'Authorization: Bearer abc' x", "-H 'Authorization: ***' x"),
            ("authorization=s3cr3t\nnext", "authorization=***\nnext"),
            (r#"{"Authorization": "Basic dXNlcjpwYXNz"}"#, r#"{"Authorization": "***"}"#),
            (r#"{\"X-Api-Key\": \"k\"}"#, r#"{\"X-Api-Key\": \"***\"}"#),
            ("sent Bearer eyJhbGciOi.J9-_x= and", "sent Bearer *** and"),
            ("Basic dXNlcjpwYXNz.", "Basic ***"),
            (r#"{"cookie": "a=\"b\"; c", "x": 1}"#, r#"{"cookie": "***", "x": 1}"#),
            (r#"{\"api-key\":\"a\\\"b\",\"x\":1}"#, r#"{\"api-key\":\"***\",\"x\":1}"#),
        ];
        for (text, expected) in cases {
            assert_eq!(redactor.text(text), expected);
        }
    }

    #[test]
    fn prose_is_left_alone() {
        let redactor = Redactor::default();
        for text in [
            "the bearer certificate expired",
            "basic authentication failed",
            "authorization required",
            "Äuthorization 🦀 basi",
            r#"{"authorization": null, "cookie": {"a": 1}, "api-key": 5}"#,
        ] {
            assert_eq!(redactor.text(text), text);
        }
    }

    #[test]
    fn values_are_masked_by_name_and_by_content() {
        let redactor = Redactor::new([Secret::new("hunter2")]);
        let value = json!({
            "headers": {"AUTHORIZATION": "whatever", "x_api_key": "k", "accept": "text"},
            "argv": ["-H", "Authorization: Bearer q"],
            "hunter2": ["hunter2", 2, null, true],
        });
        assert_eq!(
            redactor.value(&value),
            json!({
                "headers": {"AUTHORIZATION": "***", "x_api_key": "***", "accept": "text"},
                "argv": ["-H", "Authorization: ***"],
                "***": ["***", 2, null, true],
            })
        );
    }

    #[test]
    fn a_secret_is_found_inside_of_what_was_encoded_with_it() {
        let secret = "p4ss/w0rd~?>x";
        let redactor = Redactor::new([Secret::new(secret)]);
        for before in ["", "u", "u:", "user:", "0123456789"] {
            for after in ["", "@", "!!", "tail"] {
                let bytes = format!("{before}{secret}{after}");
                for alphabet in [BASE64, BASE64_URL] {
                    let encoded = base64(bytes.as_bytes(), alphabet);
                    let masked = redactor.text(&encoded);
                    // At most one character on each side holds bits of the secret and of its neighbour.
                    let left = before.len() * 8 / 6 + 1 + (after.len() * 8).div_ceil(6) + 1;
                    assert!(masked.contains("***") && masked.len() - 3 <= left, "{encoded}: {masked}");
                }
            }
        }
        assert_eq!(base64(b"fo", BASE64), "Zm8");
        assert_eq!(base64(b"foobar", BASE64), "Zm9vYmFy");
        assert_eq!(redactor.text("x70347373"), "x70347373");
        assert_eq!(redactor.text("703473732f773072647e3f3e78"), "***");
    }

    #[test]
    fn credentials_in_urls_are_masked_without_knowing_them() {
        let redactor = Redactor::default();
        let cases = [
            ("get https://user:pw@host/x failed", "get https://user:***@host/x failed"),
            ("https://user:p@w@host:80", "https://user:***@host:80"),
            ("http://h/?a=1&api_key=abc&b=2", "http://h/?a=1&api_key=***&b=2"),
            ("`http://h/?Access_Token=abc`", "`http://h/?Access_Token=***`"),
            ("http://127.0.0.1:80/a@b:c", "http://127.0.0.1:80/a@b:c"),
            ("http://user@host:80/", "http://user@host:80/"),
        ];
        for (text, expected) in cases {
            assert_eq!(redactor.text(text), expected);
            assert_eq!(redactor.text(expected), expected);
        }
    }

    #[test]
    fn a_value_that_is_a_secret_or_holds_one_is_known() {
        let redactor = Redactor::new([Secret::new("hunter2"), Secret::new("42")]);
        for (text, holds) in [("hunter2", true), ("x-hunter2", true), ("42", true), ("142", false), ("", false)] {
            assert_eq!(redactor.holds_secret(text), holds, "{text}");
        }
    }

    #[test]
    fn masking_twice_changes_nothing_more() {
        let redactor = Redactor::new([Secret::new("hunter2")]);
        let once = redactor.text("hunter2 Authorization: Bearer hunter2, Bearer A1b2C3d4");
        assert_eq!(redactor.text(&once), once);
    }

    #[test]
    fn debug_shows_no_secret() {
        let redactor = Redactor::new([Secret::new("hunter2")]);
        assert_eq!(format!("{redactor:?}"), "Redactor(6 forms)");
    }
}
