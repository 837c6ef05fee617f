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
/// active: pause
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "EventTrigger", deny_unknown_fields, transform = one_source)]
pub struct OnEvent {
    /// Name of another entry of the run, whose fault was found in force.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active: Option<String>,
    /// Name of another entry, whose undo has begun, or which has run its course.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub released: Option<String>,
    /// Name of another entry, of which nothing is left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reverted: Option<String>,
    /// The event that is told from outside (`squall tell RUN EVENT`, or `RunControl::tell`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub told: Option<String>,
}

/// Its keys; exactly one is written.
const KEYS: [&str; 4] = ["active", "released", "reverted", "told"];

fn one_source(schema: &mut Schema) {
    exactly_one_of(schema, &KEYS);
}

/// The keys as they are written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    active: Option<String>,
    #[serde(default)]
    released: Option<String>,
    #[serde(default)]
    reverted: Option<String>,
    #[serde(default)]
    told: Option<String>,
}

impl<'de> Deserialize<'de> for OnEvent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Written { active, released, reverted, told } = Written::deserialize(deserializer)?;
        let written = [&active, &released, &reverted, &told].into_iter().flatten().count();
        if written != 1 {
            return Err(serde::de::Error::custom(
                "expected exactly one of `active`, `released`, `reverted` and `told`",
            ));
        }
        Ok(Self { active, released, reverted, told })
    }
}

/// How far along an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Becomes {
    Active,
    Released,
    Reverted,
}

impl Becomes {
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
    async fn entry(name: &str, becomes: Becomes, cx: &RunContext) -> Result<Fired, PluginError> {
        let faults = cx.services().get::<FaultEdges>();
        let entries = faults.entries();
        let is_ours = |path: &str| cx.entry().is_some_and(|ours| ours.path == path);
        let others: Vec<_> = entries.iter().filter(|entry| !is_ours(&entry.path)).collect();
        if !others.iter().any(|entry| entry.name == name) {
            let near = suggestion(name, others.iter().map(|entry| entry.name.as_str()));
            let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
            return Err(PluginError::failed(format!("no other entry is called `{name}`{near}")));
        }
        let reached =
            |edge: &Edge| edge.entry.name == name && !is_ours(&edge.entry.path) && becomes.reached_by(edge.stage);
        next(faults.watch(), cx, reached).await?;
        Ok(Fired(format!("`{name}` {}", becomes.words())))
    }

    async fn told(name: &str, cx: &RunContext) -> Result<Fired, PluginError> {
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
            match self {
                Self { active: Some(name), .. } => Self::entry(name, Becomes::Active, cx).await,
                Self { released: Some(name), .. } => Self::entry(name, Becomes::Released, cx).await,
                Self { reverted: Some(name), .. } => Self::entry(name, Becomes::Reverted, cx).await,
                Self { told: Some(name), .. } => Self::told(name, cx).await,
                _ => Err(PluginError::refused(format!("expected exactly one of `{}`", KEYS.join("`, `")))),
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
            json!({"type": "event", "active": "a", "told": "b"}),
            json!({"type": "event", "active": "a", "reverted": "a"}),
            json!({"type": "event", "gone": "a"}),
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
        let when =
            |entry: &str, becomes: &str| parse::<TriggerNode>(&json!({"type": "event", becomes: entry})).unwrap();
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
