//! Failures that no step shows: nothing but `finally` begins after them.

use std::sync::{Arc, Mutex};

use chaos_core::{BoxFuture, StepEnd, StepOutcome};
use chaos_workflow::Witness;
use serde_json::{Value, json};

use crate::fixture::{Place, detail, outcomes};

/// Learns of a failure when it looks after the end of one step, or between two looks: once so many steps have ended.
#[derive(Default)]
struct Scripted {
    looks_after: Option<&'static str>,
    told_after: Option<usize>,
    known: Mutex<Option<StepEnd>>,
    ended: Mutex<Vec<(String, StepOutcome)>>,
}

impl Scripted {
    fn after(step: &'static str) -> Arc<Self> {
        Arc::new(Self { looks_after: Some(step), ..Self::default() })
    }

    fn ended(&self) -> Vec<String> {
        self.ended.lock().unwrap().iter().map(|(step, _)| step.clone()).collect()
    }

    fn learns(&self) {
        let mut known = self.known.lock().unwrap();
        known.get_or_insert_with(|| StepEnd::new(StepOutcome::TaskFail, "it was said"));
    }
}

impl Witness for Scripted {
    fn ended<'a>(&'a self, step: &'a str, outcome: StepOutcome) -> BoxFuture<'a, Option<StepEnd>> {
        Box::pin(async move {
            self.ended.lock().unwrap().push((step.to_owned(), outcome));
            if self.looks_after == Some(step) {
                self.learns();
            }
            self.known.lock().unwrap().clone()
        })
    }

    fn failed(&self) -> Option<StepEnd> {
        if self.told_after.is_some_and(|count| self.ended.lock().unwrap().len() >= count) {
            self.learns();
        }
        self.known.lock().unwrap().clone()
    }
}

fn serial(name: &str, steps: &[Value], finally: &[Value]) -> Value {
    json!({ "type": "serial", "name": name, "steps": steps, "finally": finally })
}

#[test]
fn a_step_that_passed_has_failed_where_the_witness_says_so_and_no_other_begins() {
    let place = Place::new();
    let steps = ["one", "two", "three", "four", "five"].map(|name| place.passes(name));
    let workflow = serial("all", &steps, &[place.passes("last")]);
    let witness = Scripted::after("two");
    let report = place.run_witnessed(&workflow, Arc::clone(&witness) as Arc<dyn Witness>);
    assert_eq!(place.log(), ["one", "two", "last"]);
    assert_eq!((report.exit_code, report.first_failure.as_deref()), (1, Some("two")));
    assert_eq!((detail(&report, "two"), detail(&report, "four")), ("it was said", "`two` failed first"));
    // What runs last is asked nothing, and is judged by itself.
    assert_eq!(witness.ended(), ["one", "two"]);
    assert!(outcomes(&report).contains(&("last", "pass")));
    // The same steps, where nobody says anything.
    let place = Place::new();
    let steps = ["one", "two", "three"].map(|name| place.passes(name));
    let report = place.run_witnessed(&serial("all", &steps, &[]), Arc::new(Scripted::default()));
    assert_eq!((report.exit_code, place.log().len()), (0, 3));
}

#[test]
fn what_is_learned_between_two_steps_keeps_the_next_one_back() {
    let place = Place::new();
    let inner = serial("inner", &[place.passes("two"), place.passes("three")], &[place.passes("inner-last")]);
    let workflow = serial("all", &[place.passes("one"), inner, place.passes("four")], &[place.passes("last")]);
    let witness = Scripted { told_after: Some(2), ..Scripted::default() };
    let report = place.run_witnessed(&workflow, Arc::new(witness));
    assert_eq!(place.log(), ["one", "two", "inner-last", "last"]);
    assert_eq!((report.exit_code, report.outcome), (1, StepOutcome::TaskFail));
    let skipped = [("three", "it was said"), ("four", "`inner` failed first")];
    for (step, why) in skipped {
        assert!(outcomes(&report).contains(&(step, "skipped")), "{:?}", outcomes(&report));
        assert_eq!(detail(&report, step), why);
    }
    // One that is known before anything began leaves nothing but `finally`.
    let place = Place::new();
    let witness = Scripted { told_after: Some(0), ..Scripted::default() };
    let workflow = serial("all", &[place.passes("one"), place.passes("two")], &[place.passes("last")]);
    let report = place.run_witnessed(&workflow, Arc::new(witness));
    assert_eq!((place.log(), report.exit_code), (vec!["last".to_owned()], 1));
    assert_eq!((detail(&report, "one"), detail(&report, "two")), ("it was said", "it was said"));
}

#[test]
fn a_retry_is_over_and_a_failure_of_its_own_stays() {
    let place = Place::new();
    let retry =
        |ends: &Value| json!({ "type": "retry", "name": "again", "attempts": 5, "step": place.told("flaky", ends) });
    let report = place.run_witnessed(&retry(&json!({})), Scripted::after("flaky"));
    assert_eq!((place.log().len(), report.exit_code), (1, 1), "what passed is not run again");
    assert_eq!(detail(&report, "again"), "attempt 1 of 5: it was said");
    let report = place.run_witnessed(&retry(&json!({ "ends": ["infra_fail"] })), Scripted::after("flaky"));
    assert_eq!((place.log().len(), report.exit_code), (2, 2), "what failed is not, either");
    assert_eq!(detail(&report, "flaky"), "as it was told");
}

#[test]
fn a_parallel_is_decided_by_it_as_by_any_failure() {
    let place = Place::new();
    let slow = place.told("slow", &json!({ "seconds": 50 }));
    let steps = [place.told("quick", &json!({ "seconds": 2 })), serial("line", &[slow, place.passes("next")], &[])];
    let parallel = json!({ "type": "parallel", "name": "p", "steps": steps });
    let report = place.run_witnessed(&serial("all", &[parallel, place.passes("after")], &[]), Scripted::after("quick"));
    assert_eq!(place.log(), ["quick", "slow", "slow cancelled"]);
    assert_eq!((report.exit_code, report.first_failure.as_deref()), (1, Some("quick")));
}
