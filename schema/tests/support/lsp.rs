//! A small client of a language server over stdio: opens documents, waits for diagnostics, asks for completions.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::{Value, json};

/// Longest wait for one answer; the server needs 2 s to start on a busy machine.
const PATIENCE: Duration = Duration::from_mins(2);

/// A problem as an editor shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    /// From 1, as our own diagnostics count.
    pub(crate) line: u64,
    pub(crate) message: String,
}

/// A completion as an editor offers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Offer {
    pub(crate) label: String,
    pub(crate) documentation: String,
    pub(crate) inserts: String,
}

/// yaml-language-server in a process of its own; killed when dropped.
pub(crate) struct YamlServer {
    child: Child,
    stdin: ChildStdin,
    messages: Receiver<Value>,
    folder: PathBuf,
    asked: u64,
    opened: u64,
}

impl YamlServer {
    /// Starts the server of an npm folder; documents are taken to lie in `folder`, beside their schema.
    pub(crate) fn start(node_modules: &Path, folder: &Path) -> Self {
        let mut child = Command::new("node")
            .arg(node_modules.join("yaml-language-server/bin/yaml-language-server"))
            .arg("--stdio")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("node starts");
        let stdin = child.stdin.take().expect("piped");
        let stdout = child.stdout.take().expect("piped");
        let (sender, messages) = channel();
        std::thread::spawn(move || {
            let mut reader = BufReader::new(stdout);
            while let Some(message) = read_message(&mut reader) {
                if sender.send(message).is_err() {
                    break;
                }
            }
        });
        let mut server = Self { child, stdin, messages, folder: folder.to_owned(), asked: 0, opened: 0 };
        server.initialize();
        server
    }

    fn initialize(&mut self) {
        let uri = self.uri("");
        let capabilities = json!({
            "workspace": { "configuration": true, "didChangeConfiguration": {} },
            "textDocument": {
                "publishDiagnostics": {},
                "completion": { "completionItem": { "snippetSupport": true, "documentationFormat": ["markdown", "plaintext"] } },
            },
        });
        self.request("initialize", &json!({ "processId": null, "rootUri": uri, "capabilities": capabilities }));
        self.notify("initialized", &json!({}));
        self.notify("workspace/didChangeConfiguration", &json!({ "settings": settings() }));
    }

    /// Opens a document and waits for what is wrong with it.
    pub(crate) fn problems(&mut self, text: &str) -> Vec<Problem> {
        let uri = self.open(text);
        let params = self.wait(|message| {
            let params = message.get("params")?;
            let here = message["method"] == "textDocument/publishDiagnostics" && params["uri"] == uri.as_str();
            here.then(|| params.clone())
        });
        let list = params["diagnostics"].as_array().cloned().unwrap_or_default();
        let problem = |found: &Value| Problem {
            line: found["range"]["start"]["line"].as_u64().expect("a line") + 1,
            message: found["message"].as_str().unwrap_or_default().to_owned(),
        };
        list.iter().map(problem).collect()
    }

    /// Opens a document and asks what fits at a line and column, both from 1.
    pub(crate) fn offers(&mut self, text: &str, line: u64, column: u64) -> Vec<Offer> {
        let uri = self.open(text);
        let position = json!({ "line": line - 1, "character": column - 1 });
        let params = json!({ "textDocument": { "uri": uri }, "position": position });
        let answer = self.request("textDocument/completion", &params);
        let items = answer.get("items").unwrap_or(&answer).as_array().cloned().unwrap_or_default();
        let text = |value: &Value| value.as_str().or(value["value"].as_str()).unwrap_or_default().to_owned();
        let offer = |item: &Value| Offer {
            label: text(&item["label"]),
            documentation: text(&item["documentation"]),
            inserts: item["textEdit"]["newText"]
                .as_str()
                .or(item["insertText"].as_str())
                .unwrap_or_default()
                .to_owned(),
        };
        items.iter().map(offer).collect()
    }

    /// What an editor shows beside a place, both from 1.
    pub(crate) fn hover(&mut self, text: &str, line: u64, column: u64) -> String {
        let uri = self.open(text);
        let position = json!({ "line": line - 1, "character": column - 1 });
        let answer =
            self.request("textDocument/hover", &json!({ "textDocument": { "uri": uri }, "position": position }));
        answer["contents"]["value"].as_str().unwrap_or_default().to_owned()
    }

    fn open(&mut self, text: &str) -> String {
        self.opened += 1;
        let uri = self.uri(&format!("document-{}.yaml", self.opened));
        let document = json!({ "uri": uri, "languageId": "yaml", "version": 1, "text": text });
        self.notify("textDocument/didOpen", &json!({ "textDocument": document }));
        uri
    }

    fn uri(&self, name: &str) -> String {
        format!("file://{}/{name}", self.folder.display())
    }

    fn request(&mut self, method: &str, params: &Value) -> Value {
        self.asked += 1;
        let id = self.asked;
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }));
        self.wait(|message| {
            let mine = message.get("method").is_none() && message["id"] == id;
            mine.then(|| message["result"].clone())
        })
    }

    fn notify(&mut self, method: &str, params: &Value) {
        self.send(&json!({ "jsonrpc": "2.0", "method": method, "params": params }));
    }

    fn send(&mut self, message: &Value) {
        let text = message.to_string();
        write!(self.stdin, "Content-Length: {}\r\n\r\n{text}", text.len()).expect("the server reads");
        self.stdin.flush().expect("the server reads");
    }

    /// Waits for the message that `wanted` takes, and answers what the server asks meanwhile.
    fn wait(&mut self, wanted: impl Fn(&Value) -> Option<Value>) -> Value {
        loop {
            let message = self.messages.recv_timeout(PATIENCE).expect("the server answers");
            if let Some(found) = wanted(&message) {
                return found;
            }
            if let (Some(id), Some(method)) = (message.get("id"), message.get("method")) {
                let result = match (method.as_str(), message["params"]["items"].as_array()) {
                    (Some("workspace/configuration"), Some(items)) => {
                        let section = |item: &Value| match item["section"].as_str() {
                            Some(name) => settings().get(name).cloned().unwrap_or_else(|| json!({})),
                            None => settings(),
                        };
                        items.iter().map(section).collect()
                    }
                    _ => Value::Null,
                };
                self.send(&json!({ "jsonrpc": "2.0", "id": id, "result": result }));
            }
        }
    }
}

impl Drop for YamlServer {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// No schema store: nothing is fetched.
fn settings() -> Value {
    json!({
        "yaml": {
            "validate": true,
            "completion": true,
            "hover": true,
            "schemaStore": { "enable": false, "url": "" },
            "kubernetesCRDStore": { "enable": false },
        },
        "http": { "proxy": "", "proxyStrictSSL": false },
    })
}

fn read_message(reader: &mut BufReader<ChildStdout>) -> Option<Value> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim() {
            "" => break,
            header => {
                if let Some(value) = header.strip_prefix("Content-Length: ") {
                    length = value.parse().ok()?;
                }
            }
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    serde_json::from_slice(&body).ok()
}
