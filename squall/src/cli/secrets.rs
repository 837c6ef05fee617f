//! The mask over everything that leaves the command line.

use std::borrow::Cow;
use std::sync::{PoisonError, RwLock};

use chaos_core::{Redactor, Secret, SecretMasking, is_api_key, visible, visible_line};
use serde::Serialize;
use serde_json::Value;

/// The secrets of this process: one mask where output leaves, so that no way to it can forget it.
static MASK: RwLock<Option<Mask>> = RwLock::new(None);

#[derive(Default)]
struct Mask {
    secrets: Vec<Secret>,
    redactor: Redactor,
}

/// Masks a value from here on, in every form in which output may hold it; `false` if it was masked before.
pub(crate) fn hide(secret: &Secret) -> bool {
    let mut mask = MASK.write().unwrap_or_else(PoisonError::into_inner);
    let Mask { secrets, redactor } = mask.get_or_insert_default();
    if secrets.contains(secret) {
        return false;
    }
    secrets.push(secret.clone());
    for form in forms(secret.expose()) {
        redactor.add(&Secret::new(form));
    }
    true
}

/// Masks the API keys in this process's environment. A short one is a dummy, as local servers take.
pub(crate) fn hide_api_keys() {
    let keys = std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(is_api_key));
    for key in keys.filter_map(|(_, value)| value.into_string().ok()).map(|value| Secret::new(value.trim())) {
        if SecretMasking::of(&key) == SecretMasking::Everywhere {
            hide(&key);
        }
    }
}

/// The mask for those that write files of their own.
pub(crate) fn redactor() -> Redactor {
    let mask = MASK.read().unwrap_or_else(PoisonError::into_inner);
    mask.as_ref().map(|mask| mask.redactor.clone()).unwrap_or_default()
}

/// The text without secrets.
pub(crate) fn masked(text: &str) -> Cow<'_, str> {
    let mask = MASK.read().unwrap_or_else(PoisonError::into_inner);
    mask.as_ref().map_or(Cow::Borrowed(text), |mask| Cow::Owned(mask.redactor.text(text)))
}

/// The value without secrets; `None` where there are none to mask.
pub(crate) fn masked_value(value: &impl Serialize) -> Option<serde_json::Result<Value>> {
    let mask = MASK.read().unwrap_or_else(PoisonError::into_inner);
    mask.as_ref().map(|mask| serde_json::to_value(value).map(|value| numbers(mask.redactor.value(&value), mask)))
}

/// A secret of digits alone may have become a number.
fn numbers(value: Value, mask: &Mask) -> Value {
    match value {
        Value::Number(number) => {
            let text = number.to_string();
            let secret = mask.secrets.iter().any(|secret| secret.expose() == text) && mask.redactor.text(&text) != text;
            if secret { Value::from("***") } else { Value::Number(number) }
        }
        Value::Array(items) => items.into_iter().map(|item| numbers(item, mask)).collect(),
        Value::Object(object) => object.into_iter().map(|(key, value)| (key, numbers(value, mask))).collect(),
        other => other,
    }
}

/// A secret as it may stand in output, beside the encodings that the redactor knows: in one line, in XML and HTML, in the
/// parts of a URL, and each line of a secret of several.
fn forms(secret: &str) -> Vec<String> {
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
    let quoted = plain.iter().map(|text| format!("{text:?}")).map(|text| text[1..text.len() - 1].to_owned());
    let quoted: Vec<String> = quoted.collect();
    let mut forms = Vec::new();
    for text in plain.into_iter().chain(quoted) {
        let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        for (double, single) in [("&quot;", "&apos;"), ("&quot;", "&#39;"), ("&quot;", "&#x27;"), ("&#34;", "&#39;")] {
            forms.push(escaped.replace('"', double).replace('\'', single));
        }
        forms.push(escaped);
        // As a shell is told it.
        forms.push(text.replace('\'', "'\\''"));
        forms.extend(URL_PARTS.map(|left| encoded(&text, left)));
        forms.push(encoded(&text, "-._*").replace("%20", "+"));
        forms.push(text);
    }
    forms.sort();
    forms.dedup();
    forms
}

/// What each part of a URL leaves as it is, beside letters and digits (WHATWG: query, query of http, path, user info).
const URL_PARTS: [&str; 4] =
    ["-._~!$%&'()*+,/:;=?@[\\]^`{|}", "-._~!$%&()*+,/:;=?@[\\]^`{|}", "-._~!$%&'()*+,/:;=@[\\]|", "-._~!$%&'()*+,"];

fn encoded(text: &str, left: &str) -> String {
    let keep = |byte: u8| byte.is_ascii_alphanumeric() || left.as_bytes().contains(&byte);
    let one = |byte: u8| if keep(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(one).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_secret_is_masked_in_every_form_that_output_has() {
        let secret = "a b<c>&\"d'!e#ü\nsecond line\n";
        assert!(hide(&Secret::new(secret)));
        assert!(!hide(&Secret::new(secret)));
        let url = "http://h/?k=a%20b%3Cc%3E&%22d%27!e%23%C3%BC%0Asecond%20line%0A&x=1";
        let escaped = "<b>a b&lt;c&gt;&amp;&quot;d&#39;!e#ü second line </b>";
        for text in [secret, url, escaped, "k: a b<c>&\"d'!e#ü | second line", "k: second line"] {
            let shown = masked(text);
            assert!(shown.contains("***") && !shown.contains("second") && !shown.contains("!e"), "{shown}");
        }
        hide(&Secret::new("91827364"));
        let value = masked_value(&json!({"pin": 91_827_364, "pins": ["x91827364"], "at": 1.5})).unwrap().unwrap();
        assert_eq!(value, json!({"pin": "***", "pins": ["x***"], "at": 1.5}));
    }
}
