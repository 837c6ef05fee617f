//! Files that a command writes. Whoever reads a pipe is waited for, but not for ever: a signal must find its way out.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::event::{Timespec, poll};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::Errno;

use super::console::deliver_data;
use super::secrets::in_document;
use super::writer::Writer;

/// How long a pipe's reader may take to open it.
const READER: Duration = Duration::from_secs(5);
/// How often it is looked for.
const LOOK: Timespec = Timespec { tv_sec: 0, tv_nsec: 20_000_000 };

/// Who may read a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Readers {
    /// Its owner alone: what a model said or was told may stand in it.
    Owner,
    /// Whoever may read what others create.
    Anybody,
}

impl Readers {
    /// Its owner alone where a model may speak in it, or the document was filled with secrets.
    pub(crate) fn of_its_text() -> Self {
        let named = |name| std::env::var_os(name).is_some_and(|model| !model.is_empty());
        let private = in_document() || ["CHAOS_MODEL", "AGENT_MODEL"].into_iter().any(named);
        if private { Self::Owner } else { Self::Anybody }
    }
}

/// Opens a file to write to, and makes it where there is none; what stands in it stays.
pub(crate) fn open(path: &Path, readers: Readers) -> io::Result<File> {
    let mode = if readers == Readers::Owner { 0o600 } else { 0o666 };
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed();
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(mode).custom_flags(flags);
    let since = Instant::now();
    let file = loop {
        match options.open(path) {
            Err(error) if error.raw_os_error() == Some(Errno::NXIO.raw_os_error()) && is_pipe(path) => {
                if since.elapsed() >= READER {
                    return Err(io::Error::new(
                        ErrorKind::NotConnected,
                        "a pipe that nobody reads; start its reader first",
                    ));
                }
                poll(&mut [], Some(&LOOK))?;
            }
            opened => break opened?,
        }
    };
    // Whoever writes waits; who must not wait for that has a thread for it.
    fcntl_setfl(&file, fcntl_getfl(&file)? - OFlags::NONBLOCK)?;
    Ok(file)
}

fn is_pipe(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|found| found.file_type().is_fifo())
}

/// Opens a file and empties it; takes it from everybody else where it is its owner's alone.
pub(crate) fn create(path: &Path, readers: Readers) -> io::Result<File> {
    let file = open(path, readers)?;
    let found = file.metadata()?;
    // Devices and pipes are whatever they are.
    if found.is_file() {
        if readers == Readers::Owner && found.permissions().mode() & 0o077 != 0 {
            file.set_permissions(Permissions::from_mode(0o600))?;
        }
        file.set_len(0)?;
    }
    Ok(file)
}

/// Creates a file and writes all of it. The reader of what is not a regular file may stall: after a signal it is given up.
pub(crate) fn write(
    path: &Path,
    readers: Readers,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    let file = create(path, readers)?;
    if !file.metadata()?.is_file() {
        return deliver_data(&Writer::to(file), write);
    }
    let mut out = BufWriter::new(file);
    write(&mut out)?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_its_owners_alone_also_when_it_was_not() {
        let temp = tempfile::tempdir().unwrap();
        let (new, old) = (temp.path().join("new"), temp.path().join("old"));
        std::fs::write(&old, "something longer").unwrap();
        std::fs::set_permissions(&old, Permissions::from_mode(0o644)).unwrap();
        for path in [new, old] {
            write(&path, Readers::Owner, |out| out.write_all(b"text")).unwrap();
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
            assert_eq!(std::fs::read(&path).unwrap(), b"text");
        }
        write(Path::new("/dev/null"), Readers::Owner, |out| out.write_all(b"text")).unwrap();
    }

    #[test]
    fn a_pipe_that_nobody_reads_is_refused_and_a_late_reader_is_waited_for() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        let refused = open(&path, Readers::Anybody).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::NotConnected, "{refused}");
        let reader = path.clone();
        // The reader gets its end only at the end of the process, so one byte must do.
        let reading = std::thread::spawn(move || {
            let mut byte = [0];
            std::io::Read::read_exact(&mut File::open(reader).unwrap(), &mut byte).unwrap();
            byte[0]
        });
        write(&path, Readers::Anybody, |out| out.write_all(b"x")).unwrap();
        assert_eq!(reading.join().unwrap(), b'x');
    }
}
