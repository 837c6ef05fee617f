//! The peers, their command lines, and where they print how many calls they made.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

/// A load generator.
#[derive(Debug, Clone)]
pub(crate) struct Tool {
    pub(crate) name: &'static str,
    binary: PathBuf,
}

/// This engine and the peers that are installed; the others are named.
pub(crate) fn all() -> Vec<Tool> {
    let mut tools = vec![ours()];
    for name in ["fortio", "wrk", "hey", "h2load", "oha"] {
        match find(name) {
            Some(binary) => tools.push(Tool { name, binary }),
            None => println!("skipped: needs {name}"),
        }
    }
    tools
}

/// This binary as a load generator.
pub(crate) fn ours() -> Tool {
    Tool { name: "ours", binary: std::env::current_exe().unwrap() }
}

pub(crate) fn fortio() -> Option<Tool> {
    find("fortio").map(|binary| Tool { name: "fortio", binary })
}

pub(crate) fn oha() -> Option<Tool> {
    find("oha").map(|binary| Tool { name: "oha", binary })
}

pub(crate) fn find(name: &str) -> Option<PathBuf> {
    let places = std::env::var_os("PATH")?;
    let home = std::env::home_dir().into_iter().flat_map(|home| [home.join("go/bin"), home.join(".cargo/bin")]);
    std::env::split_paths(&places).chain(home).map(|folder| folder.join(name)).find(|path| path.is_file())
}

impl Tool {
    /// The command for full speed on one thread.
    pub(crate) fn full_speed(&self, url: &str, connections: usize, seconds: u64) -> Vec<String> {
        let line = match self.name {
            "ours" => format!("load -quiet -json - -gomaxprocs 1 -qps 0 -c {connections} -t {seconds}s {url}"),
            "fortio" => format!("load -quiet -json - -qps 0 -c {connections} -t {seconds}s {url}"),
            "wrk" => format!("-t1 -c{connections} -d{seconds} {url}"),
            "hey" => format!("-c {connections} -z {seconds}s {url}"),
            "h2load" => format!("--h1 -t1 -c{connections} -D {seconds} {url}"),
            _ => format!("--no-tui -c {connections} -z {seconds}s {url}"),
        };
        self.words(&line)
    }

    /// The command for a rate; `None` where the tool has no exact one.
    pub(crate) fn paced(&self, url: &str, qps: u32, connections: usize, seconds: u64) -> Option<Vec<String>> {
        let line = match self.name {
            "ours" | "fortio" => {
                format!("load -quiet -json - -qps {qps} -c {connections} -t {seconds}s -uniform {url}")
            }
            "oha" => format!("--no-tui -q {qps} -c {connections} -z {seconds}s {url}"),
            _ => return None,
        };
        Some(self.words(&line))
    }

    pub(crate) fn words(&self, line: &str) -> Vec<String> {
        let binary = self.binary.to_str().unwrap().to_owned();
        std::iter::once(binary).chain(line.split_whitespace().map(str::to_owned)).collect()
    }

    /// Calls that were made, from what the tool printed.
    pub(crate) fn calls(&self, out: &str) -> f64 {
        let number = |text: Option<&str>| text.and_then(|text| text.trim().parse().ok()).unwrap_or(0.0);
        match self.name {
            "ours" | "fortio" => {
                let value: Value = serde_json::from_str(out).unwrap_or_default();
                value["DurationHistogram"]["Count"].as_f64().unwrap_or(0.0)
            }
            "wrk" => number(
                out.lines()
                    .find_map(|line| line.split(" requests in").next().filter(|_| line.contains(" requests in"))),
            ),
            "h2load" => number(out.lines().find_map(|line| line.strip_prefix("requests: ")?.split(' ').next())),
            _ => out
                .lines()
                .filter_map(|line| line.trim().strip_prefix('[')?.split_whitespace().nth(1)?.parse::<f64>().ok())
                .sum(),
        }
    }
}

/// A running nginx with one worker on core 0, stopped when it is dropped.
pub(crate) struct Nginx {
    child: Child,
    _folder: tempfile::TempDir,
    pub(crate) url: String,
}

impl Nginx {
    pub(crate) fn start() -> Option<Self> {
        let Some(binary) =
            find("nginx").or_else(|| Some(PathBuf::from("/usr/sbin/nginx")).filter(|path| path.is_file()))
        else {
            println!("skipped: needs nginx");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let at = folder.path().display();
        let text = format!(
            "worker_processes 1; daemon off; pid {at}/pid; error_log {at}/log;\n\
             events {{ worker_connections 4096; }}\n\
             http {{ access_log off; keepalive_requests 1000000000;\n\
             server {{ listen 127.0.0.1:{port}; location / {{ return 200 \"hello, this is 22 bytes\"; }} }} }}\n"
        );
        let path = folder.path().join("nginx.conf");
        std::fs::write(&path, text).unwrap();
        let child = Command::new("taskset")
            .args(["-c", "0"])
            .arg(binary)
            .arg("-c")
            .arg(path)
            .arg("-p")
            .arg(folder.path())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            std::thread::yield_now();
        }
        Some(Self { child, _folder: folder, url: format!("http://127.0.0.1:{port}/") })
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // SIGTERM to the master stops its worker too; SIGKILL would leave it behind.
        let pid = rustix::process::Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        let _ = self.child.wait();
    }
}
