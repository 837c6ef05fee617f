//! A run of an ordinary user in the background, whose entries the test begins and releases one by one.

use std::fs;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::held::until;
use crate::place::Place;

/// `nobody`, who may do nothing that others may not.
const NOBODY: u32 = 65_534;

/// Whether the test is root, which its runs must not be.
fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// A place that belongs to whoever runs there.
pub(crate) fn place() -> Place {
    let place = Place::new();
    if is_root() {
        chown(place.path(""), Some(NOBODY), Some(NOBODY)).unwrap();
    }
    place
}

/// The command line as an ordinary user has it: without root's rights where the test has them.
fn squall(place: &Place, arguments: &[&str]) -> Command {
    let mut command = place.squall(arguments);
    if is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}

/// Whether a process may do no more than any user may; one that has ended may do nothing.
fn is_ordinary(pid: &str) -> bool {
    let Ok(status) = fs::read_to_string(format!("/proc/{pid}/status")) else { return true };
    let line = |key: &str| status.lines().find_map(|line| line.strip_prefix(key)).unwrap().trim().to_owned();
    let ids = line("Uid:");
    ids.split_whitespace().all(|id| id != "0") && u64::from_str_radix(&line("CapEff:"), 16) == Ok(0)
}

/// A run in the background.
pub(crate) struct Live<'a> {
    place: &'a Place,
    run: Child,
}

impl<'a> Live<'a> {
    /// Starts it.
    pub(crate) fn begin(place: &'a Place, task: &Value, more: &[&str]) -> Self {
        let (file, events) = (place.path("run.json"), place.path("run.jsonl"));
        fs::write(&file, task.to_string()).unwrap();
        let (file, events) = (file.display().to_string(), events.display().to_string());
        let arguments = ["run", &file, "--accept-policy", "--format", "json", "--events", &events];
        let output = |end: &str| fs::File::create(place.path(&format!("run.{end}"))).unwrap();
        let mut command = squall(place, &[&arguments[..], more].concat());
        // A collector of whoever runs the test is none of the members'.
        command.env_remove("OTEL_EXPORTER_OTLP_ENDPOINT");
        let run = command.stdout(output("out")).stderr(output("err")).spawn().unwrap();
        place.started(&run);
        Self { place, run }
    }

    fn text(&self, end: &str) -> String {
        fs::read_to_string(self.place.path(&format!("run.{end}"))).unwrap_or_default()
    }

    fn events(&self) -> Vec<Value> {
        self.text("jsonl").lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// Waits for an event of an entry.
    fn event(&mut self, position: usize, what: &str, is_it: impl Fn(&Value) -> bool) -> Value {
        let (path, parts) = (format!("/chaos_spec/{position}"), format!("/chaos_spec/{position}/"));
        let is_its = |event: &Value| event["path"].as_str().is_some_and(|its| its == path || its.starts_with(&parts));
        until(what, || {
            let found = self.events().into_iter().find(|event| is_its(event) && is_it(event));
            let over = self.run.try_wait().unwrap();
            assert!(found.is_some() || over.is_none(), "{what}: {over:?}: {}{}", self.text("err"), self.text("out"));
            found
        })
    }

    fn tell(&self, verb: &str, word: &str) {
        let id = self.events()[0]["run_id"].as_str().unwrap().to_owned();
        let output = squall(self.place, &[verb, &id, word]).stdout(Stdio::piped()).output().unwrap();
        assert!(output.status.success(), "{verb} {word}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// Waits until all entries wait, which is after the steady state. Everything of the run is an ordinary user's then.
    pub(crate) fn up(&mut self, entries: usize) {
        for position in 0..entries {
            self.event(position, "an entry does not wait", |event| event["event"] == "waiting");
        }
        let all = self.place.host().processes;
        let may_more: Vec<_> = all.iter().filter(|process| !is_ordinary(process.split(' ').next().unwrap())).collect();
        assert!(all.len() > entries && may_more.is_empty(), "{may_more:?} of {all:?}");
    }

    /// Tells an entry to begin, and comes back when its fault is in force and was detected.
    pub(crate) fn inject(&mut self, position: usize, name: &str) {
        self.tell("tell", name);
        self.event(position, "the fault is not in force", |event| event["event"] == "active");
        let yes = |event: &Value| event["role"] == "detect" && event["observation"]["answer"] == "yes";
        self.event(position, "the fault is not detected", yes);
    }

    /// Tells an entry to begin whose fault is over at once, and comes back when the entry is over.
    pub(crate) fn finite(&mut self, position: usize, name: &str) -> Value {
        self.tell("tell", name);
        self.over(position)
    }

    /// Ends the hold of an entry, and comes back when it is over.
    pub(crate) fn release(&mut self, position: usize, name: &str) -> Value {
        self.tell("release", name);
        self.over(position)
    }

    fn over(&mut self, position: usize) -> Value {
        let ended = self.event(position, "the entry does not end", |event| event["event"] == "ended");
        let result = ended["result"].clone();
        assert_eq!(
            (&result["verdict"], &result["witness"]["presence"]),
            (&"held".into(), &"present".into()),
            "{result:#}"
        );
        result
    }

    /// Says why it does not run.
    pub(crate) fn refused(mut self) -> String {
        let status = self.run.wait().unwrap();
        assert!(!status.success() && self.text("jsonl").is_empty(), "{}", self.text("out"));
        self.text("err") + &self.text("out")
    }

    /// Gives the report once everything is undone and stopped.
    pub(crate) fn end(mut self) -> Value {
        self.run.wait().unwrap();
        let text = self.text("out");
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}{}", self.text("err")))
    }
}

impl Drop for Live<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let last = self.events().into_iter().rev().find(|event| event["event"] == "probed").unwrap_or_default();
            eprintln!("the last probe: {last:#}\n{}", self.text("err"));
        }
        // A test that failed leaves no run behind: it undoes everything upon the signal.
        if let Ok(None) = self.run.try_wait() {
            let pid = rustix::process::Pid::from_child(&self.run);
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
            let _ = self.run.wait();
        }
    }
}
