//! Malformed requests, and halves of requests, harm nobody but its own connection.

use std::time::Duration;

use chaos_links::LinkTls;
use hyper::Version;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{Client, Rig, run};

/// Numbers by a seed (xorshift64*, Vigna 2016).
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let number = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33;
        usize::try_from(number).unwrap() % bound
    }
}

const WHOLE: [&[u8]; 8] = [
    b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n",
    b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
    b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    b"GET /sse HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\n\r\n",
    b"GET /websocket HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhello",
    b"POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0\0\0\x05\x01\x05\0\0\0\x01\x82\x86\x84\x41\x00",
    b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n",
];

const ODD: [&[u8]; 12] = [
    b"\r\n",
    b"\0",
    b"\xff\xfe",
    b": ",
    b"Content-Length: 99999999999999999999\r\n",
    b"Content-Length: -1\r\n",
    b"Transfer-Encoding: gzip\r\n",
    b"Transfer-Encoding: chunked, chunked\r\n",
    b"Host: b\r\n",
    b"ffffffffffffffff\r\n",
    b" HTTP/9.9",
    b"\t\x0b",
];

/// A request of which something is not as it should be.
fn made(dice: &mut Dice) -> Vec<u8> {
    let mut bytes = WHOLE[dice.below(WHOLE.len())].to_vec();
    for _ in 0..=dice.below(4) {
        let at = dice.below(bytes.len() + 1);
        match dice.below(5) {
            0 => bytes.truncate(at.max(1)),
            1 => drop(bytes.splice(at..at, ODD[dice.below(ODD.len())].iter().copied())),
            2 if at < bytes.len() => bytes[at] ^= 1 << dice.below(8),
            3 => {
                let again = bytes[at..].to_vec();
                bytes.extend_from_slice(&again);
            }
            _ => {
                let until = (at + dice.below(20)).min(bytes.len());
                bytes.drain(at..until);
            }
        }
    }
    bytes
}

/// Sends it, says no more, and reads what comes until the link closes.
async fn thrown(rig: &Rig, bytes: &[u8]) {
    let mut stream = TcpStream::connect(rig.address).await.unwrap();
    let _ = stream.write_all(bytes).await;
    let _ = stream.shutdown().await;
    let mut got = Vec::new();
    // A reset is an end like another.
    let ended = tokio::time::timeout(Duration::from_mins(2), stream.read_to_end(&mut got)).await;
    assert!(ended.is_ok(), "no end after {:?}: {:?}", String::from_utf8_lossy(bytes), String::from_utf8_lossy(&got));
}

#[test]
fn what_is_no_http_ends_its_own_connection_only() {
    run(async {
        let rig = std::sync::Arc::new(Rig::new());
        rig.rule(
            "r",
            json!({"match": {"share": 0.5}, "effect": {"duplicate": true, "corrupt": 0.5, "cut": {"after_bytes": 3}}}),
        );
        let mut others = Client::connect(rig.address, Version::HTTP_2).await;
        let mut dice = Dice(0x5eed);
        for _ in 0..20 {
            let mut round = tokio::task::JoinSet::new();
            for _ in 0..25 {
                let (rig, bytes) = (rig.clone(), made(&mut dice));
                round.spawn(async move { thrown(&rig, &bytes).await });
            }
            round.join_all().await;
            others.get("/hello").await.unwrap();
        }
        rig.links.remove_toxic("link", "r").unwrap();
        assert_eq!(others.get("/hello").await.unwrap().text(), "hello world");
        drop(others);
        while rig.view().counts.open > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
}

#[test]
fn a_server_that_speaks_no_http_ends_the_connection() {
    run(async {
        let answers: [&[u8]; 6] = [
            b"SSH-2.0-x\r\n",
            b"\0\0\0",
            b"",
            b"HTTP/1.1 999999\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
            b"HTTP/1.1 200",
        ];
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let rig = Rig::to(super::server::Server::start(), listener.local_addr().unwrap(), LinkTls::default());
        for answer in answers {
            for version in super::VERSIONS {
                let mut client = Client::connect(rig.address, version).await;
                let served = async {
                    let (mut server, _) = listener.accept().await.unwrap();
                    let _ = server.read(&mut [0; 1024]).await;
                    server.write_all(answer).await.unwrap();
                };
                let (got, ()) = tokio::join!(client.get("/"), served);
                assert!(got.is_err(), "{answer:?} {got:?}");
            }
        }
    });
}
