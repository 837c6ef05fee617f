//! `fortio report`, as anybody runs it, on our files: it lists them, passes them on, and its page draws them in a browser.

#![expect(clippy::unwrap_used, reason = "a test may fail by it, in its helpers too")]

#[path = "support/real_fortio.rs"]
mod real_fortio;

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use chaos_fortio::{Interrupt, run_with};
use chaos_host::free_ports;
use chaos_load::target::{Behaviour, serve};
use real_fortio::fortio;

/// Runs before the page's own scripts: notes on the root element what went wrong, and what the chart has.
const WATCHER: &str = "<head><script>
const failures = [];
const tell = (name, text) => document.documentElement.setAttribute('data-' + name, text);
const fail = (text) => { failures.push(text); tell('failures', failures.join(' | ')); };
addEventListener('error', (e) => fail(e.message || e.target.src || e.target.href), true);
addEventListener('unhandledrejection', (e) => fail(String(e.reason)));
setInterval(() => {
  if (typeof chart === 'undefined' || !chart.options) { return; }
  tell('title', [].concat(chart.options.title.text).join(' | '));
  tell('points', chart.data.datasets.map((set) => set.data.length).join(','));
}, 20);
</script>";

/// A `fortio report` on a folder, killed at the end.
struct Report {
    child: Child,
    address: SocketAddr,
}

impl Report {
    fn start(fortio: &Path, folder: &Path) -> Self {
        // None that the kernel gives to others meanwhile.
        let port = free_ports(1).unwrap()[0].get();
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let mut command = Command::new(fortio);
        command.args(["report", "-quiet", "-redirect-port", "disabled", "-http-port", &address.to_string()]);
        command.arg("-data-dir").arg(folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let report = Self { child: command.spawn().unwrap(), address };
        // It listens, and then serves, some time after its start: ask again for a while.
        let serves = (0..12_000).any(|_| {
            thread::park_timeout(Duration::from_millis(10));
            report.get("/data/index.tsv").is_some()
        });
        assert!(serves, "fortio report does not serve");
        report
    }

    /// Fetches a path, and gives its content type and its body.
    fn get(&self, path: &str) -> Option<(String, Vec<u8>)> {
        let mut stream = TcpStream::connect(self.address).ok()?;
        write!(stream, "GET {path} HTTP/1.0\r\nHost: {}\r\n\r\n", self.address).ok()?;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).ok()?;
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let kind = head.lines().find_map(|line| line.strip_prefix("Content-Type: ")).unwrap_or("text/html");
        head.contains(" 200 ").then(|| (kind.to_owned(), bytes[end + 4..].to_vec()))
    }

    fn text(&self, path: &str) -> String {
        String::from_utf8(self.get(path).unwrap().1).unwrap()
    }
}

impl Drop for Report {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A folder with a result of ours.
fn our_result() -> (tempfile::TempDir, PathBuf) {
    let (folder, server) = (tempfile::tempdir().unwrap(), serve(([127, 0, 0, 1], 0).into(), Behaviour::new()).unwrap());
    let path = folder.path().join("ours.json");
    let line = format!("load -n 50 -c 2 -qps 500 -labels drawn_by_fortio -json {} {}", path.display(), server.url());
    let argv: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
    assert_eq!(run_with(&argv, &mut Vec::new(), &mut Vec::new(), &Interrupt::new()), 0);
    (folder, path)
}

#[test]
fn it_lists_our_file_and_passes_it_on() {
    let Some(fortio) = fortio() else { return };
    let (folder, path) = our_result();
    let report = Report::start(&fortio, folder.path());
    let listing = report.text("/data/index.tsv");
    assert!(listing.contains("ours.json"), "{listing}");
    assert_eq!(report.text("/data/ours.json"), fs::read_to_string(path).unwrap());
}

fn chromium() -> Option<PathBuf> {
    let places = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = std::env::split_paths(&places).collect();
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let found = names.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    let found = found.into_iter().find(|path| path.is_file());
    if found.is_none() {
        println!("skipped: needs chromium (system package chromium)");
    }
    found
}

/// Passes requests on to a report, and puts the watcher into the pages that browse; its thread ends with the process.
fn watched(report: Report) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut request = Vec::new();
            let mut piece = [0; 1024];
            while !request.ends_with(b"\r\n\r\n") {
                match stream.read(&mut piece) {
                    Ok(read @ 1..) => request.extend_from_slice(&piece[..read]),
                    _ => break,
                }
            }
            let request = String::from_utf8_lossy(&request).into_owned();
            let path = request.split(' ').nth(1).unwrap_or("/");
            let Some((kind, mut body)) = report.get(path) else {
                let _ = stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
                continue;
            };
            if path.starts_with("/browse") {
                body = String::from_utf8(body).unwrap().replacen("<head>", WATCHER, 1).into_bytes();
            }
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                body.len()
            );
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body));
        }
    });
    address
}

/// The page as it stands after its scripts have run, in a browser that can reach loopback and nothing else.
fn drawn(chromium: &Path, url: &str) -> String {
    let profile = tempfile::tempdir().unwrap();
    let page = profile.path().join("page");
    let mut child = Command::new(chromium)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"])
        .args(["--disable-background-networking", "--disable-component-update", "--no-proxy-server"])
        .args(["--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--virtual-time-budget=10000", "--dump-dom"])
        .arg(format!("--user-data-dir={}", profile.path().join("profile").display()))
        .arg(url)
        .stdin(Stdio::null())
        .stdout(fs::File::create(&page).unwrap())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let start = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if start.elapsed() > Duration::from_mins(4) {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("the browser did not end");
        }
        thread::park_timeout(Duration::from_millis(20));
    }
    fs::read_to_string(page).unwrap()
}

/// What the watcher noted under a name.
fn noted(page: &str, name: &str) -> Option<String> {
    let (_, rest) = page.split_once(&format!("data-{name}=\""))?;
    rest.split_once('"').map(|(text, _)| text.to_owned())
}

#[test]
fn its_page_draws_our_file_without_a_script_error() {
    let (Some(fortio), Some(chromium)) = (fortio(), chromium()) else { return };
    let (folder, path) = our_result();
    // The same without what the page needs: the watcher must see that, or it would see nothing.
    let broken = fs::read_to_string(path).unwrap().replace("\"DurationHistogram\"", "\"Other\"");
    fs::write(folder.path().join("broken.json"), broken).unwrap();
    let address = watched(Report::start(&fortio, folder.path()));

    let page = drawn(&chromium, &format!("http://{address}/browse?url=ours.json"));
    assert_eq!(noted(&page, "failures"), None, "{page}");
    let title = noted(&page, "title").unwrap_or_else(|| panic!("no chart: {page}"));
    for part in ["drawn_by_fortio", "500 target qps", "2 connections", "exactly 50 calls", "p50"] {
        assert!(title.contains(part), "`{part}` is not in the title `{title}`");
    }
    // Cumulative percentages first, then those of errors, of which there are none, then counts.
    let points = noted(&page, "points").unwrap();
    assert_eq!(points.split(',').map(|count| count != "0").collect::<Vec<_>>(), [true, false, true], "{points}");

    let page = drawn(&chromium, &format!("http://{address}/browse?url=broken.json"));
    assert!(noted(&page, "failures").is_some(), "a file that can't be drawn must show");
    assert_eq!(noted(&page, "title"), None);
}
