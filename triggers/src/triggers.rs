//! What the triggers that wait for several others have in common.

use std::time::Duration;

use chaos_core::{Ceiling, PluginError, Reach, RunContext, TriggerNode};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

/// One trigger or more. An empty list is refused: it would fire without having waited for anything.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub struct Triggers(Vec<TriggerNode>);

/// A list without a trigger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no trigger: expected at least one, such as `- {{type: time, delay_seconds: 5}}`")]
pub struct NoTriggers;

impl TryFrom<Vec<TriggerNode>> for Triggers {
    type Error = NoTriggers;

    fn try_from(triggers: Vec<TriggerNode>) -> Result<Self, NoTriggers> {
        if triggers.is_empty() { Err(NoTriggers) } else { Ok(Self(triggers)) }
    }
}

impl<'de> Deserialize<'de> for Triggers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::deserialize(deserializer)?.try_into().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Triggers {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Triggers".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let trigger = TriggerNode::json_schema(generator);
        schemars::json_schema!({ "type": "array", "items": trigger, "minItems": 1 })
    }
}

impl Triggers {
    /// Each with a context of its own, in the order of the list.
    pub(crate) fn in_places<'a>(&'a self, cx: &RunContext) -> Vec<(&'a TriggerNode, RunContext)> {
        let place = |(index, trigger)| (trigger, cx.child(&format!("triggers/{index}"), None));
        self.0.iter().enumerate().map(place).collect()
    }

    pub(crate) fn each(&self) -> std::slice::Iter<'_, TriggerNode> {
        self.0.iter()
    }

    /// The least time of each.
    pub(crate) fn least_times(&self) -> impl Iterator<Item = Duration> {
        self.each().map(|trigger| trigger.at_least())
    }

    /// What waiting for all of them would use.
    pub(crate) fn reach(&self) -> Result<Reach, PluginError> {
        self.0.iter().try_fold(Reach::default(), |reach, trigger| Ok(reach.and(trigger.reach()?)))
    }

    /// How much waiting for all of them at the same time asks.
    pub(crate) fn asks(&self) -> Result<Vec<Ceiling>, PluginError> {
        self.0.iter().try_fold(Vec::new(), |mut all, trigger| {
            all.extend(trigger.asks()?);
            Ok(all)
        })
    }
}
