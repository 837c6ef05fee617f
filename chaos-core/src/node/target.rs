//! What a fault on processes acts on: declared nodes, or a process that it names itself.

use std::borrow::Cow;
use std::fmt;
use std::num::{NonZeroU16, NonZeroU32};
use std::path::PathBuf;
use std::sync::Arc;

use rand::Rng;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};

use super::attach::attach;
use super::labels::{NodeLabels, Pick};
use super::locator::Locator;
use super::member::Member;
use super::nodes::Nodes;
use crate::{PluginError, RunContext, exactly_one_of, random_index};

/// What a fault acts on. Everything becomes members of the run, so that a fault has one path for all of them.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "TargetKeys", into = "TargetKeys")]
pub enum FaultTarget {
    /// The declared node of that name.
    Node(String),
    /// Declared nodes that have all these labels.
    Nodes {
        /// The labels.
        labels: NodeLabels,
        /// How many of them.
        pick: Pick,
    },
    /// A process that the run did not start.
    Running(Locator),
}

/// A target that is not one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TargetError {
    /// It names nothing.
    #[error("names nothing to act on; expected one of {}", one_of())]
    Nothing,
    /// It names several things.
    #[error("names several things to act on ({}); keep one of them", .0.join(", "))]
    Several(Vec<&'static str>),
    /// `pick` without `nodes`.
    #[error("`pick` chooses among `nodes`, which is not given")]
    PickAlone,
    /// No label, or no word of a command.
    #[error("`{0}` is empty")]
    Empty(&'static str),
}

/// The keys of which a target has exactly one.
const KEYS: [&str; 6] = ["node", "nodes", "pid", "pid_file", "port", "command"];

fn one_of() -> String {
    KEYS.map(|key| format!("`{key}`")).join(", ")
}

/// What the fault acts on: a declared node, declared nodes by their labels, or a process of this machine. Exactly one of the keys, and `pick` beside `nodes`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct TargetKeys {
    /// The declared node of that name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    node: Option<String>,
    /// Declared nodes that have all these labels; protected ones never count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("minProperties" = 1))]
    nodes: Option<NodeLabels>,
    /// How many of `nodes`, drawn by the seed: a number, or `all`; default 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pick: Option<Pick>,
    /// The process of that pid, in the pid namespace of Squall.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 4_294_967_295_u32))]
    pid: Option<NonZeroU32>,
    /// The process whose pid this file holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pid_file: Option<PathBuf>,
    /// The process that listens on this TCP port, in the network namespace of Squall.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65_535))]
    port: Option<NonZeroU16>,
    /// The process with this command line, argument for argument.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    command: Option<Vec<String>>,
}

impl TryFrom<TargetKeys> for FaultTarget {
    type Error = TargetError;

    fn try_from(keys: TargetKeys) -> Result<Self, TargetError> {
        let TargetKeys { node, nodes, pick, pid, pid_file, port, command } = keys;
        if nodes.is_none() && pick.is_some() {
            return Err(TargetError::PickAlone);
        }
        if nodes.as_ref().is_some_and(NodeLabels::is_empty) {
            return Err(TargetError::Empty("nodes"));
        }
        if command.as_ref().is_some_and(Vec::is_empty) {
            return Err(TargetError::Empty("command"));
        }
        let nodes = nodes.map(|labels| Self::Nodes { labels, pick: pick.unwrap_or_default() });
        let all = [
            node.map(Self::Node),
            nodes,
            pid.map(|pid| Self::Running(Locator::Pid(pid))),
            pid_file.map(|path| Self::Running(Locator::PidFile(path))),
            port.map(|port| Self::Running(Locator::Port(port))),
            command.map(|argv| Self::Running(Locator::Command(argv))),
        ];
        let given: Vec<&str> = KEYS.iter().zip(&all).filter(|(_, one)| one.is_some()).map(|(key, _)| *key).collect();
        match given.len() {
            0 => Err(TargetError::Nothing),
            1 => all.into_iter().flatten().next().ok_or(TargetError::Nothing),
            _ => Err(TargetError::Several(given)),
        }
    }
}

impl From<FaultTarget> for TargetKeys {
    fn from(target: FaultTarget) -> Self {
        let mut keys = Self::default();
        match target {
            FaultTarget::Node(name) => keys.node = Some(name),
            FaultTarget::Nodes { labels, pick } => {
                keys.nodes = Some(labels);
                keys.pick = Some(pick);
            }
            FaultTarget::Running(Locator::Pid(pid)) => keys.pid = Some(pid),
            FaultTarget::Running(Locator::PidFile(path)) => keys.pid_file = Some(path),
            FaultTarget::Running(Locator::Port(port)) => keys.port = Some(port),
            FaultTarget::Running(Locator::Command(argv)) => keys.command = Some(argv),
        }
        keys
    }
}

impl JsonSchema for FaultTarget {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "FaultTarget".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = TargetKeys::json_schema(generator);
        exactly_one_of(&mut schema, &KEYS);
        schema.insert("dependencies".to_owned(), serde_json::json!({ "pick": ["nodes"] }));
        schema
    }
}

impl FaultTarget {
    /// The members that it means, which stay the same for the entry: a draw is made once.
    ///
    /// # Errors
    /// [`PluginError::Refused`] for a node that is unknown or protected, or when no node is left to draw from.
    pub fn resolve(&self, cx: &RunContext) -> Result<Vec<Arc<dyn Member>>, PluginError> {
        let entry = cx.entry().map_or(cx.path(), |entry| entry.path.as_str());
        let nodes = cx.services().get::<Nodes>();
        nodes.chosen(entry, &format!("{self:?}"), || match self {
            Self::Node(name) => Ok(vec![nodes.for_fault(name)?]),
            Self::Nodes { labels, pick } => draw(nodes.labelled(labels), *pick, &mut cx.rng(), self),
            Self::Running(locator) => Ok(vec![attach(locator)?]),
        })
    }
}

impl fmt::Display for FaultTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node(name) => write!(f, "node `{name}`"),
            Self::Nodes { labels, .. } => {
                let labels: Vec<String> = labels.iter().map(|(key, value)| format!("{key}: {value}")).collect();
                write!(f, "nodes with {{{}}}", labels.join(", "))
            }
            Self::Running(locator) => locator.fmt(f),
        }
    }
}

/// Draws as many as are asked for, each at most once; they keep their order.
fn draw(
    mut from: Vec<Arc<dyn Member>>,
    pick: Pick,
    rng: &mut impl Rng,
    target: &FaultTarget,
) -> Result<Vec<Arc<dyn Member>>, PluginError> {
    let there = from.len();
    let wanted = match pick {
        Pick::Some(count) => usize::try_from(count.get()).unwrap_or(usize::MAX),
        Pick::All => there.max(1),
    };
    if wanted > there {
        let why = format!("{target}: {wanted} wanted, and {there} may be acted on (protected ones never count)");
        return Err(PluginError::refused(why));
    }
    while from.len() > wanted {
        from.remove(random_index(from.len(), rng));
    }
    Ok(from)
}
