//! One arming: a rule in force at one name in one place, from `arm` until its guard, its lease or a reset ends it.

use std::{
    sync::{
        Mutex, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use crate::{
    Barrier, Rule,
    cache::Counted,
    process_seed,
    rule::{Action, Callback, Step},
    seed::{hash_name, mix},
    sync::Arc,
    tally::Tally,
};

/// How often a site was reached while armed, and how often it fired.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct HitCounts {
    /// Evaluations while the rule was in force.
    pub hits: u64,
    /// Those on which a step fired; a step `off` counts too.
    pub fires: u64,
}

/// Returns a number that is never returned again and is not 0: marks one state of a place for rules.
pub(crate) fn stamp() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// What a rule is armed at: the sites of one name.
pub(crate) trait Target: Send + Sync {
    fn name(&self) -> &'static str;
    /// Returns the number that stands for the name.
    fn id(&self) -> u32;
    /// Marks the sites as armed and records the arming. Comes before it is put in its place.
    fn begin(&self, arming: &Arc<Arming>);
    /// Reverts what `begin` did to the sites.
    fn end(&self);
    /// Removes a process-wide arming and ends it.
    fn take_out(&self, arming: &Arc<Arming>);
    /// Adds the last counts of an arming that is going away.
    fn add_counts(&self, counts: HitCounts);
}

/// A scope, as far as its armings know it.
pub(crate) trait Holder: Send + Sync {
    /// Removes an arming from the scope.
    fn remove(&self, arming: &Arc<Arming>);
}

/// Where an arming is in force.
pub(crate) enum Place {
    Process,
    Scope(Weak<dyn Holder>),
}

/// A rule in force.
pub(crate) struct Arming {
    tally: Tally,
    steps: Vec<Step>,
    /// The callbacks of the steps, which hold them weakly: they are dropped when the arming ends, even while it is still referenced.
    callbacks: Mutex<Vec<Callback>>,
    target: &'static dyn Target,
    place: Place,
    /// The rule as text.
    text: String,
    /// Blocks the callers of `pause`; the end of the arming wakes them.
    pub(crate) hold: Barrier,
    /// The name that the control server's client gave.
    #[cfg(feature = "http")]
    pub(crate) owner: Option<String>,
    /// When its lease expires, in nanoseconds since `epoch`; `u64::MAX` is never.
    deadline: AtomicU64,
    epoch: Instant,
}

impl Arming {
    /// Makes the arming; the caller puts it in force.
    pub(crate) fn new(target: &'static dyn Target, rule: Rule, place: Place, scope_seed: Option<u64>) -> Self {
        let of_name = |seed| mix(seed ^ hash_name(target.name()));
        let seed = rule.seed.unwrap_or_else(|| of_name(scope_seed.unwrap_or_else(process_seed)));
        let text = rule.to_string();
        let mut callbacks = Vec::new();
        let mut steps = rule.steps;
        for step in &mut steps {
            if let Action::Call(run) = &step.action {
                let weak = Action::CallWhileArmed(Arc::downgrade(run));
                if let Action::Call(run) = std::mem::replace(&mut step.action, weak) {
                    callbacks.push(run);
                }
            }
        }
        Self {
            tally: Tally::new(steps.iter().map(|step| step.gate), seed),
            text,
            steps,
            callbacks: Mutex::new(callbacks),
            target,
            place,
            hold: Barrier::new(),
            #[cfg(feature = "http")]
            owner: None,
            deadline: AtomicU64::new(u64::MAX),
            epoch: Instant::now(),
        }
    }

    /// Tells the sites; comes before the arming is put in its place.
    pub(crate) fn announce(self: &Arc<Self>) {
        self.target.begin(self);
    }

    /// Removes the arming from its place and ends it; harmless when it has ended.
    pub(crate) fn retire(self: &Arc<Self>) {
        match &self.place {
            Place::Process => self.target.take_out(self),
            Place::Scope(scope) => {
                if let Some(scope) = scope.upgrade() {
                    scope.remove(self);
                }
                self.end();
            }
        }
    }

    /// Returns the name of the sites.
    pub(crate) fn site(&self) -> &'static str {
        self.target.name()
    }

    /// Returns the number that stands for the name.
    pub(crate) fn site_id(&self) -> u32 {
        self.target.id()
    }

    pub(crate) fn step(&self, at: usize) -> &Step {
        &self.steps[at]
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn counts(&self) -> HitCounts {
        // Fires first: a hit is counted before its fire, so no reading shows more fires than hits.
        let fires = self.tally.fires();
        HitCounts { hits: self.tally.hits(), fires }
    }

    /// Sets the lease: the arming expires this long from now.
    pub(crate) fn lease(&self, time: Duration) {
        let end = self.epoch.elapsed().saturating_add(time).as_nanos();
        let end = u64::try_from(end).unwrap_or(u64::MAX - 1);
        self.deadline.store(end, Ordering::Release);
        // The blocked callers have set a timer for the old end.
        self.hold.wake_all();
    }

    /// Returns the time at which the lease expires.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        match self.deadline.load(Ordering::Acquire) {
            u64::MAX => None,
            end => self.epoch.checked_add(Duration::from_nanos(end)),
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.tally.is_closed() || self.expired()
    }
}

impl Counted for Arming {
    fn tally(&self) -> &Tally {
        &self.tally
    }

    fn expired(&self) -> bool {
        self.deadline().is_some_and(|end| Instant::now() >= end)
    }

    fn end(&self) {
        if self.tally.close() {
            self.target.end();
            self.hold.wake_all();
            // Not under the lock: what a callback owns may run code of its own when it goes.
            let callbacks = std::mem::take(&mut *self.callbacks.lock().unwrap_or_else(PoisonError::into_inner));
            drop(callbacks);
            for step in &self.steps {
                if let Action::Wait(barrier) = &step.action {
                    barrier.wake_all();
                }
            }
        }
    }
}

impl Drop for Arming {
    fn drop(&mut self) {
        self.target.add_counts(self.counts());
    }
}

impl std::fmt::Debug for Arming {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}={}", self.target.name(), self.text)
    }
}
