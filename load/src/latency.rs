//! Exact latencies: an HDR histogram in nanoseconds.

use std::time::Duration;

use hdrhistogram::Histogram;

/// Significant digits kept: percentiles are within 0.1 % of the truth.
const DIGITS: u8 = 3;

/// Largest value that can be told apart, about an hour and a half; longer ones
/// are held there. It bounds the memory of a histogram to about 300 kB.
const CEILING: u64 = 1 << 42;

/// Percentiles that every report holds.
const REPORTED: [f64; 9] = [1.0, 10.0, 50.0, 75.0, 90.0, 95.0, 99.0, 99.9, 99.99];

/// Latencies of many requests, with percentiles within 0.1 % of the truth.
#[derive(Debug, Clone, PartialEq)]
pub struct Latency {
    histogram: Histogram<u64>,
    sum: u128,
}

impl Default for Latency {
    /// No requests.
    fn default() -> Self {
        Self::new()
    }
}

impl Latency {
    pub(crate) fn new() -> Self {
        let histogram = Histogram::new(DIGITS).expect("1 to 5 digits are always accepted");
        Self { histogram, sum: 0 }
    }

    /// Records nanoseconds.
    pub(crate) fn record(&mut self, nanos: u64) {
        self.sum += u128::from(nanos);
        // The histogram grows by itself, and cannot refuse a value below the ceiling.
        let _ = self.histogram.record(nanos.min(CEILING));
    }

    /// Adds the requests of another one.
    pub fn add(&mut self, other: &Self) {
        self.sum += other.sum;
        // Both grow by themselves and have the same precision, so nothing can be refused.
        let _ = self.histogram.add(&other.histogram);
    }

    /// Takes out requests that were recorded here too.
    pub(crate) fn subtract(&mut self, other: &Self) {
        self.sum = self.sum.saturating_sub(other.sum);
        // All of them are here, and the precision is the same, so nothing can be refused.
        let _ = self.histogram.subtract(&other.histogram);
    }

    pub(crate) fn clear(&mut self) {
        self.histogram.reset();
        self.sum = 0;
    }

    /// Counts the requests.
    pub fn count(&self) -> u64 {
        self.histogram.len()
    }

    /// Gives a percentile (0 to 100), `None` without calls.
    pub fn percentile(&self, percentile: f64) -> Option<Duration> {
        let value = || self.histogram.value_at_percentile(percentile.clamp(0.0, 100.0));
        (self.count() > 0).then(|| Duration::from_nanos(value().min(self.histogram.max())))
    }

    /// Gives the percentiles that every report holds, ascending; none without requests.
    pub fn percentiles(&self) -> impl Iterator<Item = (f64, Duration)> {
        REPORTED.iter().filter_map(|percentile| Some((*percentile, self.percentile(*percentile)?)))
    }

    /// Counts the requests that took longer than a limit, told apart to 0.1 %.
    pub fn count_above(&self, limit: Duration) -> u64 {
        let limit = u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX);
        self.count() - self.histogram.count_between(0, limit)
    }

    /// Gives the shortest, `None` without calls.
    pub fn min(&self) -> Option<Duration> {
        (self.count() > 0).then(|| Duration::from_nanos(self.histogram.min()))
    }

    /// Gives the longest, `None` without calls.
    pub fn max(&self) -> Option<Duration> {
        (self.count() > 0).then(|| Duration::from_nanos(self.histogram.max()))
    }

    /// Gives the exact mean, `None` without calls.
    pub fn mean(&self) -> Option<Duration> {
        let count = u128::from(self.count());
        let mean = self.sum.checked_div(count)?;
        Some(Duration::from_nanos(u64::try_from(mean).unwrap_or(u64::MAX)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_stay_within_a_thousandth_of_sorted_data() {
        let mut random = crate::random::Random::new(5, 0);
        let mut values: Vec<u64> = (0..20_000)
            .map(|_| {
                let most = 1 << random.between(1, 40);
                random.between(1, most)
            })
            .collect();
        let mut latency = Latency::new();
        for value in &values {
            latency.record(*value);
        }
        values.sort_unstable();
        for p in [1.0, 50.0, 90.0, 99.0, 99.9, 100.0] {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                clippy::cast_precision_loss,
                reason = "a rank"
            )]
            let rank = ((p / 100.0 * values.len() as f64).ceil() as usize).max(1) - 1;
            let truth = Duration::from_nanos(values[rank]).as_secs_f64();
            let got = latency.percentile(p).unwrap().as_secs_f64();
            assert!((got - truth).abs() <= truth * 0.001 + 1e-9, "p{p}: {got} for {truth}");
        }
    }

    #[test]
    fn without_calls_there_is_no_percentile() {
        let empty = Latency::new();
        assert_eq!((empty.percentile(50.0), empty.mean(), empty.max()), (None, None, None));
    }

    #[test]
    fn no_value_is_too_large_to_count() {
        let mut latency = Latency::new();
        latency.record(u64::MAX);
        assert_eq!(latency.count(), 1);
    }
}
