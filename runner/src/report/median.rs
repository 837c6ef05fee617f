//! A confidence interval of a median that assumes nothing of the distribution: two order statistics of the sample.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The level that an interval must reach.
pub(super) const LEVEL: f64 = 0.95;
/// From this many values on the smallest and the largest reach it: 1 - 2 / 2^6 = 0.969, and 0.938 with five.
pub(super) const LEAST_VALUES: usize = 6;

/// An interval that holds the true median at least as often as its level says, whatever the distribution.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MedianInterval {
    /// Its lower end: a value of the sample.
    pub low: f64,
    /// Its upper end: a value of the sample.
    pub high: f64,
    /// The level that it reaches, 0 to 1: the smallest one of at least 0.95 that the sample allows.
    pub level: f64,
}

/// The narrowest interval of two order statistics, as far from either end of the sample, that reaches 95 %; `None` of fewer than
/// six values, of which no two reach it. The interval from the `k`-th smallest to the `k`-th largest of `n` values misses the
/// median when fewer than `k` lie on one side of it: with a probability of 2 P(B < k), where B is binomial with n and 1/2
/// (H. A. David, H. N. Nagaraja: Order Statistics, 3rd edition, section 7.1).
pub(super) fn median_interval(sorted: &[f64]) -> Option<MedianInterval> {
    let (rank, level) = rank(sorted.len())?;
    Some(MedianInterval { low: *sorted.get(rank - 1)?, high: *sorted.get(sorted.len() - rank)?, level })
}

/// The largest rank from either end that reaches the level, from 1, and what it reaches.
fn rank(values: usize) -> Option<(usize, f64)> {
    // Each term from the one before, as logarithms: 2^-n is zero beyond n = 1074.
    let mut term = -to_f64(values) * std::f64::consts::LN_2;
    let (mut below, mut found) = (0.0, None);
    for rank in 1..=values / 2 {
        below += term.exp();
        let level = 1.0 - 2.0 * below;
        if level < LEVEL {
            break;
        }
        found = Some((rank, level));
        term += (to_f64(values - rank + 1) / to_f64(rank)).ln();
    }
    found
}

fn to_f64(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_and_levels_are_those_of_the_binomial_distribution() {
        // By hand: n, the rank from either end, 2^n - 2 (C(n,0) + … + C(n,rank-1)) of 2^n.
        let rows: [(usize, usize, u32); 7] = [
            (6, 1, 64 - 2),
            (7, 1, 128 - 2),
            (8, 1, 256 - 2),
            (9, 2, 512 - 2 * (1 + 9)),
            (10, 2, 1024 - 2 * (1 + 10)),
            (12, 3, 4096 - 2 * (1 + 12 + 66)),
            (20, 6, 1_048_576 - 2 * (1 + 20 + 190 + 1140 + 4845 + 15_504)),
        ];
        for (values, want, of) in rows {
            let (rank, level) = rank(values).unwrap();
            assert_eq!(rank, want, "{values}");
            let exact = f64::from(of) / 2_f64.powi(i32::try_from(values).unwrap());
            assert!((level - exact).abs() < 1e-12, "{values}: {level} {exact}");
        }
    }

    #[test]
    fn fewer_than_six_values_have_no_interval() {
        let values = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        for count in 0..LEAST_VALUES {
            assert_eq!(median_interval(&values[..count]), None, "{count}");
        }
        let found = median_interval(&values).unwrap();
        assert_eq!((found.low, found.high, found.level), (1.0, 6.0, 0.96875));
    }

    #[test]
    fn the_ends_are_values_of_the_sample() {
        // Of 12 values the 3rd and the 10th.
        let values = [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 51.2, 102.4, 204.8];
        let found = median_interval(&values).unwrap();
        assert_eq!((found.low, found.high), (0.4, 51.2));
        assert_eq!(median_interval(&[2.0; 100]).map(|found| (found.low, found.high)), Some((2.0, 2.0)));
    }

    #[test]
    fn thousands_of_values_still_have_one() {
        // The normal approximation: n / 2 - 0.98 sqrt(n).
        let (rank, level) = rank(10_000).unwrap();
        assert!((4899..=4903).contains(&rank), "{rank}");
        assert!((LEVEL..0.952).contains(&level), "{level}");
    }
}
