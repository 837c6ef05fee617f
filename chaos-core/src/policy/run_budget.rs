//! What the faults of one run use at the same time.

use std::sync::{Arc, Mutex, PoisonError};

use super::ceiling::{Ceiling, CeilingKind};
use super::refusal::Refusal;
use super::rules::Policy;

/// A run service: what the faults in force use together, of each ceiling that adds up.
#[derive(Debug, Default)]
pub struct RunBudget(Arc<Mutex<Vec<Ceiling>>>);

/// A run service: what the probes of the entries in force, and the triggers of those that wait, ask of the world together, beside
/// what the faults do.
#[derive(Debug, Default)]
pub struct ProbeBudget(RunBudget);

impl ProbeBudget {
    /// Takes all that the probes of an entry, or its trigger, ask, or nothing.
    ///
    /// # Errors
    /// As [`RunBudget::reserve`].
    pub fn reserve(&self, ceilings: &[Ceiling], policy: &Policy) -> Result<Reserved, Refusal> {
        self.0.reserve_if(ceilings, |all| policy.check_probes(all))
    }
}

/// What one fault, or the probes of one entry, use of a budget; given back when dropped.
#[derive(Debug)]
pub struct Reserved {
    ceilings: Vec<Ceiling>,
    taken: Arc<Mutex<Vec<Ceiling>>>,
}

impl RunBudget {
    /// Takes all that a plan would use, or nothing.
    ///
    /// # Errors
    /// A [`Refusal`] that names the sum, and the flag which would grant it.
    pub fn reserve(&self, ceilings: &[Ceiling], policy: &Policy) -> Result<Reserved, Refusal> {
        self.reserve_if(ceilings, |all| policy.check_ceiling(all))
    }

    fn reserve_if(
        &self,
        ceilings: &[Ceiling],
        allowed: impl Fn(Ceiling) -> Result<(), Refusal>,
    ) -> Result<Reserved, Refusal> {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // What is nothing is not kept: thousands of entries may wait at the same time.
        let counts = |ceiling: &Ceiling| ceiling.kind.adds_up() && ceiling.value.abs() != 0.0;
        let ceilings: Vec<Ceiling> = ceilings.iter().copied().filter(counts).collect();
        for Ceiling { kind, .. } in &ceilings {
            let others = sum(&taken, *kind);
            if others > 0.0 {
                let all = Ceiling { kind: *kind, value: others + sum(&ceilings, *kind) };
                allowed(all).map_err(|refusal| {
                    let what = format!("{}, with what is in force in this run", refusal.what);
                    Refusal::new(what, refusal.flag)
                })?;
            }
        }
        taken.extend(&ceilings);
        Ok(Reserved { ceilings, taken: Arc::clone(&self.0) })
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        for ceiling in &self.ceilings {
            if let Some(at) = taken.iter().position(|other| other == ceiling) {
                taken.swap_remove(at);
            }
        }
    }
}

fn sum(ceilings: &[Ceiling], kind: CeilingKind) -> f64 {
    ceilings.iter().filter(|ceiling| ceiling.kind == kind).map(|ceiling| ceiling.value).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_force_together_is_held_against_the_ceiling_and_given_back() {
        let (budget, policy) = (RunBudget::default(), Policy::default());
        let of = |kind, value| [Ceiling { kind, value }];
        let first = budget.reserve(&of(CeilingKind::Qps, 600.0), &policy).unwrap();
        let refusal = budget.reserve(&of(CeilingKind::Qps, 500.0), &policy).unwrap_err();
        assert_eq!(refusal.flag.as_deref(), Some("--max-qps 1100"), "{refusal}");
        let second = budget.reserve(&of(CeilingKind::Qps, 400.0), &policy).unwrap();
        drop(first);
        let third = budget.reserve(&of(CeilingKind::Qps, 600.0), &policy).unwrap();
        let _long = [0; 3].map(|_| budget.reserve(&of(CeilingKind::DurationSeconds, 600.0), &policy).unwrap());
        let _few = budget.reserve(&of(CeilingKind::Concurrency, 64.0), &policy).unwrap();
        budget.reserve(&of(CeilingKind::Concurrency, 1.0), &policy).unwrap_err();
        drop((second, third));
        budget.reserve(&of(CeilingKind::Qps, 1000.0), &policy).unwrap();
    }

    #[test]
    fn probes_have_a_bound_of_the_same_size_and_enough_to_watch_a_fault_that_may_do_little() {
        let (budget, policy) = (ProbeBudget::default(), Policy { max_qps: 5.0, ..Policy::default() });
        let of = |kind, value| [Ceiling { kind, value }];
        let _first = budget.reserve(&of(CeilingKind::Qps, 60.0), &policy).unwrap();
        let refusal = budget.reserve(&of(CeilingKind::Qps, 41.0), &policy).unwrap_err();
        assert_eq!(refusal.flag.as_deref(), Some("--max-qps 101"), "{refusal}");
        let wide = Policy { max_qps: 101.0, ..Policy::default() };
        budget.reserve(&of(CeilingKind::Qps, 41.0), &wide).unwrap();
        let [all] = of(CeilingKind::Concurrency, 65.0);
        let refusal = policy.check_probes(all).unwrap_err();
        assert_eq!(refusal.what, "probes: concurrency 65 is above the ceiling of 64");
    }
}
