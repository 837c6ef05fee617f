//! The official collector.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::cores::Cores;
use crate::sender::Protocol;

/// How long it may take to listen.
const PATIENCE: Duration = Duration::from_mins(1);

/// The official collector, which decodes what it gets and drops it.
pub(crate) struct Collector {
    http: u16,
    grpc: u16,
    process: Child,
    place: TempDir,
}

impl Collector {
    /// Starts it where it is installed; where it is not, or can't do what is asked of it, that is said.
    #[expect(clippy::disallowed_methods, reason = "a bench waits for a program on real time")]
    pub(crate) fn start(cores: &Cores) -> Option<Self> {
        let Some(program) = find() else {
            println!("skipped: needs otelcol (`cargo xtask install otelcol` builds it)");
            return None;
        };
        let version = Command::new(&program).arg("--version").output().unwrap();
        // One that was built without a version has no such flag.
        println!("beside {} ({})", program.display(), String::from_utf8_lossy(&version.stdout).trim());
        let place = tempfile::tempdir().unwrap();
        let (http, grpc) = (free_port(), free_port());
        let config = format!(
            "receivers:\n  otlp:\n    protocols:\n      http:\n        endpoint: 127.0.0.1:{http}\n      grpc:\n        \
             endpoint: 127.0.0.1:{grpc}\nexporters:\n  nop:\nservice:\n  telemetry:\n    metrics:\n      level: none\n  \
             pipelines:\n    traces:\n      receivers: [otlp]\n      exporters: [nop]\n"
        );
        fs::write(place.path().join("collector.yml"), config).unwrap();
        let log = fs::File::create(place.path().join("log")).unwrap();
        // A program runs where the thread that starts it does, and Go then takes its one core for the whole machine.
        let core = cores.receiver();
        let directory = place.path().to_owned();
        let spawn = move || {
            core.stay();
            let mut command = Command::new(program);
            command.args(["--config", "collector.yml"]).current_dir(directory).stdin(Stdio::null()).stderr(log);
            command.spawn().unwrap()
        };
        let process = std::thread::spawn(spawn).join().unwrap();
        let mut started = Self { http, grpc, process, place };
        let began = Instant::now();
        while [http, grpc].iter().any(|port| TcpStream::connect(("127.0.0.1", *port)).is_err()) {
            if let Some(status) = started.process.try_wait().unwrap() {
                let log = fs::read_to_string(started.place.path().join("log")).unwrap_or_default();
                println!(
                    "skipped: needs otelcol with the receiver otlp and the exporter nop; this one ended, {status}: {log}"
                );
                return None;
            }
            assert!(began.elapsed() < PATIENCE, "the collector does not listen");
            std::thread::sleep(Duration::from_millis(50));
        }
        Some(started)
    }

    pub(crate) fn port(&self, protocol: Protocol) -> u16 {
        match protocol {
            Protocol::Http => self.http,
            Protocol::Grpc => self.grpc,
        }
    }

    /// Seconds of processor time of the whole process so far, in user mode and in the kernel.
    pub(crate) fn cpu(&self) -> f64 {
        let text = fs::read_to_string(format!("/proc/{}/stat", self.process.id())).unwrap();
        // Behind the name, which may hold spaces: the fields from the third on (proc_pid_stat(5)).
        let fields: Vec<&str> = text.rsplit_once(')').unwrap().1.split_whitespace().collect();
        let ticks: f64 = fields[11..=12].iter().map(|field| field.parse::<f64>().unwrap()).sum();
        ticks / rustix::param::clock_ticks_per_second() as f64
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn find() -> Option<PathBuf> {
    let folders = std::env::var_os("PATH")?;
    let installed = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/go/bin");
    std::env::split_paths(&folders).chain([installed]).map(|folder| folder.join("otelcol")).find(|path| path.is_file())
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
