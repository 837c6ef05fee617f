//! The standard client and TLS, against servers in this process.

#![expect(clippy::unwrap_used, reason = "a test may fail by it, in its helpers too")]

#[path = "support/canned.rs"]
mod canned;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use canned::{Canned, Reply};
use chaos_load::{FailureKind, LoadError, LoadPlan, LoadResult, Rate, Stop, start};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ServerConfig, crypto::ring};

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/tls").join(name)
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let text = format!("{:?} {}", request.version(), request.uri().path());
    Ok(Response::new(Full::new(Bytes::from(text))))
}

/// A TLS server that offers HTTP/2 or only HTTP/1, or HTTP/2 in clear.
fn serve(tls: bool, h2: bool) -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let certs = vec![CertificateDer::from_pem_file(file("server.pem")).unwrap()];
    let key = PrivateKeyDer::from_pem_file(file("server.key")).unwrap();
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(certs, key)
        .unwrap();
    config.alpn_protocols = if h2 { vec![b"h2".to_vec()] } else { Vec::new() };
    let acceptor = TlsAcceptor::from(Arc::new(config));
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    // A client that does not trust us ends its connection, nothing else.
                    if tls {
                        if let Ok(stream) = acceptor.accept(stream).await {
                            connection(TokioIo::new(stream), h2).await;
                        }
                    } else {
                        connection(TokioIo::new(stream), h2).await;
                    }
                });
            }
        });
    });
    address
}

async fn connection<I: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static>(io: I, h2: bool) {
    if h2 {
        let _ = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
            .serve_connection(io, service_fn(answer))
            .await;
    } else {
        let _ = hyper::server::conn::http1::Builder::new().serve_connection(io, service_fn(answer)).await;
    }
}

fn run(url: &str, change: impl FnOnce(&mut LoadPlan)) -> LoadResult {
    let mut load = LoadPlan::to(url).unwrap();
    load.rate = Rate::Max;
    load.stop = Stop::Count(6);
    load.connections = NonZeroUsize::MIN.saturating_add(1);
    load.timeout = Duration::from_mins(1);
    change(&mut load);
    start(load).unwrap().wait_blocking()
}

fn standard(url: &str, change: impl FnOnce(&mut LoadPlan)) -> LoadResult {
    run(url, |load| {
        load.transport.standard = true;
        change(load);
    })
}

fn reply(text: &str) -> Reply {
    Reply { pieces: vec![text.as_bytes().to_vec()], close: false }
}

/// Smallest body and largest head of the answers, in bytes.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole numbers of bytes")]
fn sizes(result: &LoadResult) -> (u64, u64) {
    let histograms = &result.histograms;
    (histograms.sizes.sums().min as u64, histograms.head_sizes.sums().max as u64)
}

#[test]
fn sizes_are_those_of_bodies_and_an_error_keeps_the_connection() {
    let server = Canned::start(|index, _| {
        let status = if index == 3 { 503 } else { 200 };
        reply(&format!("HTTP/1.1 {status} X\r\nContent-Length: 5\r\n\r\nhello"))
    });
    let result = standard(&server.url(), |load| load.connections = NonZeroUsize::MIN);
    assert_eq!((result.counts.ok, result.main_failure().as_deref()), (5, Some("status 503")));
    assert_eq!((result.sockets.as_slice(), sizes(&result)), ([1].as_slice(), (5, 0)));
}

#[test]
fn a_server_that_closes_behind_each_answer_costs_no_request_and_no_retry() {
    for head in ["HTTP/1.1 200 OK\r\nConnection: close", "HTTP/1.0 200 OK"] {
        let server = Canned::start(move |_, _| Reply {
            pieces: vec![format!("{head}\r\nContent-Length: 0\r\n\r\n").into_bytes()],
            close: true,
        });
        let result = standard(&server.url(), |load| load.connections = NonZeroUsize::MIN);
        assert_eq!((result.counts.ok, result.counts.errors, result.counts.retries), (6, 0, 0), "{head}");
        assert_eq!((result.sockets.as_slice(), server.requests()), ([6].as_slice(), 6), "{head}");
    }
}

/// Speaks HTTP/2 in clear: each answer says whom it was asked for, but for the requests whose streams are refused.
fn refusing(refused: impl Fn(u64) -> bool + Send + 'static) -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            let mut number = 0;
            while let Ok((stream, _)) = listener.accept().await {
                let Ok(mut connection) = h2::server::handshake(stream).await else { continue };
                while let Some(Ok((request, mut respond))) = connection.accept().await {
                    if refused(number) {
                        respond.send_reset(h2::Reason::REFUSED_STREAM);
                    } else {
                        let status = if request.uri().authority().is_some_and(|host| host == "shop.example") {
                            200
                        } else {
                            421
                        };
                        let response = Response::builder().status(status).body(()).unwrap();
                        let _ = respond.send_response(response, true);
                    }
                    number += 1;
                }
            }
        });
    });
    address
}

#[test]
fn a_refused_stream_is_sent_once_more_on_the_same_connection() {
    let run = |refused: fn(u64) -> bool| {
        standard(&format!("http://{}/", refusing(refused)), |load| {
            load.transport.h2 = true;
            load.connections = NonZeroUsize::MIN;
            load.headers = vec![("Host".to_owned(), "shop.example".to_owned())];
            load.method = Some("POST".to_owned());
        })
    };
    // Each third one: 6 requests take 8 streams.
    let some = run(|number| number % 3 == 1);
    assert_eq!((some.counts.ok, some.counts.errors, some.counts.retries), (6, 0, 3), "{some}");
    assert_eq!(some.sockets, [1]);
    let all = run(|_| true);
    assert_eq!((all.counts.ok, all.counts.errors, all.counts.retries), (0, 6, 6), "{all}");
    assert_eq!((all.failures[0].kind, all.sockets.as_slice()), (FailureKind::StreamRefused, [1].as_slice()));
    assert!(all.failures[0].first.contains("refused stream"), "{}", all.failures[0].first);
}

#[test]
fn the_host_that_is_given_is_the_one_that_http2_asks_for() {
    let url = format!("http://{}/", refusing(|_| false));
    let run = |headers: &[(&str, &str)]| {
        let result = standard(&url, |load| {
            load.transport.h2 = true;
            load.headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            load.connections = NonZeroUsize::MIN;
        });
        result.codes.into_keys().collect::<Vec<_>>()
    };
    assert_eq!(run(&[("Host", "shop.example")]), [200]);
    assert_eq!(run(&[]), [421]);
}

#[test]
fn what_ended_a_connection_is_told_and_not_that_it_ended() {
    let server = Canned::start(|_, _| reply("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
    let result = standard(&server.url(), |load| {
        load.transport.h2 = true;
        load.timeout = Duration::from_secs(10);
    });
    assert_eq!(result.counts.errors, 6);
    for failure in &result.failures {
        assert!(
            failure.first.len() > "http2 error: ".len() && !failure.first.ends_with("channel closed"),
            "{failure:?}"
        );
    }
    let text = result.to_string();
    assert!(text.contains("frame") || text.contains("HTTP/1"), "{text}");
}

#[test]
fn a_body_that_is_cut_short_is_no_success() {
    let server = Canned::start(|_, _| Reply {
        pieces: vec![b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf".to_vec()],
        close: true,
    });
    for standard in [false, true] {
        let result = run(&server.url(), |load| load.transport.standard = standard);
        assert_eq!((result.counts.ok, result.failures[0].kind), (0, FailureKind::Truncated), "standard: {standard}");
    }
}

#[test]
fn redirects_are_followed_where_asked_but_never_to_another_host() {
    let other = Canned::start(|_, _| reply("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
    let away = other.url();
    let server = Canned::start(move |_, request| {
        let line = String::from_utf8_lossy(request);
        let to = match line.split(' ').nth(1) {
            Some("/end") => return reply("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
            Some("/loop") => "/loop",
            Some("/away") => &away,
            _ => "/end",
        };
        reply(&format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n"))
    });
    let follow =
        |path: &str| standard(&format!("{}{path}", server.url()), |load| load.transport.follow_redirects = true);
    assert_eq!(follow("").counts.ok, 6);
    assert_eq!(server.requests(), 12);
    assert_eq!(follow("loop").main_failure().as_deref(), Some("too many redirects"));
    let away = follow("away");
    assert!(away.failures[0].first.starts_with("the redirect leads to another host"), "{:?}", away.failures);
    assert_eq!(other.requests(), 0);
    assert_eq!(standard(&server.url(), |_| {}).main_failure().as_deref(), Some("status 302"));
}

#[test]
fn a_compressed_answer_is_measured_as_it_was_before() {
    use std::io::Write as _;
    let mut zip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    zip.write_all(&[b'x'; 4801]).unwrap();
    let zipped = zip.finish().unwrap();
    let server = Canned::start(move |_, request| {
        assert!(String::from_utf8_lossy(request).to_ascii_lowercase().contains("accept-encoding: gzip"));
        let head = format!("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n", zipped.len());
        Reply { pieces: vec![head.into_bytes(), zipped.clone()], close: false }
    });
    let result = standard(&server.url(), |load| load.transport.compression = true);
    assert_eq!((result.counts.ok, sizes(&result)), (6, (4801, 0)));
}

#[test]
fn a_silent_server_times_out_and_is_asked_once() {
    let server = Canned::start(|_, _| {
        thread::park_timeout(Duration::from_mins(1));
        reply("")
    });
    let result = standard(&server.url(), |load| {
        load.timeout = Duration::from_secs(2);
        load.stop = Stop::Count(2);
    });
    assert_eq!((result.main_failure().as_deref(), server.requests()), (Some("timeout"), 2));
}

#[test]
fn http_2_is_spoken_in_clear_and_over_tls() {
    let clear = format!("http://{}/p", serve(false, true));
    let result = run(&clear, |load| load.transport.h2 = true);
    assert_eq!((result.counts.ok, result.sockets.as_slice()), (6, [1, 1].as_slice()), "{result}");
    assert_eq!(sizes(&result).0, "HTTP/2.0 /p".len() as u64);
    let address = serve(true, true);
    let result = run(&format!("https://{address}/p"), |load| {
        load.transport.h2 = true;
        load.transport.ca_cert = Some(file("ca.pem"));
    });
    assert_eq!((result.counts.ok, result.sockets.as_slice()), (6, [1, 1].as_slice()), "{result}");
}

#[test]
fn without_agreement_on_http_2_tls_falls_back_to_http_1() {
    let result = run(&format!("https://{}/p", serve(true, false)), |load| {
        load.transport.h2 = true;
        load.transport.insecure = true;
    });
    assert_eq!((result.counts.ok, sizes(&result).0), (6, "HTTP/1.1 /p".len() as u64), "{result}");
}

#[test]
fn a_certificate_counts_only_where_its_authority_is_trusted() {
    let address = serve(true, false);
    for name in [format!("https://{address}/"), format!("https://localhost:{}/", address.port())] {
        for standard in [false, true] {
            let fetch = |insecure, ca_cert| {
                run(&name, |load| {
                    load.transport.standard = standard;
                    load.transport.insecure = insecure;
                    load.transport.ca_cert = ca_cert;
                    load.resolve = vec![address];
                })
            };
            let trusted = fetch(false, Some(file("ca.pem")));
            assert_eq!((trusted.counts.ok, trusted.sockets.as_slice()), (6, [1, 1].as_slice()), "{trusted}");
            assert_eq!(fetch(true, None).counts.ok, 6);
            let refused = fetch(false, None);
            assert_eq!((refused.counts.ok, refused.main_failure().as_deref()), (0, Some("TLS handshake failed")));
        }
    }
}

#[test]
fn a_file_of_certificates_that_cannot_be_used_is_named() {
    for (path, reason) in
        [("/nonexistent.pem", "No such file"), (file("server.key").to_str().unwrap(), "it holds no PEM certificate")]
    {
        let mut load = LoadPlan::to("https://127.0.0.1:1/").unwrap();
        load.transport.ca_cert = Some(PathBuf::from(path));
        let error = start(load).unwrap_err();
        assert!(matches!(&error, LoadError::BadFile { path: named, .. } if named == path), "{error}");
        assert!(error.to_string().contains(reason), "{error}");
    }
}
