//! Removes the folder of a rig whose process was killed.

use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Waits for the end of its input, which comes when our process has ended, and removes the folder; what the kernel has just killed
/// may write to it for a moment longer.
const SCRIPT: &str =
    "cat >/dev/null; n=0; until rm -rf \"$1\" 2>/dev/null || [ $n -ge 100 ]; do n=$((n+1)); sleep 0.2; done";

/// A process that outlives ours to remove our folder.
///
/// In a group of its own: what interrupts a test by the terminal must not interrupt it.
#[derive(Debug)]
pub(crate) struct Janitor(Child);

impl Janitor {
    pub(crate) fn new(folder: &Path) -> io::Result<Self> {
        let mut shell = Command::new("sh");
        shell.args(["-c", SCRIPT, "janitor"]).arg(folder).process_group(0);
        shell.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().map(Self)
    }
}

impl Drop for Janitor {
    /// Lets it do its work now.
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        // If it fails a folder is left, and a drop has no way to tell that.
        let _ = self.0.wait();
    }
}
