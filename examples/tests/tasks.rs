//! Every task file of `tasks/` is valid, and ends in its expected verdict.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use squall::chaos_load::target::{Behaviour, Target, serve};
use squall::prelude::*;

/// Each file, and the verdict in which it ends.
const EXPECTED: &[(&str, Verdict)] = &[
    ("benchmark.yaml", Verdict::Held),
    ("entry.json", Verdict::Unchecked),
    ("load-slo.yaml", Verdict::Held),
    ("load-spike.yaml", Verdict::Held),
    ("paused-worker.yaml", Verdict::Held),
    ("rate-limited-model.yaml", Verdict::Held),
    ("two-faults.yaml", Verdict::Held),
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tasks")
}

/// What the files act on: a small server, and a process that sleeps.
struct Subjects {
    service: Target,
    worker: Child,
}

impl Subjects {
    fn start() -> Self {
        Self {
            service: serve(([127, 0, 0, 1], 0).into(), Behaviour::new()).expect("a free port"),
            worker: Command::new("sleep").arg("600").spawn().expect("`sleep` is everywhere"),
        }
    }

    /// Only the variables that the text names: one that nothing uses is a warning.
    fn options(&self, text: &str) -> LoadOptions {
        let (service, pid) = (self.service.address().to_string(), self.worker.id().to_string());
        let all = [("SERVICE", &service), ("TARGET_SERVICE", &service), ("PID", &pid)];
        let named = all.into_iter().filter(|(name, _)| text.contains(&format!("{{{{{name}}}}}")));
        named.fold(LoadOptions::default(), |options, (name, value)| options.var(name, value))
    }
}

impl Drop for Subjects {
    fn drop(&mut self) {
        let _ = self.worker.kill();
        let _ = self.worker.wait();
    }
}

#[test]
fn every_file_has_an_expected_verdict() {
    let there: BTreeSet<String> =
        fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(there, EXPECTED.iter().map(|(file, _)| (*file).to_owned()).collect());
}

/// A test program has no `main` of ours, so it comes to be the process of a link by way of this.
#[test]
#[ignore = "started as the process of a link"]
fn a_link() {
    squall::helper::run_if_asked();
}

#[test]
fn every_file_is_valid_and_ends_as_expected() {
    squall::chaos_nodes::reached_by(&["a_link", "--exact", "--ignored", "--nocapture", "--test-threads=1"]);
    for (file, verdict) in EXPECTED {
        let subjects = Subjects::start();
        let text = fs::read_to_string(folder().join(file)).unwrap();
        let loaded = load(&text, file, &subjects.options(&text));
        let warned: Vec<_> = loaded.diagnostics.iter().map(|diagnostic| diagnostic.code.as_str()).collect();
        let expected: &[&str] = if *file == "benchmark.yaml" { &["opaque-check"] } else { &[] };
        assert_eq!(warned, expected, "{}", render(&loaded.diagnostics));

        let place = tempfile::tempdir().unwrap();
        let runner = Runner::builder().accept_policy().state_dir(StateDir::at(place.path().join("state")));
        // No model, whatever the environment of this test says.
        let runner = runner.workspace(place.path()).env([].into()).build().unwrap();
        let report = runner.run(loaded.document.unwrap().into_task().unwrap()).unwrap();
        assert_eq!(report.verdict, *verdict, "{file}: {report:#?}");
        assert!(report.success, "{file}: {report:#?}");
    }
}
