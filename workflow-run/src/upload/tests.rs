//! Uploads to moto, an S3-compatible server that we did not write, and to servers that answer nothing or something else.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};

use rusty_s3::actions::GetObject;
use tempfile::TempDir;

use super::*;

/// Enough for a busy machine; nothing that passes waits for it.
const PATIENCE: Duration = Duration::from_mins(1);

/// The server, which ends with the test.
struct Moto {
    program: Child,
    url: String,
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

impl Moto {
    /// `None` where it is not installed. It has one bucket.
    fn start() -> Option<Self> {
        let has = |python: &PathBuf| {
            let mut import = Command::new(python);
            let found = import.args(["-c", "import moto, flask, flask_cors"]).stderr(Stdio::null()).status();
            found.is_ok_and(|status| status.success())
        };
        let path = std::env::var_os("PATH").unwrap_or_default();
        let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/py/bin");
        let mut folders = std::env::split_paths(&path).chain([built]);
        let Some(python) = folders.by_ref().map(|folder| folder.join("python3")).find(has) else {
            println!("skipped: needs the Python package moto");
            return None;
        };
        let mut program = Command::new(python);
        let script = "from moto.server import main; main()";
        program.args(["-c", script, "-H", "127.0.0.1", "-p", "0"]);
        let mut program = program.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(program.stderr.take().unwrap()).lines();
        let url = lines.by_ref().map(Result::unwrap).find_map(|line| {
            let (_, rest) = line.split_once("Running on ")?;
            Some(rest.trim().to_owned())
        });
        let moto = Self { program, url: url.expect("the server says where it listens") };
        // It must be able to go on writing.
        std::thread::spawn(move || lines.for_each(drop));
        moto.ask("/runs", "");
        Some(moto)
    }

    /// One `PUT`, by no client of ours.
    fn ask(&self, path: &str, body: &str) {
        let host = self.url.trim_start_matches("http://");
        let mut to = std::net::TcpStream::connect(host).unwrap();
        to.set_read_timeout(Some(PATIENCE)).unwrap();
        let head = format!("PUT {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {}", body.len());
        write!(to, "{head}\r\nConnection: close\r\n\r\n{body}").unwrap();
        let mut answer = String::new();
        to.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 20"), "{answer}");
    }

    fn store(&self) -> Store {
        store(&self.url, "key", "secret")
    }

    /// What is in the bucket.
    async fn get(&self, key: &str) -> (u16, Vec<u8>) {
        let (store, keys) = (self.store(), Credentials::new("key", "secret"));
        let bucket = store.bucket().unwrap();
        let url = GetObject::new(&bucket, Some(&keys), key).sign(PATIENCE);
        let answer = Put::new(&store).unwrap().client.get(url).send().await.unwrap();
        (answer.status().as_u16(), answer.bytes().await.unwrap().to_vec())
    }
}

fn store(url: &str, id: &str, secret: &str) -> Store {
    let env: BTreeMap<&str, &str> =
        [("AWS_ACCESS_KEY_ID", id), ("AWS_SECRET_ACCESS_KEY", secret), ("AWS_ENDPOINT_URL", url)].into();
    Store::from_env("runs", "/nightly/release/7/", |name| env.get(name).map(|value| (*value).to_owned()))
}

/// A folder as a run leaves it.
fn folder() -> TempDir {
    let folder = TempDir::new().unwrap();
    fs::create_dir_all(folder.path().join("steps/one two")).unwrap();
    for (name, text) in
        [("workflow.yaml", "kind: Workflow\n"), ("steps/one two/log.txt", "\u{fc} + %\n"), ("empty", "")]
    {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

async fn uploaded(store: &Store, folder: &TempDir) -> Uploaded {
    upload(store, folder.path(), &CancellationToken::new()).await
}

#[tokio::test]
async fn every_file_is_below_the_prefix_byte_for_byte() {
    let Some(moto) = Moto::start() else { return };
    let folder = folder();
    std::os::unix::fs::symlink("/etc/passwd", folder.path().join("link")).unwrap();
    let done = uploaded(&moto.store(), &folder).await;
    let keys = ["empty", "steps/one two/log.txt", "workflow.yaml"].map(|name| format!("nightly/release/7/{name}"));
    assert_eq!(done.keys, keys, "{:?}", done.failures);
    assert_eq!(done.failures, ["`link`: not a regular file with a name in UTF-8"]);
    assert_eq!(moto.get(&keys[1]).await, (200, "\u{fc} + %\n".as_bytes().to_vec()));
    assert_eq!(moto.get(&keys[2]).await, (200, b"kind: Workflow\n".to_vec()));
    assert_eq!(moto.get(&keys[0]).await, (200, Vec::new()));
    assert_eq!(moto.get("nightly/release/7/link").await.0, 404);
}

#[tokio::test]
async fn a_store_that_refuses_is_told_for_each_file_and_without_a_credential() {
    let Some(moto) = Moto::start() else { return };
    let statement = r#"{"Effect":"Deny","Principal":"*","Action":"s3:PutObject","Resource":"arn:aws:s3:::runs/*"}"#;
    moto.ask("/runs?policy", &format!(r#"{{"Version":"2012-10-17","Statement":[{statement}]}}"#));
    let refused = store(&moto.url, "AKIAIOSFODNN7EXAMPLE", "hidden-secret");
    let done = uploaded(&refused, &folder()).await;
    assert_eq!((done.keys.len(), done.failures.len()), (0, 3));
    for failure in &done.failures {
        assert!(failure.contains("403 Forbidden"), "{failure}");
        for hidden in ["AKIA", "hidden-secret", "Signature="] {
            assert!(!failure.contains(hidden), "{failure}");
        }
    }
}

#[tokio::test]
async fn a_bucket_that_is_not_there_is_told() {
    let Some(moto) = Moto::start() else { return };
    let mut missing = moto.store();
    missing.bucket = "absent".into();
    let done = uploaded(&missing, &folder()).await;
    assert!(done.failures[0].contains("the store answered 404 Not Found (NoSuchBucket)"), "{:?}", done.failures);
}

/// Accepts connections and says `answer`, or nothing at all; gives where.
fn server(answer: Option<&'static str>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut silent = Vec::new();
        for connection in listener.incoming() {
            let Ok(mut connection) = connection else { return };
            match answer {
                None => silent.push(connection),
                Some(answer) => {
                    let mut head = BufReader::new(connection.try_clone().unwrap()).lines();
                    while head.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
                    let _ = connection.write_all(answer.as_bytes());
                }
            }
        }
    });
    at
}

#[tokio::test]
async fn a_store_that_never_answers_costs_the_time_that_was_given_and_no_more() {
    let at = server(None);
    let mut silent = store(&format!("http://{at}"), "key", "secret");
    silent.per_file = Duration::from_millis(100);
    let done = uploaded(&silent, &folder()).await;
    assert_eq!(done.failures.len(), 3);
    assert!(done.failures.iter().all(|failure| failure.contains("not taken within 0.1 s")), "{:?}", done.failures);
    // What all files may take together ends them all, whatever each may take.
    (silent.per_file, silent.in_all) = (PATIENCE, Duration::from_millis(100));
    let done = uploaded(&silent, &folder()).await;
    assert!(done.failures.iter().all(|failure| failure.contains("not taken within 0.1 s")), "{:?}", done.failures);
    let cancel = CancellationToken::new();
    cancel.cancel();
    let done = upload(&silent, folder().path(), &cancel).await;
    assert!(done.failures.iter().all(|failure| failure.ends_with("interrupted")), "{:?}", done.failures);
}

#[tokio::test]
async fn no_answer_is_a_key_and_nobody_is_followed_elsewhere() {
    let elsewhere = "HTTP/1.1 307 Temporary Redirect\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n";
    let odd = "HTTP/1.1 400 Bad Request\r\nContent-Length: 37\r\n\r\n<Code>Bad\u{1b}[31m</Code><Code>Ok</Code>";
    for (answer, said) in [(elsewhere, "the store answered 307"), (odd, "answered 400 Bad Request")] {
        let at = server(Some(answer));
        let done = uploaded(&store(&format!("http://{at}"), "key", "secret"), &folder()).await;
        assert!(done.keys.is_empty());
        assert!(done.failures.iter().all(|failure| failure.contains(said) && !failure.contains('\u{1b}')), "{done:?}");
    }
}

#[tokio::test]
async fn nothing_is_sent_without_keys_or_to_what_is_no_store() {
    let none = Store::from_env("runs", "p", |_| None);
    let done = uploaded(&none, &folder()).await;
    assert_eq!(
        done.failures,
        ["nothing was uploaded: no credentials: set `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`"]
    );
    for (bucket, prefix, url, why) in [
        ("a/b", "p", "http://127.0.0.1:1", "invalid bucket"),
        ("", "p", "http://127.0.0.1:1", "invalid bucket"),
        ("runs", "p", "ftp://127.0.0.1:1", "invalid endpoint"),
        ("runs", "p", "nowhere", "invalid endpoint"),
        ("runs", "a/../b", "http://127.0.0.1:1", "invalid key"),
        ("runs", "a//b", "http://127.0.0.1:1", "invalid key"),
    ] {
        let mut odd = store(url, "key", "secret");
        (odd.bucket, odd.prefix) = (bucket.to_owned(), prefix.to_owned());
        let done = uploaded(&odd, &folder()).await;
        assert!(done.keys.is_empty());
        assert!(done.failures.iter().all(|failure| failure.contains(why)), "{:?}", done.failures);
    }
    let missing = upload(&none, Path::new("/nowhere/at/all"), &CancellationToken::new()).await;
    assert!(missing.failures[0].starts_with("`/nowhere/at/all`: can't be read"), "{:?}", missing.failures);
}

#[test]
fn the_environment_names_store_and_region_and_no_key_is_ever_shown() {
    let env: BTreeMap<&str, &str> = [
        ("AWS_ACCESS_KEY_ID", "hidden-id"),
        ("AWS_SECRET_ACCESS_KEY", "hidden-secret"),
        ("AWS_SESSION_TOKEN", "hidden-token"),
        ("AWS_ENDPOINT_URL", "http://a.test"),
        ("AWS_ENDPOINT_URL_S3", "http://b.test"),
        ("AWS_REGION", ""),
        ("AWS_DEFAULT_REGION", "eu-central-1"),
    ]
    .into();
    let store = Store::from_env("runs", "/a/b/", |name| env.get(name).map(|value| (*value).to_owned()));
    assert_eq!((store.prefix.as_str(), store.region.as_str()), ("a/b", "eu-central-1"));
    assert_eq!(store.endpoint.as_deref(), Some("http://b.test"));
    assert!(!format!("{store:?}").contains("hidden"), "{store:?}");
    let amazon = Store { endpoint: None, ..store.clone() };
    let url = amazon.bucket().unwrap().base_url().to_string();
    assert_eq!(url, "https://runs.s3.eu-central-1.amazonaws.com/");
    let dotted = Store { bucket: "a.b".into(), ..amazon };
    assert_eq!(dotted.bucket().unwrap().base_url().as_str(), "https://s3.eu-central-1.amazonaws.com/a.b/");
}
