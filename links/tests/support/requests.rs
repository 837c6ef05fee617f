//! Requests to the control API: valid ones are made first, and most of them are spoilt then.

use serde_json::{Map, Value, json};

use crate::dice::Dice;

pub(crate) struct Made {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) body: Vec<u8>,
}

/// What makes requests. Addresses stay on this machine: names would ask a resolver, which is not what is tested.
pub(crate) struct Maker {
    pub(crate) dice: Dice,
    /// A server that answers.
    upstream: String,
    script: Vec<Value>,
}

const METHODS: [&str; 9] = ["GET", "POST", "PATCH", "DELETE", "PUT", "HEAD", "OPTIONS", "TRACE", "BREW"];
const LINKS: [&str; 5] = ["a", "b", "e/f", "ä b", "%2F"];
const TYPES: [&str; 15] = [
    "latency",
    "bandwidth",
    "slow_close",
    "timeout",
    "reset_peer",
    "slicer",
    "limit_data",
    "loss",
    "black_hole",
    "duplicate",
    "reorder",
    "corrupt",
    "http",
    "noop",
    "",
];
const ATTRIBUTES: [&str; 17] = [
    "latency",
    "jitter",
    "distribution",
    "rate",
    "delay",
    "timeout",
    "average_size",
    "size_variation",
    "bytes",
    "probability",
    "stall",
    "mode",
    "LATENCY",
    "what",
    "match",
    "effect",
    "preset",
];
const LISTENS: [&str; 10] = [
    "127.0.0.1:0",
    "127.0.0.1:0",
    "127.0.0.1:0",
    "localhost:0",
    "[::1]:0",
    ":0",
    "",
    "127.0.0.1",
    "127.0.0.1:99999",
    "127.0.0.1:x",
];

/// Values of the attributes of a rule, right ones and wrong ones.
fn rules() -> [Value; 8] {
    [
        json!("llm_overloaded"),
        json!({"close": true}),
        json!({"delay": "1ms", "corrupt": 0.5, "answer": {"status": 429, "headers": {"a": "b"}, "grpc": {"code": 3}}}),
        json!({"cut": {"after_bytes": 3}, "change": {"status": 500, "body": "x"}}),
        json!({"stall": {"after_events": 1, "lasts": "1h"}, "certificate": "expired"}),
        json!({"path": "/*", "headers": {"x": "*"}, "from": 2, "every": 3, "times": 4, "share": 0.5}),
        json!({"answer": {"status": 99}}),
        json!({"method": "GET", "from": 0}),
    ]
}

impl Maker {
    pub(crate) fn new(dice: Dice, upstream: String) -> Self {
        let text =
            std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/toxiproxy/script.jsonl")).unwrap();
        let script = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        Self { dice, upstream, script }
    }

    pub(crate) fn request(&mut self) -> Made {
        let mut made = if self.dice.percent(12) { self.of_script() } else { self.of_grammar() };
        if self.dice.percent(10) {
            made.method = (*self.dice.pick(&METHODS)).to_owned();
        }
        if self.dice.percent(4) {
            made.path = self.spoilt_path(&made.path);
        }
        if self.dice.percent(35) {
            made.body = self.spoilt_tree(&made.body);
        }
        if self.dice.percent(12) {
            self.spoil_bytes(&mut made.body);
        }
        made.body = on_this_machine(made.body, &self.upstream);
        made
    }

    fn of_script(&mut self) -> Made {
        let step = self.dice.pick(&self.script).clone();
        let text = |name: &str| step[name].as_str().unwrap_or_default().to_owned();
        Made { method: text("method"), path: text("path"), body: text("body").into_bytes() }
    }

    fn of_grammar(&mut self) -> Made {
        let link = *self.dice.pick(&LINKS);
        let link = segment(link);
        let toxic = segment(&self.toxic_name());
        let roll = self.dice.below(100);
        let (method, path, body) = match roll {
            0..3 => ("GET", "/version".to_owned(), None),
            3..6 => ("GET", "/metrics".to_owned(), None),
            6..7 => ("POST", "/reset".to_owned(), None),
            7..11 => ("POST", "/populate".to_owned(), Some(self.several_links())),
            11..15 => ("GET", "/proxies".to_owned(), None),
            15..31 => ("POST", "/proxies".to_owned(), Some(self.link())),
            31..37 => ("GET", format!("/proxies/{link}"), None),
            37..44 => ("POST", format!("/proxies/{link}"), Some(self.change())),
            44..50 => ("PATCH", format!("/proxies/{link}"), Some(self.change())),
            50..54 => ("DELETE", format!("/proxies/{link}"), None),
            54..58 => ("GET", format!("/proxies/{link}/toxics"), None),
            58..80 => ("POST", format!("/proxies/{link}/toxics"), Some(self.toxic())),
            80..84 => ("GET", format!("/proxies/{link}/toxics/{toxic}"), None),
            84..90 => ("PATCH", format!("/proxies/{link}/toxics/{toxic}"), Some(self.toxic())),
            90..93 => ("POST", format!("/proxies/{link}/toxics/{toxic}"), Some(self.toxic())),
            _ => ("DELETE", format!("/proxies/{link}/toxics/{toxic}"), None),
        };
        let body = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
        Made { method: method.to_owned(), path, body }
    }

    /// A type, mostly one of few, so that what is asked for is often there.
    fn kind(&mut self) -> &'static str {
        let types: &[&'static str] = if self.dice.percent(60) { &TYPES[..4] } else { &TYPES };
        types[self.dice.below(types.len())]
    }

    fn toxic_name(&mut self) -> String {
        match self.dice.below(4) {
            0 => (*self.dice.pick(&LINKS)).to_owned(),
            _ => format!("{}_{}", self.kind(), self.dice.pick(&["upstream", "downstream"])),
        }
    }

    fn link(&mut self) -> Value {
        let mut link = json!({
            "name": self.dice.pick(&LINKS), "listen": self.dice.pick(&LISTENS), "upstream": self.upstream,
        });
        if self.dice.percent(20) {
            link["enabled"] = self.dice.percent(50).into();
        }
        if self.dice.percent(20) {
            link["protocol"] = (*self.dice.pick(&["tcp", "udp", "http", "sctp"])).into();
        }
        if self.dice.percent(25) {
            let number = self.dice.below(4);
            link["toxics"] = (0..number).map(|_| self.toxic()).collect();
        }
        link
    }

    fn several_links(&mut self) -> Value {
        let number = self.dice.below(4);
        (0..number).map(|_| self.link()).collect()
    }

    fn change(&mut self) -> Value {
        let mut change = Map::new();
        if self.dice.percent(50) {
            change.insert("enabled".into(), self.dice.percent(60).into());
        }
        if self.dice.percent(25) {
            change.insert("listen".into(), (*self.dice.pick(&LISTENS)).into());
        }
        if self.dice.percent(25) {
            change.insert("upstream".into(), self.upstream.clone().into());
        }
        change.into()
    }

    fn toxic(&mut self) -> Value {
        let mut attributes = Map::new();
        for _ in 0..self.dice.below(4) {
            let name = (*self.dice.pick(&ATTRIBUTES)).to_owned();
            attributes.insert(name, self.attribute());
        }
        let mut toxic = json!({"type": self.kind(), "attributes": attributes});
        if self.dice.percent(30) {
            toxic["name"] = self.toxic_name().into();
        }
        if self.dice.percent(60) {
            toxic["stream"] = (*self.dice.pick(&["upstream", "downstream", "UPSTREAM", "sideways"])).into();
        }
        if self.dice.percent(40) {
            toxic["toxicity"] = (*self.dice.pick(&[0.0, 0.5, 1.0, 1.5, -1.0, 1e300])).into();
        }
        toxic
    }

    fn attribute(&mut self) -> Value {
        match self.dice.below(8) {
            0 => 0.into(),
            1..4 => self.dice.below(2000).into(),
            4 => (*self.dice.pick(&["normal", "uniform", "half_open", "accept_nothing", "say_nothing", "x"])).into(),
            5 => 0.5.into(),
            6 if self.dice.percent(50) => self.dice.pick(&rules()).clone(),
            _ => self.any(),
        }
    }

    /// Any value; numbers at the ends of their types among them.
    fn any(&mut self) -> Value {
        match self.dice.below(14) {
            0 => Value::Null,
            1 => true.into(),
            2 => (-1).into(),
            3 => i64::MAX.into(),
            4 => i64::MIN.into(),
            5 => u64::MAX.into(),
            6 => 1e308.into(),
            7 => "".into(),
            8 => "x".repeat(self.dice.below(300)).into(),
            9 => json!([]),
            10 => json!({}),
            11 => json!([[[[{"a": null}]]]]),
            12 => "\u{0}\n\"\\\u{10ffff}".into(),
            _ => (self.dice.number() >> 1).into(),
        }
    }

    /// Replaces, removes and renames what is somewhere in a tree.
    fn spoilt_tree(&mut self, body: &[u8]) -> Vec<u8> {
        let Ok(mut tree) = serde_json::from_slice::<Value>(body) else { return body.to_vec() };
        for _ in 0..=self.dice.below(3) {
            self.spoil(&mut tree, 0);
        }
        tree.to_string().into_bytes()
    }

    fn spoil(&mut self, tree: &mut Value, depth: usize) {
        let goes_deeper = depth < 6 && self.dice.percent(75);
        match tree {
            Value::Object(fields) if goes_deeper && !fields.is_empty() => {
                let at = self.dice.below(fields.len());
                let name = fields.keys().nth(at).unwrap().clone();
                match self.dice.below(8) {
                    0 => drop(fields.remove(&name)),
                    1 => {
                        let value = fields.remove(&name).unwrap();
                        fields.insert(name.to_uppercase(), value);
                    }
                    2 => drop(fields.insert("extra".to_owned(), self.any())),
                    _ => self.spoil(fields.get_mut(&name).unwrap(), depth + 1),
                }
            }
            Value::Array(all) if goes_deeper && !all.is_empty() => {
                let at = self.dice.below(all.len());
                match self.dice.below(6) {
                    0 => drop(all.remove(at)),
                    1 => all.push(all[at].clone()),
                    _ => self.spoil(&mut all[at], depth + 1),
                }
            }
            other => *other = self.any(),
        }
    }

    fn spoil_bytes(&mut self, body: &mut Vec<u8>) {
        for _ in 0..=self.dice.below(4) {
            let at = self.dice.below(body.len() + 1);
            let byte = u8::try_from(self.dice.below(256)).unwrap();
            match self.dice.below(4) {
                0 => body.insert(at, byte),
                1 => body.truncate(at),
                2 if at < body.len() => body[at] = byte,
                2 => body.push(byte),
                _ => {
                    let piece = body[..at].to_vec();
                    body.extend_from_slice(&piece);
                }
            }
        }
        body.truncate(20_000);
    }

    fn spoilt_path(&mut self, path: &str) -> String {
        let extra = ["/", "//", "/toxics", "%", "%zz", "%00", "?a=b", "/..", "/../..", "%C3%A4", "/x/y/z"];
        let at = self.dice.below(path.len());
        let (before, after) = if path.is_char_boundary(at) { path.split_at(at) } else { (path, "") };
        match self.dice.below(3) {
            0 => format!("{path}{}", self.dice.pick(&extra)),
            1 => format!("/{before}{}{after}", self.dice.pick(&extra)),
            _ => format!("/{before}"),
        }
    }
}

/// Encodes what would not be a path.
fn segment(name: &str) -> String {
    name.bytes()
        .map(|byte| {
            let is_plain = byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
            if is_plain { char::from(byte).to_string() } else { format!("%{byte:02x}") }
        })
        .collect()
}

/// Replaces addresses that would ask a resolver, or take a port that others need.
fn on_this_machine(body: Vec<u8>, upstream: &str) -> Vec<u8> {
    let mut values = serde_json::Deserializer::from_slice(&body).into_iter::<Value>();
    let Some(Ok(mut tree)) = values.next() else { return body };
    if replace(&mut tree, upstream) { tree.to_string().into_bytes() } else { body }
}

fn replace(tree: &mut Value, upstream: &str) -> bool {
    match tree {
        Value::Array(all) => all.iter_mut().fold(false, |was, value| replace(value, upstream) | was),
        Value::Object(fields) => fields.iter_mut().fold(false, |was, (name, value)| {
            let address = value.as_str().unwrap_or_default();
            let (host, port) = address.rsplit_once(':').unwrap_or_default();
            let host = host.trim_start_matches('[').trim_end_matches(']');
            let is_here = host.is_empty() || host == "localhost" || host.parse::<std::net::IpAddr>().is_ok();
            let is_free = port.parse::<u16>().is_ok_and(|port| port == 0) || port.parse::<u16>().is_err();
            let other = match name.to_lowercase().as_str() {
                "listen" if !is_here || !is_free => "127.0.0.1:0",
                "upstream" if address != upstream && !is_here => upstream,
                _ => return replace(value, upstream) | was,
            };
            *value = other.into();
            true
        }),
        _ => false,
    }
}
