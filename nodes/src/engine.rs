//! A container engine, Docker's or Podman's, over its unix socket: HTTP/1.0, one request a connection.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chaos_core::PluginError;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

/// How long one answer may take; stopping is bounded by ourselves.
const PATIENCE: Duration = Duration::from_secs(20);

/// The longest answer that is read: the description of one container.
const LONGEST: u64 = 4 << 20;

/// The engine behind a socket.
#[derive(Debug, Clone)]
pub(crate) struct Engine {
    socket: PathBuf,
}

/// What the engine answered.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

/// What a container is doing, as its engine says.
#[derive(Debug, Clone)]
pub(crate) struct ContainerState {
    pub(crate) id: String,
    pub(crate) is_running: bool,
    pub(crate) is_paused: bool,
    pub(crate) pid: u32,
    pub(crate) exit_code: i64,
    pub(crate) started_at: String,
}

impl Engine {
    /// The engine that listens there.
    pub(crate) fn at(socket: &Path) -> Self {
        Self { socket: socket.to_owned() }
    }

    /// Its socket.
    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }

    /// Asks it something, and waits for the answer at most the usual time.
    pub(crate) async fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Answered, PluginError> {
        let asked = tokio::time::timeout(PATIENCE, self.exchange(method, path, body)).await;
        let asked = asked.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        asked.map_err(|error| PluginError::io(&format!("ask the engine on `{}`", self.socket.display()), &error))
    }

    /// Asks it to do something; 304 means that it is so already.
    pub(crate) async fn tell(&self, path: &str, body: Option<&Value>) -> Result<Answered, PluginError> {
        let answered = self.ask("POST", path, body).await?;
        if matches!(answered.status, 200..=299 | 304) { Ok(answered) } else { Err(answered.failed(path)) }
    }

    /// Waits until a container ends, however long that takes; gives its exit code.
    pub(crate) async fn ended(&self, id: &str) -> Option<i64> {
        let answered = self.exchange("POST", &format!("/containers/{id}/wait"), None).await.ok()?;
        answered.body["StatusCode"].as_i64()
    }

    /// The state of a container by name or id; `None` when there is none.
    pub(crate) async fn state(&self, name: &str) -> Result<Option<ContainerState>, PluginError> {
        let path = format!("/containers/{name}/json");
        let Answered { status, body } = self.ask("GET", &path, None).await?;
        match status {
            404 => Ok(None),
            200 => {
                let state = &body["State"];
                let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                Ok(Some(ContainerState {
                    id: text(&body["Id"]),
                    is_running: state["Running"].as_bool().unwrap_or_default(),
                    is_paused: state["Paused"].as_bool().unwrap_or_default(),
                    pid: state["Pid"].as_u64().and_then(|pid| pid.try_into().ok()).unwrap_or_default(),
                    exit_code: state["ExitCode"].as_i64().unwrap_or_default(),
                    started_at: text(&state["StartedAt"]),
                }))
            }
            status => Err(Answered { status, body }.failed(&path)),
        }
    }

    async fn exchange(&self, method: &str, path: &str, body: Option<&Value>) -> io::Result<Answered> {
        let mut stream = UnixStream::connect(&self.socket).await?;
        let body = body.map(Value::to_string).unwrap_or_default();
        let head = format!(
            "{method} {path} HTTP/1.0\r\nHost: engine\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all((head + &body).as_bytes()).await?;
        let mut answer = Vec::new();
        stream.take(LONGEST).read_to_end(&mut answer).await?;
        read(&answer).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "the answer is not HTTP"))
    }
}

impl Answered {
    /// Why it did not do what was asked, in the engine's own words.
    pub(crate) fn failed(&self, path: &str) -> PluginError {
        let why = self.body["message"].as_str().or(self.body["cause"].as_str()).unwrap_or("no reason given");
        PluginError::failed(format!("the engine answered {} to `{path}`: {why}", self.status))
    }
}

/// Status and body of an answer without chunks, which HTTP/1.0 has none of.
fn read(answer: &[u8]) -> Option<Answered> {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = std::str::from_utf8(answer.get(..end)?).ok()?;
    let status = head.lines().next()?.split(' ').nth(1)?.parse().ok()?;
    // An answer may be empty, or be a text where something is wrong with the engine.
    let body = serde_json::from_slice(answer.get(end + 4..)?).unwrap_or_default();
    Some(Answered { status, body })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_to_its_end_and_what_is_none_is_refused() {
        let answered = read(b"HTTP/1.0 409 Conflict\r\nA: b\r\n\r\n{\"message\": \"not running\"}\n").unwrap();
        let why = answered.failed("/x").to_string();
        assert!(answered.status == 409 && why.contains("answered 409 to `/x`: not running"), "{why}");
        assert_eq!(read(b"HTTP/1.0 204 No Content\r\n\r\n").unwrap().body, Value::Null);
        for wrong in [&b""[..], b"HTTP/1.0 200 OK\r\n", b"hello\r\n\r\n"] {
            assert!(read(wrong).is_none());
        }
    }
}
