//! Exponential histograms, as OTLP has them: buckets whose bounds are powers of a base, of which only those that counted are kept.

use serde::{Deserialize, Serialize};

use crate::number;

/// Buckets of one sign that are kept; with more, neighbours are joined until there are no more.
const MOST_BUCKETS: usize = 512;
/// The scales that mean something: at the ends of these a bucket is narrower than the numbers can tell, or has all of them.
const SCALES: std::ops::RangeInclusive<i32> = -32..=32;

/// What an exponential histogram has counted. At scale `s` the base is 2^(2^-s), and bucket `i` has what is above base^i and not above
/// base^(i+1); a negative bucket has the same of the numbers without their sign.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExponentialBuckets {
    /// How fine the buckets are.
    pub scale: i32,
    /// How many numbers were zero, or no further from it than `zero_threshold`.
    #[serde(default)]
    pub zero_count: u64,
    /// How far from zero these may be.
    #[serde(default, with = "number")]
    pub zero_threshold: f64,
    /// The index and the count of each bucket of positive numbers.
    #[serde(default)]
    pub positive: Vec<(i64, u64)>,
    /// The same of negative numbers.
    #[serde(default)]
    pub negative: Vec<(i64, u64)>,
}

impl ExponentialBuckets {
    /// The same in order and within bounds; `None` where it means nothing.
    pub(super) fn settled(mut self) -> Option<Self> {
        let means_something =
            SCALES.contains(&self.scale) && self.zero_threshold >= 0.0 && self.zero_threshold.is_finite();
        self.regroup(0);
        self.bound();
        means_something.then_some(self)
    }

    /// Nothing, at a scale that whatever is added may keep.
    pub(super) fn finest() -> Self {
        Self { scale: *SCALES.end(), ..Self::default() }
    }

    /// How many numbers it has counted.
    #[expect(clippy::cast_precision_loss, reason = "counts are floating point everywhere else, too")]
    pub(super) fn count(&self) -> f64 {
        counted(&self.negative).saturating_add(self.zero_count).saturating_add(counted(&self.positive)) as f64
    }

    /// How many buckets it has.
    pub(super) fn len(&self) -> usize {
        self.positive.len() + self.negative.len()
    }

    /// The same with so much coarser buckets.
    fn regroup(&mut self, steps: u32) {
        for run in [&mut self.positive, &mut self.negative] {
            run.retain(|(_, count)| *count > 0);
            for (index, _) in run.iter_mut() {
                *index >>= steps.min(63);
            }
            run.sort_unstable_by_key(|(index, _)| *index);
            run.dedup_by(|next, kept| {
                let same = next.0 == kept.0;
                if same {
                    kept.1 = kept.1.saturating_add(next.1);
                }
                same
            });
        }
    }

    /// The same at a scale that is not above its own.
    pub(super) fn at_scale(mut self, scale: i32) -> Self {
        self.regroup(u32::try_from(self.scale.saturating_sub(scale)).unwrap_or(0));
        self.scale = self.scale.min(scale);
        self
    }

    fn bound(&mut self) {
        while self.positive.len().max(self.negative.len()) > MOST_BUCKETS && self.scale > *SCALES.start() {
            self.regroup(1);
            self.scale -= 1;
        }
    }

    /// Adds what came on top.
    pub(super) fn add(&mut self, more: Self) {
        let scale = self.scale.min(more.scale);
        let more = more.at_scale(scale);
        *self = std::mem::take(self).at_scale(scale);
        self.zero_count = self.zero_count.saturating_add(more.zero_count);
        self.zero_threshold = self.zero_threshold.max(more.zero_threshold);
        self.positive.extend(more.positive);
        self.negative.extend(more.negative);
        self.regroup(0);
        self.widen_zero();
        self.bound();
    }

    /// Takes into the bucket of zero what lies within its threshold; one that lies there in part is taken in whole, and the threshold with it.
    fn widen_zero(&mut self) {
        let (scale, threshold) = (self.scale, self.zero_threshold);
        if threshold <= 0.0 {
            return;
        }
        let mut within = 0_u64;
        let mut widest = threshold;
        for run in [&mut self.positive, &mut self.negative] {
            run.retain(|(index, count)| {
                let is_within = bound(scale, *index) < threshold;
                if is_within {
                    within = within.saturating_add(*count);
                    widest = widest.max(bound(scale, index.saturating_add(1)));
                }
                !is_within
            });
        }
        self.zero_count = self.zero_count.saturating_add(within);
        self.zero_threshold = widest;
    }

    /// What it has counted, each bucket at its upper end, from the least number on.
    fn steps(&self) -> Vec<(f64, u64)> {
        let negative = self.negative.iter().rev().map(|(index, count)| (-bound(self.scale, *index), *count));
        let positive = self.positive.iter().map(|(index, count)| (bound(self.scale, index.saturating_add(1)), *count));
        negative.chain([(0.0, self.zero_count)]).chain(positive).collect()
    }

    /// How many numbers are not above each of these ends, which are sorted.
    #[expect(clippy::cast_precision_loss, reason = "counts are floating point everywhere else, too")]
    fn up_to(&self, ends: &[f64]) -> Vec<f64> {
        let mut steps = self.steps().into_iter().peekable();
        let mut sum = 0_u64;
        let mut up_to = |end: f64| {
            while let Some((_, count)) = steps.next_if(|(at, _)| *at <= end) {
                sum = sum.saturating_add(count);
            }
            sum as f64
        };
        ends.iter().map(|end| up_to(*end)).collect()
    }
}

fn counted(run: &[(i64, u64)]) -> u64 {
    run.iter().fold(0, |sum, (_, count)| sum.saturating_add(*count))
}

/// The lower end of a bucket: base^index.
#[expect(clippy::cast_precision_loss, reason = "an index beyond 2^53 has an end beyond all numbers")]
fn bound(scale: i32, index: i64) -> f64 {
    (index as f64 * f64::from(-scale).exp2()).exp2()
}

/// The ends of buckets at which all of these can be told apart, sorted, and how many numbers each has counted up to each end; the last end
/// is infinite. `None` has counted nothing.
pub(super) fn in_common(all: &[Option<&ExponentialBuckets>]) -> Vec<(f64, Vec<f64>)> {
    let Some(scale) = all.iter().flatten().map(|each| each.scale).min() else { return Vec::new() };
    let coarse: Vec<_> = all.iter().map(|each| each.map(|each| each.clone().at_scale(scale))).collect();
    let ends = ends(scale, &coarse.iter().flatten().collect::<Vec<_>>());
    let counts: Vec<_> = coarse.iter().map(|each| each.as_ref().map(|each| each.up_to(&ends))).collect();
    let at = |place: usize| {
        counts.iter().map(move |each| each.as_ref().and_then(|each| each.get(place)).copied().unwrap_or(0.0)).collect()
    };
    ends.iter().enumerate().map(|(place, end)| (*end, at(place))).collect()
}

/// The last of them is infinite.
fn ends(scale: i32, all: &[&ExponentialBuckets]) -> Vec<f64> {
    let thresholds = || all.iter().map(|each| each.zero_threshold);
    let widest = thresholds().fold(0.0, f64::max);
    let zero = if thresholds().all(|threshold| threshold.to_bits() == widest.to_bits()) {
        // Between two ends, each the number next to it, lies zero itself.
        widest.max(0.0_f64.next_up())
    } else {
        // What lies within one threshold and beyond another can be told apart at the end of a bucket only.
        end_at_or_above(scale, widest)
    };
    let of = |run: fn(&ExponentialBuckets) -> &Vec<(i64, u64)>| {
        let both = |index: i64| [bound(scale, index), bound(scale, index.saturating_add(1))];
        let ends = all.iter().flat_map(move |each| run(each).iter().flat_map(move |(index, _)| both(*index)));
        ends.filter(|end| end.is_finite() && *end > zero).collect::<Vec<f64>>()
    };
    let mut ends = of(|each| &each.positive);
    ends.extend(of(|each| &each.negative).into_iter().map(|end| -end));
    ends.extend([zero, -zero, f64::INFINITY]);
    ends.sort_unstable_by(f64::total_cmp);
    ends.dedup_by(|a, b| a.to_bits() == b.to_bits());
    ends
}

/// The least end of a bucket that is not below that number.
fn end_at_or_above(scale: i32, number: f64) -> f64 {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "what lies beyond is cut to the first or last index, as it should be"
    )]
    let index = (number.log2() * f64::from(scale).exp2()).floor() as i64;
    let near = (-1..=2).map(|step| bound(scale, index.saturating_add(step)));
    near.into_iter().find(|end| *end >= number).unwrap_or(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buckets(scale: i32, zero: (u64, f64), positive: &[(i64, u64)], negative: &[(i64, u64)]) -> ExponentialBuckets {
        ExponentialBuckets {
            scale,
            zero_count: zero.0,
            zero_threshold: zero.1,
            positive: positive.to_vec(),
            negative: negative.to_vec(),
        }
    }

    const TINY: f64 = 5e-324;

    #[test]
    fn each_end_has_what_was_counted_up_to_it() {
        // Five in [-2, -1), four zeros, one in (0.5, 1], two in (1, 2], three in (2, 4].
        let all = buckets(0, (4, 0.0), &[(-1, 1), (0, 2), (1, 3)], &[(0, 5)]);
        let want = [
            (-2.0, 0.0),
            (-1.0, 5.0),
            (-TINY, 5.0),
            (TINY, 9.0),
            (0.5, 9.0),
            (1.0, 10.0),
            (2.0, 12.0),
            (4.0, 15.0),
            (f64::INFINITY, 15.0),
        ];
        let seen: Vec<_> = in_common(&[Some(&all)]).into_iter().map(|(end, counts)| (end, counts[0])).collect();
        assert_eq!(seen, want);
        assert!((all.count() - 15.0).abs() < f64::EPSILON);
        assert!(in_common(&[None]).is_empty());
    }

    #[test]
    fn a_finer_one_is_told_at_the_ends_of_the_coarser_one() {
        // At scale 1 the ends are the powers of the root of 2: two buckets each make one of scale 0.
        let fine = buckets(1, (0, 0.0), &[(-2, 7), (-1, 1), (0, 1), (1, 1), (2, 2), (3, 1)], &[]);
        let coarse = buckets(0, (1, 0.0), &[(1, 4)], &[]);
        let want: &[(f64, &[f64])] = &[
            (-TINY, &[0.0, 0.0, 0.0]),
            (TINY, &[0.0, 0.0, 1.0]),
            (0.5, &[0.0, 0.0, 1.0]),
            (1.0, &[0.0, 8.0, 1.0]),
            (2.0, &[0.0, 10.0, 1.0]),
            (4.0, &[0.0, 13.0, 5.0]),
            (f64::INFINITY, &[0.0, 13.0, 5.0]),
        ];
        let seen = in_common(&[None, Some(&fine), Some(&coarse)]);
        assert_eq!(seen.iter().map(|(end, counts)| (*end, counts.as_slice())).collect::<Vec<_>>(), want);
        let mut sum = fine;
        sum.add(coarse);
        assert_eq!(sum, buckets(0, (1, 0.0), &[(-1, 8), (0, 2), (1, 7)], &[]));
    }

    #[test]
    fn thresholds_that_differ_meet_at_the_end_of_a_bucket() {
        let (none, some) = (buckets(0, (0, 0.0), &[(-1, 1), (0, 1)], &[(-1, 2)]), buckets(0, (3, 0.7), &[(0, 1)], &[]));
        let want: &[(f64, &[f64])] =
            &[(-1.0, &[0.0, 0.0]), (1.0, &[3.0, 3.0]), (2.0, &[4.0, 4.0]), (f64::INFINITY, &[4.0, 4.0])];
        let seen = in_common(&[Some(&none), Some(&some)]);
        assert_eq!(seen.iter().map(|(end, counts)| (*end, counts.as_slice())).collect::<Vec<_>>(), want);
        // Of the sum the buckets that begin within 0.7 are zero, whole.
        let mut sum = none;
        sum.add(some.clone());
        assert_eq!(sum, buckets(0, (6, 1.0), &[(0, 2)], &[]));
        // One threshold alone is an end.
        let ends: Vec<f64> = in_common(&[Some(&some)]).into_iter().map(|(end, _)| end).collect();
        assert_eq!(ends, [-0.7, 0.7, 1.0, 2.0, f64::INFINITY]);
    }

    #[test]
    fn whatever_is_sent_stays_within_bounds() {
        let many: Vec<(i64, u64)> = (0..2_000).rev().map(|index| (index, 1)).collect();
        let settled = buckets(5, (0, 0.0), &many, &[(3, 0), (1, 2), (1, 3)]).settled().unwrap();
        assert_eq!((settled.scale, settled.positive.len(), settled.negative.as_slice()), (3, 500, &[(0, 5)][..]));
        assert!((settled.count() - 2_005.0).abs() < f64::EPSILON);
        for bad in [
            buckets(33, (0, 0.0), &[], &[]),
            buckets(i32::MIN, (0, 0.0), &[], &[]),
            buckets(0, (0, -1.0), &[], &[]),
            buckets(0, (0, f64::NAN), &[], &[]),
            buckets(0, (0, f64::INFINITY), &[], &[]),
        ] {
            assert_eq!(bad.clone().settled(), None, "{bad:?}");
        }
        // Ends beyond all numbers: what lies there is told up to infinity only.
        let far = buckets(-32, (u64::MAX, 0.0), &[(i64::MAX, u64::MAX), (0, 1)], &[(i64::MIN, 1)]).settled().unwrap();
        let ends: Vec<f64> = in_common(&[Some(&far)]).into_iter().map(|(end, _)| end).collect();
        assert_eq!(ends, [-TINY, TINY, 1.0, f64::INFINITY]);
        let mut sum = ExponentialBuckets::finest();
        sum.add(far.clone());
        assert_eq!(sum, far);
    }
}
