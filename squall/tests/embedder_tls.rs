//! A program that embeds Squall has TLS of its own beside it.
//!
//! What rustls keeps once to a process is at stake, so each case is a process: this program again, with the case in its
//! environment. `main` runs them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::HashMap;
use std::env;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use chaos_agent::{AgentError, Model, ModelRequest, OpenAiConfig, OpenAiModel};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{CipherSuite, ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use serde_json::json;
use squall::prelude::*;

/// Set in the processes of the cases.
const CASE: &str = "EMBEDDER_CASE";

/// What the embedder of the case `own` speaks, and what nobody else here would choose.
const ITS_SUITE: CipherSuite = CipherSuite::TLS13_CHACHA20_POLY1305_SHA256;

fn main() -> ExitCode {
    match env::var(CASE).as_deref() {
        Ok("none") => embedder_without_a_provider(),
        Ok("own") => embedder_with_its_own_provider(),
        _ => {
            for case in ["none", "own"] {
                let mut command = Command::new(env::current_exe().unwrap());
                // The system's certificates are those of this file, for whoever asks the system.
                command.env(CASE, case).env("SSL_CERT_FILE", pem("ca.pem")).env_remove("SSL_CERT_DIR");
                assert!(command.status().unwrap().success(), "case `{case}`");
            }
        }
    }
    ExitCode::SUCCESS
}

/// rustls installs its default from the features of the crate, which takes that only one provider is compiled in.
fn embedder_without_a_provider() {
    let server = Server::start();
    squall_works(&server);
    assert!(CryptoProvider::get_default().is_none(), "Squall installed a process default");
    server.asked_with(ClientConfig::builder());
    squall_works(&server);
}

fn embedder_with_its_own_provider() {
    let server = Server::start();
    squall_works(&server);
    let mut provider = ring::default_provider();
    provider.cipher_suites.retain(|suite| suite.suite() == ITS_SUITE);
    provider.install_default().expect("nobody installed one before");
    assert_eq!(server.asked_with(ClientConfig::builder()), ITS_SUITE);
    for suite in squall_works(&server) {
        assert_ne!(suite, ITS_SUITE, "Squall took the embedder's provider");
    }
}

/// All three clients of Squall reach the server; gives the cipher suites that they agreed on.
fn squall_works(server: &Server) -> Vec<CipherSuite> {
    server.suites.lock().unwrap().clear();
    let url = format!("https://localhost:{}/", server.address.port());
    let state = tempfile::tempdir().unwrap();
    let target = json!({"service_url": url, "qps": 20, "duration": "200ms", "concurrency": 1});
    let task = json!({
        "chaos_spec": {
            "trigger": {"type": "immediate"},
            "action": {"type": "generate_load", "target": target},
            "verify": "serves",
        },
        "probes": {"serves": {"type": "http", "url": url}},
    });
    let runner = Runner::builder().state_dir(StateDir::at(state.path())).workspace(state.path()).env(HashMap::new());
    let report = runner.build().unwrap().run(Task::from_value(&task).unwrap()).unwrap();
    assert_eq!(report.verdict, Verdict::Held, "{:?}", report.entries);
    model_is_reached(&url);
    let suites = server.suites.lock().unwrap().clone();
    assert!(suites.len() >= 3, "{suites:?}");
    suites
}

/// The answer is not a chat completion; what counts is that one came.
fn model_is_reached(url: &str) {
    let model = OpenAiModel::new(OpenAiConfig::new("m").with_base_url(url).unwrap()).unwrap();
    let clock = squall::chaos_core::RealClock::new();
    let messages = [json!({"role": "user", "content": "hello"})];
    let request = ModelRequest::new(&messages, &[], &clock);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let error = runtime.block_on(model.reply(request)).unwrap_err();
    assert!(matches!(error, AgentError::ModelReply { .. }), "{error}");
}

fn pem(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../load/tests/tls").join(name)
}

/// Answers `ok` to every request, and keeps the cipher suite of every connection.
struct Server {
    address: SocketAddr,
    suites: Arc<Mutex<Vec<CipherSuite>>>,
}

impl Server {
    fn start() -> Self {
        let certificates = vec![CertificateDer::from_pem_file(pem("server.pem")).unwrap()];
        let key = PrivateKeyDer::from_pem_file(pem("server.key")).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(certificates, key)
            .unwrap();
        let config = Arc::new(config);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let suites = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&suites);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (config, kept) = (Arc::clone(&config), Arc::clone(&kept));
                thread::spawn(move || {
                    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
                    let connection = ServerConnection::new(config).unwrap();
                    answer(StreamOwned::new(connection, stream), &kept);
                });
            }
        });
        Self { address, suites }
    }

    /// One request of the embedder's own client; gives the cipher suite that it agreed on.
    fn asked_with(&self, builder: rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier>) -> CipherSuite {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(pem("ca.pem")).unwrap()).unwrap();
        let config = builder.with_root_certificates(roots).with_no_client_auth();
        let connection = ClientConnection::new(Arc::new(config), "localhost".try_into().unwrap()).unwrap();
        let mut stream = StreamOwned::new(connection, TcpStream::connect(self.address).unwrap());
        stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
        let mut status = [0; 15];
        stream.read_exact(&mut status).unwrap();
        assert_eq!(&status, b"HTTP/1.1 200 OK");
        stream.conn.negotiated_cipher_suite().unwrap().suite()
    }
}

/// Answers requests until the other side has gone.
fn answer(stream: StreamOwned<ServerConnection, TcpStream>, kept: &Mutex<Vec<CipherSuite>>) {
    let mut stream = BufReader::new(stream);
    let mut first = true;
    loop {
        let mut length = 0;
        loop {
            let mut line = String::new();
            if !matches!(stream.read_line(&mut line), Ok(read) if read > 0) {
                return;
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            if line == "\r\n" {
                break;
            }
        }
        let mut body = vec![0; length];
        if stream.read_exact(&mut body).is_err() {
            return;
        }
        if std::mem::take(&mut first) {
            kept.lock().unwrap().push(stream.get_ref().conn.negotiated_cipher_suite().unwrap().suite());
        }
        let sent = stream.get_mut().write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        if sent.is_err() {
            return;
        }
    }
}
