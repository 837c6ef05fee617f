use chaos_schema::Code;

use super::*;
use crate::read_manifests;

/// Code and line of each problem, and six characters of the text from where it stands.
fn found(text: &str) -> Vec<(&'static str, usize, String)> {
    let found = lint(&read_manifests(text, "w.yaml").unwrap());
    let at = |line: usize, column: usize| {
        let line = text.lines().nth(line - 1).unwrap();
        line.chars().skip(column - 1).take(6).collect()
    };
    let place = |one: &Diagnostic| (one.line.unwrap(), one.column.unwrap());
    found.iter().map(|one| (one.code.as_str(), place(one).0, at(place(one).0, place(one).1))).collect()
}

fn at(rows: &[(&'static str, usize, &str)]) -> Vec<(&'static str, usize, String)> {
    rows.iter().map(|(code, line, text)| (*code, *line, (*text).to_owned())).collect()
}

fn workflow(templates: &str) -> String {
    let head = "apiVersion: chaos-mesh.org/v1alpha1\nkind: Workflow\nmetadata: {name: w, annotations: {a: b}}\nspec:\n  entry: e\n  templates:\n";
    let indented: String = templates.lines().flat_map(|line| ["    ", line, "\n"]).collect();
    head.to_owned() + &indented
}

fn told(templates: &str) -> Vec<(&'static str, String, Option<String>)> {
    let found = lint(&read_manifests(&workflow(templates), "w.yaml").unwrap());
    found.into_iter().map(|one| (one.code.as_str(), one.message, one.help)).collect()
}

#[test]
fn a_sound_workflow_has_no_problems() {
    let text = workflow(
        "\
- {name: e, templateType: Serial, deadline: 20m, children: [t, p, wait, gate]}
- {name: t, templateType: Task, deadline: 10m, task: {container: {name: c, image: i}}, conditionalBranches: [{target: u, expression: exitCode == 0}]}
- {name: u, templateType: Task, deadline: 5m, task: {container: {name: c, image: i}}}
- {name: p, templateType: PodChaos, deadline: 1m, podChaos: {action: pod-kill, mode: one, selector: {labelSelectors: {app: a}}}}
- {name: wait, templateType: Suspend, deadline: 1m}
- {name: gate, templateType: StatusCheck, deadline: 1m, statusCheck: {type: HTTP}}
",
    );
    assert_eq!(found(&text), []);
}

#[test]
fn deadlines_that_do_not_fit_are_told_with_their_figures() {
    let templates = "\
- {name: e, templateType: Serial, deadline: 60m, children: [a, b, in]}
- {name: a, templateType: Suspend, deadline: 40m}
- {name: b, templateType: Suspend, deadline: 21m}
- {name: in, templateType: Serial, children: [both]}
- {name: both, templateType: Parallel, children: [a, b]}
";
    let want = (
        "deadlines-do-not-fit",
        "the children of `e` may take 1h41m one after the other, and its deadline is 1h; `b` may not get its time"
            .to_owned(),
        Some("make it at least 1h41m, or the deadlines of the children shorter".to_owned()),
    );
    assert_eq!(told(templates), [want]);
    assert_eq!(found(&workflow(templates)), at(&[("deadlines-do-not-fit", 7, "60m, c")]));
    let fits = templates.replace("60m", "101m");
    assert_eq!(told(&fits), []);
    let parallel = templates.replace("Parallel, ", "Parallel, deadline: 39m, ").replace("60m", "200m");
    assert_eq!(told(&parallel)[0].1, "a child of `both` may take 40m, and its deadline is 39m");
    let branch = "\
- {name: e, templateType: Task, deadline: 5m, task: {container: {name: c, image: i}}, conditionalBranches: [{target: a, expression: exitCode == 0}]}
- {name: a, templateType: Suspend, deadline: 5m}
";
    let message = "a branch of `e` may take 5m, and the deadline of the `Task`, which covers its branches, is 5m";
    assert_eq!(told(branch)[0].1, message);
    assert_eq!(told(&branch.replacen("5m", "6m", 1)), []);
}

#[test]
fn each_problem_is_told_where_it_stands() {
    let rows = [
        ("- {name: e, templateType: Suspend, deadline: 5min}", vec![("invalid-deadline", 7, "5min}")]),
        ("- {name: e, templateType: Suspend, deadline: \"0s\"}", vec![("invalid-deadline", 7, "\"0s\"}")]),
        ("- {name: e, templateType: Suspend}", vec![("missing-key", 7, "{name:")]),
        ("- {name: e, templateType: Serial, children: []}", vec![("empty-children", 7, "{name:")]),
        ("- {name: e, templateType: Serial, children: [e]}", vec![("cyclic-templates", 7, "e]}")]),
        ("- {name: e, templateType: Serial, children: [x]}", vec![("unknown-template", 7, "x]}")]),
        ("- {name: e, templateType: Task, task: {}}", vec![("missing-container", 7, "{}}")]),
        ("- {name: e, templateType: Task}", vec![("missing-container", 7, "{name:")]),
        ("- {name: e, templateType: Task, task: {container: {name: c}}}", vec![("missing-key", 7, "contai")]),
        ("- {name: e, templateType: Sereal}", vec![("unknown-template-type", 7, "Sereal")]),
        ("- {name: e, templateType: PodChaos, deadline: 1m}", vec![("missing-key", 7, "{name:")]),
        (
            "- {name: e, templateType: PodChaos, podChaos: {action: pod-kill, selector: {pods: {a: [b]}}}}",
            vec![("without-end", 7, "{name:")],
        ),
        (
            "- {name: e, templateType: NetworkChaos, networkChaos: {selector: {pods: {a: [b]}}}}",
            vec![("without-end", 7, "{name:")],
        ),
        (
            "- {name: e, templateType: StressChaos, deadline: 1m, stressChaos: {duration: 1m, selector: {namespaces: [a]}}}",
            vec![("duration-in-template", 7, "1m, se"), ("empty-selector", 7, "{names")],
        ),
        (
            "- {name: e, templateType: Schedule, deadline: 1m, schedule: {type: PodChaos, podChaos: {action: pod-failure, selector: {pods: {a: [b]}}}}}",
            vec![("without-end", 7, "{actio")],
        ),
        (
            "- {name: e, templateType: Task, task: {container: {name: c, image: i}}, conditionalBranches: [{target: g, expression: ' '}]}\n- {name: f, templateType: Suspend, deadline: 1m}",
            vec![("unknown-template", 7, "g, exp"), ("empty-expression", 7, "' '}]}")],
        ),
        (
            "- {name: e, templateType: Suspend, deadline: 1m}\n- {name: e, templateType: Suspend, deadline: 1m}",
            vec![("duplicate-template", 8, "e, tem"), ("unused-template", 8, "e, tem")],
        ),
        (
            "- {name: e, templateType: Suspend, deadline: 1m}\n- {name: Ab, templateType: Suspend, deadline: 1m}",
            vec![("invalid-name", 8, "Ab, te"), ("unused-template", 8, "Ab, te")],
        ),
    ];
    for (templates, want) in rows {
        assert_eq!(found(&workflow(templates)), at(&want), "{templates}");
    }
    // Each says what would be right.
    let help = told("- {name: e, templateType: Serial, children: [other]}").remove(0).2;
    assert_eq!(help.as_deref(), Some("name a template of this Workflow"));
    let help = told("- {name: e, templateType: Sereal}").remove(0).2;
    assert_eq!(help.as_deref(), Some("did you mean `Serial`?"));
}

#[test]
fn a_cycle_through_children_and_branches_is_told_once() {
    let templates = "\
- {name: e, templateType: Serial, children: [a, b]}
- {name: a, templateType: Task, task: {container: {name: c, image: i}}, conditionalBranches: [{target: b, expression: exitCode == 0}]}
- {name: b, templateType: Parallel, children: [a]}
";
    let found = told(templates);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].1, "template `a` leads to itself: a → b → a");
}

#[test]
fn names_are_bounded_by_what_is_made_of_them() {
    let template = |length: usize| {
        let name = "x".repeat(length);
        workflow(&format!(
            "- {{name: e, templateType: Serial, children: [{name}]}}\n- {{name: {name}, templateType: Suspend, deadline: 1s}}"
        ))
    };
    assert_eq!(found(&template(57)), []);
    let severity = |length| {
        let found = lint(&read_manifests(&template(length), "w.yaml").unwrap());
        found.into_iter().map(|one| (one.code, one.severity)).collect::<Vec<_>>()
    };
    assert_eq!(severity(58), [(Code::NameTooLong, chaos_schema::Severity::Warning)]);
    assert_eq!(severity(64), [(Code::NameTooLong, chaos_schema::Severity::Error)]);
    let named = |length: usize| template(5).replace("name: w,", &format!("name: {},", "w".repeat(length)));
    assert_eq!(found(&named(63)), []);
    assert_eq!(found(&named(64)), at(&[("name-too-long", 3, "wwwwww")]));
}

#[test]
fn a_workflow_without_annotations_can_not_be_aborted_by_its_status_check() {
    let text = workflow("- {name: e, templateType: StatusCheck, abortWithStatusCheck: true, statusCheck: {}}");
    let text = text.replace(", annotations: {a: b}", "");
    let found = lint(&read_manifests(&text, "w.yaml").unwrap());
    assert_eq!((found[0].code, found[0].line), (Code::NoAnnotations, Some(3)));
    assert_eq!(found[0].message, "a status check of this Workflow can't abort it: it has no annotations");
}

#[test]
fn objects_that_stand_on_their_own_are_looked_at_too() {
    let of = |kind: &str, spec: &str| {
        found(&format!("apiVersion: chaos-mesh.org/v1alpha1\nkind: {kind}\nmetadata: {{name: x}}\nspec: {spec}\n"))
    };
    let pods = "selector: {pods: {a: [b]}}";
    assert_eq!(of("PodChaos", &format!("{{action: pod-kill, {pods}}}")), []);
    assert_eq!(of("PodChaos", &format!("{{action: pod-failure, {pods}}}")), at(&[("without-end", 4, "{actio")]));
    assert_eq!(
        of("PodChaos", &format!("{{action: pod-failure, duration: 3, {pods}}}")),
        at(&[("wrong-type", 4, "3, sel")])
    );
    assert_eq!(of("IOChaos", &format!("{{duration: 3x, {pods}}}")), at(&[("invalid-deadline", 4, "3x, se")]));
    assert_eq!(
        of("NetworkChaos", &format!("{{duration: 3m, {pods}, target: {{mode: all}}}}")),
        at(&[("empty-selector", 4, "{mode:")])
    );
    assert_eq!(of("AWSChaos", "{action: ec2-restart}"), []);
    assert_eq!(of("Schedule", "{schedule: '@every 1h', type: PodChaos}"), at(&[("missing-key", 4, "spec: ")]));
    assert_eq!(
        of("Schedule", "{type: StressChaos, stressChaos: {duration: 1m}}"),
        at(&[("empty-selector", 4, "{durat")])
    );
    assert_eq!(found("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n"), []);
}

#[test]
fn what_a_placeholder_stands_for_is_not_judged() {
    let text = "- {name: e, templateType: Serial, deadline: $TIME, children: [a, \"b-$N\"]}\n- {name: a, templateType: Suspend, deadline: \"${T}m\"}\n- {name: c, templateType: $TYPE}";
    assert_eq!(found(&workflow(text)), []);
}

#[test]
fn problems_are_bounded() {
    let text: String = (0..3_000)
        .flat_map(|n| ["- {name: e".to_owned(), n.to_string(), ", templateType: Suspend}\n".to_owned()])
        .collect();
    let found = lint(&read_manifests(&workflow(&text), "w.yaml").unwrap());
    assert_eq!((found.len(), found[1_000].code), (1_001, Code::TooLarge));
}
