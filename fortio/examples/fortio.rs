//! `fortio load` in a binary of its own, for benches and comparisons.

use std::io;
use std::process::ExitCode;

fn main() -> ExitCode {
    let argv: Vec<String> = std::env::args().skip(1).collect();
    let (mut out, mut err) = (io::stdout(), io::stderr());
    ExitCode::from(chaos_fortio::run(&argv, &mut out, &mut err))
}
