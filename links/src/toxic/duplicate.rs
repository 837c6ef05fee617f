//! Sends datagrams twice.

use serde::{Deserialize, Serialize};

use crate::behaviour::Behaviour;
use crate::draw::Draw;
use crate::piece::{Piece, Shape};

/// Sends a share of datagrams twice.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Duplicate {
    /// The share that is sent twice, from 0 to 1.
    pub probability: f64,
}

impl Behaviour for Duplicate {
    fn shape(&self, draw: Draw, _now: u64) -> Option<Box<dyn Shape>> {
        Some(Box::new(Twice { probability: self.probability, draw }))
    }
}

struct Twice {
    probability: f64,
    draw: Draw,
}

impl Shape for Twice {
    fn pass(&mut self, piece: Piece, out: &mut Vec<Piece>) {
        if piece.is_datagram && self.draw.unit(piece.number) < self.probability {
            out.push(piece.clone());
        }
        out.push(piece);
    }
}
