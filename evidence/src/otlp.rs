//! The source that takes in OTLP, as every OpenTelemetry SDK and collector sends it.

mod body;
mod convert;
mod grpc;
mod http;
mod intake;
mod logs;
mod metrics;
mod refusal;
mod server;
mod signal;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;

use chaos_core::{
    BoxFuture, EvidenceKind, Plan, PluginError, Reach, RunningSource, Source, SourceContext, SourceEnd, register_source,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use crate::recorder::Recorder;
use crate::recording::RecordedBounds;
use crate::span_store::{SpanBounds, SpanStore};
use intake::Intake;
use server::Server;

/// Takes in spans, metrics and logs by OTLP, over HTTP (protobuf and JSON) and gRPC on one port of 127.0.0.1.
///
/// # What it takes in
/// Traces, metrics and logs, at `/v1/traces`, `/v1/metrics` and `/v1/logs` and as the gRPC services of these names, plain or
/// compressed with gzip; what the protocol says is answered, errors and partial success too. Nodes that the run starts get `OTEL_EXPORTER_OTLP_ENDPOINT`, so that an SDK in them
/// sends here, `OTEL_SERVICE_NAME` and `service.instance.id` with their names, so that they can be told apart, and short
/// delays of batches. What a node sets itself wins.
///
/// # What is kept
/// The newest `max_spans` spans within `max_bytes`. The oldest beyond that are forgotten and counted, and from then on an answer
/// about their time is unknown. A request above 16 MiB, packed or not, is refused.
///
/// # Limits
/// Whoever may connect to a port of this machine may send. A span is placed by the clock of its sender, corrected by nothing:
/// one whose clock is wrong falls out of the window in which it is looked for. Bytes in attributes are kept as hexadecimal text,
/// lists and maps as JSON; events, links and trace state are not kept. A metric keeps its name, a histogram becomes
/// `NAME_bucket`, `NAME_count` and `NAME_sum`, and `NAME_min` and `NAME_max` where they are sent; of an exponential one, which
/// keeps 512 buckets of each sign, `NAME_bucket` can be asked for quantiles, not for one bucket by its `le`.
///
/// # Example
/// ```yaml
/// type: otlp
/// ```
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Otlp {
    /// The port; 0, the default, is any free one.
    #[serde(default)]
    pub port: u16,
    /// How many spans are kept; default 1,000,000.
    #[serde(default = "million")]
    pub max_spans: NonZeroU32,
    /// How many bytes they may take; default 256 MiB.
    #[serde(default = "quarter_gibibyte")]
    pub max_bytes: NonZeroU32,
    /// A file that did not exist, to which all that is taken in is written, for the source `recording`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<PathBuf>,
}

fn million() -> NonZeroU32 {
    NonZeroU32::MIN.saturating_add(999_999)
}

fn quarter_gibibyte() -> NonZeroU32 {
    NonZeroU32::MIN.saturating_add((256 << 20) - 1)
}

impl Source for Otlp {
    const GIVES: &'static [EvidenceKind] = &[EvidenceKind::Spans, EvidenceKind::Metrics, EvidenceKind::Logs];

    async fn plan(&self, _: &SourceContext) -> Result<Plan, PluginError> {
        let port = if self.port == 0 { "any free port".to_owned() } else { format!("port {}", self.port) };
        let plan = Plan::new(format!("listen for OTLP on {port} of 127.0.0.1"));
        Ok(self.record.iter().fold(plan, |plan, path| plan.reaching(Reach::path(path))))
    }

    async fn start(&self, cx: &SourceContext) -> Result<Arc<dyn RunningSource>, PluginError> {
        let listener = server::listen(self.port).await?;
        let address =
            listener.local_addr().map_err(|error| PluginError::failed(format!("listen for OTLP: {error}")))?;
        let bounds = SpanBounds { spans: self.max_spans.get() as usize, bytes: self.max_bytes.get() as usize };
        let kept =
            RecordedBounds { spans: Some(bounds.spans), span_bytes: Some(bounds.bytes), ..RecordedBounds::default() };
        let record = self.record.as_deref().map(|path| Recorder::create(path, Self::GIVES, kept, cx.cx()));
        let intake = Arc::new(Intake::new(cx, record.transpose()?));
        cx.cx().services().get::<SpanStore>().open(cx.name(), bounds);
        let server = Mutex::new(Server::start(listener, Arc::clone(&intake)));
        Ok(Arc::new(Running { port: address.port(), server, intake }))
    }
}

register_source!(Otlp, "otlp");

/// It listens.
#[derive(Debug)]
struct Running {
    port: u16,
    server: Mutex<Server>,
    intake: Arc<Intake>,
}

impl RunningSource for Running {
    fn describe(&self) -> String {
        format!("OTLP on http://127.0.0.1:{}", self.port)
    }

    fn node_environment(&self, node: &str) -> BTreeMap<String, String> {
        let pairs = [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://127.0.0.1:{}", self.port)),
            ("OTEL_SERVICE_NAME", node.to_owned()),
            ("OTEL_RESOURCE_ATTRIBUTES", format!("service.instance.id={node}")),
            // Milliseconds: what is sent in batches of seconds can't be noticed within a second.
            ("OTEL_BSP_SCHEDULE_DELAY", "200".to_owned()),
            ("OTEL_METRIC_EXPORT_INTERVAL", "1000".to_owned()),
            ("OTEL_BLRP_SCHEDULE_DELAY", "200".to_owned()),
        ];
        pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    fn stop(&self) -> BoxFuture<'_, SourceEnd> {
        Box::pin(async move {
            self.server.lock().await.stop(self.intake.clock()).await;
            self.intake.end()
        })
    }
}
