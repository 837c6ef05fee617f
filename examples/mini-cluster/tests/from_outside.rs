//! A task file arms a fail point in a running mini-cluster; whatever becomes of the runner, it is disarmed.
//!
//! Three real processes: the system, the runner, and this one, which checks the system independently. The runner is
//! this program, too: with `SQUALL_HERE` set it is only the command line. So there is no test harness in
//! it, and `main` runs the tests.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    os::unix::net::UnixStream,
    path::Path,
    process::{Child, Command, ExitCode, Output, Stdio},
    time::Duration,
};

use serde_json::{Value, json};
use tempfile::TempDir;

/// Set in the runner's environment.
const RUNNER: &str = "SQUALL_HERE";
const SITE: &str = "controller.dispatch";

fn main() -> ExitCode {
    if std::env::var_os(RUNNER).is_some() {
        return squall::cli::main();
    }
    let tests: [(&str, fn()); 4] = [
        ("over_tcp_it_is_the_same", over_tcp_it_is_the_same),
        (
            "a_task_file_arms_a_site_and_the_report_shows_its_hits",
            a_task_file_arms_a_site_and_the_report_shows_its_hits,
        ),
        ("a_killed_runner_s_site_is_disarmed_by_its_lease", a_killed_runner_s_site_is_disarmed_by_its_lease),
        (
            "a_killed_runner_s_site_is_disarmed_at_once_by_recover",
            a_killed_runner_s_site_is_disarmed_at_once_by_recover,
        ),
    ];
    println!("\nrunning {} tests", tests.len());
    for (name, test) in tests {
        // A failure panics, and ends the program with a panic's exit code.
        test();
        println!("test {name} ... ok");
    }
    println!("\ntest result: ok. {} passed; 0 failed; 0 ignored; 0 measured; 0 filtered out\n", tests.len());
    ExitCode::SUCCESS
}

/// A running mini-cluster, killed at the end.
struct System {
    process: Child,
    /// `http://` and an address, or `unix:` and a path.
    url: String,
    /// Where its socket is.
    folder: TempDir,
}

impl System {
    fn start(more: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut process = Command::new(env!("CARGO_BIN_EXE_chaos-mini-cluster"))
            .args([&["serve", "--seconds", "120"], more].concat())
            .env("XDG_RUNTIME_DIR", folder.path())
            .env_remove("FAILPOINTS_TOKEN")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap());
        let mut first = String::new();
        lines.read_line(&mut first).unwrap();
        let url = first.trim().strip_prefix("control ").unwrap().to_owned();
        // The system keeps writing, and must not wait for a reader.
        std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
        Self { process, url, folder }
    }

    /// Asks the system itself how the site stands.
    fn status(&self) -> Value {
        match self.url.strip_prefix("unix:") {
            Some(path) => status(UnixStream::connect(path).unwrap()),
            None => status(TcpStream::connect(self.url.strip_prefix("http://").unwrap()).unwrap()),
        }
    }

    fn is_armed(&self) -> bool {
        self.status()["armed"] == true
    }

    fn wait_until(&self, what: impl Fn(&Value) -> bool) -> Value {
        loop {
            let status = self.status();
            if what(&status) {
                return status;
            }
            std::thread::park_timeout(Duration::from_millis(20));
        }
    }

    /// The folder of its socket.
    fn allowed(&self) -> String {
        self.folder.path().join("failpoints").display().to_string()
    }

    /// A task file that arms the site.
    fn task(&self, place: &TempDir, lease: u16, hold: f64) -> String {
        let path = place.path().join("task.json");
        let task = json!({"chaos_spec": [{
            "name": "Dispatches fail",
            "trigger": {"type": "immediate"},
            "action": {
                "type": "failpoint",
                "url": self.url,
                "site": SITE,
                "failure_rate": 1.0,
                "error": "injected by a task file",
                "lease_seconds": lease,
            },
            "duration_seconds": hold,
        }]});
        std::fs::write(&path, task.to_string()).unwrap();
        path.display().to_string()
    }
}

impl Drop for System {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn status(mut stream: impl Read + Write) -> Value {
    write!(stream, "GET /{SITE}/status HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
}

fn runner(place: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(arguments).env(RUNNER, "1").env("XDG_STATE_HOME", place.join("state")).current_dir(place);
    // What a killed run leaves is for `recover` here.
    command.env("SQUALL_GUARDIAN", "none");
    command
}

fn run(place: &TempDir, arguments: &[&str]) -> (Value, Output) {
    let output = runner(place.path(), arguments).output().unwrap();
    let told = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {} {}", text(&output.stdout), text(&output.stderr)));
    (told, output)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Starts a run, waits until the site is armed and has been hit, and kills the runner.
fn kill_while_armed(system: &System, place: &TempDir, lease: u16) {
    let task = system.task(place, lease, 60.0);
    let mut running = runner(place.path(), &["run", &task, "--allow-path", &system.allowed()])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let status = system.wait_until(|status| status["hits"].as_u64() > Some(0));
    assert!(status["owner"].as_str().unwrap().starts_with("squall/"), "{status}");
    running.kill().unwrap();
    running.wait().unwrap();
}

fn a_task_file_arms_a_site_and_the_report_shows_its_hits() {
    let (system, place) = (System::start(&[]), tempfile::tempdir().unwrap());
    let task = system.task(&place, 10, 5.0);
    assert!(system.url.starts_with("unix:"), "{}", system.url);
    let (refused, output) = run(&place, &["run", &task, "--format", "json"]);
    assert_eq!(output.status.code(), Some(2), "a folder that the policy does not allow: {refused:#}");
    assert!(refused.to_string().contains("--allow-path"), "{refused:#}");
    assert!(!system.is_armed());
    let (report, output) = run(&place, &["run", &task, "--format", "json", "--allow-path", &system.allowed()]);
    let entry = &report["entries"][0];
    assert_eq!((output.status.code(), &entry["success"]), (Some(0), &json!(true)), "{report:#}");
    assert_eq!(entry["reverted"], "reverted");
    let points = entry["timeline"].as_array().unwrap().iter();
    let details: Vec<&str> = points.filter_map(|point| point["detail"].as_str()).collect();
    let shows_hits = |detail: &&str| {
        let hits = detail.split(": ").last().and_then(|counts| counts.split(" hits").next());
        detail.contains("is armed by squall/") && hits.and_then(|hits| hits.parse::<u64>().ok()) > Some(0)
    };
    assert!(details.iter().any(shows_hits), "{details:#?}");
    assert!(!system.is_armed());
    // The system's own count is the witness of the report's.
    assert!(system.status()["total_fires"].as_u64() > Some(0));
}

fn over_tcp_it_is_the_same() {
    let (system, place) = (System::start(&["--listen", "127.0.0.1:0"]), tempfile::tempdir().unwrap());
    assert!(system.url.starts_with("http://127.0.0.1:"), "{}", system.url);
    let task = system.task(&place, 10, 0.5);
    let (report, output) = run(&place, &["run", &task, "--format", "json"]);
    assert_eq!((output.status.code(), &report["entries"][0]["reverted"]), (Some(0), &json!("reverted")), "{report:#}");
    assert!(!system.is_armed());
}

fn a_killed_runner_s_site_is_disarmed_by_its_lease() {
    let (system, place) = (System::start(&[]), tempfile::tempdir().unwrap());
    kill_while_armed(&system, &place, 3);
    system.wait_until(|status| status["armed"] == false);
    let (recovered, output) = run(&place, &["recover", "--format", "json"]);
    assert_eq!(output.status.code(), Some(0), "nothing is left to undo, and the journal goes: {recovered:#}");
}

fn a_killed_runner_s_site_is_disarmed_at_once_by_recover() {
    let (system, place) = (System::start(&[]), tempfile::tempdir().unwrap());
    // The longest lease: if the site is disarmed, it was not the lease.
    kill_while_armed(&system, &place, 3600);
    assert!(system.is_armed(), "nobody has disarmed it yet");
    let (recovered, output) = run(&place, &["recover", "--format", "json"]);
    assert_eq!(output.status.code(), Some(0), "{recovered:#}");
    assert!(recovered.to_string().contains("disarmed; before, fail point"), "{recovered:#}");
    assert!(!system.is_armed());
    let (again, output) = run(&place, &["recover", "--format", "json"]);
    assert_eq!(output.status.code(), Some(0), "{again:#}");
}
