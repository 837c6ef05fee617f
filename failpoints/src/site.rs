//! A site, the static behind one macro call, and what the sites of one name share.

use std::sync::{
    Mutex, MutexGuard, OnceLock, PoisonError, Weak,
    atomic::{AtomicU32, Ordering},
};

use crate::{
    Error, HitCounts, Rule,
    arming::{Arming, Place, Target, stamp},
    rule::Action,
    site_info::{Form, SiteInfo},
    slot::Slot,
    sync::Arc,
};

/// One fail point in the code: made by the macros, never by hand.
///
/// It has a cache line to itself, so that arming one site never slows its neighbours in memory.
#[derive(Debug)]
#[repr(align(64))]
pub struct Site {
    /// How many armings are in force, in any scope.
    armed: AtomicU32,
    named: OnceLock<&'static Named>,
    info: SiteInfo,
}

impl Site {
    #[doc(hidden)]
    pub const fn new(info: SiteInfo) -> Self {
        Self { armed: AtomicU32::new(0), named: OnceLock::new(), info }
    }

    /// Says whether any arming of the site is in force anywhere; all that an idle site costs.
    ///
    /// Relaxed, because the counts and the rule are read under their own synchronisation; a site armed by another
    /// thread is seen as soon as that thread's write arrives, at the latest at the next point where the two
    /// threads synchronise.
    #[expect(clippy::inline_always, reason = "a call would cost more than the load")]
    #[inline(always)]
    #[doc(hidden)]
    pub fn armed(&self) -> bool {
        self.armed.load(Ordering::Relaxed) != 0
    }

    pub(crate) fn info(&self) -> &SiteInfo {
        &self.info
    }

    /// What all sites of the name share; `None` until one of them is armed.
    pub(crate) fn named(&self) -> Option<&'static Named> {
        self.named.get().copied()
    }

    pub(crate) fn belongs_to(&self, named: &'static Named) {
        self.named.get_or_init(|| named);
    }

    /// Checks that the site can do what an action asks.
    fn check(&self, action: &Action) -> Result<(), Error> {
        let Action::Return(text) = action else {
            return Ok(());
        };
        let instead = match self.info.form {
            Form::Effect => "it returns nothing; use sleep, panic, print, pause, yield or delay".to_owned(),
            Form::Value { type_name, parses } => match text {
                Some(text) if parses(text) => return Ok(()),
                _ => format!("it returns a `{type_name}`; write the value as `return(…)`"),
            },
            Form::Return | Form::Error | Form::Check => return Ok(()),
        };
        Err(Error::Unsupported {
            site: self.info.name,
            place: format!("{}:{}", self.info.file, self.info.line),
            action: action.to_string(),
            instead,
        })
    }
}

/// What the sites of one name share.
#[derive(Debug)]
pub(crate) struct Named {
    pub(crate) name: &'static str,
    /// The name's place in the sorted list.
    pub(crate) id: u32,
    pub(crate) sites: Vec<&'static Site>,
    /// The process-wide arming.
    pub(crate) slot: Slot<Arming>,
    history: Mutex<History>,
}

/// The armings that a name has had.
#[derive(Debug, Default)]
struct History {
    live: Vec<Weak<Arming>>,
    /// The counts of the armings that are gone.
    past: HitCounts,
}

impl Named {
    pub(crate) fn new(name: &'static str, id: u32, sites: Vec<&'static Site>) -> Self {
        Self { name, id, sites, slot: Slot::empty(), history: Mutex::default() }
    }

    /// Checks a rule against the sites and makes the arming; it is not in force yet.
    pub(crate) fn arming(&'static self, rule: Rule, place: Place, scope_seed: Option<u64>) -> Result<Arming, Error> {
        for site in &self.sites {
            for step in &rule.steps {
                site.check(&step.action)?;
            }
        }
        Ok(Arming::new(self, rule, place, scope_seed))
    }

    /// Puts an arming in force for the whole process.
    pub(crate) fn put(&self, arming: Arming) -> Arc<Arming> {
        let arming = Arc::new(arming);
        arming.announce();
        self.slot.put(Arc::clone(&arming), stamp());
        arming
    }

    /// Returns the armings that still exist, in any scope.
    pub(crate) fn armings(&self) -> Vec<Arc<Arming>> {
        // The lock is let go before any of these can be the last reference, whose end takes the lock.
        self.history().live.iter().filter_map(Weak::upgrade).collect()
    }

    pub(crate) fn counts(&self) -> HitCounts {
        let armings = self.armings();
        let mut total = self.history().past;
        for arming in &armings {
            let counts = arming.counts();
            total.hits += counts.hits;
            total.fires += counts.fires;
        }
        total
    }

    fn history(&self) -> MutexGuard<'_, History> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Target for Named {
    fn name(&self) -> &'static str {
        self.name
    }

    fn id(&self) -> u32 {
        self.id
    }

    fn begin(&self, arming: &Arc<Arming>) {
        self.history().live.push(Arc::downgrade(arming));
        for site in &self.sites {
            site.armed.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn end(&self) {
        for site in &self.sites {
            site.armed.fetch_sub(1, Ordering::SeqCst);
        }
    }

    fn take_out(&self, arming: &Arc<Arming>) {
        self.slot.take_out(arming);
    }

    fn add_counts(&self, counts: HitCounts) {
        let mut history = self.history();
        history.past.hits += counts.hits;
        history.past.fires += counts.fires;
        history.live.retain(|arming| arming.strong_count() > 0);
    }
}

/// A site's entry in the list that the linker gathers.
#[doc(hidden)]
#[derive(Debug)]
pub struct Entry(pub &'static Site);

inventory::collect!(Entry);
