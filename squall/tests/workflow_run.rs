//! `squall workflow-run` as a user starts it: the program, a kubeconfig and `git`; an empty home, an empty folder, no other variable.
//! What such a test shows of Chaos Mesh's own logic, it shows of the model, and says so in its name.

#![cfg(feature = "full")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;
use std::thread;

use chaos_rig::{AuditedRequest, Rig};
use quick_junit::Report;
use serde_json::{Value, json};

#[path = "support/scenarios.rs"]
mod scenarios;
#[path = "support/signalled.rs"]
mod signalled;

use scenarios::{Scene, is_ours, told};
use signalled::{code, signal, until};

/// A scenario of `examples/scenarios`, its flags, its Tasks, and the one that has an image of its own.
struct Shipped {
    name: &'static str,
    variables: &'static [(&'static str, &'static str)],
    tasks: &'static [&'static str],
    other_image: Option<(&'static str, &'static str)>,
}

const SHIPPED: [Shipped; 3] = [
    Shipped {
        name: "release-test",
        variables: &[
            ("NETWORK_ID", "net-r"),
            ("NODE_IMAGE", "registry.example/node:n-r"),
            ("TASK_IMAGE", "registry.example/task:t-r"),
            ("TEST_IMAGE", "registry.example/suite:s-r"),
        ],
        tasks: &["make-admin-key", "provision-readers", "provision-validators", "run-suite", "upload-report"],
        other_image: Some(("run-suite", "registry.example/suite:s-r")),
    },
    Shipped {
        name: "load-test",
        variables: &[
            ("NETWORK_ID", "net-l"),
            ("NODE_IMAGE", "registry.example/node:n-l"),
            ("TASK_IMAGE", "registry.example/task:t-l"),
            ("LOAD_IMAGE", "registry.example/load:abc"),
            ("LOAD_COMMIT", "0abc123"),
            ("LOAD_PROFILE", "transfers"),
            ("DURATION_MINUTES", "21"),
        ],
        tasks: &[
            "provision-readers",
            "provision-validators",
            "render-profile",
            "run-load",
            "upload-report",
            "wait-caught-up",
        ],
        other_image: Some(("run-load", "registry.example/load:abc")),
    },
    Shipped {
        name: "major-upgrade",
        variables: &[
            ("NETWORK_ID", "net-u"),
            ("OLD_IMAGE", "registry.example/node:old"),
            ("NEW_IMAGE", "registry.example/node:new"),
            ("TASK_IMAGE", "registry.example/task:t-u"),
            ("UPGRADE_NAME", "v2-u"),
        ],
        tasks: &[
            "change-image",
            "compute-height",
            "find-proposal",
            "progress-0",
            "progress-1",
            "progress-2",
            "progress-3",
            "provision",
            "settle",
            "submit-proposal",
            "upload-report",
            "vote-0",
            "vote-1",
            "vote-2",
            "vote-3",
            "wait-accepted",
        ],
        other_image: None,
    },
];

impl Shipped {
    fn commit(&self, scene: &Scene) -> String {
        let path = format!("{}/../examples/scenarios/{}.yaml", env!("CARGO_MANIFEST_DIR"), self.name);
        scene.commit(self.name, &fs::read_to_string(path).unwrap())
    }

    fn run(&self, scene: &Scene) -> (Value, Option<i32>) {
        let variables: Vec<String> = self.variables.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut flags = vec!["--format", "json"];
        flags.extend(variables.iter().flat_map(|variable| ["--var", variable]));
        if scene.mode != "compatible" {
            flags.extend(["--finally", "upload-report"]);
        }
        told(&scene.command(self.name, "r1", &flags).output().unwrap())
    }

    /// What the report says of a run that passed, and what the API server got.
    fn passed(&self, scene: &Scene, commit: &str) {
        let ((report, code), mode) = (self.run(scene), scene.mode);
        assert_eq!(
            (code, &report["outcome"], &report["exit_code"]),
            (Some(0), &json!("pass"), &json!(0)),
            "{report:#}"
        );
        let said = ["scenario", "run_id", "mode", "namespace", "context"].map(|key| report[key].as_str().unwrap());
        assert_eq!(said, [self.name, "r1", mode, &scene.namespace, "rig"]);
        assert_eq!((&report["source"]["commit"], &report["source"]["reference"]), (&json!(commit), &json!("main")));
        assert!(report["problems"].is_null() && report["left"].is_null(), "{report:#}");
        let steps = report["steps"].as_array().unwrap();
        assert!(steps.iter().all(|step| step["outcome"] == "pass"), "{steps:#?}");
        let workflow = format!("{}-r1", self.name);
        let files = report["files"].as_array().unwrap();
        let kept = if mode == "strict" { "steps/" } else { "workflow-nodes.json" };
        assert!(files.iter().any(|file| file.as_str().unwrap().starts_with(kept)), "{files:?}");
        assert_eq!(scene.report(&workflow), report);
        self.reached_the_pods(scene, &workflow);
    }

    /// That each flag is in what the pods were made of, what is the shell's is as it was, and each Task ran once.
    fn reached_the_pods(&self, scene: &Scene, workflow: &str) {
        let pods = scene.pods_of(workflow);
        let containers: Vec<&Value> = pods.iter().map(|pod| &pod["spec"]["containers"][0]).collect();
        let mut names: Vec<&str> = containers.iter().map(|container| container["name"].as_str().unwrap()).collect();
        names.sort_unstable();
        assert_eq!(names, self.tasks, "{}", scene.mode);
        let value = |name: &str| self.variables.iter().find(|(its, _)| *its == name).unwrap().1;
        for container in &containers {
            let own = self.other_image.filter(|(task, _)| container["name"] == *task);
            assert_eq!(container["image"], own.map_or(value("TASK_IMAGE"), |(_, image)| image), "{container:#}");
            let environment = container["env"].as_array().unwrap();
            assert!(
                environment.contains(&json!({"name": "NETWORK_ID", "value": value("NETWORK_ID")})),
                "{container:#}"
            );
            let variables = format!("workflow-vars-{workflow}");
            assert_eq!(container["envFrom"][0]["configMapRef"]["name"], variables);
        }
        let all: String = containers.iter().map(ToString::to_string).collect();
        for (name, value) in self.variables {
            let left = [format!("${name}"), format!("${{{name}}}")].iter().any(|placeholder| all.contains(placeholder));
            assert!(all.contains(value) && !left, "{name}: {all}");
        }
        assert!(all.contains("$(date -u)") && all.contains("${WORKFLOW_NAME}"), "{all}");
    }
}

/// Runs these in one namespace at the same time, then looks whether anything is left of them.
fn run_whole(mode: &'static str, scenarios: &[&Shipped]) -> Option<Scene> {
    let scene = Scene::new(mode)?;
    let commits: Vec<String> = scenarios.iter().map(|scenario| scenario.commit(&scene)).collect();
    // All of them are fetched from the newest one.
    let newest = commits.last().unwrap();
    thread::scope(|scope| {
        for scenario in scenarios {
            scope.spawn(|| scenario.passed(&scene, newest));
        }
    });
    scene.assert_nothing_left();
    Some(scene)
}

#[test]
fn model_the_shipped_scenarios_run_by_flags_only_in_compatible_mode() {
    run_whole("compatible", &[&SHIPPED[0], &SHIPPED[1], &SHIPPED[2]]);
}

/// Nothing of Chaos Mesh runs, and no Workflow is made.
#[test]
fn the_shipped_scenarios_run_by_flags_only_in_strict_mode() {
    let Some(scene) = run_whole("strict", &[&SHIPPED[0], &SHIPPED[1], &SHIPPED[2]]) else { return };
    let written = scene.written();
    assert!(written.iter().all(|one| one.resource == "pods"), "{written:#?}");
}

/// One of them votes in a `Parallel` in the middle. Chaos Mesh can't branch on how that ended, so the sequence could not stop by itself.
#[test]
fn model_the_shipped_scenarios_run_by_flags_only_in_compiled_mode_but_for_one() {
    let Some(scene) = run_whole("compiled", &[&SHIPPED[0], &SHIPPED[1]]) else { return };
    let before = scene.written().len();
    SHIPPED[2].commit(&scene);
    let (report, code) = SHIPPED[2].run(&scene);
    let why = "render: `vote` is of type `Parallel`, and Chaos Mesh can't branch on how it ended: only the last step may be one, \
               others are `Task` or `Suspend`; or use the mode `strict`";
    assert_eq!((code, &report["first_failure"]["detail"]), (Some(2), &json!(why)), "{report:#}");
    assert_eq!((&report["applied"], scene.written().len()), (&json!(false), before));
}

/// Each of the two signals in each of these modes, twice: what is there is captured, then removed, and the second one hastens nothing.
#[test]
fn model_a_signal_while_a_step_runs_captures_first_and_leaves_nothing() {
    if !Rig::installed() {
        return;
    }
    let rows = ["compatible", "strict"].into_iter().flat_map(|mode| [(mode, "INT"), (mode, "TERM")]);
    thread::scope(|scope| {
        for (mode, name) in rows {
            scope.spawn(move || interrupted(mode, name));
        }
    });
}

fn interrupted(mode: &'static str, name: &str) {
    let Some(scene) = Scene::new(mode) else { return };
    // The second one takes its time to go, so that the second signal finds the run at its end.
    let slow = "rig.squall.dev/after: 600s, rig.squall.dev/grace: 8s";
    let ends = r#"rig.squall.dev/exit: "0""#;
    scene.serial("slow", &[("one", ends), ("two", slow), ("three", ends)]);
    let mut child = scene.command("slow", "r1", &["--format", "json"]).spawn().unwrap();
    until("the second step runs", || scene.running().iter().any(|pod| pod.contains("two-")));
    signal(child.id(), name);
    until("the first signal is heard", || asked_to_end(&scene));
    signal(child.id(), name);
    assert_eq!(code(&mut child), Some(2), "{mode} {name}");
    let output = child.wait_with_output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(errors.contains(&format!("SIG{name}: still undoing")), "{mode} {name}: {errors}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&report["exit_code"], &report["outcome"]), (&json!(2), &json!("infra_fail")), "{report:#}");
    assert!(report["first_failure"]["detail"].as_str().unwrap().contains("interrupted"), "{report:#}");
    assert_eq!(scene.report("slow-r1"), report);
    let files: Vec<&str> = report["files"].as_array().unwrap().iter().map(|file| file.as_str().unwrap()).collect();
    if mode == "strict" {
        assert!(files.contains(&"steps/steps/two/pod.json"), "{files:?}");
    } else {
        assert!(scene.captured("slow-r1", "workflow-nodes.txt").contains("two [Task]"));
        assert!(files.iter().any(|file| file.starts_with("logs/two-")), "{files:?}");
    }
    assert_eq!(scene.pods_of("slow-r1").len(), 2, "{mode} {name}: the third step began, or one ran twice");
    scene.assert_nothing_left();
    captured_before_deleted(&scene);
}

/// Whether something is being removed.
fn asked_to_end(scene: &Scene) -> bool {
    scene.written().iter().any(|one| one.verb == "delete")
}

/// That all reads of a capture came before the first deletion.
fn captured_before_deleted(scene: &Scene) {
    let asked: Vec<AuditedRequest> = scene.asked().into_iter().filter(is_ours).collect();
    let first = asked.iter().position(|one| one.verb == "delete").unwrap();
    let read = |resource: &str| -> Vec<usize> {
        let places = asked.iter().enumerate().filter(|(_, one)| one.resource == resource);
        places.map(|(place, _)| place).collect()
    };
    let logs = read("pods/log");
    assert!(!logs.is_empty() && logs.iter().all(|place| *place < first), "{}: {asked:#?}", scene.mode);
    let events = read("events");
    assert!((scene.mode == "strict") == events.is_empty(), "{}: {asked:#?}", scene.mode);
    assert!(events.iter().all(|place| *place < first), "{asked:#?}");
}

/// A step that fails: exit code 1 in each mode, and JUnit that a reader of JUnit reads.
#[test]
fn model_a_step_that_fails_is_exit_1_and_a_failure_in_junit() {
    if !Rig::installed() {
        return;
    }
    thread::scope(|scope| {
        for mode in ["compatible", "compiled", "strict"] {
            scope.spawn(move || fails(mode));
        }
    });
}

fn fails(mode: &'static str) {
    let Some(scene) = Scene::new(mode) else { return };
    let exits = |code: u8| format!(r#"rig.squall.dev/exit: "{code}", rig.squall.dev/after: 1s"#);
    scene.serial("fails", &[("one", &exits(0)), ("two", &exits(3)), ("three", &exits(0)), ("four", &exits(0))]);
    let output = scene.command("fails", "r1", &["--format", "junit"]).output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{mode}: {printed}{}", String::from_utf8_lossy(&output.stderr));
    let report = scene.report("fails-r1");
    let first = &report["first_failure"];
    assert_eq!((&report["outcome"], &report["exit_code"]), (&json!("task_fail"), &json!(1)), "{report:#}");
    assert!(first["step"].as_str().unwrap().starts_with("two"), "{first}");
    let why = if mode == "strict" { "exited with 3" } else { "exit code 3" };
    assert!(first["detail"].as_str().unwrap().contains(why), "{first}");
    for text in [printed, scene.captured("fails-r1", "junit.xml")] {
        let junit = Report::deserialize_from_str(&text).unwrap_or_else(|error| panic!("{mode}: {error}: {text}"));
        let suite = &junit.test_suites[0];
        let cases = &suite.test_cases;
        assert_eq!((junit.tests, suite.tests, cases.len()), (cases.len(), cases.len(), cases.len()), "{text}");
        let failed: Vec<&str> = cases.iter().filter(|case| is_failed(case)).map(|case| case.name.as_str()).collect();
        assert!(failed.len() >= 2 && failed.last() == Some(&"the whole scenario"), "{failed:?}");
        assert!(failed[..failed.len() - 1].iter().any(|name| name.starts_with("two")), "{failed:?}");
        assert_eq!(junit.failures + junit.errors, failed.len(), "{text}");
    }
    scene.assert_nothing_left();
}

/// Whether a case has not passed.
fn is_failed(case: &quick_junit::TestCase) -> bool {
    matches!(case.status, quick_junit::TestCaseStatus::NonSuccess { .. })
}

/// What is refused: a scenario that is not there, and a cluster that nobody allowed. Nothing is asked of the namespace.
#[test]
fn what_is_refused_is_exit_2_and_asks_the_cluster_nothing() {
    for mode in ["compatible", "strict"] {
        let Some(scene) = Scene::new(mode) else { return };
        scene.serial("there", &[("one", r#"rig.squall.dev/exit: "0""#)]);
        let missing = scene.command("missing", "r1", &["--format", "json"]).output().unwrap();
        let forbidden = scene.forbidden("there", "r1", &["--format", "json"]).output().unwrap();
        for (output, why) in [(missing, "missing.yaml"), (forbidden, "--allow-context rig")] {
            let (report, code) = told(&output);
            assert_eq!((code, &report["applied"]), (Some(2), &json!(false)), "{report:#}");
            let detail = report["first_failure"]["detail"].as_str().unwrap();
            assert!(detail.contains(why), "{detail}");
        }
        let asked: Vec<AuditedRequest> = scene.asked().into_iter().filter(is_ours).collect();
        assert_eq!(asked, []);
        // The same command, allowed, does ask.
        let allowed = scene.command("there", "r1", &["--format", "json"]).output().unwrap();
        assert_eq!(told(&allowed).1, Some(0), "{}", String::from_utf8_lossy(&allowed.stderr));
        assert!(!scene.written().is_empty());
        scene.assert_nothing_left();
    }
}

/// Two configurations that differ in the order of capture and clean-up, or in the format of logs, can't be written down.
#[test]
fn there_is_no_flag_for_the_order_of_clean_up_or_the_format_of_logs() {
    let help = Command::new(env!("CARGO_BIN_EXE_squall")).args(["workflow-run", "--help"]).output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let flags = help.split_whitespace().filter(|word| word.starts_with("--"));
    let about = ["abort", "capture", "clean", "delete", "format", "keep", "log", "order", "skip", "sweep"];
    let found: BTreeSet<&str> = flags.filter(|flag| about.iter().any(|word| flag.contains(word))).collect();
    // How long cleaning up may take, and what the report on standard output looks like.
    assert_eq!(found, BTreeSet::from(["--clean-timeout", "--format"]), "{help}");
}
