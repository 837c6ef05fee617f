//! Masks one text, or a value, with all that is known.

use serde_json::Value;

use super::needles::{Cut, Needles};
use super::unasked;

/// Stands where a secret was.
pub(super) const MASK: &str = "***";

/// Everything that is looked for.
pub(super) struct All<'a> {
    pub(super) needles: [&'a Needles; 2],
    /// Whether what a cut has left of a secret counts.
    pub(super) cuts: bool,
}

impl All<'_> {
    pub(super) fn iter(&self) -> impl Iterator<Item = &Needles> {
        self.needles.into_iter().filter(|needles| needles.len() > 0)
    }

    pub(super) fn text(&self, text: &str) -> String {
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
                if self.cuts
                    && next == Cut::MARK
                    && let Some((keep, hide)) = self.end_of_cut(rest)
                {
                    masked.push_str(&rest[..keep]);
                    masked.push_str(MASK);
                    rest = &rest[keep + hide..];
                    before = Some('*');
                }
            }
        }
        masked
    }

    pub(super) fn value(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.text(text)),
            Value::Array(items) => items.iter().map(|item| self.value(item)).collect(),
            Value::Object(object) => {
                object.iter().map(|(key, value)| (self.text(key), self.member(key, value))).collect()
            }
            Value::Number(number) if self.is_number(&number.to_string()) => Value::String(MASK.to_owned()),
            other => other.clone(),
        }
    }

    fn member(&self, key: &str, value: &Value) -> Value {
        if value.is_string() && unasked::is_credential(key) {
            Value::String(MASK.to_owned())
        } else {
            self.value(value)
        }
    }

    /// Whether a number is a secret of digits alone.
    pub(super) fn is_number(&self, number: &str) -> bool {
        let whole = number.strip_suffix(".0").unwrap_or(number);
        [number, whole].iter().any(|text| self.iter().any(|needles| needles.is_known(text)) && self.text(text) != *text)
    }

    /// The same behind a mark, where the start of a secret may have been cut off.
    fn end_of_cut(&self, rest: &str) -> Option<(usize, usize)> {
        let at = |keep: usize| self.iter().map(|needles| needles.end_of_cut(&rest[keep..])).max().unwrap_or(0);
        [0, Cut::after_mark(rest)].map(|keep| (keep, at(keep))).into_iter().find(|(_, hide)| *hide > 0)
    }

    /// Says how many bytes at the start of `rest` to keep, and how many after them to hide (0: nothing here).
    fn secret_at(&self, rest: &str, before: Option<char>) -> (usize, usize) {
        if let Some(length) = self.iter().filter_map(|needles| needles.at(rest, before, self.cuts)).max() {
            return (0, length);
        }
        if let Some(found) = unasked::in_url(rest) {
            return found;
        }
        if before.is_some_and(char::is_alphanumeric) {
            return (0, 0);
        }
        let known = |token: &str| self.iter().any(|needles| needles.is_known(token));
        unasked::in_header(rest).or_else(|| unasked::behind_scheme(rest, known)).unwrap_or((0, 0))
    }
}
