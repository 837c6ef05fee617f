//! Numbers as Go prints them: in JSON, and by `%g` and `%.Ng`.

/// Writes a double as Go's JSON encoder does: shortest digits that round-trip,
/// whole values without a point, exponents only below 1e-6 and from 1e21 on.
pub(crate) fn json(value: f64) -> String {
    let size = value.abs();
    if value == 0.0 || !value.is_finite() {
        return "0".to_owned();
    }
    if (1e-6..1e21).contains(&size) {
        return format!("{value}");
    }
    let text = format!("{value:e}");
    match text.split_once('e') {
        Some((digits, exponent)) if !exponent.starts_with('-') => format!("{digits}e+{exponent}"),
        _ => text,
    }
}

/// Writes a double as Go's bare `%g`: shortest digits, with an exponent of at
/// least two digits where it is below -4 or at least 6.
pub(crate) fn shortest(value: f64) -> String {
    let text = format!("{value:e}");
    let Some((digits, exponent)) = text.split_once('e') else {
        return special(value);
    };
    let Ok(exponent) = exponent.parse::<i32>() else {
        return special(value);
    };
    if !(-4..SHORTEST_LIMIT).contains(&exponent) {
        return with_exponent(digits, exponent);
    }
    format!("{value}")
}

/// Decimal exponent from which the shortest form has an exponent.
const SHORTEST_LIMIT: i32 = 6;

/// Writes a double as C's and Go's `%.Ng` with N significant digits.
pub(crate) fn significant(value: f64, digits: usize) -> String {
    let digits = digits.max(1);
    if !value.is_finite() {
        return special(value);
    }
    let text = format!("{value:.*e}", digits - 1);
    let Some((mantissa, exponent)) = text.split_once('e') else {
        return text;
    };
    let Ok(exponent) = exponent.parse::<i32>() else {
        return text.clone();
    };
    if exponent < -4 || usize::try_from(exponent).is_ok_and(|exponent| exponent >= digits) {
        return with_exponent(trimmed(mantissa), exponent);
    }
    let places = i32::try_from(digits).unwrap_or(i32::MAX) - 1 - exponent;
    let fixed = format!("{value:.*}", usize::try_from(places).unwrap_or(0));
    trimmed(&fixed).to_owned()
}

fn trimmed(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

fn with_exponent(digits: &str, exponent: i32) -> String {
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}

fn special(value: f64) -> String {
    if value.is_nan() {
        "NaN".to_owned()
    } else if value > 0.0 {
        "+Inf".to_owned()
    } else {
        "-Inf".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_numbers_are_plain_from_a_millionth_to_ten_to_the_21() {
        let cases = [
            (0.0, "0"),
            (50.0, "50"),
            (99.9, "99.9"),
            (0.000_073_12, "0.00007312"),
            (1e-6, "0.000001"),
            (1e-7, "1e-7"),
            (1.5e-9, "1.5e-9"),
            (1e21, "1e+21"),
            (-2.5, "-2.5"),
            (99.383_442_988_840_29, "99.38344298884029"),
        ];
        for (value, text) in cases {
            assert_eq!(json(value), text);
        }
    }

    #[test]
    fn bare_g_has_an_exponent_from_six_digits_on() {
        let cases = [
            (0.000_129_164, "0.000129164"),
            (7.5353e-5, "7.5353e-05"),
            (300_000.0, "300000"),
            (1e6, "1e+06"),
            (1_234_567.891_234, "1.234567891234e+06"),
            (14_095.161_131_183_664, "14095.161131183664"),
            (0.0, "0"),
            (f64::INFINITY, "+Inf"),
        ];
        for (value, text) in cases {
            assert_eq!(shortest(value), text);
        }
    }

    #[test]
    fn fixed_digits_follow_c() {
        let cases = [
            (0.054_805_433, 8, "0.054805433"),
            (0.000_055_248, 6, "5.5248e-05"),
            (0.000_325_002, 6, "0.000325002"),
            (26_937.815, 5, "26938"),
            (0.000_321_5, 4, "0.0003215"),
            (100.0, 8, "100"),
            (1_234_567.0, 6, "1.23457e+06"),
            (0.0, 4, "0"),
            (39.934_24, 5, "39.934"),
            (999_999.9, 6, "1e+06"),
        ];
        for (value, digits, text) in cases {
            assert_eq!(significant(value, digits), text);
        }
    }
}
