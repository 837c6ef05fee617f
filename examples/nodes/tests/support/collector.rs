//! A receiver of spans by OTLP over HTTP in JSON, as far as the members of the mesh speak it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use chaos_example_nodes::{Reply, serve_http};
use serde_json::{Value, json};

/// One span.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Who sent it.
    pub(crate) service: String,
    pub(crate) name: String,
    pub(crate) attributes: BTreeMap<String, String>,
}

/// Collects spans as long as the test runs.
pub(crate) struct Collector {
    url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Collector {
    pub(crate) fn start() -> Self {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let spans = Arc::clone(&seen);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                let answer = move |path: String, body: hyper::body::Bytes| {
                    assert_eq!(path, "/v1/traces");
                    read(&serde_json::from_slice(&body).unwrap(), &mut spans.lock().unwrap());
                    async { Reply::new(200, json!({"partialSuccess": {}})) }
                };
                serve_http(listener, answer).await.unwrap();
            });
        });
        Self { url, seen }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Who has sent a span of that name about that peer, with one of its attributes.
    pub(crate) fn told(&self, name: &str, peer: &str, attribute: &str) -> BTreeMap<String, String> {
        let seen = self.seen.lock().unwrap();
        let about =
            seen.iter().filter(|span| span.name == name && span.attributes.get("peer").is_some_and(|its| its == peer));
        about.map(|span| (span.service.clone(), span.attributes.get(attribute).cloned().unwrap_or_default())).collect()
    }

    /// All spans of that name of one service.
    pub(crate) fn of(&self, service: &str, name: &str) -> Vec<Seen> {
        let seen = self.seen.lock().unwrap();
        seen.iter().filter(|span| span.service == service && span.name == name).cloned().collect()
    }

    /// All spans of that name.
    pub(crate) fn named(&self, name: &str) -> Vec<Seen> {
        self.seen.lock().unwrap().iter().filter(|span| span.name == name).cloned().collect()
    }
}

fn attributes(of: &Value) -> BTreeMap<String, String> {
    let pairs = of["attributes"].as_array().unwrap().iter();
    pairs
        .map(|pair| {
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            (text(&pair["key"]), text(&pair["value"]["stringValue"]))
        })
        .collect()
}

fn read(body: &Value, into: &mut Vec<Seen>) {
    for resource in body["resourceSpans"].as_array().unwrap() {
        let service = attributes(&resource["resource"])["service.name"].clone();
        let spans = resource["scopeSpans"].as_array().unwrap().iter();
        for span in spans.flat_map(|scope| scope["spans"].as_array().unwrap()) {
            let (name, service) = (span["name"].as_str().unwrap().to_owned(), service.clone());
            let time = |key: &str| span[key].as_str().unwrap().parse::<u128>().unwrap();
            assert!(time("startTimeUnixNano") <= time("endTimeUnixNano"), "{span}");
            assert_eq!((span["traceId"].as_str().unwrap().len(), span["spanId"].as_str().unwrap().len()), (32, 16));
            into.push(Seen { service, name, attributes: attributes(span) });
        }
    }
}
