//! The figures of a fault that makes load, as the live display shows them.

use std::fmt;

use serde_json::Value;

/// What of a progress value is known; the rest is not shown.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Figures {
    asked_qps: Option<f64>,
    reached_qps: Option<f64>,
    p50_ms: Option<f64>,
    p99_ms: Option<f64>,
    errors: Option<u64>,
}

impl Figures {
    /// Reads them from the value of a progress event.
    pub(crate) fn of(value: &Value) -> Self {
        let number = |key: &str| value[key].as_f64();
        Self {
            asked_qps: number("asked_qps"),
            reached_qps: number("achieved_qps"),
            p50_ms: number("p50_ms"),
            p99_ms: number("p99_ms"),
            errors: value["errors"].as_u64(),
        }
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let (Some(asked), Some(reached)) = (self.asked_qps, self.reached_qps) {
            write!(f, "  qps {reached:.1} of {asked:.0}")?;
        }
        if let (Some(p50), Some(p99)) = (self.p50_ms, self.p99_ms) {
            write!(f, "  p50 {p50:.2} ms  p99 {p99:.2} ms")?;
        }
        match self.errors {
            Some(errors) => write!(f, "  errors {errors}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn known_figures_are_shown_and_others_are_not() {
        let value = json!({
            "asked_qps": 300.0, "achieved_qps": 299.87, "p50_ms": 1.234, "p99_ms": 9, "errors": 2, "more": true
        });
        assert_eq!(Figures::of(&value).to_string(), "  qps 299.9 of 300  p50 1.23 ms  p99 9.00 ms  errors 2");
        assert_eq!(Figures::of(&json!({"qps": "x"})).to_string(), "");
        assert_eq!(Figures::of(&json!([1])), Figures::default());
    }
}
