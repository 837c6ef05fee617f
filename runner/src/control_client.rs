//! Asks something of a live run through its control socket, from any process of this user.

use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use chaos_core::{Event, EventKind, StateDir, Verdict};

use crate::control_wire::{ControlReply, ControlRequest, folder, socket};
use crate::dead_folders::run_folders;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why a run did not answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ControlError {
    /// No such run is live.
    #[error("no live run `{run}`; live: {}", if live.is_empty() { "none".to_owned() } else { live.join(", ") })]
    NotLive {
        /// What was asked for.
        run: String,
        /// The runs that are live.
        live: Vec<String>,
    },
    /// The run refused.
    #[error("{0}")]
    Refused(String),
    /// The socket failed.
    #[error("run `{run}` did not answer")]
    Socket {
        /// The run.
        run: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// Sends a request to a run and waits for its answer, one line; blocks.
///
/// # Errors
/// [`ControlError`] when the run is not live, or refuses.
pub fn control(state: &StateDir, run: &str, request: &ControlRequest) -> Result<ControlReply, ControlError> {
    let failed = |source| ControlError::Socket { run: run.to_owned(), source };
    let stream = reach(state, run)?;
    let mut lines = BufReader::new(&stream);
    let reply = exchange(&stream, &mut lines, request).map_err(failed)?;
    done(reply)
}

/// Ends a run that holds its nodes for ad-hoc work, and waits until they are stopped; blocks. Gives the run's verdict, as far
/// as it told.
///
/// # Errors
/// [`ControlError`] when the run is not live, or refuses.
pub fn bring_down(state: &StateDir, run: &str) -> Result<Option<Verdict>, ControlError> {
    let failed = |source| ControlError::Socket { run: run.to_owned(), source };
    let stream = reach(state, run)?;
    let mut lines = BufReader::new(&stream);
    let reply = exchange(&stream, &mut lines, &ControlRequest::Down {}).map_err(failed)?;
    done(reply)?;
    // However long the nodes take to end.
    stream.set_read_timeout(None).map_err(failed)?;
    let mut verdict = None;
    // A run that is gone is down; its verdict is told before.
    for line in lines.lines().map_while(Result::ok) {
        if let Ok(Event { kind: EventKind::RunEnded { verdict: told }, .. }) = serde_json::from_str(&line) {
            verdict = Some(told);
        }
    }
    Ok(verdict)
}

fn done(reply: ControlReply) -> Result<ControlReply, ControlError> {
    match reply {
        ControlReply::Error(why) => Err(ControlError::Refused(why)),
        reply => Ok(reply),
    }
}

/// Connects to a live run.
pub(crate) fn reach(state: &StateDir, run: &str) -> Result<UnixStream, ControlError> {
    let plain = !run.is_empty() && run.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    let stream = if plain { connect(state, run) } else { Err(io::ErrorKind::NotFound.into()) };
    match stream {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
            Err(ControlError::NotLive { run: run.to_owned(), live: live_runs(state) })
        }
        stream => stream.map_err(|source| ControlError::Socket { run: run.to_owned(), source }),
    }
}

/// The ids of the runs that answer.
pub fn live_runs(state: &StateDir) -> Vec<String> {
    let entries = fs::read_dir(run_folders(state)).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let mut live: Vec<String> = names.filter(|run| connect(state, run).is_ok()).collect();
    live.sort_unstable();
    live
}

fn connect(state: &StateDir, run: &str) -> io::Result<UnixStream> {
    let (path, _open) = socket(&folder(state, run))?;
    UnixStream::connect(path)
}

fn exchange(
    mut stream: &UnixStream,
    lines: &mut BufReader<&UnixStream>,
    request: &ControlRequest,
) -> io::Result<ControlReply> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all((serde_json::to_string(request)? + "\n").as_bytes())?;
    let mut line = String::new();
    lines.read_line(&mut line)?;
    Ok(serde_json::from_str(&line)?)
}
