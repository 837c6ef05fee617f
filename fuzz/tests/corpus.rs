//! What broke something once, and some new inputs of each target.

use chaos_fuzz::{Attempt, Fuzzer, Limit, NAMES, attempt, kept, of_name};

#[test]
fn what_broke_something_once_is_taken_or_refused() {
    for kept in kept().unwrap() {
        let target = of_name(&kept.target).unwrap();
        let came = attempt(target.as_ref(), &kept.input);
        assert!(!matches!(came, Attempt::Broke(_)), "{}: {came:?}", kept.path.display());
    }
}

#[test]
fn most_of_what_is_made_is_valid_and_nothing_breaks() {
    let names: Vec<String> = NAMES.iter().map(ToString::to_string).collect();
    let folder = tempfile::tempdir().unwrap();
    let limit = Limit::Inputs(4_000);
    let fuzzer = Fuzzer { names: &names, target: &of_name, seed: 7, limit, workers: 2, corpus: folder.path() };
    let outcome = fuzzer.run(|_, _| {});
    assert!(outcome.findings.is_empty(), "{:?}", outcome.findings);
    for (name, own) in &outcome.targets {
        assert!(own.made_accepted * 2 > own.made, "{name}: {own:?}");
    }
}
