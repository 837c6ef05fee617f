//! Which requests of a load lie before, during and after other faults.

use chaos_core::{FaultStanding, FaultStandings, NotToldApart};
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

    /// The segments of this phase of the faults with a name, or of all faults.
    ///
    /// # Errors
    /// [`NotToldApart`] where the faults of that name are not told apart from others.
    pub(super) fn segments(self, all: &[FaultStandings], of: Option<&str>) -> Result<Vec<usize>, NotToldApart> {
        let mut segments = Vec::new();
        for (index, standings) in all.iter().enumerate() {
            if self == Self::All || self.is(standings.of(of)?) {
                segments.push(index);
            }
        }
        Ok(segments)
    }

    fn is(self, standing: Option<FaultStanding>) -> bool {
        match self {
            Self::Before => standing.is_none(),
            Self::During => standing.is_some_and(|standing| standing.in_force),
            // What never was in force has no aftermath, and where one has not gone there is no "after" yet.
            Self::After => standing.is_some_and(FaultStanding::is_over),
            Self::All => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use chaos_core::{Edge, EntryId, FaultsSoFar, Stage};

    use super::LoadPhase::{After, All, Before, During};
    use super::*;

    /// What stands from each of these edges on: `a landing, a in force, …`, the name's first letter and the stage's.
    fn edges(text: &str) -> Vec<FaultStandings> {
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
        let mut faults = FaultsSoFar::default();
        let standings = text.split_whitespace().map(|word| faults.note(&edge(word)));
        std::iter::once(FaultStandings::none()).chain(standings).collect()
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
            assert_eq!(phase.segments(&edges(text), of).unwrap(), segments, "{text}, {of:?}, {phase:?}");
        }
        let together: Vec<FaultStandings> = edges("aL aF bL").iter().map(FaultStandings::together).collect();
        assert_eq!(During.segments(&together, None).unwrap(), [2, 3]);
        assert_eq!(During.segments(&together, Some("b")), Err(NotToldApart));
        assert_eq!(All.segments(&together, Some("b")).unwrap(), [0, 1, 2, 3]);
    }
}
