//! The scopes that are entered on a thread, and what follows a task or a new thread.

use std::{
    cell::{Cell, RefCell},
    future::Future,
    marker::PhantomData,
    pin::Pin,
    sync::atomic::{AtomicUsize, Ordering},
    task::{Context, Poll},
};

use crate::{
    Error, Guard, Rule, Scope,
    arming::Arming,
    cache::{Cache, Evicted, Met, Source},
    registry::Named,
    scope::InScope,
    sync::Arc,
    tally::Verdict,
};

/// What a thread knows of scopes.
struct Here {
    /// The thread's own rules.
    own: Option<Scope>,
    /// Outermost first.
    stack: Vec<Scope>,
    cache: Cache<Arming>,
}

thread_local! {
    static HERE: RefCell<Here> = RefCell::new(Here::new());
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

    fn count(&self) {
        SCOPES.set(self.stack.len() + usize::from(self.own.is_some()));
    }
}

/// Says whether this thread may see a rule for a name. Most sites that are armed are armed for somebody else.
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

/// Counts a hit on the rule that this thread sees for a name, and reads what it says.
///
/// The innermost scope that has a rule decides; after the scopes come the thread's own rules, then the process's.
/// `None` also where the thread is being torn down, and inside an evaluation that is itself inside this function.
#[inline]
pub(crate) fn meet<T>(named: &'static Named, read: impl FnOnce(&Arc<Arming>, Verdict) -> T) -> Option<T> {
    // Dropped after the borrow has ended: an arming may own what runs code of the caller's when it is dropped.
    let mut evicted = Evicted(Vec::new());
    HERE.try_with(|here| {
        let mut here = here.try_borrow_mut().ok()?;
        let Here { own, stack, cache } = &mut *here;
        let met = find(named, own.as_ref(), stack, cache, &mut evicted)?;
        cache.get(&met).map(|arming| read(arming, met.verdict))
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
) -> Option<Met> {
    for scope in stack.iter().rev().chain(own) {
        if let Some(met) = cache.take(named.id, &InScope(scope, named), evicted) {
            return Some(met);
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

/// Carries the scopes of this place into a future that is to be spawned.
pub fn inherit<F: Future>(future: F) -> Scoped<F> {
    Scoped::new(current(), future)
}

/// Carries the scopes of this place into a function that another thread is to run.
pub fn inherit_call<T>(function: impl FnOnce() -> T) -> impl FnOnce() -> T {
    let mut scopes = current();
    move || {
        let _entered = Borrowed::new(&mut scopes);
        function()
    }
}

fn current() -> Vec<Scope> {
    HERE.with_borrow(|here| here.own.iter().chain(&here.stack).cloned().collect())
}

/// Keeps a scope entered on this thread.
#[derive(Debug)]
#[must_use = "the scope is left as soon as this is dropped"]
pub struct Entered {
    scope: Scope,
    /// Dropping it elsewhere would leave the scope on the wrong thread.
    this_thread: PhantomData<*const ()>,
}

impl Entered {
    pub(crate) fn new(scope: Scope) -> Self {
        HERE.with_borrow_mut(|here| {
            here.stack.push(scope.clone());
            here.count();
        });
        Self { scope, this_thread: PhantomData }
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        let _ = HERE.try_with(|here| {
            let mut here = here.borrow_mut();
            let same = |other: &Scope| other.is(&self.scope);
            if let Some(at) = here.stack.iter().rposition(same) {
                here.stack.remove(at);
                here.count();
            }
        });
    }
}

/// A future that is polled inside its scopes.
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct Scoped<F> {
    scopes: Vec<Scope>,
    future: Pin<Box<F>>,
}

impl<F: Future> Scoped<F> {
    pub(crate) fn new(scopes: Vec<Scope>, future: F) -> Self {
        Self { scopes, future: Box::pin(future) }
    }
}

impl<F: Future> Future for Scoped<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = &mut *self;
        let _entered = Borrowed::new(&mut this.scopes);
        this.future.as_mut().poll(cx)
    }
}

/// Lends scopes to the thread's stack and takes them back, also when a panic passes.
struct Borrowed<'a> {
    scopes: &'a mut Vec<Scope>,
    below: usize,
}

impl<'a> Borrowed<'a> {
    fn new(scopes: &'a mut Vec<Scope>) -> Self {
        let below = HERE.with_borrow_mut(|here| {
            let below = here.stack.len();
            here.stack.append(scopes);
            here.count();
            below
        });
        Self { scopes, below }
    }
}

impl Drop for Borrowed<'_> {
    fn drop(&mut self) {
        let _ = HERE.try_with(|here| {
            let mut here = here.borrow_mut();
            let below = self.below.min(here.stack.len());
            self.scopes.extend(here.stack.drain(below..));
            here.count();
        });
    }
}
