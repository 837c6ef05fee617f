//! Task files run by the real program against a real nginx; what nginx logged is what was sent.
#![expect(clippy::unwrap_used, reason = "a test that can't be set up should stop at once")]

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

#[path = "support/kept_port.rs"]
mod kept_port;

use kept_port::KeptPort;

/// An nginx of this test's own, on loopback.
struct Nginx {
    process: Child,
    port: u16,
    folder: tempfile::TempDir,
    _kept: KeptPort,
}

impl Nginx {
    /// `None`, with a word on it, where there is no nginx.
    fn start() -> Option<Self> {
        if Command::new("nginx").arg("-v").stderr(Stdio::null()).status().is_err() {
            println!("skipped: needs nginx");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let kept = KeptPort::new();
        let port = kept.number();
        let at = folder.path().display();
        let config = format!(
            "daemon off; worker_processes 1; pid {at}/pid; error_log {at}/error.log;\n\
             events {{ worker_connections 512; }}\n\
             http {{ access_log {at}/access.log; keepalive_requests 1000000;\n\
             client_body_temp_path {at}/b; proxy_temp_path {at}/p; fastcgi_temp_path {at}/f;\n\
             uwsgi_temp_path {at}/u; scgi_temp_path {at}/s;\n\
             server {{ listen 127.0.0.1:{port}; location / {{ return 200 'ok'; }} }} }}\n"
        );
        fs::write(folder.path().join("nginx.conf"), config).unwrap();
        let conf = folder.path().join("nginx.conf");
        let process = Command::new("nginx")
            .arg("-e")
            .arg(folder.path().join("error.log"))
            .arg("-c")
            .arg(conf)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let nginx = Self { process, port, folder, _kept: kept };
        let start = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(start.elapsed() < Duration::from_mins(2), "nginx does not answer");
            std::thread::yield_now();
        }
        Some(nginx)
    }

    /// How many requests for `path` it logged. It is ended first, since it writes a line only after it has answered.
    fn logged(&mut self, path: &str) -> usize {
        self.end();
        let log = fs::read_to_string(self.folder.path().join("access.log")).unwrap_or_default();
        log.lines().filter(|line| line.contains(&format!("\"GET {path} "))).count()
    }

    /// Ends it, once it is done with every request.
    fn end(&mut self) {
        if self.process.try_wait().unwrap().is_none() {
            Command::new("kill").args(["-QUIT", &self.process.id().to_string()]).status().unwrap();
            self.process.wait().unwrap();
        }
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        if let Ok(None) = self.process.try_wait() {
            let _ = Command::new("kill").arg(self.process.id().to_string()).status();
            let _ = self.process.wait();
        }
    }
}

const TASK: &str = r#"
# yaml-language-server: $schema=./task.schema.json
name: optimize-scale
prompt: |
  Scale {{THIS_STAYS}} as it is.
task_id: 17
chaos_spec:
  - name: Planned load spike
    trigger:
      type: time
      delay_seconds: 1
    action:
      type: generate_load
      target:
        service_url: "http://{{TARGET_DEPLOYMENT_NAME}}.{{NAMESPACE}}:{{PORT}}/load"
        qps: 300
        duration: 5s
        concurrency: 4
    verify: serves
verification_spec:
  - name: serves
    check: { type: http, url: "http://{{TARGET_DEPLOYMENT_NAME}}.{{NAMESPACE}}:{{PORT}}/healthz" }
  - name: scaled
    check: { type: pod_healthy, selector: app=web }
policy:
  allow_hosts: ["*.svc.cluster.local"]
"#;

struct Place(tempfile::TempDir);

impl Place {
    fn new(task: &str) -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        fs::write(place.0.path().join("task.yaml"), task).unwrap();
        place
    }

    fn command(&self, program: &str, args: &[&str], port: u16) -> Command {
        let mut command = Command::new(program);
        command.args(args).args(["run", "task.yaml", "--format", "json"]);
        command.args(["--var", "TARGET_DEPLOYMENT_NAME=web", "--var", "NAMESPACE=localhost"]);
        command.args(["--var", &format!("PORT={port}")]);
        command.env("XDG_STATE_HOME", self.0.path()).env_remove("CHAOS_MODEL").env_remove("AGENT_MODEL");
        command.current_dir(self.0.path()).stdin(Stdio::null());
        command
    }

    fn run(&self, port: u16) -> (i32, Value, Output) {
        finished(self.command(env!("CARGO_BIN_EXE_squall"), &[], port))
    }
}

fn finished(mut command: Command) -> (i32, Value, Output) {
    let output = command.output().unwrap();
    let report = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    (output.status.code().unwrap(), report, output)
}

#[test]
fn a_benchmark_task_puts_the_asked_load_on_a_real_nginx() {
    let Some(mut nginx) = Nginx::start() else { return };
    let (code, report, output) = Place::new(TASK).run(nginx.port);
    let entry = &report["entries"][0];
    assert_eq!((code, report["verdict"].as_str()), (0, Some("held")), "{output:?}");
    assert_eq!(
        (&entry["success"], &entry["injected_fault"], &entry["error"]),
        (&true.into(), &"generate_load".into(), &Value::Null)
    );
    assert!(entry["output"].as_str().unwrap().contains("No model was used"), "{}", entry["output"]);
    assert!(entry["elapsed_time"].as_f64().unwrap() >= 5.0, "{entry}");
    assert_eq!(entry["verification"]["success"], true, "{entry}");
    let served = nginx.logged("/load");
    assert!((1493..=1507).contains(&served), "300 qps for 5 s came to {served} requests");
    assert_eq!(nginx.logged("/healthz"), 1);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("pod_healthy"), "the opaque check is not mentioned: {told}");
}

#[test]
fn with_the_service_stopped_the_error_names_the_cause() {
    let nobody = KeptPort::new();
    let (code, report, _) = Place::new(TASK).run(nobody.number());
    let entry = &report["entries"][0];
    assert_eq!((code, report["verdict"].as_str(), &entry["success"]), (2, Some("inconclusive"), &false.into()));
    let error = entry["error"].as_str().unwrap();
    assert!(error.starts_with("load did not reach the workload: ") && error.contains("refused"), "{error}");
}

#[test]
fn a_verify_that_names_nothing_lists_what_is_known() {
    let Some(mut nginx) = Nginx::start() else { return };
    let task = TASK.replace("verify: serves", "verify: srves").replace("duration: 5s", "duration: 1s");
    let (code, report, output) = Place::new(&task).run(nginx.port);
    assert_eq!((code, &report["error"]), (65, &"unknown check `srves` in `verify`".into()));
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("did you mean `serves`? known: scaled, serves"), "{told}");
    assert_eq!(nginx.logged("/load"), 0);
}

#[test]
fn a_verify_that_only_the_harness_can_answer_is_not_evaluated() {
    let Some(nginx) = Nginx::start() else { return };
    let task = TASK.replace("verify: serves", "verify: scaled").replace("duration: 5s", "duration: 1s");
    let (code, report, _) = Place::new(&task).run(nginx.port);
    let detail = report["entries"][0]["verification"]["detail"].as_str().unwrap();
    assert_eq!(code, 2);
    assert!(detail.contains("`pod_healthy`") && detail.contains("not evaluated"), "{detail}");
}

/// Runs in a network namespace with no way out, since the file names a host that is not this machine.
#[test]
fn a_target_outside_loopback_is_refused_and_the_flag_is_named() {
    if !Command::new("unshare").args(["-rn", "true"]).status().is_ok_and(|status| status.success()) {
        println!("skipped: needs network namespaces");
        return;
    }
    for (host, flag) in [("192.0.2.1", "--allow-host 192.0.2.1"), ("shop.example", "--allow-host shop.example")] {
        let task = TASK.replacen("{{TARGET_DEPLOYMENT_NAME}}.{{NAMESPACE}}:{{PORT}}/load", &format!("{host}/"), 1);
        let place = Place::new(&task);
        let squall = env!("CARGO_BIN_EXE_squall");
        let (code, report, _) = finished(place.command("unshare", &["-rn", squall], 1));
        let error = report["entries"][0]["error"].as_str().unwrap();
        assert_eq!((code, report["verdict"].as_str()), (2, Some("inconclusive")));
        assert!(error.contains("refused by policy") && error.contains(flag), "{error}");
    }
}

/// A server of our own that is not HTTP: the load reaches a port, and nobody serves.
#[test]
fn a_port_that_answers_nonsense_is_no_landing() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 1024]);
            let _ = stream.write_all(b"220 mail.example ESMTP\r\n");
        }
    });
    let (code, report, _) = Place::new(&TASK.replace("duration: 5s", "duration: 1s")).run(port);
    let entry = &report["entries"][0];
    assert_eq!((code, &entry["success"]), (2, &false.into()), "{entry}");
    assert!(entry["error"].as_str().unwrap().starts_with("load did not reach the workload: "), "{entry}");
}
