//! The figures of a fault that makes load, as the live display shows them.

use std::fmt;

use chaos_core::{ChaosResult, FailureCauses, LoadProgress, Progress};

/// The figures of a load; none before the first ones, and for other faults.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Figures(Option<LoadProgress>);

impl Figures {
    /// Those of a progress event.
    pub(crate) fn of(progress: &Progress) -> Self {
        match progress {
            Progress::Load(load) => Self(Some(*load)),
            _ => Self(None),
        }
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(load) = &self.0 else { return Ok(()) };
        if let Some(target) = load.target_qps {
            write!(f, "  qps {:.1} of {target:.0}", load.achieved_qps)?;
        }
        write!(f, "  p50 {:.2} ms  p99 {:.2} ms  errors {}", load.p50_ms, load.p99_ms, load.errors)?;
        if load.retries > 0 {
            write!(f, "  retries {}", load.retries)?;
        }
        Ok(())
    }
}

/// What a step of an experiment gave, on one line.
pub(crate) struct StepFigures<'a>(pub(crate) &'a ChaosResult);

impl fmt::Display for StepFigures<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let result = self.0;
        f.write_str(&result.name)?;
        let Some(load) = &result.load else {
            write!(f, ": {}", result.verdict.word())?;
            return result.error.as_ref().map_or(Ok(()), |error| write!(f, ": {error}"));
        };
        write!(f, ": qps {:.1} of {}", load.achieved_qps, load.request.qps)?;
        let response = load.judged_response();
        for percentile in [50.0, 99.0] {
            match response.percentile(percentile) {
                Some(ms) => write!(f, "  p{percentile} {ms:.1} ms")?,
                None => write!(f, "  p{percentile} -")?,
            }
        }
        write!(f, "  errors {:.1} %", load.error_ratio() * 100.0)?;
        match load.judged_failures() {
            [] => Ok(()),
            failures => write!(f, ": {}", FailureCauses(failures)),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn figures_of_a_load_are_shown_and_others_are_not() {
        let load = LoadProgress {
            target_qps: Some(300.0),
            achieved_qps: 299.87,
            p50_ms: 1.234,
            p99_ms: 9.0,
            errors: 2,
            ..LoadProgress::default()
        };
        let shown = Figures::of(&Progress::Load(load)).to_string();
        assert_eq!(shown, "  qps 299.9 of 300  p50 1.23 ms  p99 9.00 ms  errors 2");
        assert_eq!(Figures::of(&Progress::Other(json!({"qps": 7}))).to_string(), "");
    }
}
