//! The trigger that fires at once.

use chaos_core::{Fired, PluginError, RunContext, Trigger, register_trigger};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Fires at once.
///
/// # Example
/// ```yaml
/// type: immediate
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Immediate {}

impl Trigger for Immediate {
    async fn wait(&self, _cx: &RunContext) -> Result<Fired, PluginError> {
        Ok(Fired("at once".into()))
    }
}

register_trigger!(Immediate, "immediate");

#[cfg(test)]
mod tests {
    use chaos_core::{TRIGGERS, TriggerNode, parse};
    use serde_json::json;

    #[test]
    fn it_takes_no_parameters() {
        let node: TriggerNode = parse(&json!({"type": "immediate", "name": "now"})).unwrap();
        assert_eq!((node.type_name(), node.at_least()), ("immediate", std::time::Duration::ZERO));
        let error = parse::<TriggerNode>(&json!({"type": "immediate", "delay_seconds": 1})).unwrap_err();
        assert!(error.message.contains("unknown field `delay_seconds`"), "{error}");
    }

    #[test]
    fn both_triggers_are_registered_and_have_an_example_that_loads() {
        // Not the exact list: a scaffolded trigger must need no edit elsewhere. `generated/reference/names.txt` pins it.
        assert!(["immediate", "time"].iter().all(|name| TRIGGERS.get(name).is_ok()), "{:?}", TRIGGERS.names());
        for descriptor in TRIGGERS.all().iter().filter(|d| !d.name.starts_with("test_")) {
            let example = descriptor.example().unwrap();
            assert!(example.starts_with(&format!("type: {}\n", descriptor.name)), "{example}");
        }
    }
}
