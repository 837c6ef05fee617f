//! A source of evidence: how it is declared, and what it is while a run lasts.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::need::EvidenceKind;
use crate::{BoxFuture, Plan, PluginError, RunContext};

/// What a source gets: its name, and the run around it.
#[derive(Debug, Clone)]
pub struct SourceContext {
    name: Arc<str>,
    cx: RunContext,
}

impl SourceContext {
    /// The context of the source of that name.
    pub fn new(name: &str, cx: RunContext) -> Self {
        Self { name: name.into(), cx }
    }

    /// Its name, by which probes ask for what it took in.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// The run.
    pub fn cx(&self) -> &RunContext {
        &self.cx
    }
}

/// A source of evidence as its author writes it.
pub trait Source: Debug + Send + Sync + 'static {
    /// What it takes in.
    const GIVES: &'static [EvidenceKind];

    /// What it takes in as it is declared, where that is less than [`Source::GIVES`]. May look, never touches.
    fn gives(&self, cx: &SourceContext) -> Vec<EvidenceKind> {
        let _ = cx;
        Self::GIVES.to_vec()
    }

    /// Says what it reaches: hosts that it asks, addresses on which it listens, files that it writes. May look, never touches.
    fn plan(&self, cx: &SourceContext) -> impl Future<Output = Result<Plan, PluginError>> + Send;

    /// Begins to take in. What is sent after this has returned is not missed.
    ///
    /// # Errors
    /// [`PluginError::Failed`] where it can't, such as an address in use.
    fn start(&self, cx: &SourceContext) -> impl Future<Output = Result<Arc<dyn RunningSource>, PluginError>> + Send;

    /// Whether it can't run under virtual time, as whatever waits for other programs.
    fn needs_real_time(&self) -> bool {
        true
    }
}

/// A source that takes in. What it started ends when it is dropped.
pub trait RunningSource: Debug + Send + Sync {
    /// One clause that says where it takes from: `OTLP on http://127.0.0.1:4318`.
    fn describe(&self) -> String;

    /// The variables that a node of that name needs to send to it; the node's own win.
    fn node_environment(&self, node: &str) -> BTreeMap<String, String> {
        let _ = node;
        BTreeMap::new()
    }

    /// Takes in what is under way, and ends. Called once.
    fn stop(&self) -> BoxFuture<'_, SourceEnd>;
}

/// What a source has taken in, once it is over.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct SourceEnd {
    /// How many spans, samples, and lines it took in.
    pub taken: u64,
    /// How many of them were not kept, or could not be read; an answer that rests on such a store is unknown.
    pub dropped: u64,
    /// What else is to be said, such as the first reason for a drop; empty where nothing is.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

/// What the engine calls; implemented for every [`Source`].
pub trait ErasedSource: Debug + Send + Sync {
    /// See [`Source::gives`].
    fn gives(&self, cx: &SourceContext) -> Vec<EvidenceKind>;
    /// See [`Source::plan`].
    fn plan<'a>(&'a self, cx: &'a SourceContext) -> BoxFuture<'a, Result<Plan, PluginError>>;
    /// See [`Source::start`].
    fn start<'a>(&'a self, cx: &'a SourceContext) -> BoxFuture<'a, Result<Arc<dyn RunningSource>, PluginError>>;
    /// See [`Source::needs_real_time`].
    fn needs_real_time(&self) -> bool;
}

impl<T: Source> ErasedSource for T {
    fn gives(&self, cx: &SourceContext) -> Vec<EvidenceKind> {
        Source::gives(self, cx)
    }

    fn plan<'a>(&'a self, cx: &'a SourceContext) -> BoxFuture<'a, Result<Plan, PluginError>> {
        Box::pin(Source::plan(self, cx))
    }

    fn start<'a>(&'a self, cx: &'a SourceContext) -> BoxFuture<'a, Result<Arc<dyn RunningSource>, PluginError>> {
        Box::pin(Source::start(self, cx))
    }

    fn needs_real_time(&self) -> bool {
        Source::needs_real_time(self)
    }
}

/// A registered source. Written by [`crate::register_source!`] only.
#[typetag::serialize(tag = "type")]
pub trait DynSource: ErasedSource {}
