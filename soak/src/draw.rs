//! Random draws. Each event has a stream of its own, so that what one event draws says nothing of the others.

use chaos_core::{DrawnValue, random_below, random_index};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::Value;

/// The draws of one event.
pub(crate) struct Draws(ChaCha8Rng);

impl Draws {
    pub(crate) fn of(seed: u64, event: u32) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(u64::from(event));
        Self(rng)
    }

    /// An index of `length` things.
    pub(crate) fn index(&mut self, length: usize) -> usize {
        random_index(length, &mut self.0)
    }

    /// An index, each as often as its weight says; `None` where all weights are 0.
    pub(crate) fn weighted(&mut self, weights: impl Iterator<Item = u32> + Clone) -> Option<usize> {
        let total: u64 = weights.clone().map(u64::from).sum();
        if total == 0 {
            return None;
        }
        let mut left = random_below(total, &mut self.0);
        for (index, weight) in weights.enumerate() {
            match left.checked_sub(u64::from(weight)) {
                Some(rest) => left = rest,
                None => return Some(index),
            }
        }
        None
    }

    /// A value within its bounds.
    #[expect(clippy::cast_precision_loss, reason = "a fraction needs no more than 53 bits")]
    pub(crate) fn value(&mut self, from: &DrawnValue) -> Value {
        match from {
            DrawnValue::Choice(choice) => choice.get(self.index(choice.len())).cloned().unwrap_or_default(),
            DrawnValue::Range { min, max } => {
                let whole = min.fract() == 0.0 && max.fract() == 0.0;
                let fraction = (self.0.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
                // Whole numbers: both ends as often as those between.
                let width = if whole { max - min + 1.0 } else { max - min };
                from.number(fraction.mul_add(width, *min).min(*max))
            }
        }
    }
}
