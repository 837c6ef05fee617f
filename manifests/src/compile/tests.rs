use std::collections::HashMap;

use super::*;
use crate::{deadline, read_manifests};

/// How Chaos Mesh runs a Workflow, as far as it matters here: a model written from its recorded behaviour.
struct Model<'w> {
    templates: HashMap<&'w str, &'w Template>,
    outcome: &'w dyn Fn(&str, usize) -> (i32, u64),
    started: Vec<String>,
    cut: Vec<String>,
}

impl<'w> Model<'w> {
    fn run(spec: &'w WorkflowSpec, outcome: &'w dyn Fn(&str, usize) -> (i32, u64)) -> Self {
        let templates = spec.templates.iter().map(|one| (one.name.as_str(), one)).collect();
        let mut model = Self { templates, outcome, started: Vec::new(), cut: Vec::new() };
        model.node(&spec.entry, 0, u64::MAX);
        model
    }

    /// Runs a node from a moment on, at most until another; returns when it has finished.
    fn node(&mut self, name: &str, from: u64, until: u64) -> u64 {
        let template = self.templates[name];
        let own = template.deadline.as_deref().map(|text| deadline(text).unwrap().as_secs());
        let until = own.map_or(until, |own| until.min(from + own));
        let children = || template.children.iter().flatten();
        match template.template_type.as_str() {
            "Serial" => {
                let mut at = from;
                for child in children() {
                    if at >= until && at > from {
                        break;
                    }
                    at = self.node(child, at, until);
                }
                at
            }
            "Parallel" => children().map(|child| self.node(child, from, until)).max().unwrap_or(from),
            "Task" => {
                let container = template.task.as_ref().unwrap().container.as_ref().unwrap()["name"].as_str().unwrap();
                let before = self.started.iter().filter(|one| *one == container).count();
                self.started.push(container.to_owned());
                let (exit, takes) = (self.outcome)(container, before);
                if from + takes > until {
                    self.cut.push(container.to_owned());
                    return until;
                }
                let selected =
                    template.conditional_branches.iter().flatten().filter(|branch| match branch.expression.as_str() {
                        "exitCode == 0" => exit == 0,
                        "exitCode != 0" => exit != 0,
                        other => panic!("{other}"),
                    });
                let at = from + takes;
                let targets: Vec<&str> = selected.map(|branch| branch.target.as_str()).collect();
                targets.into_iter().map(|target| self.node(target, at, until)).max().unwrap_or(at)
            }
            // Suspend and chaos end with their deadline.
            _ => until,
        }
    }
}

fn task(name: &str, minutes: Option<u64>) -> String {
    let deadline = minutes.map(|minutes| format!(", deadline: {minutes}m")).unwrap_or_default();
    format!("{{name: {name}, templateType: Task, task: {{container: {{name: {name}, image: i}}}}{deadline}}}")
}

fn spec(entry: &str, templates: &[String]) -> WorkflowSpec {
    let all: String = templates.iter().flat_map(|one| ["\n  - ", one]).collect();
    let text = format!(
        "apiVersion: chaos-mesh.org/v1alpha1\nkind: Workflow\nmetadata: {{name: w, annotations: {{a: b}}}}\nspec:\n  entry: {entry}\n  templates:{all}\n"
    );
    read_manifests(&text, "w.yaml").unwrap()[0].workflow().unwrap().clone()
}

fn serial_of(name: &str, children: &str, deadline: &str) -> String {
    format!("{{name: {name}, templateType: Serial, children: [{children}]{deadline}}}")
}

fn five(finally: bool) -> WorkflowSpec {
    let children = if finally { "a, b, c, d, e, report" } else { "a, b, c, d, e" };
    let mut templates = vec![serial_of("main", children, ", deadline: 60m")];
    templates.extend(["a", "b", "c", "d", "e"].iter().zip(1..).map(|(name, minutes)| task(name, Some(minutes))));
    if finally {
        templates.push(task("report", Some(5)));
    }
    spec("main", &templates)
}

fn report() -> Vec<String> {
    vec!["report".to_owned()]
}

#[test]
fn the_second_of_five_fails_and_none_of_the_others_starts() {
    let outcome = |name: &str, _: usize| (i32::from(name == "b"), 1);
    let before = five(true);
    assert_eq!(Model::run(&before, &outcome).started, ["a", "b", "c", "d", "e", "report"], "as it is, it marches on");
    let compiled = compile(&before, &report()).unwrap();
    assert_eq!(Model::run(&compiled, &outcome).started, ["a", "b", "report"]);
    let without = compile(&five(false), &[]).unwrap();
    assert_eq!(Model::run(&without, &outcome).started, ["a", "b"]);
}

#[test]
fn every_outcome_stops_where_a_strict_serial_stops() {
    let steps = ["a", "b", "c", "d", "e"];
    for finally in [true, false] {
        let compiled = compile(&five(finally), &if finally { report() } else { Vec::new() }).unwrap();
        for code in 0..1024_usize {
            // Each step takes all the time that its own deadline gives it.
            let exits: Vec<i32> = (0..5).map(|n| [0, 1, 2, 137][code >> (2 * n) & 3]).collect();
            let outcome = |name: &str, _: usize| match steps.iter().position(|step| *step == name) {
                Some(n) => (exits[n], 60 * (u64::try_from(n).unwrap() + 1)),
                None => (1, 300),
            };
            let model = Model::run(&compiled, &outcome);
            let passed = exits.iter().take_while(|exit| **exit == 0).count();
            let mut want: Vec<&str> = steps[..(passed + 1).min(5)].to_vec();
            want.extend(finally.then_some("report"));
            assert_eq!(model.started, want, "{exits:?}");
            assert_eq!(model.cut, Vec::<String>::new(), "deadlines are cumulative: {exits:?}");
        }
    }
}

#[test]
fn deadlines_cover_what_follows_and_the_entry_keeps_its_own() {
    let compiled = compile(&five(true), &report()).unwrap();
    let deadlines: Vec<_> =
        compiled.templates.iter().map(|one| (one.name.as_str(), one.deadline.as_deref().unwrap())).collect();
    let want = [("main", "1h"), ("a", "20m"), ("b", "19m"), ("c", "17m"), ("d", "14m"), ("e", "10m"), ("report", "5m")];
    let want: Vec<_> = want.iter().map(|(name, time)| (*name, if *name == "main" { "60m" } else { time })).collect();
    assert_eq!(deadlines, want);
    assert_eq!(compiled.templates[0].children.as_deref().unwrap(), ["a"]);
}

#[test]
fn a_step_that_is_ended_by_its_deadline_is_the_last() {
    let compiled = compile(&five(true), &report()).unwrap();
    for (n, hangs) in ["a", "b", "c", "d", "e"].iter().enumerate() {
        let outcome = |name: &str, _: usize| (0, if name == *hangs { 100_000 } else { 1 });
        let model = Model::run(&compiled, &outcome);
        assert_eq!((model.started.len(), model.cut.as_slice()), (n + 1, [(*hangs).to_owned()].as_slice()));
    }
}

#[test]
fn waits_nested_serials_and_repeated_steps_are_compiled() {
    let wait = "{name: wait, templateType: Suspend, deadline: 1m}".to_owned();
    let templates = [
        serial_of("main", "a, inner, wait, a, many, end1, end2", ""),
        serial_of("inner", "b, wait, c", ", deadline: 10m"),
        "{name: many, templateType: Parallel, children: [a, c]}".to_owned(),
        task("a", Some(1)),
        task("b", Some(2)),
        task("c", Some(3)),
        task("end1", Some(4)),
        task("end2", Some(5)),
        wait,
    ];
    let before = spec("main", &templates);
    let finally = ["end2".to_owned(), "end1".to_owned()];
    let compiled = compile(&before, &finally).unwrap();
    let pass = |_: &str, _: usize| (0, 60);
    assert_eq!(Model::run(&compiled, &pass).started, ["a", "b", "c", "a", "a", "c", "end1", "end2"]);
    let second_a = |name: &str, n: usize| (i32::from(name == "a" && n == 1), 60);
    assert_eq!(Model::run(&compiled, &second_a).started, ["a", "b", "c", "a", "end1", "end2"]);
    // In the last step there is nothing left to stop.
    let in_many = |name: &str, n: usize| (i32::from(name == "a" && n == 2), 60);
    assert_eq!(Model::run(&compiled, &in_many).started, ["a", "b", "c", "a", "a", "c", "end1", "end2"]);
    let names: std::collections::BTreeSet<_> = compiled.templates.iter().map(|one| &one.name).collect();
    assert_eq!(names.len(), compiled.templates.len(), "{names:?}");
}

#[test]
fn random_chains_run_as_a_strict_serial_would() {
    let mut seed = 7_u64;
    let mut dice = |sides: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        usize::try_from(seed >> 33).unwrap() % sides
    };
    let mut stopped = 0;
    for _ in 0..500 {
        let length = 1 + dice(7);
        let steps: Vec<String> = (0..length).map(|_| ["a", "b", "c", "d", "wait"][dice(5)].to_owned()).collect();
        let ends = dice(3);
        let mut children = steps.clone();
        children.extend((0..ends).map(|n| format!("end{n}")));
        let mut templates = vec![serial_of("main", &children.join(", "), "")];
        templates.extend(
            ["a", "b", "c", "d", "end0", "end1"].map(|name| task(name, Some(1 + u64::try_from(dice(9)).unwrap()))),
        );
        templates.push("{name: wait, templateType: Suspend, deadline: 1m}".to_owned());
        let before = spec("main", &templates);
        let finally: Vec<String> = (0..ends).map(|n| format!("end{n}")).collect();
        let compiled = compile(&before, &finally).unwrap();
        let fails = dice(length + 3);
        // The n-th Task that starts fails, and so do those at the end.
        let tasks: Vec<&String> = steps.iter().filter(|step| *step != "wait").collect();
        let limit = |name: &str| {
            let own = before.templates.iter().find(|one| one.name == name).unwrap().deadline.as_deref().unwrap();
            deadline(own).unwrap().as_secs()
        };
        let outcome = |name: &str, n: usize| {
            let nth = tasks.iter().enumerate().filter(|(_, one)| **one == name).nth(n).map(|(at, _)| at);
            (i32::from(nth.is_none_or(|at| at == fails)), limit(name))
        };
        let model = Model::run(&compiled, &outcome);
        let mut want: Vec<String> = tasks.iter().take(fails + 1).map(|one| (*one).clone()).collect();
        stopped += usize::from(want.len() < tasks.len());
        want.extend(finally.clone());
        assert_eq!(model.started, want, "{children:?} fails {fails}");
        assert!(model.cut.is_empty(), "{children:?}: {:?}", model.cut);
    }
    assert!(stopped > 100, "{stopped}");
}

#[test]
fn what_chaos_mesh_can_not_branch_on_is_refused_by_name() {
    let gate = |abort: bool| {
        format!(
            "{{name: gate, templateType: StatusCheck, deadline: 1m, abortWithStatusCheck: {abort}, statusCheck: {{}}}}"
        )
    };
    let kill = "{name: kill, templateType: PodChaos, deadline: 1m, podChaos: {}}".to_owned();
    let many = "{name: many, templateType: Parallel, children: [a]}".to_owned();
    let own = "{name: own, templateType: Task, deadline: 1m, task: {container: {name: own}}, conditionalBranches: [{target: a, expression: 'exitCode == 0'}]}".to_owned();
    let base = [task("a", Some(1)), task("free", None), kill, many, own, gate(false)];
    let outcome = |children: &str, finally: &[&str], more: &[String]| {
        let mut templates = vec![serial_of("main", children, "")];
        templates.extend(base.iter().filter(|one| !more.iter().any(|new| new[..12] == one[..12])).cloned());
        templates.extend(more.iter().cloned());
        let finally: Vec<String> = finally.iter().map(ToString::to_string).collect();
        compile(&spec("main", &templates), &finally).map(|_| ()).map_err(|error| error.to_string())
    };
    let refused = [
        ("kill, a", vec![], vec![], "`kill` is of type `PodChaos`"),
        ("many, a", vec![], vec![], "`many` is of type `Parallel`"),
        ("gate, a", vec![], vec![], "`gate` is of type `StatusCheck`"),
        ("own, a", vec![], vec![], "`own` has `conditionalBranches` of its own"),
        ("a, gate, end", vec!["end"], vec![gate(true), task("end", Some(1))], "`gate` aborts the Workflow"),
        ("a, free", vec![], vec![], "`a` has a deadline, and something after it has none"),
        ("a, x", vec![], vec![], "unknown template `x`"),
        ("a", vec!["a"], vec![], "`main` has no steps"),
        ("a, free", vec!["a"], vec![], "`a` is not one of the last children"),
        ("a", vec!["b"], vec![], "`b` is not one of the last children"),
        ("", vec![], vec![], "`main` has no steps"),
        ("a, main", vec![], vec![], "template `main` leads to itself"),
        ("a, in", vec![], vec![serial_of("in", "a, a", ", deadline: 1m")], "the deadline of `in` is shorter"),
        ("a, a", vec![], vec![task("a", Some(1)), task("b", Some(1)), task("b", Some(2))], "duplicate template `b`"),
        ("a", vec![], vec![task("a", Some(1)).replace("1m", "1x")], "invalid deadline of `a`"),
        ("a, a", vec![], vec![task("a", Some(1)).replace("1m", "2000000h")], "the deadlines after `a` are too long"),
    ];
    for (children, finally, more, want) in refused {
        let error = outcome(children, &finally, &more).err().unwrap_or_else(|| panic!("{children}: compiled"));
        assert!(error.starts_with(want), "{children}: {error}");
    }
    let accepted = [
        ("a, kill", vec![]),
        ("a, many", vec!["many"]),
        ("a, gate", vec![]),
        ("free, a, own", vec![]),
        ("free, free", vec![]),
    ];
    for (children, finally) in accepted {
        assert_eq!(outcome(children, &finally, &[]), Ok(()), "{children}");
    }
    let entry = compile(&spec("a", &[task("a", None)]), &[]).unwrap_err().to_string();
    assert_eq!(entry, "the entry `a` is of type `Task`: expected a `Serial`");
}

#[test]
fn templates_that_double_again_and_again_are_bounded() {
    let mut templates = vec![serial_of("s0", "s1, s1", "")];
    templates.extend((1..60).map(|n| serial_of(&format!("s{n}"), &format!("s{0}, s{0}", n + 1), "")));
    templates.push(serial_of("s60", "", ""));
    assert_eq!(compile(&spec("s0", &templates), &[]), Err(CompileError::TooMany(10_000)));
}

#[test]
fn made_names_are_bounded_and_new() {
    let long = "x".repeat(57);
    let templates = [serial_of("main", &format!("{long}, {long}"), ""), task(&long, None)];
    assert!(matches!(compile(&spec("main", &templates), &[]), Err(CompileError::Name(_))));
    let templates = [serial_of("main", "a, a, a-2", ""), task("a", None), task("a-2", None)];
    let compiled = compile(&spec("main", &templates), &[]).unwrap();
    let model = Model::run(&compiled, &|_, _| (0, 1));
    assert_eq!(model.started, ["a", "a", "a-2"]);
}
