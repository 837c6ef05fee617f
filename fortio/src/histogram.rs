//! A histogram as it stands in fortio's result file, with percentiles interpolated inside its buckets.

use chaos_load::{Bucket, Histogram, Sums};
use serde::{Deserialize, Serialize};

use crate::liberal;

/// A histogram as it stands in a result file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
#[non_exhaustive]
pub struct HistogramData {
    /// Number of values.
    #[serde(deserialize_with = "liberal::count")]
    pub count: u64,
    /// Smallest value.
    pub min: f64,
    /// Largest value.
    pub max: f64,
    /// Sum of the values.
    pub sum: f64,
    /// Their mean.
    pub avg: f64,
    /// Their standard deviation, of the population.
    pub std_dev: f64,
    /// The buckets that hold something; `None` when there is no value.
    pub data: Option<Vec<BucketRow>>,
    /// Percentiles, where they were asked for and there is a value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percentiles: Option<Vec<PercentileRow>>,
}

impl HistogramData {
    /// What a result file holds of a histogram, with the percentiles that are asked for.
    #[expect(clippy::cast_precision_loss, reason = "exact below 2^52 requests")]
    pub fn of(histogram: &Histogram, percentiles: &[f64]) -> Self {
        let sums = histogram.sums();
        let mut total = 0;
        let row = |bucket: Bucket| {
            total += bucket.count;
            let percent = 100.0 * total as f64 / sums.count as f64;
            BucketRow { start: bucket.start, end: bucket.end, percent, count: bucket.count }
        };
        let rows: Vec<_> = histogram.filled().into_iter().map(row).collect();
        let mut data = Self {
            count: sums.count,
            min: sums.min,
            max: sums.max,
            sum: sums.sum,
            avg: sums.average(),
            std_dev: sums.deviation(),
            data: (!rows.is_empty()).then_some(rows),
            percentiles: None,
        };
        if data.data.is_some() && !percentiles.is_empty() {
            let row = |&p: &f64| PercentileRow { percentile: p, value: data.percentile(p) };
            data.percentiles = Some(percentiles.iter().map(row).collect());
        }
        data
    }

    /// Rebuilds the histogram with these buckets; offset and unit are those with which it was made.
    pub(crate) fn to_histogram(&self, offset: f64, unit: f64) -> Histogram {
        let sums = Sums::with_deviation(self.count, [self.min, self.max, self.sum, self.std_dev]);
        let rows = self.data.iter().flatten();
        let buckets = rows.map(|row| Bucket { start: row.start, end: row.end, count: row.count });
        Histogram::of_buckets(offset, unit, sums, buckets)
    }

    /// Interpolates a percentile from the buckets, as fortio does; 0 without values.
    #[expect(clippy::cast_precision_loss, reason = "exact below 2^52 calls")]
    pub fn percentile(&self, percentile: f64) -> f64 {
        let rows = self.data.as_deref().unwrap_or_default();
        if rows.is_empty() {
            return 0.0;
        }
        if percentile >= 100.0 {
            return self.max;
        }
        // The smallest value alone covers this much.
        let mut before = 100.0 / self.count as f64;
        if percentile <= before {
            return self.min;
        }
        for row in rows {
            if percentile <= row.percent {
                return row.start + (percentile - before) / (row.percent - before) * (row.end - row.start);
            }
            before = row.percent;
        }
        self.max
    }
}

/// One bucket that holds something.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
#[non_exhaustive]
pub struct BucketRow {
    /// Its start; values on it belong to the bucket before.
    pub start: f64,
    /// Its end; values on it belong to it.
    pub end: f64,
    /// Share of all values up to its end, in percent.
    pub percent: f64,
    /// Values in it.
    #[serde(deserialize_with = "liberal::count")]
    pub count: u64,
}

/// One percentile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
#[non_exhaustive]
pub struct PercentileRow {
    /// Which one, above 0 and below 100.
    pub percentile: f64,
    /// Its value.
    pub value: f64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::{FortioDocument, Part};

    fn of(values: &[f64], offset: f64, unit: f64) -> HistogramData {
        let mut histogram = Histogram::new(offset, unit);
        for value in values {
            histogram.record(*value);
        }
        HistogramData::of(&histogram, &[50.0])
    }

    #[test]
    fn percentiles_follow_the_known_vectors() {
        let three = of(&[10.0, 20.0, 30.0], 0.0, 10.0);
        for (p, value) in [(50.0, 15.0), (75.0, 22.5), (99.0, 29.7), (99.9, 29.970_000_000_000_002)] {
            assert_eq!(three.percentile(p).to_bits(), f64::to_bits(value), "p{p}");
        }
        let five = of(&[1.0, 251.0, 501.0, 751.0, 1001.0], 0.0, 10.0);
        for (p, value) in
            [(20.0, 1.0), (20.01, 250.025), (50.0, 550.0), (75.0, 775.0), (90.0, 1000.5), (99.9, 1000.995)]
        {
            assert!((five.percentile(p) - value).abs() < 1e-9, "p{p}: {}", five.percentile(p));
        }
        let tiny = of(&[500.1, 500.2, 500.3, 500.4], 0.0, 1e-6);
        for (p, value) in [(50.0, 500.2), (75.0, 500.3), (90.0, 500.36), (99.0, 500.396), (99.9, 500.3996)] {
            assert!((tiny.percentile(p) - value).abs() < 1e-9, "p{p}: {}", tiny.percentile(p));
        }
    }

    #[test]
    fn a_run_of_fortio_1_57_gives_its_own_percentiles() {
        // Calls in each bucket of a published run: end of the bucket in ms, and how many.
        let buckets = [
            (5, 5),
            (6, 5),
            (7, 4),
            (8, 5),
            (9, 5),
            (10, 4),
            (11, 5),
            (12, 3),
            (14, 12),
            (16, 7),
            (18, 10),
            (20, 9),
            (25, 11),
            (30, 8),
            (35, 5),
            (40, 1),
        ];
        let mut histogram = Histogram::new(0.0, 0.001);
        histogram.record(0.004_223_875);
        histogram.record(0.040_490_042);
        for (end, calls) in buckets {
            let inside = f64::from(end) * 0.001 - 0.000_1;
            (0..calls - u32::from(end == 5)).for_each(|_| histogram.record(inside));
        }
        let data = HistogramData::of(&histogram, &[]);
        let expected = [
            (50.0, 0.014_571_428_571_428_572),
            (75.0, 0.020_454_545_454_545_454),
            (90.0, 0.028_125),
            (95.0, 0.032),
            (99.0, 0.04),
            (99.9, 0.040_441_037_8),
        ];
        assert_eq!(data.count, 100);
        for (p, value) in expected {
            assert_eq!(data.percentile(p).to_bits(), f64::to_bits(value), "p{p}: {}", data.percentile(p));
        }
    }

    #[test]
    fn an_empty_histogram_has_no_data_and_no_percentiles() {
        let empty = of(&[], 0.0, 0.001);
        assert_eq!((empty.data.as_ref(), empty.percentiles.as_ref()), (None, None));
        assert_eq!(empty.percentile(50.0).to_bits(), 0.0_f64.to_bits());
    }

    #[test]
    fn values_at_or_below_the_offset_share_the_first_bucket() {
        let data = of(&[0.5, 1.0, 1.5], 1.0, 1.0).data.unwrap();
        assert_eq!((data[0].start, data[0].end, data[0].count), (0.5, 1.0, 2));
        assert_eq!((data[1].start, data[1].end, data[1].count), (1.0, 1.5, 1));
    }

    #[test]
    fn buckets_sum_up_and_hold_the_nearest_rank() {
        let mut state: u64 = 11;
        let mut between = |least: u64, most: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            least + (state >> 24) % (most - least + 1)
        };
        for _ in 0..50 {
            #[expect(clippy::cast_precision_loss, reason = "below 2^52")]
            let mut values: Vec<f64> = (0..between(1, 400)).map(|_| between(0, 200_000_000) as f64 / 1e6).collect();
            let data = of(&values, 0.0, 0.001);
            values.sort_by(f64::total_cmp);
            let rows = data.data.as_ref().unwrap();
            assert_eq!(rows.iter().map(|row| row.count).sum::<u64>(), data.count);
            assert!((rows.last().unwrap().percent - 100.0).abs() < 1e-9);
            for p in [10.0, 50.0, 90.0, 99.0] {
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    clippy::cast_precision_loss,
                    reason = "a rank"
                )]
                let rank = ((p / 100.0 * values.len() as f64).ceil() as usize).max(1) - 1;
                let row = rows.iter().find(|row| p <= row.percent + 1e-9).unwrap();
                assert!(values[rank] >= row.start - 1e-9 && values[rank] <= row.end + 1e-9, "p{p}");
                assert!(data.percentile(p) >= row.start - 1e-9 && data.percentile(p) <= row.end + 1e-9, "p{p}");
            }
        }
    }

    #[test]
    fn a_histogram_of_fortio_survives_the_way_through_ours() {
        for name in ["behind", "errors", "max-n", "normal", "refused", "stdclient-h2"] {
            let path = format!("{}/tests/golden/{name}.json", env!("CARGO_MANIFEST_DIR"));
            let document = FortioDocument::read(&std::fs::read_to_string(path).unwrap()).unwrap();
            let Part::Http(http) = document.part else { panic!("{name} is an HTTP run") };
            let percentiles = [50.0, 75.0, 90.0, 99.0, 99.9];
            let rows = [
                (document.common.duration_histogram, 0.001, &percentiles[..]),
                (document.common.errors_duration_histogram, 0.001, &percentiles),
                (http.connection_stats, 0.001, &percentiles),
                (http.sizes, 100.0, &[]),
                (http.header_sizes, 5.0, &[]),
            ];
            for (theirs, unit, percentiles) in rows {
                let ours = HistogramData::of(&theirs.to_histogram(0.0, unit), percentiles);
                let apart = (ours.std_dev - theirs.std_dev).abs();
                assert!(apart <= 1e-6 * theirs.avg.abs(), "{name}: {apart}");
                assert_eq!(HistogramData { std_dev: theirs.std_dev, ..ours }, theirs, "{name}");
            }
        }
    }
}
