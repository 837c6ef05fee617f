//! The events of a soak on one timeline: when each was in force, told apart by the names of their faults, and how many were in
//! force together.

use serde::{Deserialize, Serialize};

use crate::execute::FinishedEvent;

/// What changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SoakEdgeKind {
    /// The fault is gone.
    Gone,
    /// Its check said that the system has recovered.
    Recovered,
    /// The fault is in force.
    InForce,
    /// The system has noticed it.
    Detected,
}

/// A moment at which an event changed something.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SoakEdge {
    /// Seconds from the beginning of the soak.
    pub at_seconds: f64,
    /// The fault, as the pool names it.
    pub fault: String,
    /// The number of the event.
    pub event: u32,
    /// The node that it acts on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// What changed.
    pub edge: SoakEdgeKind,
    /// How many events are in force from then on.
    pub in_force: usize,
}

/// How far events were in force together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct SoakOverlap {
    /// The most at any time.
    pub most: usize,
    /// Seconds with one or more.
    pub in_force_seconds: f64,
    /// Seconds with two or more.
    pub several_seconds: f64,
}

/// The timeline of all events, oldest first.
pub(crate) fn edges(events: &[FinishedEvent]) -> Vec<SoakEdge> {
    let mut edges: Vec<SoakEdge> = events.iter().flat_map(of).collect();
    // What ends at the time at which something else begins was not in force together with it.
    edges.sort_by(|a, b| a.at_seconds.total_cmp(&b.at_seconds).then(a.edge.cmp(&b.edge)).then(a.event.cmp(&b.event)));
    let mut in_force = 0_usize;
    for edge in &mut edges {
        match edge.edge {
            SoakEdgeKind::InForce => in_force += 1,
            SoakEdgeKind::Gone => in_force = in_force.saturating_sub(1),
            SoakEdgeKind::Detected | SoakEdgeKind::Recovered => {}
        }
        edge.in_force = in_force;
    }
    edges
}

fn of(event: &FinishedEvent) -> impl Iterator<Item = SoakEdge> {
    let detected = event.in_force_seconds.zip(event.detect_seconds).map(|(from, after)| from + after);
    let recovered = event.undo_seconds.zip(event.recover_seconds).map(|(from, after)| from + after);
    // One that was not undone, as far as anybody knows, is in force to the end.
    let gone = event.gone_seconds.filter(|_| event.in_force_seconds.is_some());
    let all = [
        (SoakEdgeKind::InForce, event.in_force_seconds),
        (SoakEdgeKind::Detected, detected),
        (SoakEdgeKind::Gone, gone),
        (SoakEdgeKind::Recovered, recovered),
    ];
    let (fault, number, node) = (event.fault.clone(), event.number, event.node.clone());
    all.into_iter().filter_map(move |(edge, at)| {
        let (fault, node) = (fault.clone(), node.clone());
        Some(SoakEdge { at_seconds: at?, fault, event: number, node, edge, in_force: 0 })
    })
}

impl SoakOverlap {
    pub(crate) fn of(edges: &[SoakEdge]) -> Self {
        let mut overlap = Self { most: edges.iter().map(|edge| edge.in_force).max().unwrap_or(0), ..Self::default() };
        for (edge, next) in edges.iter().zip(edges.iter().skip(1)) {
            let time = next.at_seconds - edge.at_seconds;
            overlap.in_force_seconds += if edge.in_force > 0 { time } else { 0.0 };
            overlap.several_seconds += if edge.in_force > 1 { time } else { 0.0 };
        }
        overlap
    }
}

/// The numbers of the events that were in force together with another one.
pub(crate) fn overlapping(edges: &[SoakEdge]) -> std::collections::BTreeSet<u32> {
    let (mut open, mut found) = (Vec::new(), std::collections::BTreeSet::new());
    for edge in edges {
        match edge.edge {
            SoakEdgeKind::InForce => {
                open.push(edge.event);
                if open.len() > 1 {
                    found.extend(open.iter().copied());
                }
            }
            SoakEdgeKind::Gone => open.retain(|event| *event != edge.event),
            SoakEdgeKind::Detected | SoakEdgeKind::Recovered => {}
        }
    }
    found
}
