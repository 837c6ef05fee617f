//! Changes bytes of datagrams.

use bytes::BytesMut;
use serde::{Deserialize, Serialize};

use crate::behaviour::Behaviour;
use crate::draw::Draw;
use crate::piece::{Body, Piece, Shape};

/// Changes one bit in a share of datagrams.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Corrupt {
    /// The share that is changed, from 0 to 1.
    pub probability: f64,
}

impl Behaviour for Corrupt {
    fn shape(&self, draw: Draw, _now: u64) -> Option<Box<dyn Shape>> {
        Some(Box::new(BitFlip { probability: self.probability, draw }))
    }
}

struct BitFlip {
    probability: f64,
    draw: Draw,
}

impl Shape for BitFlip {
    fn pass(&mut self, mut piece: Piece, out: &mut Vec<Piece>) {
        let is_hit = piece.is_datagram && self.draw.unit(piece.number) < self.probability;
        if let (true, Body::Bytes(bytes)) = (is_hit, &mut piece.body) {
            let bit = self.draw.of(1).number(piece.number);
            let mut changed = BytesMut::from(&bytes[..]);
            let at = usize::try_from(bit / 8 % (changed.len().max(1) as u64)).unwrap_or(0);
            if let Some(byte) = changed.get_mut(at) {
                *byte ^= 1 << (bit % 8);
            }
            *bytes = changed.freeze();
        }
        out.push(piece);
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn exactly_one_bit_is_changed() {
        let mut shape = Corrupt { probability: 1.0 }.shape(Draw::of_seed(1), 0).unwrap();
        let mut out = Vec::new();
        for number in 0..100 {
            let body = Body::Bytes(Bytes::from_static(&[0; 16]));
            shape.pass(Piece { arrived: 0, release: 0, number, is_datagram: true, body }, &mut out);
        }
        for piece in out {
            let Body::Bytes(bytes) = piece.body else { panic!("a datagram carries bytes") };
            assert_eq!(bytes.iter().map(|byte| byte.count_ones()).sum::<u32>(), 1);
        }
    }
}
