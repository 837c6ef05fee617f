//! Trees of steps, and what is refused.

use chaos_core::StepOutputs;
use serde_json::{Value, json};

use super::*;

fn options(finally: &[&str]) -> StrictOptions {
    StrictOptions {
        namespace: "nightly".into(),
        run_id: "7".into(),
        workflow: "release-7".into(),
        finally: finally.iter().map(|name| (*name).to_owned()).collect(),
        access: ClusterAccess::default(),
    }
}

fn task(name: &str) -> Value {
    json!({ "name": name, "templateType": "Task", "deadline": "2m",
        "task": { "container": { "name": "main", "image": "x" } } })
}

fn with(mut template: Value, more: &Value) -> Value {
    template.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    template
}

fn group(name: &str, kind: &str, children: &[&str]) -> Value {
    json!({ "name": name, "templateType": kind, "deadline": "1h30m", "children": children })
}

fn spec(templates: &[Value]) -> WorkflowSpec {
    serde_json::from_value(json!({ "entry": "all", "templates": templates })).unwrap()
}

fn refused(templates: &[Value], finally: &[&str]) -> String {
    workflow(&spec(templates), &options(finally)).unwrap_err().to_string()
}

/// The tree, a line for each step.
fn tree(step: &WorkflowStep) -> Vec<String> {
    fn lines(step: &WorkflowStep, depth: usize, out: &mut Vec<String>) {
        let kind = match &step.body {
            StepBody::Serial { finally, .. } if finally.is_empty() => "serial".to_owned(),
            StepBody::Serial { finally, .. } => format!("serial, {} last", finally.len()),
            StepBody::Parallel { .. } => "parallel".to_owned(),
            StepBody::Retry { attempts, delay, .. } => format!("retry {attempts} {}s", delay.as_secs()),
            StepBody::Branch { .. } => "branch".to_owned(),
            StepBody::Leaf(late) => late.read(&StepOutputs::new()).unwrap().type_name().to_owned(),
        };
        let limit = step.deadline.map(|limit| format!(" {}s", limit.as_secs())).unwrap_or_default();
        out.push(format!("{}{} {kind}{limit}", "  ".repeat(depth), step.name));
        step.children().into_iter().for_each(|child| lines(child, depth + 1, out));
    }
    let mut out = Vec::new();
    lines(step, 0, &mut out);
    out
}

#[test]
fn each_type_becomes_a_step_with_its_deadline_and_diagnostics_run_last() {
    let check = json!({ "name": "ready", "templateType": "StatusCheck", "deadline": "5m", "abortWithStatusCheck": true,
        "statusCheck": { "type": "HTTP", "intervalSeconds": 2, "failureThreshold": 4, "timeoutSeconds": 3,
            "http": { "url": "http://x.test/", "method": "GET", "criteria": { "statusCode": "200-299" } } } });
    let pause = json!({ "name": "settle", "templateType": "Suspend", "deadline": "8s" });
    let templates = [
        group("all", "Serial", &["one", "vote", "settle", "ready", "report"]),
        task("one"),
        group("vote", "Parallel", &["vote-a", "vote-b"]),
        task("vote-a"),
        task("vote-b"),
        pause,
        check,
        task("report"),
    ];
    let step = workflow(&spec(&templates), &options(&["report"])).unwrap();
    let expected = [
        "all serial, 1 last 5400s",
        "  one pod_task 120s",
        "  vote parallel 5400s",
        "    vote-a pod_task 120s",
        "    vote-b pod_task 120s",
        "  settle wait",
        "  ready retry 4 2s 300s",
        "    ready-probe check",
        "  report pod_task 120s",
    ];
    assert_eq!(tree(&step), expected);
    assert_eq!(step.children()[0].at, "/spec/templates/1");
}

#[test]
fn the_pod_of_a_task_is_what_the_template_says_in_the_run_and_the_namespace() {
    let more = json!({ "task": {
        "container": { "name": "main", "image": "x", "args": ["$(A)", "${B}"] },
        "volumes": [{"name": "v", "emptyDir": {}}], "labels": {"a": "b"}, "serviceAccountName": "s",
    } });
    let templates = [group("all", "Serial", &["one"]), with(task("one"), &more)];
    let step = workflow(&spec(&templates), &options(&[])).unwrap();
    let StepBody::Leaf(late) = &step.children()[0].body else { panic!("no leaf") };
    let node = serde_json::to_value(late.read(&StepOutputs::new()).unwrap()).unwrap();
    assert_eq!((&node["namespace"], &node["run"]), (&json!("nightly"), &json!("7")));
    let expected = json!({
        "container": { "name": "main", "image": "x", "args": ["$(A)", "${B}"] },
        "volumes": [{"name": "v", "emptyDir": {}}],
        "labels": {"a": "b", WORKFLOW_LABEL: "release-7"},
        "serviceAccountName": "s",
    });
    assert_eq!(node["pod"], expected);
}

#[test]
fn a_branch_on_success_is_the_next_step_under_the_deadline_of_its_task() {
    let branch = |target: &str, expression: &str| json!({ "target": target, "expression": expression });
    let first = json!({ "conditionalBranches": [branch("two", "exitCode == 0"), branch("report", "exitCode != 0")] });
    let second = json!({ "conditionalBranches": [branch("three", "exitCode==0"), branch("four", "exitCode==0")] });
    let templates = [
        group("all", "Serial", &["one", "report"]),
        with(task("one"), &first),
        with(task("two"), &second),
        task("three"),
        task("four"),
        task("report"),
    ];
    let step = workflow(&spec(&templates), &options(&["report"])).unwrap();
    let expected = [
        "all serial, 1 last 5400s",
        "  one-and-then serial 120s",
        "    one pod_task",
        "    two-and-then serial 120s",
        "      two pod_task",
        "      two-branches parallel",
        "        three pod_task 120s",
        "        four pod_task 120s",
        "  report pod_task 120s",
    ];
    assert_eq!(tree(&step), expected);
    let why = refused(&templates, &[]);
    assert_eq!(
        why,
        "template `one`: the branch to `report` on `exitCode != 0` can't be run in strict mode; what follows a failure must \
         run last: name it with `--finally`"
    );
    let odd = json!({ "conditionalBranches": [branch("two", "stdout == 'x'")] });
    let templates = [group("all", "Serial", &["one"]), with(task("one"), &odd), task("two")];
    assert!(refused(&templates, &[]).contains("expected `exitCode == 0` or `exitCode != 0`"));
}

#[test]
fn a_template_that_is_used_again_has_another_name_each_time() {
    let templates = [group("all", "Serial", &["one", "one", "one-2", "one"]), task("one"), task("one-2")];
    let step = workflow(&spec(&templates), &options(&[])).unwrap();
    let names: Vec<&str> = step.children().iter().map(|step| step.name.as_str()).collect();
    assert_eq!(names, ["one", "one-3", "one-2", "one-4"]);
}

#[test]
fn what_our_engine_can_not_do_is_refused_by_name() {
    let chaos = json!({ "name": "kill", "templateType": "PodChaos", "deadline": "1m", "podChaos": {} });
    let rows = [
        (vec![group("all", "Serial", &["kill"]), chaos], "template `kill` is of type `PodChaos`"),
        (vec![group("all", "Serial", &["absent"])], "no template `absent`, which template `all` names"),
        (vec![task("other")], "no template `all`, which `entry` names"),
        (vec![group("all", "Serial", &["all"])], "template `all` holds itself"),
        (vec![group("all", "Serial", &["b"]), group("b", "Serial", &["all"])], "template `all` holds itself"),
        (vec![with(task("all"), &json!({"deadline": "soon"}))], "invalid deadline `soon`: expected numbers with units"),
        (vec![with(task("all"), &json!({"task": null}))], "needs a `task`"),
        (vec![with(task("all"), &json!({"task": {}}))], "needs a `task.container`"),
        (
            vec![with(task("all"), &json!({"task": {"container": {"name": "a", "image": "x"}, "nodeSelector": {}}}))],
            "the key `nodeSelector` of its `task`",
        ),
        (
            vec![with(
                task("all"),
                &json!({"task": {"container": {"name": "a", "image": "x", "args": ["{{steps.a.output.b}}"]}}}),
            )],
            "it would be read as an output of a step",
        ),
        (vec![json!({"name": "all", "templateType": "Suspend"})], "a `Suspend` needs a `deadline`"),
        (vec![json!({"name": "all", "templateType": "StatusCheck", "statusCheck": {}})], "has no `http`"),
    ];
    for (templates, why) in rows {
        let said = refused(&templates, &[]);
        assert!(said.contains(why), "{said}");
    }
}

#[test]
fn what_runs_last_must_stand_last() {
    let serial = [group("all", "Serial", &["one", "report"]), task("one"), task("report")];
    assert!(refused(&serial, &["one"]).contains("expected the last children of the entry"));
    assert!(refused(&serial, &["report", "one"]).contains("expected the last children"));
    assert!(refused(&serial, &["absent"]).contains("expected the last children"));
    let parallel = [group("all", "Parallel", &["one", "report"]), task("one"), task("report")];
    assert!(refused(&parallel, &["report"]).contains("the entry is not a `Serial`"));
    let step = workflow(&spec(&serial), &options(&["one", "report"])).unwrap();
    assert_eq!(tree(&step)[0], "all serial, 2 last 5400s");
}

#[test]
fn templates_that_become_very_many_steps_are_refused() {
    let names: Vec<String> = (0..20).map(|level| format!("t{level}")).collect();
    let mut templates = vec![group("all", "Serial", &["t0", "t0"])];
    for pair in names.windows(2) {
        templates.push(group(&pair[0], "Serial", &[&pair[1], &pair[1]]));
    }
    templates.push(task("t19"));
    assert_eq!(refused(&templates, &[]), "more than 20000 steps");
}

#[test]
fn a_status_check_is_asked_as_chaos_mesh_would_or_refused() {
    let check = |more: &Value| {
        let mut check = json!({ "failureThreshold": 1, "duration": "1m",
            "http": { "url": "http://x.test/", "headers": {"a": ["b", "c"]}, "criteria": { "statusCode": "204" } } });
        check.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let template = json!({ "name": "all", "templateType": "StatusCheck", "statusCheck": check });
        workflow(&spec(&[template]), &options(&[]))
    };
    let step = check(&json!({ "mode": "Continuous" })).unwrap();
    let StepBody::Leaf(late) = &step.body else { panic!("no leaf") };
    let node = serde_json::to_value(late.read(&StepOutputs::new()).unwrap()).unwrap();
    assert_eq!((&node["mode"], node["timeout_seconds"].as_f64()), (&json!("hold"), Some(60.0)));
    // What a probe tells of itself is masked; what it is made of is not.
    assert!(format!("{late:?}").contains("\"a\": String(\"b, c\")"), "{late:?}");
    let step = check(&json!({ "failureThreshold": 3 })).unwrap();
    assert_eq!(tree(&step), ["all serial", "  all-retry retry 3 10s 60s", "    all-probe check"]);
    let rows = [
        (json!({ "mode": "Continuous", "failureThreshold": 3 }), "a continuous check with `failureThreshold: 3`"),
        (json!({ "mode": "Continuous", "duration": null }), "needs a `duration`"),
        (json!({ "successThreshold": 2 }), "`successThreshold: 2`"),
        (json!({ "type": "TCP" }), "of type `TCP`"),
        (json!({ "mode": "Sometimes" }), "unknown mode `Sometimes`"),
    ];
    for (more, why) in rows {
        let said = check(&more).unwrap_err().to_string();
        assert!(said.contains(why), "{said}");
    }
}
