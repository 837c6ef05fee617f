//! What an experiment may use up, and what it has: counted here, never by a model.

use std::fmt;
use std::time::Duration;

use chaos_schema::Budget;
use serde::{Deserialize, Serialize};

/// The budgets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BudgetKind {
    /// Faults and observations.
    Steps,
    /// Requests of all loads.
    Requests,
    /// Seconds in which a fault is in force.
    FaultSeconds,
    /// Answers of the model.
    Turns,
    /// Tokens of the model.
    Tokens,
    /// Seconds from the beginning.
    WallSeconds,
}

impl BudgetKind {
    /// The key that it has in documents.
    pub fn key(self) -> &'static str {
        match self {
            Self::Steps => "steps",
            Self::Requests => "requests",
            Self::FaultSeconds => "fault_seconds",
            Self::Turns => "turns",
            Self::Tokens => "tokens",
            Self::WallSeconds => "wall_seconds",
        }
    }
}

impl fmt::Display for BudgetKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.key())
    }
}

/// What was used up so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Spent {
    /// Faults and observations.
    pub steps: u32,
    /// Requests of all loads.
    pub requests: u64,
    /// Seconds in which a fault was in force.
    pub fault_seconds: f64,
    /// Answers of the model.
    pub turns: u32,
    /// Tokens of the model.
    pub tokens: u64,
    /// Seconds since the beginning.
    pub wall_seconds: f64,
}

impl Spent {
    /// The same, with one more step of that cost.
    pub(crate) fn with(mut self, cost: Cost) -> Self {
        self.steps = self.steps.saturating_add(1);
        self.requests = self.requests.saturating_add(cost.requests);
        self.fault_seconds += cost.time.as_secs_f64();
        self
    }
}

/// What a step would cost, by its plan.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Cost {
    pub(crate) requests: u64,
    pub(crate) time: Duration,
}

impl Cost {
    /// Requests of a rate over a time; what no count can hold is more than every budget.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast from f64 saturates")]
    pub(crate) fn of(qps: Option<f64>, time: Duration) -> Self {
        let requests = (qps.unwrap_or(0.0) * time.as_secs_f64()).ceil();
        Self { requests: if requests.is_nan() { u64::MAX } else { requests as u64 }, time }
    }
}

/// Whether nothing of a budget is left that any step could use.
pub(crate) fn used_up(kind: BudgetKind, limit: &Budget, spent: &Spent) -> bool {
    /// Seconds; nothing that measures is shorter.
    const LEAST: f64 = 0.1;
    match kind {
        BudgetKind::Steps => spent.steps >= limit.steps.get(),
        BudgetKind::Requests => spent.requests >= u64::from(limit.requests.get()),
        BudgetKind::FaultSeconds => limit.fault_seconds.get().as_secs_f64() - spent.fault_seconds < LEAST,
        BudgetKind::WallSeconds => limit.wall_seconds.get().as_secs_f64() - spent.wall_seconds < LEAST,
        BudgetKind::Turns => spent.turns >= limit.turns.get(),
        BudgetKind::Tokens => spent.tokens >= u64::from(limit.tokens.get()),
    }
}

/// Whether a cost fits into what is left; the first budget that it would exceed, where it does not.
pub(crate) fn check(cost: Cost, limit: &Budget, spent: &Spent) -> Result<(), BudgetKind> {
    let seconds = cost.time.as_secs_f64();
    let rows = [
        (spent.steps < limit.steps.get(), BudgetKind::Steps),
        (spent.requests.saturating_add(cost.requests) <= u64::from(limit.requests.get()), BudgetKind::Requests),
        (spent.fault_seconds + seconds <= limit.fault_seconds.get().as_secs_f64(), BudgetKind::FaultSeconds),
        (spent.wall_seconds + seconds <= limit.wall_seconds.get().as_secs_f64(), BudgetKind::WallSeconds),
    ];
    rows.into_iter().find(|(fits, _)| !fits).map_or(Ok(()), |(_, kind)| Err(kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_arithmetic_exceeds_a_budget() {
        let (limit, spent) = (Budget::default(), Spent { requests: u64::MAX, ..Spent::default() });
        let cost = |qps: f64, seconds: u64| Cost::of(Some(qps), Duration::from_secs(seconds));
        assert_eq!(check(cost(1.0, 1), &limit, &spent), Err(BudgetKind::Requests));
        for qps in [f64::NAN, f64::INFINITY, 1e300] {
            assert_eq!(check(cost(qps, 1), &limit, &Spent::default()), Err(BudgetKind::Requests), "{qps}");
        }
        assert_eq!(check(cost(1.0, u64::MAX), &limit, &Spent::default()), Err(BudgetKind::Requests));
        assert_eq!(check(cost(0.0, u64::MAX), &limit, &Spent::default()), Err(BudgetKind::FaultSeconds));
        assert_eq!(check(cost(-5.0, 1), &limit, &Spent::default()), Ok(()), "no request at all");
        let spent = Spent { fault_seconds: f64::NAN, ..Spent::default() };
        assert_eq!(check(cost(1.0, 1), &limit, &spent), Err(BudgetKind::FaultSeconds));
        let spent = Spent { steps: limit.steps.get(), ..Spent::default() };
        assert_eq!(check(Cost::default(), &limit, &spent), Err(BudgetKind::Steps));
    }
}
