//! The time line of an entry, cut from the event stream.

use chaos_core::{Event, EventKind, EventStream, TimelinePoint};

/// The entry's own events, without the figures that only a live display wants.
pub(super) fn timeline(stream: &mut EventStream, path: &str) -> Vec<TimelinePoint> {
    let mut points = Vec::new();
    while let Ok(event) = stream.try_recv() {
        let below = event.path.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        if below && !matches!(event.kind, EventKind::Progress { .. } | EventKind::Ended { .. }) {
            points.push(point(&event));
        }
    }
    points
}

fn point(event: &Event) -> TimelinePoint {
    let name = serde_json::to_value(&event.kind).ok().and_then(|value| value["event"].as_str().map(str::to_owned));
    TimelinePoint { at_ms: event.at_ms, event: name.unwrap_or_default(), detail: crate::report::detail(&event.kind) }
}
