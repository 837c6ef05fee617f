//! The fast client: HTTP/1.1 over its own framing, no task and no allocation a request.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::alarm::Alarm;
use crate::call::{ConnectionReport, Outcome, is_ok};
use crate::clock::since;
use crate::destination::Destination;
use crate::failure::{ClosedBefore, Failure, FailureKind};
use crate::framing::{Framing, MAX_HEAD, Step};
use crate::random::Random;
use crate::trace_context::TraceIds;
use crate::wire::{BUFFER, Wire};

/// Largest read buffer; a head that does not fit is refused before.
const MAX_BUFFER: usize = 2 * MAX_HEAD;

/// Time for which the refusal of a request is waited for where the connection ended; only failed requests wait.
const REFUSAL: Duration = Duration::from_millis(1);

/// One kept-alive connection and its bookkeeping.
pub(crate) struct FastClient {
    destination: Arc<Destination>,
    alarm: Option<Alarm>,
    line: Line,
    scratch: Vec<u8>,
    random: Random,
    /// What the ids of traces are drawn from, where requests carry some.
    traces: Option<Random>,
    report: ConnectionReport,
}

/// The connection itself, apart from the alarm that watches over it.
struct Line {
    wire: Option<Wire>,
    buffer: Vec<u8>,
    /// Requests that the open connection may still carry.
    left: u64,
    /// Bytes of the request at hand that went out on this connection.
    put: usize,
    /// Bytes of the answer at hand that have come.
    seen: u64,
}

impl FastClient {
    pub(crate) fn new(destination: Arc<Destination>, index: usize) -> Self {
        Self {
            alarm: None,
            line: Line { wire: None, buffer: Vec::new(), left: 0, put: 0, seen: 0 },
            scratch: Vec::new(),
            random: Random::new(destination.seed, index as u64),
            traces: destination.traces(index),
            report: destination.report(index),
            destination,
        }
    }

    pub(crate) fn into_report(self) -> ConnectionReport {
        self.report
    }

    /// Makes one request. Where the server had closed a kept connection before it took the request, and the method is
    /// idempotent (RFC 9110, section 9.2.2) or not a byte went out, it is sent once more, inside the same deadline.
    /// A server that took the request and did not answer is a failure: sending it again would hide that.
    pub(crate) async fn call(&mut self, sent: Instant) -> Outcome {
        let Self { destination, alarm, line, scratch, random, traces, report } = self;
        let deadline = sent + destination.timeout;
        let alarm = alarm.get_or_insert_with(|| Alarm::new(deadline));
        alarm.set(deadline);
        line.seen = 0;
        line.drop_if_stale();
        let trace = traces.as_mut().map(TraceIds::draw);
        let request = destination.request.bytes(random, trace, scratch);
        let mut retried = false;
        let result = alarm.guard(async {
            let kept = line.wire.is_some();
            match line.attempt(destination, request, report).await {
                Err(failure) if kept && failure.untaken && (line.put == 0 || destination.request.idempotent) => {
                    retried = line.put > 0;
                    line.wire = None;
                    line.attempt(destination, request, report).await
                }
                result => result,
            }
        });
        let result = if let Some(result) = result.await {
            result
        } else {
            report.abandoned(since(sent));
            Err(Failure::new(FailureKind::Timeout, "no complete answer in time"))
        };
        let mut outcome = result.unwrap_or_else(|failure| {
            line.wire = None;
            Outcome::failed(failure, line.seen)
        });
        line.retire(destination, random, &outcome);
        outcome.retried = retried;
        outcome.trace = trace;
        outcome.sent = request.len() as u64;
        outcome
    }
}

impl Line {
    /// Sends the request, on a new connection if there is none, and reads the answer.
    async fn attempt(
        &mut self,
        destination: &Destination,
        request: &[u8],
        report: &mut ConnectionReport,
    ) -> Result<Outcome, Failure> {
        if self.wire.is_none() {
            self.wire = Some(destination.connect(report).await?);
            self.left = u64::MAX;
        }
        let Some(wire) = self.wire.as_mut() else {
            return Err(Failure::new(FailureKind::Closed, "the connection is gone"));
        };
        self.put = 0;
        let mut written = wire.write_all(request, &mut self.put).await;
        if let (Err(error), 0) = (&written, self.put) {
            return Err(Failure::untaken(error.to_string()));
        }
        if destination.half_close && written.is_ok() {
            written = wire.finish().await;
        }
        // A server may refuse a body half way: its answer counts, if there is one.
        match self.answer(destination.request.bodiless).await {
            Err(failure) if self.seen == 0 => Err(written.err().map_or(failure, Failure::from)),
            result => result,
        }
    }

    /// Closes a kept connection on which something came between two requests: its
    /// end, or bytes that would be taken for the next answer.
    fn drop_if_stale(&mut self) {
        if self.wire.as_mut().is_some_and(|wire| !wire.is_quiet()) {
            self.wire = None;
        }
    }

    async fn answer(&mut self, bodiless: bool) -> Result<Outcome, Failure> {
        let Self { wire, buffer, seen, .. } = self;
        let Some(wire) = wire.as_mut() else {
            return Err(Failure::new(FailureKind::Closed, "the connection is gone"));
        };
        if buffer.is_empty() {
            buffer.resize(BUFFER, 0);
        }
        let mut framing = Framing::new(bodiless);
        let mut filled = 0;
        loop {
            if filled == buffer.len() {
                if filled >= MAX_BUFFER {
                    return Err(Failure::new(FailureKind::HeadTooLarge, "the head of the answer has no end"));
                }
                buffer.resize(filled * 2, 0);
            }
            let read = wire.read(&mut buffer[filled..]).await?;
            if read == 0 {
                return match framing.end_of_stream() {
                    Ok(()) => Ok(outcome(&framing, *seen, 0)),
                    Err(_) if *seen == 0 && closed_before(wire).await => {
                        Err(Failure::untaken(ClosedBefore.to_string()))
                    }
                    Err(_) if *seen == 0 => {
                        Err(Failure::new(FailureKind::Closed, "the connection ended before an answer"))
                    }
                    Err(malformed) => Err(malformed.into()),
                };
            }
            *seen += read as u64;
            filled += read;
            let (used, step) = framing.push(&buffer[..filled])?;
            if step == Step::Done {
                return Ok(outcome(&framing, *seen, (filled - used) as u64));
            }
            buffer.copy_within(used..filled, 0);
            filled -= used;
        }
    }

    /// Closes the connection where it may not carry another request.
    fn retire(&mut self, destination: &Destination, random: &mut Random, outcome: &Outcome) {
        if self.left == u64::MAX
            && let Some((least, most)) = destination.reuse
        {
            self.left = random.between(least, most);
        }
        self.left = self.left.saturating_sub(1);
        let kept = destination.keep_alive && outcome.failure.is_none() && outcome.reusable;
        if !kept || self.left == 0 {
            self.wire = None;
        }
    }
}

/// Says whether the server had closed the connection before the request came. Its refusal of our bytes comes right
/// behind the end of its own, so it is waited for a little.
async fn closed_before(wire: &Wire) -> bool {
    tokio::time::sleep(REFUSAL).await;
    wire.was_closed_before()
}

/// Turns a complete answer into an outcome. An error status costs the connection
/// and its head is not measured, both as fortio has it.
fn outcome(framing: &Framing, seen: u64, stray: u64) -> Outcome {
    let ok = is_ok(framing.status);
    let failure =
        (!ok).then(|| Failure::new(FailureKind::Status(framing.status), format!("HTTP status {}", framing.status)));
    Outcome {
        code: i32::from(framing.status),
        failure,
        size: seen - stray,
        head: if ok { framing.head } else { 0 },
        sent: 0,
        interim: framing.interim,
        stray,
        reusable: framing.persistent && stray == 0,
        retried: false,
        trace: None,
    }
}
