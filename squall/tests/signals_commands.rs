//! A signal in every command that can hold an effect or wait: what is in force is gone, and the command ends with its exit
//! code, whoever does not read its outputs.

#![cfg(feature = "full")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;

use rustix::fs::OFlags;
use serde_json::{Value, json};
use squall::chaos_load::target::{Behaviour, Target, serve};
use tempfile::TempDir;

#[path = "support/ignored.rs"]
mod ignored;
#[expect(dead_code, reason = "others need more of it")]
#[path = "support/shell.rs"]
mod shell;
#[path = "support/signalled.rs"]
mod signalled;
#[path = "support/sleeper.rs"]
mod sleeper;

use ignored::is_ignored;
use shell::{command, journals, place, squall, write};
use signalled::{code, signal, until};
use sleeper::Sleeper;

/// Where a command runs, and what it acts on.
struct Scene {
    place: TempDir,
    victim: Sleeper,
    /// A second one, that must be left alone.
    other: Sleeper,
    service: Target,
    /// Kept open for the command's life.
    kept: Vec<File>,
}

/// A command, when it is under way, its exit code, and what is looked at besides.
struct Row {
    name: &'static str,
    command: fn(&mut Scene) -> Command,
    begun: fn(&Scene) -> bool,
    code: i32,
    also: fn(&Scene, &str),
}

/// An entry that pauses a process.
fn entry(sleeper: &Sleeper, more: &Value) -> Value {
    let mut entry = json!({
        "name": "pause", "trigger": {"type": "immediate"}, "duration_seconds": 60,
        "action": {"type": "pause_process", "pid": sleeper.pid()},
    });
    entry.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    entry
}

impl Scene {
    fn new() -> Self {
        let service = serve(([127, 0, 0, 1], 0).into(), Behaviour::new()).unwrap();
        Self { place: place(), victim: Sleeper::start(), other: Sleeper::start(), service, kept: Vec::new() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    /// A task that pauses the victim.
    fn task(&self, more: &Value) -> String {
        write(&self.place, "task.json", &entry(&self.victim, more))
    }

    fn inject(&self, more: &[&str]) -> Command {
        let pid = format!("pid={}", self.victim.pid());
        command(&self.place, &[&["inject", "pause_process", &pid, "--for=60s", "--format=json"], more].concat())
    }

    /// A pipe that is full, whose reader reads nothing.
    fn stalled_pipe(&mut self, name: &str) -> String {
        let path = self.pipe(name);
        let nonblocking = OFlags::NONBLOCK.bits().cast_signed();
        self.kept.push(OpenOptions::new().read(true).custom_flags(nonblocking).open(&path).unwrap());
        let mut end = OpenOptions::new().write(true).custom_flags(nonblocking).open(&path).unwrap();
        while !matches!(end.write(&[b'.'; 4096]), Err(error) if error.kind() == ErrorKind::WouldBlock) {}
        path
    }

    fn pipe(&self, name: &str) -> String {
        let path = self.path(name);
        assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
        path.display().to_string()
    }
}

fn paused(scene: &Scene) -> bool {
    scene.victim.is_stopped()
}

fn nothing(_: &Scene, _: &str) {}

/// The rows that hold a fault when the signal comes.
const HOLDING: [Row; 8] = [
    Row { name: "inject", command: |scene| scene.inject(&[]), begun: paused, code: 2, also: nothing },
    Row {
        name: "inject with report files",
        command: |scene| scene.inject(&["--json=a.json", "--junit=a.xml", "--html=a.html"]),
        begun: paused,
        code: 2,
        also: |scene, _| {
            let told: Value = serde_json::from_slice(&fs::read(scene.path("a.json")).unwrap()).unwrap();
            assert_eq!(told["verdict"], json!("inconclusive"));
            assert!(["a.xml", "a.html"].iter().all(|file| fs::metadata(scene.path(file)).unwrap().len() > 0));
        },
    },
    Row {
        name: "run of several files",
        command: |scene| {
            let second = write(&scene.place, "second.json", &entry(&scene.other, &json!({})));
            command(&scene.place, &["run", &scene.task(&json!({})), &second, "--format=json"])
        },
        begun: paused,
        code: 2,
        also: |_, out| {
            let told: Value = serde_json::from_str(out).unwrap();
            assert_eq!(told[0]["entries"][0]["reverted"], json!("reverted"), "{told:#}");
            assert!(told[1]["error"].as_str().unwrap().contains("interrupted before it began"), "{told:#}");
        },
    },
    Row {
        name: "run --repeat",
        command: |scene| command(&scene.place, &["run", &scene.task(&json!({})), "--repeat=3", "--format=json"]),
        begun: paused,
        code: 2,
        also: |_, out| {
            let told: Value = serde_json::from_str(out).unwrap();
            assert_eq!(told["rounds"].as_array().unwrap().len(), 1, "{told:#}");
        },
    },
    Row {
        name: "run --until-stdin-closes",
        command: |scene| {
            let file = scene.task(&json!({}));
            let mut command = command(&scene.place, &["run", &file, "--until-stdin-closes", "--format=json"]);
            command.stdin(Stdio::piped());
            command
        },
        begun: paused,
        code: 2,
        also: nothing,
    },
    Row {
        name: "experiment",
        command: |scene| {
            let (fault, url) = (format!("{{type: pause_process, pid: {}}}", scene.victim.pid()), scene.service.url());
            let load = ["--load=qps=50", "--load=seconds=30", "--load=warmup_seconds=0.1"];
            let asked = ["--strategy=compare", "--fault", &fault, "--runs=50", "--seed=1", "--format=json"];
            let fixed = ["experiment", "is it slower while another is paused", "--target", &url, "--offline"];
            command(&scene.place, &[&fixed[..], &load, &asked, &["--transcript=t.jsonl", "--report=p.html"]].concat())
        },
        begun: paused,
        code: 2,
        also: |scene, _| {
            assert!(fs::read_to_string(scene.path("t.jsonl")).unwrap().contains("\"kind\":\"end\""));
            assert!(scene.path("p.html").exists());
        },
    },
    Row {
        name: "events to a pipe that is full",
        command: |scene| {
            let events = scene.stalled_pipe("events");
            scene.inject(&["--events", &events])
        },
        begun: paused,
        code: 2,
        also: nothing,
    },
    Row {
        name: "reports to pipes that are full",
        command: |scene| {
            let [json, junit, html] = ["json", "junit", "html"].map(|form| scene.stalled_pipe(form));
            scene.inject(&["--json", &json, "--junit", &junit, "--html", &html])
        },
        begun: paused,
        code: 2,
        also: nothing,
    },
];

/// The rows that wait for something else.
const WAITING: [Row; 4] = [
    Row {
        name: "a trigger",
        command: |scene| {
            let file = scene.task(&json!({"trigger": {"type": "time", "delay_seconds": 600}}));
            command(&scene.place, &["run", &file])
        },
        begun: |scene| journals(&scene.place) == 1,
        code: 2,
        also: nothing,
    },
    Row {
        name: "a verifier",
        command: |scene| {
            let file = scene.task(&json!({"duration_seconds": 0.1, "verify": "in order"}));
            let verifier = format!("sh -c 'echo $$ > {}; exec sleep 600'", scene.path("pid").display());
            command(&scene.place, &["run", &file, "--verifier", &verifier])
        },
        begun: |scene| fs::read_to_string(scene.path("pid")).is_ok_and(|pid| pid.ends_with('\n')),
        code: 2,
        also: |scene, _| {
            let pid = fs::read_to_string(scene.path("pid")).unwrap();
            // One that has ended may stay as a zombie for as long as nobody collects it.
            until("the verifier's end", || {
                let stat = fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
                stat.rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with(['Z', 'X']))
            });
        },
    },
    Row {
        name: "the demo",
        command: |scene| {
            fs::create_dir(scene.path("tmp")).unwrap();
            let mut command = command(&scene.place, &["demo"]);
            command.env("TMPDIR", scene.path("tmp"));
            command
        },
        begun: |scene| {
            let folders = fs::read_dir(scene.path("tmp")).into_iter().flatten();
            folders.flatten().any(|folder| {
                let journals = folder.path().join("state/journals");
                fs::read_dir(journals).is_ok_and(|mut files| {
                    files.any(|file| file.is_ok_and(|file| file.path().extension().is_some_and(|end| end == "jsonl")))
                })
            })
        },
        code: 2,
        also: |scene, _| assert_eq!(fs::read_dir(scene.path("tmp")).unwrap().count(), 0),
    },
    Row {
        name: "the demo's target",
        command: |scene| {
            let out = File::create(scene.path("url")).unwrap();
            scene.kept.push(out.try_clone().unwrap());
            let mut command = command(&scene.place, &["demo", "--serve=0"]);
            command.stdout(out);
            command
        },
        begun: |scene| fs::read_to_string(scene.path("url")).is_ok_and(|url| url.ends_with('\n')),
        code: 0,
        also: nothing,
    },
];

fn ends(row: &Row, name: &str) {
    let mut scene = Scene::new();
    let mut command = (row.command)(&mut scene);
    if row.name != "the demo's target" {
        command.stdout(File::create(scene.path("out")).unwrap());
    }
    let mut child = command.stderr(File::create(scene.path("err")).unwrap()).spawn().unwrap();
    let id = child.id();
    until(row.name, || {
        let ended = child.try_wait().unwrap();
        assert!(ended.is_none(), "{}: {}", row.name, fs::read_to_string(scene.path("err")).unwrap());
        (row.begun)(&scene)
    });
    signal(id, name);
    let code = code(&mut child);
    let err = fs::read_to_string(scene.path("err")).unwrap();
    assert_eq!(code, Some(row.code), "{} at SIG{name}: {err}", row.name);
    assert!(!scene.victim.is_stopped() && !scene.other.is_stopped(), "{} at SIG{name}: {err}", row.name);
    assert_eq!(journals(&scene.place), 0, "{} at SIG{name}: {err}", row.name);
    (row.also)(&scene, &fs::read_to_string(scene.path("out")).unwrap_or_default());
}

#[test]
fn every_command_undoes_and_ends_at_a_signal() {
    thread::scope(|scope| {
        // Most of the time is waiting.
        for row in HOLDING.iter().chain(&WAITING) {
            scope.spawn(move || {
                for name in ["TERM", "INT", "HUP"] {
                    if !is_ignored(name) {
                        ends(row, name);
                    }
                }
            });
        }
    });
}

#[test]
fn a_pipe_that_nobody_reads_is_refused_before_anything_runs() {
    for flag in ["--json", "--junit", "--html", "--events"] {
        let scene = Scene::new();
        let pipe = scene.pipe("pipe");
        let output = scene.inject(&[flag, &pipe]).output().unwrap();
        let err = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(64), "{flag}: {err}");
        assert!(err.contains("a pipe that nobody reads; start its reader first"), "{flag}: {err}");
        assert!(!scene.victim.is_stopped() && journals(&scene.place) == 0, "{flag}");
    }
}

#[test]
fn a_pipe_that_is_read_gets_the_whole_report() {
    let scene = Scene::new();
    let pipe = scene.pipe("pipe");
    // Somebody reads it from now on; a report is smaller than a pipe.
    let nonblocking = OFlags::NONBLOCK.bits().cast_signed();
    let mut reader = OpenOptions::new().read(true).custom_flags(nonblocking).open(&pipe).unwrap();
    let pid = format!("pid={}", scene.victim.pid());
    let output = squall(&scene.place, &["inject", "pause_process", &pid, "--for=100ms", "--json", &pipe]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    let told: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(told["verdict"], json!("unchecked"));
}

/// A run with `--confirm` on a terminal of its own, which `script` makes; gives the process that asks.
fn asking(scene: &Scene) -> (Child, u32) {
    let (program, file, pid) = (env!("CARGO_BIN_EXE_squall"), scene.task(&json!({})), scene.path("pid"));
    let line = format!("echo $$ > '{}'; exec '{program}' run '{file}' --confirm", pid.display());
    let started = command(&scene.place, &[]);
    let mut script = Command::new("script");
    script.args(["-qec", &line, "/dev/null"]).current_dir(&scene.place);
    script.envs(started.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let mut child = script.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut shown = Vec::new();
    let out = child.stdout.as_mut().unwrap();
    while !String::from_utf8_lossy(&shown).contains("run it? [y/N]") {
        let mut some = [0; 256];
        let read = out.read(&mut some).unwrap();
        assert_ne!(read, 0, "{}", String::from_utf8_lossy(&shown));
        shown.extend_from_slice(&some[..read]);
    }
    let asks = fs::read_to_string(pid).unwrap().trim().parse().unwrap();
    (child, asks)
}

#[test]
fn a_signal_at_the_question_of_confirm_ends_it_and_one_after_the_yes_undoes() {
    if !Command::new("script").arg("--version").output().is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: needs script of util-linux");
        return;
    }
    for (name, number) in [("TERM", 15), ("INT", 2), ("HUP", 1)] {
        if is_ignored(name) {
            continue;
        }
        let scene = Scene::new();
        let (mut child, asks) = asking(&scene);
        signal(asks, name);
        let status = code(&mut child);
        assert!(status == Some(128 + number) || child.wait().unwrap().signal() == Some(number), "{name}: {status:?}");
        assert!(!scene.victim.is_stopped() && journals(&scene.place) == 0, "{name}");

        let scene = Scene::new();
        let (mut child, asks) = asking(&scene);
        child.stdin.as_mut().unwrap().write_all(b"y\n").unwrap();
        let mut out = child.stdout.take().unwrap();
        let reading = thread::spawn(move || out.read_to_end(&mut Vec::new()).is_ok());
        until("the fault", || scene.victim.is_stopped());
        signal(asks, name);
        assert_eq!(code(&mut child), Some(2), "{name}");
        assert!(!scene.victim.is_stopped() && journals(&scene.place) == 0, "{name}");
        // Its terminal may be gone with an error.
        let _ = reading.join();
    }
}
