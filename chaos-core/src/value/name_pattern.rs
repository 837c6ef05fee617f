//! A name in which `*` stands for any text.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A name in which `*` stands for any text, also none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(inline)]
pub struct NamePattern(pub String);

impl From<&str> for NamePattern {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl NamePattern {
    /// Whether a name is one of those.
    pub fn fits(&self, name: &str) -> bool {
        let Some((first, rest)) = self.0.split_once('*') else { return name == self.0 };
        let Some(mut name) = name.strip_prefix(first) else { return false };
        let Some((middle, last)) = rest.rsplit_once('*') else { return name.ends_with(rest) };
        // The earliest place is as good as any: it leaves the most for what follows.
        for part in middle.split('*') {
            let Some(at) = name.find(part) else { return false };
            name = &name[at + part.len()..];
        }
        name.ends_with(last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_text() {
        let rows = [
            ("digest", "digest", true),
            ("digest", "digests", false),
            ("*", "", true),
            ("n*", "n12", true),
            ("n*", "m", false),
            ("*ed", "disconnected", true),
            ("a*a", "a", false),
            ("a*a", "aa", true),
            ("a*b*c", "abbcbc", true),
            ("a*b*c", "acb", false),
            ("**x**", "x", true),
            ("GET /*", "GET /*", true),
            ("é*é", "éé", true),
        ];
        for (pattern, name, fits) in rows {
            assert_eq!(NamePattern(pattern.to_owned()).fits(name), fits, "{pattern} {name}");
        }
    }
}
