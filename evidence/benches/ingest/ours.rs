//! Our receiver, on a thread of its own.

use std::fs;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;

use chaos_core::{RunScope, RunningSource, Source, SourceContext, parse};
use chaos_evidence::{Moment, Otlp, SpanQuery, SpanStore, Window};
use chaos_test::run_context;
use serde_json::json;

use crate::cores::Cores;

/// The source `otlp`: everything that it does is done by one thread.
pub(crate) struct Ours {
    pub(crate) port: u16,
    thread: u32,
    scope: RunScope,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    ended: Option<JoinHandle<()>>,
}

impl Ours {
    pub(crate) fn start(cores: &Cores) -> Self {
        let ((tell, told), (stop, stopped)) = (mpsc::channel(), tokio::sync::oneshot::channel());
        let scope = run_context().scope();
        let cx = SourceContext::new("bench", scope.cx().clone());
        let core = cores.receiver();
        let ended = std::thread::spawn(move || {
            core.stay();
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let source: Otlp = parse(&json!({"max_spans": 1_100_000})).unwrap();
            let running: Arc<dyn RunningSource> = runtime.block_on(Source::start(&source, &cx)).unwrap();
            let link = fs::read_link("/proc/thread-self").unwrap();
            let thread: u32 = link.file_name().unwrap().to_str().unwrap().parse().unwrap();
            let endpoint = running.node_environment("n")["OTEL_EXPORTER_OTLP_ENDPOINT"].clone();
            tell.send((endpoint.rsplit(':').next().unwrap().parse().unwrap(), thread)).unwrap();
            // Dropping the other end stops it, too.
            let _ = runtime.block_on(stopped);
        });
        let (port, thread) = told.recv().unwrap();
        Self { port, thread, scope, stop: Some(stop), ended: Some(ended) }
    }

    /// Seconds of processor time of its thread so far.
    pub(crate) fn cpu(&self) -> f64 {
        let text = fs::read_to_string(format!("/proc/self/task/{}/schedstat", self.thread)).unwrap();
        text.split(' ').next().unwrap().parse::<f64>().unwrap() / 1e9
    }

    pub(crate) fn store(&self) -> Arc<SpanStore> {
        self.scope.cx().services().get()
    }

    /// How many spans the store holds.
    pub(crate) fn spans(&self) -> u64 {
        let everything = Window { from: Moment(i64::MIN), to: Moment(i64::MAX) };
        self.store().find(SpanQuery::all(everything)).count
    }

    pub(crate) fn store_bytes(&self) -> usize {
        self.store().figures("bench").bytes
    }
}

impl Drop for Ours {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(ended) = self.ended.take() {
            let _ = ended.join();
        }
    }
}

/// Kibibytes that the process has in memory.
pub(crate) fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
