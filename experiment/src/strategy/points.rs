//! Points of a curve: measured one after the other, with a rest between each two.

use super::context::StrategyContext;
use super::point::{Base, judge};
use crate::finding::Point;
use crate::stop::Stop;
use crate::transcript::StepRecord;

/// The points so far.
pub(super) struct Points<'c, 'a> {
    context: &'c StrategyContext<'a>,
    /// The target without much load, once a point has held.
    pub(super) base: Option<Base>,
    pub(super) all: Vec<Point>,
}

impl<'c, 'a> Points<'c, 'a> {
    pub(super) fn new(context: &'c StrategyContext<'a>) -> Self {
        Self { context, base: None, all: Vec::new() }
    }

    /// Measures one more point, for so many seconds at the least and at the most.
    pub(super) async fn measure(&mut self, qps: u32, seconds: (u64, u64), label: &str) -> Result<StepRecord, Stop> {
        if !self.all.is_empty() {
            self.context.rest(self.base).await?;
        }
        let step = self.context.measure(qps, self.context.seconds(qps, seconds), label).await?;
        let point = judge(&self.context.runner.setup, &step, self.base);
        self.base = Base::or(self.base, &point, &step);
        self.all.push(point);
        Ok(step)
    }
}
