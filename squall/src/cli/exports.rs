//! `--metrics` and `--otlp`: what the runs of a command tell a Prometheus and a trace store.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use chaos_core::Event;
use chaos_evidence::{MetricsServer, RunMetrics, RunTrace, TracedRun};

use super::console::{complain, say};
use super::failure::Failure;
#[cfg(feature = "otlp")]
use super::otlp_target::{self, OtlpTarget};
use super::secrets::json_line;
use super::signals::{Request, Signals};

/// What the runs of a command tell others.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct ExportFlags {
    /// Serves metrics of the runs at this address of loopback, as text for a Prometheus or as `OpenMetrics`; port 0 takes a
    /// free one. They end with the command.
    #[arg(long, value_name = "ADDRESS")]
    metrics: Option<SocketAddr>,
    /// Sends each run as an OTLP trace once it is over: to this URL (HTTP, protobuf; `/v1/traces` where it has no path), or
    /// to this file, as lines of JSON. A trace that is not taken is told, and changes no verdict.
    #[cfg(feature = "otlp")]
    #[arg(long, value_name = "URL|FILE")]
    otlp: Option<String>,
    /// Made with the first run, and kept for all of them.
    #[arg(skip)]
    started: OnceLock<Exports>,
}

/// What was started for these flags.
#[derive(Debug, Clone, Default)]
pub(crate) struct Exports {
    metrics: Option<Arc<MetricsServer>>,
    #[cfg(feature = "otlp")]
    otlp: Option<Arc<OtlpTarget>>,
}

impl ExportFlags {
    /// What they ask for; the first call starts it, and says where the metrics are.
    pub(crate) fn start(&self) -> Result<Exports, Failure> {
        if let Some(exports) = self.started.get() {
            return Ok(exports.clone());
        }
        let metrics = self.metrics.map(MetricsServer::start).transpose();
        let metrics = metrics.map_err(|error| {
            let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
            Failure::Usage(format!("{error}{cause}"))
        })?;
        let exports = Exports {
            metrics: metrics.map(Arc::new),
            #[cfg(feature = "otlp")]
            otlp: self.otlp.as_deref().map(OtlpTarget::open).transpose()?.map(Arc::new),
        };
        exports.note().iter().for_each(|note| say(note));
        Ok(self.started.get_or_init(|| exports).clone())
    }

    /// The file of the traces, which no report may take.
    #[cfg_attr(not(feature = "otlp"), expect(clippy::unused_self, reason = "the flag comes with the feature"))]
    pub(crate) fn file(&self) -> Option<&Path> {
        #[cfg(feature = "otlp")]
        return self.otlp.as_deref().filter(|place| !otlp_target::is_url(place)).map(Path::new);
        #[cfg(not(feature = "otlp"))]
        None
    }

    /// What a run says of them at its start; nothing before they are started.
    pub(crate) fn note(&self) -> Option<String> {
        self.started.get().and_then(Exports::note)
    }
}

impl Exports {
    fn note(&self) -> Option<String> {
        self.metrics.as_ref().map(|server| format!("metrics: {}", server.url()))
    }

    /// What follows the events of one run.
    pub(crate) fn tap(&self) -> Tap {
        #[cfg(feature = "otlp")]
        let traced = self.otlp.is_some();
        #[cfg(not(feature = "otlp"))]
        let traced = false;
        Tap {
            metrics: self.metrics.as_ref().map(|server| Arc::clone(server.metrics())),
            trace: traced.then(RunTrace::new),
        }
    }

    /// Sends the trace of a run that is over; a signal that asks for the end gives it up.
    pub(crate) async fn send(&self, trace: Option<TracedRun>, signals: &mut Signals) {
        let Some(trace) = trace else { return };
        let sending = async {
            #[cfg(feature = "otlp")]
            if let Some(target) = &self.otlp {
                target.send(&trace).await;
            }
        };
        let mut sending = std::pin::pin!(sending);
        loop {
            tokio::select! {
                () = &mut sending => return,
                request = signals.next() => if let Request::Cancel(name) | Request::Suspend(name) = request {
                    return complain(&format!("{name}: the trace of run {} was not sent", trace.run_id));
                },
            }
        }
    }
}

/// Follows the events of one run.
#[derive(Debug, Default)]
pub(crate) struct Tap {
    metrics: Option<Arc<Mutex<RunMetrics>>>,
    trace: Option<RunTrace>,
}

impl Tap {
    /// Takes an event, with its secrets masked as in an event file.
    pub(crate) fn record(&mut self, event: &Event) {
        if self.metrics.is_none() && self.trace.is_none() {
            return;
        }
        let masked = json_line(event).ok().and_then(|line| serde_json::from_str::<Event>(&line).ok());
        // Nothing that could not be masked leaves the program; masking leaves the form of an event as it is.
        let Some(event) = masked else { return };
        if let Some(metrics) = &self.metrics {
            metrics.lock().unwrap_or_else(PoisonError::into_inner).record(&event);
        }
        if let Some(trace) = &mut self.trace {
            trace.record(&event);
        }
    }

    /// The trace of the run, where one was asked for.
    pub(crate) fn finish(self) -> Option<TracedRun> {
        self.trace.and_then(RunTrace::finish)
    }
}
