//! Statistics: enough samples for a percentile, intervals instead of bare means.

use chaos_core::random_index;
use rand::Rng;
use serde::{Deserialize, Serialize};

/// Resamples of a bootstrap: the ends of a 95 % interval then move by less than a tenth of its width.
const RESAMPLES: usize = 4000;

/// Requests that must lie beyond a percentile before it says more than chance does.
const BEYOND: f64 = 10.0;

/// A mean with an interval that holds it in 95 of 100 cases.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The mean.
    pub mean: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
    /// Standard deviation of the single values.
    pub deviation: f64,
    /// Number of values.
    pub count: usize,
}

impl Estimate {
    /// Whether the interval lies on one side of zero.
    pub fn excludes_zero(&self) -> bool {
        self.low > 0.0 || self.high < 0.0
    }
}

/// Requests that a percentile (0 to 100) needs: ten beyond it.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 10 to 100,000")]
pub(crate) fn requests_needed(percentile: f64) -> u64 {
    (BEYOND * 100.0 / (100.0 - percentile.clamp(0.0, 99.99)) - 1e-6).ceil() as u64
}

/// The mean of `values` with a bootstrap interval at 95 %; `None` with fewer than two values.
///
/// The percentile interval of a small sample is too narrow; its level is widened as Student's t is against the normal
/// (Hesterberg, "What Teachers Should Know About the Bootstrap", 2015, the expanded percentile interval). With five or
/// six values that is still too narrow (measured: 34 false claims of 400), so the interval also holds Student's.
pub(crate) fn estimate(values: &[f64], rng: &mut impl Rng) -> Option<Estimate> {
    let count = values.len();
    if count < 2 || values.iter().any(|value| !value.is_finite()) {
        return None;
    }
    let mean = mean(values);
    let deviation = (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / float(count - 1)).sqrt();
    let mut means: Vec<f64> = (0..RESAMPLES).map(|_| resample(values, rng)).collect();
    means.sort_by(f64::total_cmp);
    let tail = normal_below(-student(count - 1) * (float(count) / float(count - 1)).sqrt());
    let at = |share: f64| means[index(share, RESAMPLES)];
    let half = student(count - 1) * deviation / float(count).sqrt();
    let (low, high) = (at(tail).min(mean - half), at(1.0 - tail).max(mean + half));
    Some(Estimate { mean, low, high, deviation, count })
}

/// The same of a quantity that lies within bounds, and so does its mean: an interval of time never ends below zero.
pub(crate) fn estimate_within(values: &[f64], (least, most): (f64, f64), rng: &mut impl Rng) -> Option<Estimate> {
    let found = estimate(values, rng)?;
    Some(Estimate { low: found.low.max(least), high: found.high.min(most), ..found })
}

/// The arithmetic mean; 0 of nothing.
pub(crate) fn mean(values: &[f64]) -> f64 {
    if values.is_empty() { 0.0 } else { values.iter().sum::<f64>() / float(values.len()) }
}

fn resample(values: &[f64], rng: &mut impl Rng) -> f64 {
    let sum: f64 = values.iter().map(|_| values[random_index(values.len(), rng)]).sum();
    sum / float(values.len())
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "inside the length of a list")]
fn index(share: f64, length: usize) -> usize {
    ((share * float(length)) as usize).min(length - 1)
}

#[expect(clippy::cast_precision_loss, reason = "numbers of values, far below 2^52")]
fn float(count: usize) -> f64 {
    count as f64
}

/// Student's t at 97.5 %, by degrees of freedom; beyond 30 the series in 1/n is exact to three digits.
fn student(freedom: usize) -> f64 {
    const TABLE: [f64; 30] = [
        12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
        2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
    ];
    TABLE.get(freedom.saturating_sub(1)).copied().unwrap_or(1.96 + 2.4 / float(freedom))
}

/// The normal distribution's share below `x`, within 1e-7 (Abramowitz and Stegun, 26.2.17).
fn normal_below(x: f64) -> f64 {
    const TERMS: [f64; 5] = [0.319_381_530, -0.356_563_782, 1.781_477_937, -1.821_255_978, 1.330_274_429];
    let t = 1.0 / (1.0 + 0.231_641_9 * x.abs());
    let series = TERMS.iter().rev().fold(0.0, |sum, term| (sum + term) * t);
    let above = series * (-x * x / 2.0).exp() / std::f64::consts::TAU.sqrt();
    if x > 0.0 { 1.0 - above } else { above }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn dice(seed: u64) -> ChaCha8Rng {
        ChaCha8Rng::seed_from_u64(seed)
    }

    /// A normal value by the sum of twelve even ones.
    #[expect(clippy::cast_precision_loss, reason = "a random number")]
    fn normal(rng: &mut ChaCha8Rng) -> f64 {
        (0..12).map(|_| rng.next_u64() as f64 / u64::MAX as f64).sum::<f64>() - 6.0
    }

    #[test]
    fn one_seed_gives_one_interval() {
        let values = [1.0, 2.0, 4.0, 3.0, 2.5, 1.5];
        assert_eq!(estimate(&values, &mut dice(7)), estimate(&values, &mut dice(7)));
        assert_eq!(estimate(&values[..1], &mut dice(7)), None);
        assert_eq!(estimate(&[1.0, f64::NAN], &mut dice(7)), None);
    }

    #[test]
    fn differences_of_the_same_are_claimed_about_one_time_in_twenty() {
        for blocks in [5, 8, 12] {
            let claims = (0..400)
                .filter(|seed| {
                    let mut rng = dice(*seed);
                    let differences: Vec<f64> = (0..blocks).map(|_| normal(&mut rng)).collect();
                    estimate(&differences, &mut rng).is_some_and(|estimate| estimate.excludes_zero())
                })
                .count();
            // 5 % of 400 is 20; a fixed seed gives a fixed count.
            assert!((8..=32).contains(&claims), "{claims} of 400 with {blocks} blocks");
        }
    }

    #[test]
    fn a_clear_difference_is_claimed_and_held_by_its_interval() {
        let estimate = estimate(&[9.0, 10.0, 11.0, 10.5, 9.5], &mut dice(1)).unwrap();
        assert!(estimate.excludes_zero() && estimate.low < 10.0 && 10.0 < estimate.high, "{estimate:?}");
    }

    #[test]
    fn an_interval_keeps_to_the_bounds_of_its_quantity() {
        let wide = [1.0, 2.0, 90.0];
        assert!(estimate(&wide, &mut dice(1)).unwrap().low < 0.0);
        let within = estimate_within(&wide, (0.0, f64::INFINITY), &mut dice(1)).unwrap();
        assert_eq!((within.low, within.mean), (0.0, 31.0));
        let ratio = estimate_within(&[0.9, 1.0, 0.5], (0.0, 1.0), &mut dice(1)).unwrap();
        assert!((ratio.high - 1.0).abs() < 1e-12);
    }

    #[test]
    fn a_percentile_needs_ten_requests_beyond_it() {
        assert_eq!([50.0, 90.0, 99.0, 99.9].map(requests_needed), [20, 100, 1000, 10_000]);
    }

    #[test]
    fn the_normal_distribution_is_the_books() {
        for (x, share) in [(0.0, 0.5), (-1.96, 0.024_998), (1.0, 0.841_345)] {
            assert!((normal_below(x) - share).abs() < 1e-5, "{x}");
        }
    }
}
