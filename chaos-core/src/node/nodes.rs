//! The run service that holds the nodes of a run.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use super::labels::{NodeLabels, has_labels};
use super::member::Member;
use crate::{PluginError, suggestion};

/// A node that ended although no fault and no stop ended it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeExit {
    /// Its name.
    pub node: String,
    /// How it ended: "exit code 3", "SIGSEGV".
    pub how: String,
    /// When that was seen, on the run's clock.
    pub at: Duration,
}

/// The run service that holds the nodes of a run: by name and by label, and what faults drew of them.
#[derive(Debug, Default)]
pub struct Nodes {
    state: Mutex<State>,
    /// How many have ended by themselves.
    exits: watch::Sender<usize>,
}

#[derive(Debug, Default)]
struct State {
    declared: BTreeMap<String, Declared>,
    exits: Vec<NodeExit>,
    /// By the position of the entry, and its target in words.
    chosen: BTreeMap<(String, String), Vec<Arc<dyn Member>>>,
}

#[derive(Debug)]
struct Declared {
    labels: NodeLabels,
    protected: bool,
    member: Arc<dyn Member>,
}

impl Nodes {
    /// Adds a node, which need not be up yet.
    pub fn declare(&self, name: impl Into<String>, labels: NodeLabels, protected: bool, member: Arc<dyn Member>) {
        self.lock().declared.insert(name.into(), Declared { labels, protected, member });
    }

    /// The node of that name, protected or not: for whoever owns it.
    pub fn member(&self, name: &str) -> Option<Arc<dyn Member>> {
        self.lock().declared.get(name).map(|node| Arc::clone(&node.member))
    }

    /// The node of that name, for a fault.
    ///
    /// # Errors
    /// [`PluginError::Refused`] when there is none, or when it is protected.
    pub fn for_fault(&self, name: &str) -> Result<Arc<dyn Member>, PluginError> {
        let state = self.lock();
        match state.declared.get(name) {
            Some(node) if node.protected => {
                Err(PluginError::refused(format!("node `{name}` is protected, so no fault may act on it")))
            }
            Some(node) => Ok(Arc::clone(&node.member)),
            None => {
                let known: Vec<&str> = state.declared.keys().map(String::as_str).collect();
                Err(PluginError::refused(unknown(name, &known)))
            }
        }
    }

    /// The nodes that have all these labels and are not protected, sorted by name.
    pub fn labelled(&self, labels: &NodeLabels) -> Vec<Arc<dyn Member>> {
        let state = self.lock();
        let fitting = state.declared.values().filter(|node| !node.protected && has_labels(&node.labels, labels));
        fitting.map(|node| Arc::clone(&node.member)).collect()
    }

    /// All nodes by name, and whether no fault may act on them.
    pub fn all(&self) -> Vec<(String, bool, Arc<dyn Member>)> {
        let state = self.lock();
        state.declared.iter().map(|(name, node)| (name.clone(), node.protected, Arc::clone(&node.member))).collect()
    }

    /// All nodes with their labels, and whether no fault may act on them, sorted by name.
    pub fn labels(&self) -> Vec<(String, NodeLabels, bool)> {
        let state = self.lock();
        state.declared.iter().map(|(name, node)| (name.clone(), node.labels.clone(), node.protected)).collect()
    }

    /// Notes that a node has ended by itself.
    pub fn ended(&self, exit: NodeExit) {
        let mut state = self.lock();
        state.exits.push(exit);
        self.exits.send_replace(state.exits.len());
    }

    /// The nodes that have ended by themselves so far, oldest first.
    pub fn exits(&self) -> Vec<NodeExit> {
        self.lock().exits.clone()
    }

    /// How many nodes have ended by themselves, and a notice of each new one.
    pub fn watch_exits(&self) -> watch::Receiver<usize> {
        self.exits.subscribe()
    }

    /// Lets go of all nodes, once the run is over: they hold the run's context, which holds them.
    pub fn clear(&self) {
        let State { declared, chosen, exits: _ } = std::mem::take(&mut *self.lock());
        // Not under the lock: what is dropped may ask for the nodes.
        drop((declared, chosen));
    }

    /// What the entry at this position chose for that target, drawn when it is first asked for.
    pub(super) fn chosen(
        &self,
        entry: &str,
        target: &str,
        choose: impl FnOnce() -> Result<Vec<Arc<dyn Member>>, PluginError>,
    ) -> Result<Vec<Arc<dyn Member>>, PluginError> {
        let key = (entry.to_owned(), target.to_owned());
        if let Some(members) = self.lock().chosen.get(&key) {
            return Ok(members.clone());
        }
        // Not under the lock: choosing asks for the nodes.
        let members = choose()?;
        Ok(self.lock().chosen.entry(key).or_insert(members).clone())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // It stays usable whatever panicked while holding it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn unknown(name: &str, known: &[&str]) -> String {
    if known.is_empty() {
        return format!("unknown node `{name}`: this run declares no nodes");
    }
    let near = suggestion(name, known.iter().copied()).map(|near| format!("; did you mean `{near}`?"));
    format!("unknown node `{name}`{}; declared: {}", near.unwrap_or_default(), known.join(", "))
}
