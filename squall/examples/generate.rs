//! Writes the files under `generated/`, or with `--check` says which are out of date. `cargo xtask gen` runs it.
//!
//! Each file is what a command prints, and this program is the command line too: it starts itself with
//! `SQUALL_COMMAND_LINE` set. So nothing but the library and this one file is built.

use std::path::Path;
use std::process::{Command, ExitCode};
use std::{env, io};

#[path = "../tests/support/generated_files.rs"]
mod generated_files;

/// Set where this program is the command line.
const COMMAND_LINE: &str = "SQUALL_COMMAND_LINE";

fn main() -> ExitCode {
    if env::var_os(COMMAND_LINE).is_some() {
        return squall::cli::main();
    }
    let check = env::args().any(|argument| argument == "--check");
    match run(check) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(check: bool) -> io::Result<ExitCode> {
    // The working directory is the root of the workspace.
    let root = Path::new(".");
    let stale = generated_files::stale(root, &print)?;
    for file in &stale {
        if check {
            println!("{file}");
        } else {
            file.refresh(root)?;
            println!("refreshed {file}");
        }
    }
    if check && !stale.is_empty() {
        return Err(io::Error::other("generated files are out of date; run `cargo xtask gen`"));
    }
    Ok(ExitCode::SUCCESS)
}

fn print(arguments: &[&str]) -> io::Result<String> {
    let output = Command::new(env::current_exe()?).args(arguments).env(COMMAND_LINE, "1").output()?;
    if output.status.success() {
        return String::from_utf8(output.stdout).map_err(io::Error::other);
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(io::Error::other(format!("`squall {}` failed: {said}", arguments.join(" "))))
}
