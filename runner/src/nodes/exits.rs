//! What it means that a node ended by itself.

use chaos_core::{FaultEdges, NodeExit, Nodes, RunContext, Stage, Verdict};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A node that ended although nobody had ended it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NodeFinding {
    /// The node.
    pub node: String,
    /// How it ended: "exit code 3".
    pub exit: String,
    /// When that was seen, in seconds since the run began.
    pub at_seconds: f64,
    /// What it makes of the run: `deviated` once a fault was injected, before that `inconclusive`.
    pub verdict: Verdict,
    /// What was in force then, in one clause.
    pub detail: String,
}

/// What the nodes of the run `cx`, which began at `began` on its clock, did by themselves.
pub(crate) fn findings(cx: &RunContext, began: std::time::Duration) -> Vec<NodeFinding> {
    let edges = cx.services().get::<FaultEdges>().watch();
    let edges = edges.borrow();
    let finding = |exit: NodeExit| {
        // The last thing that a fault did before; a fault that is landing may be the cause already.
        let last = edges.iter().rev().find(|edge| edge.at <= exit.at);
        let (verdict, detail) = match last {
            None => (Verdict::Inconclusive, "before any fault".to_owned()),
            Some(edge) => {
                let (after, fault) = (exit.at.saturating_sub(edge.at).as_secs_f64(), &edge.entry.name);
                let what = match edge.stage {
                    Stage::Landing => "was injected",
                    Stage::InForce => "came into force",
                    Stage::Leaving => "began to be undone",
                    Stage::Gone => "was gone",
                };
                (Verdict::Deviated, format!("{after:.3} s after `{fault}` {what}"))
            }
        };
        let at_seconds = exit.at.saturating_sub(began).as_secs_f64();
        NodeFinding { node: exit.node, exit: exit.how, at_seconds, verdict, detail }
    };
    cx.services().get::<Nodes>().exits().into_iter().map(finding).collect()
}
