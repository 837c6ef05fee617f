//! A place of its own for runs, and what they leave on the machine.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Mutex;

use serde_json::Value;
use tempfile::TempDir;

use super::harness::RUNNER;

/// The task files of an example.
pub(crate) fn task_files(example: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join(example);
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = files.filter(|path| path.extension().is_some_and(|end| end == "yaml")).collect();
    files.sort();
    files
}

/// The same task file with a node more, which its fault hits instead of a member. `allowed` is the last program of its policy.
pub(crate) fn with_a_bystander(text: &str, allowed: &str) -> String {
    let target = text.split("target: ").nth(1).unwrap();
    let end = target.match_indices('}').map(|(at, _)| at + 1).find(|at| {
        let part = &target[..*at];
        part.matches('{').count() == part.matches('}').count()
    });
    let limits = if text.contains("limits: ") { ", limits: { cpus: 0.5 }" } else { "" };
    let bystander = |name: &str| {
        let argv = "[sleep, \"600\"]";
        format!("  {name}: {{ type: process, argv: {argv}, labels: {{ by: stander }}{limits} }}\n")
    };
    let all = if text.contains("burst_kill") { "all" } else { "1" };
    text.replace(&target[..end.unwrap()], &format!("{{ nodes: {{ by: stander }}, pick: {all} }}"))
        .replace(&format!("{allowed}]\n"), &format!("{allowed}, sleep]\n"))
        .replace("\nnodes:\n", &format!("\nnodes:\n{}{}", bystander("bystander"), bystander("other")))
}

/// A folder with a state directory. Whatever a run starts has the folder's path in its environment.
pub(crate) struct Place {
    folder: TempDir,
    /// The runners that it has started.
    pids: Mutex<BTreeSet<u32>>,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), pids: Mutex::default() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The command line, which finds the programs of the examples as a user's shell does.
    pub(crate) fn squall(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(std::env::current_exe().unwrap());
        let programs = Path::new(env!("CARGO_BIN_EXE_kv-client")).parent().unwrap().to_owned();
        let folders = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths([programs].into_iter().chain(std::env::split_paths(&folders))).unwrap();
        command.args(arguments).current_dir(self.folder.path()).env(RUNNER, "1").env("PATH", path);
        command.env("SQUALL_STATE", self.path("state")).env("XDG_CONFIG_HOME", self.path("config"));
        command.env_remove("SQUALL_POLICY").env_remove("SQUALL_CONFIG").stdin(Stdio::null());
        command
    }

    /// Remembers a runner, whose control groups are looked for.
    pub(crate) fn started(&self, run: &Child) {
        self.pids.lock().unwrap().insert(run.id());
    }

    /// Runs the command line to its end.
    pub(crate) fn output(&self, arguments: &[&str]) -> Output {
        let run = self.squall(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        self.started(&run);
        run.wait_with_output().unwrap()
    }

    /// Runs a task file; gives its report and how the program ended.
    pub(crate) fn run(&self, file: &Path, more: &[&str]) -> (Value, Output) {
        let file = file.display().to_string();
        let arguments = ["run", &file, "--accept-policy", "--format", "json"];
        let output = self.output(&[&arguments[..], more].concat());
        let said = String::from_utf8_lossy(&output.stderr);
        let report = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {said}"));
        (report, output)
    }

    /// What runs of this place have made on the machine, and what is in its folder.
    pub(crate) fn host(&self) -> Host {
        let here = self.folder.path().display().to_string();
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        let (mut cgroups, pids) = (BTreeSet::new(), self.pids.lock().unwrap().clone());
        below(Path::new("/sys/fs/cgroup"), 4, &mut |path| {
            // `squall-TIME-PID-NUMBER`.
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let pid = name.strip_prefix("squall-").and_then(|rest| rest.split('-').nth(1)?.parse().ok());
            if pid.is_some_and(|pid: u32| pids.contains(&pid)) {
                cgroups.insert(path.to_owned());
            }
        });
        let mut files = BTreeSet::new();
        below(self.folder.path(), 12, &mut |path| {
            files.insert(path.to_owned());
        });
        Host {
            processes: processes_with(&here),
            mounts: mounts.lines().filter(|line| line.contains(&here)).map(str::to_owned).collect(),
            cgroups,
            files,
        }
    }
}

/// What a run may leave behind.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Host {
    /// Processes that have the place in their environment.
    pub(crate) processes: BTreeSet<String>,
    /// Mounts below the place.
    pub(crate) mounts: BTreeSet<String>,
    /// Control groups of its runs.
    pub(crate) cgroups: BTreeSet<PathBuf>,
    /// Everything below the place.
    pub(crate) files: BTreeSet<PathBuf>,
}

impl Host {
    /// The same, when what a run keeps for itself (its state directory) does not count.
    pub(crate) fn without_state(mut self) -> Self {
        self.files.retain(|path| !path.components().any(|part| part.as_os_str() == "state"));
        self
    }
}

impl Drop for Place {
    /// What nodes said last tells why a test failed, and goes with the folder.
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        below(self.folder.path(), 5, &mut |path| {
            if path.to_string_lossy().ends_with(".stderr.log") {
                let said = fs::read(path).unwrap_or_default();
                let said = String::from_utf8_lossy(&said[said.len().saturating_sub(1000)..]).into_owned();
                if !said.is_empty() {
                    eprintln!("{}: {said}", path.display());
                }
            }
        });
    }
}

fn below(folder: &Path, depth: usize, found: &mut dyn FnMut(&Path)) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        found(&path);
        if depth > 0 && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            below(&path, depth - 1, found);
        }
    }
}

/// The processes whose environment holds `text`, by pid and name; this one does not count.
fn processes_with(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let pid = entry.file_name().to_string_lossy().into_owned();
        if !pid.chars().all(|c| c.is_ascii_digit()) || pid == std::process::id().to_string() {
            continue;
        }
        let environment = fs::read(entry.path().join("environ")).unwrap_or_default();
        if String::from_utf8_lossy(&environment).contains(text) {
            let name = fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
            found.insert(format!("{pid} {}", name.trim()));
        }
    }
    found
}
