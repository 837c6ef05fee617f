//! How a value is written so that YAML reads it as the text that it is.

/// How a scalar is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// In double quotes.
    Double,
    /// In single quotes.
    Single,
    /// Without quotes, and the placeholder is all of it.
    PlainAlone,
    /// Anything else: in a longer plain scalar, a block, a comment.
    AsIs,
}

impl Style {
    /// How a value is written there.
    pub(super) fn written(self, value: &str) -> String {
        match self {
            Self::Double => escaped(value),
            Self::Single => value.replace('\'', "''"),
            Self::PlainAlone if !is_plain(value) => format!("\"{}\"", escaped(value)),
            Self::PlainAlone | Self::AsIs => value.to_owned(),
        }
    }
}

/// A text as it stands between double quotes.
fn escaped(value: &str) -> String {
    let mut out = String::new();
    for c in value.chars() {
        match c {
            '"' => out += "\\\"",
            '\\' => out += "\\\\",
            '\n' => out += "\\n",
            '\r' => out += "\\r",
            '\t' => out += "\\t",
            // Line breaks of other readers, marks of byte order, and what YAML does not print.
            c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}') => {
                out.extend(["\\u", &format!("{:04x}", u32::from(c))]);
            }
            c => out.push(c),
        }
    }
    out
}

/// Whether every reader of YAML takes a value without quotes for text, whatever is around it.
fn is_plain(value: &str) -> bool {
    const WORDS: [&str; 9] = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    let harmless = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '/' | ':' | '@' | '-' | '+');
    let lower = value.to_ascii_lowercase();
    let starts = value.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '/');
    if !starts || !value.chars().all(harmless) || value.ends_with(':') || WORDS.contains(&lower.as_str()) {
        return false;
    }
    // Numbers in any base and dates begin with a digit, and have no letters but these.
    let numeric = |c: char| matches!(c, '0'..='9' | 'a'..='f' | 'o' | 'x' | 't' | 'z' | '_' | '.' | ':' | '-' | '+');
    !value.starts_with(|c: char| c.is_ascii_digit()) || !lower.chars().all(numeric)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_another_reader_takes_for_something_else_is_put_in_quotes() {
        let quoted = [
            "yes",
            "Off",
            "y",
            "TRUE",
            "null",
            "~",
            "",
            "1e3",
            "017",
            "0x1f",
            "12:30:45",
            "2026-01-01",
            "1_000",
            ".5",
            "-1",
            "a: b",
            "a #b",
            "*x",
            "&x",
            "[a",
            "a,b",
            "a b",
            "k:",
            "é",
            "2026-01-01T10:00:00Z",
            "1.5",
            "0o17",
            "@x",
            "- a",
        ];
        for value in quoted {
            assert!(!is_plain(value), "{value}");
        }
        for value in
            ["a", "registry.example/app:1.2.3", "/path", "10m", "r-20260101", "a@sha256:0f", "v1.2+x", "1.2.3-rc1"]
        {
            assert!(is_plain(value), "{value}");
        }
    }
}
