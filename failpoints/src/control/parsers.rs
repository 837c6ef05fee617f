//! Readers that are private otherwise, for the fuzzer alone.

use std::{
    io::{self, Read},
    sync::Mutex,
};

use super::{request, routes};

/// Bytes that come in pieces.
struct Pieces<'a> {
    left: &'a [u8],
    piece: usize,
}

impl Read for Pieces<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let length = self.piece.clamp(1, into.len().max(1)).min(into.len()).min(self.left.len());
        let (now, later) = self.left.split_at(length);
        into[..length].copy_from_slice(now);
        self.left = later;
        Ok(length)
    }
}

/// What a request that comes in pieces of so many bytes is taken for, in words; whether it is one.
pub fn request(bytes: &[u8], piece: usize) -> (bool, String) {
    match request::read(&mut Pieces { left: bytes, piece }) {
        Ok(request) => (true, format!("{request:?}")),
        Err(refusal) => (false, format!("{refusal:?}")),
    }
}

/// The bytes of the answer to a request, which is obeyed.
pub fn answer(bytes: &[u8]) -> Vec<u8> {
    static TURN: Mutex<()> = Mutex::new(());
    let read = request::read(&mut Pieces { left: bytes, piece: usize::MAX });
    read.map_or_else(|refusal| refusal, |request| routes::answer(&request, &TURN)).bytes()
}
