//! Workflows: what is read, and what the linter says of them.

use chaos_core::{StepBody, StepOutputs, Task};
use chaos_faults as _;
use chaos_probes as _;
use chaos_schema::{Code, Document, LoadOptions, load};
use chaos_steps as _;
use chaos_triggers as _;

fn found(text: &str) -> Vec<(Code, String)> {
    let loaded = load(text, "w.yaml", &LoadOptions::default());
    loaded.diagnostics.into_iter().map(|one| (one.code, one.pointer)).collect()
}

fn task(text: &str) -> Task {
    let loaded = load(text, "w.yaml", &LoadOptions::default());
    assert!(loaded.diagnostics.is_empty(), "{:?}", loaded.diagnostics);
    loaded.document.and_then(Document::into_task).expect("nothing is wrong with it")
}

/// A `serial` of steps in flow style, with what else it has.
fn serial(more: &str, steps: &[&str]) -> String {
    let steps = steps.iter().map(|step| format!("    - {step}\n")).collect::<Vec<_>>().concat();
    format!("workflow:\n  type: serial\n  name: all\n{more}  steps:\n{steps}")
}

const FIVE: &str = "
workflow:
  type: serial
  name: release
  deadline_seconds: 600
  steps:
    - { type: command, name: provision, argv: [./provision], deadline_seconds: 60 }
    - type: fault
      name: pause
      deadline_seconds: 60
      entry:
        trigger: { type: immediate }
        action: { type: pause_process, pid: 4711 }
        duration_seconds: 5
    - type: parallel
      name: both
      success: { quorum: 1 }
      steps:
        - { type: check, name: up, probe: { type: tcp, address: '127.0.0.1:1' }, mode: hold, timeout_seconds: 5 }
        - { type: wait, name: settle, seconds: '{{steps.provision.output.seconds}}' }
    - type: branch
      name: maybe
      when: { type: tcp, address: '{{steps.provision.output.address}}' }
      then: [{ type: wait, name: yes-step, seconds: 1 }]
    - type: retry
      name: patient
      attempts: 3
      step: { type: command, name: flaky, argv: ['./flaky', '{{steps.provision.output.address}}'], idempotent: true }
  finally:
    - { type: command, name: diagnose, argv: [./diagnose], idempotent: true }
";

#[test]
fn a_workflow_is_read_with_all_its_steps() {
    let task = task(FIVE);
    let workflow = task.workflow.unwrap();
    let names: Vec<&str> = workflow.all().iter().map(|step| step.name.as_str()).collect();
    let want =
        ["release", "provision", "pause", "both", "up", "settle", "maybe", "yes-step", "patient", "flaky", "diagnose"];
    assert_eq!(names, want);
    assert!(
        workflow.all().iter().filter(|step| step.idempotent).map(|step| step.name.as_str()).eq(["flaky", "diagnose"])
    );
    let settle = workflow.all().into_iter().find(|step| step.name == "settle").unwrap();
    assert_eq!(settle.at, "/workflow/steps/2/steps/1");
    let StepBody::Leaf(leaf) = &settle.body else { panic!() };
    leaf.read(&StepOutputs::new()).unwrap_err();
    let outputs = [("provision".to_owned(), [("seconds".to_owned(), "5".to_owned())].into())].into();
    assert_eq!(leaf.read(&outputs).unwrap().at_least().as_secs(), 5);
}

#[test]
fn mistakes_stand_at_their_places() {
    let at = |pointer: &str| pointer.to_owned();
    let rows = [
        (vec!["{ type: comand, name: a, argv: [x] }"], (Code::UnknownStep, at("/workflow/steps/0/type"))),
        (vec!["{ type: wait, seconds: 1 }"], (Code::MissingKey, at("/workflow/steps/0"))),
        (vec!["{ type: wait, name: a b, seconds: 1 }"], (Code::WrongFormat, at("/workflow/steps/0/name"))),
        (vec!["{ type: wait, name: a, second: 1 }"], (Code::UnknownKey, at("/workflow/steps/0/second"))),
        (
            vec!["{ type: wait, name: a, seconds: 1, deadline_seconds: soon }"],
            (Code::WrongType, at("/workflow/steps/0/deadline_seconds")),
        ),
        (vec!["{ type: serial, name: a, step: [] }"], (Code::UnknownKey, at("/workflow/steps/0/step"))),
        (
            vec!["{ type: wait, name: a, seconds: 1 }", "{ type: wait, name: a, seconds: 1 }"],
            (Code::DuplicateStep, at("/workflow/steps/1/name")),
        ),
        (
            vec!["{ type: parallel, name: p, success: { quorum: 2 }, steps: [{ type: wait, name: a, seconds: 1 }] }"],
            (Code::QuorumOutOfReach, at("/workflow/steps/0/success/quorum")),
        ),
        (
            vec!["{ type: wait, name: a, seconds: 5, deadline_seconds: 2 }"],
            (Code::DeadlinesDoNotFit, at("/workflow/steps/0/deadline_seconds")),
        ),
        (
            vec!["{ type: command, name: a, argv: ['{{steps.nope.output.x}}'] }"],
            (Code::UndeclaredReference, at("/workflow/steps/0/argv/0")),
        ),
        (
            vec!["{ type: command, name: a, argv: ['{{steps.b.output.x}}'] }", "{ type: command, name: b, argv: [x] }"],
            (Code::UndeclaredReference, at("/workflow/steps/0/argv/0")),
        ),
        (
            vec!["{ type: command, name: a, argv: ['{{steps.a.x}}'] }"],
            (Code::UndeclaredReference, at("/workflow/steps/0/argv/0")),
        ),
    ];
    for (steps, want) in rows {
        let found = found(&serial("", &steps));
        assert!(found.contains(&want), "{steps:?}: {found:?}");
        assert_eq!(found.len(), 1, "{steps:?}: {found:?}");
    }
}

#[test]
fn steps_of_a_parallel_and_the_arms_of_a_branch_do_not_see_each_other() {
    let parallel = "{ type: parallel, name: p, steps: [{ type: command, name: a, argv: [x] }, \
                    { type: command, name: b, argv: ['{{steps.a.output.x}}'] }] }";
    assert_eq!(
        found(&serial("", &[parallel])),
        [(Code::UndeclaredReference, "/workflow/steps/0/steps/1/argv/0".into())]
    );
    let after = "{ type: command, name: c, argv: ['{{steps.a.output.x}}'] }";
    let independent = "{ type: parallel, name: p, steps: [{ type: command, name: a, argv: [x] }] }";
    assert_eq!(found(&serial("", &[independent, after])), []);
    let branch = "{ type: branch, name: b, when: { type: tcp, address: '127.0.0.1:1' }, \
                  then: [{ type: command, name: a, argv: [x] }], \
                  else: [{ type: command, name: d, argv: ['{{steps.a.output.x}}'] }] }";
    assert_eq!(found(&serial("", &[branch])), [(Code::UndeclaredReference, "/workflow/steps/0/else/0/argv/0".into())]);
}

#[test]
fn outputs_stand_in_workflows_only() {
    let text = "prompt: x\nsteady_state: [{ type: tcp, address: '{{steps.a.output.x}}' }]\n".to_owned()
        + &serial("", &["{ type: command, name: a, argv: [x] }"]);
    let found = found(&text);
    assert_eq!(found, [(Code::UndeclaredReference, "/steady_state/0/address".to_owned())]);
}

#[test]
fn a_workflow_excludes_entries_and_a_step_that_starts_too_late_is_unreachable() {
    let text = serial("", &["{ type: wait, name: a, seconds: 1 }"])
        + "chaos_spec: [{ trigger: { type: immediate }, action: { type: pause_process, pid: 1 } }]\n";
    assert!(found(&text).contains(&(Code::ExclusiveKeys, "/workflow".to_owned())));
    let steps = ["{ type: wait, name: a, seconds: 20 }", "{ type: wait, name: b, seconds: 1 }"];
    let found = found(&serial("  deadline_seconds: 10\n", &steps));
    let want = [
        (Code::DeadlinesDoNotFit, "/workflow/deadline_seconds".to_owned()),
        (Code::UnreachableStep, "/workflow/steps/1".to_owned()),
    ];
    assert_eq!(found, want);
}

#[test]
fn a_check_that_an_entry_of_a_step_names_is_looked_up() {
    let entry = |verify: &str| {
        let action = "action: { type: pause_process, pid: 1 }, duration_seconds: 1";
        format!("{{ type: fault, name: f, entry: {{ trigger: {{ type: immediate }}, {action}, verify: {verify} }} }}")
    };
    let probes = "probes: { there: { type: tcp, address: \"127.0.0.1:1\" } }\n";
    assert_eq!(found(&(serial("", &[&entry("there")]) + probes)), []);
    let found = found(&(serial("", &[&entry("their")]) + probes));
    assert_eq!(found, [(Code::UnknownVerify, "/workflow/steps/0/entry/verify".to_owned())]);
}

/// Deadlines of three scenarios of another project, in minutes: each asks for more than its whole has.
#[test]
fn real_budgets_that_do_not_fit_are_told() {
    let rows: [(u32, &[u32], u32); 3] = [
        (60, &[2, 25, 32, 30, 5], 94),
        (90, &[25, 42, 10, 5, 30, 5], 117),
        (90, &[25, 5, 10, 5, 10, 10, 8, 5, 15, 5], 98),
    ];
    for (whole, steps, together) in rows {
        let steps: Vec<String> = steps
            .iter()
            .enumerate()
            .map(|(n, minutes)| {
                format!("{{ type: command, name: s{n}, argv: [x], deadline_seconds: {} }}", minutes * 60)
            })
            .collect();
        let text = serial(
            &format!("  deadline_seconds: {}\n", whole * 60),
            &steps.iter().map(String::as_str).collect::<Vec<_>>(),
        );
        let loaded = load(&text, "w.yaml", &LoadOptions::default());
        assert_eq!(loaded.diagnostics.len(), 1, "{:?}", loaded.diagnostics);
        let message = &loaded.diagnostics[0].message;
        assert_eq!(
            *message,
            format!("the steps of `all` may take {} s, and its deadline is {} s", together * 60, whole * 60)
        );
        assert!(loaded.document.is_some(), "it is a warning");
    }
}
