//! The spans that a program with a `tracing` subscriber sees: they nest, and end, while entries go on together.

#![expect(clippy::unwrap_used, reason = "a test may fail by it, in its helpers too")]

use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;
use std::sync::{Arc, Mutex};
use std::thread::ThreadId;

use chaos_core::{Observation, Probe, RunContext, Task, parse, register_probe};
use chaos_runner::Runner;
use chaos_test::Bench;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};
use tracing_core::span::Current;

/// A span as it was seen.
struct Seen {
    metadata: &'static Metadata<'static>,
    parent: Option<usize>,
    fields: BTreeMap<&'static str, String>,
    handles: usize,
    entered: usize,
    left: usize,
}

impl Visit for Seen {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.fields.insert(field.name(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.fields.insert(field.name(), format!("{value:?}"));
    }
}

/// Keeps every span, and which one each thread is in.
#[derive(Clone, Default)]
struct Collector {
    spans: Arc<Mutex<Vec<Seen>>>,
    threads: Arc<Mutex<HashMap<ThreadId, Vec<usize>>>>,
}

fn index(id: &Id) -> usize {
    usize::try_from(id.into_u64()).unwrap() - 1
}

impl Collector {
    fn current(&self) -> Option<usize> {
        self.threads.lock().unwrap().get(&std::thread::current().id())?.last().copied()
    }

    fn with<T>(&self, id: &Id, work: impl FnOnce(&mut Seen) -> T) -> T {
        work(&mut self.spans.lock().unwrap()[index(id)])
    }
}

impl Subscriber for Collector {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("chaos_runner") || metadata.target() == "plug_in"
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        let parent = attributes.parent().map(index).or_else(|| self.current().filter(|_| attributes.is_contextual()));
        let metadata = attributes.metadata();
        let mut seen = Seen { metadata, parent, fields: BTreeMap::new(), handles: 1, entered: 0, left: 0 };
        attributes.record(&mut seen);
        let mut spans = self.spans.lock().unwrap();
        spans.push(seen);
        Id::from_u64(spans.len() as u64)
    }

    fn record(&self, _span: &Id, _values: &Record<'_>) {}

    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}

    fn event(&self, _event: &Event<'_>) {}

    fn enter(&self, span: &Id) {
        self.with(span, |seen| seen.entered += 1);
        self.threads.lock().unwrap().entry(std::thread::current().id()).or_default().push(index(span));
    }

    fn exit(&self, span: &Id) {
        self.with(span, |seen| seen.left += 1);
        // A guard held over an await would leave in another order, or on another thread.
        let left = self.threads.lock().unwrap().get_mut(&std::thread::current().id()).and_then(Vec::pop);
        assert_eq!(left, Some(index(span)), "left out of order");
    }

    fn clone_span(&self, span: &Id) -> Id {
        self.with(span, |seen| seen.handles += 1);
        span.clone()
    }

    fn try_close(&self, span: Id) -> bool {
        self.with(&span, |seen| {
            seen.handles -= 1;
            seen.handles == 0
        })
    }

    fn current_span(&self) -> Current {
        let Some(current) = self.current() else { return Current::none() };
        Current::new(Id::from_u64(current as u64 + 1), self.spans.lock().unwrap()[current].metadata)
    }
}

/// A probe that opens a span of its own, as an author of plug-ins may.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Spanning {}

impl Probe for Spanning {
    async fn observe(&self, cx: &RunContext) -> Observation {
        let span = tracing::info_span!(target: "plug_in", "own", path = cx.path());
        let _waited = tracing::Instrument::instrument(cx.sleep(std::time::Duration::from_millis(5)), span).await;
        Observation::yes("asked")
    }
}

register_probe!(Spanning, "tracing_spanning");

#[test]
fn spans_nest_and_end_while_entries_go_on_together() {
    let collector = Collector::default();
    tracing::subscriber::set_global_default(collector.clone()).unwrap();
    let bench = Bench::new().unwrap();
    let entry = |number: u32| {
        json!({
            "name": format!("entry {number}"), "trigger": {"type": "test_now"}, "duration_seconds": 0.2,
            "action": {"type": "test_touch_file", "path": bench.path(&format!("file {number}"))},
            "during": [{"type": "tracing_spanning", "interval_seconds": 0.05}],
        })
    };
    let entries = (0..6).map(|number| parse(&entry(number)).unwrap()).collect();
    let runner = Runner::builder().state_dir(bench.state()).workspace(bench.folder()).build().unwrap();
    let report = runner.run(Task { entries, ..Task::default() }).unwrap();
    assert!(report.entries.iter().all(|entry| entry.success), "{report:?}");
    // A thread for plug-ins may let go of a span a moment after the engine has what it was asked for.
    let ended = |seen: &Seen| seen.handles == 0 && seen.entered == seen.left && seen.entered > 0;
    let told = std::time::Instant::now();
    while !collector.spans.lock().unwrap().iter().all(ended) && told.elapsed().as_secs() < 60 {
        std::thread::yield_now();
    }
    let spans = collector.spans.lock().unwrap();
    let named = |name: &str| -> Vec<&Seen> { spans.iter().filter(|span| span.metadata.name() == name).collect() };
    let parent = |span: &Seen| span.parent.map(|parent| &spans[parent]);
    assert_eq!(named("entry").len(), 6);
    for name in ["trigger", "inject", "hold", "undo"] {
        let mut parents: Vec<&str> =
            named(name).iter().map(|span| parent(span).unwrap().fields["name"].as_str()).collect();
        parents.sort_unstable();
        assert_eq!(parents, ["entry 0", "entry 1", "entry 2", "entry 3", "entry 4", "entry 5"], "{name}");
    }
    let steps = named("undo_step");
    assert!(steps.len() == 6 && steps.iter().all(|step| parent(step).unwrap().metadata.name() == "undo"));
    // What a plug-in opens on the engine's threads for plug-ins stands below the probe, and that below its own entry.
    let own = named("own");
    assert!(own.len() >= 6, "{}", own.len());
    for span in own {
        let probe = parent(span).unwrap();
        let entry = parent(probe).unwrap();
        assert_eq!((probe.metadata.name(), entry.metadata.name()), ("probe", "entry"));
        assert!(span.fields["path"].starts_with(&format!("{}/", entry.fields["path"])), "{:?}", span.fields);
    }
    for span in spans.iter() {
        let name = span.metadata.name();
        assert!(ended(span), "`{name}` has not ended");
    }
}
