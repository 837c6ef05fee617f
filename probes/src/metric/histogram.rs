//! Quantiles of histograms.

use chaos_evidence::{Bounds, SeriesAnswer};

/// Between which bounds of buckets a quantile lies, of what the buckets counted between the first and the last sample of the
/// window. Unknown where a bucket is missing something, or counted nothing.
pub(super) fn quantile(quantile: f64, buckets: &[SeriesAnswer]) -> Bounds {
    let mut sums: Vec<(f64, f64)> = Vec::new();
    for bucket in buckets {
        let end = bucket.labels.get("le").and_then(|end| end.parse::<f64>().ok()).filter(|end| !end.is_nan());
        let Some(end) = end.filter(|_| bucket.bounds.high.is_finite() && bucket.bounds.low.is_finite()) else {
            return Bounds::ANY;
        };
        match sums.iter_mut().find(|(known, _)| known.total_cmp(&end).is_eq()) {
            Some((_, sum)) => *sum += bucket.bounds.low,
            None => sums.push((end, bucket.bounds.low)),
        }
    }
    sums.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    let Some((f64::INFINITY, all)) = sums.last().copied() else { return Bounds::ANY };
    if all <= 0.0 {
        return Bounds::ANY;
    }
    let mut low = if sums.first().is_some_and(|(end, _)| *end > 0.0) { 0.0 } else { f64::NEG_INFINITY };
    for (end, sum) in sums {
        // A bucket that counted nothing has no quantile in it, not even that of 0.
        if sum > 0.0 && sum >= quantile * all {
            // Above the end of the bucket before it, and taken to be below its own.
            // Zero has no sign here.
            return Bounds { low: low.next_up() + 0.0, high: if end.is_finite() { end.next_down() } else { end } };
        }
        low = end;
    }
    Bounds::ANY
}
