//! `squall links`: the server, and the verbs of toxiproxy's command line against it, after toxiproxy's own end-to-end script.

#![cfg(feature = "full")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

#[path = "support/kept_port.rs"]
mod kept_port;
#[path = "support/shell.rs"]
#[expect(dead_code, reason = "runs need more of it")]
mod shell;

use kept_port::KeptPort;
use shell::{place, write};

/// A hang is an error; nothing here takes nearly as long.
const HANG: Duration = Duration::from_mins(2);

/// What the web server answers.
const BODY: usize = 4000;

fn command(place: &TempDir, arguments: &[&str]) -> Command {
    let mut command = shell::command(place, arguments);
    command.env_remove("TOXIPROXY_URL");
    command
}

/// A `squall links serve` in the background, and what it said when it listened.
struct Server {
    child: Child,
    told: Value,
    url: String,
}

impl Server {
    fn start(place: &TempDir, more: &[&str]) -> Self {
        let arguments = [&["links", "serve", "--port", "0", "--seed", "1", "--format", "json"], more].concat();
        let mut child = command(place, &arguments).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let told: Value = serde_json::from_str(&line).unwrap();
        let url = told["url"].as_str().unwrap().to_owned();
        Self { child, told, url }
    }

    fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    /// The exit code, once it has ended.
    fn ended(mut self) -> Option<i32> {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(start.elapsed() < HANG, "it does not end");
            std::thread::park_timeout(Duration::from_millis(5));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A person at a command line.
struct Hand<'a> {
    place: &'a TempDir,
    url: &'a str,
}

impl Hand<'_> {
    fn run(&self, words: &[&str]) -> Output {
        command(self.place, &[&["links", "--host", self.url], words].concat()).output().unwrap()
    }

    /// What a command prints that does what is asked.
    fn told(&self, words: &[&str]) -> String {
        let output = self.run(words);
        assert!(output.status.success(), "{words:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn json(&self, words: &[&str]) -> Value {
        serde_json::from_str(&self.told(&[words, &["--format", "json"]].concat())).unwrap()
    }
}

/// A web server, which is not ours to change.
fn web() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.unwrap();
            std::thread::spawn(move || {
                let head = format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {BODY}\r\n\r\n");
                let mut request = BufReader::new(client.try_clone().unwrap());
                let mut line = String::new();
                while request.read_line(&mut line).is_ok_and(|read| read > 0) && !line.ends_with("\r\n\r\n") {}
                // Whoever broke off does not read it.
                let _ = client.write_all(&[head.as_bytes(), &[b'x'; BODY]].concat());
            });
        }
    });
    address
}

/// Asks for a page, and how long that took.
fn fetch(address: &str, path: &str) -> std::io::Result<(String, Duration)> {
    let start = Instant::now();
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(HANG))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: web\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (_, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
    Ok((body.to_owned(), start.elapsed()))
}

fn page(address: &str) -> Duration {
    let (body, took) = fetch(address, "/test2").unwrap();
    assert_eq!(body.len(), BODY);
    took
}

#[test]
fn toxiproxys_end_to_end_script_passes() {
    let (place, web) = (place(), web());
    let server = Server::start(&place, &[]);
    let hand = Hand { place: &place, url: &server.url };
    assert!(hand.told(&["list"]).starts_with("no links"));
    let made = hand.told(&["create", "-l", "localhost:0", "-u", &web, "shopify_http"]);
    let listen = hand.json(&["inspect", "shopify_http"])["listen"].as_str().unwrap().to_owned();
    assert_eq!(made, format!("created link shopify_http: {listen} -> {web}, enabled, no toxics\n"));
    let list = hand.told(&["list"]);
    assert!(list.lines().any(|line| line.starts_with("shopify_http") && line.contains(&web)), "{list}");

    assert_eq!(hand.told(&["toggle", "shopify_http"]), "link shopify_http is now disabled\n");
    assert!(hand.told(&["inspect", "shopify_http"]).contains("disabled"));
    assert!(fetch(&listen, "/").is_err());
    assert_eq!(hand.told(&["toggle", "shopify_http"]), "link shopify_http is now enabled\n");
    page(&listen);

    for (stream, toxicity) in [("downstream", "0.7"), ("upstream", "0.3")] {
        let (name, flag) = (format!("latency_{stream}"), format!("--{stream}"));
        let add = ["toxic", "add", &flag, "--type=latency", "--toxicName", &name];
        let attributes = ["--attribute=latency=1000", "--attribute=jitter=50", "--toxicity=1", "shopify_http"];
        let added = hand.told(&[&add[..], &attributes].concat());
        assert_eq!(added, format!("added {stream} toxic `{name}` (latency) to link shopify_http\n"));
        let took = page(&listen);
        assert!(took >= Duration::from_millis(950), "{took:?} with a latency of 1000 ± 50 ms {stream}");
        let update = ["toxic", "update", "--toxicName", &name, "--attribute=jitter=20", "--toxicity", toxicity];
        let updated = hand.told(&[&update[..], &["shopify_http"]].concat());
        assert_eq!(updated, format!("updated toxic `{name}` of link shopify_http\n"));
        let shown = hand.json(&["inspect", "shopify_http"])["toxics"][0].clone();
        assert_eq!(shown["attributes"], json!({"latency": 1000, "jitter": 20}));
        assert_eq!(shown["toxicity"].to_string(), toxicity);
        let removed = hand.told(&["toxic", "delete", "--toxicName", &name, "shopify_http"]);
        assert_eq!(removed, format!("removed toxic `{name}` from link shopify_http\n"));
    }

    let rate = ["--type=bandwidth", "--toxicName=rate", "--attribute=rate=1", "--toxicity=0.5"];
    hand.told(&[&["toxic", "add"], &rate[..], &["shopify_http"]].concat());
    let faster = ["-n", "rate", "-a", "rate=10", "--toxicity=1.0", "shopify_http"];
    hand.told(&[&["toxic", "update"], &faster[..]].concat());
    let took = page(&listen);
    assert!(took >= Duration::from_millis(390), "{took:?} for {BODY} bytes at 10 kB/s");
    hand.told(&["toxic", "remove", "-n", "rate", "shopify_http"]);

    hand.told(&["toxic", "add", "-t", "timeout", "-n", "timeout_ms", "-a", "timeout=10", "--tox=0.1", "shopify_http"]);
    hand.told(&["toxic", "delete", "-n", "timeout_ms", "shopify_http"]);
    let slices = ["-a", "average_size=64", "-a", "size_variation=32", "-a", "delay=10", "shopify_http"];
    hand.told(&[&["toxic", "add", "-t", "slicer", "-n", "slicer_us"], &slices[..]].concat());
    page(&listen);
    hand.told(&["toxic", "delete", "-n", "slicer_us", "shopify_http"]);

    hand.told(&["t", "a", "-t", "reset_peer", "-n", "reset_peer", "-a", "timeout=2000", "shopify_http"]);
    let shown = hand.told(&["inspect", "shopify_http"]);
    assert!(shown.contains("reset_peer  downstream  1         timeout=2000"), "{shown}");
    hand.told(&["t", "u", "-n", "reset_peer", "-a", "timeout=0", "shopify_http"]);
    let reset = fetch(&listen, "/").unwrap_err();
    assert_eq!(reset.kind(), std::io::ErrorKind::ConnectionReset, "{reset}");
    hand.told(&["toxic", "delete", "-n", "reset_peer", "shopify_http"]);
    // TCP's checksums keep changed bytes from a stream: ours changes datagrams only.
    let refused = hand.run(&["toxic", "add", "-t", "corrupt", "-a", "probability=1.0", "shopify_http"]);
    assert_eq!(refused.status.code(), Some(64));
    let why = String::from_utf8(refused.stderr).unwrap();
    assert!(why.contains("toxic `corrupt` does not act on tcp links (400)"), "{why}");

    page(&listen);
    let (metrics, _) = fetch(server.url.strip_prefix("http://").unwrap(), "/metrics").unwrap();
    let labels = format!("direction=\"downstream\",listener=\"{listen}\",proxy=\"shopify_http\",upstream=\"{web}\"");
    let line = format!("toxiproxy_proxy_sent_bytes_total{{{labels}}} ");
    let sent = metrics.lines().find_map(|text| text.strip_prefix(&line)).unwrap().parse::<usize>().unwrap();
    assert!(sent > BODY, "{sent}");
    assert_eq!(hand.told(&["delete", "shopify_http"]), "deleted link shopify_http\n");
    assert!(fetch(&listen, "/").is_err());
    assert_eq!(hand.json(&["ls"]), json!({}));
}

#[test]
fn a_configuration_is_served_before_it_says_that_it_listens() {
    let (place, web) = (place(), web());
    let toxics = json!([{"type": "reset_peer", "attributes": {"timeout": 0}}]);
    let config = json!([
        {"name": "plain", "listen": "127.0.0.1:0", "upstream": web},
        {"name": "off", "listen": "127.0.0.1:0", "upstream": web, "enabled": false},
        {"name": "reset", "listen": "127.0.0.1:0", "upstream": web, "toxics": toxics},
    ]);
    let server = Server::start(&place, &["--config", &write(&place, "links.json", &config)]);
    assert_eq!(server.told["seed"], 1);
    let listen = |name: &str| {
        let links = server.told["links"].as_array().unwrap();
        links.iter().find(|link| link["name"] == name).unwrap()["listen"].as_str().unwrap().to_owned()
    };
    page(&listen("plain"));
    assert_eq!(fetch(&listen("reset"), "/").unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
    let hand = Hand { place: &place, url: &server.url };
    assert_eq!(hand.json(&["inspect", "off"])["enabled"], false);
    assert_eq!(hand.told(&["reset"]), "all links are enabled, and all toxics removed\n");
    page(&listen("reset"));
    let off = hand.json(&["inspect", "off"])["listen"].as_str().unwrap().to_owned();
    page(&off);
    // The server can also be named by the environment, and behind the verb.
    let named = command(&place, &["links", "list"]).env("TOXIPROXY_URL", &server.url).output().unwrap();
    let behind = command(&place, &["links", "list", "--host", &server.url]).output().unwrap();
    assert_eq!(named.stdout, behind.stdout);
    assert!(String::from_utf8(named.stdout).unwrap().contains("plain"));
}

#[test]
fn a_signal_ends_it_with_every_link_closed() {
    for signal in ["-INT", "-TERM"] {
        let (place, server) = (place(), TcpListener::bind("127.0.0.1:0").unwrap());
        let links = Server::start(&place, &[]);
        let hand = Hand { place: &place, url: &links.url };
        let upstream = server.local_addr().unwrap().to_string();
        let link = hand.json(&["create", "-u", &upstream, "blocked"]);
        let mut client = TcpStream::connect(link["listen"].as_str().unwrap()).unwrap();
        let (mut other, _) = server.accept().unwrap();
        hand.told(&["toxic", "add", "-t", "latency", "-a", "latency=3600000", "-u", "blocked"]);
        // Nobody reads it, and the link holds it back for an hour.
        client.write_all(&vec![7; 100_000]).unwrap();
        links.signal(signal);
        assert_eq!(links.ended(), Some(0), "{signal}");
        for side in [&mut client, &mut other] {
            side.set_read_timeout(Some(HANG)).unwrap();
            let end = side.read(&mut [0; 16]).map_err(|error| error.kind());
            assert!(matches!(end, Ok(0) | Err(std::io::ErrorKind::ConnectionReset)), "{end:?}");
        }
        assert!(TcpStream::connect(link["listen"].as_str().unwrap()).is_err());
    }
}

#[test]
fn each_failure_has_its_exit_code_and_says_what_would_be_right() {
    let place = place();
    let server = Server::start(&place, &[]);
    let port = server.url.rsplit_once(':').unwrap().1.to_owned();
    fs::write(place.path().join("object.json"), "{}").unwrap();
    fs::write(place.path().join("cut.json"), "[{").unwrap();
    let taken = json!([{"name": "x", "listen": format!("127.0.0.1:{port}"), "upstream": "127.0.0.1:1"}]);
    let nameless = json!([{"listen": "127.0.0.1:0", "upstream": "127.0.0.1:1"}]);
    let (taken, nameless) = (write(&place, "taken.json", &taken), write(&place, "nameless.json", &nameless));
    let kept = KeptPort::new();
    let nobody = format!("127.0.0.1:{}", kept.number());
    let api = ["links", "--host", &server.url];
    let with = |words: &[&'static str]| [&api[..], words].concat();
    let serve = |words: &[&'static str]| [&["links", "serve", "--port", "0"], words].concat();
    let rows = [
        (serve(&["--config", "absent.json"]), 64, "absent.json"),
        (serve(&["--config", "object.json"]), 65, "is not a list of links: expected an array, found an object"),
        (serve(&["--config", "cut.json"]), 65, "is not a list of links: EOF"),
        (vec!["links", "serve", "--port", "0", "--config", &nameless], 65, "missing required field: name at proxy 1"),
        (vec!["links", "serve", "--port", "0", "--config", &taken], 64, "link `x`: listen tcp"),
        (vec!["links", "serve", "--port", &port], 64, "listen tcp"),
        (serve(&["--host", "no such host"]), 64, "invalid address `no such host` for the control API"),
        (with(&["serve"]), 64, "squall links serve --host ADDRESS"),
        (vec!["links", "--host", &nobody, "list"], 64, "`squall links serve` starts one"),
        (vec!["links", "--host", "https://localhost", "list"], 64, "expected `http://HOST:PORT`"),
        (with(&["inspect", "absent"]), 64, "refused: proxy not found (404)"),
        (with(&["toggle", "absent"]), 64, "refused: proxy not found (404)"),
        (with(&["delete", "absent"]), 64, "refused: proxy not found (404)"),
        (with(&["toxic", "add", "-t", "latency", "absent"]), 64, "refused: proxy not found (404)"),
        (with(&["toxic", "add", "-t", "latency", "-a", "latency", "x"]), 64, "expected `NAME=VALUE`"),
        (with(&["toxic", "add", "-t", "latency", "--toxicity", "2", "x"]), 64, "a share from 0 to 1"),
        (with(&["toxic", "add", "-t", "latency", "-u", "-d", "x"]), 64, "cannot be used with"),
        (with(&["toxic", "update", "x"]), 64, "--toxicName"),
        (with(&["create", "x"]), 64, "--upstream"),
    ];
    for (words, code, why) in rows {
        let output = command(&place, &words).output().unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{words:?}: {told}");
        assert!(told.contains(why), "{words:?}: {told}");
    }
    let failed =
        command(&place, &["links", "--host", &server.url, "inspect", "x", "--format", "json"]).output().unwrap();
    let told: Value = serde_json::from_slice(&failed.stdout).unwrap();
    assert_eq!(told["exit_code"], 64, "{told}");
}
