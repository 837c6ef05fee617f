//! The files under `generated/` are up to date.

#![cfg(feature = "full")]

use std::path::Path;
use std::process::Command;

#[path = "support/generated_files.rs"]
mod generated_files;

#[test]
fn generated_files_are_up_to_date() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let print = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_squall")).args(arguments).output()?;
        assert!(output.status.success(), "squall {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8(output.stdout).unwrap())
    };
    let stale = generated_files::stale(root, &print).unwrap();
    let stale: Vec<String> = stale.iter().map(ToString::to_string).collect();
    assert!(stale.is_empty(), "out of date; run `cargo xtask gen`\n{}", stale.join("\n"));
}
