//! `--dry-run`: what would be applied, and whether the policy allows it.

use chaos_core::{Policy, Verdict};
use chaos_workflow_run::{DryScenario, ScenarioOptions, dry_scenario};
use serde_json::json;

use crate::cli::console::Out;
use crate::cli::execute::on_runtime;
use crate::cli::failure::Failure;
use crate::cli::format::ReportFormat;

pub(super) fn run(options: &ScenarioOptions, policy: &Policy, format: ReportFormat, out: Out) -> Result<u8, Failure> {
    let found = on_runtime(async |_| Ok(dry_scenario(options, policy).await))?;
    let DryScenario { fetched, steps, notes, deadline_seconds, refusals } = &found;
    if format == ReportFormat::Json {
        out.print_json(&json!({
            "workflow": options.workflow(),
            "namespace": options.namespace,
            "mode": options.mode,
            "source": fetched,
            "steps": steps,
            "deadline_seconds": deadline_seconds,
            "notes": notes,
            "refusals": refusals,
        }))?;
    } else {
        let (workflow, namespace, mode) = (options.workflow(), &options.namespace, options.mode.word());
        let mut lines = vec![format!("{workflow} in namespace {namespace}, {mode} mode")];
        lines.extend(fetched.commit.as_ref().map(|commit| format!("from {} at commit {commit}", fetched.repo)));
        lines.extend(steps.iter().map(|step| format!("  {step}")));
        lines.extend(notes.iter().map(|note| format!("note: {note}")));
        lines.extend(refusals.iter().map(|why| format!("refused: {why}")));
        lines.push("dry run: nothing was applied\n".to_owned());
        out.print(&lines.join("\n"))?;
    }
    Ok(if refusals.is_empty() { 0 } else { Verdict::Inconclusive.exit_code() })
}
