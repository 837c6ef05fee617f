//! Nothing but the `inject` of a finite fault can make an entry active.

use std::sync::Mutex;
use std::time::Duration;

use chaos_core::{
    ChaosSpec, Evidence, Fault, FaultEdges, Fired, InjectContext, Injection, Outcome, Plan, PluginError, Progress,
    RunContext, RunLoads, Sighting, Span, Trigger, Undo, parse, register_fault, register_trigger,
};
use chaos_runner::{Session, SessionPlan};
use chaos_test::Bench;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The context of a finite injection that has ended, for others to call.
static LEFT_OVER: Mutex<Option<InjectContext>> = Mutex::new(None);

/// Calls whatever could make an entry active, of all that a context offers.
fn call_everything(cx: &RunContext) {
    let evidence = || Evidence::new("a lie");
    InjectContext::from(cx.clone()).active(evidence());
    InjectContext::from(cx.child("action", None)).active(evidence());
    InjectContext::new(cx.clone(), cx.cancel_token().child_token()).active(evidence());
    if let Some(left_over) = LEFT_OVER.lock().unwrap().as_ref() {
        left_over.active(evidence());
        left_over.clone().active(evidence());
    }
    cx.note("active");
    let _: (Option<_>, Vec<_>) = (cx.entry(), cx.services().get::<FaultEdges>().entries());
    let _ = (cx.services().get::<FaultEdges>().watch(), cx.services().get::<RunLoads>().all());
    let _ = (cx.run_id(), cx.path(), cx.clock().now(), cx.shared_clock(), cx.time_left(), cx.rng(), cx.seed());
    let _ = (cx.policy(), cx.env("HOME"), cx.environment(), cx.workspace(), cx.cancel_token());
    let _: fn(&RunContext, Progress) = RunContext::progress;
}

/// A sustained fault that calls everything, and never is there.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct LiesSustained {}

impl Fault for LiesSustained {
    const SPAN: Span = Span::Sustained;

    async fn plan(&self, cx: &RunContext) -> Result<Plan, PluginError> {
        call_everything(cx);
        Ok(Plan::new("lie"))
    }

    async fn inject(&self, cx: &InjectContext, _undo: &Undo) -> Result<Injection, PluginError> {
        cx.active(Evidence::new("a lie"));
        cx.clone().active(Evidence::new("a lie"));
        call_everything(cx);
        Ok(Injection::in_force())
    }

    async fn witness(&self, cx: &RunContext) -> Sighting {
        call_everything(cx);
        Sighting::absent(Evidence::new("it is not there"))
    }
}

register_fault!(LiesSustained, "engine_lies_sustained");

/// A finite fault that calls everything in its plan; its `inject` says that it is in force if it is told to.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct LiesFinite {
    /// Whether `inject` says it.
    says: bool,
}

impl Fault for LiesFinite {
    const SPAN: Span = Span::Finite;

    async fn plan(&self, cx: &RunContext) -> Result<Plan, PluginError> {
        call_everything(cx);
        Ok(Plan::new("lie").lasting(Duration::from_secs(2)))
    }

    async fn inject(&self, cx: &InjectContext, _undo: &Undo) -> Result<Injection, PluginError> {
        if !self.says {
            call_everything(cx);
            return Ok(Injection::Finished(Outcome::missed("nothing happened", Evidence::new("nothing"))));
        }
        cx.active(Evidence::new("the truth"));
        *LEFT_OVER.lock().unwrap() = Some(cx.clone());
        Ok(Injection::Finished(Outcome::landed(Evidence::new("the truth"))))
    }

    async fn witness(&self, cx: &RunContext) -> Sighting {
        call_everything(cx);
        Sighting::unknown("its evidence is in its outcome")
    }
}

register_fault!(LiesFinite, "engine_lies_finite");

/// A trigger that calls everything.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct LiesTrigger {}

impl Trigger for LiesTrigger {
    async fn wait(&self, cx: &RunContext) -> Result<Fired, PluginError> {
        call_everything(cx);
        Ok(Fired("at once".into()))
    }
}

register_trigger!(LiesTrigger, "engine_lies");

fn entry(trigger: &str, action: &Value) -> ChaosSpec {
    parse(&json!({"trigger": {"type": trigger}, "action": action})).unwrap()
}

#[test]
fn only_the_inject_of_a_finite_fault_makes_an_entry_active() {
    let bench = Bench::new().unwrap();
    let work = |session: Session| async move {
        let rows = [
            // The second row leaves its context behind for those after it.
            (json!({"type": "engine_lies_sustained"}), false),
            (json!({"type": "engine_lies_finite", "says": true}), true),
            (json!({"type": "engine_lies_sustained"}), false),
            (json!({"type": "engine_lies_finite", "says": false}), false),
        ];
        for (action, active) in rows {
            for trigger in ["test_now", "engine_lies"] {
                let mut handle = session.start(entry(trigger, &action));
                let shown = handle.active().await;
                let result = handle.done().await.unwrap();
                let told = result.timeline.iter().any(|point| point.event == "active");
                assert_eq!((shown.is_some(), told, result.success), (active, active, active), "{action}: {result:?}");
            }
        }
    };
    let runner = bench.runner().build().unwrap();
    let end = runner.session(SessionPlan::default(), move |session| Box::pin(work(session))).unwrap();
    end.wait_blocking().unwrap().output.unwrap();
}
