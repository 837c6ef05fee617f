//! When the steps of a journal that grows should be gone.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use super::line::{Line, decode};

/// How much is read at a time.
const PIECE: usize = 1 << 14;

/// The expiries of the steps that are armed and not undone, read from a journal piece by piece as it grows.
#[derive(Debug, Default)]
pub struct Expiries {
    /// How far it was read.
    at: u64,
    /// The start of a line that is not whole yet.
    rest: Vec<u8>,
    by_step: BTreeMap<u64, u64>,
}

impl Expiries {
    /// Reads what was added, and gives the earliest expiry, in milliseconds since the machine started.
    pub fn earliest(&mut self, journal: &File) -> io::Result<Option<u64>> {
        let mut piece = [0; PIECE];
        loop {
            let read = journal.read_at(&mut piece, self.at)?;
            if read == 0 {
                return Ok(self.by_step.values().min().copied());
            }
            self.at += read as u64;
            self.rest.extend_from_slice(&piece[..read]);
            while let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.rest.drain(..=end).collect();
                self.line(&line[..end]);
            }
        }
    }

    fn line(&mut self, raw: &[u8]) {
        match decode(raw) {
            Some((_, _, Line::Armed(record))) => {
                self.by_step.extend(record.expires_at_boot_ms.map(|at| (record.seq, at)));
            }
            Some((_, _, Line::Undone { seq })) => {
                self.by_step.remove(&seq);
            }
            _ => {}
        }
    }
}
