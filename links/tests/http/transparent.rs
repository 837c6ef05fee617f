//! Without rules, an HTTP link shows a client what the server shows it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};

use chaos_links::LinkTls;
use hyper::{Request, Version};

use super::{Client, Got, Rig, run};
use crate::server::Server;

/// Answers every request on a connection with the same bytes, and closes it where that is all that ends them.
fn canned(answer: &'static [u8], closes: bool) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let mut head = Vec::new();
                let mut byte = [0];
                while stream.read_exact(&mut byte).is_ok() {
                    head.push(byte[0]);
                    if head.ends_with(b"\r\n\r\n") {
                        head.clear();
                        if stream.write_all(answer).is_err() || closes {
                            return;
                        }
                    }
                }
            });
        }
    });
    address
}

/// Status, headers, body, trailers, and whether the body breaks off.
type Shown<'a> = (u16, Vec<(String, Vec<u8>)>, &'a [u8], Option<&'a hyper::HeaderMap>, bool);

/// What is compared: all but what belongs to a connection.
fn shown(got: &Got) -> Shown<'_> {
    let of_connection = ["connection", "keep-alive", "transfer-encoding"];
    let mut headers: Vec<_> = got
        .headers
        .iter()
        .filter(|(name, _)| !of_connection.contains(&name.as_str()))
        .map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()))
        .collect();
    headers.sort();
    (got.status, headers, &got.body, got.trailers.as_ref(), got.broken.is_some())
}

fn asked(method: &str) -> Request<super::Body> {
    Request::builder()
        .method(method)
        .uri("/a?b=c")
        .header("host", "service.test:80")
        .header("te", "trailers")
        .body(super::Body::default())
        .unwrap()
}

#[test]
fn answers_of_every_kind_are_those_of_the_server() {
    const BIG: &str = "x";
    let large = format!("HTTP/1.1 200 OK\r\nX-Large: {}\r\nContent-Length: 1\r\n\r\nx", BIG.repeat(60_000)).leak();
    let many = format!("HTTP/1.1 200 OK\r\n{}Content-Length: 0\r\n\r\n", "Set-Cookie: a=b\r\n".repeat(200)).leak();
    let rows: Vec<(&str, &'static [u8], bool)> = vec![
        ("GET", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", false),
        ("GET", b"HTTP/1.1 200 Fine With Me\r\nContent-Length: 0\r\n\r\n", false),
        ("GET", b"HTTP/1.1 204 No Content\r\nX-A: 1\r\n\r\n", false),
        ("GET", b"HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\nContent-Length: 500\r\n\r\n", false),
        ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n", false),
        ("HEAD", b"HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n", false),
        ("GET", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", false),
        (
            "GET",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 9\r\n\r\n",
            false,
        ),
        ("GET", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", false),
        ("POST", b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n", false),
        ("GET", b"HTTP/1.1 200 OK\r\n\r\nuntil the end", true),
        ("GET", b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nold", true),
        ("GET", b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 3\r\n\r\nbye", true),
        ("GET", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort", true),
        ("GET", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", true),
        ("GET", b"HTTP/1.1 599 Odd\r\nContent-Length: 4\r\n\r\n\x00\xff\x80\n", false),
        ("GET", b"HTTP/1.1 200 OK\r\nX-Bytes: \xe9\xff\r\nX-Empty:\r\nContent-Length: 0\r\n\r\n", false),
        ("GET", b"HTTP/1.1 302 Found\r\nLocation: https://other.test/\r\nContent-Length: 0\r\n\r\n", false),
        ("GET", large.as_bytes(), false),
        ("GET", many.as_bytes(), false),
    ];
    run(async move {
        for (method, answer, closes) in rows {
            let server = canned(answer, closes);
            let rig = Rig::to(Server::start(), server, LinkTls::default());
            let mut of = Vec::new();
            for address in [server, rig.address] {
                let stream = tokio::net::TcpStream::connect(address).await.unwrap();
                let mut builder = hyper::client::conn::http1::Builder::new();
                let io = hyper_util::rt::TokioIo::new(stream);
                let (sender, connection) = builder.max_headers(1000).handshake(io).await.unwrap();
                tokio::spawn(connection);
                let mut client = Client::One(sender);
                let mut got = vec![client.ask(asked(method)).await.unwrap()];
                if !closes {
                    got.push(client.ask(asked(method)).await.unwrap());
                }
                of.push(got);
            }
            for (direct, linked) in of[0].iter().zip(&of[1]) {
                assert_eq!(shown(direct), shown(linked), "{method} {:?}", String::from_utf8_lossy(&answer[..40]));
            }
            assert_eq!(rig.view().counts.requests, if closes { 1 } else { 2 });
        }
    });
}

#[test]
fn the_server_gets_what_the_client_sent() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    run(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let rig = Rig::to(Server::start(), listener.local_addr().unwrap(), LinkTls::default());
        let requests = [
            "GET / HTTP/1.1\r\nHost: api.example\r\nX-Mixed-Case: 1\r\nx-lower: 2\r\nACCEPT: */*\r\n\r\n",
            "POST /a%20b?c=%zz HTTP/1.1\r\nHost: a:1\r\nContent-Length: 3\r\n\r\nabc",
            "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
            "GET http://other.test/x HTTP/1.1\r\nHost: other.test\r\n\r\n",
            "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
            "GET / HTTP/1.0\r\nX-Old: 1\r\n\r\n",
        ];
        for sent in requests {
            let mut client = tokio::net::TcpStream::connect(rig.address).await.unwrap();
            client.write_all(sent.as_bytes()).await.unwrap();
            let (mut server, _) = listener.accept().await.unwrap();
            let mut got = Vec::new();
            while got.len() < sent.len() {
                let read = server.read_buf(&mut got).await.unwrap();
                assert!(read > 0, "{sent:?} {:?}", String::from_utf8_lossy(&got));
            }
            let lines = |text: &str| {
                let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
                lines[1..].sort();
                lines
            };
            assert_eq!(lines(&String::from_utf8_lossy(&got)), lines(sent));
        }
    });
}

#[test]
fn a_server_that_is_not_there_closes_the_connection() {
    run(async {
        let server = Server::start();
        // The port of a client: nobody listens there, and nobody else gets it.
        let other = std::net::TcpStream::connect(server.address).unwrap();
        let rig = Rig::to(server, other.local_addr().unwrap(), LinkTls::default());
        let stream = tokio::net::TcpStream::connect(rig.address).await.unwrap();
        let closed = match Client::over(stream, Version::HTTP_11).await {
            Ok(mut client) => client.get("/").await.is_err(),
            Err(_) => true,
        };
        assert!(closed);
        while rig.view().counts.refused == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
    });
}

#[test]
fn a_server_that_closes_between_requests_closes_the_clients_connection() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    run(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let rig = Rig::to(Server::start(), listener.local_addr().unwrap(), LinkTls::default());
        let mut client = tokio::net::TcpStream::connect(rig.address).await.unwrap();
        client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        let (mut server, _) = listener.accept().await.unwrap();
        let _ = server.read(&mut [0; 1024]).await.unwrap();
        server.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi").await.unwrap();
        drop(server);
        let mut got = String::new();
        client.read_to_string(&mut got).await.unwrap();
        assert!(got.ends_with("\r\n\r\nhi"), "{got}");
    });
}

#[test]
fn connect_is_refused_in_words() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    run(async {
        let rig = Rig::new();
        let mut client = tokio::net::TcpStream::connect(rig.address).await.unwrap();
        client.write_all(b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\nConnection: close\r\n\r\n").await.unwrap();
        let mut got = String::new();
        client.read_to_string(&mut got).await.unwrap();
        assert!(got.starts_with("HTTP/1.1 501 ") && got.contains("forwards no CONNECT"), "{got}");
    });
}
