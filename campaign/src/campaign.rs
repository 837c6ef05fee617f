//! What a campaign is.

use crate::control::Control;
use crate::flaw::Flaw;
use crate::round::Round;

/// One kind of attack on the program.
pub trait Campaign: Sync {
    /// Its name on the command line.
    fn name(&self) -> &'static str;

    /// What a round does, in one sentence.
    fn about(&self) -> &'static str;

    /// Attacks once, with choices from the round's own randomness only, and lets the round's oracle look.
    fn round(&self, round: &mut Round) -> Result<(), Flaw>;

    /// A program with a defect that this campaign must find; without one a green campaign shows nothing.
    fn control(&self) -> Control;

    /// Whether runs have guardians; without, what a killed one leaves stays until it is recovered.
    fn is_guarded(&self) -> bool {
        false
    }

    /// How many rounds run at a time for each that was asked for: more where a round mostly waits.
    fn lanes(&self) -> usize {
        1
    }
}
