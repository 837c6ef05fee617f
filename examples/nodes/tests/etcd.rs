//! A three-node etcd under the task files of `examples/etcd`: what they would do, and what etcd makes of it for many seeds.
#![expect(clippy::unwrap_used, reason = "a test that can't be set up should stop at once")]

use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

#[path = "support/harness.rs"]
mod harness;
#[path = "support/place.rs"]
mod place;

use harness::skipped;
use place::{Place, task_files, with_a_bystander};

fn main() -> ExitCode {
    let tests: &[harness::Test] = &[
        ("a_dry_run_names_everything_and_touches_nothing", a_dry_run_names_everything_and_touches_nothing),
        (
            "a_fault_that_is_left_out_or_hits_another_process_is_not_noticed",
            a_fault_that_is_left_out_or_hits_another_process_is_not_noticed,
        ),
        ("no_acknowledged_write_is_lost_for_any_seed", no_acknowledged_write_is_lost_for_any_seed),
    ];
    harness::run(tests, 1)
}

/// How many seeds are tried, one task file after the other; `ETCD_SEEDS` says otherwise, as `500` or `100..200`.
const SEEDS: u64 = 20;

fn seeds() -> Range<u64> {
    let Ok(text) = std::env::var("ETCD_SEEDS") else { return 0..SEEDS };
    let (from, to) = text.split_once("..").unwrap_or(("0", &text));
    from.parse().unwrap()..to.parse().unwrap()
}

/// Held by a test that starts many clusters: twice as many on two cores take seconds for an election, which is a finding then.
static CLUSTERS: Mutex<()> = Mutex::new(());

/// How many clusters run at once: they mostly wait.
const AT_ONCE: usize = 5;

/// How often a seed is tried again after a run that says nothing about etcd, such as one in which etcd changed its leader
/// before the fault, on a machine that was too slow.
const TRIES: usize = 3;

/// The task files of etcd that this machine can do.
fn etcd_files() -> Vec<PathBuf> {
    let mut files = task_files("etcd");
    files.retain(|file| {
        if !fs::read_to_string(file).unwrap().contains("limits: ") {
            return true;
        }
        let output = Place::new().output(&["run", &file.display().to_string(), "--dry-run", "--accept-policy"]);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let there = text.contains("in a group (cgroup ");
        if !there {
            skipped(&format!("a writable cgroup ({text})"));
        }
        there
    });
    files
}

fn etcd_is_there() -> bool {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let there = std::env::split_paths(&folders).any(|folder| folder.join("etcd").is_file());
    if !there {
        skipped("etcd (Debian's package is etcd-server)");
    }
    there
}

fn a_dry_run_names_everything_and_touches_nothing() {
    let place = Place::new();
    for file in etcd_files() {
        let (path, before) = (file.display().to_string(), place.host());
        let output = place.output(&["run", &path, "--dry-run", "--accept-policy"]);
        let (text, said) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{path}: {text}{said}");
        let nodes = ["n1", "n2", "n3"].map(|node| format!("plan: start node `{node}` (`etcd`)"));
        let rest = ["commands: etcd", "commands: kv-client", "at most: duration in seconds", "node:n"];
        let rest = rest.into_iter().chain(["reversible: yes", "expires: ", "would run", "nothing was touched"]);
        assert!(!text.contains("since it has no group"), "{path}: {text}");
        for part in nodes.iter().map(String::as_str).chain(rest) {
            assert!(text.contains(part), "{path}: {part}: {text}");
        }
        assert!(!said.contains("warning"), "{path}: {said}");
        assert_eq!(place.host(), before, "{path}");
    }
}

/// A detection that a cluster without a fault shows, too, would prove nothing.
fn a_fault_that_is_left_out_or_hits_another_process_is_not_noticed() {
    if !etcd_is_there() {
        return;
    }
    let _alone = CLUSTERS.lock().unwrap_or_else(PoisonError::into_inner);
    std::thread::scope(|threads| {
        for file in etcd_files() {
            threads.spawn(move || {
                let place = Place::new();
                let (report, _) = place.run(&file, &["--sham"]);
                let entry = &report["entries"][0];
                // Where a load must settle first, there is none in a sham run, so that the fault is never reached.
                let settles = fs::read_to_string(&file).unwrap().contains("type: load_slo");
                let presence = if settles { Value::Null } else { "absent".into() };
                assert_eq!((&report["verdict"], &entry["witness"]["presence"]), (&"inconclusive".into(), &presence));
                if settles {
                    let error = entry["error"].as_str().unwrap();
                    assert!(error.contains("`the writes have settled` did not say yes"), "{error}");
                }
                // The same fault is in force, on a process that is nobody's member.
                let other = place.path("other.yaml");
                fs::write(&other, with_a_bystander(&fs::read_to_string(&file).unwrap(), "kv-client")).unwrap();
                let (report, _) = place.run(&other, &[]);
                let entry = &report["entries"][0];
                assert_eq!(
                    (&report["verdict"], &entry["witness"]["presence"]),
                    (&"deviated".into(), &"present".into())
                );
                let detect = entry["probes"].as_array().unwrap().last().unwrap();
                assert_eq!((&detect["answer"], &entry["time_to_detect_seconds"]), (&"no".into(), &Value::Null));
                assert_eq!(entry["verification"]["answer"], "yes", "{entry:#}");
            });
        }
    });
}

/// One run: its file and its seed.
struct Run {
    file: PathBuf,
    seed: u64,
}

fn no_acknowledged_write_is_lost_for_any_seed() {
    if !etcd_is_there() {
        return;
    }
    let _alone = CLUSTERS.lock().unwrap_or_else(PoisonError::into_inner);
    let files = etcd_files();
    let mut runs: Vec<Run> =
        seeds().map(|seed| Run { file: files[usize::try_from(seed).unwrap() % files.len()].clone(), seed }).collect();
    runs.reverse();
    let (left, told) = (Mutex::new(runs), Mutex::new(BTreeMap::<String, Vec<Told>>::new()));
    let failed = Mutex::new(Vec::new());
    std::thread::scope(|threads| {
        for _ in 0..AT_ONCE {
            threads.spawn(|| {
                while let Some(run) = next(&left) {
                    let name = run.file.file_stem().unwrap().to_string_lossy().into_owned();
                    match run.hold() {
                        Ok(one) => told.lock().unwrap().entry(name).or_default().push(one),
                        Err(why) => {
                            println!("{why}");
                            failed.lock().unwrap().push(why);
                        }
                    }
                }
            });
        }
    });
    for (name, told) in told.into_inner().unwrap() {
        println!("{name}: {}", summary(&told));
    }
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "{} runs failed:\n{}", failed.len(), failed.join("\n"));
}

fn next(left: &Mutex<Vec<Run>>) -> Option<Run> {
    left.lock().unwrap().pop()
}

/// What a run showed.
struct Told {
    detected: f64,
    recovered: f64,
    gap: f64,
    writes: u64,
    lost: u64,
    leader_changes: u64,
    tries: usize,
}

impl Run {
    /// Runs it until it says something about etcd; an error says what else happened.
    fn hold(&self) -> Result<Told, String> {
        let seed = self.seed.to_string();
        for tries in 1.. {
            let place = Place::new();
            let before = place.host().without_state();
            let (report, output) = place.run(&self.file, &["--seed", &seed]);
            let at = format!("{} --seed {seed}", self.file.display());
            let after = place.host().without_state();
            if after != before {
                return Err(format!("{at}: what is left behind: {after:?}, and before {before:?}"));
            }
            let journals = fs::read_dir(place.path("state/journals")).map_or(0, Iterator::count);
            if journals != 0 {
                return Err(format!("{at}: {journals} journals were left"));
            }
            if report["verdict"] == "inconclusive" && tries < TRIES {
                println!("{at}: {}", reasons(&report));
                continue;
            }
            if (output.status.code(), &report["verdict"]) != (Some(0), &"held".into()) {
                return Err(format!("{at}: {}: {report:#}", output.status));
            }
            return Ok(told(&report, tries));
        }
        unreachable!("the last try returns")
    }
}

/// What did not go as it should: errors, and every check that did not say yes.
fn reasons(report: &Value) -> String {
    let list = |of: &Value| of.as_array().cloned().unwrap_or_default();
    let mut checks = [list(&report["steady_state_before"]), list(&report["steady_state_after"])].concat();
    let mut said = Vec::new();
    for entry in list(&report["entries"]) {
        checks.extend(list(&entry["probes"]));
        checks.push(entry["verification"].clone());
        said.push(format!("{}, {}, {}", entry["name"], entry["witness"]["presence"], entry["error"]));
    }
    let not_yes = checks.iter().filter(|check| check["answer"] != "yes");
    said.extend(not_yes.map(|check| format!("{} {}: {}", check["name"], check["answer"], check["detail"])));
    said.join("; ")
}

fn told(report: &Value, tries: usize) -> Told {
    let entry = &report["entries"][0];
    let text = entry["verification"].to_string();
    // The number before a part of the audit's sentence.
    let figure = |part: &str| -> f64 {
        let before = text.split(part).next().filter(|before| before.len() < text.len());
        let number = before.and_then(|before| before.rsplit(' ').next()).and_then(|number| number.parse().ok());
        number.unwrap_or_else(|| panic!("{part}: {text}"))
    };
    let count = |part: &str| format!("{:.0}", figure(part)).parse().unwrap();
    let gap = text.split("without an acknowledged write ").nth(1).and_then(|rest| rest.split(' ').next());
    let seconds = |key: &str| entry[key].as_f64().unwrap_or_else(|| panic!("{key}: {entry:#}"));
    Told {
        detected: seconds("time_to_detect_seconds"),
        recovered: seconds("time_to_recover_seconds"),
        gap: gap.unwrap().parse().unwrap(),
        writes: count(" writes acknowledged"),
        lost: count(" lost"),
        leader_changes: count(" leader change"),
        tries,
    }
}

fn summary(all: &[Told]) -> String {
    let spread = |of: fn(&Told) -> f64| {
        let mut figures: Vec<f64> = all.iter().map(of).collect();
        figures.sort_by(f64::total_cmp);
        format!("{:.2} / {:.2} / {:.2} s", figures[0], figures[figures.len() / 2], figures[figures.len() - 1])
    };
    let sum = |of: fn(&Told) -> u64| all.iter().map(of).sum::<u64>();
    let again = all.iter().filter(|one| one.tries > 1).count();
    format!(
        "{} runs ({again} tried again), {} acknowledged writes, {} lost, {} leader changes; least / median / most: \
         noticed after {}, recovered after {}, longest gap between acknowledged writes {}",
        all.len(),
        sum(|one| one.writes),
        sum(|one| one.lost),
        sum(|one| one.leader_changes),
        spread(|one| one.detected),
        spread(|one| one.recovered),
        spread(|one| one.gap),
    )
}
