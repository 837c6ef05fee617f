//! A client of HTTP/1.1 that sees what is on the wire.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// A connection on which a request was sent.
pub(crate) struct Asked(BufReader<TcpStream>);

/// The head of an answer.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
}

/// A body, and whether it came to its end.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Body {
    pub(crate) text: String,
    pub(crate) is_whole: bool,
}

pub(crate) fn ask(at: SocketAddr, path: &str, body: &str) -> Asked {
    let mut stream = TcpStream::connect(at).unwrap();
    stream.set_read_timeout(Some(Duration::from_mins(2))).unwrap();
    let head = format!("POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n");
    stream.write_all(format!("{head}content-length: {}\r\n\r\n{body}", body.len()).as_bytes()).unwrap();
    Asked(BufReader::new(stream))
}

impl Asked {
    pub(crate) fn head(&mut self) -> Head {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        let status = line.split(' ').nth(1).unwrap_or_else(|| panic!("{line:?}")).parse().unwrap();
        let mut headers = BTreeMap::new();
        loop {
            line.clear();
            self.0.read_line(&mut line).unwrap();
            let Some((name, value)) = line.split_once(':') else { return Head { status, headers } };
            headers.insert(name.to_lowercase(), value.trim().to_owned());
        }
    }

    /// Whether nothing more has come so far.
    pub(crate) fn is_silent(&mut self) -> bool {
        self.0.get_ref().set_nonblocking(true).unwrap();
        let got = self.0.fill_buf().map(<[u8]>::len).map_err(|error| error.kind());
        self.0.get_ref().set_nonblocking(false).unwrap();
        got == Err(ErrorKind::WouldBlock)
    }

    pub(crate) fn body(&mut self, head: &Head) -> Body {
        let mut body = Vec::new();
        let is_whole = match head.headers.get("content-length") {
            Some(length) => self.take(length.parse().unwrap(), &mut body),
            None => self.chunks(&mut body),
        };
        Body { text: String::from_utf8(body).unwrap(), is_whole }
    }

    pub(crate) fn answer(&mut self) -> (Head, Body) {
        let head = self.head();
        let body = self.body(&head);
        (head, body)
    }

    fn take(&mut self, length: u64, into: &mut Vec<u8>) -> bool {
        let before = into.len() as u64;
        // An end, or a reset, before all has come.
        let _ = self.0.by_ref().take(length).read_to_end(into);
        into.len() as u64 - before == length
    }

    fn chunks(&mut self, body: &mut Vec<u8>) -> bool {
        loop {
            let mut line = String::new();
            let Ok(1..) = self.0.read_line(&mut line) else { return false };
            let length = u64::from_str_radix(line.trim(), 16).unwrap();
            let is_whole = self.take(length, body) && self.take(2, &mut Vec::new());
            if !is_whole || length == 0 {
                return is_whole;
            }
        }
    }
}
