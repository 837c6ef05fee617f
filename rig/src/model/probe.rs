//! The requests of status checks: plain HTTP over TCP, without redirects and without TLS.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::JoinHandle;

use super::check::{CheckSpec, HttpCheck, Record, in_a_row};
use super::queue::Key;
use super::spawn::seconds;

/// The longest status line that is read, in bytes.
const LONGEST_LINE: usize = 4096;

/// Checks that run, by their keys.
#[derive(Debug, Default)]
pub(super) struct Probes {
    running: BTreeMap<Key, Probe>,
}

#[derive(Debug)]
struct Probe {
    task: JoinHandle<()>,
    results: Arc<Mutex<Results>>,
}

/// What the requests gave.
#[derive(Debug, Clone, Default)]
pub(super) struct Results {
    /// How many there were.
    pub(super) count: u64,
    /// The last of them.
    pub(super) records: Vec<Record>,
}

impl Drop for Probe {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Probes {
    /// What the check's requests gave so far; begins it, after what it gave before, if it does not run. The key is sent after each.
    pub(super) fn results(
        &mut self,
        key: &Key,
        spec: &CheckSpec,
        before: Results,
        wake: &UnboundedSender<Key>,
    ) -> Results {
        let probe = self.running.entry(key.clone()).or_insert_with(|| {
            let results = Arc::new(Mutex::new(before));
            let task = tokio::spawn(run(key.clone(), spec.clone(), Arc::clone(&results), wake.clone()));
            Probe { task, results }
        });
        probe.results.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Ends a check's requests.
    pub(super) fn end(&mut self, key: &Key) {
        self.running.remove(key);
    }
}

/// Makes requests, the first after one interval, until enough failed in a row or, synchronous only, enough succeeded.
async fn run(key: Key, spec: CheckSpec, results: Arc<Mutex<Results>>, wake: UnboundedSender<Key>) {
    let interval = Duration::from_secs(spec.interval_seconds.unwrap_or(10).max(1));
    let limit = spec.records_history_limit.unwrap_or(100).max(1);
    let mut ticks = tokio::time::interval_at(tokio::time::Instant::now() + interval, interval);
    loop {
        ticks.tick().await;
        let started = seconds(Timestamp::now());
        let outcome = if succeeded(&spec).await { "Success" } else { "Failure" };
        let over = {
            let mut results = results.lock().unwrap_or_else(PoisonError::into_inner);
            results.count += 1;
            results.records.push(Record { start_time: Some(started), outcome: outcome.to_owned() });
            let surplus = results.records.len().saturating_sub(limit);
            results.records.drain(..surplus);
            in_a_row(&results.records, "Failure", spec.failures())
                || spec.synchronous() && in_a_row(&results.records, "Success", spec.successes())
        };
        if wake.send(key.clone()).is_err() || over {
            return;
        }
    }
}

/// Whether one request is answered in time by a status code that counts as success.
async fn succeeded(spec: &CheckSpec) -> bool {
    let Some(http) = &spec.http else { return false };
    let timeout = Duration::from_secs(spec.timeout_seconds.unwrap_or(1).max(1));
    let code = tokio::time::timeout(timeout, status_code(http)).await.ok().flatten();
    code.is_some_and(|code| meets(http.criteria.as_ref().map_or("200", |it| it.status_code.as_str()), code))
}

/// Whether a code is the one wanted, or within the range.
fn meets(criteria: &str, code: u16) -> bool {
    match criteria.split_once('-') {
        Some((low, high)) => match (low.trim().parse::<u16>(), high.trim().parse::<u16>()) {
            (Ok(low), Ok(high)) => (low..=high).contains(&code),
            _ => false,
        },
        None => criteria.trim().parse() == Ok(code),
    }
}

async fn status_code(check: &HttpCheck) -> Option<u16> {
    let (authority, path) = target(&check.url)?;
    let address = if authority.contains(':') { authority.to_owned() } else { format!("{authority}:80") };
    let mut stream = TcpStream::connect(address).await.ok()?;
    stream.write_all(request(check, authority, path).as_bytes()).await.ok()?;
    let mut line = Vec::new();
    let mut buffer = [0; 512];
    while !line.contains(&b'\n') && line.len() < LONGEST_LINE {
        match stream.read(&mut buffer).await.ok()? {
            0 => return None,
            read => line.extend_from_slice(&buffer[..read]),
        }
    }
    let line = String::from_utf8_lossy(&line);
    let mut words = line.split_ascii_whitespace();
    words.next()?.starts_with("HTTP/1.").then(|| words.next()?.parse().ok())?
}

/// Host with port, and path with query.
fn target(url: &str) -> Option<(&str, &str)> {
    let rest = url.strip_prefix("http://")?;
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    (!authority.is_empty() && !url.contains(char::is_whitespace)).then_some((authority, path))
}

fn request(check: &HttpCheck, authority: &str, path: &str) -> String {
    let method = check.method.as_deref().unwrap_or("GET");
    let slash = if path.starts_with('/') { "" } else { "/" };
    let body = check.body.as_deref().unwrap_or_default();
    let length = body.len().to_string();
    let own = [("Host", authority), ("Connection", "close"), ("Content-Length", &length)];
    let given = check.headers.iter().flat_map(|(name, values)| {
        values.as_array().into_iter().flatten().filter_map(|value| Some((name.as_str(), value.as_str()?)))
    });
    let mut text = format!("{method} {slash}{path} HTTP/1.1\r\n");
    for (name, value) in own.into_iter().chain(given) {
        text.extend([name, ": ", value, "\r\n"]);
    }
    text + "\r\n" + body
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[test]
    fn model_criteria_are_a_code_or_a_range() {
        for (criteria, code, met) in [
            ("200", 200, true),
            ("200", 201, false),
            ("200-299", 204, true),
            ("200-299", 300, false),
            ("any", 200, false),
        ] {
            assert_eq!(meets(criteria, code), met, "{criteria} and {code}");
        }
    }

    #[test]
    fn model_a_request_names_its_target() {
        assert_eq!(target("http://127.0.0.1:80/a?b"), Some(("127.0.0.1:80", "/a?b")));
        assert_eq!(target("http://host?b"), Some(("host", "?b")));
        assert_eq!((target("https://host/"), target("http:///"), target("http://a b/")), (None, None, None));
        let check = HttpCheck {
            method: Some("POST".into()),
            body: Some("abc".into()),
            headers: serde_json::from_value(serde_json::json!({ "X-A": ["1", "2"] })).unwrap(),
            ..HttpCheck::default()
        };
        let text = request(&check, "host", "?b");
        assert!(text.starts_with("POST /?b HTTP/1.1\r\nHost: host\r\n"), "{text}");
        assert!(text.contains("Content-Length: 3\r\n") && text.ends_with("X-A: 1\r\nX-A: 2\r\n\r\nabc"), "{text}");
    }

    #[tokio::test]
    async fn model_a_probe_counts_what_a_server_answers() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/health", listener.local_addr().unwrap());
        let server = tokio::spawn(async move {
            for answer in ["HTTP/1.1 204 No Content\r\n\r\n", "HTTP/1.1 500 Oh\r\n\r\n", "nonsense\r\n"] {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut asked = [0; 1024];
                let read = stream.read(&mut asked).await.unwrap();
                assert!(asked[..read].starts_with(b"GET /health HTTP/1.1\r\n"));
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        let criteria = Some(super::super::check::Criteria { status_code: "200-299".into() });
        let http = Some(HttpCheck { url, criteria, ..HttpCheck::default() });
        let spec = CheckSpec { http, timeout_seconds: Some(60), ..CheckSpec::default() };
        assert!(succeeded(&spec).await);
        assert!(!succeeded(&spec).await, "another code");
        assert!(!succeeded(&spec).await, "no HTTP");
        server.await.unwrap();
        // Bound and not listened on, so that nobody else listens there meanwhile.
        let silent = tokio::net::TcpSocket::new_v4().unwrap();
        silent.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let url = format!("http://{}/health", silent.local_addr().unwrap());
        let http = spec.http.clone().map(|http| HttpCheck { url, ..http });
        assert!(!succeeded(&CheckSpec { http, ..spec }).await, "nobody listens");
    }
}
