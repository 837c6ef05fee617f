//! Everything that a command has written, and a task that has a text wherever one may stand.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::{Value, json};

/// A service that gives back all that it was sent: as it was, in JSON, and in base64. It never succeeds.
pub(crate) struct Echo {
    pub(crate) address: SocketAddr,
}

impl Echo {
    /// Serves until the test's process ends.
    pub(crate) fn start(status: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                std::thread::spawn(move || drop(answer(stream, status)));
            }
        });
        Self { address }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }
}

fn answer(mut stream: TcpStream, status: u16) -> std::io::Result<()> {
    let request = request(&mut stream)?;
    let key = request.lines().find_map(|line| line.split_once("earer ")).map_or("", |(_, key)| key);
    let said = format!("got {key} {} {request}", base64(key.as_bytes()));
    let told = json!({
        "error": {"message": said},
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": said}}],
    });
    let body = told.to_string();
    write!(
        stream,
        "HTTP/1.1 {status} Odd\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// The head and the body.
fn request(stream: &mut TcpStream) -> std::io::Result<String> {
    let (mut bytes, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
            });
            if body.len() >= length.unwrap_or(0) {
                return Ok(text);
            }
        }
        match stream.read(&mut buffer)? {
            0 => return Ok(text),
            count => bytes.extend_from_slice(&buffer[..count]),
        }
    }
}

/// RFC 4648, without padding.
pub(crate) fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut encoded = String::new();
    for chunk in bytes.chunks(3) {
        let group = chunk.iter().fold(0_u32, |group, byte| group << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for at in 0..=chunk.len() {
            encoded.push(char::from(ALPHABET[(group >> (18 - 6 * at) & 63) as usize]));
        }
    }
    encoded
}

/// A task with `text` wherever text may stand, and `part` at the end of each URL; it runs for less than a second.
pub(crate) fn task(echo: &Echo, pid: u32, text: &str, part: &str) -> Value {
    let url = format!("{}?part={part}", echo.url());
    // Only a verifier can answer it.
    let harness = json!({"type": "pod_healthy", "selector": text});
    let asks = json!({"type": "http", "url": url, "method": "POST", "headers": {"X-Any": part, "Authorization": part},
                      "body": text, "expect_status": [200, 503], "expect_body": "never there"});
    let compares = json!({"type": "http", "url": url, "expect_status": 503, "expect_json": [{"pointer": "/error/message", "equals": text}]});
    let script = "env > probe.env; echo \"$0\"; echo \"$0\" >&2; printf %s \"$0\" | base64 >&2; exit 1";
    let echoes = json!({"type": "command", "argv": ["sh", "-c", script, text]});
    let target = json!({"service_url": url, "qps": 20, "duration": "200ms", "method": "POST",
                        "headers": {"X-Any": part, "Authorization": part}, "body": text});
    let entry = |name: &str, action: Value, check: &str| {
        json!({"name": format!("{name} {text}"), "trigger": {"type": "immediate"}, "action": action,
               "verify": format!("{check} {text}")})
    };
    let mut paused = entry("paused", json!({"type": "pause_process", "pid": pid}), "echoes");
    paused["duration_seconds"] = json!(0.3);
    paused["during"] = json!([{"type": "http", "url": url, "interval_seconds": 0.1}]);
    let mut armed = entry(
        "armed",
        json!({"type": "failpoint", "url": url, "site": "a.b", "error": text,
                                          "token_env": "OTHER_TOKEN"}),
        "asks",
    );
    armed["duration_seconds"] = json!(0.1);
    let check = |name: &str, check: &Value| json!({"name": format!("{name} {text}"), "check": check, "mode": "assert"});
    json!({
        "name": format!("task {text}"),
        "chaos_spec": [
            paused,
            armed,
            entry("loaded", json!({"type": "load", "target": target}), "harness"),
            entry("planned", json!({"type": "generate_load", "target": target}), "compares"),
        ],
        "verification_spec": [check("asks", &asks), check("compares", &compares), check("echoes", &echoes),
                              check("harness", &harness)],
    })
}

/// The pointers of all texts inside a document, and of all names of members that are no keys of ours.
pub(crate) fn texts(value: &Value) -> Vec<String> {
    fn walk(value: &Value, at: &str, found: &mut Vec<String>) {
        match value {
            Value::String(_) => found.push(at.to_owned()),
            Value::Array(items) => {
                items.iter().enumerate().for_each(|(index, item)| walk(item, &format!("{at}/{index}"), found));
            }
            Value::Object(members) => members.iter().for_each(|(key, item)| walk(item, &format!("{at}/{key}"), found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    walk(value, "", &mut found);
    found
}

/// All that a command has written: both streams, and every file below a folder but those that the test has put there.
pub(crate) fn written(output: &Output, folder: &Path, inputs: &[&str]) -> Vec<(String, String)> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut all = vec![("stdout".to_owned(), text(&output.stdout)), ("stderr".to_owned(), text(&output.stderr))];
    for path in files(folder) {
        if !inputs.iter().any(|input| path.ends_with(input)) {
            let bytes = fs::read(&path).unwrap_or_default();
            all.push((path.display().to_string(), format!("{}\n{}", path.display(), text(&bytes))));
        }
    }
    all
}

/// Every file below a folder; of sockets only the name counts.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return vec![] };
    let paths = entries.flatten().map(|entry| entry.path());
    paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}
