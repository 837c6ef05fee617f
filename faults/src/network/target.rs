//! What a fault on links acts on: one link, links by their labels, or all that join two sides.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use chaos_core::schemars::{Schema, SchemaGenerator};
use chaos_core::{FaultTarget, Member, NodeLabels, Nodes, Pick, PluginError, RunContext, exactly_one_of};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// The links that a fault acts on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "LinkKeys", into = "LinkKeys")]
pub enum LinkTarget {
    /// The link of that name.
    Link(String),
    /// Links that have all these labels.
    Links {
        /// The labels.
        labels: NodeLabels,
        /// How many of them.
        pick: Pick,
    },
    /// Every link that joins a node of the one side with one of the other.
    Between(Sides),
}

/// Two sides: names of nodes, as links say them in `from` and `to`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct Sides {
    /// The one side.
    #[schemars(length(min = 1))]
    pub a: Vec<String>,
    /// The other side.
    #[schemars(length(min = 1))]
    pub b: Vec<String>,
}

/// A target that is not one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LinkTargetError {
    /// No key, or several.
    #[error("expected exactly one of `link`, `links`, `between`")]
    OneOf,
    /// `pick` without `links`.
    #[error("`pick` chooses among `links`, which is not given")]
    PickAlone,
    /// No label, or a side without nodes.
    #[error("`{0}` is empty")]
    Empty(&'static str),
}

/// The keys of which a target has exactly one.
const KEYS: [&str; 3] = ["link", "links", "between"];

/// The links that the fault acts on: exactly one of the keys, and `pick` beside `links`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct LinkKeys {
    /// The node of type `link` of that name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    link: Option<String>,
    /// Links that have all these labels; protected ones never count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("minProperties" = 1))]
    links: Option<NodeLabels>,
    /// How many of `links`, drawn by the seed: a number, or `all`; default 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pick: Option<Pick>,
    /// Every link whose `from` is on the one side and whose `to` is on the other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    between: Option<Sides>,
}

impl TryFrom<LinkKeys> for LinkTarget {
    type Error = LinkTargetError;

    fn try_from(keys: LinkKeys) -> Result<Self, LinkTargetError> {
        let LinkKeys { link, links, pick, between } = keys;
        if links.is_none() && pick.is_some() {
            return Err(LinkTargetError::PickAlone);
        }
        match (link, links, between) {
            (Some(link), None, None) => Ok(Self::Link(link)),
            (None, Some(labels), None) if labels.is_empty() => Err(LinkTargetError::Empty("links")),
            (None, Some(labels), None) => Ok(Self::Links { labels, pick: pick.unwrap_or_default() }),
            (None, None, Some(sides)) if sides.a.is_empty() => Err(LinkTargetError::Empty("a")),
            (None, None, Some(sides)) if sides.b.is_empty() => Err(LinkTargetError::Empty("b")),
            (None, None, Some(sides)) => Ok(Self::Between(sides)),
            _ => Err(LinkTargetError::OneOf),
        }
    }
}

impl From<LinkTarget> for LinkKeys {
    fn from(target: LinkTarget) -> Self {
        let empty = Self::default();
        match target {
            LinkTarget::Link(link) => Self { link: Some(link), ..empty },
            LinkTarget::Links { labels, pick } => Self { links: Some(labels), pick: Some(pick), ..empty },
            LinkTarget::Between(sides) => Self { between: Some(sides), ..empty },
        }
    }
}

impl JsonSchema for LinkTarget {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "LinkTarget".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = LinkKeys::json_schema(generator);
        exactly_one_of(&mut schema, &KEYS);
        schema.insert("dependencies".to_owned(), json!({ "pick": ["links"] }));
        schema
    }
}

impl LinkTarget {
    /// The links that it means, which stay the same for the entry.
    ///
    /// # Errors
    /// [`PluginError::Refused`] for a link that is unknown or protected, for sides that share a node or that no link joins.
    pub(super) fn resolve(&self, cx: &RunContext) -> Result<Vec<Arc<dyn Member>>, PluginError> {
        match self {
            Self::Link(name) => FaultTarget::Node(name.clone()).resolve(cx),
            Self::Links { labels, pick } => FaultTarget::Nodes { labels: labels.clone(), pick: *pick }.resolve(cx),
            Self::Between(sides) => sides.links(&cx.services().get::<Nodes>()),
        }
    }
}

impl fmt::Display for LinkTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Link(name) => write!(f, "link `{name}`"),
            Self::Links { labels, .. } => write!(f, "links with {labels:?}"),
            Self::Between(Sides { a, b }) => write!(f, "links between {} and {}", a.join(", "), b.join(", ")),
        }
    }
}

impl Sides {
    /// Every link that joins them.
    pub(super) fn links(&self, nodes: &Nodes) -> Result<Vec<Arc<dyn Member>>, PluginError> {
        let (a, b): (BTreeSet<&str>, BTreeSet<&str>) =
            (self.a.iter().map(String::as_str).collect(), self.b.iter().map(String::as_str).collect());
        if let Some(both) = a.intersection(&b).next() {
            return Err(PluginError::refused(format!("`{both}` stands on both sides")));
        }
        let (mut joining, mut ends) = (Vec::new(), BTreeSet::new());
        for (name, protected, member) in nodes.all() {
            let Some(link) = member.link() else { continue };
            let (Some(from), Some(to)) = (link.ends().from, link.ends().to) else { continue };
            ends.extend([from.to_owned(), to.to_owned()]);
            if !(a.contains(from) && b.contains(to) || b.contains(from) && a.contains(to)) {
                continue;
            }
            if protected {
                let why = format!("link `{name}` is between the sides and protected, so no fault may act on it");
                return Err(PluginError::refused(why));
            }
            joining.push(Arc::clone(&member));
        }
        if let Some(unknown) = a.iter().chain(&b).find(|name| !ends.contains(**name)) {
            let known = ends.into_iter().collect::<Vec<_>>().join(", ");
            let why = format!("no link says `from` or `to` `{unknown}`; links join: {known}");
            return Err(PluginError::refused(why));
        }
        if joining.is_empty() {
            return Err(PluginError::refused(format!(
                "no link joins {} with {}",
                self.a.join(", "),
                self.b.join(", ")
            )));
        }
        Ok(joining)
    }
}
