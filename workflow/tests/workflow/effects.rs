//! Effects of leaf steps that outlive them: undone when the workflow has ended, after its `finally`.

use std::fs;
use std::path::PathBuf;

use chaos_core::{Step, StepContext, StepEnd, StepHosts, StepOutcome, Undo, register_step};
use chaos_test::{Misbehave, RemoveFile};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::fixture::{Place, outcomes};

/// Makes a file that is removed at the end of the workflow, or notes in a log whether it is there.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Makes {
    file: PathBuf,
    #[serde(default)]
    misbehave: Misbehave,
    /// Where it notes whether the file is there, in place of making it.
    #[serde(default)]
    notes: Option<PathBuf>,
    /// How it ends.
    #[serde(default)]
    ends: Option<StepOutcome>,
}

impl Step for Makes {
    async fn run(&self, cx: &StepContext) -> StepEnd {
        if let Some(notes) = &self.notes {
            fs::write(notes, self.file.exists().to_string()).unwrap();
            return StepEnd::new(StepOutcome::Pass, "noted");
        }
        let undo: Undo = cx.run().services().get::<StepHosts>().host().unwrap().undo().await.unwrap();
        // Before anything is armed, nothing undoes another effect.
        let early = undo.another().map(drop).is_ok();
        let armed = undo.arm(RemoveFile { path: self.file.clone(), misbehave: self.misbehave }).await;
        let Ok(permit) = armed else { return StepEnd::new(StepOutcome::InfraFail, "too late") };
        fs::write(&self.file, "").unwrap();
        drop(permit);
        drop(undo.another().unwrap());
        StepEnd::new(self.ends.unwrap_or(StepOutcome::Pass), format!("early: {early}"))
    }
}

register_step!(Makes, "test_makes");

fn makes(place: &Place, name: &str, more: &Value) -> Value {
    let mut step = json!({ "type": "test_makes", "name": name, "file": place.bench.path("effect") });
    step.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    step
}

fn notes(place: &Place) -> Value {
    makes(place, "notes", &json!({ "notes": place.bench.path("notes") }))
}

#[test]
fn an_effect_lasts_until_every_finally_has_run_and_is_undone_then() {
    for ends in ["pass", "task_fail"] {
        let place = Place::new();
        let first = makes(&place, "first", &json!({ "ends": ends }));
        let report = place.run(&json!({
            "type": "serial", "name": "all", "steps": [first, place.passes("later")], "finally": [notes(&place)]
        }));
        assert_eq!(fs::read_to_string(place.bench.path("notes")).unwrap(), "true", "it was gone before `finally`");
        assert!(!place.bench.path("effect").exists(), "it is still there: {ends}");
        assert_eq!(report.exit_code, u8::from(ends != "pass"));
        assert_eq!(crate::fixture::detail(&report, "first"), "early: false");
        assert_eq!(place.bench.journals_left(), 0);
    }
}

#[test]
fn an_undo_that_fails_is_told_and_outranks_the_outcome() {
    let place = Place::new();
    let step = makes(&place, "first", &json!({ "misbehave": "undo_fails" }));
    let report = place.run(&json!({ "type": "serial", "name": "all", "steps": [step] }));
    assert_eq!(report.exit_code, 3);
    assert!(report.in_force.as_ref().unwrap().contains("the undo failed"), "{:?}", report.in_force);
    assert_eq!(place.bench.journals_left(), 1, "a recovery needs it");
}

#[test]
fn an_interruption_refuses_no_diagnostics_and_undoes_all_the_same() {
    let place = Place::new();
    let waits = json!({ "type": "wait", "name": "waits", "seconds": 1000 });
    let finally = makes(&place, "last", &json!({}));
    let workflow = json!({
        "type": "serial", "name": "all", "steps": [waits], "finally": [finally, notes(&place)]
    });
    let report = place.run_with(&workflow, |session| session.control().cancel());
    assert_eq!(outcomes(&report)[2..], [("last", "pass"), ("notes", "pass")]);
    assert_eq!(fs::read_to_string(place.bench.path("notes")).unwrap(), "true");
    assert!(!place.bench.path("effect").exists());
    assert_eq!((report.exit_code, place.bench.journals_left()), (2, 0));
}
