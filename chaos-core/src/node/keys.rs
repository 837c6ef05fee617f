//! The keys that the engine reads beside a node kind's own.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::num::NonZeroU16;
use std::path::PathBuf;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::context::Readiness;
use super::kind::DynNode;
use super::labels::NodeLabels;
use crate::{Configured, Extra, WithinProbe};

/// A node in a document.
pub type DeclaredNode = Configured<dyn DynNode, NodeKeys>;

/// The keys that the engine reads beside a node kind's own.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NodeKeys {
    /// What tells it from other nodes, for faults that name several: `{role: member}`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: NodeLabels,
    /// A probe that must say yes before the node counts as up, after each start of it; asked until `within_seconds`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready: Option<WithinProbe>,
    /// Whether no fault may act on it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub protected: bool,
    /// Whether it may end by itself; otherwise that counts against the run.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub expect_exit: bool,
    /// Its ports: names for which free ones are found when the document is loaded, or names with numbers.
    #[serde(default, skip_serializing_if = "NodePorts::is_empty")]
    pub ports: NodePorts,
    /// Its folder; where absent, a fresh one in the folder of the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dir: Option<PathBuf>,
}

impl NodeKeys {
    /// When the node counts as up; `None` when it does once it is started.
    pub fn readiness(&self) -> Option<Readiness> {
        let ready = self.ready.as_ref()?;
        let (name, within) = (ready.label().to_owned(), ready.extra().within_seconds.get());
        Some(Readiness { probe: ready.shared(), name, within })
    }
}

impl Extra for NodeKeys {
    const KEYS: &'static [&'static str] = &["labels", "ready", "protected", "expect_exit", "ports", "dir"];
}

/// The ports of a node by name; those without a number are found when they are needed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "PortsText", into = "PortsText")]
pub struct NodePorts(pub BTreeMap<String, Option<NonZeroU16>>);

impl NodePorts {
    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A list of names, or a mapping from names to numbers.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum PortsText {
    Names(Vec<String>),
    Numbers(BTreeMap<String, NonZeroU16>),
}

impl From<PortsText> for NodePorts {
    fn from(text: PortsText) -> Self {
        Self(match text {
            PortsText::Names(names) => names.into_iter().map(|name| (name, None)).collect(),
            PortsText::Numbers(numbers) => numbers.into_iter().map(|(name, port)| (name, Some(port))).collect(),
        })
    }
}

impl From<NodePorts> for PortsText {
    fn from(ports: NodePorts) -> Self {
        let numbers: Option<BTreeMap<String, NonZeroU16>> =
            ports.0.iter().map(|(name, port)| Some((name.clone(), (*port)?))).collect();
        match numbers {
            Some(numbers) => Self::Numbers(numbers),
            None => Self::Names(ports.0.into_keys().collect()),
        }
    }
}

impl JsonSchema for NodePorts {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "NodePorts".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let name = "^[A-Za-z_][A-Za-z0-9_-]*$";
        json_schema!({
            "type": ["array", "object"],
            "items": { "type": "string", "pattern": name },
            "additionalProperties": { "type": "integer", "minimum": 1, "maximum": 65535 },
        })
    }
}
