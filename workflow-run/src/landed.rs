//! Which chaos has landed. A node says only that its object exists; whether that was injected, its records say, and they go with
//! the object. What was seen once is known after it is gone.

use std::collections::{BTreeMap, BTreeSet};

use chaos_manifests::{ChaosKind, SCHEDULE};

use crate::view::{ChaosKey, ClusterView, SeenChaos, SeenNode};

/// What was seen of the objects of chaos nodes.
#[derive(Debug, Default)]
pub(crate) struct Landed {
    /// Nodes of which an object was injected into everything that it selected.
    nodes: BTreeSet<String>,
    /// Nodes of which an object was seen, and why it is not injected so far.
    why_not: BTreeMap<String, String>,
    /// The node of each Schedule.
    schedules: BTreeMap<String, String>,
    /// What is there now.
    objects: BTreeMap<ChaosKey, Whose>,
    /// How many of them each node has that has some.
    there: BTreeMap<String, usize>,
    /// Those whose Schedule was not seen so far, by its name.
    orphans: BTreeMap<String, BTreeSet<ChaosKey>>,
}

/// Whose an object is.
#[derive(Debug)]
enum Whose {
    Node(String),
    /// That of a Schedule that was not seen so far.
    Schedule(String),
}

impl Landed {
    /// Takes in what has changed; gives the nodes that it is about.
    pub(crate) fn observe(&mut self, view: &ClusterView, changed: &BTreeSet<ChaosKey>) -> BTreeSet<String> {
        let mut changed = changed.clone();
        let there: Vec<&SeenChaos> = changed.iter().filter_map(|key| view.chaos.get(key)).collect();
        let mut adopted = BTreeSet::new();
        for schedule in there.into_iter().filter(|one| one.kind == SCHEDULE) {
            self.schedules.insert(schedule.name.clone(), schedule.owner.clone());
            adopted.extend(self.orphans.remove(&schedule.name).unwrap_or_default());
        }
        changed.extend(adopted);
        let mut nodes = BTreeSet::new();
        for key in changed {
            self.forget(&key, &mut nodes);
            let Some(one) = view.chaos.get(&key) else { continue };
            let node = match self.schedules.get(&one.owner) {
                Some(node) => node.clone(),
                None if one.is_scheduled => {
                    self.orphans.entry(one.owner.clone()).or_default().insert(key.clone());
                    self.objects.insert(key, Whose::Schedule(one.owner.clone()));
                    continue;
                }
                None => one.owner.clone(),
            };
            nodes.insert(node.clone());
            *self.there.entry(node.clone()).or_default() += 1;
            self.objects.insert(key, Whose::Node(node.clone()));
            self.take_in(node, one);
        }
        nodes
    }

    /// All that is known to be there.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &ChaosKey> {
        self.objects.keys()
    }

    /// An object is not there any more, or not as it was.
    fn forget(&mut self, key: &ChaosKey, nodes: &mut BTreeSet<String>) {
        match self.objects.remove(key) {
            None => {}
            Some(Whose::Node(node)) => {
                if let Some(count) = self.there.get_mut(&node) {
                    *count -= 1;
                    if *count == 0 {
                        self.there.remove(&node);
                    }
                }
                nodes.insert(node);
            }
            Some(Whose::Schedule(schedule)) => {
                if let Some(keys) = self.orphans.get_mut(&schedule) {
                    keys.remove(key);
                    if keys.is_empty() {
                        self.orphans.remove(&schedule);
                    }
                }
            }
        }
    }

    fn take_in(&mut self, node: String, one: &SeenChaos) {
        if one.is_injected() {
            self.nodes.insert(node.clone());
        }
        let why = if one.kind == SCHEDULE { "its Schedule has made no chaos".to_owned() } else { one.why_not() };
        let is_first = !self.why_not.contains_key(&node);
        // What an object that was made says is more than what the Schedule does.
        if is_first || one.kind != SCHEDULE {
            self.why_not.insert(node, why);
        }
    }

    /// Whether it landed.
    pub(crate) fn has(&self, node: &str) -> bool {
        self.nodes.contains(node)
    }

    /// Whether an object of it is there.
    pub(crate) fn is_there(&self, node: &str) -> bool {
        self.there.contains_key(node)
    }

    /// Whether nothing more can be learned of it: its object was seen, and is gone.
    pub(crate) fn is_over(&self, node: &str) -> bool {
        self.why_not.contains_key(node) && !self.is_there(node)
    }

    /// Why it has not landed, as far as was seen.
    pub(crate) fn why_not(&self, node: &str) -> String {
        self.why_not.get(node).cloned().unwrap_or_else(|| "no chaos object of it was ever seen".to_owned())
    }
}

/// Whether a node is to make chaos.
pub(crate) fn makes_chaos(node: &SeenNode) -> bool {
    node.spec.kind == SCHEDULE || ChaosKind::named(&node.spec.kind).is_some()
}

#[cfg(test)]
mod tests {
    use kube::api::DynamicObject;
    use serde_json::{Value, json};

    use super::*;

    fn seen(kind: &str, name: &str, labels: &Value, status: &Value) -> SeenChaos {
        let object = json!({"metadata": {"name": name, "labels": labels}, "status": status});
        let object: DynamicObject = serde_json::from_value(object).unwrap();
        SeenChaos::of(kind, &object)
    }

    fn status(selected: bool, all: bool, injected: &[u32]) -> Value {
        let said = |it: bool| if it { "True" } else { "False" };
        let record = |count: &u32| {
            json!({"id": "ns/pod", "injectedCount": count, "events": [
                {"type": "Failed", "operation": "Apply", "message": "no such device"}]})
        };
        json!({
            "conditions": [{"type": "Selected", "status": said(selected)}, {"type": "AllInjected", "status": said(all)}],
            "experiment": {"containerRecords": injected.iter().map(record).collect::<Vec<_>>()},
        })
    }

    fn view(all: Vec<SeenChaos>) -> ClusterView {
        let chaos = all.into_iter().map(|one| ((0, one.name.clone()), one)).collect();
        ClusterView { chaos, ..ClusterView::default() }
    }

    /// Takes in all that is there, and that nothing else is.
    fn observe(landed: &mut Landed, view: &ClusterView) {
        let keys = landed.keys().chain(view.chaos.keys()).cloned().collect();
        landed.observe(view, &keys);
    }

    #[test]
    fn only_what_was_injected_everywhere_has_landed() {
        let of_node = json!({"chaos-mesh.org/controlled-by": "cut-x", "chaos-mesh.org/workflow": "w"});
        let rows = [
            (status(true, true, &[1, 2]), None),
            (status(true, true, &[1, 0]), Some("injected into 1 of 2: no such device")),
            (status(true, false, &[0]), Some("injected into 0 of 1: no such device")),
            (status(false, false, &[]), Some("its selector has found nothing")),
            // An older release calls the empty selection injected.
            (status(true, true, &[]), Some("its selector has found nothing")),
            (Value::Null, Some("nothing was selected so far")),
        ];
        for (status, want) in rows {
            let mut landed = Landed::default();
            observe(&mut landed, &view(vec![seen("NetworkChaos", "cut-x-y", &of_node, &status)]));
            assert_eq!(landed.has("cut-x"), want.is_none(), "{status}");
            assert!(landed.is_there("cut-x") && !landed.is_over("cut-x"));
            if let Some(want) = want {
                assert_eq!(landed.why_not("cut-x"), want);
            }
            // What has gone is known, and says no more.
            observe(&mut landed, &ClusterView::default());
            assert_eq!(landed.has("cut-x"), want.is_none());
            assert!(landed.is_over("cut-x"));
        }
        assert_eq!(Landed::default().why_not("cut-x"), "no chaos object of it was ever seen");
    }

    #[test]
    fn a_schedule_lands_when_chaos_that_it_made_does() {
        let of_node = json!({"chaos-mesh.org/controlled-by": "again-x", "chaos-mesh.org/workflow": "w"});
        let schedule = || seen("Schedule", "again-x-s", &of_node, &json!({}));
        let child = |of: &str, status| seen("PodChaos", "c", &json!({"managed-by": of}), &status);
        let mut landed = Landed::default();
        observe(&mut landed, &view(vec![schedule()]));
        assert_eq!(landed.why_not("again-x"), "its Schedule has made no chaos");
        observe(&mut landed, &view(vec![schedule(), child("of-others", status(true, true, &[1]))]));
        assert!(!landed.has("again-x") && !landed.has("of-others"));
        observe(&mut landed, &view(vec![schedule(), child("again-x-s", status(false, false, &[]))]));
        assert_eq!(landed.why_not("again-x"), "its selector has found nothing");
        observe(&mut landed, &view(vec![child("again-x-s", status(true, true, &[1]))]));
        assert!(landed.has("again-x") && landed.is_there("again-x"));
    }
}
