//! The trigger that fires when another entry of the run changes its stage, or when somebody outside says that something happened.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use chaos_core::{
    Edge, FaultEdges, Fired, PluginError, RunContext, Stage, ToldEvents, Trigger, exactly_one_of, register_trigger,
    suggestion,
};
use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Deserializer, Serialize};
use tokio::sync::watch;

/// Fires when another entry became active, was released or was reverted, or when the harness tells an event.
///
/// What happened before this one began to wait counts, too: an agent may be faster than we are. Where it waits again, as in a
/// `debounce`, it is for the next time.
///
/// # Example
/// ```yaml
/// type: event
/// entry: pause
/// becomes: active
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "EventTrigger", transform = one_source)]
pub struct OnEvent {
    /// Name of another entry of the run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entry: Option<String>,
    /// What that entry becomes; without it `active`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub becomes: Option<EntryBecomes>,
    /// The event that is told from outside.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub told: Option<String>,
}

/// How far along an entry is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EntryBecomes {
    /// Its fault was found in force.
    #[default]
    Active,
    /// Its undo has begun, or it has run its course.
    Released,
    /// Nothing of it is left.
    Reverted,
}

fn one_source(schema: &mut Schema) {
    exactly_one_of(schema, &["entry", "told"]);
}

/// The keys as they are written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    entry: Option<String>,
    #[serde(default)]
    becomes: Option<EntryBecomes>,
    #[serde(default)]
    told: Option<String>,
}

impl<'de> Deserialize<'de> for OnEvent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Written { entry, becomes, told } = Written::deserialize(deserializer)?;
        if entry.is_some() == told.is_some() {
            return Err(serde::de::Error::custom("expected exactly one of `entry` and `told`"));
        }
        if becomes.is_some() && told.is_some() {
            return Err(serde::de::Error::custom("`becomes` belongs to `entry`; an event that is told has no stage"));
        }
        Ok(Self { entry, becomes, told })
    }
}

impl EntryBecomes {
    fn reached_by(self, stage: Stage) -> bool {
        match self {
            Self::Active => stage == Stage::InForce,
            Self::Released => matches!(stage, Stage::Leaving | Stage::Gone),
            Self::Reverted => stage == Stage::Gone,
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Active => "is active",
            Self::Released => "was released",
            Self::Reverted => "was reverted",
        }
    }
}

impl OnEvent {
    async fn entry(&self, name: &str, cx: &RunContext) -> Result<Fired, PluginError> {
        let faults = cx.services().get::<FaultEdges>();
        let entries = faults.entries();
        let is_ours = |path: &str| cx.entry().is_some_and(|ours| ours.path == path);
        let others: Vec<_> = entries.iter().filter(|entry| !is_ours(&entry.path)).collect();
        if !others.iter().any(|entry| entry.name == name) {
            let near = suggestion(name, others.iter().map(|entry| entry.name.as_str()));
            let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
            return Err(PluginError::failed(format!("no other entry is called `{name}`{near}")));
        }
        let becomes = self.becomes.unwrap_or_default();
        let reached =
            |edge: &Edge| edge.entry.name == name && !is_ours(&edge.entry.path) && becomes.reached_by(edge.stage);
        next(faults.watch(), cx, reached).await?;
        Ok(Fired(format!("`{name}` {}", becomes.words())))
    }

    async fn told(&self, name: &str, cx: &RunContext) -> Result<Fired, PluginError> {
        next(cx.services().get::<ToldEvents>().watch(), cx, |told: &String| told == name).await?;
        Ok(Fired(format!("`{name}` was told")))
    }
}

/// How much of a list each trigger of the run has seen, by its position.
#[derive(Debug, Default)]
struct Seen(Mutex<BTreeMap<String, usize>>);

/// Waits for the next item of a list that this trigger has not seen yet and that is wanted.
async fn next<T>(
    mut list: watch::Receiver<Vec<T>>,
    cx: &RunContext,
    wanted: impl Fn(&T) -> bool,
) -> Result<(), PluginError> {
    let seen = cx.services().get::<Seen>();
    let before = seen.0.lock().unwrap_or_else(PoisonError::into_inner).get(cx.path()).copied().unwrap_or_default();
    let place = |list: &Vec<T>| list.iter().skip(before).position(&wanted);
    let list = list.wait_for(|list| place(list).is_some()).await.map_err(|_| PluginError::Cancelled)?;
    let after = before + place(&list).unwrap_or_default() + 1;
    seen.0.lock().unwrap_or_else(PoisonError::into_inner).insert(cx.path().to_owned(), after);
    Ok(())
}

impl Trigger for OnEvent {
    async fn wait(&self, cx: &RunContext) -> Result<Fired, PluginError> {
        let happened = async {
            match (&self.entry, &self.told) {
                (Some(entry), _) => self.entry(entry, cx).await,
                (None, Some(told)) => self.told(told, cx).await,
                (None, None) => Err(PluginError::refused("expected exactly one of `entry` and `told`")),
            }
        };
        tokio::select! {
            biased;
            fired = happened => fired,
            () = cx.cancelled() => Err(PluginError::Cancelled),
        }
    }
}

register_trigger!(OnEvent, "event");

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use chaos_core::{TriggerNode, parse};
    use chaos_test::run_context;
    use serde_json::json;

    use super::*;

    #[test]
    fn it_has_exactly_one_source() {
        for wrong in [
            json!({"type": "event"}),
            json!({"type": "event", "entry": "a", "told": "b"}),
            json!({"type": "event", "told": "b", "becomes": "active"}),
            json!({"type": "event", "entry": "a", "becomes": "gone"}),
        ] {
            assert!(parse::<TriggerNode>(&wrong).is_err(), "{wrong}");
        }
        let told: TriggerNode = parse(&json!({"type": "event", "told": "acted"})).unwrap();
        assert_eq!(serde_json::to_value(&told).unwrap(), json!({"type": "event", "told": "acted"}));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_told_counts_from_the_beginning_and_once_for_each_wait() {
        let cx = run_context().virtual_time().build();
        let trigger: TriggerNode = parse(&json!({"type": "event", "told": "acted"})).unwrap();
        let told = cx.services().get::<ToldEvents>();
        told.tell("other");
        told.tell("acted");
        assert_eq!(trigger.wait(&cx).await.unwrap().0, "`acted` was told");
        let again = tokio::time::timeout(Duration::from_mins(1), trigger.wait(&cx)).await;
        assert!(again.is_err(), "{again:?}");
        let (again, ()) = tokio::join!(trigger.wait(&cx), async { told.tell("acted") });
        assert!(again.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn another_entry_that_is_so_far_along_fires_and_ours_or_none_does_not() {
        let run = run_context().virtual_time().scope();
        let (other, ours) = (run.entry("chaos_spec/0", "pause"), run.entry("chaos_spec/1", "kill"));
        let when = |entry: &str, becomes: &str| {
            parse::<TriggerNode>(&json!({"type": "event", "entry": entry, "becomes": becomes})).unwrap()
        };
        let error = when("puase", "active").wait(ours.cx()).await.unwrap_err().to_string();
        assert_eq!(error, "no other entry is called `puase`; did you mean `pause`?");
        assert!(when("kill", "active").wait(ours.cx()).await.is_err(), "an entry that waits for itself");
        let stages = [
            (Stage::Landing, [false, false, false]),
            (Stage::InForce, [true, false, false]),
            (Stage::Leaving, [true, true, false]),
            (Stage::Gone, [true, true, true]),
        ];
        for (place, (stage, fires)) in stages.into_iter().enumerate() {
            other.edge(stage);
            ours.edge(stage);
            for (becomes, fires) in ["active", "released", "reverted"].into_iter().zip(fires) {
                let cx = ours.cx().child(&format!("{place}/{becomes}"), None);
                let trigger = when("pause", becomes);
                let waited = tokio::time::timeout(Duration::from_mins(1), trigger.wait(&cx)).await;
                assert_eq!(waited.is_ok(), fires, "{stage:?} {becomes}");
            }
        }
    }
}
