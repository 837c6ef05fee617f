//! What `squall validate` says of 2,000 workflows, and what the published schema says of the same.

use std::collections::BTreeMap;

use chaos_faults as _;
use chaos_probes as _;
use chaos_schema::{DocumentKind, LoadOptions, Loaded, Profile, load, schema};
use chaos_steps as _;
use chaos_triggers as _;
use serde_json::{Value, json};

#[path = "support/documents.rs"]
#[expect(dead_code, reason = "the tests of all shapes make their documents from the schema")]
mod documents;
#[path = "support/workflows.rs"]
mod workflows;

use workflows::{MISTAKES, Maker, Seen};

const SEED: u64 = 20_261_126;
const WORKFLOWS: usize = 2000;

fn codes(loaded: &Loaded) -> Vec<String> {
    loaded.diagnostics.iter().map(|one| format!("{} {}", one.code, one.pointer)).collect()
}

/// Whether an error or warning of that code is among them.
fn has(loaded: &Loaded, code: &str) -> bool {
    loaded.diagnostics.iter().any(|one| one.code.to_string() == code)
}

#[test]
fn the_loader_and_the_published_schema_agree_on_2000_workflows() {
    let schemas = [Profile::Plain, Profile::Editor].map(|profile| {
        jsonschema::draft7::new(&schema(DocumentKind::Task, profile)).expect("the published schema compiles")
    });
    let mut maker = Maker::new(SEED);
    let mut wrong = Vec::new();
    let mut met: BTreeMap<&str, usize> = BTreeMap::new();
    let mut count = 0;
    while count < WORKFLOWS {
        let task = maker.task();
        // One in two has a mistake: the one that this workflow can have and that was made least often.
        let mut order: Vec<_> = MISTAKES.iter().collect();
        order.sort_by_key(|mistake| met.get(mistake.name).copied().unwrap_or_default());
        let made = (count % 2 == 1)
            .then(|| order.into_iter().find_map(|mistake| Some((mistake, maker.spoilt(&task, mistake)?))))
            .flatten();
        let (name, seen, document) =
            made.map_or(("none", None, task), |(mistake, task)| (mistake.name, Some(mistake.seen), task));
        *met.entry(name).or_default() += 1;
        count += 1;
        let loaded = load(&document.to_string(), "", &LoadOptions::default());
        let accepted = loaded.document.is_some();
        let by_schema = schemas.each_ref().map(|schema| schema.is_valid(&document));
        let fine = match seen {
            None => accepted && by_schema == [true, true] && loaded.diagnostics.is_empty(),
            Some(Seen::Both) => !accepted && by_schema == [false, false],
            Some(Seen::Loader(code)) => !accepted && by_schema == [true, true] && has(&loaded, code),
            Some(Seen::Warned(code)) => accepted && by_schema == [true, true] && has(&loaded, code),
        };
        if !fine {
            let told = codes(&loaded).join(", ");
            wrong.push(format!("{name} ({seen:?}): loader {accepted}, schemas {by_schema:?}: {told}\n{document}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {WORKFLOWS}:\n{}", wrong.len(), brief(&wrong));
    let least = MISTAKES.iter().map(|mistake| met.get(mistake.name).copied().unwrap_or_default()).min();
    assert!(least > Some(5), "each mistake is made several times: {met:?}");
    assert_eq!(met["none"], WORKFLOWS / 2);
}

/// The first of each kind.
fn brief(wrong: &[String]) -> String {
    let mut kinds = BTreeMap::new();
    for one in wrong {
        let kind = one.split(" (").next().unwrap_or_default();
        kinds.entry(kind).or_insert((0, one)).0 += 1;
    }
    kinds.values().map(|(times, one)| format!("{times} x {one}")).collect::<Vec<_>>().join("\n")
}

/// Control keys are read before any step runs: an output can't stand there, whatever step it is of. That a text is a
/// placeholder the schema sees; what it refers to, the loader alone.
#[test]
fn an_output_does_not_stand_in_the_keys_of_control_steps() {
    let command = json!({ "type": "command", "name": "a", "argv": ["x"] });
    let wait = json!({ "type": "wait", "name": "b", "seconds": 1 });
    let output = "{{steps.a.output.n}}";
    let rows = [
        ("attempts", json!({ "type": "retry", "name": "c", "attempts": output, "step": wait })),
        (
            "delay_seconds",
            json!({ "type": "retry", "name": "c", "attempts": 2, "step": wait, "delay_seconds": output }),
        ),
        (
            "success/quorum",
            json!({ "type": "parallel", "name": "c", "steps": [wait], "success": { "quorum": output } }),
        ),
        ("deadline_seconds", json!({ "type": "wait", "name": "c", "seconds": 1, "deadline_seconds": output })),
        ("idempotent", json!({ "type": "wait", "name": "c", "seconds": 1, "idempotent": output })),
        ("name", json!({ "type": "wait", "name": output, "seconds": 1 })),
    ];
    for (key, step) in rows {
        let task = json!({ "workflow": { "type": "serial", "name": "all", "steps": [command, step] } });
        let loaded = load(&task.to_string(), "", &LoadOptions::default());
        let found: Vec<String> =
            loaded.diagnostics.iter().map(|one| format!("{} {} {}", one.code, one.pointer, one.message)).collect();
        assert!(loaded.document.is_none() && found.len() == 1, "{key}: {found:?}");
        let seen_by_the_schema = key == "name";
        let refused = format!("undeclared-reference /workflow/steps/1/{key} `{output}` can't stand here");
        assert!(seen_by_the_schema || found[0].starts_with(&refused), "{key}: {found:?}");
    }
}

/// The seed alone decides.
#[test]
fn the_same_seed_makes_the_same_workflows() {
    let tasks = |seed| -> Vec<Value> {
        let mut maker = Maker::new(seed);
        (0..20).map(|_| maker.task()).collect()
    };
    assert_eq!(tasks(3), tasks(3));
    assert_ne!(tasks(3), tasks(4));
}
