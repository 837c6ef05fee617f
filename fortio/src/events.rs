//! The log lines of single calls and connections.

use std::io;

use chaos_load::{Failure, FailureKind, RequestEvent};

use crate::args::FortioCommand;
use crate::go_duration;
use crate::go_number::shortest;
use crate::log::{Level, Log, field};
use crate::text;

/// Writes what an event has to say, if the command wants to hear it.
pub(crate) fn tell(log: &mut Log<'_>, command: &FortioCommand, access: &str, event: &RequestEvent) -> io::Result<()> {
    let run = command.reporting.run_id;
    match event {
        RequestEvent::Begun => text::starting(log, command, access),
        RequestEvent::Failed { .. } if !command.reporting.log_errors => Ok(()),
        RequestEvent::Failed { connection, failure, size } => failed(log, run, *connection, failure, *size),
        RequestEvent::Replaced { connection } => {
            let fields = [field("thread", *connection), field("run", run)];
            log.line(Level::Info, "Closing dead socket (err at first read)", &fields)
        }
        RequestEvent::Ended { connection, after, calls, planned } => {
            if let Some(planned) = planned {
                let until = command.load.planned_duration().unwrap_or_default();
                let until = go_duration::format(until);
                let text =
                    format!("T{connection:03} warning only did {calls} out of {planned} calls before reaching {until}");
                log.line(Level::Warning, &text, &[])?;
            }
            #[expect(clippy::cast_precision_loss, reason = "exact below 2^52 calls")]
            let qps = *calls as f64 / after.as_secs_f64();
            let after = go_duration::format(*after);
            let text = format!("T{connection:03} ended after {after} : {calls} calls. qps={}", shortest(qps));
            log.line(Level::Info, &text, &[])
        }
    }
}

fn failed(log: &mut Log<'_>, run: i64, connection: usize, failure: &Failure, size: u64) -> io::Result<()> {
    let (thread, run) = (field("thread", connection), field("run", run));
    let detail = || field("err", failure.detail.clone());
    match failure.kind {
        FailureKind::Status(status) => {
            let line = field("status", format!("HTTP/1.1 {status}"));
            log.line(Level::Warning, "Non ok http code", &[field("code", status), line, thread, run])
        }
        FailureKind::Refused | FailureKind::Unreachable | FailureKind::TooManyFiles => {
            log.line(Level::Error, "Unable to connect", &[detail(), thread, run])
        }
        FailureKind::Timeout => {
            let text = "Timeout error (incomplete/invalid response)";
            log.line(Level::Error, text, &[detail(), field("size", size), thread, run])
        }
        kind => {
            let text = format!("Read error: {kind}");
            log.line(Level::Error, &text, &[detail(), field("size", size), thread, run])
        }
    }
}
