//! Kills `squall experiment` with SIGKILL while it pauses a process: nothing stays paused, and the report so far is there.

#![cfg(feature = "full")]
#![expect(clippy::unwrap_used, reason = "a test that can't be set up should stop at once")]

use std::collections::BTreeSet;
use std::fs;
use std::ops::AddAssign;
use std::thread;
use std::time::Duration;

use serde_json::Value;
use squall::chaos_load::target::{Behaviour, Target, serve};

#[path = "support/killing.rs"]
mod killing;
#[path = "support/sleeper.rs"]
mod sleeper;

use killing::{Place, holds_a_step, json, kill, random, spin_for, wait_until};
use sleeper::Sleeper;

/// Kills in all, and experiments at a time.
const KILLS: usize = 50;
const LANES: usize = 5;
/// The first block with the fault, and the rest behind it.
const LONGEST: Duration = Duration::from_millis(2500);
/// Events of the first pair.
const EVENTS: u64 = 36;
/// A seed with which an experiment begins with the block that has the fault.
const FAULT_FIRST: u64 = 1;
const TRANSCRIPT: &str = "transcript.jsonl";
const EVENT_STREAM: &str = "events.jsonl";

/// What the kills met.
#[derive(Debug, Default)]
struct Met {
    kills: usize,
    armed: usize,
    stopped: usize,
    undone: usize,
    in_a_step: usize,
    after_a_step: usize,
}

impl AddAssign for Met {
    fn add_assign(&mut self, more: Self) {
        self.kills += more.kills;
        self.armed += more.armed;
        self.stopped += more.stopped;
        self.undone += more.undone;
        self.in_a_step += more.in_a_step;
        self.after_a_step += more.after_a_step;
    }
}

#[test]
fn killed_at_50_random_moments_nothing_stays_paused_and_the_report_so_far_is_there() {
    let mut met = Met::default();
    let lanes: Vec<Met> = thread::scope(|scope| {
        let lanes: Vec<_> = (1..=LANES as u64).map(|lane| scope.spawn(move || kills(lane))).collect();
        lanes.into_iter().map(|lane| lane.join().unwrap()).collect()
    });
    for lane in lanes {
        met += lane;
    }
    println!("{met:?}");
    assert_eq!(met.kills, KILLS);
    let Met { armed, stopped, undone, in_a_step, after_a_step, .. } = met;
    assert!(armed >= 10 && stopped >= 10 && undone >= 10, "the moments missed the fault: {met:?}");
    assert!(in_a_step >= 10 && after_a_step >= 10, "the moments missed the steps: {met:?}");
}

/// The kills of one lane, each with a place, a victim and a service of its own.
fn kills(lane: u64) -> Met {
    let mut seed = 0x5eed_1e55_u64.wrapping_mul(lane);
    let mut met = Met::default();
    for round in 0..KILLS / LANES {
        let service = serve(([127, 0, 0, 1], 0).into(), Behaviour::new()).unwrap();
        met += one(&format!("lane {lane}, round {round}"), round % 2 == 0, &mut seed, &service);
    }
    met
}

/// One experiment, killed after a random time, or right after a random event.
fn one(name: &str, by_time: bool, seed: &mut u64, service: &Target) -> Met {
    let (place, victim) = (Place::new(), Sleeper::start());
    let fault = format!("{{type: pause_process, pid: {}}}", victim.pid());
    let load = ["qps=50", "seconds=0.3", "warmup_seconds=0.1"].map(|part| ["--load", part]);
    let begun = if by_time { FAULT_FIRST } else { random(seed) }.to_string();
    let fixed = ["experiment", "is it slower while another is paused", "--target", &service.url(), "--offline"];
    let asked = ["--strategy", "compare", "--fault", &fault, "--runs", "50", "--seed", &begun];
    let files = ["--transcript", TRANSCRIPT, "--events", EVENT_STREAM];
    let run = place.squall(&[&fixed[..], &asked, load.as_flattened(), &files].concat()).spawn().unwrap();

    let transcript = place.path().join(TRANSCRIPT);
    let lines =
        |file: &str| fs::read(place.path().join(file)).unwrap_or_default().split(|byte| *byte == b'\n').count() - 1;
    wait_until("a transcript", || lines(TRANSCRIPT) >= 1);
    if by_time {
        let longest = u64::try_from(LONGEST.as_micros()).unwrap();
        spin_for(Duration::from_micros(random(seed) % longest));
    } else {
        let event = usize::try_from(random(seed) % EVENTS).unwrap();
        wait_until("so many events", || lines(EVENT_STREAM) > event);
    }
    kill(run);

    let armed = place.journals().iter().any(|path| holds_a_step(path));
    let stopped = victim.is_stopped();
    let (code, recovered) = place.recover();
    assert_eq!(code, 0, "{name}: {recovered}");
    assert!(!victim.is_stopped(), "{name}: still paused after recovery");
    assert_eq!(place.journals(), Vec::<std::path::PathBuf>::new(), "{name}");
    let (ended, open) = read(&fs::read_to_string(transcript).unwrap());
    says_so(name, &place, ended, &open);
    Met {
        kills: 1,
        armed: usize::from(armed),
        stopped: usize::from(stopped),
        undone: recovered["undone"].as_array().unwrap().len(),
        in_a_step: usize::from(!open.is_empty()),
        after_a_step: usize::from(ended > 0),
    }
}

/// How many steps a transcript holds that ended, and which ones that did not.
fn read(transcript: &str) -> (usize, BTreeSet<u64>) {
    let lines = transcript.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let (mut ended, mut open) = (0, BTreeSet::new());
    for line in lines {
        let kind = line["kind"].as_str().unwrap();
        assert_ne!(kind, "end", "it was killed too late to be cut off");
        match kind {
            "started" => assert!(open.insert(line["id"].as_u64().unwrap())),
            "step" => {
                ended += 1;
                assert!(open.remove(&line["start"]["id"].as_u64().unwrap()));
            }
            _ => {}
        }
    }
    (ended, open)
}

/// The report is there in every form, with each step that ended, and says that and where it was cut off.
fn says_so(name: &str, place: &Place, ended: usize, open: &BTreeSet<u64>) {
    let replay = |more: &[&str]| {
        let output = place.squall(&[&["experiment", "--replay", TRANSCRIPT], more].concat()).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{name}: {output:?}");
        output
    };
    let report = json(&replay(&["--format", "json", "--report", "page.html"]));
    assert_eq!((&report["complete"], &report["outcome"]), (&false.into(), &"inconclusive".into()), "{name}");
    assert_eq!(report["steps"].as_array().unwrap().len(), ended, "{name}");
    let why = report["why"].as_str().unwrap();
    match open.first() {
        Some(id) => assert!(why.starts_with(&format!("it was cut off in step {id} (compare: pair ")), "{name}: {why}"),
        None => assert_eq!(why, "it was cut off", "{name}"),
    }
    let text = String::from_utf8(replay(&[]).stdout).unwrap();
    assert!(text.ends_with(&format!("outcome: inconclusive ({why})\n")), "{name}: {text}");
    let page = fs::read_to_string(place.path().join("page.html")).unwrap();
    assert!(page.contains(&format!("<strong>inconclusive</strong> · {why}</p>")), "{name}");
}
