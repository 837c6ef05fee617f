//! Answers of services under load: heads, bodies with a length or in chunks, trailers.

use chaos_load::parsers::{AnswerEnd, answer};

use crate::documents::Dice;
use crate::target::{Breach, FuzzTarget};

const HEADERS: [&str; 9] = [
    "Connection: close",
    "connection: keep-alive, x",
    "Date: Thu, 01 Jan 1970 00:00:00 GMT",
    "X-Long: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "X-Empty:",
    "X-Folded: a\r\n b",
    "Server : spaced",
    "Trailer: T",
    "X-Bytes: \u{e9}\u{202e}",
];

/// The first byte of an input says whether a HEAD is answered.
pub(super) struct Answers;

fn chunks(dice: &mut Dice, text: &mut String) {
    for _ in 0..dice.below(4) {
        let length = 1 + dice.below(40);
        let extension = *dice.pick(&["", ";a=b", " ;x=\"y\"", "\t"]);
        *text += &format!("{length:x}{extension}\r\n{}\r\n", "x".repeat(length));
    }
    *text += *dice.pick(&["0\r\n\r\n", "000\r\n\r\n", "0\r\nT: v\r\nU: w\r\n\r\n"]);
}

impl FuzzTarget for Answers {
    fn make(&mut self, dice: &mut Dice) -> Vec<u8> {
        let mut text = String::new();
        for _ in 0..dice.below(3) {
            text += *dice.pick(&["HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 103 Hints\r\nLink: x\r\n\r\n"]);
        }
        let status = *dice.pick(&["200 OK", "204 No Content", "304 Not Modified", "404 ", "503 Busy", "101 Switching"]);
        let version = *dice.pick(&["HTTP/1.1", "HTTP/1.1", "HTTP/1.0"]);
        text += &format!("{version} {status}\r\n");
        for _ in 0..dice.below(4) {
            text += &format!("{}\r\n", dice.pick(&HEADERS));
        }
        let mut way = u8::try_from(dice.below(8) / 7).unwrap_or(0);
        let length = dice.below(200);
        match dice.below(3) {
            0 => text += &format!("Content-Length: {length}\r\n\r\n{}", "b".repeat(length)),
            1 if version == "HTTP/1.1" => {
                text += "Transfer-Encoding: gzip, chunked\r\n\r\n";
                chunks(dice, &mut text);
            }
            _ => text += &format!("\r\n{}", "c".repeat(length)),
        }
        way |= u8::try_from(dice.below(64) << 1).unwrap_or(0);
        [&[way], text.as_bytes()].concat()
    }

    fn words(&self) -> &'static [&'static str] {
        &[
            "HTTP/1.1 100 \r\n\r\n",
            "Content-Length: 5\r\n",
            "Transfer-Encoding: chunked\r\n",
            "fffffffffffffff\r\n",
            "0\r\n\r\n",
            ", ",
            "\r\n\r\n",
            "+5",
        ]
    }

    fn feed(&self, input: &[u8]) -> Result<bool, Breach> {
        let Some((way, bytes)) = input.split_first() else { return Ok(false) };
        let bodiless = way & 1 == 1;
        let whole = answer(bytes, bodiless, usize::MAX);
        // A head is read anew with each piece, so a long one comes in longer pieces.
        let least = bytes.len() / 512;
        for piece in [1 + least, 2 + least + usize::from(way >> 1)] {
            let cut = answer(bytes, bodiless, piece);
            if cut != whole {
                return Err(Breach(format!("{whole:?} at once, {cut:?} in pieces of {piece}")));
            }
        }
        let Ok(AnswerEnd { status, head, taken, body, interim, .. }) = whole else { return Ok(false) };
        let longest = bytes.len() as u64;
        if taken > longest || head + body > taken || (status < 200 && status != 101) || interim > 64 {
            return Err(Breach(format!("{whole:?} of {longest} bytes")));
        }
        Ok(true)
    }
}
