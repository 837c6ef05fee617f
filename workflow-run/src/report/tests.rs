use super::*;

fn failure(step: &str, outcome: ScenarioOutcome, detail: &str) -> StepFailure {
    StepFailure::new(step, outcome, detail, 1.0)
}

fn report() -> ScenarioReport {
    let step = |name: &str, outcome, detail: Option<&str>| ReportedStep {
        step: name.into(),
        pods: vec![format!("{name}-pod")],
        outcome,
        exit_code: None,
        detail: detail.map(str::to_owned),
    };
    ScenarioReport {
        format: SCENARIO_REPORT_FORMAT,
        squall_version: "0".into(),
        scenario: "release".into(),
        run_id: "r7".into(),
        engine_run: "e1".into(),
        workflow: "release-r7".into(),
        namespace: "nightly".into(),
        context: Some("kind".into()),
        mode: ScenarioMode::Compatible,
        outcome: ScenarioOutcome::TaskFail,
        exit_code: 1,
        phase: Some(WorkflowPhase::Aborted),
        source: ReportedSource {
            repo: "/repo".into(),
            reference: "main".into(),
            commit: Some("c0ffee".into()),
            ..ReportedSource::default()
        },
        applied: true,
        first_failure: Some(failure("test <&\">", ScenarioOutcome::TaskFail, "exit code 1")),
        later_failures: vec![failure("", ScenarioOutcome::InfraFail, "interrupted")],
        exit_reasons: vec!["task-fail".into(), "pass".into()],
        began_after_failure: vec!["upload".into()],
        overrun_seconds: Some(60.0),
        steps: vec![
            step("keys", Some(ScenarioOutcome::Pass), None),
            step("test <&\">", Some(ScenarioOutcome::TaskFail), Some("exit code 1")),
            step("upload", None, None),
        ],
        problems: vec!["upload: 403".into()],
        left: None,
        cleaned: Some("Workflow `release-r7` was aborted and deleted, and no pod was left".into()),
        folder: "/w/x".into(),
        files: vec!["report.json".into()],
        uploaded: Vec::new(),
        decisions: Vec::new(),
        elapsed_seconds: 12.3456,
    }
}

#[test]
fn the_text_names_the_first_failure_and_what_began_after_it() {
    let want = "\
scenario   release from /repo at main (c0ffee)
workflow   release-r7 in namespace nightly, compatible mode
step       pass       keys
step       task_fail  test <&\">: exit code 1
step       not ended  upload
failure    task_fail  test <&\">: exit code 1
failure    infra_fail interrupted
overran    began after the failure: upload
overrun    went on beyond the deadline of its entry, 60 s
problem    upload: 403
cleaned    Workflow `release-r7` was aborted and deleted, and no pod was left
folder     /w/x
outcome    task_fail: step `test <&\">`: exit code 1 (exit 1)
";
    assert_eq!(report().text(), want);
}

#[test]
fn junit_counts_failures_and_errors_and_escapes_names() {
    let xml = report().junit();
    let suite = xml.lines().find(|line| line.contains("<testsuite ")).unwrap();
    for part in ["name=\"release-r7\"", "tests=\"4\"", "errors=\"1\"", "failures=\"2\"", "time=\"12.346\""] {
        assert!(suite.contains(part), "{part}: {suite}");
    }
    assert!(xml.contains("name=\"test &lt;&amp;&quot;&gt;\""), "{xml}");
    assert!(xml.contains("<failure message=\"exit code 1\"/>"), "{xml}");
    let passed = ScenarioReport { first_failure: None, outcome: ScenarioOutcome::Pass, steps: Vec::new(), ..report() };
    assert!(!passed.junit().contains("<failure") && !passed.junit().contains("<error"));
    let left = ScenarioReport { left: Some("pod `x`".into()), ..passed };
    assert!(left.junit().contains("<error message=\"pod `x`\"/>"));
}

#[test]
fn the_report_is_read_as_it_was_written() {
    let json = serde_json::to_string(&report()).unwrap();
    assert_eq!(serde_json::from_str::<ScenarioReport>(&json).unwrap(), report());
}
