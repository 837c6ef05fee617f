//! The end of a command that ran files: what became of all is printed and written, and makes the exit code.

use std::path::Path;

use super::coloured::coloured;
use super::console::{Out, Paint, complain, say};
use super::failure::Failure;
use super::outcome::{Outcome, print_data};
use super::run_flags::RunFlags;

/// Prints what became of all, writes the report files, and returns the worst exit code.
pub(crate) fn conclude(files: &[&Path], outcomes: &[Outcome], flags: &RunFlags) -> Result<u8, Failure> {
    let code = worst(outcomes);
    let printed = print_data(outcomes, flags.format, Out::beside(flags.events.as_deref()));
    let written = flags.reports.write(outcomes);
    if outcomes.len() > 1 {
        for (file, outcome) in files.iter().zip(outcomes) {
            say(&format!("{}: {}", file.display(), coloured_word(outcome)));
        }
    }
    match printed.and(written) {
        // What went wrong in the run matters more than that nobody could be told.
        Err(failure) if code != 0 => {
            complain(&failure.chain());
            Ok(code)
        }
        told => told.map(|()| code),
    }
}

fn coloured_word(outcome: &Outcome) -> String {
    let line = coloured(&format!("verdict: {}", outcome.word()), Paint::stderr());
    line.trim_end().replacen("verdict: ", "", 1)
}

/// The exit code of several: 3, 1, what is not a verdict (64, 65, 70), 2, 0.
fn worst(outcomes: &[Outcome]) -> u8 {
    let rank = |code: &u8| match code {
        3 => 4,
        1 => 3,
        0 => 0,
        2 => 1,
        _ => 2,
    };
    outcomes.iter().map(Outcome::exit_code).max_by_key(rank).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_code_of_several_wins() {
        let usage = || Outcome::failed("a", Failure::Usage("x".into()));
        let declined = || Outcome::failed("b", Failure::Declined("x"));
        assert_eq!(worst(&[declined(), usage(), declined()]), 64);
        assert_eq!(worst(&[declined()]), 2);
        assert_eq!(worst(&[]), 0);
    }
}
