//! Durations in Go's notation, as deadlines are written.

use chaos_manifests::go_duration;
use k8s_openapi::jiff::SignedDuration;

use super::trouble::Wrong;

/// Reads `1h30m`, `1.5s`, `-2ms` or `0`.
///
/// # Errors
/// What is not a duration in Go's notation, or does not fit 64 bits of nanoseconds.
pub(super) fn parse(text: &str) -> Result<SignedDuration, Wrong> {
    let wrong = || Wrong::Duration(text.to_owned());
    let (negative, time) = go_duration(text).map_err(|_| wrong())?;
    let time = SignedDuration::try_from(time).map_err(|_| wrong())?;
    Ok(if negative { -time } else { time })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn model_durations_read_as_in_go() {
        for (text, nanos) in [
            ("0", 0),
            ("2s", 2_000_000_000),
            ("1h30m", 5_400_000_000_000),
            ("1.5s", 1_500_000_000),
            (".5m", 30_000_000_000),
            ("-2ms", -2_000_000),
            ("3µs", 3_000),
        ] {
            assert_eq!(parse(text).unwrap(), SignedDuration::from_nanos(nanos), "{text}");
        }
        for text in ["", "-", "5", "s", "1d", "1.2.3s", "1 s", ".s", "9999999999h", "ten minutes"] {
            assert!(parse(text).is_err(), "{text} must not be a duration");
        }
    }
}
