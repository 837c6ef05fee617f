//! How figures are written, and when two of them are the same.

use chaos_schema::Slo;

/// How far a claimed value may be from the measured one: rounding, not error.
const TOLERANCE: f64 = 0.02;

/// Whether two figures are the same but for rounding.
pub(crate) fn close(claimed: f64, measured: f64) -> bool {
    (claimed - measured).abs() <= TOLERANCE * measured.abs() + 1e-9
}

/// The factor from a claimed unit to a measure's own.
pub(crate) fn scale(claimed: &str, own: &str) -> Option<f64> {
    match (claimed, own) {
        (claimed, own) if claimed == own => Some(1.0),
        ("s", "ms") => Some(1e3),
        ("us", "ms") | ("ms", "s") => Some(1e-3),
        ("%", "ratio") => Some(0.01),
        ("1", "ratio") | ("rps", "qps") | ("", "1") => Some(1.0),
        _ => None,
    }
}

/// A figure with its unit, for people and models: three significant digits are enough for both.
pub(crate) fn figure(value: f64, unit: &str) -> String {
    let text = number(value);
    match unit {
        "ratio" => format!("{} %", number(value * 100.0)),
        "1" | "" => text,
        unit => format!("{text} {unit}"),
    }
}

/// A number with about three significant digits.
pub(crate) fn number(value: f64) -> String {
    let text = match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 1.0 || size == 0.0 => format!("{value:.2}"),
        size if size >= 0.1 => format!("{value:.3}"),
        _ => format!("{value:.4}"),
    };
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// SLOs as documents write them, with a text between each two.
pub(crate) fn slo_text(slo: &[Slo], between: &str) -> String {
    slo.iter().map(ToString::to_string).collect::<Vec<_>>().join(between)
}
