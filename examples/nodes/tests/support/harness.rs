//! Tests in a program that is the runner, too: the command line of Squall is linked into it, and nothing has to be built
//! or found beside it.

use std::process::ExitCode;

/// Set in the runner's environment.
pub(crate) const RUNNER: &str = "SQUALL_HERE";

/// A test by its name.
pub(crate) type Test = (&'static str, fn());

/// Is the command line where it is asked to be; else runs the tests whose names hold one of the words given.
pub(crate) fn run(tests: &[Test]) -> ExitCode {
    if std::env::var_os(RUNNER).is_some() {
        return squall::cli::main();
    }
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let wanted = |name: &str| words.is_empty() || words.iter().any(|word| name.contains(word.as_str()));
    let (chosen, left): (Vec<_>, Vec<_>) = tests.iter().partition(|(name, _)| wanted(name));
    println!("\nrunning {} tests", chosen.len());
    for (name, test) in &chosen {
        // A failure panics, and ends the program with a panic's exit code.
        test();
        println!("test {name} ... ok");
    }
    let (passed, out) = (chosen.len(), left.len());
    println!("\ntest result: ok. {passed} passed; 0 failed; 0 ignored; 0 measured; {out} filtered out\n");
    ExitCode::SUCCESS
}

/// Says why a test was skipped.
pub(crate) fn skipped(needs: &str) {
    eprintln!("skipped: needs {needs}");
}
