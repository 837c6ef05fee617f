//! The probe against servers that the tests make.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use chaos_core::{Answer, Confinement, Policy, ProbeNode, parse};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::test_context::{context, plain};

/// A server of our own: answers each request line by `answer`, notes it, and ends with the test program.
fn serve(answer: impl Fn(&str) -> Vec<u8> + Send + 'static) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = format!("http://{}", listener.local_addr().unwrap());
    let seen = Arc::new(Mutex::new(Vec::new()));
    let notes = Arc::clone(&seen);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let Some(request) = read_request(&stream) else { continue };
            notes.lock().unwrap().push(request.clone());
            // A client that went away early is not a fault of the test's.
            let _ = (&stream).write_all(&answer(&request));
        }
    });
    (at, seen)
}

/// The request line, the headers and the body, as lines.
fn read_request(stream: impl Read) -> Option<String> {
    let mut reader = BufReader::new(stream);
    let mut request = String::new();
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        request.push_str(&line.replace('\r', ""));
        if line == "\r\n" {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(request + &String::from_utf8(body).unwrap())
}

fn say(status: u16, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\nConnection: close\r\n{headers}\r\n{body}").into_bytes()
}

fn probe(value: serde_json::Value) -> ProbeNode {
    let mut value = value;
    value["type"] = json!("http");
    parse(&value).unwrap()
}

#[tokio::test]
async fn status_and_body_decide() {
    let (at, _) = serve(|request| match request.split(' ').nth(1).unwrap() {
        "/ok" => say(200, "", r#"{"status": "ok"}"#),
        "/made" => say(201, "", ""),
        _ => say(503, "", "down"),
    });
    let rows = [
        (json!({"url": format!("{at}/ok")}), Answer::Yes, "answered 200"),
        (json!({"url": format!("{at}/made"), "expect_status": 200}), Answer::No, "answered 201 instead of 200"),
        (json!({"url": format!("{at}/x")}), Answer::No, "answered 503 instead of 200-299"),
        (json!({"url": format!("{at}/x"), "expect_status": "500-599"}), Answer::Yes, "answered 503"),
        (json!({"url": format!("{at}/x"), "expect_status": [200, "500-599"]}), Answer::Yes, "answered 503"),
        (json!({"url": format!("{at}/x"), "expect_status": [200, "300-399"]}), Answer::No, "instead of 200 or 300-399"),
        (
            json!({"url": format!("{at}/ok"), "expect_json": [{"pointer": "/status", "equals": "ok"}]}),
            Answer::Yes,
            "200, and the body matches `expect_json`",
        ),
        (
            json!({"url": format!("{at}/ok"), "expect_json": [{"pointer": "/status", "equals": "up"}]}),
            Answer::No,
            "200, but `/status` is `\"ok\"` instead of `\"up\"`",
        ),
        (
            json!({"url": format!("{at}/made"), "expect_json": [{"pointer": "", "exists": true}]}),
            Answer::No,
            "201, but the body is not JSON: EOF",
        ),
        (
            json!({"url": format!("{at}/ok"), "expect_body": "ok", "expect_json": [{"pointer": "/status", "matches": "o"}]}),
            Answer::Yes,
            "matches `expect_body` and `expect_json`",
        ),
        (json!({"url": format!("{at}/ok"), "expect_body": "\"status\": *\"ok\""}), Answer::Yes, "the body matches"),
        (json!({"url": format!("{at}/ok"), "expect_body": "^ok"}), Answer::No, "does not match `expect_body`"),
    ];
    for (value, answer, detail) in rows {
        let seen = probe(value.clone()).observe(&plain()).await;
        assert_eq!(seen.answer, answer, "{value}: {}", seen.detail);
        assert!(seen.detail.contains(detail) && seen.value.is_number(), "{}", seen.detail);
    }
}

#[tokio::test]
async fn a_service_that_is_down_is_a_no_with_its_cause() {
    // The kernel gives no such port to anybody.
    let seen = probe(json!({"url": "http://127.0.0.1:1/"})).observe(&plain()).await;
    assert_eq!(seen.answer, Answer::No);
    assert!(seen.detail.contains("did not answer") && seen.detail.contains("refused"), "{}", seen.detail);
}

#[tokio::test]
async fn a_service_that_is_silent_is_a_no_after_its_time() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let seen = probe(json!({"url": url, "timeout_seconds": 0.05})).observe(&plain()).await;
    assert_eq!((seen.answer, seen.detail), (Answer::No, format!("`{url}` did not answer within 0.05 s")));
}

#[tokio::test]
async fn garbage_is_a_no() {
    let (at, _) = serve(|_| b"SMTP 220 hello\r\n\r\n".to_vec());
    let seen = probe(json!({"url": at})).observe(&plain()).await;
    assert_eq!(seen.answer, Answer::No, "{}", seen.detail);
}

#[tokio::test]
async fn a_redirect_to_another_port_of_a_confined_targets_host_is_not_followed() {
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    other.set_nonblocking(true).unwrap();
    let port = other.local_addr().unwrap().port();
    let (at, seen_by_server) = serve(move |request| match request.split(' ').nth(1).unwrap() {
        "/ok" => say(200, "", "ok"),
        "/own" => say(302, "Location: /ok\r\n", ""),
        path => {
            let host =
                ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "2130706433"][path[1..].parse::<usize>().unwrap()];
            say(302, &format!("Location: http://{host}:{port}/secret\r\n"), "")
        }
    });
    let target = Some(at.parse::<HttpUrl>().unwrap().host().clone());
    let policy = Policy::default().confined_to(Confinement { target, hosts: Vec::new() });
    let cx = context(policy, &[], CancellationToken::new());
    let own = probe(json!({"url": format!("{at}/own"), "expect_body": "ok"})).observe(&cx).await;
    assert_eq!(own.answer, Answer::Yes, "{}", own.detail);
    for path in 0..4 {
        let seen = probe(json!({"url": format!("{at}/{path}"), "expect_body": ".*"})).observe(&cx).await;
        assert_eq!(seen.answer, Answer::Unknown, "{path}: {}", seen.detail);
        assert_eq!(other.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock, "{path}: a connection came");
    }
    assert_eq!(seen_by_server.lock().unwrap().len(), 6);
}

#[tokio::test]
async fn redirects_are_followed_where_the_policy_allows_and_nowhere_else() {
    let (at, seen_by_server) = serve(|request| match request.split(' ').nth(1).unwrap() {
        "/inside" => say(302, "Location: /end\r\n", ""),
        "/end" => say(200, "", ""),
        "/outside" => say(302, "Location: http://192.0.2.7/\r\n", ""),
        "/named" => say(302, "Location: http://evil.example/\r\n", ""),
        "/secret" => say(302, "Location: http://u:p@127.0.0.1/\r\n", ""),
        "/file" => say(302, "Location: file:///etc/passwd\r\n", ""),
        _ => say(302, "Location: /loop\r\n", ""),
    });
    let rows = [
        ("/inside", Answer::Yes, "answered 200"),
        ("/outside", Answer::Unknown, "--allow-host 192.0.2.7"),
        ("/named", Answer::Unknown, "--allow-host evil.example"),
        ("/secret", Answer::Unknown, "redirects elsewhere: invalid URL"),
        ("/file", Answer::Unknown, "redirects elsewhere: invalid URL"),
        ("/loop", Answer::No, "redirects more than 5 times"),
    ];
    for (path, answer, detail) in rows {
        let seen = probe(json!({"url": format!("{at}{path}")})).observe(&plain()).await;
        assert_eq!(seen.answer, answer, "{path}: {}", seen.detail);
        assert!(seen.detail.contains(detail), "{path}: {}", seen.detail);
    }
    let asked = seen_by_server.lock().unwrap().len();
    assert_eq!(asked, 2 + 1 + 1 + 1 + 1 + 6, "each hop is one request");
}

#[tokio::test]
async fn a_redirect_that_is_expected_is_not_followed() {
    let (at, asked) = serve(|_| say(301, "Location: http://192.0.2.7/\r\n", ""));
    let seen = probe(json!({"url": at, "expect_status": 301, "method": "HEAD"})).observe(&plain()).await;
    assert_eq!((seen.answer, seen.value), (Answer::Yes, json!(301)));
    assert!(asked.lock().unwrap()[0].starts_with("HEAD / "));
}

#[tokio::test]
async fn a_body_past_the_bound_can_say_yes_but_not_no() {
    let (at, _) = serve(|_| say(200, "", &("x".repeat(exchange::MAX_BODY_BYTES) + "y")));
    for (pattern, answer) in [("^x", Answer::Yes), ("y", Answer::Unknown)] {
        let seen = probe(json!({"url": at, "expect_body": pattern})).observe(&plain()).await;
        assert_eq!(seen.answer, answer, "{}", seen.detail);
    }
}

#[test]
fn mistakes_are_named_at_their_path() {
    let rows = [
        (json!({"type": "http"}), "", "missing field `url`"),
        (json!({"type": "http", "url": "localhost"}), "/url", "expected `http://host:port/path`"),
        (json!({"type": "http", "url": "http://h/", "method": "get it"}), "/method", "invalid HTTP method `get it`"),
        (json!({"type": "http", "url": "http://h/", "headers": {"A b": "c"}}), "/headers", "invalid header name `A b`"),
        (
            json!({"type": "http", "url": "http://h/", "expect_status": [200, 42]}),
            "/expect_status/1",
            "invalid status `42`",
        ),
        (
            json!({"type": "http", "url": "http://h/", "expect_body": "("}),
            "/expect_body",
            "invalid regular expression `(`",
        ),
        (
            json!({"type": "http", "url": "http://h/", "expect_json": [{"pointer": "/a"}]}),
            "/expect_json/0",
            "no comparison",
        ),
        (
            json!({"type": "http", "url": "http://h/", "method": "HEAD", "expect_body": "x"}),
            "",
            "`expect_body` does not fit; remove it, or ask with `GET`",
        ),
        (
            json!({"type": "http", "url": "http://h/", "method": "HEAD", "expect_json": [{"pointer": "", "exists": true}]}),
            "",
            "the answer to `HEAD` has no body",
        ),
        (
            json!({"type": "http", "url": "http://h/", "method": "HEAD", "body": "x"}),
            "",
            "a `HEAD` request has no `body`",
        ),
        (json!({"type": "http", "url": "http://h/", "method": "CONNECT"}), "", "write `GET`"),
        (json!({"type": "http", "url": "http://xn--0/"}), "", "invalid URL: "),
        (json!({"type": "http", "url": "http://h/", "tls": {"insecure": true}}), "", "`tls` does not fit `http://h/`"),
        (
            json!({"type": "http", "url": "https://h/", "tls": {"insecure": true, "ca_file": "a"}}),
            "",
            "give one of them",
        ),
        (
            json!({"type": "http", "url": "https://h/", "tls": {"cert_file": "a"}}),
            "",
            "both `cert_file` and `key_file`",
        ),
        (json!({"type": "http", "url": "http://h/", "expect_status": 42}), "/expect_status", "invalid status `42`"),
        (json!({"type": "http", "url": "http://h/", "colour": 1}), "", "unknown field `colour`"),
    ];
    for (value, pointer, message) in rows {
        let error = parse::<ProbeNode>(&value).unwrap_err();
        assert!(error.pointer.starts_with(pointer) && error.message.contains(message), "{value}: {error}");
    }
}

#[test]
fn the_published_patterns_and_the_typed_parse_agree() {
    let urls = [
        "http://h",
        "https://h:1/",
        "http://h:65535",
        "http://h:65536",
        "http://h:0",
        "http://h:",
        "http://127.0.0.1/",
        "http://127.1/",
        "http://256.0.0.1",
        "http://[::1]:80/",
        "http://[]/",
        "http://[1:2]:80/",
        "http://[::ffff:1.2.3.4]/",
        "http://[1::2::3]/",
        "http://[2001:db8::7]/x",
        "http://a.b.",
        "http://a..b",
        "http://1a",
        "http://a.1",
        "http://a-b_c/{x}?y=[z]",
        "http://h/#",
        "http://u@h",
        "http://h/ ",
        "http://h\\",
        "http://h/\"",
        "ftp://h",
        "http://",
        "http:///",
        "http://h/é",
    ];
    let addresses = [
        "h:1",
        "h:0",
        "h:65535",
        "h:65536",
        "h",
        ":1",
        "[::1]:1",
        "[1:2]:1",
        "[::1.2.3.4]:1",
        "[.]:1",
        "::1:1",
        "1.2.3.4:5",
        "1.2.3:4",
        "a.b.:1",
        "h:01",
        "é:1",
    ];
    let schema = |kind: &str, key: &str| {
        let schema = chaos_core::PROBES.get(kind).unwrap().schema_value();
        regex_lite::Regex::new(schema["properties"][key]["pattern"].as_str().unwrap()).unwrap()
    };
    let (url, address) = (schema("http", "url"), schema("tcp", "address"));
    for text in urls {
        assert_eq!(url.is_match(text), text.parse::<HttpUrl>().is_ok(), "{text}");
        let node = parse::<ProbeNode>(&json!({"type": "http", "url": text}));
        assert_eq!(node.is_ok(), text.parse::<HttpUrl>().is_ok(), "what is valid can be asked: {text}");
    }
    for text in addresses {
        assert_eq!(address.is_match(text), text.parse::<chaos_core::Address>().is_ok(), "{text}");
    }
}

#[tokio::test]
async fn method_headers_and_body_are_sent_as_they_are() {
    let (at, asked) = serve(|_| say(200, "", ""));
    let rows = [
        (json!({"method": "DELETE"}), "DELETE / HTTP/1.1", "", ""),
        (
            json!({"body": "{\"q\": 1}", "headers": {"Content-Type": "application/json"}}),
            "POST / ",
            "content-type: application/json",
            "{\"q\": 1}",
        ),
        (json!({"method": "PUT", "body": "x"}), "PUT / ", "content-length: 1", "x"),
        (json!({"headers": {"X-Key": "k", "User-Agent": "me", "Host": "shop.example"}}), "GET / ", "x-key: k", ""),
        (json!({"headers": {"Host": "shop.example"}}), "GET / ", "host: shop.example", ""),
    ];
    for (parameters, line, header, body) in rows {
        let mut value = json!({"url": at});
        value.as_object_mut().unwrap().extend(parameters.as_object().unwrap().clone());
        let seen = probe(value).observe(&plain()).await;
        assert_eq!(seen.answer, Answer::Yes, "{parameters}: {}", seen.detail);
        let request = asked.lock().unwrap().pop().unwrap();
        let (head, sent) = request.split_once("\n\n").unwrap();
        assert!(request.starts_with(line) && head.to_ascii_lowercase().contains(header), "{parameters}: {request}");
        assert_eq!(sent, body, "{parameters}");
    }
}

#[tokio::test]
async fn a_redirect_keeps_what_its_status_says_and_secrets_stay_at_their_host() {
    let (other, asked_there) = serve(|_| say(200, "", ""));
    let there = other.clone();
    let (at, asked) = serve(move |request| match request.split(' ').nth(1).unwrap() {
        "/end" => say(200, "", ""),
        "/away" => say(307, &format!("Location: {there}/\r\n"), ""),
        path => say(path[1..].parse().unwrap(), "Location: /end\r\n", ""),
    });
    let post = |path: &str| {
        let headers = json!({"Authorization": "Bearer x", "Content-Type": "text/plain"});
        probe(json!({"url": format!("{at}{path}"), "body": "secret", "headers": headers}))
    };
    for (path, line, has_body) in [
        ("/301", "GET", false),
        ("/302", "GET", false),
        ("/303", "GET", false),
        ("/307", "POST", true),
        ("/308", "POST", true),
    ] {
        let seen = post(path).observe(&plain()).await;
        assert_eq!(seen.answer, Answer::Yes, "{path}: {}", seen.detail);
        let request = asked.lock().unwrap().pop().unwrap();
        assert!(request.starts_with(&format!("{line} /end ")) && request.contains("Bearer x"), "{path}: {request}");
        assert_eq!(
            (request.ends_with("secret"), request.contains("text/plain")),
            (has_body, has_body),
            "{path}: {request}"
        );
    }
    let seen = post("/away").observe(&plain()).await;
    assert_eq!(seen.answer, Answer::Yes, "{}", seen.detail);
    let request = asked_there.lock().unwrap().pop().unwrap();
    assert!(request.starts_with("POST / ") && !request.contains("Bearer") && !request.contains("secret"), "{request}");
}

#[tokio::test]
async fn a_service_at_one_loopback_address_alone_is_found_by_name() {
    for ip in ["127.0.0.1", "::1"] {
        let Ok(listener) = TcpListener::bind((ip, 0)) else { continue };
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                read_request(&stream);
                let _ = (&stream).write_all(&say(200, "", ""));
            }
        });
        for name in ["localhost", "db.localhost"] {
            let seen = probe(json!({"url": format!("http://{name}:{port}/")})).observe(&plain()).await;
            assert_eq!(seen.answer, Answer::Yes, "{name} at {ip}: {}", seen.detail);
        }
    }
}

/// A server with a self-signed certificate, as `openssl req -x509` makes it, for `localhost` and `127.0.0.1`.
fn serve_tls() -> String {
    use chaos_tls::rustls::crypto::ring;
    use chaos_tls::rustls::pki_types::pem::PemObject;
    use chaos_tls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
    use chaos_tls::rustls::{ServerConfig, ServerConnection, StreamOwned};

    let certs = vec![CertificateDer::from_pem_file(certificate("self.pem")).unwrap()];
    let key = PrivateKeyDer::from_pem_file(certificate("self.key")).unwrap();
    let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    let config = Arc::new(builder.with_single_cert(certs, key).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut stream = StreamOwned::new(ServerConnection::new(Arc::clone(&config)).unwrap(), stream);
            if read_request(&mut stream).is_some() {
                let _ = stream.write_all(&say(200, "", ""));
                stream.conn.send_close_notify();
                let _ = stream.flush();
            }
        }
    });
    format!("https://localhost:{port}/")
}

fn certificate(name: &str) -> String {
    format!("{}/../tls/tests/certs/{name}", env!("CARGO_MANIFEST_DIR"))
}

#[tokio::test]
async fn the_usual_self_signed_certificate_is_accepted_when_it_was_named() {
    let url = serve_tls();
    let rows = [
        (json!({"ca_file": certificate("self.pem")}), Answer::Yes, "answered 200"),
        (json!({"insecure": true}), Answer::Yes, "answered 200"),
        (json!({"ca_file": certificate("other.pem")}), Answer::No, "not among the trusted ones"),
        (json!({}), Answer::No, "did not answer: the server's certificate"),
        (json!({"ca_file": "absent.pem"}), Answer::Unknown, "absent.pem`: No such file"),
        (json!({"cert_file": "absent.pem", "key_file": "absent.key"}), Answer::Unknown, "absent.pem`: No such file"),
    ];
    for (tls, answer, detail) in rows {
        let seen = probe(json!({"url": url, "tls": tls})).observe(&plain()).await;
        assert_eq!(seen.answer, answer, "{tls}: {}", seen.detail);
        assert!(seen.detail.contains(detail), "{tls}: {}", seen.detail);
    }
}

#[test]
fn the_value_of_a_header_is_never_written() {
    let node = probe(json!({"url": "http://h/", "headers": {"Authorization": "Bearer x"}}));
    let printed = format!("{node:?} {}", serde_json::to_value(&node).unwrap());
    assert!(!printed.contains("Bearer x"), "{printed}");
}
