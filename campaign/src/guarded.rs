//! What a guardian must undo: a later fault is one more line of the table.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::flaw::{Flaw, FlawKind};
use crate::groups::VictimGroup;
use crate::link_server::Passing;
use crate::link_watch::{LinkWatch, NODE};
use crate::processes::soft_descriptors;
use crate::round::Round;
use crate::service::Service;
use crate::sign::Sign;
use crate::sites::ArmedSite;

/// A command whose effects the world shows.
#[derive(Debug)]
pub(crate) struct Guarded {
    /// What it is called in a report.
    pub(crate) name: &'static str,
    /// Prepares the round, says how the world shows it, and gives the arguments of the program; the fault holds for so long.
    pub(crate) arguments: fn(&mut Round, Duration) -> Result<Vec<String>, Flaw>,
    /// With what exit codes a run that was not killed may end; without its guardian nothing is injected.
    pub(crate) codes: &'static [i32],
}

const fn row(name: &'static str, arguments: fn(&mut Round, Duration) -> Result<Vec<String>, Flaw>) -> Guarded {
    Guarded { name, arguments, codes: &[0, 2] }
}

/// All of them. A fault on a node, or on a process of the campaign's own, needs its action alone.
pub(crate) const GUARDED: [Guarded; 35] = [
    row("pause_process", Round::pause),
    row("pause_process on a node", |round, hold| on_nodes(round, hold, json!({"type": "pause_process"}))),
    row("kill_process", |round, hold| on_nodes(round, hold, json!({"type": "kill_process"}))),
    row("restart_process", |round, hold| on_nodes(round, hold, json!({"type": "restart_process"}))),
    row("burst_kill", |round, hold| {
        let target = json!({"nodes": {"role": "member"}, "pick": 2});
        on_nodes(round, hold, json!({"type": "burst_kill", "target": target}))
    }),
    row("disk_full", disk),
    row("disk_full on a node", |round, hold| on_nodes(round, hold, json!({"type": "disk_full"}))),
    row("pause_process, freezer", |round, hold| on_a_group(round, hold, freezer())),
    row("pause_process, freezer, on a node", |round, hold| on_nodes(round, hold, freezer())),
    row("limit_resources", |round, hold| on_a_group(round, hold, limits())),
    row("limit_resources on a node", |round, hold| on_nodes(round, hold, limits())),
    row("exhaust_pids", |round, hold| on_a_group(round, hold, json!({"type": "exhaust_pids"}))),
    row("exhaust_pids on a node", |round, hold| on_nodes(round, hold, json!({"type": "exhaust_pids"}))),
    row("exhaust_fds", descriptors),
    // The node may not have opened its files yet: then it ends, and the run has deviated.
    Guarded {
        codes: &[0, 1, 2],
        ..row("exhaust_fds on a node", |round, hold| on_nodes(round, hold, json!({"type": "exhaust_fds"})))
    },
    row("stress_cpu", |round, hold| on_a_group(round, hold, json!({"type": "stress_cpu"}))),
    row("stress_cpu on a node", |round, hold| on_nodes(round, hold, json!({"type": "stress_cpu"}))),
    row("stress_memory", |round, hold| on_a_group(round, hold, memory())),
    row("stress_memory on a node", |round, hold| on_nodes(round, hold, memory())),
    row("oom on a node", |round, hold| on_nodes(round, hold, json!({"type": "oom"}))),
    row("clock_skew on a node", |round, hold| on_nodes(round, hold, json!({"type": "clock_skew", "offset": "3600s"}))),
    row("slow_link", |round, hold| on_a_link(round, hold, json!({"type": "slow_link", "latency": "1s"}))),
    row("lossy_link", |round, hold| on_a_link(round, hold, json!({"type": "lossy_link", "every": 1}))),
    row("limit_bandwidth", |round, hold| {
        on_a_link(round, hold, json!({"type": "limit_bandwidth", "bytes_per_second": 1000}))
    }),
    row("black_hole", |round, hold| on_a_link(round, hold, json!({"type": "black_hole"}))),
    row("partition_pair", |round, hold| on_a_link(round, hold, json!({"type": "partition_pair", "a": "a", "b": "b"}))),
    row("partition_subset", |round, hold| {
        on_a_link(round, hold, json!({"type": "partition_subset", "sides": {"a": ["a"], "b": ["b"]}}))
    }),
    row("firewall_inbound", |round, hold| on_a_link(round, hold, json!({"type": "firewall_inbound", "node": "b"}))),
    row("flap_link", |round, hold| on_a_link(round, hold, json!({"type": "flap_link", "down": "30ms", "up": "30ms"}))),
    row("http_fault", |round, hold| {
        on_a_link(round, hold, json!({"type": "http_fault", "effect": {"answer": {"status": 503}}}))
    }),
    // Nobody is connected, so it does not land.
    row("reset_connections", |round, _| on_a_link(round, Duration::ZERO, json!({"type": "reset_connections"}))),
    row("nat_shift", |round, _| on_a_link(round, Duration::ZERO, json!({"type": "nat_shift"}))),
    row("failpoint", fail_point),
    row("generate_load", |round, hold| load(round, hold, "embedded")),
    row("generate_load, fortio", |round, hold| load(round, hold, "fortio")),
];

fn freezer() -> Value {
    json!({"type": "pause_process", "method": "freezer"})
}

fn limits() -> Value {
    json!({"type": "limit_resources", "cpus": 0.5, "memory_bytes": 1 << 28})
}

fn memory() -> Value {
    json!({"type": "stress_memory", "bytes": 1 << 20})
}

/// The file that is run, and that in which a run tells what it does.
const TASK: &str = "task.json";
const EVENTS: &str = "events.jsonl";
/// The folder that a fault fills.
const FILLED: &str = "filled";
/// The file that nodes read or write, by whose path they are known.
const WORD: &str = "word";
/// A node that writes its time to a file, as it sees it.
const TELLS_TIME: &str = "while :; do date +%s > \"$0\"; sleep 0.05; done";

/// A fault on two nodes of the task's own.
fn on_nodes(round: &mut Round, hold: Duration, mut action: Value) -> Result<Vec<String>, Flaw> {
    let word = round.place.path().join(WORD);
    fs::write(&word, "")?;
    let kind = action["type"].as_str().unwrap_or_default().to_owned();
    let mut node = json!({"type": "process", "argv": ["tail", "-f", word], "labels": {"role": "member"}});
    round.signs.push(Sign::Node(word.clone()));
    match kind.as_str() {
        "limit_resources" | "exhaust_pids" | "oom" | "stress_cpu" | "stress_memory" => {
            node["group"] = true.into();
        }
        "pause_process" if action["method"] == "freezer" => node["group"] = true.into(),
        "pause_process" => round.signs.push(Sign::NodeStopped(word)),
        "exhaust_fds" => {
            let ours = soft_descriptors(std::process::id()).unwrap_or_default();
            round.signs.push(Sign::NodeDescriptors(word, ours));
        }
        "disk_full" => {
            node["tmpfs_bytes"] = (1 << 20).into();
            round.signs.extend([Sign::Mount, Sign::MountFull]);
        }
        "clock_skew" => {
            node["argv"] = json!(["sh", "-c", TELLS_TIME, word]);
            node["clock"] = true.into();
            round.signs.extend([Sign::ClockPage, Sign::Shifted(word)]);
        }
        _ => {}
    }
    if node["group"] == true {
        let loads = kind.starts_with("stress");
        round.signs.extend([Sign::Group, if loads { Sign::Load } else { Sign::GroupLimited }]);
    }
    if action["target"].is_null() {
        action["target"] = json!({"node": "n1"});
    }
    let span = if kind == "restart_process" { None } else { Some(hold) };
    run(round, json!({"nodes": {"n1": node, "n2": node}}), &action, span)
}

/// A fault on a process of ours, in a group of its own.
fn on_a_group(round: &mut Round, hold: Duration, mut action: Value) -> Result<Vec<String>, Flaw> {
    let pid = round.victim()?;
    round.signs.push(Sign::VictimLimited(VictimGroup::of(pid)));
    if action["type"].as_str().is_some_and(|kind| kind.starts_with("stress")) {
        round.signs.push(Sign::Load);
    }
    action["target"] = json!({"pid": pid});
    run(round, json!({}), &action, Some(hold))
}

/// A fault on a link to a server of this process. A run that has none has no process of a link either.
fn on_a_link(round: &mut Round, hold: Duration, mut action: Value) -> Result<Vec<String>, Flaw> {
    let (passing, protocol) = match action["type"].as_str() {
        Some("nat_shift") => (Passing::Datagrams, "udp"),
        Some("http_fault") => (Passing::Http, "http"),
        _ => (Passing::Stream, "tcp"),
    };
    let watch = LinkWatch::start(passing)?;
    let link = json!({
        "type": "link", "upstream": watch.upstream(), "protocol": protocol, "from": "a", "to": "b", "ports": ["listen"],
    });
    round.signs.push(Sign::Link(watch));
    let keys = action
        .as_object()
        .map_or(0, |keys| keys.keys().filter(|key| ["a", "node", "sides"].contains(&key.as_str())).count());
    if keys == 0 {
        action["target"] = json!({"link": NODE});
    }
    // One that is over at once leaves nothing to be seen.
    let span = if hold.is_zero() { None } else { Some(hold) };
    if span.is_some() {
        round.signs.push(Sign::LinkActs);
    }
    run(round, json!({"nodes": {NODE: link}}), &action, span)
}

/// Lets the run of a fault on a link live on, with the link, when the fault is undone: it waits for what nobody tells it. Gives what is
/// added to its arguments, so that it tells when the fault is.
pub(crate) fn live_on(round: &Round) -> Result<[&'static str; 2], Flaw> {
    let path = round.place.path().join(TASK);
    let mut task: Value = serde_json::from_slice(&fs::read(&path)?).map_err(io::Error::from)?;
    let action = if task["nodes"][NODE]["protocol"] == "udp" { "nat_shift" } else { "reset_connections" };
    let entries =
        task["chaos_spec"].as_array_mut().ok_or_else(|| Flaw::new(FlawKind::Setup, "a task has no entries"))?;
    entries.push(json!({
        "name": "never", "trigger": {"type": "event", "told": "never"}, "action": {"type": action, "target": {"link": NODE}},
    }));
    fs::write(&path, task.to_string())?;
    Ok(["--events", EVENTS])
}

/// Whether the first entry of such a run is over.
pub(crate) fn first_is_over(round: &Round) -> bool {
    let text = fs::read_to_string(round.place.path().join(EVENTS)).unwrap_or_default();
    let mut events = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    events.any(|event| event["event"] == "ended" && event["path"] == "/chaos_spec/0")
}

fn descriptors(round: &mut Round, hold: Duration) -> Result<Vec<String>, Flaw> {
    let pid = round.victim()?;
    let before = soft_descriptors(pid).ok_or_else(|| Flaw::new(FlawKind::Setup, "a victim has no limits"))?;
    round.signs.push(Sign::VictimDescriptors(pid, before));
    run(round, json!({}), &json!({"type": "exhaust_fds", "target": {"pid": pid}}), Some(hold))
}

fn disk(round: &mut Round, hold: Duration) -> Result<Vec<String>, Flaw> {
    let folder = filled(round);
    fs::create_dir_all(&folder)?;
    let action = json!({"type": "disk_full", "directory": folder, "fill": {"bytes": 1 << 16}});
    run(round, json!({}), &action, Some(hold))
}

fn fail_point(round: &mut Round, hold: Duration) -> Result<Vec<String>, Flaw> {
    let site = ArmedSite::take()?;
    let action = json!({"type": "failpoint", "url": site.url(), "site": site.name(), "error": "no"});
    round.signs.push(Sign::Fires(site));
    run(round, json!({}), &action, Some(hold))
}

/// A load ends by itself, so it is longer than the time that others hold.
fn load(round: &mut Round, hold: Duration, engine: &str) -> Result<Vec<String>, Flaw> {
    let service = Service::start()?;
    let seconds = 1 + u64::from(hold > Duration::from_millis(40));
    let target = json!({
        "service_url": service.url(), "qps": 50, "concurrency": 2, "duration": format!("{seconds}s"),
    });
    if engine == "fortio" {
        round.signs.push(Sign::Node(service.url().into()));
    }
    round.signs.push(Sign::Connected(service));
    run(round, json!({}), &json!({"type": "generate_load", "target": target, "engine": engine}), None)
}

fn filled(round: &Round) -> PathBuf {
    round.place.path().join(FILLED)
}

/// A task of one entry.
fn run(round: &mut Round, mut task: Value, action: &Value, hold: Option<Duration>) -> Result<Vec<String>, Flaw> {
    let folder = filled(round);
    round.signs.push(Sign::Filled(folder.clone()));
    let mut entry = json!({"name": "one", "trigger": {"type": "immediate"}, "action": action});
    if let Some(hold) = hold {
        entry["duration_seconds"] = hold.as_secs_f64().into();
    }
    task["chaos_spec"] = json!([entry]);
    fs::write(round.place.path().join(TASK), task.to_string())?;
    let mut words = vec!["run", TASK, "--permit", "root", "--allow-path"];
    let folder = folder.display().to_string();
    words.push(&folder);
    for program in ["tail", "sh", "fortio"] {
        words.extend(["--allow-command", program]);
    }
    Ok(words.into_iter().map(str::to_owned).collect())
}

/// Why this machine, or this build, can't do it, as the program says before it touches anything.
pub(crate) fn refused(round: &Round, args: &[String]) -> Result<Option<String>, Flaw> {
    if args.first().is_none_or(|verb| verb != "run") {
        return Ok(None);
    }
    let mut command = Command::new(round.place.program());
    command.args(args).arg("--dry-run");
    round.place.settle_in(&mut command);
    let output = command.stdout(Stdio::piped()).stderr(Stdio::piped()).output()?;
    if output.status.success() {
        return Ok(None);
    }
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = lines.clone().next().unwrap_or("it does not say why");
    Ok(Some(lines.find_map(|line| line.strip_prefix("would not run: ")).unwrap_or(first).to_owned()))
}
