//! A part of a workflow that may hold outputs of earlier steps, and is read when it starts.

use std::collections::BTreeMap;
use std::marker::PhantomData;

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{ParseError, parse, pointer_segment};

/// The outputs of the steps that have ended, by the name of the step.
pub type StepOutputs = BTreeMap<String, BTreeMap<String, String>>;

/// A part that is read when its step starts; a mistake in it still has its position.
#[derive(Debug)]
pub struct Late<T> {
    value: Value,
    at: String,
    of: PhantomData<fn() -> T>,
}

/// Why a part can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LateError {
    /// It needs an output that no step has written.
    #[error("{at}: no output `{key}` of step `{step}`: the step has not written it")]
    MissingOutput {
        /// Where it stands.
        at: String,
        /// The step.
        step: String,
        /// The output.
        key: String,
    },
    /// With its outputs it is not what it should be.
    #[error("{at}{}: {}", .error.pointer, .error.message)]
    Invalid {
        /// Where it stands.
        at: String,
        /// What is wrong.
        error: ParseError,
    },
}

impl<T> Late<T> {
    /// A part, and where it stands.
    pub fn new(value: Value, at: impl Into<String>) -> Self {
        Self { value, at: at.into(), of: PhantomData }
    }

    /// The outputs that it needs: step and key.
    pub fn needs(&self) -> Vec<(String, String)> {
        let mut needs = Vec::new();
        each_text(&self.value, "", &mut |_, text| {
            needs.extend(step_references(text).map(|(_, step, key)| (step.to_owned(), key.to_owned())));
        });
        needs
    }
}

impl<T: DeserializeOwned> Late<T> {
    /// Reads it, with the outputs in their places. One that stands alone may be a number or a boolean.
    ///
    /// # Errors
    /// An output that is not there, and whatever the type refuses.
    pub fn read(&self, outputs: &StepOutputs) -> Result<T, LateError> {
        let mut missing = None;
        let mut filled = self.value.clone();
        let mut lone = Vec::new();
        fill(&mut filled, "", outputs, &mut lone, &mut missing);
        if let Some((step, key)) = missing {
            return Err(LateError::MissingOutput { at: self.at.clone(), step, key });
        }
        loop {
            let error = match parse(&filled) {
                Ok(read) => return Ok(read),
                Err(error) => error,
            };
            // Only where text was refused is a number tried; text that looks like a number stays text elsewhere.
            let slot = lone.iter().position(|at| *at == error.pointer).map(|index| lone.swap_remove(index));
            let slot = slot.and_then(|at| filled.pointer_mut(&at));
            let scalar = slot.as_ref().and_then(|slot| serde_json::from_str(slot.as_str()?).ok());
            match (slot, scalar) {
                (Some(slot), Some(scalar @ (Value::Number(_) | Value::Bool(_)))) => *slot = scalar,
                _ => return Err(LateError::Invalid { at: self.at.clone(), error }),
            }
        }
    }
}

/// The references to outputs in a text: the whole placeholder, the step, and the key.
pub fn step_references(text: &str) -> impl Iterator<Item = (&str, &str, &str)> {
    text.match_indices("{{").filter_map(|(start, _)| {
        let end = start + text[start..].find("}}")? + 2;
        let inside = text[start + 2..end - 2].trim_matches(' ');
        let (step, key) = inside.strip_prefix("steps.")?.split_once(".output.")?;
        let plain =
            |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
        (plain(step) && plain(key)).then_some((&text[start..end], step, key))
    })
}

fn each_text(value: &Value, at: &str, found: &mut impl FnMut(&str, &str)) {
    match value {
        Value::String(text) => found(at, text),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                each_text(item, &format!("{at}/{index}"), found);
            }
        }
        Value::Object(map) => {
            for (key, item) in map {
                each_text(item, &format!("{at}/{}", pointer_segment(key)), found);
            }
        }
        _ => {}
    }
}

fn fill(
    value: &mut Value,
    at: &str,
    outputs: &StepOutputs,
    lone: &mut Vec<String>,
    missing: &mut Option<(String, String)>,
) {
    match value {
        Value::String(text) => {
            let (mut out, mut rest) = (String::new(), text.as_str());
            let mut is_lone = false;
            for (whole, step, key) in step_references(text) {
                let Some(written) = outputs.get(step).and_then(|of| of.get(key)) else {
                    missing.get_or_insert_with(|| (step.to_owned(), key.to_owned()));
                    return;
                };
                let Some((before, after)) = rest.split_once(whole) else { continue };
                out.push_str(before);
                out.push_str(written);
                is_lone = whole.len() == text.len();
                rest = after;
            }
            out.push_str(rest);
            if is_lone {
                lone.push(at.to_owned());
            }
            *text = out;
        }
        Value::Array(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                fill(item, &format!("{at}/{index}"), outputs, lone, missing);
            }
        }
        Value::Object(map) => {
            for (key, item) in map.iter_mut() {
                fill(item, &format!("{at}/{}", pointer_segment(key)), outputs, lone, missing);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn outputs() -> StepOutputs {
        let of = [("n".to_owned(), "5".to_owned()), ("u".to_owned(), "{{steps.a.output.n}}".to_owned())];
        [("a".to_owned(), of.into())].into()
    }

    #[test]
    fn an_output_stands_where_it_is_named_and_a_lone_one_may_be_a_number() {
        let part =
            Late::<BTreeMap<String, String>>::new(json!({"x": "{{steps.a.output.n}}-{{ steps.a.output.u }}"}), "/w");
        assert_eq!(part.read(&outputs()).unwrap()["x"], "5-{{steps.a.output.n}}", "what an output brings in is text");
        assert_eq!(part.needs().len(), 2);
        let part = Late::<Vec<u8>>::new(json!(["{{steps.a.output.n}}", 1]), "/w");
        assert_eq!(part.read(&outputs()).unwrap(), [5, 1]);
        let part = Late::<Vec<String>>::new(json!(["{{steps.a.output.n}}"]), "/w");
        assert_eq!(part.read(&outputs()).unwrap(), ["5"]);
    }

    #[test]
    fn a_missing_output_is_an_error_and_never_empty_text() {
        for text in ["{{steps.a.output.no}}", "{{steps.b.output.n}}"] {
            let error = Late::<String>::new(json!(text), "/workflow/steps/1").read(&outputs()).unwrap_err();
            assert!(matches!(error, LateError::MissingOutput { .. }), "{error}");
            assert!(error.to_string().starts_with("/workflow/steps/1: no output `n"), "{error}");
        }
        let error = Late::<Vec<u8>>::new(json!(["{{steps.a.output.u}}"]), "/w").read(&outputs()).unwrap_err();
        assert!(error.to_string().starts_with("/w/0: "), "{error}");
    }
}
