//! An entry that a client of the control socket starts: it is the client's own, and ends when the client goes away.

use std::io;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chaos_core::{ChaosResult, ChaosSpec, EventKind, REPORT_FORMAT, parse};
use serde_json::Value;
use tokio::io::{BufReader, Lines, Take};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};

use crate::control::EntryControl;
use crate::control_wire::{ControlReply, ControlRequest, LONGEST_LINE, put};
use crate::recover::RecoverReport;
use crate::report::{Machine, Report, SQUALL_VERSION};
use crate::session::Session;

/// Cancels an entry when its client is gone; one that is over stays as it is.
struct OfClient(EntryControl);

impl Drop for OfClient {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// Starts an entry for a client, and tells it everything about it.
pub(crate) async fn inject(
    entry: &Value,
    session: &Session,
    mut lines: Lines<BufReader<Take<OwnedReadHalf>>>,
    write: &mut OwnedWriteHalf,
) -> io::Result<()> {
    let spec = match parse::<ChaosSpec>(entry) {
        Ok(spec) => spec,
        Err(error) => return put(session.cx(), write, &ControlReply::Error(error.to_string())).await,
    };
    let (mut events, began) = (session.events(), Began::now(session));
    let Some(entry) = session.start_from_outside(spec) else {
        return put(session.cx(), write, &ControlReply::ending()).await;
    };
    let entry = OfClient(entry);
    let position = entry.0.position();
    put(session.cx(), write, &ControlReply::Started(position.to_owned())).await?;
    loop {
        lines.get_mut().get_mut().set_limit(LONGEST_LINE);
        tokio::select! {
            event = events.recv() => {
                let Some(event) = event else { return Ok(()) };
                let is_its = event.path.strip_prefix(position).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
                // What was missed may be of this entry too.
                if !is_its && !matches!(event.kind, EventKind::Dropped { .. }) {
                    continue;
                }
                put(session.cx(), write, &event).await?;
                if let EventKind::Ended { result } = event.kind {
                    let report = ControlReply::Report(Box::new(began.report(*result, session)));
                    return put(session.cx(), write, &report).await;
                }
            }
            line = lines.next_line() => {
                // A client that goes away cancels its entry.
                let Some(line) = line? else { return Ok(()) };
                match serde_json::from_str(&line) {
                    Ok(ControlRequest::Release { .. }) => drop(entry.0.release()),
                    Ok(ControlRequest::Cancel { .. }) => entry.0.cancel(),
                    _ => put(session.cx(), write, &ControlReply::Error("expected `release` or `cancel`".to_owned())).await?,
                }
            }
        }
    }
}

/// When an entry was asked for.
struct Began {
    at: Duration,
    wall: SystemTime,
}

impl Began {
    fn now(session: &Session) -> Self {
        let clock = session.cx().clock();
        Self { at: clock.now(), wall: clock.wall() }
    }

    /// What became of the entry, as a report of its own.
    fn report(&self, result: ChaosResult, session: &Session) -> Report {
        let cx = session.cx();
        Report {
            format: REPORT_FORMAT,
            squall_version: SQUALL_VERSION.to_owned(),
            task: None,
            file: None,
            command: None,
            machine: Machine::this(),
            run_id: cx.run_id().to_owned(),
            verdict: result.verdict,
            success: result.success,
            entries: vec![result],
            steady_state_before: Vec::new(),
            steady_state_after: Vec::new(),
            not_begun: None,
            node_exits: Vec::new(),
            sources: Vec::new(),
            nodes_left: Vec::new(),
            baseline: None,
            recovered: RecoverReport::default(),
            seed: cx.seed(),
            sham: session.shared().sham,
            started_at_unix_seconds: self.wall.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64(),
            elapsed_seconds: cx.clock().now().saturating_sub(self.at).as_secs_f64(),
        }
    }
}
