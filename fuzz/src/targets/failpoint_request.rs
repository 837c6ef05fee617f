//! Requests to the control server of fail points: head, `Host`, bodies of three kinds.

use chaos_failpoints::{fail_point, parsers, reset};

use crate::documents::Dice;
use crate::target::{Breach, FuzzTarget};

const TASKS: [&str; 8] =
    ["return(x)", "off", "50%sleep(10)", "3*panic(boom)->print(a)", "pause", "\"return(1)\"", "skip 2 return", "yield"];
const HOSTS: [&str; 5] = ["localhost", "127.0.0.1:22381", "[::1]:80", "LOCALHOST.", "127.9.9.9"];
const PARTS: [&str; 6] = ["", "/count", "/status", "/lease", "/release", "?x=1"];

/// Sites that are armed and never hit.
#[expect(dead_code, reason = "linked in, so that there are sites to arm")]
fn sites() {
    fail_point!("fuzz.one");
    fail_point!("fuzz/two");
}

pub(super) struct Requests;

impl FuzzTarget for Requests {
    fn make(&mut self, dice: &mut Dice) -> Vec<u8> {
        let method = *dice.pick(&["PUT", "PUT", "GET", "DELETE"]);
        let (site, part) = (*dice.pick(&["fuzz.one", "fuzz/two", "fuzz%2Ftwo", "failpoints", ""]), *dice.pick(&PARTS));
        let mut kind = "";
        let body = match (method, site, part) {
            ("PUT", "failpoints", _) => format!("fuzz.one={};fuzz/two={}", dice.pick(&TASKS), dice.pick(&TASKS)),
            ("PUT", _, "/release") => dice.below(5).to_string(),
            ("PUT", _, "/lease") => String::new(),
            ("PUT", ..) if dice.below(3) == 0 => {
                kind = "content-type: application/x-www-form-urlencoded; charset=utf-8\r\n";
                "failure_rate=0.5&max_failures=3&delay_seconds=0.1&error=a+b%21&every_nth=2&seed=7".to_owned()
            }
            ("PUT", ..) => (*dice.pick(&TASKS)).to_owned(),
            _ => String::new(),
        };
        let lease = *dice.pick(&["", "failpoint-lease: 1.5\r\n", "Failpoint-Owner: me\r\nfailpoint-lease: 3600\r\n"]);
        let host = *dice.pick(&HOSTS);
        format!(
            "{method} /{site}{part} HTTP/1.1\r\nhost: {host}\r\n{kind}{lease}content-length: {}\r\n\r\n{body}",
            body.len()
        )
        .into_bytes()
    }

    fn words(&self) -> &'static [&'static str] {
        &[
            "\r\n",
            "host: localhost\r\n",
            "origin: null\r\n",
            "content-length: 9\r\n",
            "transfer-encoding: chunked\r\n",
            "%",
            "%00",
            "->",
            "*",
            ";",
            "&",
            "+",
            "[::1]",
            ":",
            "@evil",
        ]
    }

    fn feed(&self, input: &[u8]) -> Result<bool, Breach> {
        let (is_one, whole) = parsers::request(input, usize::MAX);
        for piece in [1, 7] {
            let cut = parsers::request(input, piece);
            if cut.1 != whole {
                return Err(Breach(format!("{whole} at once, {} in pieces of {piece}", cut.1)));
            }
        }
        let answer = parsers::answer(input);
        reset();
        let answer = String::from_utf8(answer).map_err(|error| Breach(error.to_string()))?;
        let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(|| Breach(format!("no head: {answer:?}")))?;
        let status = head.get(9..12).and_then(|status| status.parse::<u16>().ok()).unwrap_or(0);
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
        if length.unwrap_or(0) != body.len() || !(200..=500).contains(&status) || (is_one && status == 431) {
            return Err(Breach(format!("a malformed answer: {answer:?}")));
        }
        if body.chars().any(|c| c.is_control() && c != '\n') {
            return Err(Breach(format!("control characters in an answer: {answer:?}")));
        }
        Ok(is_one)
    }
}
