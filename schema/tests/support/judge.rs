//! One node process that judges many documents.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// What the script prints about its input: a line of schemas, then a line for each document.
pub(crate) fn judged(script: &str, modules: &Path, input: String) -> Vec<u8> {
    let mut child = Command::new("node")
        .arg(script)
        .env("NODE_PATH", modules)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("node starts");
    let mut stdin = child.stdin.take().expect("piped");
    // Both pipes are bounded, so one side must not wait for the other.
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().expect("node ends");
    writer.join().expect("no panic").expect("node reads");
    assert!(output.status.success(), "{script} failed");
    output.stdout
}
