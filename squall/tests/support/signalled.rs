//! A program of the test's own that gets signals, and must end.

use std::process::{Child, Command};
use std::time::{Duration, Instant};

/// A bound against a hang, no more.
const HANGS: Duration = Duration::from_mins(2);

/// Looks at something again and again until it is so.
pub(crate) fn until(what: &str, mut so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !so() {
        assert!(start.elapsed() < HANGS, "never: {what}");
        std::thread::yield_now();
    }
}

/// Sends a signal by its name, or a real-time one as `RT34`.
pub(crate) fn signal(pid: u32, name: &str) {
    let sent = Command::new("kill").args([&format!("-{}", name.trim_start_matches("RT")), &pid.to_string()]).status();
    assert!(sent.unwrap().success(), "{name}");
}

/// Its exit code; killed where it hangs.
pub(crate) fn code(child: &mut Child) -> Option<i32> {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        if start.elapsed() > HANGS {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("it did not end");
        }
        std::thread::yield_now();
    }
}
