//! Asks the process that serves a link.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use super::protocol::{MOST_LINE, Reply, Request, SOCKET};

/// How long an answer may take beside what was asked for. The process answers at once; it may be stopped, though.
const ANSWER: Duration = Duration::from_secs(5);

/// Asks the process whose socket is in that folder. Blocks.
///
/// # Errors
/// `NotFound` and `ConnectionRefused` when there is no such process any more; whatever else reading and writing can meet.
pub(super) fn ask(folder: &Path, request: &Request, work: Duration) -> io::Result<Reply> {
    let place = File::open(folder)?;
    // By the handle of the folder: the path of a socket may have 107 bytes.
    let stream = UnixStream::connect(format!("/proc/self/fd/{}/{SOCKET}", place.as_raw_fd()))?;
    stream.set_read_timeout(Some(ANSWER + work))?;
    stream.set_write_timeout(Some(ANSWER))?;
    let mut line = serde_json::to_vec(request)?;
    line.push(b'\n');
    (&stream).write_all(&line)?;
    let mut answer = String::new();
    BufReader::new((&stream).take(MOST_LINE)).read_line(&mut answer)?;
    if answer.is_empty() {
        return Err(io::ErrorKind::ConnectionRefused.into());
    }
    match serde_json::from_str(&answer)? {
        Reply::Failed(why) => Err(io::Error::other(why)),
        reply => Ok(reply),
    }
}

/// Whether an error says that no process serves the link any more.
pub(super) fn is_gone(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionRefused, ConnectionReset, NotFound};
    matches!(error.kind(), NotFound | ConnectionRefused | ConnectionReset | BrokenPipe)
}
