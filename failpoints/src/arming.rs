//! One arming: a rule in force at one name in one place, from `arm` until its guard, its lease or a reset ends it.

use std::{
    sync::{
        Mutex, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use crate::{
    Barrier, Error, Rule,
    cache::Counted,
    process_seed,
    registry::{Named, find},
    rule::{Action, Callback, Step},
    scope::Inner,
    seed::{hash_name, mix},
    site::{Form, Site},
    sync::Arc,
    tally::Tally,
};

/// How often a site was reached while armed, and how often it fired.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Evaluations that met the rule.
    pub hits: u64,
    /// Those on which a step fired; a step `off` counts too.
    pub fires: u64,
}

/// Returns a number that is never returned again and is not 0: marks one state of a place for rules.
pub(crate) fn stamp() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// Where an arming is in force.
#[derive(Debug)]
pub(crate) enum Place {
    Process,
    Scope(Weak<Inner>),
}

/// A rule in force.
pub(crate) struct Arming {
    tally: Tally,
    steps: Vec<Step>,
    /// The callbacks of the steps, which hold them weakly: they go when the arming ends, whoever still knows it.
    callbacks: Mutex<Vec<Callback>>,
    named: &'static Named,
    place: Place,
    /// The rule as text.
    text: String,
    /// Holds the callers of `pause`, and is stirred when the arming ends.
    pub(crate) hold: Barrier,
    /// Who armed it from outside.
    #[cfg(feature = "http")]
    pub(crate) owner: Option<String>,
    /// When it lapses, in nanoseconds since `epoch`; `u64::MAX` is never.
    deadline: AtomicU64,
    epoch: Instant,
}

impl Arming {
    /// Checks a rule against a name's sites and makes the arming; the caller puts it in force.
    pub(crate) fn new(name: &str, rule: Rule, place: Place, scope_seed: Option<u64>) -> Result<Self, Error> {
        let named = find(name)?;
        for site in &named.sites {
            for step in &rule.steps {
                supports(site, &step.action)?;
            }
        }
        let seed = rule.seed.unwrap_or_else(|| mix(scope_seed.unwrap_or_else(process_seed) ^ hash_name(named.name)));
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
        Ok(Self {
            tally: Tally::new(steps.iter().map(|step| step.gate), seed),
            text,
            steps,
            callbacks: Mutex::new(callbacks),
            named,
            place,
            hold: Barrier::new(),
            #[cfg(feature = "http")]
            owner: None,
            deadline: AtomicU64::new(u64::MAX),
            epoch: Instant::now(),
        })
    }

    /// Makes the sites look for rules, and the arming known to its name. Comes before it is put in its place.
    pub(crate) fn announce(self: &Arc<Self>) {
        self.named.note(self);
        for site in &self.named.sites {
            site.count_armed();
        }
    }

    /// Takes the arming out of its place and ends it; harmless when it has ended.
    pub(crate) fn retire(self: &Arc<Self>) {
        match &self.place {
            Place::Process => {
                self.named.slot.take_out(self);
            }
            Place::Scope(scope) => {
                if let Some(scope) = scope.upgrade() {
                    scope.remove(self);
                }
                self.end();
            }
        }
    }

    pub(crate) fn named(&self) -> &'static Named {
        self.named
    }

    pub(crate) fn step(&self, at: usize) -> &Step {
        &self.steps[at]
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn counts(&self) -> Counts {
        // Fires first: a hit is counted before its fire, so no reading shows more fires than hits.
        let fires = self.tally.fires();
        Counts { hits: self.tally.hits(), fires }
    }

    /// Lets the arming lapse this long from now, instead of when it was to before.
    pub(crate) fn lease(&self, time: Duration) {
        let end = self.epoch.elapsed().saturating_add(time).as_nanos();
        let end = u64::try_from(end).unwrap_or(u64::MAX - 1);
        self.deadline.store(end, Ordering::Release);
        // Whoever is held has set a timer for the old end.
        self.hold.stir();
    }

    /// Returns the time at which a lease lapses.
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
            for site in &self.named.sites {
                site.count_disarmed();
            }
            self.hold.stir();
            // Not under the lock: what a callback owns may run code of its own when it goes.
            let callbacks = std::mem::take(&mut *self.callbacks.lock().unwrap_or_else(PoisonError::into_inner));
            drop(callbacks);
            for step in &self.steps {
                if let Action::Wait(barrier) = &step.action {
                    barrier.stir();
                }
            }
        }
    }
}

impl Drop for Arming {
    fn drop(&mut self) {
        self.named.fold(self.counts());
    }
}

impl std::fmt::Debug for Arming {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}={}", self.named.name, self.text)
    }
}

/// Says whether a site can take an action.
fn supports(site: &Site, action: &Action) -> Result<(), Error> {
    let Action::Return(text) = action else {
        return Ok(());
    };
    let instead = match site.info().form {
        Form::Effect => "it returns nothing; use sleep, panic, print, pause, yield or delay".to_owned(),
        Form::Value { type_name, parses } => match text {
            Some(text) if parses(text) => return Ok(()),
            _ => format!("it returns a `{type_name}`; write the value as `return(…)`"),
        },
        Form::Return | Form::Error | Form::Check => return Ok(()),
    };
    Err(Error::Unsupported {
        site: site.info().name,
        place: format!("{}:{}", site.info().file, site.info().line),
        action: action.to_string(),
        instead,
    })
}
