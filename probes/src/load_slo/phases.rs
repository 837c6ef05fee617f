//! Which requests of a load lie before, during and after other faults.

use std::sync::Arc;

use chaos_core::{Edge, EntryId, Stage};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which requests of a load are judged, by the time at which they were due.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum LoadPhase {
    /// Those before the fault was injected.
    Before,
    /// Those while it was in force.
    During,
    /// Those after it was undone.
    After,
    /// All of them.
    #[default]
    All,
}

impl LoadPhase {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Before => "before",
            Self::During => "during",
            Self::After => "after",
            Self::All => "all",
        }
    }

    /// The segments of this phase of the faults of entries with a name, or of all faults.
    pub(super) fn segments(self, cuts: &[Edge], of: Option<&str>) -> Vec<usize> {
        let mut faults = Faults::default();
        let mut segments: Vec<usize> = faults.are(self).then_some(0).into_iter().collect();
        for (index, edge) in (1..).zip(cuts) {
            if of.is_none_or(|name| edge.entry.name == name) {
                faults.note(edge);
            }
            segments.extend(faults.are(self).then_some(index));
        }
        segments
    }
}

/// Where each fault stands.
#[derive(Default)]
struct Faults(Vec<Fault>);

struct Fault {
    entry: Arc<EntryId>,
    stage: Stage,
    was_in_force: bool,
}

impl Faults {
    fn note(&mut self, edge: &Edge) {
        let known = self.0.iter().position(|fault| Arc::ptr_eq(&fault.entry, &edge.entry));
        let index = known.unwrap_or_else(|| {
            self.0.push(Fault { entry: Arc::clone(&edge.entry), stage: edge.stage, was_in_force: false });
            self.0.len() - 1
        });
        self.0[index].stage = edge.stage;
        self.0[index].was_in_force |= edge.stage == Stage::InForce;
    }

    fn are(&self, phase: LoadPhase) -> bool {
        match phase {
            LoadPhase::Before => self.0.is_empty(),
            LoadPhase::During => self.0.iter().any(|fault| fault.stage == Stage::InForce),
            // What never was in force has no aftermath, and where one has not gone there is no "after" yet.
            LoadPhase::After => {
                let gone = self.0.iter().all(|fault| fault.stage == Stage::Gone);
                gone && self.0.iter().any(|fault| fault.was_in_force)
            }
            LoadPhase::All => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::LoadPhase::{After, All, Before, During};
    use super::*;

    /// Edges as `a landing, a in force, …`, the name's first letter and the stage's.
    fn edges(text: &str) -> Vec<Edge> {
        let names = ["a", "b"].map(|name| Arc::new(EntryId { path: format!("/{name}"), name: name.to_owned() }));
        let edge = |word: &str| Edge {
            entry: names.iter().find(|entry| word.starts_with(&entry.name)).unwrap().clone(),
            stage: match &word[1..] {
                "L" => Stage::Landing,
                "F" => Stage::InForce,
                "V" => Stage::Leaving,
                _ => Stage::Gone,
            },
            at: Duration::ZERO,
        };
        text.split_whitespace().map(edge).collect()
    }

    #[test]
    fn segments_follow_the_checks_of_the_faults() {
        let rows: [(&str, Option<&str>, LoadPhase, &[usize]); 15] = [
            ("", None, Before, &[0]),
            ("", None, During, &[]),
            ("aL aF aV aG", None, Before, &[0]),
            ("aL aF aV aG", None, During, &[2]),
            ("aL aF aV aG", None, After, &[4]),
            ("aL aF aV aG", None, All, &[0, 1, 2, 3, 4]),
            // It never landed.
            ("aL aV aG", None, During, &[]),
            ("aL aV aG", None, After, &[]),
            // One after the other, and one within the other.
            ("aL aF aV aG bL bF bV bG", None, During, &[2, 6]),
            ("aL aF aV aG bL bF bV bG", None, After, &[4, 8]),
            ("aL aF bL bF aV aG bV bG", None, During, &[2, 3, 4, 5, 6]),
            ("aL aF bL bF aV aG bV bG", None, After, &[8]),
            ("aL aF bL bF aV aG bV bG", Some("b"), Before, &[0, 1, 2]),
            ("aL aF bL bF aV aG bV bG", Some("b"), During, &[4, 5, 6]),
            ("aL aF bL bF aV aG bV bG", Some("c"), During, &[]),
        ];
        for (text, of, phase, segments) in rows {
            assert_eq!(phase.segments(&edges(text), of), segments, "{text}, {of:?}, {phase:?}");
        }
    }
}
