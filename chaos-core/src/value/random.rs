//! Random numbers below a bound.

use rand::Rng;

/// A number below `bound`, each as likely as the others up to `bound` in 2^64; 0 below 0.
pub fn random_below(bound: u64, rng: &mut impl Rng) -> u64 {
    // The high half of the product.
    u64::try_from((u128::from(rng.next_u64()) * u128::from(bound)) >> 64).unwrap_or_default()
}

/// The same for an index of so many things.
pub fn random_index(length: usize, rng: &mut impl Rng) -> usize {
    let length = u64::try_from(length).unwrap_or(u64::MAX);
    usize::try_from(random_below(length, rng)).unwrap_or_default()
}
