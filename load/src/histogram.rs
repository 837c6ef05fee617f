//! fortio's histogram: coarse buckets that grow with the value.

/// Upper ends of the buckets, in units of the resolution.
const ENDS: [u32; 56] = [
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 14, 16, 18, 20, 25, 30, 35, 40, 45, 50, 60, 70, 80, 90, 100, 120, 140,
    160, 180, 200, 250, 300, 350, 400, 450, 500, 600, 700, 800, 900, 1000, 2000, 3000, 4000, 5000, 7500, 10_000,
    20_000, 30_000, 40_000, 50_000, 75_000, 100_000,
];

/// Values this close above a bucket's start, in units, belong to the bucket before.
const TOLERANCE: f64 = 1e-12;

/// Number, bounds and sums of the values of a histogram.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[non_exhaustive]
pub struct Sums {
    /// How many values there are.
    pub count: u64,
    /// The smallest; 0 without values.
    pub min: f64,
    /// The largest; 0 without values.
    pub max: f64,
    /// Their sum.
    pub sum: f64,
    squares: f64,
}

impl Sums {
    /// Rebuilds the sums that have this deviation.
    #[expect(clippy::cast_precision_loss, reason = "exact below 2^52 requests")]
    pub fn with_deviation(count: u64, [min, max, sum, deviation]: [f64; 4]) -> Self {
        let squares = if count == 0 { 0.0 } else { deviation * deviation * count as f64 + sum * sum / count as f64 };
        Self { count, min, max, sum, squares }
    }

    fn record(&mut self, value: f64) {
        self.count += 1;
        if self.count == 1 {
            (self.min, self.max) = (value, value);
        } else if value < self.min {
            self.min = value;
        } else if value > self.max {
            self.max = value;
        }
        self.sum += value;
        self.squares += value * value;
    }

    fn add(&mut self, other: &Self) {
        if other.count == 0 {
            return;
        }
        if self.count == 0 {
            *self = *other;
            return;
        }
        self.count += other.count;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        self.sum += other.sum;
        self.squares += other.squares;
    }

    /// Their mean; 0 without values.
    #[expect(clippy::cast_precision_loss, reason = "exact below 2^52 requests")]
    pub fn average(&self) -> f64 {
        if self.count == 0 { 0.0 } else { self.sum / self.count as f64 }
    }

    /// Their standard deviation, of the population and not of a sample.
    #[expect(clippy::cast_precision_loss, reason = "exact below 2^52 requests")]
    pub fn deviation(&self) -> f64 {
        if self.count == 0 {
            return 0.0;
        }
        let count = self.count as f64;
        ((self.squares - self.sum * self.sum / count) / count).max(0.0).sqrt()
    }
}

/// One bucket that holds something.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bucket {
    /// Its start, or the smallest value in the first one; values on it belong to the bucket before.
    pub start: f64,
    /// Its end, or the largest value in the last one; values on it belong to it.
    pub end: f64,
    /// Values in it.
    pub count: u64,
}

/// Values in fortio's buckets.
#[derive(Debug, Clone, PartialEq)]
pub struct Histogram {
    offset: f64,
    unit: f64,
    sums: Sums,
    buckets: [u64; ENDS.len() + 1],
}

impl Histogram {
    /// Makes an empty one; `unit` is the width of the smallest buckets, `offset` the start of the first.
    pub fn new(offset: f64, unit: f64) -> Self {
        Self { offset, unit, sums: Sums::default(), buckets: [0; ENDS.len() + 1] }
    }

    /// Rebuilds one from its sums and the buckets that hold something.
    pub fn of_buckets(offset: f64, unit: f64, sums: Sums, buckets: impl IntoIterator<Item = Bucket>) -> Self {
        let mut histogram = Self { sums, ..Self::new(offset, unit) };
        for bucket in buckets {
            let index = histogram.bucket(f64::midpoint(bucket.start, bucket.end));
            histogram.buckets[index] += bucket.count;
        }
        histogram
    }

    /// Adds a value.
    pub fn record(&mut self, value: f64) {
        self.sums.record(value);
        self.buckets[self.bucket(value)] += 1;
    }

    /// Adds the values of another with the same buckets.
    pub(crate) fn add(&mut self, other: &Self) {
        self.sums.add(&other.sums);
        for (mine, theirs) in self.buckets.iter_mut().zip(other.buckets) {
            *mine += theirs;
        }
    }

    pub(crate) fn clear(&mut self) {
        self.sums = Sums::default();
        self.buckets = [0; ENDS.len() + 1];
    }

    /// The sums of the values.
    pub fn sums(&self) -> &Sums {
        &self.sums
    }

    /// How many values lie at or below the offset.
    pub fn below(&self) -> u64 {
        self.buckets[0]
    }

    fn bucket(&self, value: f64) -> usize {
        let scaled = (value - self.offset) / self.unit;
        if scaled <= 0.0 {
            return 0;
        }
        if scaled > f64::from(ENDS[ENDS.len() - 1]) {
            return ENDS.len();
        }
        let whole = scaled.floor();
        // A bucket is open at its start: a value right on it belongs to the one before.
        let place = if scaled - whole < TOLERANCE { whole - 1.0 } else { whole };
        ENDS.partition_point(|end| f64::from(*end) <= place)
    }

    /// Gives the buckets that hold something, in order.
    pub fn filled(&self) -> Vec<Bucket> {
        let edge = |end: u32| self.unit * f64::from(end) + self.offset;
        let mut filled: Vec<Bucket> = Vec::new();
        for (index, &count) in self.buckets.iter().enumerate().filter(|(_, count)| **count > 0) {
            let start = if filled.is_empty() { self.sums.min } else { edge(ENDS[index.saturating_sub(1)]) };
            let end = ENDS.get(index).map_or(self.sums.max, |end| edge(*end));
            filled.push(Bucket { start, end, count });
        }
        if let Some(last) = filled.last_mut() {
            last.end = self.sums.max;
        }
        filled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_on_a_boundary_belongs_to_the_lower_bucket() {
        for end in ENDS {
            let histogram = Histogram::new(0.0, 0.001);
            let on = histogram.bucket(f64::from(end) * 0.001);
            assert_eq!(ENDS[on], end);
            let above = histogram.bucket(f64::from(end) * 0.001 + 1e-9);
            assert_eq!(above, on + 1, "just above {end}");
        }
    }

    #[test]
    fn a_histogram_is_rebuilt_from_its_buckets_and_sums() {
        for values in [&[0.5, 1.0, 1.5, 14.2, 300.0][..], &[2.0], &[0.1, 1e9], &[]] {
            let mut histogram = Histogram::new(1.0, 1.0);
            for value in values {
                histogram.record(*value);
            }
            let sums = histogram.sums();
            let figures = [sums.min, sums.max, sums.sum, sums.deviation()];
            let sums = Sums::with_deviation(sums.count, figures);
            let rebuilt = Histogram::of_buckets(1.0, 1.0, sums, histogram.filled());
            assert_eq!(rebuilt.buckets, histogram.buckets, "{values:?}");
            let apart = (rebuilt.sums().deviation() - histogram.sums().deviation()).abs();
            assert!(apart <= histogram.sums().deviation() * 1e-9, "{values:?}: {apart}");
        }
    }
}
