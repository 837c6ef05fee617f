//! Values of fortio's flags, parsed as Go parses them.

use std::time::Duration;

/// What is wrong with the value of a flag, in Go's and fortio's words where they have some.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the messages say what there is to say")]
pub enum ValueError {
    #[error("parse error")]
    Syntax,
    #[error("value out of range")]
    OutOfRange,
    #[error("it must be a finite number")]
    NotFinite,
    #[error("invalid duration {text}")]
    Duration { text: String },
    #[error("missing unit in duration {text}")]
    MissingUnit { text: String },
    #[error("unknown unit {unit} in duration {text}")]
    UnknownUnit { unit: String, text: String },
    #[error("list can't be empty")]
    EmptyList,
    #[error("strconv.ParseFloat: parsing \"{item}\": invalid syntax")]
    Percentile { item: String },
    #[error("percentile {value} must be > 0 and < 100")]
    PercentileRange { value: f64 },
    #[error("invalid number of requests `{part}`: expected a range such as 5:10")]
    Reuse { part: String },
    #[error("the range {least}:{most} ends before it starts")]
    ReuseOrder { least: u64, most: u64 },
    #[error("invalid extra header '{text}', expecting Key: Value")]
    Header { text: String },
    #[error("invalid extra header '{text}', it holds characters that no header may have")]
    HeaderCharacters { text: String },
    #[error("\"{text}\" should be one of: Debug, Verbose, Info, Warning, Error, Critical, Fatal")]
    Level { text: String },
    #[error("expected `json` or `influx`")]
    AccessLogFormat,
    #[error("expected an address such as 127.0.0.1")]
    Address,
}

/// Longest duration that Go can hold, in nanoseconds: 292 years.
const MAX_NANOS: f64 = 9.223_372_036_854_776e18;

/// An integer in any of Go's bases (`17`, `0x11`, `0o21`, `0b10001`).
pub(crate) fn integer(text: &str) -> Result<i64, ValueError> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let lower = digits.to_ascii_lowercase();
    let (radix, digits) = match lower.as_bytes() {
        [b'0', b'x', ..] => (16, &lower[2..]),
        [b'0', b'b', ..] => (2, &lower[2..]),
        [b'0', b'o', ..] => (8, &lower[2..]),
        [b'0', _, ..] => (8, &lower[1..]),
        _ => (10, lower.as_str()),
    };
    if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(radix)) {
        return Err(ValueError::Syntax);
    }
    let value = i128::from_str_radix(digits, radix).map_err(|_| ValueError::OutOfRange)?;
    let value = if negative { -value } else { value };
    i64::try_from(value).map_err(|_| ValueError::OutOfRange)
}

/// A finite number. fortio takes `Inf` and `NaN` too and runs for ever on them.
pub(crate) fn float(text: &str) -> Result<f64, ValueError> {
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(value),
        Ok(_) => Err(ValueError::NotFinite),
        Err(_) => Err(ValueError::Syntax),
    }
}

/// A duration as Go's `time.ParseDuration` reads it; negative ones are `None`.
pub(crate) fn duration(text: &str) -> Result<Option<Duration>, ValueError> {
    match nanos(text, false) {
        Ok(nanos) => Ok(to_duration(nanos)),
        Err(_) => Err(ValueError::Syntax),
    }
}

/// A duration that may also have days and weeks, as `-t` takes it; `None` when
/// it is zero or negative, which means until interrupted.
pub(crate) fn long_duration(text: &str) -> Result<Option<Duration>, ValueError> {
    let nanos = nanos(text, true)?;
    Ok(to_duration(nanos).filter(|duration| !duration.is_zero()))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be in range")]
fn to_duration(nanos: f64) -> Option<Duration> {
    (nanos >= 0.0).then(|| Duration::from_nanos(nanos.round().min(MAX_NANOS) as u64))
}

fn nanos(text: &str, long: bool) -> Result<f64, ValueError> {
    let spaced = text.trim();
    let (sign, body) = match spaced.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, spaced.strip_prefix('+').unwrap_or(spaced)),
    };
    if body == "0" {
        return Ok(0.0);
    }
    if body.is_empty() {
        return Err(ValueError::Duration { text: format!("\"{text}\"") });
    }
    let mut rest = body;
    let mut total = 0.0;
    while !rest.is_empty() {
        if long {
            rest = rest.trim_start();
        }
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let number: f64 = rest[..digits].parse().map_err(|_| ValueError::Duration { text: text.to_owned() })?;
        rest = &rest[digits..];
        let letters = rest.find(|c: char| c.is_ascii_digit() || c == '.' || c == ' ').unwrap_or(rest.len());
        if letters == 0 {
            return Err(ValueError::MissingUnit { text: text.to_owned() });
        }
        let unit = unit(&rest[..letters], long)
            .ok_or_else(|| ValueError::UnknownUnit { unit: rest[..letters].to_owned(), text: text.to_owned() })?;
        total += number * unit;
        rest = &rest[letters..];
    }
    if total > MAX_NANOS { Err(ValueError::Duration { text: text.to_owned() }) } else { Ok(sign * total) }
}

fn unit(name: &str, long: bool) -> Option<f64> {
    Some(match name {
        "ns" => 1.0,
        "us" | "µs" | "μs" => 1e3,
        "ms" => 1e6,
        "s" => 1e9,
        "m" => 60e9,
        "h" => 3600e9,
        "d" if long => 24.0 * 3600e9,
        "w" if long => 7.0 * 24.0 * 3600e9,
        _ => return None,
    })
}

/// A list of percentiles, each above 0 and below 100.
pub(crate) fn percentiles(text: &str) -> Result<Vec<f64>, ValueError> {
    if text.is_empty() {
        return Err(ValueError::EmptyList);
    }
    text.split(',')
        .map(|item| {
            let item = item.trim();
            let value: f64 = item.parse().map_err(|_| ValueError::Percentile { item: item.to_owned() })?;
            if value > 0.0 && value < 100.0 { Ok(value) } else { Err(ValueError::PercentileRange { value }) }
        })
        .collect()
}

/// A range of calls on one connection: `a:b`, or `a` for `a:a`; `None` without a limit.
pub(crate) fn reuse(text: &str) -> Result<Option<(u64, u64)>, ValueError> {
    let (least, most) = text.split_once(':').unwrap_or((text, text));
    let number = |part: &str| {
        let number = part.trim().parse::<u64>();
        number.map_err(|_| ValueError::Reuse { part: part.to_owned() })
    };
    let (least, most) = (number(least)?, number(most)?);
    if least > most {
        return Err(ValueError::ReuseOrder { least, most });
    }
    Ok((most > 0).then_some((least.max(1), most)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_have_the_bases_of_go() {
        let cases = [
            ("3", Some(3)),
            ("0x1F", Some(31)),
            ("-7", Some(-7)),
            ("010", Some(8)),
            ("0b11", Some(3)),
            ("1.5", None),
            ("", None),
            ("abc", None),
            ("0x", None),
        ];
        for (text, value) in cases {
            assert_eq!(integer(text).ok(), value, "{text}");
        }
        assert_eq!(integer("99999999999999999999").unwrap_err().to_string(), "value out of range");
    }

    #[test]
    fn durations_take_days_and_weeks_only_where_they_may() {
        let secs = |text| long_duration(text).unwrap().map(|duration| duration.as_secs_f64());
        assert_eq!(secs("1w2d3h4m5.5s"), Some(788_645.5));
        assert_eq!(secs("1s 30ms"), Some(1.03));
        assert_eq!((secs("0"), secs("-5s")), (None, None));
        assert_eq!(duration("200ms").unwrap(), Some(Duration::from_millis(200)));
        assert_eq!((duration("5").unwrap_err(), duration("1d").unwrap_err()), (ValueError::Syntax, ValueError::Syntax));
        for (text, error) in [
            ("30", "missing unit in duration 30"),
            ("5x", "unknown unit x in duration 5x"),
            ("1s30", "missing unit in duration 1s30"),
        ] {
            assert_eq!(long_duration(text).unwrap_err().to_string(), error);
        }
    }

    #[test]
    fn percentiles_and_ranges_say_what_is_wrong() {
        assert_eq!(percentiles("50, 99.9").unwrap(), [50.0, 99.9]);
        assert_eq!(percentiles("50,101").unwrap_err().to_string(), "percentile 101 must be > 0 and < 100");
        assert_eq!(percentiles("").unwrap_err().to_string(), "list can't be empty");
        assert_eq!((reuse("2:4"), reuse("5"), reuse("0:0")), (Ok(Some((2, 4))), Ok(Some((5, 5))), Ok(None)));
        assert!(reuse("a:b").unwrap_err().to_string().contains("number of requests `a`"));
    }

    #[test]
    fn numbers_without_end_are_refused() {
        for text in ["Inf", "-inf", "NaN"] {
            assert_eq!(float(text).unwrap_err().to_string(), "it must be a finite number", "{text}");
        }
        assert_eq!(float("1e3"), Ok(1000.0));
    }
}
