//! A process with fail points, as far as its control endpoints show one.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::json;

/// Who has armed which site.
type Armed = Arc<Mutex<BTreeMap<String, String>>>;

/// Starts control endpoints of which every site exists; they end with the test's process.
///
/// # Errors
/// When a socket can't be had.
pub(crate) fn start() -> io::Result<SocketAddr> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let address = listener.local_addr()?;
    let armed = Armed::default();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let armed = Arc::clone(&armed);
            // A client that goes away in the middle is not our concern.
            std::thread::spawn(move || answer(&stream, &armed).ok());
        }
    });
    Ok(address)
}

/// Answers one request of a connection.
fn answer(stream: &TcpStream, armed: &Armed) -> io::Result<()> {
    let mut lines = BufReader::new(stream);
    let mut first = String::new();
    lines.read_line(&mut first)?;
    let (mut owner, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        lines.read_line(&mut line)?;
        let Some((name, value)) = line.trim().split_once(": ") else { break };
        match name.to_ascii_lowercase().as_str() {
            "failpoint-owner" => value.clone_into(&mut owner),
            "content-length" => length = value.parse().unwrap_or(0),
            _ => {}
        }
    }
    io::copy(&mut lines.take(length), &mut io::sink())?;
    let mut words = first.split(' ');
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let (status, body) = respond(method, path.trim_start_matches('/'), owner, armed);
    let mut stream = stream;
    write!(stream, "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

/// Arms, disarms and tells, with the rule that only its owner may touch an arming.
fn respond(method: &str, path: &str, owner: String, armed: &Armed) -> (&'static str, String) {
    let mut armed = armed.lock().unwrap_or_else(PoisonError::into_inner);
    let site = path.trim_end_matches("/status").trim_end_matches("/lease");
    let holder = armed.get(site).cloned();
    match (method, holder) {
        ("GET", holder) => {
            let status = json!({
                "site": site, "armed": holder.is_some(), "rule": "return", "owner": holder, "hits": 0, "fires": 0,
            });
            ("200 OK", status.to_string())
        }
        (_, Some(holder)) if holder != owner => ("409 Conflict", format!("armed by {holder}")),
        ("PUT", None) if path.ends_with("/lease") => ("404 Not Found", "not armed".to_owned()),
        ("PUT", _) => {
            armed.insert(site.to_owned(), owner);
            ("204 No Content", String::new())
        }
        ("DELETE", Some(_)) => {
            armed.remove(site);
            ("204 No Content", String::new())
        }
        _ => ("400 Bad Request", "not armed".to_owned()),
    }
}
