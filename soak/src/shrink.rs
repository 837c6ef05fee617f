//! A smaller plan that still fails: delta debugging (Zeller and Hildebrandt's `ddmin`) over the events, with a bound on the tries.

use crate::plan::PlannedEvent;

/// The smallest plan that was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Shrunk {
    /// Its events.
    pub events: Vec<PlannedEvent>,
    /// How many plans were tried.
    pub tries: u32,
    /// Whether no single event can be left out; false where the tries ran out before that was known.
    pub minimal: bool,
}

/// Leaves out events as long as the rest still fails. `fails` runs a plan; it is asked at most `most` times. The events given are
/// known to fail.
///
/// # Errors
/// The first error of `fails`.
pub async fn shrink<E>(
    events: Vec<PlannedEvent>,
    most: u32,
    mut fails: impl AsyncFnMut(&[PlannedEvent]) -> Result<bool, E>,
) -> Result<Shrunk, E> {
    let mut found = Shrunk { events, tries: 0, minimal: false };
    let mut parts = 2_usize;
    // A single event that fails can't be left out: nothing fails without events.
    while found.events.len() > 1 {
        let size = found.events.len().div_ceil(parts);
        let starts: Vec<usize> = (0..found.events.len()).step_by(size).collect();
        let mut smaller = None;
        // Each part alone, then all but each part; of two parts both are the same.
        let alone = starts.iter().map(|start| (*start, true));
        let without = starts.iter().map(|start| (*start, false)).filter(|_| starts.len() > 2);
        for (start, alone) in alone.chain(without) {
            let part = start..(start + size).min(found.events.len());
            let keep = |(place, _): &(usize, &PlannedEvent)| part.contains(place) == alone;
            let rest = found.events.iter().enumerate().filter(keep).map(|(_, event)| event.clone());
            let rest = closed_up(&found.events, rest.collect());
            if found.tries == most {
                return Ok(found);
            }
            found.tries += 1;
            if fails(&rest).await? {
                smaller = Some((rest, alone));
                break;
            }
        }
        match smaller {
            Some((rest, alone)) => {
                found.events = rest;
                parts = if alone { 2 } else { parts.saturating_sub(1).max(2) };
            }
            None if size == 1 => break,
            None => parts = parts.saturating_mul(2).min(found.events.len()),
        }
    }
    found.minimal = true;
    Ok(found)
}

/// The kept events without the gaps of those that were left out: each starts as long after the one before it as it did after its
/// own predecessor.
fn closed_up(all: &[PlannedEvent], mut kept: Vec<PlannedEvent>) -> Vec<PlannedEvent> {
    let mut at = 0;
    for event in &mut kept {
        let before = all.iter().rev().find(|other| other.number < event.number).map_or(0, |other| other.at_ms);
        at += event.at_ms.saturating_sub(before);
        event.at_ms = at;
    }
    kept
}
