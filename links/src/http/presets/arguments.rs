//! Arguments of a call that are no JSON.

use serde::de::IgnoredAny;
use serde_json::Value;

/// What stands for arguments of which no part would do.
const OPEN: &str = "{";

/// The first half of arguments, which can't be read: as of a model that stopped in the middle.
pub(super) fn broken(arguments: &str) -> String {
    let half = arguments.chars().count() / 2;
    let half: String = arguments.chars().take(half.max(1)).collect();
    if half.trim().is_empty() || serde_json::from_str::<IgnoredAny>(&half).is_ok() { OPEN.into() } else { half }
}

/// Arguments for a function with this schema of parameters: the first one, and a text that does not end.
pub(super) fn begun(parameters: &Value) -> String {
    let required = parameters["required"].get(0).and_then(Value::as_str);
    let first = parameters["properties"].as_object().and_then(|all| all.keys().next()).map(String::as_str);
    required.or(first).map_or_else(|| OPEN.into(), |name| format!("{{{}:\"", Value::from(name)))
}

/// Arguments that come in pieces, of which only the broken part is left.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    whole: String,
    rest: Option<Vec<char>>,
}

impl Pieces {
    /// Takes a piece in.
    pub(super) fn add(&mut self, piece: &str) {
        self.whole.push_str(piece);
    }

    /// What takes the place of the next piece.
    pub(super) fn next(&mut self, piece: &str) -> String {
        let rest = self.rest.get_or_insert_with(|| broken(&self.whole).chars().collect());
        // Where there were no arguments, all of what stands for them comes at once.
        let length = if self.whole.is_empty() { rest.len() } else { piece.chars().count().min(rest.len()) };
        rest.drain(..length).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn broken_arguments_are_no_json() {
        for (arguments, want) in [
            (r#"{"city":"Paris"}"#, r#"{"city":"#),
            ("{}", "{"),
            ("", "{"),
            ("  ", "{"),
            ("12", "{"),
            ("{", "{"),
            ("1 {", "{"),
            ("ééé", "é"),
        ] {
            assert_eq!(broken(arguments), want);
            assert!(serde_json::from_str::<Value>(want).is_err());
        }
    }

    #[test]
    fn begun_arguments_name_a_parameter() {
        for (parameters, want) in [
            (json!({"properties": {"a": {}, "city": {}}, "required": ["city"]}), r#"{"city":""#),
            (json!({"properties": {"a\"b": {}}}), r#"{"a\"b":""#),
            (json!({"type": "object"}), "{"),
            (json!(null), "{"),
        ] {
            assert_eq!(begun(&parameters), want);
            assert!(serde_json::from_str::<Value>(want).is_err());
        }
    }

    #[test]
    fn pieces_end_in_the_middle() {
        for (pieces, want) in [
            (vec!["", "{\"", "city", "\":\"", "Paris", "\"}"], vec!["", "{\"", "city", "\":", "", ""]),
            (vec!["", ""], vec!["{", ""]),
            (vec!["12"], vec!["{"]),
        ] {
            let mut all = Pieces::default();
            for piece in &pieces {
                all.add(piece);
            }
            assert_eq!(pieces.iter().map(|piece| all.next(piece)).collect::<Vec<_>>(), want);
        }
    }
}
