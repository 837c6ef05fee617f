//! A plug-in written against the public surface alone: registration, nodes, paths of mistakes, undo under permits.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use chaos_core::{
    Answer, ChaosSpec, Evidence, FAULTS, Fault, InjectContext, Injection, Journal, Observation, PROBES, Plan,
    PluginError, Probe, ProbeNode, RunContext, Sighting, Span, TRIGGERS, Undo, UndoContext, UndoLog, UndoStep, Undone,
    parse, register_fault, register_probe, register_trigger, register_undo_step,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Marks a number.
///
/// # Example
/// ```yaml
/// type: mark
/// number: 3
/// ```
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Mark {
    /// The number.
    number: u8,
}

impl Fault for Mark {
    const SPAN: Span = Span::Sustained;

    async fn plan(&self, _cx: &RunContext) -> Result<Plan, PluginError> {
        Ok(Plan::new("mark"))
    }

    async fn inject(&self, _cx: &InjectContext, undo: &Undo) -> Result<Injection, PluginError> {
        let _effect = undo.arm(Unmark { number: self.number }).await?;
        Ok(Injection::in_force())
    }

    async fn witness(&self, _cx: &RunContext) -> Sighting {
        Sighting::absent(Evidence::new("no mark"))
    }
}

register_fault!(Mark, "mark", aliases: ["tick"]);

#[derive(Debug, Serialize, Deserialize)]
struct Unmark {
    number: u8,
}

static UNMARKED: AtomicUsize = AtomicUsize::new(0);

impl UndoStep for Unmark {
    async fn undo(&self, _cx: &UndoContext) -> Result<Undone, PluginError> {
        UNMARKED.fetch_add(1, Ordering::SeqCst);
        Ok(Undone::Reverted("unmarked".into()))
    }

    fn describe(&self) -> String {
        format!("unmark {}", self.number)
    }
}

register_undo_step!(Unmark, "unmark");

/// Asks all.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Every {
    /// What is asked.
    checks: Vec<ProbeNode>,
}

impl Probe for Every {
    async fn observe(&self, cx: &RunContext) -> Observation {
        let mut answer = Answer::Yes;
        for check in &self.checks {
            answer = answer.and(check.observe(cx).await.answer);
        }
        Observation { answer, value: serde_json::Value::Null, detail: String::new() }
    }
}

register_probe!(Every, "every");

/// Fires now.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Now {}

impl chaos_core::Trigger for Now {
    async fn wait(&self, _cx: &RunContext) -> Result<chaos_core::Fired, PluginError> {
        Ok(chaos_core::Fired("now".into()))
    }
}

register_trigger!(Now, "now");

fn entry() -> serde_json::Value {
    json!({
        "trigger": {"name": "at once", "type": "now"},
        "action": {"number": 3, "type": "tick", "name": "the mark"},
        "during": [{"checks": [{"type": "every", "checks": []}], "interval_seconds": 2, "type": "every"}],
        "detect": {"type": "every", "checks": [], "within_seconds": 5}
    })
}

#[test]
fn the_registries_are_sorted_unique_and_described() {
    assert_eq!((FAULTS.names(), TRIGGERS.names(), PROBES.names()), (vec!["mark"], vec!["now"], vec!["every"]));
    FAULTS.check().unwrap();
    let mark = FAULTS.get("tick").unwrap();
    assert_eq!((mark.name, mark.summary().as_str()), ("mark", "Marks a number."));
    assert_eq!(mark.example().unwrap(), "type: mark\nnumber: 3\n");
    let error = FAULTS.get("mrak").unwrap_err();
    assert_eq!(error.to_string(), "unknown fault type `mrak`; did you mean `mark`?; known: mark");
}

#[test]
fn names_aliases_and_keys_beside_are_read_in_any_order_and_written_again() {
    let spec: ChaosSpec = parse(&entry()).unwrap();
    assert_eq!((spec.trigger.name(), spec.action.label()), (Some("at once"), "the mark"));
    assert_eq!(spec.action.type_name(), "mark");
    assert_eq!(spec.during[0].extra().interval_seconds.get(), std::time::Duration::from_secs(2));
    assert_eq!(spec.detect.as_ref().unwrap().extra().within_seconds.get(), std::time::Duration::from_secs(5));
    let again: ChaosSpec = parse(&serde_json::to_value(&spec).unwrap()).unwrap();
    assert_eq!(serde_json::to_value(&again).unwrap(), serde_json::to_value(&spec).unwrap());
    assert_eq!(
        serde_json::to_value(&spec).unwrap()["action"],
        json!({"type": "mark", "number": 3, "name": "the mark"})
    );
}

#[test]
fn plain_serde_with_the_type_last_reads_the_same() {
    let text = r#"{"number": 3, "name": "n", "type": "tick"}"#;
    let node: chaos_core::FaultNode = serde_json::from_str(text).unwrap();
    assert_eq!((node.name(), node.type_name()), (Some("n"), "mark"));
}

#[test]
fn a_mistake_is_named_at_its_own_path() {
    let rows = [
        ("/action", json!({"type": "mark", "number": 300}), "/action/number"),
        ("/action", json!({"type": "mark", "number": 3, "colour": 1}), "/action"),
        ("/action", json!({"number": 3}), "/action"),
        ("/action", json!({"type": "mark", "number": 3, "name": 7}), "/action"),
        ("/during/0/checks", json!([{"type": "every", "checks": [{"type": "every"}]}]), "/during/0/checks/0/checks/0"),
        ("/detect/within_seconds", json!(-1), "/detect"),
        ("/trigger", json!([]), "/trigger"),
    ];
    for (at, value, pointer) in rows {
        let mut document = entry();
        *document.pointer_mut(at).unwrap() = value.clone();
        let error = parse::<ChaosSpec>(&document).unwrap_err();
        assert_eq!(error.pointer, pointer, "{value}: {error}");
    }
}

fn context() -> RunContext {
    let clock: Arc<dyn chaos_core::Clock> = Arc::new(chaos_core::RealClock::new());
    let parts = chaos_core::ContextParts {
        run_id: "r".into(),
        seed: 1,
        events: chaos_core::Events::new(Arc::clone(&clock)),
        clock,
        policy: Arc::default(),
        hosts: chaos_core::Hosts::new(Arc::new(chaos_core::SystemResolver)),
        env: Arc::default(),
        workspace: std::env::temp_dir(),
    };
    RunContext::new(parts, tokio_util::sync::CancellationToken::new())
}

#[tokio::test]
async fn a_seal_refuses_later_steps_and_waits_for_open_permits() {
    let log = UndoLog::new(Arc::new(Journal::in_memory()), context(), None);
    let undo = log.handle();
    let permit = undo.arm(Unmark { number: 1 }).await.unwrap();
    log.seal();
    assert!(matches!(undo.arm(Unmark { number: 2 }).await, Err(chaos_core::ArmError::Sealed)));
    let waiting = tokio::spawn({
        let log = Arc::clone(&log);
        async move { log.drained().await }
    });
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished(), "undone while an effect was being made");
    drop(permit);
    waiting.await.unwrap();
    assert_eq!(log.newest_first().len(), 1);
}

#[tokio::test]
async fn positions_and_not_names_separate_random_numbers() {
    use rand::Rng;
    let cx = context();
    let mut numbers = [cx.child("a", None), cx.child("b", None), cx.child("a", None)].map(|c| c.rng().next_u64());
    assert_eq!(numbers[0], numbers[2]);
    numbers.sort_unstable();
    assert_ne!(numbers[0], numbers[2]);
}
