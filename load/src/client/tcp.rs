//! The client of `tcp://`: sends bytes and expects the same ones back.

use std::sync::Arc;
use std::time::Instant;

use crate::alarm::Alarm;
use crate::call::{ConnectionReport, Outcome};
use crate::clock::since;
use crate::destination::Destination;
use crate::failure::{Failure, FailureKind};
use crate::wire::{BUFFER, Wire};

/// Status under which an echo that came back whole is counted.
const ECHOED: i32 = 200;

/// One kept connection to an echo server.
pub(crate) struct TcpClient {
    destination: Arc<Destination>,
    alarm: Option<Alarm>,
    wire: Option<Wire>,
    buffer: Vec<u8>,
    calls: u64,
    report: ConnectionReport,
}

impl TcpClient {
    pub(crate) fn new(destination: Arc<Destination>, index: usize) -> Self {
        let report = destination.report(index);
        Self { destination, alarm: None, wire: None, buffer: vec![0; BUFFER], calls: 0, report }
    }

    pub(crate) fn into_report(self) -> ConnectionReport {
        self.report
    }

    /// Makes one request; any failure costs the connection.
    pub(crate) async fn call(&mut self, sent: Instant) -> Outcome {
        let Self { destination, alarm, wire, buffer, calls, report } = self;
        let deadline = sent + destination.timeout;
        let alarm = alarm.get_or_insert_with(|| Alarm::new(deadline));
        alarm.set(deadline);
        *calls += 1;
        // Without a payload each message is told apart, 24 bytes as fortio's are.
        let own = format!("squall {:06} {calls:010}", report.index);
        let message = if destination.body.is_empty() { own.as_bytes() } else { &destination.body };
        let mut echoed = 0;
        let exchange = alarm.guard(async {
            if wire.is_none() {
                *wire = Some(destination.connect(report).await?);
            }
            let Some(wire) = wire.as_mut() else {
                return Err(Failure::new(FailureKind::Closed, "the connection is gone"));
            };
            wire.write_all(message, &mut 0).await?;
            echo(wire, message, buffer, &mut echoed).await
        });
        let result = if let Some(result) = exchange.await {
            result
        } else {
            report.abandoned(since(sent));
            Err(Failure::new(FailureKind::Timeout, "no complete echo in time"))
        };
        let mut outcome = match result {
            Ok(()) => Outcome::answered(ECHOED, echoed),
            Err(failure) => {
                *wire = None;
                Outcome::failed(failure, echoed)
            }
        };
        outcome.sent = message.len() as u64;
        outcome
    }
}

async fn echo(wire: &mut Wire, message: &[u8], buffer: &mut [u8], echoed: &mut u64) -> Result<(), Failure> {
    let mut left = message;
    while !left.is_empty() {
        let read = wire.read(buffer).await?;
        *echoed += read as u64;
        match (read, left.strip_prefix(&buffer[..read])) {
            (0, _) if *echoed == 0 => {
                return Err(Failure::new(FailureKind::Closed, "the connection ended before an echo"));
            }
            (0, _) => {
                return Err(Failure::new(FailureKind::Truncated, "the connection ended inside the echo"));
            }
            (_, Some(rest)) => left = rest,
            (_, None) => {
                return Err(Failure::new(FailureKind::BadAnswer, "the echo differs from what was sent"));
            }
        }
    }
    Ok(())
}
