//! The words for what a report holds.

use chaos_core::Reverted;
use serde::Serialize;

pub(super) fn reverted_word(reverted: Reverted) -> &'static str {
    match reverted {
        Reverted::NothingToRevert => "nothing to undo",
        Reverted::Reverted => "reverted (verified)",
        Reverted::NotReversible => "not reversible",
        Reverted::Failed => "NOT undone: something may still be in force",
    }
}

/// The word that JSON has for it, with spaces.
pub(super) fn word(choice: &impl Serialize) -> String {
    let word = serde_json::to_value(choice).ok().and_then(|value| value.as_str().map(|word| word.replace('_', " ")));
    word.unwrap_or_default()
}
