//! Delays what passes.

use serde::{Deserialize, Serialize};

use crate::behaviour::Behaviour;
use crate::draw::Draw;
use crate::piece::{Body, Piece, Shape, milliseconds};

/// Delays what passes, each piece counted from when it came in. Two latencies add up.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct LatencyToxic {
    /// The delay in milliseconds.
    pub latency: i64,
    /// How far a delay may be from it, in milliseconds: the bound of a uniform distribution, the deviation of a normal one.
    pub jitter: i64,
    /// How delays are distributed. An extension.
    #[serde(skip_serializing_if = "Distribution::is_uniform")]
    pub distribution: Distribution,
}

/// How delays are distributed around the latency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Distribution {
    /// Evenly from latency − jitter to latency + jitter.
    #[default]
    Uniform,
    /// Normal, with the jitter as deviation; held at zero and at four deviations.
    Normal,
}

impl Distribution {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde asks for")]
    fn is_uniform(&self) -> bool {
        *self == Self::Uniform
    }
}

impl Behaviour for LatencyToxic {
    fn shape(&self, draw: Draw, _now: u64) -> Option<Box<dyn Shape>> {
        let (latency, jitter) = (milliseconds(self.latency), milliseconds(self.jitter));
        Some(Box::new(Delay { latency, jitter, distribution: self.distribution, draw }))
    }
}

struct Delay {
    latency: u64,
    jitter: u64,
    distribution: Distribution,
    draw: Draw,
}

impl Delay {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "nanoseconds below 104 days are exact, and the rest saturates"
    )]
    fn of(&self, number: u64) -> u64 {
        if self.jitter == 0 {
            return self.latency;
        }
        let off = match self.distribution {
            Distribution::Uniform => self.draw.unit(number) * 2.0 - 1.0,
            Distribution::Normal => self.draw.normal(number).clamp(-4.0, 4.0),
        };
        (self.latency as f64 + off * self.jitter as f64).max(0.0) as u64
    }
}

impl Shape for Delay {
    fn pass(&mut self, mut piece: Piece, out: &mut Vec<Piece>) {
        if matches!(piece.body, Body::Bytes(_)) {
            piece.release = piece.release.saturating_add(self.of(piece.number));
        }
        out.push(piece);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delays(distribution: Distribution) -> Vec<u64> {
        let delay = Delay { latency: 100_000, jitter: 20_000, distribution, draw: Draw::of_seed(5) };
        (0..2000).map(|number| delay.of(number)).collect()
    }

    #[test]
    fn jitter_stays_within_its_distribution() {
        let uniform = delays(Distribution::Uniform);
        assert!(uniform.iter().all(|delay| (80_000..120_000).contains(delay)));
        assert!(uniform.iter().any(|delay| *delay < 82_000) && uniform.iter().any(|delay| *delay > 118_000));
        let normal = delays(Distribution::Normal);
        let within = normal.iter().filter(|delay| (80_000..120_000).contains(*delay)).count();
        assert!((1300..1430).contains(&within), "68 % are within one deviation: {within}");
        assert!(normal.iter().all(|delay| (20_000..=180_000).contains(delay)));
    }

    #[test]
    fn one_seed_gives_the_same_delays() {
        assert_eq!(delays(Distribution::Normal), delays(Distribution::Normal));
    }
}
