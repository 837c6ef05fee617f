//! SIGKILL at a random moment of an experiment that pauses a process.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::campaign::Campaign;
use crate::child::{kill, sleep, spin_for};
use crate::control::Control;
use crate::flaw::{Flaw, FlawKind};
use crate::round::Round;
use crate::service::Service;

/// The first block with the fault, and the rest behind it.
const LONGEST: Duration = Duration::from_millis(2500);
/// Events of the first pair.
const EVENTS: u64 = 36;
/// A seed with which an experiment begins with the block that has the fault.
const FAULT_FIRST: u64 = 1;
const TRANSCRIPT: &str = "transcript.jsonl";
const EVENT_STREAM: &str = "events.jsonl";
const PAGE: &str = "page.html";

/// Undoes what it did, and knows nothing of a report.
const NO_REPORT: &str = r#"#!/bin/sh
case "$*" in
*--replay*) echo '{"complete": true, "outcome": "changed", "why": "", "steps": []}'; exit 0 ;;
experiment*) echo '{"kind":"started","id":1}' > transcript.jsonl; for i in 1 2 3 4 5 6 7 8 9; do echo > events.jsonl; sleep 0.1; done ;;
esac
"#;

/// Kills experiments.
#[derive(Debug)]
pub(super) struct Experiment;

impl Campaign for Experiment {
    fn name(&self) -> &'static str {
        "experiment"
    }

    fn about(&self) -> &'static str {
        "kills an experiment at a random moment; its report so far must be there, and say where it was cut off"
    }

    fn control(&self) -> Control {
        Control { program: NO_REPORT, found: &[FlawKind::Report] }
    }

    fn lanes(&self) -> usize {
        2
    }

    fn round(&self, round: &mut Round) -> Result<(), Flaw> {
        let service = Service::start()?;
        let by_time = round.random.one_in(2);
        let seed = if by_time { FAULT_FIRST } else { round.random.below(1 << 32) };
        let fault = format!("{{type: pause_process, pid: {}}}", round.victim()?);
        let load = ["qps=50", "seconds=0.3", "warmup_seconds=0.1"].map(|part| ["--load", part]);
        let fixed = ["experiment", "is it slower while another is paused", "--target", &service.url(), "--offline"];
        let asked = ["--strategy", "compare", "--fault", &fault, "--runs", "50", "--seed", &seed.to_string()];
        let files = ["--transcript", TRANSCRIPT, "--events", EVENT_STREAM];
        let mut run = round.start(&[&fixed[..], &asked, load.as_flattened(), &files].concat())?;
        let waited = wait(round, &mut run, by_time);
        let ended = run.try_wait()?.is_some();
        kill(&mut run);
        waited?;
        round.count_moment(ended);
        let acted = round.any_stopped() || round.place.is_armed();
        round.settle()?;
        if lines(&round.place.path().join(TRANSCRIPT)) > 0 {
            return says_so(round);
        }
        round.tally.count("killed before the transcript");
        if acted { Err(round.finding(FlawKind::Report, "it acted without a transcript")) } else { Ok(()) }
    }
}

/// Waits a random time, or for a random event.
fn wait(round: &mut Round, run: &mut Child, by_time: bool) -> Result<(), Flaw> {
    if by_time {
        until(round, run, "a transcript", TRANSCRIPT, 1)?;
        spin_for(round.random.time(LONGEST));
        return Ok(());
    }
    let events = usize::try_from(1 + round.random.below(EVENTS)).unwrap_or(1);
    until(round, run, "so many events", EVENT_STREAM, events)
}

/// Waits until a file has so many lines; not for a run that has ended.
fn until(round: &Round, run: &mut Child, what: &str, file: &str, lines: usize) -> Result<(), Flaw> {
    let (start, file) = (Instant::now(), round.place.path().join(file));
    while self::lines(&file) < lines {
        if run.try_wait()?.is_some() {
            return Ok(());
        }
        if start.elapsed() > round.patience {
            return Err(round.finding(FlawKind::Hang, &format!("the experiment never came to {what}")));
        }
        sleep(Duration::from_micros(500));
    }
    Ok(())
}

fn lines(file: &Path) -> usize {
    fs::read(file).unwrap_or_default().split(|byte| *byte == b'\n').count() - 1
}

/// The report has each step that ended, and says that and where it was cut off.
fn says_so(round: &mut Round) -> Result<(), Flaw> {
    let text = fs::read_to_string(round.place.path().join(TRANSCRIPT))?;
    let (ended, open) = read(&text).ok_or_else(|| round.finding(FlawKind::Report, "the transcript can't be read"))?;
    round.tally.count(if open.is_empty() { "killed between steps" } else { "killed in a step" });
    let report: Value =
        serde_json::from_str(&replay(round, &["--format", "json", "--report", PAGE])?).unwrap_or_default();
    let why = report["why"].as_str().unwrap_or_default();
    let says_where = match open.first() {
        Some(id) => why.starts_with(&format!("it was cut off in step {id} (compare: pair ")),
        None => why == "it was cut off",
    };
    let steps = report["steps"].as_array().map(Vec::len);
    let as_json = report["complete"] == false && report["outcome"] == "inconclusive" && steps == Some(ended);
    let as_text = replay(round, &[])?.ends_with(&format!("outcome: inconclusive ({why})\n"));
    let page = fs::read_to_string(round.place.path().join(PAGE))?;
    let as_page = page.contains(&format!("<strong>inconclusive</strong> · {why}</p>"));
    if says_where && as_json && as_text && as_page {
        return Ok(());
    }
    let what = format!(
        "{ended} steps ended, open are {open:?}, and the report says {steps:?} steps, `{why}`; right as JSON: {as_json}, as \
         text: {as_text}, as a page: {as_page}"
    );
    Err(round.finding(FlawKind::Report, &what))
}

/// Prints the report once more.
fn replay(round: &Round, more: &[&str]) -> Result<String, Flaw> {
    let file = round.place.path().join("report");
    let mut command = round.place.squall(&[&["experiment", "--replay", TRANSCRIPT], more].concat());
    let mut replay = command.stdout(File::create(&file)?).stderr(Stdio::null()).spawn()?;
    let code = round.wait(&mut replay, "printing the report")?.code();
    if code == Some(2) {
        return Ok(fs::read_to_string(file)?);
    }
    Err(round.finding(FlawKind::Report, &format!("printing the report ended with {code:?}")))
}

/// How many steps a transcript holds that ended, and which ones that did not; a torn last line is none.
fn read(transcript: &str) -> Option<(usize, BTreeSet<u64>)> {
    let (mut ended, mut open) = (0, BTreeSet::new());
    for line in transcript.split_inclusive('\n').filter(|line| line.ends_with('\n')) {
        let line: Value = serde_json::from_str(line).ok()?;
        match line["kind"].as_str()? {
            "started" => drop(open.insert(line["id"].as_u64()?)),
            "step" => {
                ended += 1;
                if !open.remove(&line["start"]["id"].as_u64()?) {
                    return None;
                }
            }
            _ => {}
        }
    }
    Some((ended, open))
}
