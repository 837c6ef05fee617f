//! An entry that runs in somebody else's run, as the client that started it sees it.

use std::io;

use chaos_core::{Event, StateDir};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};

use crate::control_client::{ControlError, reach};
use crate::control_wire::{ControlReply, ControlRequest};
use crate::report::Report;

/// An entry in a live run of another process of this user. Dropping it ends the entry, which that run then undoes.
#[derive(Debug)]
pub struct RemoteEntry {
    run: String,
    lines: Lines<BufReader<OwnedReadHalf>>,
    write: OwnedWriteHalf,
}

/// What a run tells about such an entry.
#[derive(Debug)]
pub enum EntryNews {
    /// Something happened.
    Event(Box<Event>),
    /// It is over.
    Ended(Box<Report>),
}

impl RemoteEntry {
    /// Starts an entry in a run; on a runtime with I/O.
    ///
    /// # Errors
    /// [`ControlError`] when the run is not live, or refuses.
    pub async fn start(state: &StateDir, run: &str, entry: Value) -> Result<Self, ControlError> {
        let failed = |source| ControlError::Socket { run: run.to_owned(), source };
        let stream = reach(state, run)?;
        stream.set_nonblocking(true).map_err(failed)?;
        let (read, write) = UnixStream::from_std(stream).map_err(failed)?.into_split();
        let mut entry_of = Self { run: run.to_owned(), lines: BufReader::new(read).lines(), write };
        entry_of.ask(&ControlRequest::Inject { entry }).await.map_err(failed)?;
        match serde_json::from_str(&entry_of.line().await?).map_err(|error| failed(error.into()))? {
            ControlReply::Started(_) => Ok(entry_of),
            ControlReply::Error(why) => Err(ControlError::Refused(why)),
            _ => Err(failed(io::ErrorKind::InvalidData.into())),
        }
    }

    /// What happens next; nothing comes after [`EntryNews::Ended`].
    ///
    /// # Errors
    /// [`ControlError::Socket`] when the run is gone.
    pub async fn next(&mut self) -> Result<EntryNews, ControlError> {
        let line = self.line().await?;
        if let Ok(event) = serde_json::from_str(&line) {
            return Ok(EntryNews::Event(event));
        }
        match serde_json::from_str(&line) {
            Ok(ControlReply::Report(report)) => Ok(EntryNews::Ended(report)),
            Ok(ControlReply::Error(why)) => Err(ControlError::Refused(why)),
            Ok(_) => Err(self.failed(io::ErrorKind::InvalidData.into())),
            Err(error) => Err(self.failed(error.into())),
        }
    }

    /// Ends its hold now; undo, verification and verdict follow.
    pub async fn release(&mut self) {
        // A run that is gone is told by what is read next.
        let _ = self.ask(&ControlRequest::Release { entry: None }).await;
    }

    /// Ends it early: everything is undone, and the verdict is `inconclusive` at best.
    pub async fn cancel(&mut self) {
        let _ = self.ask(&ControlRequest::Cancel { entry: None }).await;
    }

    async fn ask(&mut self, request: &ControlRequest) -> io::Result<()> {
        self.write.write_all((serde_json::to_string(request)? + "\n").as_bytes()).await
    }

    async fn line(&mut self) -> Result<String, ControlError> {
        let line = self.lines.next_line().await.map_err(|source| self.failed(source))?;
        line.ok_or_else(|| self.failed(io::ErrorKind::UnexpectedEof.into()))
    }

    fn failed(&self, source: io::Error) -> ControlError {
        ControlError::Socket { run: self.run.clone(), source }
    }
}
