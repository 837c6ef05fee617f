//! What the handle, the coordinator and the workers of a run share.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::clock::nanos;

/// What is known about the first answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum First {
    /// None came yet.
    Pending,
    /// It came so long after the start.
    Answered(Duration),
    /// The run ended without one.
    Never,
}

/// An instant; requests due from then on belong to a phase that begins there, or goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mark {
    /// The name of a phase that begins; `None` for one that goes on.
    pub(crate) name: Option<String>,
    /// The place of the phase; 0 is the time before any mark.
    pub(crate) phase: usize,
    pub(crate) at: u64,
}

/// The shared state of a run.
#[derive(Debug)]
pub(crate) struct Control {
    stop: watch::Sender<bool>,
    first: watch::Sender<First>,
    origin: OnceLock<Instant>,
    next: AtomicU64,
    marks: Mutex<Vec<Mark>>,
    marked: AtomicUsize,
}

impl Control {
    pub(crate) fn new() -> Self {
        Self {
            stop: watch::Sender::new(false),
            first: watch::Sender::new(First::Pending),
            origin: OnceLock::new(),
            next: AtomicU64::new(0),
            marks: Mutex::new(Vec::new()),
            marked: AtomicUsize::new(0),
        }
    }

    /// Asks every worker to stop.
    pub(crate) fn stop(&self) {
        self.stop.send_replace(true);
    }

    pub(crate) fn is_stopped(&self) -> bool {
        *self.stop.borrow()
    }

    /// Waits until the run is asked to stop.
    pub(crate) async fn stopped(&self) {
        // The sender lives as long as `self`, so the wait cannot fail.
        let _ = self.stop.subscribe().wait_for(|stop| *stop).await;
    }

    /// Notes an answer; all but the first cost one read.
    pub(crate) fn note_answer(&self, at: u64) {
        if *self.first.borrow() == First::Pending {
            self.first.send_if_modified(|first| {
                let is_first = *first == First::Pending;
                if is_first {
                    *first = First::Answered(Duration::from_nanos(at));
                }
                is_first
            });
        }
    }

    /// Notes that no first answer can come any more.
    pub(crate) fn note_end(&self) {
        self.first.send_if_modified(|first| {
            let pending = *first == First::Pending;
            if pending {
                *first = First::Never;
            }
            pending
        });
    }

    /// Waits for the first answer; `None` when the run ended without one.
    pub(crate) async fn first_answer(&self) -> Option<Duration> {
        let mut first = self.first.subscribe();
        let known = first.wait_for(|first| *first != First::Pending).await;
        match known.map(|first| *first) {
            Ok(First::Answered(after)) => Some(after),
            _ => None,
        }
    }

    /// Fixes the start of the run; only the first one counts.
    pub(crate) fn set_origin(&self, origin: Instant) {
        let _ = self.origin.set(origin);
    }

    /// Hands out the next request of an open schedule.
    pub(crate) fn take_slot(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// Starts a phase at an instant; before the run has started, at its start. Gives its place.
    pub(crate) fn mark(&self, name: String, at: Instant) -> usize {
        let mut marks = lock(&self.marks);
        let phase = marks.iter().map(|mark| mark.phase).max().unwrap_or(0) + 1;
        self.put(&mut marks, Some(name), phase, at);
        phase
    }

    /// Goes on with a phase at an instant.
    pub(crate) fn mark_again(&self, phase: usize, at: Instant) {
        self.put(&mut lock(&self.marks), None, phase, at);
    }

    fn put(&self, marks: &mut Vec<Mark>, name: Option<String>, phase: usize, at: Instant) {
        let at = self.origin.get().map_or(0, |origin| nanos(at.saturating_duration_since(*origin)));
        marks.push(Mark { name, phase, at });
        self.marked.store(marks.len(), Ordering::Release);
    }

    pub(crate) fn marks(&self) -> Vec<Mark> {
        lock(&self.marks).clone()
    }

    /// The phase in which a moment lies; 0 is the time before any mark.
    pub(crate) fn phase_at(&self, at: u64) -> usize {
        if self.marked.load(Ordering::Acquire) == 0 {
            return 0;
        }
        lock(&self.marks).iter().rev().find(|mark| mark.at <= at).map_or(0, |mark| mark.phase)
    }
}

/// Locks even after a panic elsewhere: counts stay readable.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_belongs_to_the_last_phase_that_began_before_it_was_due() {
        let control = Control::new();
        let origin = Instant::now();
        control.set_origin(origin);
        assert_eq!(control.phase_at(5), 0);
        control.mark("during".to_owned(), origin + Duration::from_nanos(100));
        control.mark("after".to_owned(), origin + Duration::from_nanos(200));
        control.mark_again(1, origin + Duration::from_nanos(300));
        assert_eq!(control.mark("later".to_owned(), origin + Duration::from_nanos(400)), 3);
        let phases: Vec<usize> = [0, 99, 100, 199, 200, 299, 300, 400].map(|at| control.phase_at(at)).to_vec();
        assert_eq!(phases, [0, 0, 1, 1, 2, 2, 1, 3]);
    }

    #[test]
    fn only_the_first_answer_counts() {
        let control = Control::new();
        control.note_answer(7);
        control.note_answer(9);
        control.note_end();
        assert_eq!(*control.first.borrow(), First::Answered(Duration::from_nanos(7)));
    }
}
