//! Tests in a program that is the runner, too: the command line of Squall is linked into it, and nothing has to be built
//! or found beside it.

use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Set in the runner's environment.
pub(crate) const RUNNER: &str = "SQUALL_HERE";

/// A test by its name.
pub(crate) type Test = (&'static str, fn());

/// Is the command line where it is asked to be; else runs the tests whose names hold one of the words given, so many at once.
pub(crate) fn run(tests: &[Test], at_once: usize) -> ExitCode {
    squall::helper::run_if_asked();
    if std::env::var_os(RUNNER).is_some() {
        return squall::cli::main();
    }
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let wanted = |name: &str| words.is_empty() || words.iter().any(|word| name.contains(word.as_str()));
    let (chosen, left): (Vec<_>, Vec<_>) = tests.iter().partition(|(name, _)| wanted(name));
    println!("\nrunning {} tests", chosen.len());
    let (waiting, failed) = (Mutex::new(chosen.iter()), AtomicUsize::new(0));
    thread::scope(|threads| {
        for _ in 0..at_once {
            threads.spawn(|| {
                let next = || waiting.lock().unwrap().next();
                while let Some((name, test)) = next() {
                    let passed = thread::spawn(*test).join().is_ok();
                    println!("test {name} ... {}", if passed { "ok" } else { "FAILED" });
                    failed.fetch_add(usize::from(!passed), Ordering::SeqCst);
                }
            });
        }
    });
    let (failed, out) = (failed.into_inner(), left.len());
    let (passed, result) = (chosen.len() - failed, if failed == 0 { "ok" } else { "FAILED" });
    println!("\ntest result: {result}. {passed} passed; {failed} failed; 0 ignored; 0 measured; {out} filtered out\n");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Says why a test was skipped.
pub(crate) fn skipped(needs: &str) {
    eprintln!("skipped: needs {needs}");
}
