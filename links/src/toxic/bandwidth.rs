//! Limits the rate.

use serde::{Deserialize, Serialize};

use crate::behaviour::{Behaviour, Gate};
use crate::draw::Draw;
use crate::piece::{Piece, Shape};

/// Limits the rate of each connection.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Bandwidth {
    /// Kilobytes (1,000 bytes) a second. Nothing passes at 0.
    pub rate: i64,
}

impl Behaviour for Bandwidth {
    fn shape(&self, _draw: Draw, now: u64) -> Option<Box<dyn Shape>> {
        let rate = u64::try_from(self.rate).ok().filter(|rate| *rate > 0)?;
        Some(Box::new(Rate { rate, free: now }))
    }

    fn gate(&self) -> Gate {
        if self.rate > 0 { Gate::Open } else { Gate::Held }
    }
}

struct Rate {
    /// Bytes a millisecond.
    rate: u64,
    /// When the line is free again.
    free: u64,
}

impl Rate {
    /// Five milliseconds' worth, so that the flow is smooth; not less than 64 bytes, so that slow links cost little.
    fn quantum(&self) -> usize {
        usize::try_from(self.rate.saturating_mul(5)).unwrap_or(usize::MAX).max(64)
    }

    fn send(&mut self, mut piece: Piece, out: &mut Vec<Piece>) {
        let time = (piece.len() as u64).saturating_mul(1_000_000) / self.rate;
        self.free = self.free.max(piece.release).saturating_add(time);
        piece.release = self.free;
        out.push(piece);
    }
}

impl Shape for Rate {
    fn pass(&mut self, mut piece: Piece, out: &mut Vec<Piece>) {
        while let Some(first) = piece.cut(self.quantum()) {
            self.send(first, out);
        }
        self.send(piece, out);
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::piece::Body;

    fn piece(len: usize, arrived: u64) -> Piece {
        let body = Body::Bytes(Bytes::from(vec![7; len]));
        Piece { arrived, release: arrived, number: 0, is_datagram: false, body }
    }

    #[test]
    fn the_last_byte_leaves_when_the_rate_allows_it() {
        let mut shape = Bandwidth { rate: 100 }.shape(Draw::of_seed(1), 0).unwrap();
        let mut out = Vec::new();
        shape.pass(piece(100_000, 0), &mut out);
        assert_eq!(out.iter().map(Piece::len).sum::<usize>(), 100_000);
        assert_eq!(out.last().unwrap().release, 1_000_000_000);
        assert!(out.windows(2).all(|pair| pair[0].release < pair[1].release));
        out.clear();
        // A line that was idle owes nothing.
        shape.pass(piece(500, 5_000_000_000), &mut out);
        assert_eq!(out.last().unwrap().release, 5_005_000_000);
    }

    #[test]
    fn a_datagram_is_never_cut() {
        let mut shape = Bandwidth { rate: 1 }.shape(Draw::of_seed(1), 0).unwrap();
        let mut out = Vec::new();
        shape.pass(Piece { is_datagram: true, ..piece(1400, 0) }, &mut out);
        assert_eq!(out.len(), 1);
        assert_eq!(out[0].release, 1_400_000_000);
    }

    #[test]
    fn nothing_passes_at_rate_zero() {
        assert_eq!(Bandwidth { rate: 0 }.gate(), Gate::Held);
        assert_eq!(Bandwidth { rate: -1 }.gate(), Gate::Held);
        assert_eq!(Bandwidth { rate: 1 }.gate(), Gate::Open);
    }
}
