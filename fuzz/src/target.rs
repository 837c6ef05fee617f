//! A parser under attack.

use crate::documents::Dice;

/// A property that an input broke.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Breach(pub String);

/// A parser, how its valid inputs are made, and what must hold for each input.
pub trait FuzzTarget {
    /// Makes an input that the parser should accept.
    fn make(&mut self, dice: &mut Dice) -> Vec<u8>;

    /// Words of its grammar, with which inputs are spoilt beside the usual ones.
    fn words(&self) -> &'static [&'static str] {
        &[]
    }

    /// Feeds an input; says whether it was accepted.
    ///
    /// # Errors
    /// [`Breach`] where something does not hold that must hold whatever the input is.
    fn feed(&self, input: &[u8]) -> Result<bool, Breach>;
}
