//! The `squall` command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    squall::cli::main()
}
