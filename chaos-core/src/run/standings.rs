//! Where the faults of a run stand between two edges, told apart by their names: a soak has thousands of edges, and few of these.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::edges::{Edge, EntryId, Stage};

/// Where the faults of one name stand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
#[expect(clippy::struct_excessive_bools, reason = "faults of one name may be at several stages at the same time")]
pub struct FaultStanding {
    /// One is about to be injected.
    pub landing: bool,
    /// One is in force.
    pub in_force: bool,
    /// One is about to be undone.
    pub leaving: bool,
    /// One has been in force.
    pub was_in_force: bool,
}

impl FaultStanding {
    /// Nothing of them is there, and something was.
    pub fn is_over(self) -> bool {
        self.was_in_force && !(self.landing || self.in_force || self.leaving)
    }

    fn or(self, other: Self) -> Self {
        Self {
            landing: self.landing || other.landing,
            in_force: self.in_force || other.in_force,
            leaving: self.leaving || other.leaving,
            was_in_force: self.was_in_force || other.was_in_force,
        }
    }
}

/// Where all faults stand at one time.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct FaultStandings {
    all: Option<FaultStanding>,
    /// By name; `None` where they are not told apart.
    names: Option<BTreeMap<String, FaultStanding>>,
}

/// The faults of a name are not told apart from others at that time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the run had more faults at the same time than its load keeps apart by name; leave out `of`")]
pub struct NotToldApart;

impl FaultStandings {
    /// Before any fault.
    pub fn none() -> Self {
        Self { all: None, names: Some(BTreeMap::new()) }
    }

    /// Of the faults of a name, or of all; `None` where none of them has begun.
    ///
    /// # Errors
    /// [`NotToldApart`] for a name.
    pub fn of(&self, name: Option<&str>) -> Result<Option<FaultStanding>, NotToldApart> {
        match name {
            None => Ok(self.all),
            Some(name) => Ok(self.names.as_ref().ok_or(NotToldApart)?.get(name).copied()),
        }
    }

    /// The names of the faults that have begun; `None` where they are not told apart.
    pub fn names(&self) -> Option<impl Iterator<Item = &str>> {
        self.names.as_ref().map(|names| names.keys().map(String::as_str))
    }

    /// The same without names.
    #[must_use]
    pub fn together(&self) -> Self {
        Self { all: self.all, names: None }
    }
}

/// The faults of a run up to some edge.
#[derive(Debug, Default)]
pub struct FaultsSoFar {
    there: Vec<(Arc<EntryId>, Stage)>,
    names: BTreeMap<String, FaultStanding>,
    /// Names of control legs: nothing was injected in these.
    controls: BTreeSet<String>,
}

impl FaultsSoFar {
    /// Where they stand from this edge on.
    pub fn note(&mut self, edge: &Edge) -> FaultStandings {
        self.there.retain(|(entry, _)| !Arc::ptr_eq(entry, &edge.entry));
        if edge.stage != Stage::Gone {
            self.there.push((Arc::clone(&edge.entry), edge.stage));
        }
        let name = edge.entry.fault_name();
        let known = self.names.entry(name.to_owned()).or_default();
        let was_in_force = known.was_in_force || edge.stage == Stage::InForce;
        let at = |stage| self.there.iter().any(|(entry, its)| *its == stage && entry.fault_name() == name);
        let (landing, in_force, leaving) = (at(Stage::Landing), at(Stage::InForce), at(Stage::Leaving));
        *known = FaultStanding { landing, in_force, leaving, was_in_force };
        if edge.entry.is_control() {
            self.controls.insert(name.to_owned());
        }
        let faults = self.names.iter().filter(|(name, _)| !self.controls.contains(*name));
        let all = faults.map(|(_, standing)| *standing).reduce(FaultStanding::or);
        FaultStandings { all, names: Some(self.names.clone()) }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_control_leg_has_a_name_and_is_no_fault() {
        let entry = EntryId { path: "/chaos_spec/0".into(), name: "pause".into() };
        let control = Arc::new(entry.control());
        assert!(control.is_control() && !entry.is_control());
        let mut faults = FaultsSoFar::default();
        let edge = |stage| Edge { entry: Arc::clone(&control), stage, at: Duration::ZERO };
        faults.note(&edge(Stage::Landing));
        let during = faults.note(&edge(Stage::InForce));
        assert_eq!(during.of(None), Ok(None), "no fault has begun");
        assert!(during.of(Some("pause (control)")).unwrap().unwrap().in_force);
        assert_eq!(during.of(Some("pause")), Ok(None));
    }

    #[test]
    fn faults_of_one_name_stand_together_and_the_same_standing_comes_again() {
        let entry = |name: &str| Arc::new(EntryId { path: format!("/{name}"), name: name.to_owned() });
        let edge = |entry: &Arc<EntryId>, stage| Edge { entry: Arc::clone(entry), stage, at: Duration::ZERO };
        let mut faults = FaultsSoFar::default();
        let mut event = |number: u32| {
            let entry = entry(&format!("pause #{number}"));
            [Stage::Landing, Stage::InForce, Stage::Leaving, Stage::Gone].map(|stage| faults.note(&edge(&entry, stage)))
        };
        let (first, second, third) = (event(1), event(2), event(3));
        assert_eq!(second, third, "a soak comes to the same standings again and again");
        assert_eq!(
            (&first[1..], first[0] == second[0]),
            (&second[1..], false),
            "only the first one has none before it"
        );
        assert!(
            second[1].of(Some("pause")).unwrap().unwrap().in_force && second[3].of(None).unwrap().unwrap().is_over()
        );
        assert_eq!(second[1].of(Some("kill")), Ok(None));
        let (a, b) = (entry("pause #8"), entry("pause #9"));
        faults.note(&edge(&a, Stage::InForce));
        faults.note(&edge(&b, Stage::InForce));
        let one_left = faults.note(&edge(&a, Stage::Gone)).of(Some("pause")).unwrap().unwrap();
        assert!(one_left.in_force && !one_left.leaving);
        let together = faults.note(&edge(&entry("kill"), Stage::Landing)).together();
        assert!(together.of(None).unwrap().unwrap().landing && together.of(Some("kill")) == Err(NotToldApart));
    }
}
