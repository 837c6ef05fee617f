//! `squall experiment` on a service of the test's own, as a shell starts it.

use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

use super::shell::{command, report};

/// Where each experiment here keeps its transcript, in its place.
pub(crate) const TRANSCRIPT: &str = "transcript.jsonl";

/// An experiment on a service, with an SLO that no busy machine breaks, and a start that is measured too.
pub(crate) fn experiment(place: &TempDir, target: &str, more: &[&str]) -> Command {
    let fixed =
        ["experiment", "what happens at this rate", "--target", target, "--transcript", TRANSCRIPT, "--seed", "1"];
    let load = ["--slo", "p99<100s", "--load", "warmup_seconds=0.001"];
    command(place, &[&fixed[..], &load, more].concat())
}

/// The same with a model behind a server.
pub(crate) fn planned_by(base_url: &str, mut experiment: Command) -> Command {
    experiment.args(["--model", "scripted"]);
    experiment.env("OPENAI_BASE_URL", base_url).env("OPENAI_API_KEY", "sk-not-a-real-key");
    experiment
}

/// Makes the report of a transcript again, with no model and no load.
pub(crate) fn replay(place: &TempDir, more: &[&str]) -> Output {
    let mut replay = command(place, &[&["experiment", "--replay", TRANSCRIPT], more].concat());
    replay.env_remove("OPENAI_BASE_URL").env_remove("OPENAI_API_KEY").output().unwrap()
}

/// The same as an object, with the exit code.
pub(crate) fn replayed(place: &TempDir) -> (Value, i32) {
    report(&replay(place, &["--format", "json"]))
}
