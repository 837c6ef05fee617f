//! Dates, and the ID under which a result is saved.

use std::time::{SystemTime, UNIX_EPOCH};

/// Longest ID in bytes; the file's name adds `.json`.
const MAX_ID: usize = 96;

/// A moment in the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment {
    year: i64,
    month: i64,
    day: i64,
    hour: i64,
    minute: i64,
    second: i64,
    nanos: u32,
    /// Seconds east of Greenwich.
    offset: i64,
}

impl Moment {
    /// The calendar's moment of a time, so many seconds east of Greenwich.
    pub(crate) fn of(time: SystemTime, offset: i64) -> Self {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        let seconds = i64::try_from(since.as_secs()).unwrap_or(0) + offset;
        let (days, rest) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
        let (year, month, day) = civil(days);
        Self {
            year,
            month,
            day,
            hour: rest / 3600,
            minute: rest / 60 % 60,
            second: rest % 60,
            nanos: since.subsec_nanos(),
            offset,
        }
    }

    /// RFC 3339 with as many digits of the second as it takes.
    pub(crate) fn rfc3339(&self) -> String {
        let Self { year, month, day, hour, minute, second, .. } = self;
        let mut text = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
        if self.nanos > 0 {
            let digits = format!("{:09}", self.nanos);
            text.push('.');
            text.push_str(digits.trim_end_matches('0'));
        }
        if self.offset == 0 {
            text.push('Z');
        } else {
            let sign = if self.offset < 0 { '-' } else { '+' };
            let minutes = self.offset.abs() / 60;
            let zone = format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60);
            text.push_str(&zone);
        }
        text
    }

    /// The ID of a result: date, time, run id where there is one, and the labels
    /// with all but letters and digits folded to one `_`.
    pub(crate) fn id(&self, run_id: i64, labels: &str) -> String {
        let Self { year, month, day, hour, minute, second, .. } = self;
        let mut id = format!("{year}-{month:02}-{day:02}-{hour:02}{minute:02}{second:02}");
        if run_id != 0 {
            id.push('_');
            id.push_str(&run_id.to_string());
        }
        id.push('_');
        for character in labels.chars() {
            if character.is_ascii_alphanumeric() {
                id.push(character);
            } else if !id.ends_with('_') {
                id.push('_');
            }
        }
        if id.ends_with('_') {
            id.pop();
        }
        id.truncate(MAX_ID);
        id
    }
}

/// Reads a time of RFC 3339 into nanoseconds since 1970.
pub(crate) fn parse_rfc3339(text: &str) -> Option<u64> {
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<i64>().ok();
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let seconds = number(11, 13)? * 3600 + number(14, 16)? * 60 + number(17, 19)?;
    let rest = text.get(19..)?;
    let digits =
        rest.strip_prefix('.').map_or("", |rest| rest.split(|c: char| !c.is_ascii_digit()).next().unwrap_or(""));
    let nanos: u64 = if digits.is_empty() { 0 } else { format!("{digits:0<9.9}").parse().ok()? };
    let zone = rest.trim_start_matches(|c: char| c == '.' || c.is_ascii_digit());
    let offset = match zone.as_bytes() {
        [b'Z'] => 0,
        [sign @ (b'+' | b'-'), hours @ ..] if hours.len() == 5 => {
            let minutes = zone.get(1..3)?.parse::<i64>().ok()? * 60 + zone.get(4..6)?.parse::<i64>().ok()?;
            if *sign == b'-' { -minutes * 60 } else { minutes * 60 }
        }
        _ => return None,
    };
    let days = day_number(year, month, day)?;
    let seconds = u64::try_from(days * 86_400 + seconds - offset).ok()?;
    seconds.checked_mul(1_000_000_000)?.checked_add(nanos)
}

/// Day number since 1970 of a date: the inverse of [`civil`].
fn day_number(year: i64, month: i64, day: i64) -> Option<i64> {
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    Some(era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468)
}

/// Year, month and day of a day number since 1970 (Howard Hinnant, "chrono-compatible
/// low-level date algorithms").
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn at(seconds: u64, nanos: u32, offset: i64) -> Moment {
        Moment::of(UNIX_EPOCH + Duration::new(seconds, nanos), offset)
    }

    #[test]
    fn dates_follow_the_calendar_and_the_zone() {
        let cases = [
            (0, 0, 0, "1970-01-01T00:00:00Z"),
            (951_782_400, 0, 0, "2000-02-29T00:00:00Z"),
            (1_795_229_560, 779_099_314, 0, "2026-11-21T02:52:40.779099314Z"),
            (1_795_229_560, 500_000_000, 32_400, "2026-11-21T11:52:40.5+09:00"),
            (1_795_229_560, 0, -12_600, "2026-11-20T23:22:40-03:30"),
        ];
        for (seconds, nanos, offset, text) in cases {
            assert_eq!(at(seconds, nanos, offset).rfc3339(), text);
            assert_eq!(parse_rfc3339(text), Some(seconds * 1_000_000_000 + u64::from(nanos)), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_not_read() {
        for text in [
            "",
            "2026",
            "2026-13-01T00:00:00Z",
            "2026-01-01T00:00:00",
            "2026-01-01Tx0:00:00Z",
            "2026-01-01T00:00:00+9",
            "é026-01-01T00:00:00Z",
        ] {
            assert_eq!(parse_rfc3339(text), None, "{text}");
        }
    }

    #[test]
    fn an_id_folds_labels_and_has_at_most_96_bytes() {
        let moment = at(1_795_229_036, 0, 0);
        assert_eq!(moment.id(42, "demo"), "2026-11-21-024356_42_demo");
        assert_eq!(moment.id(0, " My test: a/b  (c) ünï_x__y "), "2026-11-21-024356_My_test_a_b_c_n_x_y");
        assert_eq!(moment.id(-7, "  "), "2026-11-21-024356_-7");
        assert_eq!(moment.id(0, &"x".repeat(200)).len(), 96);
    }
}
