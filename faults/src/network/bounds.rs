//! Bounded parameters of faults on links.

use std::time::Duration;

use chaos_core::{DurationText, PluginError};

/// The longest time that a link can be told, an hour.
const MOST: Duration = Duration::from_hours(1);

/// A time in whole milliseconds, at least one.
///
/// # Errors
/// [`PluginError::Refused`] for one that is shorter, or longer than an hour.
pub(super) fn milliseconds(key: &str, time: DurationText) -> Result<u32, PluginError> {
    let outside = || PluginError::refused(format!("`{key}` is {time}; expected 1ms to 1h"));
    let all = u32::try_from(time.get().as_millis()).map_err(|_| outside())?;
    if all == 0 || time.get() > MOST { Err(outside()) } else { Ok(all) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_hold() {
        let read = |text: &str| milliseconds("latency", text.parse().unwrap());
        assert_eq!((read("50ms").unwrap(), read("1h").unwrap()), (50, 3_600_000));
        for text in ["0s", "999us", "61m", "9000d"] {
            let why = read(text).unwrap_err().to_string();
            assert!(why.contains("`latency` is") && why.contains("expected 1ms to 1h"), "{why}");
        }
    }
}
