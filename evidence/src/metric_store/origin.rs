//! What a store knows of a target, whatever its series.

use std::sync::Arc;

use crate::{Moment, Text, Window};

/// Stretches of silence that are kept of one origin; older ones are joined.
const MOST_GAPS: usize = 1024;

/// A target, node or service that says something.
#[derive(Debug)]
pub(super) struct Origin {
    pub(super) source: Text,
    pub(super) name: Arc<str>,
    /// When its first samples came; the end of time before.
    pub(super) first: Moment,
    /// When its last whole batch arrived, and the one before that.
    whole: Option<Moment>,
    before: Option<Moment>,
    /// When it did not answer: from a failed attempt to the next success.
    gaps: Vec<(Moment, Option<Moment>)>,
    why: String,
}

impl Origin {
    pub(super) fn new(source: Text, name: &str) -> Self {
        let first = Moment(i64::MAX);
        Self { source, name: name.into(), first, whole: None, before: None, gaps: Vec::new(), why: String::new() }
    }

    /// Notes that it answered.
    pub(super) fn answered(&mut self, at: Moment, whole: bool) {
        self.first = self.first.min(at);
        if whole {
            self.before = self.whole.replace(at);
        }
        if let Some((_, end @ None)) = self.gaps.last_mut() {
            *end = Some(at);
        }
    }

    /// Notes that it did not answer.
    pub(super) fn failed(&mut self, at: Moment, why: &str) {
        if self.why.is_empty() || !self.is_silent(at) {
            why.clone_into(&mut self.why);
        }
        if self.first == Moment(i64::MAX) || matches!(self.gaps.last(), Some((_, None))) {
            return;
        }
        if self.gaps.len() >= MOST_GAPS {
            let (_, end) = self.gaps.remove(1);
            if let Some(first) = self.gaps.first_mut() {
                first.1 = end;
            }
        }
        self.gaps.push((at, None));
    }

    /// Whether it has answered at all.
    pub(super) fn has_answered(&self) -> bool {
        self.first != Moment(i64::MAX)
    }

    /// Why it does not answer, in its last words.
    pub(super) fn why(&self) -> &str {
        &self.why
    }

    /// When its whole batch before the last arrived.
    pub(super) fn whole_before(&self) -> Option<Moment> {
        self.before
    }

    /// Whether a series that last came then is over: it is missing in what the origin said since.
    pub(super) fn is_over(&self, seen: Moment) -> bool {
        self.whole.is_some_and(|whole| seen < whole)
    }

    /// Whether it does not answer at that moment.
    pub(super) fn is_silent(&self, at: Moment) -> bool {
        self.was_silent(Window { from: at, to: at })
    }

    /// Whether it did not answer at some moment of the window.
    pub(super) fn was_silent(&self, window: Window) -> bool {
        let lies_in =
            |(from, to): &(Moment, Option<Moment>)| *from <= window.to && to.is_none_or(|to| to > window.from);
        self.gaps.iter().rev().any(lies_in)
    }
}
