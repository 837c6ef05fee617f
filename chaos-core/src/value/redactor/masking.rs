//! Where a secret is masked, by its length.

use crate::Secret;

/// Characters from which on a secret is masked wherever it occurs. A shorter one is a dummy, as local model servers take
/// (`EMPTY`, `x`), or can be guessed; masked inside other words and figures it would only make every text unreadable.
pub(super) const SHORTEST_EVERYWHERE: usize = 6;

/// Where a [`crate::Redactor`] masks a secret, which follows from the secret's length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SecretMasking {
    /// Wherever it occurs: six characters or more.
    Everywhere,
    /// Where it stands as a whole word: shorter, with at least one letter.
    WholeWords,
    /// Only in an `Authorization` header and its kin: shorter and without a letter, so that it may also be a figure.
    Credentials,
}

impl SecretMasking {
    /// Says where a secret is masked.
    pub fn of(secret: &Secret) -> Self {
        Self::of_text(secret.expose())
    }

    pub(super) fn of_text(text: &str) -> Self {
        if text.chars().count() >= SHORTEST_EVERYWHERE {
            Self::Everywhere
        } else if text.chars().any(char::is_alphabetic) {
            Self::WholeWords
        } else {
            Self::Credentials
        }
    }
}
