//! Plain scalars: what the core schema of YAML 1.2 (10.3.2) makes of them, and where YAML 1.1 reads them otherwise.

use serde_json::Number;

use super::dialect::Dialect;
use super::node::Kind;

/// A plain scalar by the core schema.
pub(crate) fn core(plain: &str) -> Kind {
    match plain {
        "" | "~" | "null" | "Null" | "NULL" => Kind::Null,
        "true" | "True" | "TRUE" => Kind::Bool(true),
        "false" | "False" | "FALSE" => Kind::Bool(false),
        _ => number(plain).unwrap_or_else(|| Kind::Text(plain.to_owned())),
    }
}

/// A number of the core schema that is finite.
pub(crate) fn finite(plain: &str) -> Option<Number> {
    match number(plain) {
        Some(Kind::Number(number)) => number,
        _ => None,
    }
}

/// A number of the core schema, which may not be finite.
pub(super) fn number(plain: &str) -> Option<Kind> {
    if let Some(digits) = plain.strip_prefix("0o") {
        return radix(digits, 8);
    }
    if let Some(digits) = plain.strip_prefix("0x") {
        return radix(digits, 16);
    }
    let unsigned = plain.strip_prefix(['+', '-']).unwrap_or(plain);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(plain, ".nan" | ".NaN" | ".NAN") {
        return Some(Kind::Number(None));
    }
    if is_digits(unsigned) {
        let whole = plain.parse::<i64>().ok().map(Number::from);
        let whole = whole.or_else(|| plain.trim_start_matches('+').parse::<u64>().ok().map(Number::from));
        return Some(Kind::Number(whole.or_else(|| plain.parse().ok().and_then(Number::from_f64))));
    }
    is_float(unsigned).then(|| Kind::Number(plain.parse().ok().and_then(Number::from_f64)))
}

fn radix(digits: &str, radix: u32) -> Option<Kind> {
    if digits.is_empty() || !digits.chars().all(|c| c.is_digit(radix)) {
        return None;
    }
    let exact = u64::from_str_radix(digits, radix).ok().map(Number::from);
    // Beyond 64 bits only the magnitude is needed, to be out of bounds.
    let digit = |c: char| f64::from(c.to_digit(radix).unwrap_or_default());
    Some(Kind::Number(
        exact.or_else(|| Number::from_f64(digits.chars().fold(0.0, |n, c| n * f64::from(radix) + digit(c)))),
    ))
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_float(unsigned: &str) -> bool {
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let mantissa = match mantissa.split_once('.') {
        Some(("", fraction)) => is_digits(fraction),
        Some((whole, fraction)) => is_digits(whole) && (fraction.is_empty() || is_digits(fraction)),
        None => is_digits(mantissa),
    };
    mantissa && exponent.is_none_or(|exponent| is_digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent)))
}

/// How YAML 1.1 reads a plain scalar, where that differs.
pub(crate) fn dialect(plain: &str) -> Option<Dialect> {
    // `y` and `n` are in the specification, and in no reader that is in use.
    const WORDS: [&str; 4] = ["yes", "no", "on", "off"];
    let capital = |word: &str| word[..1].to_uppercase() + &word[1..];
    if plain.len() <= 3 && WORDS.iter().any(|w| plain == *w || plain == w.to_uppercase() || plain == capital(w)) {
        return Some(Dialect::Boolean);
    }
    if !plain.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.')) {
        return None;
    }
    let unsigned = plain.strip_prefix(['+', '-']).unwrap_or(plain);
    if number(plain).is_some() {
        return differing_number(unsigned);
    }
    let bare = unsigned.replace('_', "");
    if is_date(plain) {
        return Some(Dialect::Date);
    }
    if let Some((first, rest)) = bare.split_once(':') {
        let (rest, fraction) = rest.split_once('.').unwrap_or((rest, ""));
        let sixties = rest.split(':').all(|part| is_digits(part) && part.len() <= 2 && part < "60");
        let whole = is_digits(first) && (fraction.is_empty() || is_digits(fraction));
        return (whole && sixties).then_some(Dialect::Sexagesimal);
    }
    let based = |prefix: &str, radix: u32| {
        bare.strip_prefix(prefix).is_some_and(|d| !d.is_empty() && d.chars().all(|c| c.is_digit(radix)))
    };
    let old = based("0b", 2) || based("0x", 16) || (unsigned.contains('_') && number(&bare).is_some());
    (old && unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.')).then_some(Dialect::Number)
}

fn differing_number(unsigned: &str) -> Option<Dialect> {
    if unsigned.starts_with("0o") {
        return Some(Dialect::NewOctal);
    }
    if unsigned.starts_with("0x") {
        return None;
    }
    if is_digits(unsigned) && unsigned.starts_with('0') {
        let rest = unsigned.trim_start_matches('0');
        return match rest {
            _ if !rest.bytes().all(|byte| byte < b'8') => (unsigned.len() > 1).then_some(Dialect::ZerosThenText),
            "" | "1" | "2" | "3" | "4" | "5" | "6" | "7" => None,
            _ => Some(Dialect::Octal),
        };
    }
    let (mantissa, exponent) = unsigned.split_once(['e', 'E'])?;
    (!mantissa.contains('.') || !exponent.starts_with(['+', '-'])).then_some(Dialect::Exponent)
}

fn is_date(plain: &str) -> bool {
    let date = plain.split(['T', 't', ' ']).next().unwrap_or_default();
    let mut parts = date.split('-');
    let mut next = |least: usize, most: usize| {
        parts.next().is_some_and(|part| is_digits(part) && (least..=most).contains(&part.len()))
    };
    next(4, 4) && next(1, 2) && next(1, 2) && parts.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(plain: &str) -> String {
        match core(plain) {
            Kind::Number(Some(number)) => number.to_string(),
            Kind::Number(None) => "not finite".into(),
            Kind::Text(text) => format!("text {text}"),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn words_and_numbers_are_those_of_the_core_schema_and_no_others() {
        let rows = [
            ("0300", "300"),
            ("0o17", "15"),
            ("0x1F", "31"),
            ("+12", "12"),
            ("-0", "0"),
            ("1.", "1.0"),
            (".5", "0.5"),
            ("1e3", "1000.0"),
            ("18446744073709551615", "18446744073709551615"),
            (".inf", "not finite"),
            ("-.INF", "not finite"),
            (".NaN", "not finite"),
            ("1e999", "not finite"),
            ("True", "Bool(true)"),
            ("NULL", "Null"),
            ("", "Null"),
        ];
        for (plain, want) in rows {
            assert_eq!(shown(plain), want, "{plain}");
        }
        for text in [
            "0b101", "0X1F", "0O17", "+0x10", "-0o7", "tRue", "nULL", "yes", "No", "1_000", "12:30:45", "+.nan", ".",
            "-", "+", "e3", ".e3", "1e", "1e+", "0x", "0o8", "1.2.3", "30s", "_1", ".iNF", "0xG", "٣",
        ] {
            assert_eq!(shown(text), format!("text {text}"));
        }
    }

    #[test]
    fn what_yaml_1_1_reads_otherwise_is_known() {
        let rows = [
            ("0300", Dialect::Octal),
            ("010", Dialect::Octal),
            ("-010", Dialect::Octal),
            ("089", Dialect::ZerosThenText),
            ("0o17", Dialect::NewOctal),
            ("1e3", Dialect::Exponent),
            ("1.5e3", Dialect::Exponent),
            ("yes", Dialect::Boolean),
            ("Off", Dialect::Boolean),
            ("1_000", Dialect::Number),
            ("0b101", Dialect::Number),
            ("+0x10", Dialect::Number),
            ("12:30:45", Dialect::Sexagesimal),
            ("1:30.5", Dialect::Sexagesimal),
            ("2026-01-01", Dialect::Date),
            ("2026-01-01T10:00:00Z", Dialect::Date),
        ];
        for (plain, want) in rows {
            assert_eq!(dialect(plain), Some(want), "{plain}");
        }
        for same in [
            "0",
            "00",
            "07",
            "1",
            "0x10",
            "1.5",
            "1.5e+3",
            "true",
            "null",
            "",
            "30s",
            "a",
            "1m30s",
            "-",
            "_1",
            "12:99",
            "y",
            "N",
            "::1",
            "10.0.0.0/8",
            "200-299",
            "127.0.0.1:80",
            "1.2.3",
            ".inf",
            "yEs",
            "0-1",
        ] {
            assert_eq!(dialect(same), None, "{same}");
        }
    }
}
