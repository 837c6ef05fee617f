//! From the bytes of a request to the stores.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use chaos_core::{Clock, SourceContext, SourceEnd};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsPartialSuccess, ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use prost::Message;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::convert::{self, Arrival};
use super::refusal::Refusal;
use super::signal::Signal;
use super::{logs, metrics};
use crate::moment::Moment;
use crate::recorder::Recorder;
use crate::sink::Sink;

/// Why a point of a metric is not kept.
const NO_NUMBER: &str = "a point without a value, or a sum that does not say whether it is the whole";

/// How the messages of a request and its answer are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Protobuf,
    Json,
}

impl Encoding {
    fn read<M: Message + Default + DeserializeOwned>(self, body: Bytes) -> Result<M, Refusal> {
        match self {
            Self::Protobuf => {
                M::decode(body).map_err(|error| Refusal::unreadable(format_args!("invalid protobuf: {error}")))
            }
            Self::Json => serde_json::from_slice(&body)
                .map_err(|error| Refusal::unreadable(format_args!("invalid JSON: {error}"))),
        }
    }

    /// Everything was taken in: an answer without any field, so an empty body or an empty object.
    fn success(self) -> Bytes {
        Bytes::from_static(if self == Self::Json { b"{}" } else { b"" })
    }

    pub(super) fn write<M: Message + Serialize>(self, message: &M) -> Bytes {
        match self {
            Self::Protobuf => message.encode_to_vec().into(),
            // A message of numbers and texts can always be written.
            Self::Json => serde_json::to_vec(message).unwrap_or_default().into(),
        }
    }
}

/// Takes in what one source gets.
#[derive(Debug)]
pub(super) struct Intake {
    clock: Arc<dyn Clock>,
    sink: Sink,
    /// How many samples and lines were sent.
    others: AtomicU64,
    /// The first reason for which something was not kept.
    why: Mutex<String>,
}

/// What became of a request that could be read.
#[derive(Debug, Default)]
struct Rejected {
    count: u64,
    why: String,
}

impl Rejected {
    fn add(&mut self, count: u64, why: &str) {
        if self.count == 0 && count > 0 {
            why.clone_into(&mut self.why);
        }
        self.count = self.count.saturating_add(count);
    }

    fn count(&self) -> i64 {
        i64::try_from(self.count).unwrap_or(i64::MAX)
    }
}

impl Intake {
    pub(super) fn new(cx: &SourceContext, recorder: Option<Recorder>) -> Self {
        let clock = cx.cx().shared_clock();
        Self { clock, sink: Sink::new(cx, recorder), others: AtomicU64::new(0), why: Mutex::default() }
    }

    pub(super) fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// Takes in a request, and gives the message that answers it.
    pub(super) fn take(&self, signal: Signal, encoding: Encoding, body: Bytes) -> Result<Bytes, Refusal> {
        let taken = self.take_signal(signal, encoding, body);
        if let Err(refusal) = &taken {
            self.lost(signal, refusal);
        }
        taken
    }

    /// Notes that what a request carried is lost; how much that was is not known.
    pub(super) fn lost(&self, signal: Signal, refusal: &Refusal) {
        let now = Arrival::now(&*self.clock).at;
        match signal {
            Signal::Traces => self.sink.unreadable_spans(now, 1),
            Signal::Metrics => self.sink.lost_samples(1, now, &refusal.message),
            // Any line up to now may have been in it.
            Signal::Logs => self.sink.lost_lines(1, Moment(i64::MIN), now, &refusal.message),
        }
        if signal != Signal::Traces {
            self.others.fetch_add(1, Ordering::Relaxed);
        }
        self.note(&refusal.message);
    }

    fn take_signal(&self, signal: Signal, encoding: Encoding, body: Bytes) -> Result<Bytes, Refusal> {
        match signal {
            Signal::Traces => {
                let rejected = self.take_spans(&encoding.read::<ExportTraceServiceRequest>(body)?);
                if rejected.count == 0 {
                    return Ok(encoding.success());
                }
                let partial =
                    ExportTracePartialSuccess { rejected_spans: rejected.count(), error_message: rejected.why };
                Ok(encoding.write(&ExportTraceServiceResponse { partial_success: Some(partial) }))
            }
            Signal::Metrics => {
                let rejected = self.take_metrics(&encoding.read::<ExportMetricsServiceRequest>(body)?);
                if rejected.count == 0 {
                    return Ok(encoding.success());
                }
                let partial =
                    ExportMetricsPartialSuccess { rejected_data_points: rejected.count(), error_message: rejected.why };
                Ok(encoding.write(&ExportMetricsServiceResponse { partial_success: Some(partial) }))
            }
            Signal::Logs => {
                self.take_logs(&encoding.read::<ExportLogsServiceRequest>(body)?);
                Ok(encoding.success())
            }
        }
    }

    fn take_metrics(&self, request: &ExportMetricsServiceRequest) -> Rejected {
        let arrival = Arrival::now(&*self.clock);
        let mut rejected = Rejected::default();
        for sent in &request.resource_metrics {
            let resource = convert::attributes(sent.resource.as_ref().map_or(&[], |resource| &resource.attributes));
            let (mut samples, mut bad) = (Vec::new(), 0);
            for metric in sent.scope_metrics.iter().flat_map(|scope| &scope.metrics) {
                bad += metrics::samples(metric, arrival, &mut samples);
            }
            let kept = self.sink.samples(&convert::origin(&resource), arrival.at, false, samples);
            self.others.fetch_add(kept.taken + kept.dropped + bad, Ordering::Relaxed);
            if bad > 0 {
                self.sink.lost_samples(bad, arrival.at, NO_NUMBER);
            }
            rejected.add(bad, NO_NUMBER);
            rejected.add(kept.dropped, "the store of metrics does not keep it");
        }
        if rejected.count > 0 {
            self.note(&rejected.why);
        }
        rejected
    }

    fn take_logs(&self, request: &ExportLogsServiceRequest) {
        let arrival = Arrival::now(&*self.clock);
        for sent in &request.resource_logs {
            let resource = convert::attributes(sent.resource.as_ref().map_or(&[], |resource| &resource.attributes));
            let origin = convert::origin(&resource).into();
            let records = sent.scope_logs.iter().flat_map(|scope| &scope.log_records);
            let lines: Vec<_> =
                records.map(|record| logs::line(record, self.sink.source(), &origin, arrival)).collect();
            self.others.fetch_add(lines.len() as u64, Ordering::Relaxed);
            self.sink.lines(&origin, lines);
        }
    }

    fn take_spans(&self, request: &ExportTraceServiceRequest) -> Rejected {
        let arrival = Arrival::now(&*self.clock);
        let mut rejected = Rejected::default();
        for sent in &request.resource_spans {
            let resource = convert::attributes(sent.resource.as_ref().map_or(&[], |resource| &resource.attributes));
            let mut bad = Rejected::default();
            let spans = sent.scope_spans.iter().flat_map(|scope| &scope.spans);
            let readable = spans.filter_map(|span| match convert::span(span, arrival) {
                Ok(span) => Some(span),
                Err(why) => {
                    bad.add(1, why);
                    None
                }
            });
            let full = self.sink.spans(arrival.at, resource, readable);
            if bad.count > 0 {
                self.sink.unreadable_spans(arrival.at, bad.count);
            }
            rejected.add(bad.count, &bad.why);
            rejected.add(full, "there is no room for it");
        }
        if rejected.count > 0 {
            self.note(&rejected.why);
        }
        rejected
    }

    fn note(&self, why: &str) {
        let mut first = self.why.lock().unwrap_or_else(PoisonError::into_inner);
        if first.is_empty() {
            why.clone_into(&mut first);
        }
    }

    /// What it has taken in, once no more comes.
    pub(super) fn end(&self) -> SourceEnd {
        let (source, stores) = (self.sink.source(), &self.sink.stores);
        let figures = stores.spans.figures(source);
        stores.spans.close(source, "it has been stopped");
        if let Some(cut) = self.sink.end() {
            self.note(&cut);
        }
        let detail = self.why.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let lost = stores.metrics.losses(source).count() + stores.logs.losses(source).count();
        let others = self.others.load(Ordering::Relaxed);
        SourceEnd { taken: figures.taken + others, dropped: figures.dropped + lost, detail }
    }

    /// Says that nothing can come in any more.
    pub(super) fn down(&self, why: &str) {
        self.sink.down(why);
    }
}
