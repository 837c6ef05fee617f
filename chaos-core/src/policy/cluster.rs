//! What of a Kubernetes cluster may be touched.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::refusal::flag;
use crate::NamePattern;

/// What contexts and namespaces of production are called, where the operator does not say.
const PRODUCTION: &str = "*prod*";

/// The clusters that may be touched. The default: none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ClusterRules {
    /// Contexts of the kubeconfig that may be used; `*` stands for any text.
    pub contexts: Vec<NamePattern>,
    /// Namespaces in which objects may be made, changed and removed.
    pub namespaces: Vec<NamePattern>,
    /// Kinds of objects that may be made, changed and removed, such as `Workflow` and `Pod`.
    pub kinds: Vec<NamePattern>,
    /// What contexts and namespaces of production look like, in lower case; those need the permission `production`, too.
    pub production: Vec<NamePattern>,
}

impl Default for ClusterRules {
    fn default() -> Self {
        let production = vec![NamePattern(PRODUCTION.to_owned())];
        Self { contexts: Vec::new(), namespaces: Vec::new(), kinds: Vec::new(), production }
    }
}

/// What a run would touch in a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ClusterReach {
    /// The context of the kubeconfig.
    pub context: String,
    /// The namespace.
    pub namespace: String,
    /// The kinds of objects that it makes, changes and removes.
    pub kinds: Vec<String>,
}

impl ClusterRules {
    /// What of `reach` these rules leave out, as a clause and the flag that would allow it.
    pub(super) fn missing(&self, reach: &ClusterReach) -> Vec<(String, String)> {
        let on = |list: &[NamePattern], name: &str| list.iter().any(|pattern| pattern.fits(name));
        let row =
            |list, name: &str, thing, with| (!on(list, name)).then(|| (format!("{thing} `{name}`"), flag(with, name)));
        let mut missing: Vec<_> =
            row(&self.contexts, &reach.context, "context", "--allow-context").into_iter().collect();
        missing.extend(row(&self.namespaces, &reach.namespace, "namespace", "--allow-namespace"));
        missing.extend(reach.kinds.iter().filter_map(|kind| row(&self.kinds, kind, "kind", "--allow-kind")));
        missing
    }

    /// What is called as production is.
    pub(super) fn like_production(&self, reach: &ClusterReach) -> Option<String> {
        let is_like = |name: &str| self.production.iter().any(|pattern| pattern.fits(&name.to_lowercase()));
        let named = [("context", &reach.context), ("namespace", &reach.namespace)];
        let found = named.into_iter().find(|(_, name)| is_like(name));
        found.map(|(thing, name)| format!("{thing} `{name}` has a name of production"))
    }
}
