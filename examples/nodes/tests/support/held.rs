//! A run that holds its fault for as long as the test looks, and its members as the kernel knows them.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use chaos_example_nodes::get;
use serde_json::Value;

use super::place::Place;

/// A hang is an error; nothing here takes nearly as long.
const HANG: Duration = Duration::from_mins(2);

/// Waits for something that comes.
pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < HANG, "{what}");
        std::thread::park_timeout(Duration::from_millis(50));
    }
}

/// A run in the background.
pub(crate) struct Held<'a> {
    place: &'a Place,
    run: Child,
}

impl<'a> Held<'a> {
    /// Starts it, and comes back when its fault is in force.
    pub(crate) fn start(place: &'a Place, task: &Value, more: &[&str], collector: &str) -> Self {
        let mut held = Self::begin(place, task, more, collector);
        held.in_force();
        held
    }

    /// Waits until its fault is in force.
    pub(crate) fn in_force(&mut self) {
        until("the fault is not in force", || {
            let over = self.run.try_wait().unwrap();
            assert!(over.is_none(), "{over:?}: {}{}", self.text("err"), self.text("out"));
            self.text("jsonl").contains("\"active\"").then_some(())
        });
    }

    /// Starts it.
    pub(crate) fn begin(place: &'a Place, task: &Value, more: &[&str], collector: &str) -> Self {
        let (file, events) = (place.path("run.json"), place.path("run.jsonl"));
        fs::write(&file, task.to_string()).unwrap();
        let (file, events) = (file.display().to_string(), events.display().to_string());
        let arguments =
            ["run", &file, "--accept-policy", "--format", "json", "--until-stdin-closes", "--events", &events];
        let output = |end: &str| fs::File::create(place.path(&format!("run.{end}"))).unwrap();
        let run = place
            .squall(&[&arguments[..], more].concat())
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", collector)
            .stdin(Stdio::piped())
            .stdout(output("out"))
            .stderr(output("err"))
            .spawn()
            .unwrap();
        place.started(&run);
        Self { place, run }
    }

    fn text(&self, end: &str) -> String {
        fs::read_to_string(self.place.path(&format!("run.{end}"))).unwrap_or_default()
    }

    /// Ends the hold.
    pub(crate) fn release(&mut self) {
        drop(self.run.stdin.take());
    }

    /// Gives the report once everything is undone and stopped.
    pub(crate) fn end(mut self) -> Value {
        self.release();
        self.run.wait().unwrap();
        let text = self.text("out");
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}{}", self.text("err")))
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        // A test that failed leaves no run behind: standard input closes, and the fault is undone.
        self.release();
        let _ = self.run.wait();
    }
}

/// A member, as the kernel knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) pid: u32,
    /// In ticks after the boot.
    pub(crate) started: u64,
    /// Where it answers.
    pub(crate) url: String,
}

/// The members that run in a place, by name.
pub(crate) fn members(place: &Place) -> BTreeMap<String, Process> {
    let here = place.path("").display().to_string();
    let mut found = BTreeMap::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Ok(pid) = entry.file_name().to_string_lossy().parse() else { continue };
        let command = fs::read_to_string(entry.path().join("cmdline")).unwrap_or_default();
        let words: Vec<&str> = command.split('\0').collect();
        let ["mesh-node", "run", name, rest @ ..] = words.as_slice() else { continue };
        let environment = fs::read(entry.path().join("environ")).unwrap_or_default();
        if String::from_utf8_lossy(&environment).contains(&here) {
            let at = rest.iter().position(|word| *word == "--http").unwrap();
            let Some((_, started)) = stat(pid) else { continue };
            found.insert((*name).to_owned(), Process { pid, started, url: format!("http://{}", rest[at + 1]) });
        }
    }
    found
}

/// The state letter of a process and its start; `None` when it is not there.
pub(crate) fn stat(pid: u32) -> Option<(char, u64)> {
    let fields = stat_fields(pid)?;
    Some((fields[0].chars().next()?, fields[19].parse().ok()?))
}

/// What it has used of the processor, in ticks.
pub(crate) fn ticks(pid: u32) -> u64 {
    let fields = stat_fields(pid).unwrap();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

/// The fields of `/proc/PID/stat` behind the name, which begin with the third (`proc_pid_stat(5)`).
fn stat_fields(pid: u32) -> Option<Vec<String>> {
    let stat = fs::read_to_string(PathBuf::from(format!("/proc/{pid}/stat"))).ok()?;
    Some(stat.rsplit(") ").next()?.split(' ').map(str::to_owned).collect())
}

/// What a member says of itself and the others; `None` when it does not answer.
pub(crate) fn status(process: &Process) -> Option<Value> {
    asked(process, "/status")
}

/// What it answers on a path; `None` when it does not.
pub(crate) fn asked(process: &Process, path: &str) -> Option<Value> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let asked = runtime.block_on(get(&format!("{}{path}", process.url), Duration::from_secs(10)));
    asked.ok().map(|reply| reply.body)
}
