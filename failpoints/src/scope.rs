//! Scopes: armings that only one test, thread, task or request sees.

use std::sync::{
    PoisonError, RwLock,
    atomic::{AtomicU64, Ordering},
};

use crate::{
    Error, Guard, HitCounts, Rule,
    arming::{Arming, Holder, Place, stamp},
    cache::{Counted, Source},
    registry::find,
    site::Named,
    sync::Arc,
};

/// A set of armings that counts only where it has been entered.
///
/// Enter it on a thread ([`Scope::enter`], [`Scope::run`]) or for a task ([`Scope::wrap`]); tasks and threads that
/// are started from there see it only through [`crate::inherit`] and [`crate::inherit_call`]. The innermost scope that has a rule
/// for a site decides alone; then the thread's own rules ([`crate::arm_thread`]) are asked, then the process-wide ones.
///
/// Cloning gives another handle on the same scope.
#[derive(Clone, Debug)]
pub struct Scope {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    name: String,
    seed: Option<u64>,
    /// A bit for each name that may be armed here, by its number modulo 64: other names skip the lock.
    mask: AtomicU64,
    /// Changes with every change of the armings.
    stamp: AtomicU64,
    armings: RwLock<Vec<Arc<Arming>>>,
}

impl Scope {
    /// Makes a scope; the name is for people.
    pub fn new(name: impl Into<String>) -> Self {
        Self::make(name.into(), None)
    }

    /// Makes a scope whose rules draw from this seed, unless they have their own.
    pub fn with_seed(name: impl Into<String>, seed: u64) -> Self {
        Self::make(name.into(), Some(seed))
    }

    fn make(name: String, seed: Option<u64>) -> Self {
        let inner =
            Inner { name, seed, mask: AtomicU64::new(0), stamp: AtomicU64::new(stamp()), armings: RwLock::default() };
        Self { inner: Arc::new(inner) }
    }

    /// Returns the name.
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }

    /// Arms a site in this scope; a rule that the site already has here is replaced.
    ///
    /// # Errors
    /// An unknown site, a rule that does not parse, or an action that the site cannot take.
    pub fn arm<R>(&self, site: &str, rule: R) -> Result<Guard, Error>
    where
        R: TryInto<Rule>,
        Error: From<R::Error>,
    {
        let inner: Arc<dyn Holder> = self.inner.clone();
        let place = Place::Scope(Arc::downgrade(&inner));
        let arming = Arc::new(find(site)?.arming(rule.try_into()?, place, self.inner.seed)?);
        arming.announce();
        self.inner.put(&arming);
        Ok(Guard::new(arming))
    }

    /// Returns the counts of the rule that a site has in this scope, if it has one.
    ///
    /// # Errors
    /// No site of this name.
    pub fn counts(&self, site: &str) -> Result<Option<HitCounts>, Error> {
        let named = find(site)?;
        Ok(self.inner.find(named).map(|arming| arming.counts()))
    }

    /// Ends every arming of the scope.
    pub fn reset(&self) {
        let armings = self.inner.armings.read().unwrap_or_else(PoisonError::into_inner).clone();
        armings.iter().for_each(Arming::retire);
    }
}

impl Inner {
    fn bit(id: u32) -> u64 {
        1 << (id % 64)
    }

    fn put(&self, arming: &Arc<Arming>) {
        let mut armings = self.armings.write().unwrap_or_else(PoisonError::into_inner);
        let bit = Self::bit(arming.site_id());
        self.mask.fetch_or(bit, Ordering::SeqCst);
        self.stamp.store(stamp(), Ordering::Release);
        let same = armings.iter().position(|old| old.site_id() == arming.site_id());
        let replaced = same.map(|at| std::mem::replace(&mut armings[at], Arc::clone(arming)));
        if replaced.is_none() {
            armings.push(Arc::clone(arming));
        }
        drop(armings);
        if let Some(old) = replaced {
            old.end();
        }
    }

    fn find(&self, named: &Named) -> Option<Arc<Arming>> {
        let armings = self.armings.read().unwrap_or_else(PoisonError::into_inner);
        armings.iter().find(|arming| arming.site_id() == named.id).cloned()
    }
}

impl Holder for Inner {
    fn remove(&self, arming: &Arc<Arming>) {
        let mut armings = self.armings.write().unwrap_or_else(PoisonError::into_inner);
        armings.retain(|other| !Arc::ptr_eq(other, arming));
        let mask = armings.iter().fold(0, |mask, arming| mask | Self::bit(arming.site_id()));
        self.mask.store(mask, Ordering::SeqCst);
        self.stamp.store(stamp(), Ordering::Release);
    }
}

/// The rules of a scope, as one site sees them.
pub(crate) struct InScope<'a>(pub(crate) &'a Scope, pub(crate) &'static Named);

impl Source<Arming> for InScope<'_> {
    fn stamp(&self) -> u64 {
        let inner = &self.0.inner;
        if inner.mask.load(Ordering::Relaxed) & Inner::bit(self.1.id) == 0 {
            return 0;
        }
        inner.stamp.load(Ordering::Acquire)
    }

    fn find(&self) -> Option<Arc<Arming>> {
        self.0.inner.find(self.1)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let armings = self.armings.get_mut().unwrap_or_else(PoisonError::into_inner);
        for arming in std::mem::take(armings) {
            arming.end();
        }
    }
}
