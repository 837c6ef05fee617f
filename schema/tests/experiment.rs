//! The third document: what the loader says of it, and that the published schema says the same.
#![expect(clippy::unwrap_used, reason = "a test that can't be set up should stop at once")]

use chaos_faults as _;
use chaos_schema::{DocumentKind, KindHint, LoadOptions, Profile, check_value, load, schema};
use serde_json::{Value, json};

fn document(more: &Value) -> Value {
    let mut document = json!({"goal": "how much", "target": "http://127.0.0.1:8080/"});
    document.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
    document
}

#[test]
fn loader_and_published_schema_agree_on_every_row() {
    let published = jsonschema::draft7::new(&schema(DocumentKind::Experiment, Profile::Plain)).unwrap();
    let rows = [
        (json!({}), None),
        (json!({"$schema": "x", "seed": 1, "strategy": "capacity", "runs": 2, "slo": ["p99.9<=1.5s"]}), None),
        (json!({"allow": ["generate_load", "pause_process"], "fault": {"type": "pause_process", "pid": 71}}), None),
        (json!({"budget": {"steps": 1, "wall_seconds": 0.001}, "load": {"qps": 1, "seconds": 86400}}), None),
        (json!({"policy": {"max_qps": 10, "allow_hosts": ["10.0.0.0/8"]}, "runs": 50.0}), None),
        (json!({"goal": ""}), Some("out-of-bounds")),
        (json!({"target": "ftp://h/"}), Some("wrong-format")),
        (json!({"allow": ["rm"]}), Some("not-one-of")),
        (json!({"slo": ["p98<1ms"]}), Some("wrong-format")),
        (json!({"slo": "p99<1ms"}), Some("wrong-type")),
        (json!({"strategy": "guess"}), Some("not-one-of")),
        (json!({"fault": {"type": "pause_proces", "pid": 1}}), Some("unknown-fault")),
        (json!({"fault": {"type": "pause_process", "pid": 0}}), Some("out-of-bounds")),
        (json!({"load": {"qps": 0}}), Some("out-of-bounds")),
        (json!({"load": {"qsp": 1}}), Some("unknown-key")),
        (json!({"runs": 51}), Some("out-of-bounds")),
        (json!({"runs": 2.5}), Some("wrong-type")),
        (json!({"budget": {"requests": 4_294_967_296_u64}}), Some("out-of-bounds")),
        (json!({"budget": {"turns": -1}}), Some("out-of-bounds")),
        (json!({"budget": {"wall_seconds": 86_401}}), Some("out-of-bounds")),
        (json!({"seed": -1}), Some("out-of-bounds")),
        (json!({"chaos": true}), Some("unknown-key")),
    ];
    for (more, code) in rows {
        let document = document(&more);
        let loaded = check_value(&document, "", &LoadOptions::of(KindHint::Experiment));
        let told: Vec<&str> = loaded.diagnostics.iter().map(|diagnostic| diagnostic.code.as_str()).collect();
        assert_eq!(told, Vec::from_iter(code), "{more}");
        assert_eq!(
            (loaded.document.is_some(), code.is_none()),
            (code.is_none(), published.is_valid(&document)),
            "{more}"
        );
    }
}

#[test]
fn a_text_with_goal_and_target_is_an_experiment_with_the_place_of_each_mistake() {
    let text = "goal: how much\ntarget: \"http://{{TARGET}}/\"\nbudget:\n  steps: 0\n";
    let loaded = load(text, "e.yaml", &LoadOptions::default().var("TARGET", "127.0.0.1:1"));
    let only = &loaded.diagnostics[..];
    assert_eq!((only.len(), only[0].line, only[0].pointer.as_str()), (1, Some(4), "/budget/steps"), "{only:?}");
    let loaded = load(&text.replace("steps: 0", "steps: 1"), "e.yaml", &LoadOptions::default().var("TARGET", "h:1"));
    assert_eq!(loaded.document.unwrap().into_experiment().unwrap().target.as_str(), "http://h:1/");
}
