//! Entering a scope: on a thread, for a future, or in what a thread or task starts.

use std::{
    future::Future,
    marker::PhantomData,
    pin::Pin,
    task::{Context, Poll},
};

use crate::{Scope, here::HERE};

impl Scope {
    /// Enters the scope on this thread until the returned value is dropped; not to be held across an `await`.
    pub fn enter(&self) -> Entered {
        Entered::new(self.clone())
    }

    /// Runs a function inside the scope.
    pub fn run<T>(&self, function: impl FnOnce() -> T) -> T {
        let _entered = self.enter();
        function()
    }

    /// Runs a future inside the scope, on whichever threads it is polled; what it spawns is outside (see [`crate::inherit`]).
    pub fn wrap<F: Future>(&self, future: F) -> Scoped<F> {
        Scoped::new(vec![self.clone()], future)
    }
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
