//! A soak again: the same plan, and a smaller one that still fails.

use std::path::{Path, PathBuf};

use chaos_core::Verdict;
use chaos_soak::{SoakFailure, SoakManifest, SoakPlan, SoakReport};
use serde_json::json;

use super::{DataFormat, DocumentFlags, Failure, SoakFlags, Source, keep, on_runtime, say};

/// Runs the plan of a soak again: the same faults with the same values, on the same nodes, in the same order.
///
/// The document stands in the manifest as it was written; variables are given as to `squall soak`. Exit codes are those of the
/// soak.
#[derive(Debug, clap::Args)]
pub(crate) struct ReplayArgs {
    /// The manifest that `squall soak` wrote.
    #[arg(value_name = "MANIFEST")]
    pub(crate) manifest: PathBuf,
    #[command(flatten)]
    document: DocumentFlags,
    #[command(flatten)]
    pub(crate) flags: SoakFlags,
}

/// Finds a smaller plan that still fails as the soak did, and writes a manifest of it.
///
/// It runs parts of the plan again and again (delta debugging), at most `--tries` times. Exit codes: 0 a plan that fails was
/// found, 2 the soak does not fail again, or has not failed at all, 3 something may be in force.
#[derive(Debug, clap::Args)]
pub(crate) struct ShrinkArgs {
    /// The manifest of a soak that failed.
    #[arg(value_name = "MANIFEST")]
    pub(crate) manifest: PathBuf,
    /// How many plans are run at the most.
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    tries: u32,
    /// Where the smaller manifest goes; default: beside the other one, with `.shrunk.json` at its end.
    #[arg(long, value_name = "PATH")]
    output: Option<PathBuf>,
    #[command(flatten)]
    document: DocumentFlags,
    #[command(flatten)]
    pub(crate) flags: SoakFlags,
}

fn source<'a>(manifest: &SoakManifest, document: &'a DocumentFlags, flags: &'a SoakFlags) -> Source<'a> {
    Source {
        name: manifest.file.clone(),
        bytes: manifest.document.clone().into_bytes(),
        step: manifest.step.clone(),
        document,
        flags,
    }
}

/// The same rule: the numbers of events differ in a smaller plan.
fn is_again(report: &SoakReport, failure: &SoakFailure) -> bool {
    report.to_reproduce().is_some_and(|seen| seen.rule == failure.rule)
}

pub(crate) fn replay(args: &ReplayArgs) -> Result<u8, Failure> {
    let manifest = SoakManifest::read(&args.manifest)?;
    let source = source(&manifest, &args.document, &args.flags);
    let mut report = on_runtime(async |signals| source.run(manifest.plan.clone(), signals).await)?;
    report.manifest = Some(args.manifest.display().to_string());
    args.flags.tell(&report)?;
    let told = |failure: &SoakFailure| match failure.event {
        Some(event) => format!("{} after event {event}", failure.rule),
        None => failure.rule.clone(),
    };
    match (&manifest.failure, report.to_reproduce()) {
        (None, _) => {}
        (Some(before), Some(now)) if *before == now => say(&format!("the same failure again: {}", told(&now))),
        (Some(before), Some(now)) => say(&format!("another failure: {}; before: {}", told(&now), told(before))),
        (Some(before), None) => say(&format!("the failure did not appear again: {}", told(before))),
    }
    Ok(report.verdict.exit_code())
}

pub(crate) fn shrink(args: &ShrinkArgs) -> Result<u8, Failure> {
    let mut manifest = SoakManifest::read(&args.manifest)?;
    let Some(failure) = manifest.failure.clone() else {
        let path = args.manifest.display();
        say(&format!("the soak of `{path}` has not failed, so there is nothing to shrink"));
        return Ok(Verdict::Inconclusive.exit_code());
    };
    let source = source(&manifest, &args.document, &args.flags);
    let mut events = manifest.plan.events.clone();
    if let Some(last) = failure.event {
        // What comes later has no part in it.
        events.retain(|event| event.number <= last);
    }
    events.retain(|event| event.skipped.is_none());
    let (seed, all) = (manifest.plan.seed, manifest.plan.events.len());
    let mut last = None;
    let shrunk = on_runtime(async |signals| {
        let mut fails = async |events: &[chaos_soak::PlannedEvent]| {
            let report = source.run(SoakPlan { seed, events: events.to_vec() }, signals).await?;
            let again = is_again(&report, &failure);
            say(&format!("{} events: {}", events.len(), if again { "fails" } else { report.verdict.word() }));
            // Nothing runs on after that.
            if report.interrupted || (report.verdict == Verdict::RevertFailed && !again) {
                return Err(Failure::Declined("a run of the smaller plan was ended early"));
            }
            if again {
                last = report.to_reproduce();
            }
            Ok(again)
        };
        if !fails(&events).await? {
            return Ok(None);
        }
        chaos_soak::shrink(events.clone(), args.tries, fails).await.map(Some)
    })?;
    let Some(shrunk) = shrunk else {
        say("the failure did not appear again, so it can't be shrunk");
        return Ok(Verdict::Inconclusive.exit_code());
    };
    manifest.plan.events = shrunk.events;
    manifest.failure = last.or(Some(failure));
    let path = args.output.clone().unwrap_or_else(|| beside(&args.manifest));
    keep(&manifest, &path)?;
    let (kept, tries) = (manifest.plan.events.len(), shrunk.tries + 1);
    match args.flags.format {
        DataFormat::Json => args.flags.out().print_json(&json!({
            "events": kept, "of": all, "tries": tries, "minimal": shrunk.minimal, "manifest": path, "plan": manifest.plan,
        }))?,
        DataFormat::Text => {
            let minimal = if shrunk.minimal { "none of them can be left out" } else { "the tries ran out" };
            let text = manifest.plan.text();
            args.flags.out().print(&format!("{text}{kept} of {all} events still fail ({tries} tries; {minimal})\n"))?;
        }
    }
    say(&format!("manifest: {}", path.display()));
    Ok(0)
}

fn beside(manifest: &Path) -> PathBuf {
    manifest.with_extension("shrunk.json")
}
