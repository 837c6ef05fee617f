//! Files of the kernel, which say nothing of their length: read in few calls.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// As much as most of them hold. Without it each is asked for 32 bytes, then for twice as much, and so on, and a kernel that has
/// thousands of processes is asked often.
const LENGTH: usize = 4096;

/// All of it.
pub(crate) fn read(path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(LENGTH);
    File::open(path)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The same as text; names of processes and folders may be anything, so what is not UTF-8 is replaced.
pub(crate) fn read_text(path: impl AsRef<Path>) -> io::Result<String> {
    Ok(String::from_utf8_lossy(&read(path)?).into_owned())
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Write};
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn it_reads_what_the_library_reads() {
        let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.as_mut().unwrap().write_all(b"on\n").unwrap();
        let mut said = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut said).unwrap();
        assert_eq!(said, "on\n");
        // Longer than one page, and of a program that only waits by now, so that it stays as it is; and short ones.
        let long = format!("/proc/{}/smaps", child.id());
        assert!(std::fs::read(&long).unwrap().len() > 4096);
        for file in [&*long, "/proc/self/status", "/proc/self/cgroup", "/proc/sys/kernel/random/boot_id"] {
            assert_eq!(
                read_text(file).unwrap().lines().count(),
                std::fs::read_to_string(file).unwrap().lines().count()
            );
        }
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(read("/proc/self/nothing").unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
