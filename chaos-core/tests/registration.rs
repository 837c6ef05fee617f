//! A plug-in written against the public surface alone: registration, nodes, paths of mistakes, undo under permits.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use chaos_core::{
    Answer, ChaosSpec, DynFault, DynUndoStep, Evidence, FAULTS, Fault, FaultNode, InjectContext, Injection, Journal,
    Observation, PROBES, PastJournal, Plan, PluginError, Probe, ProbeNode, RunContext, Sighting, Span, StateDir,
    Status, StepOwner, Successor, TRIGGERS, TriggerNode, Undo, UndoContext, UndoLog, UndoStep, Undone, parse,
    register_fault, register_probe, register_trigger, register_undo_step, removed_name,
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

const SUCCESSOR: Successor = Successor { replacement: Some("mark"), reason: "it was renamed" };

register_fault!(Mark, "mark", aliases: ["tick"], status: Status::Deprecated(SUCCESSOR));

removed_name!(Fault, "blot", SUCCESSOR);

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

    fn owner(&self) -> Option<StepOwner> {
        Some(StepOwner { node: format!("node{}", self.number) })
    }
}

register_undo_step!(Unmark, "unmark", aliases: ["untick"]);

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
fn a_name_has_a_status_and_a_removed_one_says_what_replaced_it() {
    let rows = [
        ("mark", Some(Status::Deprecated(SUCCESSOR))),
        ("tick", Some(Status::Deprecated(SUCCESSOR))),
        ("blot", Some(Status::Removed(SUCCESSOR))),
        ("smudge", None),
    ];
    for (name, status) in rows {
        assert_eq!(FAULTS.status(name), status, "{name}");
    }
    assert_eq!(TRIGGERS.status("now"), Some(Status::Stable));
    let error = parse::<FaultNode>(&json!({"type": "blot", "number": 3})).unwrap_err();
    assert_eq!(error.message, "fault type `blot` was removed: it was renamed; use `mark`");
    assert!(parse::<TriggerNode>(&json!({"type": "blot"})).unwrap_err().message.starts_with("unknown trigger type"));
}

#[test]
fn a_box_is_read_by_the_same_descriptor_and_written_under_the_one_name() {
    let read: Box<dyn DynFault> = parse(&json!({"number": 3, "type": "tick"})).unwrap();
    assert_eq!(serde_json::to_value(&read).unwrap(), json!({"type": "mark", "number": 3}));
    let step: Box<dyn DynUndoStep> = serde_json::from_value(json!({"number": 3, "type": "untick"})).unwrap();
    assert_eq!(serde_json::to_value(&step).unwrap(), json!({"type": "unmark", "number": 3}));
    for (value, why) in [
        (json!({"type": "mark", "number": 3, "name": "n"}), "unknown field `name`"),
        (json!({"type": "mark"}), "missing field `number`"),
        (json!({"number": 3}), "missing field `type`"),
        (json!([3]), "expected a fault (a mapping with a `type`)"),
    ] {
        let error = parse::<Box<dyn DynFault>>(&value).unwrap_err().to_string();
        assert!(error.contains(why), "{value}: {error}");
    }
}

#[test]
fn an_entry_is_built_from_typed_plug_ins() {
    let spec = ChaosSpec::new(Now {}, FaultNode::from(Mark { number: 3 }).named("the mark"));
    let read: ChaosSpec = parse(&json!({
        "trigger": {"type": "now"},
        "action": {"type": "mark", "number": 3, "name": "the mark"}
    }))
    .unwrap();
    assert_eq!(serde_json::to_value(&spec).unwrap(), serde_json::to_value(&read).unwrap());
    assert_eq!(ChaosSpec::new(Now {}, Mark { number: 3 }).action.type_name(), "mark");
}

#[tokio::test]
async fn the_journal_keeps_the_owner_of_a_step() {
    let temp = tempfile::tempdir().unwrap();
    let state = StateDir::at(temp.path());
    state.prepare().unwrap();
    let journal = Journal::create(&state, "r", "x", Path::new("/work")).unwrap();
    let path = journal.path().to_owned();
    let log = UndoLog::new(Arc::new(journal), context(), None);
    drop(log.handle().arm(Unmark { number: 7 }).await.unwrap());
    drop(log);
    let past = PastJournal::take(&path).unwrap().unwrap();
    assert_eq!(past.pending[0].owner, Some(StepOwner { node: "node7".into() }));
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
        redactor: chaos_core::Redactor::default(),
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
