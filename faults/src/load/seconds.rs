//! The figures of a load second by second, bounded whatever its length.

use std::time::Duration;

use chaos_core::LoadSecond;
use chaos_load::Snapshot;

/// Rows that are kept, an hour of seconds; a longer load has them told together two by two, as often as needed.
const MOST: usize = 3600;

/// The rows so far.
#[derive(Debug, Default)]
pub(super) struct Seconds {
    rows: Vec<LoadSecond>,
    /// Snapshots that make one row.
    each: u32,
    /// The row that has not all of its snapshots yet, and how many it has.
    open: Option<(LoadSecond, u32)>,
    elapsed: Duration,
    completed: u64,
    errors: u64,
}

impl Seconds {
    /// Notes what a snapshot says of the time since the one before.
    pub(super) fn note(&mut self, snapshot: &Snapshot) {
        if snapshot.elapsed <= self.elapsed {
            return;
        }
        let completed = snapshot.completed.saturating_sub(self.completed);
        let row = LoadSecond {
            start_seconds: self.elapsed.as_secs_f64(),
            end_seconds: snapshot.elapsed.as_secs_f64(),
            completed,
            errors: snapshot.errors.saturating_sub(self.errors),
            p99_ms: (completed > 0).then_some(snapshot.recent_response.p99.as_secs_f64() * 1e3),
        };
        (self.elapsed, self.completed, self.errors) = (snapshot.elapsed, snapshot.completed, snapshot.errors);
        self.add(row);
    }

    fn add(&mut self, row: LoadSecond) {
        let (row, parts) = match self.open.take() {
            Some((open, parts)) => (open.and(row), parts + 1),
            None => (row, 1),
        };
        if parts < self.each {
            self.open = Some((row, parts));
            return;
        }
        self.rows.push(row);
        if self.rows.len() >= MOST {
            let pairs = self.rows.chunks(2).filter_map(|pair| pair.iter().copied().reduce(LoadSecond::and));
            self.rows = pairs.collect();
            self.each = self.each.max(1).saturating_mul(2);
        }
    }

    /// The rows.
    pub(super) fn rows(mut self) -> Vec<LoadSecond> {
        self.rows.extend(self.open.map(|(open, _)| open));
        self.rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(at: u32) -> LoadSecond {
        let p99_ms = Some(f64::from(at % 7));
        LoadSecond { start_seconds: f64::from(at), end_seconds: f64::from(at + 1), completed: 10, errors: 1, p99_ms }
    }

    #[test]
    fn a_load_of_days_has_a_bounded_number_of_rows_that_leave_nothing_out() {
        for length in [1, 3599, 3600, 3601, 100_001] {
            let mut seconds = Seconds::default();
            (0..length).for_each(|at| seconds.add(second(at)));
            let rows = seconds.rows();
            assert!(rows.len() <= MOST, "{length}: {}", rows.len());
            assert_eq!(rows.iter().map(|row| row.completed).sum::<u64>(), u64::from(length) * 10);
            assert_eq!(rows.iter().map(|row| row.errors).sum::<u64>(), u64::from(length));
            assert!(rows.windows(2).all(|two| (two[0].end_seconds - two[1].start_seconds).abs() < 1e-9));
            assert!((rows[rows.len() - 1].end_seconds - f64::from(length)).abs() < 1e-9);
        }
    }

    #[test]
    fn a_second_in_which_nothing_ended_has_no_percentile() {
        let none = LoadSecond { completed: 0, errors: 0, p99_ms: None, ..second(0) };
        assert_eq!(none.and(none).p99_ms, None);
        assert_eq!(none.and(second(5)).p99_ms, Some(5.0));
        assert_eq!(second(6).and(none).p99_ms, Some(6.0));
    }
}
