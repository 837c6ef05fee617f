//! Keeps secrets out of transcripts, reports and events, and out of what tools tell a model.

mod all;
mod forms;
mod json;
mod masking;
mod needles;
mod unasked;

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use serde_json::Value;

use super::secret::Secret;
use all::All;
use needles::Needles;

pub use masking::SecretMasking;

/// Replaces known secrets, and what looks like a credential in an `Authorization` header.
///
/// A secret is found as it is, as it stands inside JSON, XML, HTML, a shell's words, a URL or one line, and in base64 and
/// hexadecimal, also inside of more text that was encoded with it; a secret of several lines also line by line; and, where
/// a text was cut inside of it, what is left. A short one is masked only where it cannot be something else: see
/// [`SecretMasking`]. The password in a URL, and a key or token in its query, are masked unasked.
///
/// Clones share what was learned ([`Redactor::learn`]), before and after.
#[derive(Clone, Default)]
pub struct Redactor {
    own: Needles,
    learned: Arc<RwLock<Needles>>,
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
        self.own.add(secret);
    }

    /// Adds one more secret value here and in every clone: one that a run has found only while it went on.
    pub fn learn(&self, secret: &Secret) {
        self.learned.write().unwrap_or_else(PoisonError::into_inner).add(secret);
    }

    /// Whether a text is one of the secrets, or holds one that is masked.
    pub fn holds_secret(&self, text: &str) -> bool {
        self.with_all(|all| {
            let whole = All { cuts: false, ..*all };
            whole.iter().any(|needles| needles.is_known(text)) || whole.text(text) != text
        })
    }

    /// Masks one text. Doing it twice gives the same as once.
    pub fn text(&self, text: &str) -> String {
        self.with_all(|all| all.text(text))
    }

    /// Masks every string inside a value, names of members included.
    pub fn value(&self, value: &Value) -> Value {
        self.with_all(|all| all.value(value))
    }

    /// Masks every string inside JSON text, names of members included, and numbers that are a secret. All else, the order
    /// of members too, stays as it is.
    pub fn json(&self, json: &str) -> String {
        self.with_all(|all| json::masked(json, all))
    }

    fn with_all<T>(&self, work: impl FnOnce(&All<'_>) -> T) -> T {
        let learned = self.learned.read().unwrap_or_else(PoisonError::into_inner);
        work(&All { needles: [&self.own, &learned], cuts: true })
    }
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.with_all(|all| all.iter().map(Needles::len).sum::<usize>());
        write!(f, "Redactor({count} forms)")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::forms::{BASE64, BASE64_URL, base64};
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
            ("<td>Authorization: abc</td>", "<td>Authorization: ***</td>"),
            ("&quot;Cookie&quot;: &quot;a; b&quot;, c", "&quot;Cookie&quot;: &quot;***&quot;, c"),
            ("<p title=&#39;cookie: a&#39; b>", "<p title=&#39;cookie: ***&#39; b>"),
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
        assert_eq!(redactor.text("x70347373 y"), "x70347373 y");
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
            ("https://ghp_0123456789abcdef@host/x", "https://***@host/x"),
            ("https://ghp_0123456789abcdef:x-oauth-basic@host/x", "https://***@host/x"),
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
    fn what_was_cut_out_of_a_secret_is_masked() {
        let redactor = Redactor::new([Secret::new("0123456789-abcdef")]);
        let cases = [
            ("said: 0123456789-ab", "said: ***"),
            ("said: 0123456789…, and more", "said: ***…, and more"),
            ("a 01234567\n[… 7 bytes cut …]\n9-abcdef b", "a ***\n[… 7 bytes cut …]\n*** b"),
            ("…9-abcdef b", "…*** b"),
            ("01234", "01234"),
            ("01234567 of 89-abcdef", "01234567 of 89-abcdef"),
            ("…abcde", "…abcde"),
            ("012345678…9-abcdef", "***…***"),
            // At the end of a text it is the rest of half a secret, else it may be a word.
            ("01234567", "01234567"),
        ];
        for (text, expected) in cases {
            assert_eq!(redactor.text(text), expected);
            assert_eq!(redactor.text(expected), expected);
            assert!(!redactor.holds_secret(text), "what is whole, as a variable of an environment, is not cut");
        }
    }

    #[test]
    fn what_one_learns_its_clones_mask() {
        let first = Redactor::new([Secret::new("hunter2")]);
        let second = first.clone();
        second.learn(&Secret::new("t0ken-x"));
        let third = second.clone();
        for redactor in [&first, &second, &third] {
            assert_eq!(redactor.text("hunter2 t0ken-x"), "*** ***");
            assert!(redactor.holds_secret("x=t0ken-x"));
        }
        assert_eq!(Redactor::default().text("t0ken-x"), "t0ken-x");
    }

    #[test]
    fn a_secret_is_masked_in_every_form_that_output_has() {
        let secret = "a b<c>&\"d'!e#ü1\nsecond line\n";
        let redactor = Redactor::new([Secret::new(secret)]);
        let url = "http://h/?k=a%20b%3Cc%3E&%22d%27!e%23%C3%BC1%0Asecond%20line%0A&x=1";
        let escaped = "<b>a b&lt;c&gt;&amp;&quot;d&#39;!e#ü1 second line </b>";
        let served = r#"{\"k\":\"a b\u003cc\u003e\u0026\"d'!e#\u00fc1\nsecond line\n"}"#;
        let page = "k=a%20b%3Cc%3E&amp;%22d%27!e%23%C3%BC1%0Asecond%20line%0A";
        let one_line = "k: a b<c>&\"d'!e#ü1 | second line";
        for text in [secret, url, escaped, served, page, one_line, "k: second line", "A B<C>&\"D'!E#Ü1\nSECOND LINE"] {
            let shown = redactor.text(text).to_lowercase();
            assert!(shown.contains("***") && !shown.contains("second") && !shown.contains("!e"), "{shown}");
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
        let shown = format!("{redactor:?}");
        assert!(shown.starts_with("Redactor(") && shown.ends_with(" forms)") && !shown.contains("hunter2"), "{shown}");
    }
}
