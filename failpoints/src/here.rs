//! The scopes that a thread is in, and the rule that counts there.

use std::{
    cell::{Cell, RefCell},
    sync::atomic::{AtomicUsize, Ordering},
};

use crate::{
    Error, Guard, Rule, Scope,
    arming::Arming,
    cache::{Cache, Evicted, Hit, Source},
    scope::InScope,
    site::Named,
    sync::Arc,
    tally::Verdict,
};

/// What a thread knows of scopes.
pub(crate) struct Here {
    /// The thread's own rules.
    pub(crate) own: Option<Scope>,
    /// Outermost first.
    pub(crate) stack: Vec<Scope>,
    cache: Cache<Arming>,
}

thread_local! {
    pub(crate) static HERE: RefCell<Here> = RefCell::new(Here::new());
}

thread_local! {
    /// How many scopes are entered, the thread's own among them: read before anything dearer.
    static SCOPES: Cell<usize> = const { Cell::new(0) };
}

impl Here {
    fn new() -> Self {
        static THREADS: AtomicUsize = AtomicUsize::new(0);
        let thread = THREADS.fetch_add(1, Ordering::Relaxed);
        Self { own: None, stack: Vec::new(), cache: Cache::new(thread) }
    }

    /// Notes how many scopes there are, after a change.
    pub(crate) fn count(&self) {
        SCOPES.set(self.stack.len() + usize::from(self.own.is_some()));
    }
}

/// Says whether this thread may see a rule for a name; most armed sites are armed in another scope.
#[inline]
pub(crate) fn concerns(named: &'static Named) -> bool {
    named.slot.stamp() != 0 || (SCOPES.get() != 0 && scopes_concern(named))
}

fn scopes_concern(named: &'static Named) -> bool {
    let any = |here: &RefCell<Here>| {
        let here = here.try_borrow().ok()?;
        let mut scopes = here.stack.iter().chain(&here.own);
        Some(scopes.any(|scope| InScope(scope, named).stamp() != 0))
    };
    HERE.try_with(any).ok().flatten().unwrap_or(false)
}

/// Counts a hit on the rule that this thread sees for a name, and passes it with its verdict to `read`.
///
/// The innermost scope that has a rule decides; after the scopes come the thread's own rules, then the process's.
/// `None` also where the thread is being torn down, and inside an evaluation that is itself inside this function.
#[inline]
pub(crate) fn count_hit<T>(named: &'static Named, read: impl FnOnce(&Arc<Arming>, Verdict) -> T) -> Option<T> {
    // Dropped after the borrow has ended: dropping an arming may run code of the caller's.
    let mut evicted = Evicted(Vec::new());
    HERE.try_with(|here| {
        let mut here = here.try_borrow_mut().ok()?;
        let Here { own, stack, cache } = &mut *here;
        let hit = find(named, own.as_ref(), stack, cache, &mut evicted)?;
        cache.get(&hit).map(|arming| read(arming, hit.verdict))
    })
    .ok()
    .flatten()
}

fn find(
    named: &'static Named,
    own: Option<&Scope>,
    stack: &[Scope],
    cache: &mut Cache<Arming>,
    evicted: &mut Evicted<Arming>,
) -> Option<Hit> {
    for scope in stack.iter().rev().chain(own) {
        if let Some(hit) = cache.take(named.id, &InScope(scope, named), evicted) {
            return Some(hit);
        }
    }
    cache.take(named.id, &named.slot, evicted)
}

/// Arms a site for this thread alone.
///
/// # Errors
/// As [`Scope::arm`].
pub fn arm_thread<R>(site: &str, rule: R) -> Result<Guard, Error>
where
    R: TryInto<Rule>,
    Error: From<R::Error>,
{
    let own = HERE.with_borrow_mut(|here| {
        let name = || Scope::new(std::thread::current().name().unwrap_or("thread"));
        let own = here.own.get_or_insert_with(name).clone();
        here.count();
        own
    });
    own.arm(site, rule)
}
