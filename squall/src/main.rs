//! The `squall` command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    squall::helper::run_if_asked();
    squall::cli::main()
}
