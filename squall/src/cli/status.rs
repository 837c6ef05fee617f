//! `squall status`: what is in force, by whom, and for how much longer.

use chaos_core::visible_line;
use chaos_runner::{RunInForce, StepInForce, in_force};

use super::console::{print, print_json};
use super::failure::Failure;
use super::format::DataFormat;
use super::settings;

/// Lists what is in force, newest first: by which run, who keeps it, and for how much longer. Touches nothing.
///
/// A dead run that has something in force is an exit code of 3: `squall recover` undoes it.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// How to print it.
    #[arg(long, value_enum, default_value_t)]
    pub(super) format: DataFormat,
}

pub(super) fn run(args: &Args) -> Result<u8, Failure> {
    let state = settings::located_state_dir()?;
    let runs = in_force(&state).map_err(Failure::Journal)?;
    match args.format {
        DataFormat::Json => print_json(&runs)?,
        DataFormat::Text if runs.is_empty() => print(&format!("nothing is in force in {}\n", state.root().display()))?,
        DataFormat::Text => print(&runs.iter().map(text).collect::<String>())?,
    }
    let abandoned = |run: &RunInForce| !run.alive && (!run.in_force.is_empty() || !run.problems.is_empty());
    Ok(if runs.iter().any(abandoned) { 3 } else { 0 })
}

fn text(run: &RunInForce) -> String {
    let life = match (run.alive, run.taken_over) {
        (true, false) => "live",
        (true, true) => "live, and taken over",
        (false, _) => "dead: `squall recover` undoes it",
    };
    let by = run.executable.as_deref().unwrap_or("?");
    let pid = run.holder_pid.map(|pid| format!(", process {pid}")).unwrap_or_default();
    let mut lines = vec![format!("run {} ({life}; `{by}`{pid})", run.run_id)];
    for keeper in run.kept_by.iter().filter(|keeper| Some(keeper.pid) != run.holder_pid) {
        lines.push(format!("  kept by process {} (`{}`, state {})", keeper.pid, keeper.program, keeper.state));
    }
    lines.extend(run.in_force.iter().map(step));
    if run.in_force.is_empty() {
        lines.push("  nothing in force".to_owned());
    }
    lines.extend(run.problems.iter().map(|problem| format!("  can't be read: {problem}")));
    lines.iter().map(|line| visible_line(line).into_owned() + "\n").collect()
}

fn step(step: &StepInForce) -> String {
    let time = match step.seconds_left {
        None => "until its run ends".to_owned(),
        Some(left) if left >= 0.0 => format!("{left:.1} s left"),
        Some(left) => format!("{:.1} s late", -left),
    };
    format!("  {}: {time}; undone by: {}", step.entry, step.undo)
}

#[cfg(test)]
mod tests {
    use chaos_runner::KeptBy;

    use super::*;

    #[test]
    fn a_run_its_keeper_its_steps_and_what_cannot_be_read_have_a_line_each() {
        let step = |entry: &str, seconds_left| StepInForce { entry: entry.into(), undo: "resume".into(), seconds_left };
        let run = RunInForce {
            run_id: "1-2-3".into(),
            journal: "/j".into(),
            executable: Some("/bin/squall".into()),
            alive: true,
            holder_pid: Some(7),
            taken_over: false,
            kept_by: vec![
                KeptBy { pid: 7, program: "squall".into(), state: 'S' },
                KeptBy { pid: 9, program: "squall-helper:guardian".into(), state: 'T' },
            ],
            in_force: vec![step("/a\u{1b}", Some(2.04)), step("/b", Some(-1.0)), step("/nodes/n1", None)],
            problems: vec!["line 3".into()],
        };
        let lines = [
            "run 1-2-3 (live; `/bin/squall`, process 7)",
            "  kept by process 9 (`squall-helper:guardian`, state T)",
            "  /a\\u{1b}: 2.0 s left; undone by: resume",
            "  /b: 1.0 s late; undone by: resume",
            "  /nodes/n1: until its run ends; undone by: resume",
            "  can't be read: line 3",
            "",
        ];
        assert_eq!(text(&run), lines.join("\n"));
    }
}
