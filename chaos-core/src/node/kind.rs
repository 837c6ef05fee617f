//! A node kind: how a member of the system under test is declared.

use std::fmt::Debug;
use std::sync::Arc;

use super::context::NodeContext;
use super::member::Member;
use crate::{BoxFuture, Plan, PluginError, Requirement};

/// A node kind as its author writes it.
pub trait NodeKind: Debug + Send + Sync + 'static {
    /// What it needs of the machine.
    const NEEDS: &'static [Requirement] = &[];

    /// Says what starting it would touch: programs, files, ports, permissions. May look, never touches.
    fn plan(&self, cx: &NodeContext) -> impl Future<Output = Result<Plan, PluginError>> + Send;

    /// The member that a run gets for it. It is not up yet, and nothing is touched; it can be planned for all the same.
    ///
    /// # Errors
    /// [`PluginError`] when no run can have it, such as a name that can't be that of a folder.
    fn member(&self, cx: NodeContext) -> Result<Arc<dyn Member>, PluginError>;
}

/// What the engine calls; implemented for every [`NodeKind`].
pub trait ErasedNode: Debug + Send + Sync {
    /// See [`NodeKind::plan`].
    fn plan<'a>(&'a self, cx: &'a NodeContext) -> BoxFuture<'a, Result<Plan, PluginError>>;
    /// See [`NodeKind::member`].
    fn member(&self, cx: NodeContext) -> Result<Arc<dyn Member>, PluginError>;
}

impl<T: NodeKind> ErasedNode for T {
    fn plan<'a>(&'a self, cx: &'a NodeContext) -> BoxFuture<'a, Result<Plan, PluginError>> {
        Box::pin(NodeKind::plan(self, cx))
    }

    fn member(&self, cx: NodeContext) -> Result<Arc<dyn Member>, PluginError> {
        NodeKind::member(self, cx)
    }
}

/// A registered node kind. Written by [`crate::register_node!`] only.
#[typetag::serialize(tag = "type")]
pub trait DynNode: ErasedNode {}
