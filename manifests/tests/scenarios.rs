//! The three scenarios that are shipped: rendered by variables only, with budgets that the linter reports.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::path::Path;

use chaos_manifests::{
    Contract, Rendered, WorkflowSpec, compile, declared_placeholders, lint, read_manifests, render, survey,
};
use chaos_schema::{Code, Severity};

const NAMES: [&str; 3] = ["release-test", "load-test", "major-upgrade"];

fn text(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/scenarios");
    std::fs::read_to_string(folder.join(name).with_extension("yaml")).unwrap()
}

fn rendered(name: &str) -> Rendered {
    let text = text(name);
    let declared = declared_placeholders(&text).unwrap();
    let value = |name: &String| match name.as_str() {
        "RUN_ID" => "r7".to_owned(),
        "DURATION_MINUTES" => "20".to_owned(),
        other => format!("registry.example/{}:1.2.3", other.to_lowercase().replace('_', "-")),
    };
    let variables: BTreeMap<String, String> = declared.iter().map(|name| (name.clone(), value(name))).collect();
    render(&text, &variables, &declared).unwrap()
}

fn workflow(name: &str) -> WorkflowSpec {
    read_manifests(&rendered(name).text, name).unwrap()[0].workflow().unwrap().clone()
}

#[test]
fn each_is_filled_by_its_declared_placeholders_alone() {
    for name in NAMES {
        let rendered = rendered(name);
        assert_eq!(rendered.unused, Vec::<String>::new(), "{name}");
        let names: Vec<&str> = rendered.untouched.iter().map(String::as_str).collect();
        assert_eq!(
            names.iter().filter(|name| !["WORKFLOW_NAME", "height", "i"].contains(name)).count(),
            0,
            "{names:?}"
        );
        let manifests = read_manifests(&rendered.text, name).unwrap();
        assert_eq!(Contract::of(name, "r7").check(&manifests), [], "{name}");
        assert_eq!(Contract::of(name, "r8").check(&manifests)[0].code, Code::WorkflowName);
        assert!(rendered.text.contains("$((i + 1))") && rendered.text.contains("$(date -u)"), "{name}");
    }
}

#[test]
fn the_deadline_budget_of_each_is_reported() {
    let rows = [("release-test", "1h34m", "1h"), ("load-test", "1h57m", "1h30m"), ("major-upgrade", "1h38m", "1h30m")];
    for (name, together, own) in rows {
        // As it is written and as it is rendered.
        for text in [text(name), rendered(name).text] {
            let found = lint(&read_manifests(&text, name).unwrap());
            let found: Vec<_> = found.iter().map(|one| (one.code, one.severity, one.message.as_str())).collect();
            let [(Code::DeadlinesDoNotFit, Severity::Warning, message)] = found[..] else { panic!("{found:?}") };
            let want =
                format!("the children of `{name}` may take {together} one after the other, and its deadline is {own}");
            assert!(message.starts_with(&want), "{message}");
        }
    }
}

#[test]
fn two_of_them_are_compiled_and_the_third_is_refused_by_name() {
    let finally = ["upload-report".to_owned()];
    for name in ["release-test", "load-test"] {
        let compiled = compile(&workflow(name), &finally).unwrap();
        assert_eq!(compiled.templates.len(), workflow(name).templates.len(), "{name}");
    }
    let error = compile(&workflow("major-upgrade"), &finally).unwrap_err().to_string();
    assert!(error.starts_with("`vote` is of type `Parallel`"), "{error}");
}

#[test]
fn their_survey_tells_what_a_command_must_take() {
    let all = NAMES.map(|name| (name.to_owned(), text(name)));
    let survey = survey(&all).unwrap();
    let universal: BTreeMap<&str, &str> =
        survey.universal.iter().map(|one| (one.knob.as_str(), one.value.as_str())).collect();
    assert_eq!(universal["workflow name"], "<scenario>-$RUN_ID");
    assert_eq!(universal["configMapRef"], "workflow-vars-<scenario>-$RUN_ID");
    assert_eq!((universal["entry type"], universal["last step"]), ("Serial", "upload-report"));
    let varying: BTreeMap<&str, Vec<&str>> = survey
        .varying
        .iter()
        .map(|one| (one.knob.as_str(), one.values.iter().map(|value| value.as_deref().unwrap_or("-")).collect()))
        .collect();
    assert_eq!(varying["entry deadline"], ["60m", "90m", "90m"]);
    assert_eq!(varying["steps"], ["5", "6", "10"]);
    assert_eq!(varying["placeholder LOAD_COMMIT"], ["-", "used", "-"]);
    assert!(survey.unused.iter().any(|knob| knob == "template conditionalBranches"), "{:?}", survey.unused);
    let shown = survey.to_string();
    assert!(shown.contains("  entry deadline ") && shown.contains("60m | 90m | 90m\n"), "{shown}");
}
