//! A number of which evidence may tell no more than between which two it lies.

use chaos_core::Answer;

/// A number that lies between two others, both included. Comparisons answer yes or no only where every number between them
/// would give the same answer; NaN is unknown to all of them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bounds {
    /// It is not less than this.
    pub low: f64,
    /// It is not more than this.
    pub high: f64,
}

impl Bounds {
    /// Any number.
    pub const ANY: Self = Self { low: f64::NEG_INFINITY, high: f64::INFINITY };

    /// Any number that is not negative.
    pub const NOT_NEGATIVE: Self = Self { low: 0.0, high: f64::INFINITY };

    /// That number.
    pub fn exact(value: f64) -> Self {
        Self { low: value, high: value }
    }

    /// Whether it is more than `limit`.
    pub fn above(self, limit: f64) -> Answer {
        decided(self.low > limit, self.high <= limit)
    }

    /// Whether it is less than `limit`.
    pub fn below(self, limit: f64) -> Answer {
        decided(self.high < limit, self.low >= limit)
    }

    /// Whether it is exactly `value`.
    pub fn equals(self, value: f64) -> Answer {
        decided(total(self.low, value) && total(self.high, value), self.low > value || self.high < value)
    }

    /// The sum of both.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self { low: self.low + other.low, high: self.high + other.high }
    }

    /// The greater of both.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        Self { low: greater(self.low, other.low), high: greater(self.high, other.high) }
    }

    /// The lesser of both.
    #[must_use]
    pub fn min(self, other: Self) -> Self {
        Self { low: -greater(-self.low, -other.low), high: -greater(-self.high, -other.high) }
    }
}

/// In words: `3`, `at least 3`, `from 3 to 5`, or `unknown`.
impl std::fmt::Display for Bounds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { low, high } = *self;
        match (low == f64::NEG_INFINITY, high == f64::INFINITY) {
            _ if total(low, high) => write!(f, "{low}"),
            (true, true) => f.write_str("unknown"),
            (false, true) => write!(f, "at least {low}"),
            (true, false) => write!(f, "at most {high}"),
            (false, false) => write!(f, "from {low} to {high}"),
        }
    }
}

fn decided(yes: bool, no: bool) -> Answer {
    match (yes, no) {
        (true, _) => Answer::Yes,
        (_, true) => Answer::No,
        _ => Answer::Unknown,
    }
}

/// Whether both are one number; zero is one number whatever its sign.
fn total(a: f64, b: f64) -> bool {
    a.partial_cmp(&b).is_some_and(std::cmp::Ordering::is_eq)
}

/// Unlike `f64::max`, this does not forget a NaN.
fn greater(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() { f64::NAN } else { a.max(b) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Answer::{No, Unknown, Yes};

    #[test]
    fn an_answer_holds_for_every_number_between_the_bounds() {
        let between = |low, high| Bounds { low, high };
        let rows = [
            (Bounds::exact(3.0), [Yes, No, No], [No, No, Yes], [No, Yes, No]),
            (between(2.0, 4.0), [Yes, Unknown, No], [No, Unknown, Yes], [No, Unknown, No]),
            (between(3.0, f64::INFINITY), [Yes, Unknown, Unknown], [No, No, Unknown], [No, Unknown, Unknown]),
            (Bounds::exact(f64::NAN), [Unknown; 3], [Unknown; 3], [Unknown; 3]),
            (Bounds::ANY, [Unknown; 3], [Unknown; 3], [Unknown; 3]),
        ];
        for (bounds, above, below, equals) in rows {
            let limits = [1.0, 3.0, 5.0];
            assert_eq!(limits.map(|limit| bounds.above(limit)), above, "{bounds} above");
            assert_eq!(limits.map(|limit| bounds.below(limit)), below, "{bounds} below");
            assert_eq!(limits.map(|limit| bounds.equals(limit)), equals, "{bounds} equals");
        }
    }

    #[test]
    fn what_is_not_known_of_one_is_not_known_of_both() {
        let (three, some) = (Bounds::exact(3.0), Bounds { low: 1.0, high: f64::INFINITY });
        assert_eq!(three.plus(some), Bounds { low: 4.0, high: f64::INFINITY });
        assert_eq!(three.max(some), Bounds { low: 3.0, high: f64::INFINITY });
        assert_eq!(three.min(some), Bounds { low: 1.0, high: 3.0 });
        let nan = Bounds::exact(f64::NAN);
        for both in [nan.plus(three), nan.max(three), three.min(nan)] {
            assert_eq!(both.above(0.0), Unknown, "{both:?}");
        }
        let words = [three, some, Bounds { low: f64::NEG_INFINITY, high: 2.0 }, three.min(some), Bounds::ANY];
        let words = words.map(|bounds| bounds.to_string());
        assert_eq!(words, ["3", "at least 1", "at most 2", "from 1 to 3", "unknown"]);
    }
}
