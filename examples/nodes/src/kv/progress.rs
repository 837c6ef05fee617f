//! How far each member has come: the index that it has applied, beside the highest that any member has.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// So many entries behind is nothing: two members are never asked at the same moment.
const SLACK: u64 = 20;

/// The members by name. One that does not answer stays where it was, so it falls behind as the others go on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    newest: u64,
    members: BTreeMap<String, Place>,
}

/// One member.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Place {
    applied: u64,
    most_behind: u64,
    behind_since: Option<Instant>,
    longest: Duration,
}

impl Progress {
    /// Takes note of what a member has applied.
    pub(crate) fn applied(&mut self, name: &str, index: u64, now: Instant) {
        self.newest = self.newest.max(index);
        self.members.entry(name.to_owned()).or_default().applied = index;
        for place in self.members.values_mut() {
            let behind = self.newest - place.applied;
            place.most_behind = place.most_behind.max(behind);
            if behind > SLACK {
                let since = *place.behind_since.get_or_insert(now);
                place.longest = place.longest.max(now.saturating_duration_since(since));
            } else if let Some(since) = place.behind_since.take() {
                place.longest = place.longest.max(now.saturating_duration_since(since));
            }
        }
    }

    /// Whether nobody is behind.
    pub(crate) fn level(&self) -> bool {
        self.members.values().all(|place| self.newest - place.applied <= SLACK)
    }

    pub(crate) fn to_json(&self) -> Value {
        let members = self.members.iter().map(|(name, place)| {
            let behind = self.newest - place.applied;
            (name.clone(), json!({"applied": place.applied, "behind": behind, "most_behind": place.most_behind}))
        });
        members.collect::<serde_json::Map<_, _>>().into()
    }
}

impl fmt::Display for Progress {
    /// Who was silent or behind, for how long and how far.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let late: Vec<String> = self
            .members
            .iter()
            .filter(|(_, place)| place.most_behind > SLACK)
            .map(|(name, place)| {
                let end = if place.behind_since.is_some() { "and still is" } else { "then caught up" };
                let seconds = place.longest.as_secs_f64();
                format!("{name} silent or behind for {seconds:.1} s, by {} entries, {end}", place.most_behind)
            })
            .collect();
        if late.is_empty() { write!(f, "no member silent or behind") } else { write!(f, "{}", late.join("; ")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silent_member_falls_behind_while_the_others_go_on_and_catches_up() {
        let (mut progress, start) = (Progress::default(), Instant::now());
        let after = |seconds| start + Duration::from_secs(seconds);
        progress.applied("n1", 100, start);
        progress.applied("n2", 95, start);
        assert_eq!(progress.to_string(), "no member silent or behind");
        progress.applied("n1", 190, after(1));
        assert_eq!(progress.to_json()["n2"], json!({"applied": 95, "behind": 95, "most_behind": 95}));
        progress.applied("n1", 200, after(4));
        assert_eq!(progress.to_string(), "n2 silent or behind for 3.0 s, by 105 entries, and still is");
        assert!(!progress.level());
        progress.applied("n2", 199, after(5));
        assert_eq!(progress.to_string(), "n2 silent or behind for 4.0 s, by 105 entries, then caught up");
        assert!(progress.level());
        assert_eq!(progress.to_json()["n2"]["behind"], 1);
    }
}
