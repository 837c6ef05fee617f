//! Drives aimock, an OpenAI-compatible server from the npm registry, with one scripted conversation per server.
//!
//! Any test crate of the workspace can take this file with `#[path]`; it needs `serde_json` and `tempfile`.
//! The server is looked for under `SQUALL_NODE_MODULES`, or else `target/node/node_modules` of the workspace, where
//! `npm install --prefix target/node @copilotkit/aimock@1.43.0` puts it.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
};

use serde_json::{Value, json};
use tempfile::TempDir;

/// What the server answers, turn by turn.
#[derive(Default)]
pub(crate) struct Conversation {
    fixtures: Vec<Value>,
    turn: usize,
    failures: usize,
}

impl Conversation {
    /// Lets the next request of this turn fail with a status, and perhaps a `Retry-After` in seconds.
    pub(crate) fn fails(mut self, status: u16, message: &str, retry_after: Option<u64>) -> Self {
        let mut response = json!({"error": {"message": message}, "status": status});
        if let Some(seconds) = retry_after {
            response["retryAfter"] = seconds.into();
        }
        let order = json!({"turnIndex": self.turn, "sequenceIndex": self.failures});
        self.fixtures.push(json!({"match": order, "response": response}));
        self.failures += 1;
        self
    }

    /// Lets this turn ask for tools, with arguments as raw text, and perhaps a text beside them.
    pub(crate) fn asks(self, text: Option<&str>, calls: &[(&str, &str)]) -> Self {
        let calls: Vec<Value> = calls
            .iter()
            .enumerate()
            .map(|(index, (tool, arguments))| {
                let id = format!("call_{}_{index}", self.turn);
                json!({"id": id, "name": tool, "arguments": arguments})
            })
            .collect();
        let mut response = json!({"toolCalls": calls});
        if let Some(text) = text {
            response["content"] = text.into();
        }
        self.answers(&response)
    }

    /// Lets this turn be a text.
    pub(crate) fn says(self, text: &str) -> Self {
        self.answers(&json!({"content": text}))
    }

    fn answers(mut self, response: &Value) -> Self {
        let turn = json!({"turnIndex": self.turn});
        self.fixtures.push(json!({"match": turn, "response": response}));
        self.turn += 1;
        self.failures = 0;
        self
    }
}

/// A running server. It is killed when this is dropped.
pub(crate) struct Aimock {
    server: Child,
    address: String,
    _folder: TempDir,
}

impl Aimock {
    /// Starts a server for one conversation; `None`, with a line that says so, where aimock is not installed.
    pub(crate) fn start(conversation: &Conversation) -> Option<Self> {
        let program = node_modules().join("@copilotkit/aimock/dist/cli.js");
        if !program.exists() {
            println!("skipped: needs aimock ({} is absent)", program.display());
            return None;
        }
        let folder = tempfile::tempdir().expect("temporary folder");
        let script = folder.path().join("conversation.json");
        let fixtures = json!({"fixtures": conversation.fixtures});
        fs::write(&script, fixtures.to_string()).expect("writable");
        let mut server = Command::new("node")
            .arg(program)
            .args(["--strict", "--port", "0", "--fixtures"])
            .arg(&script)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("node runs where its packages are installed");
        let mut lines = BufReader::new(server.stdout.take().expect("piped")).lines();
        let address = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| Some(line.split_once("http://")?.1.to_owned()))
            .expect("aimock prints where it listens");
        // A full pipe would stop the server.
        thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        Some(Self { server, address, _folder: folder })
    }

    /// The base address for an OpenAI client.
    pub(crate) fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// Every request so far with the answer to it, as the server wrote it down.
    pub(crate) fn journal(&self) -> Vec<Value> {
        let mut stream = TcpStream::connect(&self.address).expect("aimock listens");
        // HTTP/1.0: the answer ends with the connection and is not chunked.
        write!(stream, "GET /__aimock/journal HTTP/1.0\r\n\r\n").expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("answered");
        let (_, body) = answer.split_once("\r\n\r\n").expect("HTTP");
        serde_json::from_str(body).expect("a list of requests")
    }

    /// The statuses that were answered, in order.
    pub(crate) fn statuses(&self) -> Vec<u64> {
        let status = |entry: &Value| entry["response"]["status"].as_u64();
        self.journal().iter().filter_map(status).collect()
    }
}

impl Drop for Aimock {
    fn drop(&mut self) {
        // Fails only when the server is gone already.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

fn node_modules() -> PathBuf {
    match std::env::var_os("SQUALL_NODE_MODULES") {
        Some(folder) => folder.into(),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/node/node_modules"),
    }
}
