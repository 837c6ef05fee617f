//! The toxics of one way of one connection, and what waits behind them.

use std::collections::VecDeque;

use crate::behaviour::{Behaviour, Gate};
use crate::counters::Direction;
use crate::draw::Draw;
use crate::piece::{Body, Piece, Shape};
use crate::settings::Settings;
use crate::toxic::Toxic;

/// A bound on the bytes of a connection.
struct Limit {
    identity: u64,
    bytes: u64,
    /// What had been written when the toxic took effect.
    base: u64,
}

/// The toxics that act on one way of one connection, and the queue behind them.
pub(crate) struct Chain {
    direction: Direction,
    draw: Draw,
    shapes: Vec<Box<dyn Shape>>,
    limits: Vec<Limit>,
    close_delay: u64,
    gate: Gate,
    queue: VecDeque<Piece>,
    weight: usize,
    last: u64,
}

impl Chain {
    /// A chain of no toxic. `draw` is the connection's.
    pub(crate) fn new(direction: Direction, draw: Draw) -> Self {
        Self {
            direction,
            draw,
            shapes: Vec::new(),
            limits: Vec::new(),
            close_delay: 0,
            gate: Gate::Open,
            queue: VecDeque::new(),
            weight: 0,
            last: 0,
        }
    }

    /// Takes new settings over. What waits is kept, in order, and gets the times that the new toxics give it.
    pub(crate) fn adopt(&mut self, settings: &Settings, now: u64, written: u64) {
        let active = settings.toxics.iter().filter(|toxic| toxic.acts_on(self.draw)).map(AsRef::as_ref);
        let ours = |toxic: &&Toxic| toxic.spec.stream == self.direction || toxic.spec.kind.behaviour().hole().is_some();
        let active: Vec<&Toxic> = active.filter(ours).collect();
        let behaviours = || active.iter().map(|toxic| toxic.spec.kind.behaviour());
        self.gate = behaviours().map(Behaviour::gate).max().unwrap_or(Gate::Open);
        self.close_delay = behaviours().map(Behaviour::close_delay).fold(0, u64::saturating_add);
        self.shapes = active.iter().filter_map(|toxic| self.shape(toxic, now)).collect();
        let base = |identity| self.limits.iter().find(|limit| limit.identity == identity).map(|limit| limit.base);
        self.limits = active
            .iter()
            .filter_map(|toxic| {
                let bytes = toxic.spec.kind.behaviour().limit()?;
                let base = base(toxic.identity).unwrap_or(written);
                Some(Limit { identity: toxic.identity, bytes, base })
            })
            .collect();
        self.last = 0;
        self.weight = 0;
        for mut piece in std::mem::take(&mut self.queue) {
            piece.release = piece.arrived;
            self.push(piece);
        }
    }

    fn shape(&self, toxic: &Toxic, now: u64) -> Option<Box<dyn Shape>> {
        let draw = self.draw.named(&toxic.spec.name).of(1 + self.direction as u64);
        toxic.spec.kind.behaviour().shape(draw, now)
    }

    pub(crate) fn gate(&self) -> Gate {
        self.gate
    }

    /// Whether no toxic looks at the bytes and none wait.
    pub(crate) fn is_clear(&self) -> bool {
        self.shapes.is_empty() && self.limits.is_empty() && self.gate == Gate::Open && self.queue.is_empty()
    }

    /// Passes a piece through the toxics into the queue.
    pub(crate) fn push(&mut self, mut piece: Piece) {
        if !matches!(piece.body, Body::Bytes(_)) {
            piece.release = piece.release.saturating_add(self.close_delay);
        }
        let mut pieces = vec![piece];
        for shape in &mut self.shapes {
            let mut out = Vec::with_capacity(pieces.len());
            for piece in pieces {
                shape.pass(piece, &mut out);
            }
            pieces = out;
        }
        for mut piece in pieces {
            // A stream keeps its order, datagrams go when their time has come.
            if !piece.is_datagram {
                self.last = self.last.max(piece.release);
                piece.release = self.last;
            }
            self.weight += piece.weight();
            let at = if piece.is_datagram {
                self.queue.partition_point(|waiting| waiting.release <= piece.release)
            } else {
                self.queue.len()
            };
            self.queue.insert(at, piece);
        }
    }

    /// What the queue holds, in bytes and a flat rate for each piece.
    pub(crate) fn weight(&self) -> usize {
        self.weight
    }

    /// How many pieces wait.
    pub(crate) fn len(&self) -> usize {
        self.queue.len()
    }

    /// The first piece, whether its time has come or not.
    pub(crate) fn head(&self) -> Option<&Piece> {
        self.queue.front()
    }

    /// Takes the first piece.
    pub(crate) fn take(&mut self) -> Option<Piece> {
        let piece = self.queue.pop_front()?;
        self.weight -= piece.weight();
        Some(piece)
    }

    /// Notes that so many bytes of the first piece are written.
    pub(crate) fn written(&mut self, bytes: usize) {
        let Some(piece) = self.queue.front_mut() else { return };
        if bytes >= piece.len() {
            self.take();
        } else if piece.cut(bytes).is_some() {
            self.weight -= bytes;
        }
    }

    /// Throws the queue's bytes away, and says how many; the end of the stream is kept.
    pub(crate) fn discard(&mut self) -> usize {
        let bytes = self.queue.iter().map(Piece::len).sum();
        self.queue.retain(|piece| !matches!(piece.body, Body::Bytes(_)));
        self.weight = self.queue.iter().map(Piece::weight).sum();
        bytes
    }

    /// How many bytes may still be written.
    pub(crate) fn allowance(&self, written: u64) -> u64 {
        let left = |limit: &Limit| limit.bytes.saturating_sub(written.saturating_sub(limit.base));
        self.limits.iter().map(left).min().unwrap_or(u64::MAX)
    }
}
