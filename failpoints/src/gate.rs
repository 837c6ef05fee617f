//! When a step of a rule fires: a pure function of the hit's number, so that a seed repeats it.

use crate::seed::mix;

/// The conditions of one step; all of them must agree before it fires.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Gate {
    /// Hits that pass before the first candidate.
    pub(crate) skip: u64,
    /// Every how many-th of the remaining hits is a candidate; 1 is each.
    pub(crate) every: u64,
    /// Share of the candidates that fire, 0 to 1.
    pub(crate) rate: f64,
    /// The most times the step fires; `u64::MAX` for no bound.
    pub(crate) most: u64,
}

impl Gate {
    /// The gate that lets every hit fire.
    pub(crate) const OPEN: Self = Self { skip: 0, every: 1, rate: 1.0, most: u64::MAX };

    /// Says whether the hit of this number, counted from 0, is a candidate that the rate lets through.
    pub(crate) fn admits(&self, number: u64, seed: u64) -> bool {
        let Some(past) = number.checked_sub(self.skip) else {
            return false;
        };
        if self.every > 1 && !past.is_multiple_of(self.every) {
            return false;
        }
        self.rate >= 1.0 || draw(number, seed) < self.rate
    }

    /// Says whether every candidate fires, so that the fires need no counter of their own.
    pub(crate) fn is_steady(&self) -> bool {
        self.rate >= 1.0 && self.most == u64::MAX
    }

    /// Returns how many of so many hits are candidates.
    pub(crate) fn candidates(&self, hits: u64) -> u64 {
        hits.saturating_sub(self.skip).div_ceil(self.every)
    }
}

/// Draws the number in `[0, 1)` that belongs to a hit: 53 bits, all that a double holds.
fn draw(number: u64, seed: u64) -> f64 {
    let bits = mix(seed ^ mix(number)) >> 11;
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit a double exactly")]
    let fraction = bits as f64 / (1_u64 << 53) as f64;
    fraction
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admitted(gate: Gate, seed: u64, hits: u64) -> Vec<u64> {
        (0..hits).filter(|&number| gate.admits(number, seed)).collect()
    }

    #[test]
    fn skip_and_every_pick_exact_hits() {
        let cases = [
            (0, 1, vec![0, 1, 2, 3, 4, 5, 6, 7]),
            (3, 1, vec![3, 4, 5, 6, 7]),
            (0, 3, vec![0, 3, 6]),
            (2, 4, vec![2, 6]),
            (9, 1, vec![]),
        ];
        for (skip, every, want) in cases {
            let gate = Gate { skip, every, ..Gate::OPEN };
            assert_eq!(gate.candidates(8), want.len() as u64, "skip {skip}, every {every}");
            assert_eq!(admitted(gate, 1, 8), want, "skip {skip}, every {every}");
        }
    }

    #[test]
    fn a_rate_is_met_within_four_sigma_and_repeats_by_seed() {
        for rate in [0.01, 0.25, 0.5, 0.9] {
            let gate = Gate { rate, ..Gate::OPEN };
            let fired = admitted(gate, 42, 100_000);
            let sigma = (100_000.0 * rate * (1.0 - rate)).sqrt();
            let count = f64::from(u32::try_from(fired.len()).unwrap());
            let off = (count - 100_000.0 * rate).abs();
            assert!(off < 4.0 * sigma, "rate {rate}: {} of 100000", fired.len());
            assert_eq!(fired, admitted(gate, 42, 100_000));
            assert_ne!(fired, admitted(gate, 43, 100_000));
        }
    }

    #[test]
    fn rate_zero_never_and_rate_one_always() {
        assert!(admitted(Gate { rate: 0.0, ..Gate::OPEN }, 7, 1000).is_empty());
        assert_eq!(admitted(Gate::OPEN, 7, 1000).len(), 1000);
    }
}
