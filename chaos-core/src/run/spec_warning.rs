//! What an entry allows, and its author has hardly meant: times that do not fit each other.

use std::time::Duration;

use crate::{ChaosSpec, DEFAULT_HOLD_SECONDS, Seconds, Span};

/// Something in an entry that somebody should look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpecWarning {
    /// JSON pointer inside the entry.
    pub pointer: String,
    /// What does not fit.
    pub message: String,
    /// What it means, and what would be right.
    pub help: String,
}

impl ChaosSpec {
    /// Times that do not fit each other: a hold that is shorter than the timeout of a probe, and a `detect` window that is
    /// longer than the hold. How long a finite fault lasts is not known here.
    pub fn warnings(&self) -> Vec<SpecWarning> {
        if self.action.span() == Span::Finite {
            return Vec::new();
        }
        let hold = self.duration_seconds.unwrap_or_else(|| Seconds::from(DEFAULT_HOLD_SECONDS)).get();
        let during = self.during.iter().enumerate();
        let during = during.map(|(index, probe)| (format!("/during/{index}"), probe.label(), probe.at_most()));
        let stop = self.abort_if.iter().map(|probe| ("/abort_if".to_owned(), probe.label(), probe.at_most()));
        let short = during.chain(stop).filter_map(|(pointer, label, at_most)| {
            let timeout = at_most.filter(|timeout| *timeout > hold)?;
            Some(SpecWarning {
                pointer,
                message: format!("the hold of {} is shorter than the timeout of `{label}`, {}", s(hold), s(timeout)),
                help: format!(
                    "a probe that has not answered when the hold ends counts as a no; make `duration_seconds` at least {}, \
                     or the timeout shorter",
                    timeout.as_secs_f64()
                ),
            })
        });
        let detect = self.detect.iter().filter_map(|probe| {
            let within = probe.extra().within_seconds.get();
            (within > hold).then(|| SpecWarning {
                pointer: "/detect".to_owned(),
                message: format!("the `detect` window of {} is longer than the hold of {}", s(within), s(hold)),
                help: format!(
                    "what is noticed after the hold does not count; make `duration_seconds` at least {}, or \
                     `within_seconds` shorter",
                    within.as_secs_f64()
                ),
            })
        });
        short.chain(detect).collect()
    }
}

fn s(time: Duration) -> String {
    format!("{} s", time.as_secs_f64())
}
