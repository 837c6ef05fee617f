//! Fills placeholders, and finds what is left over.

use std::collections::{BTreeMap, BTreeSet};

use chaos_core::step_references;
use serde_json::Value;

use super::reserved::is_reserved;
use crate::pointer;

/// What filling did.
#[derive(Debug, Default)]
pub(crate) struct Filled {
    /// Values of reserved names: what the document itself declares.
    declared: BTreeMap<String, String>,
    /// Names that were filled.
    pub(crate) used: BTreeSet<String>,
    /// Pointers of strings that were one lone placeholder, and now hold its value as text.
    pub(crate) lone: Vec<String>,
    /// Pointer and name of what no variable fills.
    pub(crate) leftover: Vec<(String, String)>,
    /// Whether outputs of steps are named, in a workflow; they are filled when their step starts.
    pub(crate) has_outputs: bool,
    /// Bytes of pointers in `leftover`.
    noted: usize,
    /// Bytes that values brought in.
    added: usize,
    /// The pointer of the string where they were more than [`MAX_ADDED`]; it and what follows is not filled.
    pub(crate) too_large: Option<String>,
}

impl Filled {
    /// Nothing yet, where the document declares these values.
    pub(crate) fn of(declared: BTreeMap<String, String>) -> Self {
        Self { declared, ..Self::default() }
    }

    fn leave(&mut self, at: &str, name: &str, whole: &str) {
        if pointer::is_within(at, "/workflow") && step_references(whole).next().is_some() {
            self.has_outputs = true;
            return;
        }
        if self.leftover.len() < MAX_LEFTOVER && self.noted <= MAX_ADDED {
            self.noted += at.len();
            self.leftover.push((at.to_owned(), name.to_owned()));
        }
    }
}

/// Unfilled placeholders that are noted; nobody reads more of them.
const MAX_LEFTOVER: usize = 1_000;

/// Bytes that the values of placeholders may bring into a document, all together: as many as a document may have.
pub(crate) const MAX_ADDED: usize = 16 * 1024 * 1024;

/// Fills every string below `value`; keys stay as they are. The depth of `value` is bounded by the caller.
pub(crate) fn fill(value: &mut Value, at: &str, vars: &BTreeMap<String, String>, filled: &mut Filled) {
    match value {
        Value::String(text) => {
            if let Some(new) = fill_text(text, at, vars, filled) {
                *text = new;
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                fill(item, &pointer::join(at, &index.to_string()), vars, filled);
            }
        }
        Value::Object(map) => {
            for (key, item) in map.iter_mut() {
                fill(item, &pointer::join(at, key), vars, filled);
            }
        }
        _ => {}
    }
}

/// One pass: what a value brings in is not looked at again.
fn fill_text(text: &str, at: &str, vars: &BTreeMap<String, String>, filled: &mut Filled) -> Option<String> {
    let mut out = String::new();
    let mut done = 0;
    let mut lone = false;
    let mut unfilled = BTreeSet::new();
    while let Some((start, end, name)) = find(text, done) {
        out.push_str(&text[done..start]);
        let values = if is_reserved(name) { &filled.declared } else { vars };
        if let Some(value) = values.get(name).cloned() {
            filled.added = filled.added.saturating_add(value.len());
            if filled.added > MAX_ADDED {
                filled.too_large.get_or_insert_with(|| at.to_owned());
                return None;
            }
            out.push_str(&value);
            filled.used.insert(name.to_owned());
            lone = start == 0 && end == text.len();
        } else {
            out.push_str(&text[start..end]);
            if unfilled.insert(name) {
                filled.leave(at, name, &text[start..end]);
            }
        }
        done = end;
    }
    if lone {
        filled.lone.push(at.to_owned());
    }
    (done > 0).then(|| out + &text[done..])
}

/// The next placeholder from byte `from` on: start, end and name.
fn find(text: &str, from: usize) -> Option<(usize, usize, &str)> {
    let mut from = from;
    loop {
        let start = from + text[from..].find("{{")?;
        match name_at(&text[start + 2..]) {
            Some((name, length)) => return Some((start, start + 2 + length, name)),
            None => from = start + 1,
        }
    }
}

/// The name and the length up to and with `}}`, if a placeholder goes on here.
fn name_at(rest: &str) -> Option<(&str, usize)> {
    let trimmed = rest.trim_start_matches(' ');
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    let end = trimmed.find(|c| !is_name(c))?;
    let (name, after) = trimmed.split_at(end);
    if !name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
        return None;
    }
    let after = after.trim_start_matches(' ').strip_prefix("}}")?;
    Some((name, rest.len() - after.len()))
}

/// A lone placeholder's value as a number or a boolean, if it is one.
pub(crate) fn scalar(text: &str) -> Option<Value> {
    match serde_json::from_str(text) {
        Ok(value @ (Value::Number(_) | Value::Bool(_))) => Some(value),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn vars() -> BTreeMap<String, String> {
        [("A", "1"), ("B", "{{A}}"), ("HOST", "h: x\n- y")].map(|(k, v)| (k.to_owned(), v.to_owned())).into()
    }

    #[test]
    fn strings_are_filled_once_and_keys_never() {
        let rows = [
            (json!("x{{A}}y{{A}}"), json!("x1y1")),
            (json!("{{ A }}"), json!("1")),
            (json!("{{B}}"), json!("{{A}}")),
            (json!("{{{A}}}"), json!("{1}")),
            (json!({"{{A}}": ["{{HOST}}"]}), json!({"{{A}}": ["h: x\n- y"]})),
            (json!("{{ not a name }} {{9}} {{}} {{A"), json!("{{ not a name }} {{9}} {{}} {{A")),
        ];
        for (mut value, want) in rows {
            fill(&mut value, "", &vars(), &mut Filled::default());
            assert_eq!(value, want);
        }
    }

    #[test]
    fn values_that_stand_there_often_are_bounded() {
        let vars = [("A".to_owned(), "x".repeat(1 << 20))].into();
        let (mut few, mut many) = (json!("{{A}}".repeat(16)), json!(["{{A}}".repeat(9), {"b": "{{A}}".repeat(1000)}]));
        let mut filled = Filled::default();
        fill(&mut few, "", &vars, &mut filled);
        assert_eq!((few.as_str().unwrap().len(), filled.too_large), (MAX_ADDED, None));
        let mut filled = Filled::default();
        fill(&mut many, "", &vars, &mut filled);
        assert_eq!(filled.too_large.as_deref(), Some("/1/b"));
        assert_eq!(many[1]["b"].as_str().unwrap().len(), 5000);
    }

    #[test]
    fn no_variable_fills_a_reserved_name() {
        let vars = [("node.a.dir", "/x"), ("nodes", "y")].map(|(k, v)| (k.to_owned(), v.to_owned())).into();
        let (mut value, mut filled) = (json!(["{{node.a.dir}}", "{{nodes}}"]), Filled::default());
        fill(&mut value, "", &vars, &mut filled);
        assert_eq!(value, json!(["{{node.a.dir}}", "y"]));
        assert_eq!(filled.leftover, vec![("/0".to_owned(), "node.a.dir".to_owned())]);
    }

    #[test]
    fn what_is_left_over_is_named_with_its_place() {
        let mut filled = Filled::default();
        fill(&mut json!({"a": ["{{NOPE}}/{{A}}"], "b": "{{A}}"}), "", &vars(), &mut filled);
        assert_eq!(filled.leftover, vec![("/a/0".to_owned(), "NOPE".to_owned())]);
        assert_eq!((filled.lone, filled.used), (vec!["/b".to_owned()], ["A".to_owned()].into()));
    }

    #[test]
    fn placeholders_without_a_value_are_noted_within_bounds() {
        let text = (0..20_000).map(|n| format!("{{{{N{n}}}}}{{{{SAME}}}}")).collect::<Vec<_>>().concat();
        let mut filled = Filled::default();
        fill(&mut json!({"k".repeat(60_000): text}), "", &BTreeMap::new(), &mut filled);
        let noted: usize = filled.leftover.iter().map(|(at, _)| at.len()).sum();
        assert!(filled.leftover.len() <= MAX_LEFTOVER && noted <= 2 * MAX_ADDED, "{}", filled.leftover.len());
        assert!(!filled.leftover.is_empty());
    }

    #[test]
    fn only_numbers_and_booleans_change_their_type() {
        let rows = [("5", Some(json!(5))), ("true", Some(json!(true))), ("1e3", Some(json!(1000.0)))];
        for (text, want) in rows {
            assert_eq!(scalar(text), want, "{text}");
        }
        for text in ["null", "[1]", "{}", "\"x\"", "abc", ""] {
            assert_eq!(scalar(text), None, "{text}");
        }
    }
}
