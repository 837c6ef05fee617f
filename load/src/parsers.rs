//! Readers that are private otherwise, for the fuzzer alone.

use crate::framing::{Framing, Malformed, Step};

/// Where an answer ends, and what stands before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnswerEnd {
    /// Status of the final head.
    pub status: u16,
    /// Bytes of the final head.
    pub head: u64,
    /// Bytes of the answer.
    pub taken: u64,
    /// Bytes of its body, without its framing.
    pub body: u64,
    /// Interim answers before it.
    pub interim: u32,
    /// Whether the connection may carry another request.
    pub reusable: bool,
}

/// Bytes that are no whole answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0:?}")]
pub struct NotAnAnswer(Malformed);

/// Reads one answer that comes in pieces of so many bytes, as the fast client does.
///
/// # Errors
/// What is malformed, cut off or too large.
pub fn answer(bytes: &[u8], bodiless: bool, piece: usize) -> Result<AnswerEnd, NotAnAnswer> {
    let mut framing = Framing::new(bodiless);
    let mut held: Vec<u8> = Vec::new();
    let mut done = false;
    for part in bytes.chunks(piece.max(1)) {
        held.extend_from_slice(part);
        let (used, step) = framing.push(&held).map_err(NotAnAnswer)?;
        held.drain(..used);
        done = step == Step::Done;
        if done {
            break;
        }
    }
    if !done {
        framing.end_of_stream().map_err(NotAnAnswer)?;
    }
    let Framing { status, head, taken, body, interim, persistent: reusable, .. } = framing;
    Ok(AnswerEnd { status, head, taken, body, interim, reusable })
}
