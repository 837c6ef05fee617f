//! The plan of a run that touches nothing.

use std::path::Path;

use chaos_core::{Plan, Reversible};
use chaos_runner::{DryEntry, DryRun};

use super::console::{print, print_json};
use super::failure::Failure;
use super::format::ReportFormat;

/// Prints it; 0 when every entry would be allowed to run, the code of `inconclusive` when one would be refused.
pub(crate) fn print_plan(plan: &DryRun, format: ReportFormat) -> Result<u8, Failure> {
    match format {
        ReportFormat::Text => print(&text(plan))?,
        ReportFormat::Json => print_json(plan)?,
        ReportFormat::Junit | ReportFormat::Html => {
            return Err(Failure::Usage("a plan has two forms; use `--format text` or `--format json`".to_owned()));
        }
    }
    Ok(if plan.allowed() { 0 } else { chaos_core::Verdict::Inconclusive.exit_code() })
}

/// Prints those of several files, in JSON as an array; a refusal in one is one of all.
pub(crate) fn print_plans(plans: &[(&Path, DryRun)], format: ReportFormat) -> Result<u8, Failure> {
    if let [(_, plan)] = plans {
        return print_plan(plan, format);
    }
    if format == ReportFormat::Json {
        print_json(&plans.iter().map(|(_, plan)| plan).collect::<Vec<_>>())?;
        let allowed = plans.iter().all(|(_, plan)| plan.allowed());
        return Ok(if allowed { 0 } else { chaos_core::Verdict::Inconclusive.exit_code() });
    }
    let mut worst = 0;
    for (file, plan) in plans {
        print(&format!("{}\n", file.display()))?;
        worst = worst.max(print_plan(plan, format)?);
    }
    Ok(worst)
}

fn text(plan: &DryRun) -> String {
    format!("{}\ndry run: nothing was touched\n", outline(plan)).trim_start().to_owned()
}

/// What each entry would do.
pub(crate) fn outline(plan: &DryRun) -> String {
    let mut text = Vec::new();
    let sources = plan.sources.iter().map(|source| ("source", source));
    for (word, node) in sources.chain(plan.nodes.iter().map(|node| ("node", node))) {
        text.push(format!("{word} {}", node.name));
        text.extend(node.plan.iter().flat_map(plan_lines).map(|line| format!("  {line}")));
        text.push(match &node.refusal {
            Some(refusal) => format!("  would not start: {refusal}"),
            None => "  would start".to_owned(),
        });
    }
    for entry in &plan.entries {
        text.push(format!("{} ({} after trigger {})", entry.name, entry.fault, entry.trigger));
        text.extend(lines(entry, plan.allowed()).iter().map(|line| format!("  {line}")));
    }
    for step in &plan.steps {
        text.push(format!("step {} ({})", step.name, step.kind.as_deref().unwrap_or("read when it starts")));
        let about = step.plan.as_ref().map(plan_lines).unwrap_or_default();
        text.extend(about.into_iter().map(|line| format!("  {line}")));
        text.extend(step.not_yet.iter().map(|why| format!("  not known yet: {why}")));
        text.push(match &step.refusal {
            Some(refusal) => format!("  would not run: {refusal}"),
            None => "  would run in its turn".to_owned(),
        });
    }
    text.extend(plan.refusals.iter().map(|refusal| format!("would not start: {refusal}")));
    text.join("\n")
}

fn lines(entry: &DryEntry, all_allowed: bool) -> Vec<String> {
    let mut lines = entry.plan.as_ref().map(plan_lines).unwrap_or_default();
    lines.extend(entry.not_yet.iter().map(|why| format!("not there yet: {why}")));
    lines.push(match &entry.refusal {
        Some(refusal) => format!("would not run: {refusal}"),
        None if all_allowed => "would run".to_owned(),
        None => "allowed, but would not run: not all of it is allowed, and it runs as a whole or not at all".to_owned(),
    });
    lines
}

fn plan_lines(plan: &Plan) -> Vec<String> {
    let mut lines = vec![format!("plan: {}", plan.summary)];
    let mut list = |what: &str, items: Vec<String>| {
        if !items.is_empty() {
            lines.push(format!("{what}: {}", items.join(", ")));
        }
    };
    list("touches", plan.touches.iter().map(ToString::to_string).collect());
    list("hosts", plan.reach.hosts.iter().map(ToString::to_string).collect());
    list("commands", plan.reach.commands.clone());
    list("paths", plan.reach.paths.iter().map(|path| path.display().to_string()).collect());
    list("at most", plan.ceilings.iter().map(|most| format!("{} {}", most.kind.words(), most.value)).collect());
    list("permissions", plan.permissions.iter().map(|need| format!("{} ({})", need.permission, need.why)).collect());
    match &plan.reversible {
        Reversible::No(why) => list("not reversible", vec![why.clone()]),
        Reversible::Yes if plan.touches.is_empty() => {}
        Reversible::Yes => list("reversible", vec!["yes".to_owned()]),
    }
    // What a step holds at the longest, whoever undoes it.
    list(
        "expires",
        plan.duration().map(|time| format!("{} s after it is armed", time.as_secs_f64())).into_iter().collect(),
    );
    lines
}

#[cfg(test)]
mod tests {
    use chaos_core::Resource;

    use super::*;

    fn entry(refusal: Option<&str>) -> DryEntry {
        DryEntry {
            name: "Pause".into(),
            trigger: "immediate".into(),
            fault: "pause_process".into(),
            plan: Some(Plan::new("stop process 71").touching(Resource::process(71, 9, 1))),
            not_yet: None,
            refusal: refusal.map(str::to_owned),
        }
    }

    #[test]
    fn a_plan_says_what_would_be_touched_and_whether_it_would_run() {
        let plan = DryRun {
            sources: Vec::new(),
            nodes: Vec::new(),
            entries: vec![entry(None), entry(Some("not allowed"))],
            steps: Vec::new(),
            refusals: Vec::new(),
        };
        assert_eq!(
            text(&plan),
            "Pause (pause_process after trigger immediate)\n  plan: stop process 71\n  touches: process:71@9\n  \
             reversible: yes\n  allowed, but would not run: not all of it is allowed, and it runs as a whole or not at \
             all\nPause (pause_process after trigger immediate)\n  plan: stop process 71\n  touches: process:71@9\n  \
             reversible: yes\n  would not run: not allowed\ndry run: nothing was touched\n"
        );
    }
}
