//! Compares our framing with hyper's on 100,000 generated answers.
#![cfg(test)]

#[cfg(feature = "std-client")]
mod over_connections;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::framing::{Framing, Step};
use crate::random::Random;

/// How many answers are generated.
const ANSWERS: u64 = 100_000;

/// What a client made of an answer: status and length of the body, or nothing.
type Read = Option<(u16, u64)>;

/// One generated answer.
struct Generated {
    bytes: Vec<u8>,
    bodiless: bool,
    /// What is odd about it.
    odd: &'static str,
}

fn pick<T: Copy>(random: &mut Random, from: &[T]) -> T {
    let index = random.between(0, from.len() as u64 - 1);
    from[usize::try_from(index).unwrap()]
}

fn generate(random: &mut Random) -> Generated {
    let bodiless = random.between(0, 9) == 0;
    let version = pick(random, &["1.1", "1.1", "1.1", "1.0"]);
    let status = pick(random, &[200, 200, 200, 201, 204, 206, 299, 301, 304, 404, 418, 500, 503, 599]);
    let body: Vec<u8> = (0..random.between(0, 60)).map(|_| u8::try_from(random.between(0, 255)).unwrap()).collect();
    let mut head = String::new();
    for _ in 0..random.between(0, 2) {
        head.push_str(pick(
            random,
            &["HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", "", "", ""],
        ));
    }
    let reason = pick(random, &["OK", "", "Some Reason"]);
    write!(head, "HTTP/{version} {status} {reason}\r\n").unwrap();
    for _ in 0..random.between(0, 3) {
        head.push_str(pick(
            random,
            &[
                "Server: x\r\n",
                "X-Empty:\r\n",
                "x-CASE:   spaced  \r\n",
                "Connection: close\r\n",
                "Connection: keep-alive\r\n",
            ],
        ));
    }
    let length = body.len();
    let (lines, framed, odd): (String, Vec<u8>, &'static str) = match random.between(0, 13) {
        0..=3 => (format!("Content-Length: {length}\r\n"), body, ""),
        4..=6 => ("Transfer-Encoding: chunked\r\n".to_owned(), chunked(random, &body), ""),
        7 => (String::new(), body, ""),
        8 => (format!("content-length:{length}\r\n"), body, ""),
        9 => (format!("Content-Length: {}\r\n", length + 3), body, "cut short"),
        10 => (format!("Content-Length: {length}\r\n"), [body, b"stray".to_vec()].concat(), "stray bytes"),
        11 => (format!("Content-Length: {length}\r\nContent-Length: {length}\r\n"), body, "length said twice"),
        12 => (
            format!("Content-Length: {length}\r\nTransfer-Encoding: chunked\r\n"),
            chunked(random, &body),
            "length and chunks",
        ),
        _ => odd_answer(random, &body),
    };
    let mut bytes = head.into_bytes();
    bytes.extend_from_slice(lines.as_bytes());
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(&framed);
    let odd = if version == "1.0" && lines.contains("chunked") { "chunks in HTTP/1.0" } else { odd };
    Generated { bytes, bodiless, odd }
}

fn odd_answer(random: &mut Random, body: &[u8]) -> (String, Vec<u8>, &'static str) {
    let length = body.len();
    let lines = match random.between(0, 6) {
        0 => (format!("Content-Length: {length}, {length}\r\n"), "length as a list"),
        1 => (format!("Content-Length: {length}\r\nContent-Length: {}\r\n", length + 1), "two lengths"),
        2 => ("Content-Length: +5\r\n".to_owned(), "signed length"),
        3 => ("Content-Length: many\r\n".to_owned(), "no number"),
        4 => ("Content-Length: 99999999999999999999999\r\n".to_owned(), "huge length"),
        5 => ("Transfer-Encoding: gzip\r\n".to_owned(), "another coding"),
        _ => ("Transfer-Encoding: chunked\r\n".to_owned(), "broken chunks"),
    };
    (lines.0, body.to_vec(), lines.1)
}

fn chunked(random: &mut Random, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = body;
    while !rest.is_empty() {
        let size = usize::try_from(random.between(1, rest.len() as u64)).unwrap();
        let extension = pick(random, &["", "", ";a=b", " ; q"]);
        out.extend_from_slice(format!("{size:x}{extension}\r\n").as_bytes());
        out.extend_from_slice(&rest[..size]);
        out.extend_from_slice(b"\r\n");
        rest = &rest[size..];
    }
    out.extend_from_slice(pick(random, &["0\r\n\r\n", "0\r\nTrailer: v\r\n\r\n", "000\r\n\r\n"]).as_bytes());
    out
}

fn ours(answer: &Generated, cut: usize) -> Read {
    let mut framing = Framing::new(answer.bodiless);
    let mut held = Vec::new();
    for piece in answer.bytes.chunks(cut) {
        held.extend_from_slice(piece);
        let (used, step) = framing.push(&held).ok()?;
        held.drain(..used);
        if step == Step::Done {
            return Some((framing.status, framing.body));
        }
    }
    framing.end_of_stream().ok()?;
    Some((framing.status, framing.body))
}

async fn theirs(answer: &Generated) -> Read {
    let (client, mut server) = tokio::io::duplex(4096);
    let bytes = answer.bytes.clone();
    tokio::spawn(async move {
        // What comes before the request would be an answer to nothing.
        let mut request = [0; 512];
        let _ = server.read(&mut request).await;
        let _ = server.write_all(&bytes).await;
    });
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(client)).await.ok()?;
    let driver = tokio::spawn(connection);
    let method = if answer.bodiless { "HEAD" } else { "GET" };
    let request = hyper::Request::builder().method(method).uri("/").body(Empty::<Bytes>::new()).ok()?;
    let sent = sender.send_request(request).await;
    let read = match sent {
        Ok(response) => {
            let status = response.status().as_u16();
            let body = response.into_body().collect().await.ok();
            body.map(|body| (status, body.to_bytes().len() as u64))
        }
        Err(_) => None,
    };
    driver.abort();
    read
}

#[test]
fn our_framing_and_hyper_agree_on_a_hundred_thousand_answers() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut random = Random::new(4, 4);
    let mut differing: BTreeMap<&'static str, (u64, String)> = BTreeMap::new();
    let mut good = 0;
    for _ in 0..ANSWERS {
        let answer = generate(&mut random);
        let cut = usize::try_from(random.between(1, 200)).unwrap();
        let mine = ours(&answer, cut);
        let other = runtime.block_on(theirs(&answer));
        good += u64::from(mine.is_some());
        if mine != other {
            let text = format!("ours {mine:?}, hyper {other:?}: {:?}", String::from_utf8_lossy(&answer.bytes));
            let entry = differing.entry(answer.odd).or_insert((0, text));
            entry.0 += 1;
        }
    }
    assert!(good > ANSWERS / 2, "most answers are good: {good}");
    let kinds: Vec<_> = differing.keys().copied().collect();
    assert_eq!(kinds, [""; 0], "{differing:#?}");
}
