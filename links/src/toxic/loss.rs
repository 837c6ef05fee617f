//! Loses datagrams; on TCP, stalls as a lost segment makes them.

use serde::{Deserialize, Serialize};

use crate::behaviour::Behaviour;
use crate::draw::Draw;
use crate::piece::{Body, Piece, Shape, milliseconds};

/// Loses a share of datagrams. A TCP stream loses nothing: what is "lost" is sent again after a timeout, so that the
/// stream stalls, and all that comes behind waits. Each loss of the same piece doubles the stall.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Loss {
    /// The share that is lost, from 0 to 1.
    pub probability: f64,
    /// In place of a share: every so manieth is lost; 0 draws.
    pub every: i64,
    /// TCP: the retransmission timeout in milliseconds; 200 is Linux's least.
    pub stall: i64,
}

impl Default for Loss {
    fn default() -> Self {
        Self { probability: 0.0, every: 0, stall: 200 }
    }
}

/// After so many losses of one piece a stack would give up; the stall is 127 timeouts then.
const MOST_LOSSES: u32 = 7;

impl Behaviour for Loss {
    fn shape(&self, draw: Draw, _now: u64) -> Option<Box<dyn Shape>> {
        let (probability, stall) = (self.probability, milliseconds(self.stall));
        Some(Box::new(Lossy { probability, every: u64::try_from(self.every).unwrap_or(0), stall, draw, passed: 0 }))
    }
}

struct Lossy {
    probability: f64,
    every: u64,
    stall: u64,
    draw: Draw,
    passed: u64,
}

impl Lossy {
    fn losses(&mut self, number: u64) -> u32 {
        if self.every > 0 {
            self.passed += 1;
            return u32::from(self.passed.is_multiple_of(self.every));
        }
        let draw = self.draw.of(number);
        (0..MOST_LOSSES).take_while(|attempt| draw.unit(u64::from(*attempt)) < self.probability).fold(0, |n, _| n + 1)
    }
}

impl Shape for Lossy {
    fn pass(&mut self, mut piece: Piece, out: &mut Vec<Piece>) {
        let losses = self.losses(piece.number);
        if piece.is_datagram && losses > 0 {
            return;
        }
        if matches!(piece.body, Body::Bytes(_)) {
            piece.release = piece.release.saturating_add(self.stall.saturating_mul((1 << losses) - 1));
        }
        out.push(piece);
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn passed(is_datagram: bool, probability: f64) -> Vec<Piece> {
        passed_by(is_datagram, &Loss { probability, ..Loss::default() })
    }

    fn passed_by(is_datagram: bool, loss: &Loss) -> Vec<Piece> {
        let mut shape = loss.shape(Draw::of_seed(4), 0).unwrap();
        let mut out = Vec::new();
        for number in 0..1000 {
            let body = Body::Bytes(Bytes::from_static(b"x"));
            shape.pass(Piece { arrived: 0, release: 0, number, is_datagram, body }, &mut out);
        }
        out
    }

    #[test]
    fn datagrams_are_lost_in_their_share() {
        assert_eq!(passed(true, 0.0).len(), 1000);
        let left = passed(true, 0.3).len();
        assert!((650..750).contains(&left), "{left}");
        assert!(passed(true, 1.0).is_empty());
    }

    #[test]
    fn every_fourth_is_exactly_a_quarter() {
        let loss = Loss { every: 4, ..Loss::default() };
        let left: Vec<u64> = passed_by(true, &loss).iter().map(|piece| piece.number).collect();
        assert_eq!((left.len(), &left[..6]), (750, &[0, 1, 2, 4, 5, 6][..]));
        assert!(passed_by(false, &loss).iter().filter(|piece| piece.release > 0).count() == 250);
    }

    #[test]
    fn a_stream_loses_nothing_and_stalls_instead() {
        let pieces = passed(false, 0.3);
        assert_eq!(pieces.len(), 1000);
        let stalled = |time: u64| pieces.iter().filter(|piece| piece.release == time * 1_000_000).count();
        assert!((650..750).contains(&stalled(0)), "{}", stalled(0));
        assert!((160..260).contains(&stalled(200)), "{}", stalled(200));
        assert!((40..90).contains(&stalled(600)), "{}", stalled(600));
    }
}
