//! `squall completions`: a script that completes commands, flags and types in a shell.

use clap_complete::Shell;

use super::console::print;
use super::failure::Failure;

/// Prints a completion script for a shell.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The shell.
    shell: Shell,
}

pub(super) fn run(args: &Args, command: &mut clap::Command) -> Result<u8, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, command, "squall", &mut script);
    print(&String::from_utf8_lossy(&script))?;
    Ok(0)
}
