//! `capacity`: the greatest rate at which the SLOs hold. Climb by fours, bisect, confirm.
//!
//! An overloaded target shows its limit: it answers about as much as it can. The bisection starts there, and so needs
//! few points.

use super::context::StrategyContext;
use super::point::behind;
use super::points::Points;
use crate::finding::{CapacityLimit, Finding, Point};
use crate::stop::Stop;

/// Points in all, the confirming one included.
const MOST: usize = 12;
/// Points that are kept for confirming.
const KEPT: usize = 2;
/// Factor of the climb.
const CLIMB: u32 = 4;
/// The bracket is narrow enough at this ratio; a third of the 5 % within which the answer shall lie.
const NARROW: f64 = 1.016;
/// A point that broke below this share of what the target has been seen to answer is measured again before it counts as
/// broken.
const SEEN: f64 = 0.95;
/// Where in the bracket the overloaded throughput is tried: a little below it holds, a little above it does not.
const NEAR: [f64; 2] = [0.99, 1.03];
/// Seconds of a point, at the least and at the most.
const POINT: (u64, u64) = (4, 6);
/// Seconds of the confirming one.
const CONFIRM: (u64, u64) = (6, 15);

/// The state of the search.
struct Search<'c, 'a> {
    context: &'c StrategyContext<'a>,
    points: Points<'c, 'a>,
    /// The greatest rate that held.
    good: Option<u32>,
    /// The lowest rate that did not.
    bad: Option<u32>,
    /// The most that the target was seen to answer in a second while overloaded.
    answered: f64,
    confirmed: bool,
}

/// What one measurement of a rate showed.
struct Seen {
    held: bool,
    /// Answers a second.
    answered: f64,
    /// Whether no backlog was left at the end.
    kept_up: bool,
}

impl Seen {
    /// Whether it broke without showing the target's limit: its backlog was gone again at the end, or the target was
    /// seen to answer more than that (`most`).
    fn may_be_a_stall(&self, qps: u32, most: f64) -> bool {
        !self.held && (self.kept_up || f64::from(qps) < SEEN * most)
    }
}

/// Runs the search. What was found is there even when it was cut off.
pub(super) async fn run(context: &StrategyContext<'_>) -> (Option<Finding>, Option<Stop>) {
    let mut search =
        Search { context, points: Points::new(context), good: None, bad: None, answered: 0.0, confirmed: false };
    let stop = search.go().await.err();
    (search.finding(stop.is_some()), stop)
}

impl Search<'_, '_> {
    async fn go(&mut self) -> Result<(), Stop> {
        self.climb().await?;
        if self.good.is_none() {
            self.descend().await?;
        }
        self.bisect().await?;
        self.confirm().await
    }

    fn left(&self) -> usize {
        MOST - self.points.all.len().min(MOST)
    }

    /// Measures one rate and takes it in; a point that broke without showing a limit is measured twice.
    async fn point(&mut self, qps: u32, label: &str, seconds: (u64, u64)) -> Result<bool, Stop> {
        let mut seen = self.once(qps, label, seconds).await?;
        if seen.may_be_a_stall(qps, self.answered) && self.left() > KEPT {
            seen = self.once(qps, "again", seconds).await?;
        }
        let held = seen.held;
        if held {
            self.good = Some(self.good.map_or(qps, |good| good.max(qps)));
            self.bad = self.bad.filter(|bad| *bad > qps);
        } else {
            self.answered = self.answered.max(seen.answered);
            self.bad = Some(self.bad.map_or(qps, |bad| bad.min(qps)));
            self.good = self.good.filter(|good| *good < qps);
        }
        Ok(held)
    }

    async fn once(&mut self, qps: u32, label: &str, seconds: (u64, u64)) -> Result<Seen, Stop> {
        let step = self.points.measure(qps, seconds, &format!("capacity: {label} {qps} qps")).await?;
        let held = self.points.all.last().is_some_and(|point| point.held);
        let kept_up = behind(&step, self.points.base).is_none();
        Ok(Seen { held, kept_up, answered: step.measures.get("achieved_qps").copied().unwrap_or(0.0) })
    }

    /// Up by fours until the SLOs no longer hold, or the ceiling holds.
    async fn climb(&mut self) -> Result<(), Stop> {
        let ceiling = self.context.ceiling();
        let mut qps = self.context.rate((ceiling / 64).clamp(5, 200));
        loop {
            let held = self.point(qps, "climb", POINT).await?;
            if !held || qps >= ceiling || self.left() <= KEPT {
                return Ok(());
            }
            qps = qps.saturating_mul(CLIMB).min(ceiling);
        }
    }

    /// Down by fours where even the first rate was too much.
    async fn descend(&mut self) -> Result<(), Stop> {
        let mut qps = self.bad.unwrap_or(1);
        while self.good.is_none() && qps > 1 && self.left() > KEPT {
            qps = (qps / CLIMB).max(1);
            self.point(qps, "descend", POINT).await?;
        }
        Ok(())
    }

    async fn bisect(&mut self) -> Result<(), Stop> {
        let mut near = NEAR.into_iter();
        while self.left() > KEPT
            && let Some(next) = self.between(&mut near)
        {
            self.point(next, "bisect", POINT).await?;
        }
        Ok(())
    }

    /// The next rate inside the bracket; `None` when it is narrow enough.
    fn between(&self, near: &mut impl Iterator<Item = f64>) -> Option<u32> {
        let (good, bad) = (self.good?, self.bad?);
        if bad <= good + 1 || f64::from(bad) / f64::from(good) <= NARROW {
            return None;
        }
        let inside = |rate: &u32| good < *rate && *rate < bad;
        let guess = near.map(|share| rounded(self.answered * share)).find(inside);
        let middle = rounded((f64::from(good) * f64::from(bad)).sqrt()).clamp(good + 1, bad - 1);
        Some(guess.unwrap_or(middle))
    }

    /// Measures the answer once more, for longer; where it does not hold, the next lower one.
    async fn confirm(&mut self) -> Result<(), Stop> {
        let mut stalls = 1;
        while let Some(good) = self.good
            && self.left() > 0
        {
            let seen = self.once(good, "confirm", CONFIRM).await?;
            if seen.held {
                self.confirmed = true;
                return Ok(());
            }
            if stalls > 0 && seen.may_be_a_stall(good, self.answered) {
                stalls -= 1;
                continue;
            }
            self.bad = Some(good);
            let lower = rounded(f64::from(good) / NARROW).min(good.saturating_sub(1));
            self.good = (lower > 0).then_some(lower);
        }
        Ok(())
    }

    fn finding(self, cut_off: bool) -> Option<Finding> {
        if self.points.all.is_empty() {
            return None;
        }
        let at_bad = self
            .points
            .all
            .iter()
            .rfind(|point| !point.held && self.bad.is_some_and(|bad| same(point.target_qps, bad)));
        let by_generator = at_bad.is_some_and(|point| point.generator);
        let below = |point: &&Point| point.held && self.bad.is_none_or(|bad| point.target_qps < f64::from(bad) - 0.5);
        let held = self.points.all.iter().filter(below).map(|point| point.target_qps).max_by(f64::total_cmp);
        let measured = if self.confirmed { self.good.map(f64::from) } else { held };
        let limit = match (measured, self.bad) {
            _ if cut_off => CapacityLimit::CutOff,
            (None, _) => CapacityLimit::BelowFloor,
            (Some(_), None) => CapacityLimit::Ceiling,
            (Some(_), Some(_)) if by_generator => CapacityLimit::Generator,
            (Some(_), Some(_)) => CapacityLimit::Target,
        };
        Some(Finding::Capacity {
            capacity_qps: measured,
            broken_qps: self.bad.map(f64::from),
            limit,
            confirmed: self.confirmed,
            points: self.points.all,
        })
    }
}

fn same(rate: f64, qps: u32) -> bool {
    (rate - f64::from(qps)).abs() < 0.5
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast from f64 saturates")]
fn rounded(rate: f64) -> u32 {
    rate.round() as u32
}
