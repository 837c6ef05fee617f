//! A server of our own for the replies that aimock cannot give: it sends what it is told, byte by byte.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use serde_json::Value;

/// Gives one canned answer to each connection and keeps the requests; after the last answer it stops listening.
pub(crate) struct RawServer {
    address: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl RawServer {
    /// Starts it with the answers in order.
    pub(crate) fn start(answers: Vec<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound").to_string();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&requests);
        thread::spawn(move || {
            for answer in answers {
                let Ok((stream, _)) = listener.accept() else {
                    return;
                };
                let (request, mut stream) = receive(stream);
                kept.lock().expect("not poisoned").push(request);
                // A client that has heard enough may hang up before the end.
                let _ = stream.write_all(answer.as_bytes());
            }
        });
        Self { address, requests }
    }

    /// The base address for an OpenAI client.
    pub(crate) fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// The requests so far, heads and bodies.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().expect("not poisoned").clone()
    }

    /// The JSON bodies of the requests so far.
    pub(crate) fn bodies(&self) -> Vec<Value> {
        let body = |request: &String| {
            let (_, body) = request.split_once("\r\n\r\n").expect("HTTP");
            serde_json::from_str(body).expect("a JSON body")
        };
        self.requests().iter().map(body).collect()
    }
}

/// Puts an answer together.
pub(crate) fn answer(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n{headers}\r\n{body}", body.len())
}

/// Puts a successful answer with one assistant message together.
pub(crate) fn completion(message: &Value) -> String {
    let body = serde_json::json!({"choices": [{"index": 0, "message": message}]});
    answer("200 OK", "", &body.to_string())
}

fn receive(stream: TcpStream) -> (String, TcpStream) {
    let mut reader = BufReader::new(stream);
    let mut request = String::new();
    let mut length = 0;
    loop {
        let start = request.len();
        reader.read_line(&mut request).expect("a head");
        let line = request[start..].to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().expect("a length");
        }
        if line == "\r\n" || line.is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).expect("a body");
    request.push_str(&String::from_utf8_lossy(&body));
    (request, reader.into_inner())
}
