//! The engine's side of a run: what it may do, and plug-ins may not.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::entry_record::EntryRecord;
use crate::{ContextParts, Edge, EntryId, EventKind, EventStream, FaultEdges, Plan, RunContext, Stage, TimelinePoint};

/// The engine's side of a run. Plug-ins get [`RunScope::cx`] or a part of it, which give no access to this.
#[derive(Debug, Clone)]
pub struct RunScope(RunContext);

impl RunScope {
    /// A run that ends early when `cancel` is cancelled.
    pub fn new(parts: ContextParts, cancel: CancellationToken) -> Self {
        Self(RunContext::new(parts, cancel))
    }

    /// The context of the run itself.
    pub fn cx(&self) -> &RunContext {
        &self.0
    }

    /// The same run, seen from the node of `cx`, a part of it: entries stand below it and end with it.
    #[must_use]
    pub fn within(&self, cx: &RunContext) -> Self {
        Self(cx.clone())
    }

    /// The context of this run for work that only `cancel` ends early.
    pub fn apart(&self, cancel: CancellationToken) -> RunContext {
        let mut cx = self.0.clone();
        cx.set_cancel(cancel);
        cx
    }

    /// Puts an event on the stream.
    pub fn emit(&self, kind: EventKind) {
        self.0.emit(kind);
    }

    /// Puts an event on the stream, at the position of `cx`.
    pub fn emit_at(&self, cx: &RunContext, kind: EventKind) {
        cx.emit(kind);
    }

    /// A consumer of the stream, from now on.
    pub fn subscribe(&self) -> EventStream {
        self.0.events().subscribe()
    }

    /// An entry at a position of its own; the other entries know of it from now on.
    pub fn entry(&self, segment: &str, name: &str) -> EntryScope {
        let mut cx = self.0.child(segment, None);
        let id = Arc::new(EntryId { path: cx.path().to_owned(), name: name.to_owned() });
        cx.services().get::<FaultEdges>().enroll(&id);
        let record = Arc::new(EntryRecord::new(id));
        cx.set_entry(Arc::clone(&record));
        EntryScope { cx, record }
    }
}

/// The engine's side of one entry.
#[derive(Debug, Clone)]
pub struct EntryScope {
    cx: RunContext,
    record: Arc<EntryRecord>,
}

impl EntryScope {
    /// The context of the entry.
    pub fn cx(&self) -> &RunContext {
        &self.cx
    }

    /// What tells it from other entries.
    pub fn id(&self) -> &Arc<EntryId> {
        &self.record.id
    }

    /// Puts an event on the stream and on the entry's timeline.
    pub fn emit(&self, kind: EventKind) {
        self.cx.emit(kind);
    }

    /// The same, at the position of `cx`, a part of this entry.
    pub fn emit_at(&self, cx: &RunContext, kind: EventKind) {
        cx.emit(kind);
    }

    /// Whether anybody follows the stream.
    pub fn followed(&self) -> bool {
        self.cx.events().followed()
    }

    /// Says what this entry's fault is about to act on.
    pub fn planned(&self, plan: &Plan) {
        self.record.planned(plan);
    }

    /// Says that this entry's fault has changed its stage, and gives when, on the run's clock.
    pub fn edge(&self, stage: Stage) -> Duration {
        let at = self.cx.clock().now();
        self.cx.services().get::<FaultEdges>().tell(Edge { entry: Arc::clone(&self.record.id), stage, at });
        at
    }

    /// When the run began, on its clock.
    pub fn run_start(&self) -> Duration {
        self.cx.events().start()
    }

    /// The edges of the control leg of this entry.
    pub fn control(&self) -> ControlScope {
        ControlScope { cx: self.cx.clone(), id: Arc::new(self.record.id.control()) }
    }

    /// The timeline so far; the next call gives what came after.
    pub fn take_timeline(&self) -> Vec<TimelinePoint> {
        self.record.take_timeline()
    }
}

/// The control leg of an entry, as loads see it.
#[derive(Debug, Clone)]
pub struct ControlScope {
    cx: RunContext,
    id: Arc<EntryId>,
}

impl ControlScope {
    /// Says that a part of the leg begins, and gives when, on the run's clock.
    pub fn edge(&self, stage: Stage) -> Duration {
        let at = self.cx.clock().now();
        self.cx.services().get::<FaultEdges>().tell(Edge { entry: Arc::clone(&self.id), stage, at });
        at
    }
}
