//! From times to columns, and round times for an axis.

/// A time axis from zero to `end` over so many columns.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale {
    pub(super) end: f64,
    pub(super) columns: usize,
}

impl Scale {
    /// The column in which a time lies; the last one at the end and beyond.
    pub(super) fn column(self, at: f64) -> usize {
        self.edge(at).min(self.columns.saturating_sub(1))
    }

    /// The same of a time that ends something: the column after the last one at the end and beyond.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "held within the columns")]
    pub(super) fn edge(self, at: f64) -> usize {
        let columns = f64::from(u32::try_from(self.columns).unwrap_or(u32::MAX));
        // A number that is none becomes 0.
        (at / self.end * columns).clamp(0.0, columns) as usize
    }
}

/// Times for the labels of an axis from zero to `end`, at most `most` beside zero, with what they are called.
pub(super) fn ticks(end: f64, most: u32) -> Vec<(f64, String)> {
    let step = step(end / f64::from(most.max(1)));
    let ticks = (0..=most).map(|tick| f64::from(tick) * step);
    ticks.take_while(|at| *at <= end * (1.0 + 1e-9)).map(|at| (at, label(at, step))).collect()
}

/// The next round step from `least` on: 1, 2 or 5 times a power of ten of seconds, or a round number of minutes and hours.
fn step(least: f64) -> f64 {
    const LONG: [f64; 11] = [60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0, 7200.0, 14_400.0, 21_600.0, 43_200.0];
    if least > 30.0 {
        let days = (least / 86_400.0).ceil().max(1.0) * 86_400.0;
        return LONG.into_iter().find(|step| *step >= least).unwrap_or(days);
    }
    let mut power = 0.001;
    loop {
        for step in [power, 2.0 * power, 5.0 * power] {
            if step >= least {
                return step;
            }
        }
        power *= 10.0;
    }
}

fn label(at: f64, step: f64) -> String {
    match step {
        step if step >= 3600.0 => format!("{:.0} h", at / 3600.0),
        step if step >= 60.0 => format!("{:.0} min", at / 60.0),
        step if step >= 1.0 => format!("{at:.0} s"),
        step if step >= 0.1 => format!("{at:.1} s"),
        step if step >= 0.01 => format!("{at:.2} s"),
        _ => format!("{at:.3} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_time_has_a_column() {
        let scale = Scale { end: 10.0, columns: 5 };
        for (at, want) in [(-1.0, 0), (0.0, 0), (1.9, 0), (2.0, 1), (9.9, 4), (10.0, 4), (1e300, 4), (f64::NAN, 0)] {
            assert_eq!(scale.column(at), want, "{at}");
        }
    }

    #[test]
    fn an_axis_has_a_few_round_times_whatever_its_length() {
        let rows = [
            (0.001, "0.000 s", "0.001 s"),
            (0.7, "0.0 s", "0.7 s"),
            (12.3, "0 s", "12 s"),
            (100.0, "0 s", "100 s"),
            (900.0, "0 min", "14 min"),
            (86_400.0, "0 h", "24 h"),
            (1e7, "0 h", "2520 h"),
        ];
        for (end, first, last) in rows {
            let ticks = ticks(end, 8);
            assert!((2..=9).contains(&ticks.len()), "{end}: {ticks:?}");
            assert_eq!((ticks[0].1.as_str(), ticks[ticks.len() - 1].1.as_str()), (first, last), "{end}: {ticks:?}");
        }
    }
}
