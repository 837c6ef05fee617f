//! What the policy answers when it does not allow something.

use serde::{Deserialize, Serialize};

/// Something that the policy does not allow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("refused by policy: {what}{}", grant(.flag.as_deref()))]
pub struct Refusal {
    /// What is not allowed, in one clause.
    pub what: String,
    /// The command-line flag that would allow it, if one would.
    pub flag: Option<String>,
}

fn grant(flag: Option<&str>) -> String {
    flag.map(|flag| format!("; `{flag}` would allow it")).unwrap_or_default()
}

impl Refusal {
    /// A refusal, with the flag that would grant it.
    pub fn new(what: impl Into<String>, flag: Option<String>) -> Self {
        Self { what: what.into(), flag }
    }

    /// A refusal of something that the document's own policy excludes; no flag grants that.
    pub(crate) fn by_document(what: &str) -> Self {
        Self::new(format!("the file's own policy leaves out {what}"), None)
    }
}

/// A flag with its value, so that it can be pasted into a shell and is accepted.
pub(super) fn flag(name: &str, value: &str) -> String {
    // A value that begins like a flag would be taken for one.
    let between = if value.starts_with('-') { '=' } else { ' ' };
    format!("{name}{between}{}", shell_word(value))
}

/// A value as one word of a shell.
fn shell_word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-:@%+=,*".contains(c);
    if !text.is_empty() && text.chars().all(plain) && !text.contains('*') {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}
