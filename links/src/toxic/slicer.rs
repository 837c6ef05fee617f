//! Cuts the stream into small pieces.

use serde::{Deserialize, Serialize};

use crate::behaviour::Behaviour;
use crate::draw::Draw;
use crate::piece::{Body, Piece, Shape};

/// Cuts the stream into small pieces, each written by itself.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Slicer {
    /// The average size of a piece in bytes; the stream is not cut at 0.
    pub average_size: i64,
    /// How far a size may be from it, in bytes.
    pub size_variation: i64,
    /// The pause after each piece in microseconds.
    pub delay: i64,
}

impl Behaviour for Slicer {
    fn shape(&self, draw: Draw, now: u64) -> Option<Box<dyn Shape>> {
        let average = u64::try_from(self.average_size).ok().filter(|average| *average > 0)?;
        let variation = u64::try_from(self.size_variation).unwrap_or(0).min(average - 1);
        let delay = u64::try_from(self.delay).unwrap_or(0).saturating_mul(1000);
        Some(Box::new(Slices { average, variation, delay, draw, cut: 0, free: now }))
    }
}

struct Slices {
    average: u64,
    variation: u64,
    delay: u64,
    draw: Draw,
    cut: u64,
    free: u64,
}

impl Slices {
    fn size(&mut self) -> usize {
        let number = self.draw.number(self.cut);
        self.cut += 1;
        let size = self.average - self.variation + number % (2 * self.variation + 1);
        usize::try_from(size).unwrap_or(usize::MAX)
    }

    fn send(&mut self, mut piece: Piece, out: &mut Vec<Piece>) {
        piece.release = piece.release.max(self.free);
        self.free = piece.release.saturating_add(self.delay);
        out.push(piece);
    }
}

impl Shape for Slices {
    fn pass(&mut self, mut piece: Piece, out: &mut Vec<Piece>) {
        if !matches!(piece.body, Body::Bytes(_)) {
            out.push(piece);
            return;
        }
        loop {
            let size = self.size();
            let Some(first) = piece.cut(size) else { break };
            self.send(first, out);
        }
        self.send(piece, out);
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn pieces_have_the_average_size_and_keep_every_byte_in_order() {
        let text: Vec<u8> = (0..100_000_u32).map(|n| n.to_le_bytes()[0]).collect();
        let slicer = Slicer { average_size: 100, size_variation: 40, delay: 10 };
        let mut shape = slicer.shape(Draw::of_seed(9), 0).unwrap();
        let body = Body::Bytes(Bytes::from(text.clone()));
        let mut out = Vec::new();
        shape.pass(Piece { arrived: 0, release: 0, number: 0, is_datagram: false, body }, &mut out);
        let joined: Vec<u8> = out
            .iter()
            .flat_map(|piece| match &piece.body {
                Body::Bytes(bytes) => bytes.to_vec(),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(joined, text);
        assert!((960..1040).contains(&out.len()), "{} pieces of 100 bytes", out.len());
        assert!(out.iter().all(|piece| piece.len() <= 140));
        assert!(out.windows(2).all(|pair| pair[1].release == pair[0].release + 10_000));
    }
}
