//! Manifests as they stand in a text: typed where they are Chaos Mesh's, each part with its place.

use std::collections::BTreeMap;

use chaos_schema::{Code, Diagnostic, Positions, TextDocument, read_documents};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::kinds::ChaosKind;
use crate::names::API_VERSION;
use crate::workflow::WorkflowSpec;

/// One object of a text.
#[derive(Debug, Clone)]
pub struct Manifest {
    /// Its `kind`.
    pub kind: String,
    /// Its `apiVersion`.
    pub api_version: String,
    /// Its `metadata.name`, empty where there is none.
    pub name: String,
    /// Its `metadata.namespace`.
    pub namespace: Option<String>,
    /// Its annotations; `None` where it has no map of them at all.
    pub annotations: Option<BTreeMap<String, String>>,
    /// What it is to do.
    pub body: ManifestBody,
    /// All of it.
    pub value: Value,
    /// Where its parts stand.
    pub positions: Positions,
}

/// What a manifest is to do.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum ManifestBody {
    /// A Workflow.
    Workflow(Box<WorkflowSpec>),
    /// A Schedule, as its `spec` stands there.
    Schedule(Map<String, Value>),
    /// A check of the state, as its `spec` stands there.
    StatusCheck(Map<String, Value>),
    /// Chaos of that kind, as its `spec` stands there.
    Chaos(&'static ChaosKind, Map<String, Value>),
    /// An object that is not Chaos Mesh's, or a kind of it that is not read here.
    Other,
}

impl Manifest {
    /// The Workflow, if it is one.
    pub fn workflow(&self) -> Option<&WorkflowSpec> {
        match &self.body {
            ManifestBody::Workflow(spec) => Some(spec),
            _ => None,
        }
    }

    /// Whether it is an object of Chaos Mesh.
    pub fn is_chaos_mesh(&self) -> bool {
        is_chaos_mesh(&self.api_version)
    }

    /// Where the part at that JSON pointer stands.
    pub(crate) fn placed(&self, diagnostic: Diagnostic) -> Diagnostic {
        self.positions.placed(diagnostic)
    }
}

/// Whether one of these documents is an object of Chaos Mesh.
pub fn has_chaos_mesh(documents: &[TextDocument]) -> bool {
    let group = |value: &Value| value.get("apiVersion").and_then(Value::as_str).is_some_and(is_chaos_mesh);
    documents.iter().any(|one| group(&one.value) || items(&one.value).is_some_and(|items| items.iter().any(group)))
}

fn is_chaos_mesh(api_version: &str) -> bool {
    api_version.split('/').next() == API_VERSION.split('/').next()
}

/// Reads all manifests of a text (YAML with any number of documents, or JSON); `name` is what messages call it. A `List` is
/// read as its items, an empty document as nothing.
///
/// # Errors
/// Every problem of the text, and every value of the wrong type in what is read of objects of Chaos Mesh.
pub fn read_manifests(text: &str, name: &str) -> Result<Vec<Manifest>, Vec<Diagnostic>> {
    manifests(read_documents(text, name)?)
}

/// The same for documents that are read already.
///
/// # Errors
/// Every value of the wrong type in what is read of objects of Chaos Mesh.
pub fn manifests(documents: Vec<TextDocument>) -> Result<Vec<Manifest>, Vec<Diagnostic>> {
    let (mut all, mut found) = (Vec::new(), Vec::new());
    for document in documents {
        for one in objects(document) {
            match manifest(one) {
                Ok(one) => all.push(one),
                Err(problems) => found.extend(problems),
            }
        }
    }
    if found.is_empty() { Ok(all) } else { Err(found) }
}

fn items(value: &Value) -> Option<&Vec<Value>> {
    let is_list = value.get("kind").and_then(Value::as_str).is_some_and(|kind| kind.ends_with("List"));
    value.get("items").and_then(Value::as_array).filter(|_| is_list)
}

fn objects(document: TextDocument) -> Vec<TextDocument> {
    let TextDocument { value, positions } = document;
    if value.is_null() {
        return Vec::new();
    }
    let Some(items) = items(&value) else { return vec![TextDocument { value, positions }] };
    let inside = positions.inside("items");
    let item =
        |(at, value): (usize, &Value)| TextDocument { value: value.clone(), positions: inside.inside(&at.to_string()) };
    items.iter().enumerate().map(item).collect()
}

fn manifest(TextDocument { value, positions }: TextDocument) -> Result<Manifest, Vec<Diagnostic>> {
    let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    let named =
        |key: &str| value.get("metadata").and_then(|all| all.get(key)).and_then(Value::as_str).map(str::to_owned);
    let missing = |key: &str, help: &str| {
        let message = format!("a manifest needs `{key}`");
        vec![positions.placed(Diagnostic::new(Code::MissingKey, "", message).help(help))]
    };
    if !value.is_object() {
        let message = "a manifest must be a mapping";
        let help = "it has `apiVersion`, `kind`, `metadata` and `spec`";
        return Err(vec![positions.placed(Diagnostic::new(Code::WrongType, "", message).help(help))]);
    }
    let api_version =
        text("apiVersion").ok_or_else(|| missing("apiVersion", "such as `apiVersion: chaos-mesh.org/v1alpha1`"))?;
    let kind = text("kind").ok_or_else(|| missing("kind", "such as `kind: Workflow`"))?;
    let body = body(&kind, &api_version, &value, &positions)?;
    let annotations = part(&value, "/metadata/annotations", &positions)?;
    let (name, namespace) = (named("name").unwrap_or_default(), named("namespace"));
    Ok(Manifest { kind, api_version, name, namespace, annotations, body, value, positions })
}

fn body(kind: &str, api_version: &str, value: &Value, positions: &Positions) -> Result<ManifestBody, Vec<Diagnostic>> {
    if !is_chaos_mesh(api_version) {
        return Ok(ManifestBody::Other);
    }
    let chaos = ChaosKind::named(kind);
    if chaos.is_none() && !["Workflow", "Schedule", "StatusCheck"].contains(&kind) {
        return Ok(ManifestBody::Other);
    }
    if !value.get("spec").is_some_and(Value::is_object) {
        let (code, message) = match value.get("spec") {
            None => (Code::MissingKey, format!("`{kind}` needs `spec`")),
            Some(_) => (Code::WrongType, "`spec` must be a mapping".to_owned()),
        };
        let at = if code == Code::MissingKey { "" } else { "/spec" };
        return Err(vec![positions.placed(Diagnostic::new(code, at, message))]);
    }
    let spec = || part::<Map<String, Value>>(value, "/spec", positions).map(Option::unwrap_or_default);
    Ok(match (chaos, kind) {
        (Some(chaos), _) => ManifestBody::Chaos(chaos, spec()?),
        (None, "Workflow") => {
            ManifestBody::Workflow(Box::new(part::<WorkflowSpec>(value, "/spec", positions)?.unwrap_or_default()))
        }
        (None, "Schedule") => ManifestBody::Schedule(spec()?),
        (None, _) => ManifestBody::StatusCheck(spec()?),
    })
}

/// The part at that pointer, typed; `None` where it is absent or null.
fn part<T: DeserializeOwned>(value: &Value, at: &str, positions: &Positions) -> Result<Option<T>, Vec<Diagnostic>> {
    let Some(part) = value.pointer(at).filter(|part| !part.is_null()) else { return Ok(None) };
    serde_path_to_error::deserialize(part).map(Some).map_err(|error| {
        let inside = pointer_of(error.path());
        let mut message = error.inner().to_string();
        // What a document says may be a secret; what it should be is told by the type alone.
        if let Some((_, expected)) = message.split_once(", expected ") {
            message = format!("expected {expected}");
        }
        vec![positions.placed(Diagnostic::new(Code::InvalidValue, format!("{at}{inside}"), message))]
    })
}

fn pointer_of(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    let segment = |one: &Segment| match one {
        Segment::Seq { index } => format!("/{index}"),
        Segment::Map { key } => format!("/{}", chaos_core::pointer_segment(key)),
        Segment::Enum { .. } | Segment::Unknown => String::new(),
    };
    path.iter().map(segment).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &str = "\
# a comment
---
apiVersion: chaos-mesh.org/v1alpha1
kind: Workflow
metadata: {name: w, annotations: {a: b}}
spec:
  entry: e
  templates:
    - name: e
      templateType: Suspend
      deadline: 1s
      future: {x: 1}
---
---
apiVersion: v1
kind: List
items:
  - {apiVersion: chaos-mesh.org/v1alpha1, kind: PodChaos, metadata: {name: c}, spec: {action: pod-kill}}
  - {apiVersion: v1, kind: ConfigMap, metadata: {name: m}}
";

    #[test]
    fn all_documents_and_the_items_of_lists_are_read() {
        let all = read_manifests(TWO, "t.yaml").unwrap();
        let names: Vec<_> = all.iter().map(|one| (one.kind.as_str(), one.name.as_str())).collect();
        assert_eq!(names, [("Workflow", "w"), ("PodChaos", "c"), ("ConfigMap", "m")]);
        assert_eq!(all[0].workflow().unwrap().templates[0].rest["future"], serde_json::json!({"x": 1}));
        let at = all[1].placed(Diagnostic::new(Code::InvalidValue, "/spec/action", "x"));
        assert_eq!((at.line, at.column), (Some(18), Some(95)));
        assert!(all[0].is_chaos_mesh() && !all[2].is_chaos_mesh());
    }

    #[test]
    fn a_value_of_the_wrong_type_is_told_where_it_stands_and_not_repeated() {
        let text = TWO.replace("deadline: 1s", "task:\n        container: 17\n      ");
        let found = read_manifests(&text, "t.yaml").unwrap_err();
        assert_eq!((found[0].line, found[0].message.as_str()), (Some(12), "expected a map"), "{found:?}");
        let rows = [
            ("a: 1\n", "a manifest needs `apiVersion`"),
            ("- 1\n", "a manifest must be a mapping"),
            ("apiVersion: chaos-mesh.org/v1alpha1\n", "a manifest needs `kind`"),
            ("apiVersion: chaos-mesh.org/v1alpha1\nkind: IOChaos\n", "`IOChaos` needs `spec`"),
            ("apiVersion: chaos-mesh.org/v1alpha1\nkind: Workflow\nspec: 1\n", "`spec` must be a mapping"),
            ("apiVersion: chaos-mesh.org/v1alpha1\nkind: Workflow\nspec: {}\n", "missing field `entry`"),
        ];
        for (text, want) in rows {
            assert_eq!(read_manifests(text, "t.yaml").unwrap_err()[0].message, want, "{text}");
        }
    }

    #[test]
    fn an_alias_does_not_reach_into_another_document() {
        let found = read_manifests("a: &x 1\n---\nb: *x\n", "t.yaml").unwrap_err();
        assert_eq!(found[0].line, Some(3), "{found:?}");
    }
}
