//! Spans by OTLP over HTTP in JSON, as `OTEL_EXPORTER_OTLP_ENDPOINT` says where to.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::identity::random;
use crate::http::post;

/// How long a collector may take; a slow one must not slow down the member.
const PATIENCE: Duration = Duration::from_secs(2);

/// How many spans wait for the collector. What happens is rare.
const WAITING: usize = 1_000;

/// Takes spans, and sends them in the background; one that can't be sent is dropped.
#[derive(Debug, Clone)]
pub(super) struct Spans(Option<UnboundedSender<Value>>);

impl Spans {
    /// Sends to `endpoint`, as the service called `name`.
    pub(super) fn to(endpoint: Option<String>, name: &str) -> Self {
        let Some(endpoint) = endpoint.filter(|endpoint| !endpoint.is_empty()) else { return Self(None) };
        let (sender, receiver) = unbounded_channel();
        let url = format!("{}/v1/traces", endpoint.trim_end_matches('/'));
        tokio::spawn(send(receiver, url, name.to_owned()));
        Self(Some(sender))
    }

    /// Something that happens now. How long it took to be noticed is an attribute: a span that began with the last heartbeat would
    /// have begun before the fault that it shows.
    pub(super) fn tell(&self, what: &str, attributes: &[(&str, String)]) {
        let Some(sender) = &self.0 else { return };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos().to_string();
        let id = random().unwrap_or_default();
        let attributes = attributes.iter().map(|(key, value)| attribute(key, value)).collect::<Vec<_>>();
        let span = json!({
            "traceId": id,
            "spanId": id.get(..16),
            "name": what,
            "kind": 1,
            "startTimeUnixNano": now,
            "endTimeUnixNano": now,
            "attributes": attributes,
        });
        // A member that ends sends no more.
        let _ = sender.send(span);
    }
}

fn attribute(key: &str, value: &str) -> Value {
    json!({"key": key, "value": {"stringValue": value}})
}

async fn send(mut spans: UnboundedReceiver<Value>, url: String, name: String) {
    let mut batch = Vec::new();
    while spans.recv_many(&mut batch, WAITING).await > 0 {
        let spans = std::mem::take(&mut batch);
        let body = json!({"resourceSpans": [{
            "resource": {"attributes": [attribute("service.name", &name)]},
            "scopeSpans": [{"scope": {"name": "mesh-node"}, "spans": spans}],
        }]});
        // A collector that is away costs the spans, not the member.
        let _ = post(&url, &body, PATIENCE).await;
    }
}
