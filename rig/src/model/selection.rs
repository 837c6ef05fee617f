//! What a chaos object acts on: pods that its selector names, `one`, `all` or a `fixed` number of them.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Pod;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::trouble::Wrong;

/// Which pods are asked for, and how many of them are taken.
#[derive(Debug)]
pub(super) struct Selection {
    selector: Selector,
    most: usize,
}

/// The part of a selector that is modelled; every other key is refused.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
struct Selector {
    namespaces: Vec<String>,
    label_selectors: BTreeMap<String, String>,
    pods: BTreeMap<String, Vec<String>>,
}

impl Selection {
    /// Reads the specification of a chaos object in that namespace, which is the one to look in unless the specification names others.
    ///
    /// # Errors
    /// A key of the selector or a mode that is not modelled, and a value that is not a number.
    pub(super) fn of(spec: &Map<String, Value>, own: &str) -> Result<Self, Wrong> {
        let selector = spec.get("selector").filter(|it| !it.is_null()).cloned();
        let mut selector: Selector =
            selector.map(serde_json::from_value).transpose().map_err(Wrong::Selector)?.unwrap_or_default();
        if !selector.pods.is_empty() {
            selector.namespaces = selector.pods.keys().cloned().collect();
        } else if selector.namespaces.is_empty() {
            selector.namespaces.push(own.to_owned());
        }
        let text = |key| spec.get(key).and_then(Value::as_str).unwrap_or_default();
        let wrong = || Wrong::Mode { mode: text("mode").to_owned(), value: text("value").to_owned() };
        let most = match text("mode") {
            "one" => 1,
            "all" => usize::MAX,
            "fixed" => text("value").parse().ok().filter(|it| *it > 0).ok_or_else(wrong)?,
            _ => return Err(wrong()),
        };
        Ok(Self { selector, most })
    }

    /// Where to look.
    pub(super) fn namespaces(&self) -> &[String] {
        &self.selector.namespaces
    }

    /// Which labels the API server is asked for.
    pub(super) fn labels(&self) -> String {
        let labels: Vec<_> =
            self.selector.label_selectors.iter().map(|(key, value)| format!("{key}={value}")).collect();
        labels.join(",")
    }

    /// The ids `namespace/name` of those that are taken, of all pods that were found. Where some are chosen, these are the first by
    /// name; the real controller draws them.
    pub(super) fn ids(&self, found: &[Pod]) -> Vec<String> {
        let named = |namespace: &str, name: &str| {
            let names = self.selector.pods.get(namespace);
            self.selector.pods.is_empty() || names.is_some_and(|it| it.iter().any(|one| one == name))
        };
        let mut ids: Vec<String> = found
            .iter()
            .filter_map(|pod| Some((pod.metadata.namespace.as_deref()?, pod.metadata.name.as_deref()?)))
            .filter(|(namespace, name)| named(namespace, name))
            .map(|(namespace, name)| format!("{namespace}/{name}"))
            .collect();
        ids.sort();
        ids.truncate(self.most);
        ids
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn selection(spec: &Value) -> Result<Selection, Wrong> {
        Selection::of(spec.as_object().unwrap(), "here")
    }

    fn pods() -> Vec<Pod> {
        let pod = |namespace: &str, name: &str| {
            serde_json::from_value(json!({ "metadata": { "namespace": namespace, "name": name } })).unwrap()
        };
        vec![pod("here", "c"), pod("here", "a"), pod("there", "a"), pod("here", "b")]
    }

    #[test]
    fn model_a_mode_says_how_many_are_taken() {
        let taken = |mode: &str, value: &str| {
            let spec = json!({ "mode": mode, "value": value, "selector": {} });
            selection(&spec).map(|it| it.ids(&pods()))
        };
        assert_eq!(taken("one", "").unwrap(), ["here/a"]);
        assert_eq!(taken("fixed", "2").unwrap(), ["here/a", "here/b"]);
        assert_eq!(taken("fixed", "9").unwrap().len(), 4);
        assert_eq!(taken("all", "").unwrap(), ["here/a", "here/b", "here/c", "there/a"]);
        for (mode, value) in [("", ""), ("fixed", ""), ("fixed", "0"), ("fixed-percent", "50")] {
            let why = taken(mode, value).unwrap_err().to_string();
            assert!(why.contains(&format!("{mode:?}")), "{why}");
        }
    }

    #[test]
    fn model_a_selector_names_namespaces_labels_or_pods() {
        let plain = selection(&json!({ "mode": "all" })).unwrap();
        assert_eq!((plain.namespaces(), plain.labels().as_str()), (&["here".to_owned()][..], ""));
        let spec = json!({ "mode": "all", "selector": { "namespaces": ["x", "y"], "labelSelectors": { "b": "2", "a": "1" } } });
        let it = selection(&spec).unwrap();
        assert_eq!((it.namespaces(), it.labels().as_str()), (&["x".to_owned(), "y".to_owned()][..], "a=1,b=2"));
        let named = selection(&json!({ "mode": "all", "selector": { "pods": { "here": ["b", "gone"] } } })).unwrap();
        assert_eq!((named.namespaces(), named.ids(&pods())), (&["here".to_owned()][..], vec!["here/b".to_owned()]));
    }

    #[test]
    fn model_what_is_not_modelled_of_a_selector_is_refused() {
        let spec = json!({ "mode": "all", "selector": { "podPhaseSelectors": ["Running"] } });
        let why = crate::error::explained(&selection(&spec).unwrap_err());
        assert!(why.contains("podPhaseSelectors"), "{why}");
    }
}
