//! Samples of metrics.

use super::Sink;
use crate::metric_store::{Batch, Recorded, Sample};
use crate::moment::Moment;
use crate::recording::Took;

impl Sink {
    /// Makes a target known that is asked from now on.
    #[cfg(feature = "http")]
    pub(crate) fn expect_target(&self, origin: &str) {
        let _order = self.note(|| Took::Target { origin: origin.into() });
        self.stores.metrics.expect(self.source(), origin);
    }

    /// Notes that a target did not answer.
    #[cfg(feature = "http")]
    pub(crate) fn no_answer(&self, origin: &str, at: Moment, why: &str) {
        let _order = self.note(|| Took::NoAnswer { origin: origin.into(), at_ns: at, why: why.into() });
        self.stores.metrics.gap(self.source(), origin, at, why);
    }

    /// Keeps samples of one origin that came together.
    pub(crate) fn samples(&self, origin: &str, at: Moment, whole: bool, samples: Vec<Sample<'_>>) -> Recorded {
        let all = || Took::Samples { origin: origin.into(), at_ns: at, whole, samples: samples.clone() };
        let _order = self.note(all);
        self.stores.metrics.record(Batch { source: self.source(), origin, at, whole }, samples)
    }

    /// Counts samples that came and could not be read.
    pub(crate) fn lost_samples(&self, count: u64, at: Moment, why: &str) {
        let _order = self.note(|| Took::LostSamples { count, at_ns: at, why: why.into() });
        self.stores.metrics.lost(self.source(), count, at, why);
    }
}
