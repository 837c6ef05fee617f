//! What a contract suite lets faults act on: a process, an HTTP service, control endpoints and a folder of its own.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Map, Value, json};
use tempfile::TempDir;

use crate::control_subject;

/// Fresh subjects; all are gone when this is dropped.
#[derive(Debug)]
pub struct Subjects {
    process: Child,
    address: SocketAddr,
    control: SocketAddr,
    requests: Arc<AtomicU64>,
    folder: TempDir,
}

impl Subjects {
    /// Starts a process that sleeps, and a service that answers 200 to every request.
    ///
    /// # Errors
    /// When a process, a socket or a folder can't be had.
    pub fn start() -> io::Result<Self> {
        let process = Command::new("sleep").arg("600").stdin(Stdio::null()).spawn()?;
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        let requests = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&requests);
        // The thread ends with the test's process; an idle listener costs nothing until then.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let count = Arc::clone(&count);
                std::thread::spawn(move || answer(stream, &count));
            }
        });
        let control = control_subject::start()?;
        Ok(Self { process, address, control, requests, folder: tempfile::tempdir()? })
    }

    /// An example with its `pid`, addresses and paths replaced by these subjects, and its times cut short.
    pub fn fit(&self, example: &Value) -> Value {
        match example {
            Value::Object(map) => {
                let mut fitted: Map<_, _> =
                    map.iter().map(|(key, value)| (key.clone(), self.fit_key(key, value))).collect();
                // A `url` beside a `site` is that of control endpoints, whose looks are no requests to a service.
                if map.contains_key("site") && map.contains_key("url") {
                    fitted.insert("url".to_owned(), json!(format!("http://{}", self.control)));
                }
                Value::Object(fitted)
            }
            Value::Array(items) => Value::Array(items.iter().map(|item| self.fit(item)).collect()),
            other => other.clone(),
        }
    }

    fn fit_key(&self, key: &str, value: &Value) -> Value {
        match key {
            "pid" => json!(self.process.id()),
            "url" | "service_url" => json!(format!("http://{}/", self.address)),
            "address" => json!(self.address.to_string()),
            "path" | "file" | "folder" => json!(self.folder.path().join("subject")),
            "duration" => json!("1s"),
            "qps" => json!(20),
            _ => self.fit(value),
        }
    }

    /// How many requests the service has answered.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::SeqCst)
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for Subjects {
    fn drop(&mut self) {
        // It may be gone already; either way nothing is left to wait for.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Answers each request on a kept-alive connection; requests have no body.
fn answer(mut stream: TcpStream, count: &AtomicU64) {
    let mut seen = Vec::new();
    let mut chunk = [0; 4096];
    while let Ok(n) = stream.read(&mut chunk) {
        if n == 0 {
            return;
        }
        seen.extend_from_slice(&chunk[..n]);
        while let Some(end) = seen.windows(4).position(|four| four == b"\r\n\r\n") {
            seen.drain(..end + 4);
            count.fetch_add(1, Ordering::SeqCst);
            if stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").is_err() {
                return;
            }
        }
    }
}
