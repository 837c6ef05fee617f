//! What a harness that embeds Squall needs: `use squall::prelude::*;`.

pub use chaos_core::{
    Answer, BoxFuture, ChaosResult, ChaosSpec, Event, EventKind, EventStream, Evidence, HostPattern, Observation,
    Policy, RunContext, Seconds, StateDir, Task, Verdict, Verification,
};
pub use chaos_experiment::{Experiment, ExperimentError, ExperimentRun};
pub use chaos_runner::{
    EntryControl, EntryHandle, EntryStage, EntryState, Guardian, RecoverReport, ReleaseEffect, Report, RunControl,
    RunHandle, Runner, RunnerError, Session, SessionEnd, SessionPlan, Verifier, recover,
};
pub use chaos_schema::{Diagnostic, Document, ExperimentSpec, FromValue};
#[cfg(feature = "validate")]
pub use chaos_schema::{LoadOptions, Loaded, load, load_bytes, render};

#[cfg(test)]
mod tests {
    /// Changing this list changes what every embedder sees: say so in CHANGELOG.md.
    const SURFACE: &[&str] = &[
        "Answer",
        "BoxFuture",
        "ChaosResult",
        "ChaosSpec",
        "Diagnostic",
        "Document",
        "EntryControl",
        "EntryHandle",
        "EntryStage",
        "EntryState",
        "Event",
        "EventKind",
        "EventStream",
        "Evidence",
        "Experiment",
        "ExperimentError",
        "ExperimentRun",
        "ExperimentSpec",
        "FromValue",
        "Guardian",
        "HostPattern",
        "LoadOptions",
        "Loaded",
        "Observation",
        "Policy",
        "RecoverReport",
        "ReleaseEffect",
        "Report",
        "RunContext",
        "RunControl",
        "RunHandle",
        "Runner",
        "RunnerError",
        "Seconds",
        "Session",
        "SessionEnd",
        "SessionPlan",
        "StateDir",
        "Task",
        "Verdict",
        "Verification",
        "Verifier",
        "load",
        "load_bytes",
        "recover",
        "render",
    ];

    #[test]
    fn the_surface_is_exactly_this() {
        let source = include_str!("prelude.rs");
        let uses = source.split("#[cfg(test)]").next().unwrap_or_default().split("pub use ").skip(1);
        let mut names: Vec<&str> = uses
            .flat_map(|one| one.split(['{', '}']).nth(1).unwrap_or_default().split(','))
            .map(str::trim)
            .filter(|name| !name.is_empty())
            .collect();
        names.sort_unstable();
        assert_eq!(names, SURFACE);
    }

    #[test]
    fn nothing_comes_in_by_a_glob_or_a_new_item() {
        let source = include_str!("prelude.rs").split("#[cfg(test)]").next().unwrap_or_default();
        let items = source.lines().filter(|line| line.starts_with("pub ") || line.starts_with("pub("));
        assert!(items.clone().all(|line| line.starts_with("pub use ")) && !source.contains("::*;\n"), "{source}");
    }
}
