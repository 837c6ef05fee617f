//! The word that JSON has for a choice.

use serde::Serialize;

/// That word, such as `abort_if` of a probe's role.
pub(super) fn json_word(choice: &impl Serialize) -> String {
    let word = serde_json::to_value(choice).ok().and_then(|value| value.as_str().map(str::to_owned));
    word.unwrap_or_default()
}
