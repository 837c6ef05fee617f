//! How long a server asks to wait, in the many ways in which servers say it.

use std::time::{Duration, SystemTime};

use reqwest::header::{HeaderMap, RETRY_AFTER};

/// Words before a time in an error's text.
const BEFORE_TIME: [&str; 6] = ["try again in", "retry in", "retry after", "retrydelay", "retry-after", "please wait"];
/// Characters between such words and the time: quotes, a colon, spaces.
const GAP: usize = 6;

/// A wait that a server asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum RetryAfter {
    For(Duration),
    Until(SystemTime),
}

impl RetryAfter {
    /// Reads `retry-after-ms`, else `Retry-After`: seconds, a time with units, or a date (RFC 9110, 10.2.3).
    pub(super) fn in_headers(headers: &HeaderMap) -> Option<Self> {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
        if let Some(milliseconds) = text("retry-after-ms").and_then(|value| value.parse::<f64>().ok()) {
            return Duration::try_from_secs_f64(milliseconds / 1000.0).ok().map(Self::For);
        }
        let value = text(RETRY_AFTER.as_str())?;
        match time(value) {
            Some((time, "")) => Some(Self::For(time)),
            _ => httpdate::parse_http_date(value).ok().map(Self::Until),
        }
    }

    /// Reads what stands in an error's text: `Please try again in 1m2.5s.`, `"retryDelay": "3s"`.
    pub(super) fn in_text(text: &str) -> Option<Self> {
        let lower = text.to_ascii_lowercase();
        BEFORE_TIME.iter().find_map(|words| {
            let rest = &lower[lower.find(words)? + words.len()..];
            let digit = rest.find(|c: char| c.is_ascii_digit()).filter(|at| *at <= GAP)?;
            time(&rest[digit..]).map(|(time, _)| Self::For(time))
        })
    }

    /// The wait from now on; none for a moment that has passed.
    pub(super) fn from(self, now: SystemTime) -> Duration {
        match self {
            Self::For(time) => time,
            Self::Until(moment) => moment.duration_since(now).unwrap_or_default(),
        }
    }
}

/// Reads a time at the start of a text, and gives the rest. A number without a unit is in seconds.
fn time(text: &str) -> Option<(Duration, &str)> {
    let mut total = Duration::ZERO;
    let (mut rest, mut parts) = (text, 0);
    while let Some((part, after)) = part(rest) {
        total = total.checked_add(part)?;
        (rest, parts) = (after, parts + 1);
    }
    (parts > 0).then_some((total, rest))
}

fn part(text: &str) -> Option<(Duration, &str)> {
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let number = &text[..digits];
    // A full stop that ends a sentence does not belong to a number.
    let dots = number.len() - number.trim_end_matches('.').len();
    let (number, after) = (number.trim_end_matches('.'), &text[digits - dots..]);
    let number: f64 = number.parse().ok()?;
    let word = after.trim_start();
    let end = word.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(word.len());
    let (seconds, rest) = match &word[..end] {
        "ms" | "millis" | "millisecond" | "milliseconds" => (0.001, &word[end..]),
        "s" | "sec" | "secs" | "second" | "seconds" => (1.0, &word[end..]),
        "m" | "min" | "mins" | "minute" | "minutes" => (60.0, &word[end..]),
        "h" | "hr" | "hour" | "hours" => (3600.0, &word[end..]),
        _ => (1.0, after),
    };
    Some((Duration::try_from_secs_f64(number * seconds).ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_in_every_form() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_792_567_670);
        let cases = [
            ("retry-after", "3", Some(3000)),
            ("retry-after", "0.5", Some(500)),
            ("retry-after", "3s", Some(3000)),
            ("retry-after", "1m30s", Some(90_000)),
            ("retry-after", "250ms", Some(250)),
            ("retry-after-ms", "1500", Some(1500)),
            ("retry-after", "-1", None),
            ("retry-after", "NaN", None),
            ("retry-after", "soon", None),
            ("retry-after", "1e300", None),
            ("retry-after", "99999999999999999999999999", None),
            // Ten seconds after `now`, and long before it.
            ("retry-after", "Wed, 21 Oct 2026 07:28:00 GMT", Some(10_000)),
            ("retry-after", "Wed, 21 Oct 2015 07:28:00 GMT", Some(0)),
        ];
        for (name, value, milliseconds) in cases {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().expect("a header value"));
            let wait = RetryAfter::in_headers(&headers).map(|wish| wish.from(now));
            assert_eq!(wait, milliseconds.map(Duration::from_millis), "{name}: {value}");
        }
    }

    #[test]
    fn milliseconds_count_for_more_than_seconds() {
        let mut headers = HeaderMap::new();
        headers.insert("retry-after", "60".parse().expect("a header value"));
        headers.insert("retry-after-ms", "20".parse().expect("a header value"));
        assert_eq!(RetryAfter::in_headers(&headers), Some(RetryAfter::For(Duration::from_millis(20))));
    }

    #[test]
    fn texts_name_a_time_in_many_ways() {
        let cases = [
            ("Rate limit reached. Please try again in 3s. Visit the site.", Some(3000)),
            ("try again in 1m2.5s", Some(62_500)),
            ("Try again in 250ms", Some(250)),
            ("please retry after 2 seconds", Some(2000)),
            (r#"{"@type": "RetryInfo", "retryDelay": "7s"}"#, Some(7000)),
            ("retry in 5", Some(5000)),
            ("try again later, in 2026", None),
            ("slow down", None),
        ];
        for (text, milliseconds) in cases {
            let expected = milliseconds.map(|ms| RetryAfter::For(Duration::from_millis(ms)));
            assert_eq!(RetryAfter::in_text(text), expected, "{text}");
        }
    }
}
