//! Lets later datagrams overtake.

use serde::{Deserialize, Serialize};

use crate::behaviour::Behaviour;
use crate::draw::Draw;
use crate::piece::{Piece, Shape, milliseconds};

/// Holds a share of datagrams back, so that later ones overtake them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Reorder {
    /// The share that is held back, from 0 to 1.
    pub probability: f64,
    /// For how long, in milliseconds.
    pub delay: i64,
}

impl Default for Reorder {
    fn default() -> Self {
        Self { probability: 0.0, delay: 10 }
    }
}

impl Behaviour for Reorder {
    fn shape(&self, draw: Draw, _now: u64) -> Option<Box<dyn Shape>> {
        Some(Box::new(HeldBack { probability: self.probability, delay: milliseconds(self.delay), draw }))
    }
}

struct HeldBack {
    probability: f64,
    delay: u64,
    draw: Draw,
}

impl Shape for HeldBack {
    fn pass(&mut self, mut piece: Piece, out: &mut Vec<Piece>) {
        if piece.is_datagram && self.draw.unit(piece.number) < self.probability {
            piece.release = piece.release.saturating_add(self.delay);
        }
        out.push(piece);
    }
}
