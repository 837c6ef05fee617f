//! What the contexts of one entry share.

use std::sync::{Arc, Mutex, PoisonError};

use crate::{EntryId, EventKind, Plan, ResourceId, TimelinePoint};

/// What the contexts of one entry share.
#[derive(Debug)]
pub(crate) struct EntryRecord {
    pub(crate) id: Arc<EntryId>,
    timeline: Mutex<Vec<TimelinePoint>>,
    /// The nodes that its fault acts on, as its plan says.
    nodes: Mutex<Vec<String>>,
}

impl EntryRecord {
    pub(super) fn new(id: Arc<EntryId>) -> Self {
        Self { id, timeline: Mutex::default(), nodes: Mutex::default() }
    }

    /// Keeps which nodes the plan acts on.
    pub(super) fn planned(&self, plan: &Plan) {
        let mut nodes: Vec<String> = Vec::new();
        for id in plan.touches.iter().flat_map(crate::Resource::ids) {
            if let ResourceId::Node { name, .. } = id {
                nodes.push(name.clone());
            }
        }
        nodes.sort();
        nodes.dedup();
        *self.nodes.lock().unwrap_or_else(PoisonError::into_inner) = nodes;
    }

    /// The nodes that its fault acts on.
    pub(super) fn nodes(&self) -> Vec<String> {
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The timeline so far; the next call gives what came after.
    pub(super) fn take_timeline(&self) -> Vec<TimelinePoint> {
        std::mem::take(&mut *self.timeline.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts an event on the stream and on this entry's timeline, in the same order on both.
    pub(crate) fn emit(&self, kind: EventKind, put: impl FnOnce(EventKind) -> f64) {
        let Some(point) = kind.point() else {
            put(kind);
            return;
        };
        let mut timeline = self.timeline.lock().unwrap_or_else(PoisonError::into_inner);
        let at_seconds = put(kind);
        timeline.push(TimelinePoint { at_seconds, ..point });
    }
}
