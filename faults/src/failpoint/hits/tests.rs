use std::io::{BufRead, BufReader, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chaos_core::{Fault, Injection, Journal, Policy, TriggerNode, UndoLog, parse};
use chaos_failpoints::{ControlServer, fail_check};
use chaos_test::run_context;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::Failpoint;

/// Where the process of a test is told to listen.
const LISTEN: &str = "FAILPOINTS_LISTEN";

/// Not a test: the process that the tests start. It hits its site once for each line that it reads.
#[test]
#[ignore = "started by the other tests"]
fn victim() {
    if std::env::var_os(LISTEN).is_none() {
        return;
    }
    let _server = ControlServer::from_environment().unwrap();
    println!("\nready");
    for _ in std::io::stdin().lines() {
        println!("hit {}", fail_check!("faults.hits").is_some());
    }
}

/// A process of its own with the fail point library linked into it.
struct Victim {
    child: Child,
    lines: ChildStdin,
    said: BufReader<ChildStdout>,
}

impl Victim {
    fn start(socket: &Path) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "failpoint::hits::tests::victim", "--ignored", "--nocapture"]);
        command.env(LISTEN, socket).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (lines, said) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        let mut victim = Self { child, lines, said };
        while victim.hears() != "ready" {}
        victim
    }

    fn hears(&mut self) -> String {
        let mut line = String::new();
        assert_ne!(self.said.read_line(&mut line).unwrap(), 0, "it has ended");
        line.trim().to_owned()
    }

    /// Lets it hit its site, and says whether the site did something.
    fn hit(&mut self) -> bool {
        self.lines.write_all(b"\n").unwrap();
        self.hears() == "hit true"
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct Place {
    _folder: TempDir,
    socket: PathBuf,
    cx: RunContext,
    cancel: CancellationToken,
}

fn place() -> Place {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().canonicalize().unwrap();
    let policy = Policy { allow_paths: vec![path.clone()], ..Policy::default() };
    let cancel = CancellationToken::new();
    let cx = run_context().policy(policy).workspace(&path).run_id("run-h").cancel(cancel.clone()).build();
    Place { socket: path.join("v.sock"), _folder: folder, cx, cancel }
}

impl Place {
    fn url(&self) -> String {
        format!("unix:{}", self.socket.display())
    }

    fn trigger(&self, more: Value) -> TriggerNode {
        let mut node = json!({"type": "failpoint", "url": self.url(), "site": "faults.hits", "interval_seconds": 0.01});
        let (Value::Object(node_map), Value::Object(more)) = (&mut node, more) else { unreachable!() };
        node_map.extend(more);
        parse(&node).unwrap()
    }

    /// Begins to wait.
    fn waiting(&self, more: Value) -> JoinHandle<Result<Fired, PluginError>> {
        let (trigger, cx) = (self.trigger(more), self.cx.clone());
        tokio::spawn(async move { trigger.wait(&cx).await })
    }

    async fn site(&self) -> Site {
        let url = self.url().try_into().unwrap();
        let control = endpoint::open(&url, None, &self.cx).await.unwrap();
        control.look(self.cx.clock(), "faults.hits").await.unwrap().unwrap()
    }

    /// Waits until the site is as wanted.
    async fn until(&self, wanted: impl Fn(&Site) -> bool) {
        while !wanted(&self.site().await) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    fn said(&self, hits: u64) -> String {
        format!("fail point `faults.hits` at {} was hit {hits} times", self.url())
    }
}

fn counts(site: &Site) -> bool {
    site.owner() == Some("squall-hits/run-h")
}

#[tokio::test(flavor = "multi_thread")]
async fn it_fires_with_the_nth_hit_of_another_process_and_leaves_nothing() {
    let place = place();
    let mut victim = Victim::start(&place.socket);
    // Before it waits, nobody counts.
    victim.hit();
    let waiting = place.waiting(json!({"hits": 3}));
    place.until(counts).await;
    for hits in 1..3 {
        assert!(!victim.hit(), "a count changes nothing");
        place.until(|site| site.hits() == Some(hits)).await;
    }
    assert!(!waiting.is_finished(), "two hits are not three");
    victim.hit();
    assert_eq!(waiting.await.unwrap().unwrap().0, place.said(3));
    assert_eq!(place.site().await.hits(), None, "it is disarmed");
}

/// Passes on what comes at one socket to another one, and counts the exchanges that have ended.
fn passed_on(from: &Path, to: PathBuf) -> Arc<AtomicU64> {
    let (listener, ended) = (UnixListener::bind(from).unwrap(), Arc::new(AtomicU64::new(0)));
    let count = Arc::clone(&ended);
    std::thread::spawn(move || {
        for client in listener.incoming() {
            // The process may be gone, or go meanwhile.
            let _ = exchange(&client.unwrap(), &to);
            count.fetch_add(1, Ordering::SeqCst);
        }
    });
    ended
}

/// One request and its answer, whose end is that of the connection.
fn exchange(client: &UnixStream, to: &Path) -> std::io::Result<()> {
    let server = UnixStream::connect(to)?;
    let (mut requests, mut requested) = (client.try_clone()?, server.try_clone()?);
    let request = std::thread::spawn(move || std::io::copy(&mut requests, &mut requested));
    std::io::copy(&mut &server, &mut &*client)?;
    client.shutdown(Shutdown::Both)?;
    let _ = request.join();
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_is_started_again_goes_on_counting() {
    let place = place();
    let front = place.socket.with_extension("front");
    let url = format!("unix:{}", front.display());
    let waiting = place.waiting(json!({"hits": 2, "url": url}));
    let mut victim = Victim::start(&place.socket);
    let asked = passed_on(&front, place.socket.clone());
    place.until(counts).await;
    victim.hit();
    place.until(|site| site.hits() == Some(1)).await;
    // The trigger asks for the same count: the second question from now on begins behind it, and the third one behind
    // that answer.
    let enough = asked.load(Ordering::SeqCst) + 3;
    while asked.load(Ordering::SeqCst) < enough {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    std::fs::remove_file(&front).unwrap();
    drop(victim);
    std::fs::remove_file(&place.socket).unwrap();
    let mut again = Victim::start(&place.socket);
    passed_on(&front, place.socket.clone());
    place.until(counts).await;
    again.hit();
    assert_eq!(waiting.await.unwrap().unwrap().0, format!("fail point `faults.hits` at {url} was hit 2 times"));
}

#[tokio::test(flavor = "multi_thread")]
async fn hits_of_a_fault_are_read_and_its_arming_is_left_alone() {
    let place = place();
    let mut victim = Victim::start(&place.socket);
    let fault: Failpoint = parse(&json!({"url": place.url(), "site": "faults.hits", "every_nth": 2})).unwrap();
    // A trigger that counts makes room for the fault.
    let waiting = place.waiting(json!({"hits": 2}));
    place.until(counts).await;
    let log = UndoLog::new(Arc::new(Journal::in_memory()), place.cx.clone(), None);
    let _injection: Injection = fault.inject(&place.cx.clone().into(), &log.handle()).await.unwrap();
    let is_fault = |site: &Site| site.owner() == Some("squall/run-h");
    assert!(is_fault(&place.site().await));
    assert_eq!([victim.hit(), victim.hit()], [true, false], "the fault has its effect");
    assert_eq!(waiting.await.unwrap().unwrap().0, place.said(2));
    assert!(is_fault(&place.site().await), "and is still there");
    // One that begins to wait now does not count what was before.
    let later = place.waiting(json!({"timeout_seconds": 0.3}));
    let why = later.await.unwrap().unwrap_err().to_string();
    let url = place.url();
    assert_eq!(why, format!("fail point `faults.hits` at {url} was hit 0 of 1 times within 0.3 s"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_that_is_not_hit_never_fires_and_says_why() {
    let place = place();
    let victim = Victim::start(&place.socket);
    let url = place.url();
    let never = place.waiting(json!({"timeout_seconds": 0.3, "hits": 2})).await.unwrap().unwrap_err();
    assert_eq!(never.to_string(), format!("fail point `faults.hits` at {url} was hit 0 of 2 times within 0.3 s"));
    assert_eq!(place.site().await.hits(), None, "it is disarmed");
    let cancelled = place.waiting(json!({}));
    place.until(counts).await;
    place.cancel.cancel();
    assert!(matches!(cancelled.await.unwrap(), Err(PluginError::Cancelled)));
    assert_eq!(place.site().await.hits(), None, "it is disarmed");
    drop(victim);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_is_not_there_is_waited_for_and_a_site_that_it_does_not_have_is_told() {
    let place = place();
    let never = place.waiting(json!({"timeout_seconds": 2})).await.unwrap().unwrap_err().to_string();
    assert!(never.ends_with(&format!("within 2 s; nothing listens at {}", place.url())), "{never}");
    let _victim = Victim::start(&place.socket);
    let unknown = place.waiting(json!({"site": "faults.hitz"})).await.unwrap().unwrap_err().to_string();
    assert!(unknown.contains("status 404") && unknown.contains("faults.hitz"), "{unknown}");
}

#[test]
fn a_counter_that_goes_back_is_another_arming() {
    let mut count = Count::default();
    let seen: Vec<u64> = [5, 7, 7, 2, 3, 0, 1]
        .into_iter()
        .map(|shown| {
            count.take(shown);
            count.hits
        })
        .collect();
    assert_eq!(seen, [0, 2, 2, 4, 5, 5, 6]);
}

#[test]
fn it_says_what_it_reaches_and_checks_its_parameters() {
    let node = |more: Value| {
        let mut node = json!({"type": "failpoint", "url": "http://127.0.0.1:1", "site": "a"});
        node.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        parse::<TriggerNode>(&node)
    };
    assert_eq!(node(json!({})).unwrap().reach().unwrap().hosts[0].to_string(), "127.0.0.1:1");
    assert!(
        node(json!({"url": "https://127.0.0.1:1"})).unwrap().reach().unwrap_err().to_string().contains("plain http")
    );
    for (more, pointer) in [
        (json!({"hits": 0}), "/hits"),
        (json!({"interval_seconds": 0.001}), "/interval_seconds"),
        (json!({"site": "a b"}), "/site"),
        (json!({"token_env": "a b"}), "/token_env"),
    ] {
        assert_eq!(node(more.clone()).unwrap_err().pointer, pointer, "{more}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trigger_that_looks_meanwhile_makes_room_for_a_fault_each_time() {
    let place = place();
    let _victim = Victim::start(&place.socket);
    let fault: Failpoint = parse(&json!({"url": place.url(), "site": "faults.hits", "every_nth": 2})).unwrap();
    let _waiting = place.waiting(json!({"hits": 1}));
    let control = endpoint::open(&place.url().try_into().unwrap(), None, &place.cx).await.unwrap();
    for round in 0..100 {
        place.until(counts).await;
        let log = UndoLog::new(Arc::new(Journal::in_memory()), place.cx.clone(), None);
        let injected = fault.inject(&place.cx.clone().into(), &log.handle()).await;
        assert!(injected.is_ok(), "round {round}: {injected:?}");
        assert_eq!(place.site().await.owner(), Some("squall/run-h"));
        drop(injected);
        control.disarm(place.cx.clock(), "faults.hits", "squall/run-h").await.unwrap();
    }
    place.cancel.cancel();
}
