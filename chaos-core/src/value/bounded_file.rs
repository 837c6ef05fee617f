//! Files that a user names, read without waiting for anybody and never without end.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::OFlags;

/// Reads a whole file of at most `limit` bytes.
///
/// A named pipe, a device or a folder is refused before it is opened: it could block for ever, or have no end. A pipe that
/// this process was given (`/dev/stdin`, `/dev/fd/N` of a shell's `<(…)`) is read.
///
/// # Errors
/// What the system said; [`io::ErrorKind::InvalidInput`] for what is not a regular file, [`io::ErrorKind::FileTooLarge`]
/// for what is larger.
pub fn read_bounded(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let kind = fs::metadata(path)?.file_type();
    let file = if kind.is_file() {
        let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
        let file = OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path)?;
        // It may be another one since we looked.
        if file.metadata()?.is_file() { file } else { return Err(not_a_file()) }
    } else if kind.is_fifo() && is_ours(path) {
        File::open(path)?
    } else {
        return Err(not_a_file());
    };
    read_to_limit(file, limit)
}

/// Reads to the end, which must come within `limit` bytes.
///
/// # Errors
/// As for [`read_bounded`].
pub fn read_to_limit(from: impl Read, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it is larger than {limit} bytes")));
    }
    Ok(bytes)
}

/// Whether a path names a descriptor of this process, whose other end somebody has open.
fn is_ours(path: &Path) -> bool {
    path == Path::new("/dev/stdin") || path.starts_with("/dev/fd") || path.starts_with("/proc/self/fd")
}

fn not_a_file() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file")
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::fd::AsRawFd;
    use std::process::Command;

    use super::*;

    #[test]
    fn a_file_is_read_up_to_its_bound() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("file");
        fs::write(&path, "12345").unwrap();
        assert_eq!(read_bounded(&path, 5).unwrap(), b"12345");
        let error = read_bounded(&path, 4).unwrap_err();
        assert_eq!(
            (error.kind(), error.to_string().as_str()),
            (io::ErrorKind::FileTooLarge, "it is larger than 4 bytes")
        );
        assert_eq!(read_bounded(&temp.path().join("none"), 5).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn what_could_block_or_has_no_end_is_refused_at_once() {
        let temp = tempfile::tempdir().unwrap();
        let fifo = temp.path().join("fifo");
        assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
        let link = temp.path().join("link");
        std::os::unix::fs::symlink("/dev/zero", &link).unwrap();
        for path in [fifo.as_path(), link.as_path(), Path::new("/dev/zero"), Path::new("/dev/tty"), temp.path()] {
            assert!(read_bounded(path, 5).is_err(), "{}", path.display());
        }
        assert_eq!(read_bounded(&fifo, 5).unwrap_err().to_string(), "it is not a regular file");
    }

    #[test]
    fn a_pipe_that_we_were_given_is_read_and_bounded() {
        for (text, read) in [("ab", true), ("abc", false)] {
            let (reader, mut writer) = io::pipe().unwrap();
            writer.write_all(text.as_bytes()).unwrap();
            drop(writer);
            let path = format!("/dev/fd/{}", reader.as_raw_fd());
            assert_eq!(read_bounded(Path::new(&path), 2).is_ok(), read, "{text}");
        }
    }
}
