//! The resources of a started program: in its group, if it has one.

use std::sync::Arc;

use chaos_core::{
    BoxFuture, Effect, Member, Plan, PluginError, ResourceAct, ResourceCounters, ResourceUsage, ResourcesFacet,
};
use chaos_host::{CgroupDir, PidFd};

use super::ProcessMember;
use crate::held;
use crate::resources::{GroupOf, Resources, Subject};
use crate::running::node_resource;

impl ProcessMember {
    /// Whose resources; `held` is its process, where that is up.
    fn subject(&self, held: Option<Arc<PidFd>>) -> Result<Subject<'_>, PluginError> {
        let group = self.supervisor.group().map_or(GroupOf::Ours, |one| GroupOf::Own(&one.group));
        Ok(Subject {
            label: self.label(),
            held: held.map(|held| held::again(&held)).transpose()?,
            group,
            whole: Some(node_resource(self.supervisor.node()).id),
            node: Some(&self.supervisor),
        })
    }

    /// Its group's freezer; `None` when it is not up yet.
    pub(super) fn freezer(&self) -> Result<Option<CgroupDir>, PluginError> {
        self.subject(self.supervisor.up()?)?.freezer()
    }
}

impl ResourcesFacet for ProcessMember {
    fn plan(&self, act: ResourceAct) -> BoxFuture<'_, Result<Plan, PluginError>> {
        Box::pin(async move { Resources::plan(&self.subject(self.supervisor.up()?)?, act) })
    }

    fn effect(&self, act: ResourceAct) -> BoxFuture<'_, Result<Effect, PluginError>> {
        Box::pin(async move { self.resources.effect(&self.subject(self.supervisor.up()?)?, act) })
    }

    fn usage(&self) -> BoxFuture<'_, Result<ResourceUsage, PluginError>> {
        // One that is down uses nothing itself.
        Box::pin(async move { self.resources.usage(&self.subject(self.supervisor.up().unwrap_or_default())?) })
    }

    fn counters(&self) -> BoxFuture<'_, Result<ResourceCounters, PluginError>> {
        Box::pin(async move { Ok(self.resources.counters(&self.subject(None)?)) })
    }
}
