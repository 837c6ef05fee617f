//! Seeded choices.

use std::time::Duration;

/// Small and seeded: equal seeds choose alike.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// Choices that begin with a seed; neighbouring seeds choose differently.
    pub fn new(seed: u64) -> Self {
        let mixed = (seed ^ 0x5eed_1e55).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Self(mixed ^ (mixed >> 31) | 1)
    }

    /// A number below `end`, and 0 if there is none.
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 8) % end.max(1)
    }

    /// An index into something with so many parts.
    pub fn index(&mut self, len: usize) -> usize {
        usize::try_from(self.below(len as u64)).unwrap_or(0)
    }

    /// Whether one of `n` equal chances came.
    pub fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// A time below `end`, in microseconds.
    pub fn time(&mut self, end: Duration) -> Duration {
        Duration::from_micros(self.below(u64::try_from(end.as_micros()).unwrap_or(u64::MAX)))
    }

    /// One of several.
    pub fn choose<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.index(of.len())]
    }
}
