//! `squall ps`: the nodes of live runs.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chaos_core::{StateDir, visible_line};
use chaos_runner::{ControlError, ControlReply, ControlRequest, NodeReply, RunNodesReply, control, live_runs};

use super::console::{Colour, Paint, print, print_json};
use super::failure::Failure;
use super::format::DataFormat;
use super::settings;

/// Lists the nodes of live runs: process, state, readiness, ports, and since when.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Id of one run; default: every live run that has nodes.
    #[arg(value_name = "RUN")]
    run: Option<String>,
    /// How to print it.
    #[arg(long, value_enum, default_value_t)]
    pub(super) format: DataFormat,
}

pub(super) fn run(args: &Args) -> Result<u8, Failure> {
    let state = settings::located_state_dir()?;
    let runs = if let Some(run) = &args.run {
        vec![nodes_of(&state, run).map_err(Failure::control)?]
    } else {
        // A run that ends meanwhile has no nodes any more.
        let answered = live_runs(&state).into_iter().filter_map(|run| nodes_of(&state, &run).ok());
        answered.filter(|run| !run.nodes.is_empty()).collect()
    };
    match args.format {
        DataFormat::Json => print_json(&runs)?,
        DataFormat::Text => print(&table(&runs, SystemTime::now(), Paint::stdout()))?,
    }
    Ok(0)
}

/// The nodes of a run.
pub(super) fn nodes_of(state: &StateDir, run: &str) -> Result<RunNodesReply, ControlError> {
    match control(state, run, &ControlRequest::Nodes {})? {
        ControlReply::Nodes(nodes) => Ok(nodes),
        other => Err(ControlError::Refused(format!("run `{run}` answered something else: {other:?}"))),
    }
}

fn table(runs: &[RunNodesReply], now: SystemTime, paint: Paint) -> String {
    if runs.is_empty() {
        return "no live run has nodes\n".to_owned();
    }
    runs.iter().map(|run| of_run(run, now, paint)).collect()
}

fn of_run(run: &RunNodesReply, now: SystemTime, paint: Paint) -> String {
    let what = if run.held { "held until `squall down`" } else { "runs a task" };
    let title = paint.paint(Colour::Bold, &format!("run {}", run.run_id));
    let head = ["NODE", "PID", "STATE", "READY", "PORTS", "FOR"].map(str::to_owned);
    let rows: Vec<[String; 6]> = std::iter::once(head).chain(run.nodes.iter().map(|node| row(node, now))).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let line = |row: &[String; 6]| {
        let cells = row.iter().enumerate().map(|(column, cell)| format!("{cell:<0$}", width(column)));
        format!("  {}", cells.collect::<Vec<_>>().join("  ").trim_end())
    };
    let lines: Vec<String> = std::iter::once(format!("{title} ({what})")).chain(rows.iter().map(line)).collect();
    lines.join("\n") + "\n"
}

fn row(node: &NodeReply, now: SystemTime) -> [String; 6] {
    let absent = || "-".to_owned();
    let ports: Vec<String> = node.ports.iter().map(|(name, port)| format!("{name}={port}")).collect();
    let since = node.since_unix_seconds.and_then(|since| Duration::try_from_secs_f64(since).ok());
    let long = since.and_then(|since| now.duration_since(UNIX_EPOCH + since).ok());
    let mut state = node.state.word().to_owned();
    if !node.detail.is_empty() {
        state = format!("{state} ({})", visible_line(&node.detail));
    }
    if node.protected {
        state += ", protected";
    }
    [
        node.name.clone(),
        node.pid.map_or_else(absent, |pid| pid.to_string()),
        state,
        if node.ready { "yes" } else { "no" }.to_owned(),
        if ports.is_empty() { absent() } else { ports.join(" ") },
        long.map_or_else(absent, |long| format!("{} s", long.as_secs())),
    ]
}

#[cfg(test)]
mod tests {
    use chaos_core::NodeState;

    use super::*;

    #[test]
    fn every_node_has_a_line_and_control_characters_are_spelled_out() {
        let node = |name: &str, pid: u32, state, detail: &str| NodeReply {
            name: name.into(),
            pid: pid.try_into().ok(),
            state,
            ready: pid > 0,
            protected: name == "db",
            ports: [("client".to_owned(), 10_000.try_into().unwrap())].into(),
            since_unix_seconds: (pid > 0).then_some(40.0),
            detail: detail.into(),
        };
        let nodes = vec![node("db", 7, NodeState::Running, ""), node("n1", 0, NodeState::Ended, "exit \u{1b}[31m")];
        let runs = [RunNodesReply { run_id: "1-2-3".into(), held: true, nodes }];
        let text = table(&runs, UNIX_EPOCH + Duration::from_secs(52), Paint::off());
        let lines = [
            "run 1-2-3 (held until `squall down`)",
            "  NODE  PID  STATE                    READY  PORTS         FOR",
            "  db    7    running, protected       yes    client=10000  12 s",
            "  n1    -    ended (exit \\u{1b}[31m)  no     client=10000  -",
            "",
        ];
        assert_eq!(text, lines.join("\n"));
        assert_eq!(table(&[], UNIX_EPOCH, Paint::off()), "no live run has nodes\n");
    }
}
