//! Runs as a shell sees them, against real processes and a real server: verdicts, signals, crashes, reports.

#![cfg(feature = "full")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::thread::JoinHandle;

use serde_json::{Value, json};
use squall::chaos_load::target::{Behaviour, serve};
use tempfile::TempDir;

/// A process that sleeps, killed at the end.
struct Sleeper(Child);

impl Sleeper {
    fn start() -> Self {
        Self(Command::new("sleep").arg("600").spawn().unwrap())
    }

    fn pid(&self) -> String {
        self.0.id().to_string()
    }

    fn is_stopped(&self) -> bool {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0.id())).unwrap();
        status.lines().any(|line| line.starts_with("State:") && line.contains('T'))
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A place for state and files of its own.
fn place() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn command(place: &TempDir, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_squall"));
    command.args(arguments).current_dir(place).env("XDG_STATE_HOME", place.path().join("state"));
    command.env_remove("CHAOS_MODEL").env_remove("AGENT_MODEL").stdin(Stdio::null());
    command
}

fn squall(place: &TempDir, arguments: &[&str]) -> Output {
    command(place, arguments).output().unwrap()
}

/// The one object on standard output, and the exit code.
fn report(output: &Output) -> (Value, i32) {
    let report = serde_json::from_slice(&output.stdout);
    let err = String::from_utf8_lossy(&output.stderr);
    (report.unwrap_or_else(|error| panic!("no single object ({error}): {err}")), output.status.code().unwrap())
}

fn write(place: &TempDir, name: &str, task: &Value) -> String {
    let path = place.path().join(name);
    fs::write(&path, task.to_string()).unwrap();
    path.display().to_string()
}

fn journals(place: &TempDir) -> usize {
    fs::read_dir(place.path().join("state/squall/journals")).map_or(0, Iterator::count)
}

fn spike(url: &str, verify: &str) -> Value {
    json!({
        "chaos_spec": [{
            "trigger": {"type": "immediate"},
            "action": {"type": "generate_load", "target": {"service_url": url, "qps": 50, "duration": "1s"}},
            "verify": verify,
        }],
        "probes": {"serves": {"type": "http", "url": url}},
    })
}

#[test]
fn a_task_file_with_placeholders_runs_to_held_and_keeps_the_classic_fields() {
    let (place, target) = (place(), serve(([127, 0, 0, 1], 0).into(), Behaviour::new()).unwrap());
    let file = write(&place, "task.json", &spike("http://{{TARGET}}/", "serves"));
    let var = format!("TARGET={}", target.address());
    let (report, code) = report(&squall(&place, &["run", &file, "--var", &var, "--format", "json"]));
    let entry = &report["entries"][0];
    assert_eq!((code, &report["verdict"]), (0, &json!("held")), "{report:#}");
    assert_eq!(entry["success"], true);
    assert_eq!(entry["injected_fault"], "generate_load");
    assert!(entry["output"].is_string() && entry["elapsed_time"].as_f64().unwrap() > 0.9, "{entry:#}");
    assert!(entry["error"].is_null(), "{entry:#}");
    assert!(target.requests() >= 50, "{}", target.requests());
    assert_eq!(journals(&place), 0);
}

#[test]
fn a_service_that_is_down_is_inconclusive_and_the_error_names_the_cause() {
    let place = place();
    let address = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap();
    let file = write(&place, "task.json", &spike(&format!("http://{address}/"), "serves"));
    let (report, code) = report(&squall(&place, &["run", &file, "--format", "json"]));
    let entry = &report["entries"][0];
    assert_eq!((code, &report["verdict"], &entry["success"]), (2, &json!("inconclusive"), &json!(false)));
    let error = entry["error"].as_str().unwrap();
    assert!(error.contains("load did not reach the workload"), "{error}");
}

#[test]
fn a_verify_that_names_nothing_lists_the_known_names() {
    let (place, target) = (place(), serve(([127, 0, 0, 1], 0).into(), Behaviour::new()).unwrap());
    let file = write(&place, "task.json", &spike(&target.url(), "servs"));
    let (report, code) = report(&squall(&place, &["run", &file, "--format", "json"]));
    let verification = &report["entries"][0]["verification"];
    assert_eq!((code, &report["verdict"], &verification["success"]), (2, &json!("inconclusive"), &json!(false)));
    assert!(verification["detail"].as_str().unwrap().contains("known: serves"), "{verification}");
}

#[test]
fn another_host_is_refused_and_the_refusal_names_the_flag() {
    let place = place();
    let file = write(&place, "task.json", &spike("http://192.0.2.7/", "serves"));
    let (report, code) = report(&squall(&place, &["run", &file, "--format", "json"]));
    let error = report["entries"][0]["error"].as_str().unwrap();
    assert_eq!((code, &report["verdict"]), (2, &json!("inconclusive")));
    assert!(error.contains("--allow-host 192.0.2.7"), "{error}");
}

#[test]
fn a_check_of_the_harness_is_a_warning_and_the_task_runs() {
    let (place, target) = (place(), serve(([127, 0, 0, 1], 0).into(), Behaviour::new()).unwrap());
    let mut task = spike(&target.url(), "serves");
    task["verification_spec"] = json!([{"name": "pods", "check": {"type": "pod_healthy", "selector": "a=b"}}]);
    let file = write(&place, "task.json", &task);
    let output = squall(&place, &["run", &file]);
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{err}");
    assert!(err.contains("warning[opaque-check]") && out.ends_with("verdict: held\n"), "{err}\n{out}");
}

#[test]
fn an_invalid_file_is_65_with_its_problems_in_both_forms() {
    let place = place();
    let file = write(&place, "task.json", &json!({"chaos_spec": [{"trigger": {"type": "tme"}}]}));
    let output = squall(&place, &["run", &file, "--format", "json"]);
    let (told, code) = report(&output);
    assert_eq!((code, &told["exit_code"]), (65, &json!(65)));
    assert_eq!(told["diagnostics"].as_array().unwrap().len(), 2, "{told:#}");
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(err.contains("error[unknown-trigger]") && err.contains("error[missing-key]"), "{err}");
}

#[test]
fn inject_holds_one_fault_and_undoes_it() {
    let (place, sleeper) = (place(), Sleeper::start());
    let pid = format!("pid={}", sleeper.pid());
    let (report, code) =
        report(&squall(&place, &["inject", "pause_process", &pid, "--for", "300ms", "--format", "json"]));
    let entry = &report["entries"][0];
    assert_eq!(
        (code, &entry["verdict"], &entry["reverted"]),
        (0, &json!("unchecked"), &json!("reverted")),
        "{entry:#}"
    );
    assert!(!sleeper.is_stopped());
}

#[test]
fn inject_tells_what_is_wrong_with_its_parameters() {
    let (place, sleeper) = (place(), Sleeper::start());
    let pid = format!("pid={}", sleeper.pid());
    let rows: [(&[&str], i32, &str); 4] = [
        (&["inject", "pause_process"], 65, "pid"),
        (&["inject", "pause_process", "pid=many"], 65, "pid"),
        (&["inject", "generate_load", "target.service_url=http://127.0.0.1:9/", "--for", "1s"], 64, "its own end"),
        (&["inject", "pause_process", &pid, "colour=red"], 65, "colour"),
    ];
    for (arguments, code, want) in rows {
        let output = squall(&place, arguments);
        let err = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {err}");
        assert!(err.contains(want), "{arguments:?}: {err}");
    }
    assert!(!sleeper.is_stopped());
}

#[test]
fn a_dry_run_prints_the_plan_and_touches_nothing() {
    let (place, sleeper) = (place(), Sleeper::start());
    let pid = format!("pid={}", sleeper.pid());
    let output = squall(&place, &["inject", "pause_process", &pid, "--dry-run"]);
    let out = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{out}");
    assert!(out.contains(&sleeper.pid()) && out.contains("nothing was touched"), "{out}");
    assert!(!sleeper.is_stopped() && !place.path().join("state").exists());
    let refused = squall(&place, &["inject", "pause_process", &pid, "--dry-run", "--allow-fault", "generate_load"]);
    let out = String::from_utf8_lossy(&refused.stdout);
    assert_eq!(refused.status.code(), Some(2), "{out}");
    assert!(out.contains("--allow-fault pause_process"), "{out}");
}

#[test]
fn events_are_lines_without_a_gap_from_the_start_to_the_end() {
    let (place, sleeper) = (place(), Sleeper::start());
    let (pid, path) = (format!("pid={}", sleeper.pid()), place.path().join("events.jsonl"));
    let events = path.display().to_string();
    let output = squall(&place, &["inject", "pause_process", &pid, "--for", "200ms", "--events", &events]);
    assert_eq!(output.status.code(), Some(0));
    let lines: Vec<Value> =
        fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.iter().enumerate().all(|(at, event)| event["seq"] == at), "{lines:#?}");
    assert_eq!((&lines[0]["event"], &lines[lines.len() - 1]["event"]), (&json!("run_started"), &json!("run_ended")));
    assert!(lines.iter().any(|event| event["event"] == "active"), "{lines:#?}");
}

#[test]
fn without_a_state_directory_nothing_is_injected() {
    let (place, sleeper) = (place(), Sleeper::start());
    let pid = format!("pid={}", sleeper.pid());
    let mut command = command(&place, &["inject", "pause_process", &pid, "--for", "60s"]);
    let output = command.env_remove("HOME").env_remove("XDG_STATE_HOME").output().unwrap();
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{err}");
    assert!(err.contains("nothing is injected without an undo journal"), "{err}");
    assert!(!sleeper.is_stopped());
}

/// A run in the background; its display is read to its end, so that it never stands still.
struct Background {
    child: Child,
    err: JoinHandle<String>,
}

impl Background {
    /// Starts a pause of a minute, and comes back when it is in force.
    fn pause(place: &TempDir, sleeper: &Sleeper) -> Self {
        let pid = format!("pid={}", sleeper.pid());
        let arguments = ["inject", "pause_process", &pid, "--for", "60s", "--format", "json"];
        let mut child = command(place, &arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap());
        let mut seen = String::new();
        while !seen.contains("holding for") {
            assert_ne!(lines.read_line(&mut seen).unwrap(), 0, "it ended early: {seen}");
        }
        let err = std::thread::spawn(move || {
            let _ = lines.read_to_string(&mut seen);
            seen
        });
        Self { child, err }
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    fn end(mut self) -> (String, String, ExitStatus) {
        let mut out = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
        (out, self.err.join().unwrap(), self.child.wait().unwrap())
    }
}

#[test]
fn signals_undo_and_report_and_a_second_one_changes_nothing() {
    for signals in [&["INT"][..], &["TERM"], &["HUP"], &["INT", "INT", "TERM"]] {
        let (place, sleeper) = (place(), Sleeper::start());
        let run = Background::pause(&place, &sleeper);
        assert!(sleeper.is_stopped());
        for signal in signals {
            run.signal(signal);
        }
        let (out, err, status) = run.end();
        assert_eq!(status.code(), Some(2), "{signals:?}: {err}");
        assert!(!sleeper.is_stopped(), "{signals:?}");
        let report: Value = serde_json::from_str(&out).unwrap();
        let entry = &report["entries"][0];
        assert_eq!((&entry["verdict"], &entry["reverted"]), (&json!("inconclusive"), &json!("reverted")), "{entry:#}");
        assert!(err.contains(&format!("SIG{}", signals[0])), "{err}");
        assert_eq!(journals(&place), 0);
    }
}

#[test]
fn what_a_killed_run_leaves_is_undone_by_recover_once() {
    let (place, sleeper) = (place(), Sleeper::start());
    let run = Background::pause(&place, &sleeper);
    let beside = squall(&place, &["recover"]);
    assert_eq!((beside.status.code(), sleeper.is_stopped()), (Some(0), true), "a live run is left alone");
    run.signal("KILL");
    run.end();
    assert!(sleeper.is_stopped());

    let first = squall(&place, &["recover"]);
    let out = String::from_utf8_lossy(&first.stdout);
    assert_eq!((first.status.code(), sleeper.is_stopped()), (Some(0), false), "{out}");
    assert!(out.contains(&sleeper.pid()), "{out}");
    let second = squall(&place, &["recover"]);
    assert_eq!(String::from_utf8_lossy(&second.stdout), "nothing to undo\n");
}

#[test]
fn what_a_killed_run_leaves_is_undone_by_the_next_run() {
    let (place, sleeper, other) = (place(), Sleeper::start(), Sleeper::start());
    let run = Background::pause(&place, &sleeper);
    run.signal("KILL");
    run.end();
    let pid = format!("pid={}", other.pid());
    let (report, code) =
        report(&squall(&place, &["inject", "pause_process", &pid, "--for", "100ms", "--format", "json"]));
    assert_eq!((code, sleeper.is_stopped()), (0, false));
    assert_eq!(report["recovered"]["undone"].as_array().unwrap().len(), 1, "{report:#}");
}

#[test]
fn the_demo_holds_and_its_sham_does_not_with_nothing_set_up() {
    let place = place();
    let demo = |arguments: &[&str]| {
        let mut command = command(&place, arguments);
        command.env_remove("HOME").env_remove("XDG_STATE_HOME").env("TMPDIR", place.path()).output().unwrap()
    };
    let held = demo(&["demo"]);
    let (out, err) = (String::from_utf8_lossy(&held.stdout), String::from_utf8_lossy(&held.stderr));
    assert_eq!(held.status.code(), Some(0), "{out}\n{err}");
    assert!(out.ends_with("verdict: held\n"), "{out}");
    assert!(err.contains("demo.yaml is valid") && err.contains("the target answered"), "{err}");

    let sham = demo(&["demo", "--sham"]);
    let out = String::from_utf8_lossy(&sham.stdout);
    assert_eq!(sham.status.code(), Some(2), "{out}");
    assert!(out.ends_with("verdict: inconclusive\n"), "{out}");
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0, "something was left behind");
}

#[test]
fn junit_has_one_case_an_entry() {
    let (place, sleeper) = (place(), Sleeper::start());
    let pid = format!("pid={}", sleeper.pid());
    let output = squall(&place, &["inject", "pause_process", &pid, "--for", "100ms", "--format", "junit"]);
    let out = String::from_utf8_lossy(&output.stdout);
    assert_eq!((output.status.code(), out.matches("<testcase").count()), (Some(0), 1), "{out}");
}

/// nginx of the system's packages, on a free port of loopback.
struct Nginx {
    child: Child,
    url: String,
    _place: TempDir,
}

impl Nginx {
    fn start() -> Option<Self> {
        let program = ["/usr/sbin/nginx", "/usr/bin/nginx"].into_iter().find(|path| Path::new(path).exists())?;
        let place = place();
        let port = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
        let folder = place.path().display();
        let config = format!(
            "daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;\n\
             events {{ worker_connections 256; }}\n\
             http {{ access_log off; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p;\n\
             fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;\n\
             server {{ listen 127.0.0.1:{port}; location / {{ return 200 \"ok\\n\"; }} }} }}\n"
        );
        fs::write(place.path().join("nginx.conf"), config).unwrap();
        let mut child = Command::new(program);
        child.arg("-p").arg(place.path()).args(["-c", "nginx.conf", "-e", "error.log"]).stderr(Stdio::null());
        let child = child.spawn().unwrap();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            std::thread::yield_now();
        }
        Some(Self { child, url: format!("http://127.0.0.1:{port}/"), _place: place })
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // SIGQUIT would wait for connections; the master takes its worker along on SIGTERM.
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
    }
}

#[test]
fn three_hundred_requests_a_second_reach_nginx_within_half_a_percent() {
    let Some(nginx) = Nginx::start() else {
        println!("skipped: needs nginx");
        return;
    };
    let (place, url) = (place(), nginx.url.clone());
    let task = json!({
        "chaos_spec": [{
            "trigger": {"type": "time", "delay_seconds": 0},
            "action": {"type": "generate_load",
                       "target": {"service_url": "{{URL}}", "qps": 300, "duration": "10s", "concurrency": 4}},
            "verify": "serves",
        }],
        "verification_spec": [{"name": "serves", "check": {"type": "http", "url": "{{URL}}"}}],
    });
    let file = write(&place, "task.json", &task);
    let (told, code) = report(&squall(&place, &["run", &file, "--var", &format!("URL={url}"), "--format", "json"]));
    assert_eq!((code, &told["verdict"]), (0, &json!("held")), "{told:#}");
    let load = &told["entries"][0]["load"];
    let reached = load["ActualQPS"].as_f64().unwrap_or_else(|| panic!("{load:#}"));
    assert!((reached - 300.0).abs() <= 1.5, "{reached}");

    drop(nginx);
    let (told, code) = report(&squall(&place, &["run", &file, "--var", &format!("URL={url}"), "--format", "json"]));
    let entry = &told["entries"][0];
    assert_eq!((code, &entry["success"], &entry["verdict"]), (2, &json!(false), &json!("inconclusive")), "{entry:#}");
}
