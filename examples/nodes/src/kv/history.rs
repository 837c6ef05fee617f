//! What the client was promised and what it saw.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::members::View;
use super::progress::Progress;

/// What one client knows. A write that was not acknowledged may be stored or not: nothing was promised.
#[derive(Debug)]
pub struct History {
    began: Instant,
    acknowledged: BTreeMap<String, String>,
    unacknowledged: BTreeMap<String, String>,
    last_acknowledged: Option<Instant>,
    longest_gap: Duration,
    read_back: u64,
    /// Reads that were answered without what had been acknowledged before.
    missing: Vec<String>,
    /// Members by their ids.
    names: BTreeMap<String, String>,
    /// The ids of leaders one after the other, each with its term.
    leaders: Vec<(String, u64)>,
    progress: Progress,
}

impl Default for History {
    fn default() -> Self {
        Self {
            began: Instant::now(),
            acknowledged: BTreeMap::new(),
            unacknowledged: BTreeMap::new(),
            last_acknowledged: None,
            longest_gap: Duration::ZERO,
            read_back: 0,
            missing: Vec::new(),
            names: BTreeMap::new(),
            leaders: Vec::new(),
            progress: Progress::default(),
        }
    }
}

impl History {
    pub(crate) fn acknowledged(&mut self, key: String, value: String) {
        let now = Instant::now();
        if let Some(last) = self.last_acknowledged {
            self.longest_gap = self.longest_gap.max(now - last);
        }
        self.last_acknowledged = Some(now);
        self.acknowledged.insert(key, value);
    }

    pub(crate) fn not_acknowledged(&mut self, key: String, value: String) {
        self.unacknowledged.insert(key, value);
    }

    /// Takes note of a read of an acknowledged key that was answered.
    pub(crate) fn read(&mut self, key: &str, found: Option<&str>, at: &str) {
        self.read_back += 1;
        if found != self.acknowledged.get(key).map(String::as_str) {
            self.missing.push(format!("{key} (read through {at})"));
        }
    }

    /// Takes note of what a member says of itself and of the leader; one that lags behind names an older term.
    pub(crate) fn seen(&mut self, member: &str, view: View) {
        self.names.insert(view.id, member.to_owned());
        self.progress.applied(member, view.applied, Instant::now());
        if let Some(leader) = view.leader
            && self.leaders.last().is_none_or(|(_, newest)| view.term > *newest)
        {
            self.leaders.push((leader, view.term));
        }
    }

    /// How far each member has come.
    pub(crate) fn progress(&self) -> &Progress {
        &self.progress
    }

    /// How long ago the last write was acknowledged.
    pub(crate) fn silent_for(&self) -> Duration {
        self.last_acknowledged.unwrap_or(self.began).elapsed()
    }

    pub(crate) fn acknowledged_count(&self) -> usize {
        self.acknowledged.len()
    }

    /// The name of a member; one that has never answered is named by its id.
    fn name(&self, id: &str) -> String {
        self.names.get(id).map_or(id, String::as_str).to_owned()
    }

    /// Compares the first `promised` acknowledged writes with what is there, since later ones may be newer than the read.
    /// A silence that lasts still counts.
    pub(crate) fn audit(&self, there: &BTreeMap<String, String>, promised: usize) -> Audit {
        // Keys are in the order of their writes.
        let lost = self.acknowledged.iter().take(promised).filter(|(key, value)| there.get(*key) != Some(value));
        let stored = self.unacknowledged.iter().filter(|(key, value)| there.get(*key) == Some(value)).count();
        Audit {
            acknowledged: promised,
            lost: lost.map(|(key, _)| key.clone()).collect(),
            missing: self.missing.clone(),
            read_back: self.read_back,
            unacknowledged: self.unacknowledged.len(),
            stored,
            leaders: self.leaders.iter().map(|(id, term)| (self.name(id), *term)).collect(),
            progress: self.progress.clone(),
            longest_gap: self.longest_gap.max(self.silent_for()),
        }
    }
}

/// The comparison of what was acknowledged with what the cluster holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audit {
    acknowledged: usize,
    lost: Vec<String>,
    missing: Vec<String>,
    read_back: u64,
    unacknowledged: usize,
    stored: usize,
    leaders: Vec<(String, u64)>,
    progress: Progress,
    longest_gap: Duration,
}

/// How many keys a sentence names.
const NAMED: usize = 5;

impl Audit {
    /// Whether every acknowledged write is there, and was whenever it was read.
    pub fn holds(&self) -> bool {
        self.lost.is_empty() && self.missing.is_empty()
    }

    /// The same for a program.
    pub fn to_json(&self) -> Value {
        json!({
            "acknowledged": self.acknowledged,
            "lost": self.lost.len(),
            "read_back": self.read_back,
            "missing": self.missing.len(),
            "unacknowledged": self.unacknowledged,
            "unacknowledged_stored": self.stored,
            "leader_changes": self.leaders.len().saturating_sub(1),
            "level": self.progress.level(),
            "members": self.progress.to_json(),
            "leader": self.leaders.last().map(|(name, _)| name),
            "longest_gap_seconds": self.longest_gap.as_secs_f64(),
            "holds": self.holds(),
            "text": self.to_string(),
        })
    }
}

impl fmt::Display for Audit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} writes acknowledged, {} lost", self.acknowledged, self.lost.len())?;
        named(f, &self.lost)?;
        write!(f, "; {} read back at once, {} missing", self.read_back, self.missing.len())?;
        named(f, &self.missing)?;
        if self.unacknowledged > 0 {
            write!(f, "; {} not acknowledged, of which {} stored all the same", self.unacknowledged, self.stored)?;
        }
        let leaders: Vec<String> = self.leaders.iter().map(|(name, term)| format!("{name} (term {term})")).collect();
        let changes = leaders.len().saturating_sub(1);
        write!(f, "; {changes} leader change{}: {}", if changes == 1 { "" } else { "s" }, leaders.join(", "))?;
        write!(f, "; {}", self.progress)?;
        write!(f, "; longest time without an acknowledged write {:.2} s", self.longest_gap.as_secs_f64())
    }
}

fn named(f: &mut fmt::Formatter<'_>, keys: &[String]) -> fmt::Result {
    if keys.is_empty() {
        return Ok(());
    }
    let more = if keys.len() > NAMED { ", …" } else { "" };
    write!(f, " ({}{more})", keys[..keys.len().min(NAMED)].join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(all: &[(&str, &str)]) -> BTreeMap<String, String> {
        all.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_lost_a_changed_and_a_stale_key_are_each_told_and_an_unacknowledged_one_is_not() {
        let mut history = History::default();
        for key in ["a", "b", "c"] {
            history.acknowledged(key.to_owned(), "1".to_owned());
        }
        history.not_acknowledged("d".to_owned(), "1".to_owned());
        history.not_acknowledged("e".to_owned(), "1".to_owned());
        let whole = pairs(&[("a", "1"), ("b", "1"), ("c", "1"), ("e", "1")]);
        assert!(history.audit(&whole, 3).holds(), "{}", history.audit(&whole, 3));
        let less = history.audit(&pairs(&[("a", "1"), ("b", "2")]), 3);
        assert!(!less.holds() && less.to_string().contains("3 writes acknowledged, 2 lost (b, c)"), "{less}");
        history.read("a", Some("1"), "n1");
        assert!(history.audit(&whole, 3).holds());
        history.read("a", None, "n2");
        let stale = history.audit(&whole, 3);
        assert!(!stale.holds() && stale.to_string().contains("1 missing (a (read through n2))"), "{stale}");
        assert!(stale.to_string().contains("2 not acknowledged, of which 1 stored all the same"), "{stale}");
    }

    #[test]
    fn a_leader_counts_once_and_a_member_that_lags_behind_changes_nothing() {
        let mut history = History::default();
        let view = |id: &str, leader: &str, term| {
            let leader = Some(leader.to_owned()).filter(|leader| !leader.is_empty());
            View { id: id.to_owned(), leader, term, applied: 7 }
        };
        for (leader, term) in [("1", 2), ("1", 2), ("", 3), ("3", 3), ("1", 2), ("3", 3), ("4", 4)] {
            history.seen("n2", view("2", leader, term));
        }
        history.seen("n1", view("1", "", 4));
        history.seen("n3", view("3", "", 4));
        let told = history.audit(&BTreeMap::new(), 0).to_string();
        assert!(told.contains("2 leader changes: n1 (term 2), n3 (term 3), 4 (term 4)"), "{told}");
    }
}
