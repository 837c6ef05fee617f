//! Numbers as YAML 1.2 reads them.

use serde_json::{Number, Value};

/// A plain scalar that the parser took for a number.
///
/// `1_000` is text in YAML 1.2, and so it is for every editor; the parser reads it as 1000.
pub(crate) fn resolve(parsed: Option<Number>, raw: Option<&str>) -> Value {
    match (parsed, raw) {
        (_, Some(raw)) if raw.contains('_') => Value::String(raw.to_owned()),
        (Some(number), _) => Value::Number(number),
        (None, _) => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_underscore_makes_text() {
        assert_eq!(resolve(Number::from_f64(1000.0), Some("1_000")), json!("1_000"));
        assert_eq!(resolve(Some(5.into()), Some("5")), json!(5));
        assert_eq!(resolve(None, Some(".inf")), Value::Null);
    }
}
