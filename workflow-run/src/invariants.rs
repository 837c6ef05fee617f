//! What a scenario declares of the cluster: images and rights that must be those that it was written for.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use chaos_kube::{CallError, Cluster, Patience, patiently};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::rbac::v1::{ClusterRole, Role};
use kube::api::{Api, ListParams};
use serde_json::{Map, Value};

use crate::fetch::sha256;

/// Annotations of a scenario that begin so declare an image.
const IMAGES: &str = "squall.dev/image.";
/// Annotations of a scenario that begin so declare rights.
const RIGHTS: &str = "squall.dev/rbac.";

/// An image that a Deployment must run: `[NAMESPACE/]DEPLOYMENT/CONTAINER=IMAGE[@DIGEST]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeclaredImage {
    namespace: Option<String>,
    deployment: String,
    container: String,
    image: String,
}

/// Rights that must be as they were: `[NAMESPACE/]Role/NAME=sha256:…` or `ClusterRole/NAME=sha256:…`, the SHA-256 of its rules
/// as JSON without spaces and with sorted keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeclaredRights {
    namespace: Option<String>,
    is_cluster_role: bool,
    name: String,
    fingerprint: String,
}

/// Text that declares nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid declaration `{text}`: expected `{expected}`")]
pub struct DeclarationError {
    text: String,
    expected: &'static str,
}

/// The part before the `=`, cut at slashes, and the part behind it.
fn cut(text: &str) -> Option<(Vec<&str>, &str)> {
    let (place, value) = text.trim().split_once('=')?;
    let place: Vec<&str> = place.split('/').collect();
    (!value.is_empty() && place.iter().all(|part| !part.is_empty())).then_some((place, value))
}

impl FromStr for DeclaredImage {
    type Err = DeclarationError;

    fn from_str(text: &str) -> Result<Self, DeclarationError> {
        let expected = "[NAMESPACE/]DEPLOYMENT/CONTAINER=IMAGE[@DIGEST]";
        let wrong = || DeclarationError { text: text.to_owned(), expected };
        let (place, image) = cut(text).ok_or_else(wrong)?;
        let (namespace, deployment, container) = match place[..] {
            [deployment, container] => (None, deployment, container),
            [namespace, deployment, container] => (Some(namespace.to_owned()), deployment, container),
            _ => return Err(wrong()),
        };
        let (deployment, container) = (deployment.to_owned(), container.to_owned());
        Ok(Self { namespace, deployment, container, image: image.to_owned() })
    }
}

impl FromStr for DeclaredRights {
    type Err = DeclarationError;

    fn from_str(text: &str) -> Result<Self, DeclarationError> {
        let expected = "[NAMESPACE/]Role/NAME=sha256:HEX, or ClusterRole/NAME=sha256:HEX";
        let wrong = || DeclarationError { text: text.to_owned(), expected };
        let (place, fingerprint) = cut(text).ok_or_else(wrong)?;
        let (namespace, kind, name) = match place[..] {
            [kind, name] => (None, kind, name),
            [namespace, "Role", name] => (Some(namespace.to_owned()), "Role", name),
            _ => return Err(wrong()),
        };
        let hex = fingerprint.strip_prefix("sha256:").filter(|hex| hex.len() == 64);
        if !matches!(kind, "Role" | "ClusterRole") || hex.is_none_or(|hex| !hex.chars().all(|c| c.is_ascii_hexdigit()))
        {
            return Err(wrong());
        }
        let (name, fingerprint) = (name.to_owned(), fingerprint.to_ascii_lowercase());
        Ok(Self { namespace, is_cluster_role: kind == "ClusterRole", name, fingerprint })
    }
}

impl fmt::Display for DeclaredImage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let namespace = self.namespace.as_ref().map(|namespace| format!("{namespace}/")).unwrap_or_default();
        write!(f, "{namespace}{}/{}", self.deployment, self.container)
    }
}

impl fmt::Display for DeclaredRights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let namespace = self.namespace.as_ref().map(|namespace| format!("{namespace}/")).unwrap_or_default();
        let kind = if self.is_cluster_role { "ClusterRole" } else { "Role" };
        write!(f, "{namespace}{kind}/{}", self.name)
    }
}

/// Everything that a scenario declares.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Declared {
    pub(crate) images: Vec<DeclaredImage>,
    pub(crate) rights: Vec<DeclaredRights>,
}

impl Declared {
    /// What the annotations of a Workflow declare.
    pub(crate) fn of(manifest: &Value) -> Result<Self, DeclarationError> {
        let empty = Map::new();
        let annotations = manifest.pointer("/metadata/annotations").and_then(Value::as_object).unwrap_or(&empty);
        let mut declared = Self::default();
        for (key, value) in annotations {
            let value = value.as_str().unwrap_or_default();
            if key.starts_with(IMAGES) {
                declared.images.push(value.parse()?);
            } else if key.starts_with(RIGHTS) {
                declared.rights.push(value.parse()?);
            }
        }
        Ok(declared)
    }

    /// What in the cluster is not as declared, with both values.
    pub(crate) async fn differences(&self, cluster: &Cluster, namespace: &str) -> Result<Vec<String>, CallError> {
        let mut found = Vec::new();
        for image in &self.images {
            found.extend(image.difference(cluster, namespace).await?);
        }
        for rights in &self.rights {
            found.extend(rights.difference(cluster, namespace).await?);
        }
        Ok(found)
    }
}

impl DeclaredImage {
    async fn difference(&self, cluster: &Cluster, namespace: &str) -> Result<Option<String>, CallError> {
        let namespace = self.namespace.as_deref().unwrap_or(namespace);
        let deployments: Api<Deployment> = Api::namespaced(cluster.client(), namespace);
        let what = format!("read Deployment `{}` in namespace `{namespace}`", self.deployment);
        let Some(deployment) = patiently(&what, Patience::default(), || deployments.get_opt(&self.deployment)).await?
        else {
            return Ok(Some(format!(
                "`{self}`: there is no Deployment `{}`, declared is `{}`",
                self.deployment, self.image
            )));
        };
        let selector = deployment.spec.as_ref().and_then(|spec| spec.selector.match_labels.clone()).unwrap_or_default();
        let template = deployment.spec.and_then(|spec| spec.template.spec).unwrap_or_default();
        let Some(runs) = template.containers.into_iter().find(|it| it.name == self.container).and_then(|it| it.image)
        else {
            return Ok(Some(format!(
                "`{self}`: it has no container `{}`, declared is `{}`",
                self.container, self.image
            )));
        };
        if !self.image.contains('@') || runs == self.image {
            return Ok(self.compared(&runs, &[]));
        }
        let labels: Vec<String> = selector.into_iter().map(|(key, value)| format!("{key}={value}")).collect();
        let pods: Api<Pod> = cluster.pods(namespace);
        let of = ListParams::default().labels(&labels.join(","));
        let what = format!("list the pods of Deployment `{}`", self.deployment);
        let pods = patiently(&what, Patience::default(), || pods.list(&of)).await?;
        let statuses = pods.items.into_iter().filter_map(|pod| pod.status?.container_statuses).flatten();
        let ids: Vec<String> = statuses.filter(|it| it.name == self.container).map(|it| it.image_id).collect();
        Ok(self.compared(&runs, &ids))
    }

    /// `runs` is what the Deployment says, `ids` what its pods really run.
    fn compared(&self, runs: &str, ids: &[String]) -> Option<String> {
        let declared = &self.image;
        if runs == declared {
            return None;
        }
        let differs = |value: &str| Some(format!("`{self}` runs `{value}`, declared is `{declared}`"));
        let Some((name, digest)) = declared.split_once('@') else { return differs(runs) };
        if runs.split('@').next() != Some(name) || runs.contains('@') {
            return differs(runs);
        }
        match ids.iter().find(|id| !id.ends_with(digest)) {
            Some(other) => differs(&format!("{runs} ({other})")),
            None if ids.is_empty() => differs(&format!("{runs} (no pod shows a digest)")),
            None => None,
        }
    }
}

impl DeclaredRights {
    async fn difference(&self, cluster: &Cluster, namespace: &str) -> Result<Option<String>, CallError> {
        let what = format!("read `{self}`");
        let (patience, name) = (Patience::default(), &self.name);
        let rules = if self.is_cluster_role {
            let api: Api<ClusterRole> = Api::all(cluster.client());
            patiently(&what, patience, || api.get_opt(name)).await?.map(|role| serde_json::to_value(role.rules))
        } else {
            let api: Api<Role> = Api::namespaced(cluster.client(), self.namespace.as_deref().unwrap_or(namespace));
            patiently(&what, patience, || api.get_opt(name)).await?.map(|role| serde_json::to_value(role.rules))
        };
        let declared = &self.fingerprint;
        let Some(rules) = rules else { return Ok(Some(format!("`{self}` is not there, declared is `{declared}`"))) };
        let is = fingerprint(&rules.unwrap_or_default());
        Ok((is != *declared).then(|| format!("`{self}` is `{is}`, declared is `{declared}`")))
    }
}

/// The fingerprint of rules.
fn fingerprint(rules: &Value) -> String {
    format!("sha256:{}", sha256(sorted(rules).to_string().as_bytes()))
}

/// The same value with the keys of maps in their order, whatever order the maps of this build keep.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let keys: BTreeMap<&String, &Value> = map.iter().collect();
            Value::Object(keys.into_iter().map(|(key, value)| (key.clone(), sorted(value))).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(sorted).collect()),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn declarations_are_read_and_wrong_ones_say_what_is_right() {
        let image: DeclaredImage = "ops/controller/manager=reg/c:1@sha256:ab".parse().unwrap();
        assert_eq!(image.to_string(), "ops/controller/manager");
        assert_eq!((image.image.as_str(), image.namespace.as_deref()), ("reg/c:1@sha256:ab", Some("ops")));
        let hex = "a".repeat(64);
        for text in
            [format!("ClusterRole/x=sha256:{hex}"), format!("ops/Role/x=sha256:{hex}"), format!("Role/x=sha256:{hex}")]
        {
            let rights: DeclaredRights = text.parse().unwrap();
            assert_eq!(format!("{rights}=sha256:{hex}"), text);
        }
        for wrong in ["", "a=b", "a/b", "a/b=", "a//b=c", "a/b/c/d=e"] {
            assert!(wrong.parse::<DeclaredImage>().is_err(), "{wrong}");
        }
        for wrong in ["Role/x=sha256:1", "Roles/x=sha256:aa", "a/ClusterRole/x=sha256:aa", "Role/x"] {
            assert!(wrong.parse::<DeclaredRights>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_image_is_what_the_deployment_says_or_what_its_pods_show() {
        let declared: DeclaredImage = "c/m=reg/c:1@sha256:ab".parse().unwrap();
        let ids = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
        assert_eq!(declared.compared("reg/c:1@sha256:ab", &[]), None);
        assert_eq!(declared.compared("reg/c:1", &ids(&["reg/c@sha256:ab"])), None);
        let rows = [
            ("reg/c:1", ids(&["reg/c@sha256:ab", "reg/c@sha256:cd"]), "reg/c:1 (reg/c@sha256:cd)"),
            ("reg/c:1", ids(&[]), "reg/c:1 (no pod shows a digest)"),
            ("reg/c:2", ids(&["reg/c@sha256:ab"]), "reg/c:2"),
            ("reg/c:1@sha256:cd", ids(&[]), "reg/c:1@sha256:cd"),
        ];
        for (runs, ids, shown) in rows {
            let want = format!("`c/m` runs `{shown}`, declared is `reg/c:1@sha256:ab`");
            assert_eq!(declared.compared(runs, &ids), Some(want));
        }
        let plain: DeclaredImage = "c/m=reg/c:1".parse().unwrap();
        assert_eq!(plain.compared("reg/c:1", &[]), None);
        assert_eq!(plain.compared("reg/c:2", &[]).unwrap(), "`c/m` runs `reg/c:2`, declared is `reg/c:1`");
    }

    #[test]
    fn a_fingerprint_depends_on_the_rules_and_not_on_the_order_of_keys() {
        let a: Value = serde_json::from_str(r#"[{"verbs":["get"],"apiGroups":[""]}]"#).unwrap();
        let b: Value = serde_json::from_str(r#"[ {"apiGroups":[""], "verbs":["get"]} ]"#).unwrap();
        assert_eq!(fingerprint(&a), fingerprint(&b));
        assert_ne!(fingerprint(&a), fingerprint(&json!([{"verbs": ["*"], "apiGroups": [""]}])));
    }

    #[test]
    fn the_annotations_of_a_scenario_declare() {
        let hex = "b".repeat(64);
        let manifest = json!({"metadata": {"annotations": {
            "squall.dev/image.controller": "ops/c/m=reg/c:1",
            "squall.dev/rbac.controller": format!("ClusterRole/c=sha256:{hex}"),
            "squall.dev/placeholders": "A,B", "other": "x",
        }}});
        let declared = Declared::of(&manifest).unwrap();
        assert_eq!((declared.images.len(), declared.rights.len()), (1, 1));
        assert_eq!(Declared::of(&json!({})).unwrap(), Declared::default());
        let wrong = json!({"metadata": {"annotations": {"squall.dev/image.x": "x"}}});
        assert!(Declared::of(&wrong).unwrap_err().to_string().contains("expected `[NAMESPACE/]DEPLOYMENT/CONTAINER="));
    }
}
