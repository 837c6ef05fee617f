//! Lengths of time as Go writes them, which is how Chaos Mesh reads deadlines and durations.

use std::time::Duration;

/// Text that is not a length of time to wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DeadlineError {
    /// Not Go's notation.
    #[error("expected numbers with units, such as `90s`, `25m` or `1h30m`")]
    Notation,
    /// More than Go's 64 bits of nanoseconds, which are about 292 years.
    #[error("expected at most 2540400h")]
    TooLong,
    /// Zero or less: what has it ends at once.
    #[error("expected more than zero, since what has it would end at once")]
    NotPositive,
}

/// Units in nanoseconds; longer ones first, so that `ms` is not read as `m`.
const UNITS: [(&str, u64); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// Digits of a fraction that can count: a nanosecond of an hour has 13.
const MAX_FRACTION: usize = 15;

/// Reads a deadline or a duration as Go's `time.ParseDuration` does, and refuses what is not positive.
///
/// # Errors
/// [`DeadlineError`] says what would be right.
pub fn deadline(text: &str) -> Result<Duration, DeadlineError> {
    match go_duration(text)? {
        (false, time) if !time.is_zero() => Ok(time),
        _ => Err(DeadlineError::NotPositive),
    }
}

/// Reads a duration as Go's `time.ParseDuration` does: whether it is negative, and how long it is.
///
/// # Errors
/// Another notation, and what does not fit 64 bits of nanoseconds.
pub fn go_duration(text: &str) -> Result<(bool, Duration), DeadlineError> {
    let (negative, body) = match text.strip_prefix(['+', '-']) {
        Some(rest) => (text.starts_with('-'), rest),
        None => (false, text),
    };
    if body == "0" {
        return Ok((negative, Duration::ZERO));
    }
    if body.is_empty() {
        return Err(DeadlineError::Notation);
    }
    let (mut rest, mut nanos) = (body, 0_u64);
    while !rest.is_empty() {
        let (part, after) = part(rest)?;
        nanos = nanos.checked_add(part).filter(|sum| i64::try_from(*sum).is_ok()).ok_or(DeadlineError::TooLong)?;
        rest = after;
    }
    Ok((negative, Duration::from_nanos(nanos)))
}

/// One number with its unit, and what follows.
fn part(text: &str) -> Result<(u64, &str), DeadlineError> {
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or(DeadlineError::Notation)?;
    let (number, after) = text.split_at(digits);
    let (unit, scale) = UNITS.iter().find(|(unit, _)| begins_with_unit(after, unit)).ok_or(DeadlineError::Notation)?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
        return Err(DeadlineError::Notation);
    }
    let whole = if whole.is_empty() { Ok(0) } else { whole.parse::<u64>() };
    let whole = whole.ok().and_then(|whole| whole.checked_mul(*scale)).ok_or(DeadlineError::TooLong)?;
    let fraction = &fraction[..fraction.len().min(MAX_FRACTION)];
    let digits = u32::try_from(fraction.len()).unwrap_or(0);
    let part = fraction.parse::<u128>().unwrap_or(0) * u128::from(*scale) / 10_u128.pow(digits);
    let nanos = u64::try_from(part).ok().and_then(|part| whole.checked_add(part)).ok_or(DeadlineError::TooLong)?;
    Ok((nanos, &after[unit.len()..]))
}

/// Whether a text begins with that unit and not with a longer word.
fn begins_with_unit(text: &str, unit: &str) -> bool {
    text.strip_prefix(unit)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(|c: char| c.is_ascii_digit() || c == '.'))
}

/// A length of time in Go's notation, without the parts that are zero: `1h34m`.
pub fn deadline_text(time: Duration) -> String {
    let (seconds, nanos) = (time.as_secs(), time.subsec_nanos());
    let mut text = String::new();
    let mut add = |n: u64, unit: &str| {
        if n > 0 {
            text += &n.to_string();
            text += unit;
        }
    };
    add(seconds / 3600, "h");
    add(seconds / 60 % 60, "m");
    add(seconds % 60, "s");
    add(u64::from(nanos) / 1_000_000, "ms");
    add(u64::from(nanos) / 1_000 % 1_000, "us");
    add(u64::from(nanos) % 1_000, "ns");
    if text.is_empty() { "0s".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines_are_read_as_go_reads_them() {
        let rows = [
            ("60m", 3_600_000),
            ("1h30m", 5_400_000),
            ("1.5h", 5_400_000),
            (".5s", 500),
            ("1.s", 1_000),
            ("+2s", 2_000),
            ("1m2s3ms", 62_003),
            ("90s", 90_000),
            ("1000000us", 1_000),
            ("1000µs", 1),
        ];
        for (text, want) in rows {
            assert_eq!(deadline(text), Ok(Duration::from_millis(want)), "{text}");
        }
        assert_eq!(deadline("2562047h47m16.854775807s"), Ok(Duration::from_nanos(i64::MAX.unsigned_abs())));
    }

    #[test]
    fn what_go_refuses_and_what_ends_at_once_is_refused() {
        use DeadlineError::{NotPositive, Notation, TooLong};
        let rows = [
            ("", Notation),
            ("-", Notation),
            ("30", Notation),
            ("30 s", Notation),
            ("s", Notation),
            (".s", Notation),
            ("1d", Notation),
            ("1..2s", Notation),
            ("1sec", Notation),
            ("1ms2", Notation),
            ("$TIME", Notation),
            ("0", NotPositive),
            ("0s", NotPositive),
            ("-5m", NotPositive),
            ("2562048h", TooLong),
            ("99999999999999999999s", TooLong),
            ("9223372036s9223372036s", TooLong),
        ];
        for (text, want) in rows {
            assert_eq!(deadline(text), Err(want), "{text}");
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        for nanos in [0, 1, 999, 1_000, 5_640_000_000_000, 3_600_000_000_001, 61_001_001_001] {
            let time = Duration::from_nanos(nanos);
            let read = deadline(&deadline_text(time));
            assert_eq!(read, if nanos == 0 { Err(DeadlineError::NotPositive) } else { Ok(time) });
        }
        assert_eq!(deadline_text(Duration::from_mins(94)), "1h34m");
    }
}
