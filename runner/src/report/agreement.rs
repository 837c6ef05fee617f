//! Every form of a report says the same as its exit code, over all verdicts.

use chaos_core::{
    Answer, ChaosResult, FaultTimes, Observation, REPORT_FORMAT, Reverted, SecondsRange, TimeBounds, Verdict,
    Verification,
};

use super::{InvalidRun, Machine, Report, html, html_invalid, junit, junit_invalid, text};
use crate::judge::run_verdict;
use crate::recover::RecoverReport;

/// What an entry may be like: its verdict, its error, whether its undo worked.
fn entries() -> Vec<ChaosResult> {
    let failed = Some("the fault may still be in force: <no> way");
    let rows = [
        (Verdict::Held, None, Reverted::Reverted),
        (Verdict::Unchecked, None, Reverted::Reverted),
        (Verdict::Unchecked, None, Reverted::NothingToRevert),
        (Verdict::Deviated, None, Reverted::Reverted),
        (Verdict::Deviated, Some("abort_if `p`: yes"), Reverted::Reverted),
        (Verdict::Inconclusive, None, Reverted::Reverted),
        (Verdict::Inconclusive, Some("interrupted"), Reverted::NothingToRevert),
        (Verdict::Inconclusive, Some("skipped: an undo failed before"), Reverted::NothingToRevert),
        (Verdict::RevertFailed, failed, Reverted::Failed),
    ];
    let entry = |(verdict, error, reverted): (Verdict, Option<&str>, Reverted)| ChaosResult {
        success: error.is_none(),
        injected_fault: "test_touch_file".into(),
        output: String::new(),
        elapsed_time: 1.0,
        error: error.map(str::to_owned),
        name: "Planned Disruption".into(),
        verdict,
        witness: None,
        verification: None,
        probes: Vec::new(),
        reverted,
        timeline: Vec::new(),
        time_to_detect_seconds: None,
        time_to_recover_seconds: None,
        times: FaultTimes::default(),
        bounds: TimeBounds::default(),
        time_to_abort_seconds: None,
        abort_unseen_seconds: None,
        control: None,
        load: None,
    };
    rows.into_iter().map(entry).collect()
}

fn probes(answers: &[Answer]) -> Vec<Verification> {
    let seen =
        |answer: &Answer| Observation { answer: *answer, value: serde_json::Value::Null, detail: "d & d".into() };
    answers.iter().map(|answer| Verification::of("serves", seen(answer))).collect()
}

fn report(entries: Vec<ChaosResult>, before: &[Answer], after: &[Answer]) -> Report {
    let (before, after) = (probes(before), probes(after));
    let verdicts: Vec<Verdict> = entries.iter().map(|entry| entry.verdict).collect();
    Report {
        format: REPORT_FORMAT,
        squall_version: "0.0.0".into(),
        task: Some("A <task>".into()),
        file: Some("task.yaml".into()),
        command: None,
        machine: Machine::this(),
        run_id: "1-2-3".into(),
        verdict: run_verdict(&verdicts, &before, &after),
        success: entries.iter().all(|entry| entry.success),
        entries,
        steady_state_before: before,
        steady_state_after: after,
        not_begun: None,
        node_exits: Vec::new(),
        sources: Vec::new(),
        nodes_left: Vec::new(),
        baseline: None,
        recovered: RecoverReport::default(),
        seed: 1,
        sham: false,
        started_at_unix_seconds: 0.0,
        elapsed_seconds: 1.0,
    }
}

/// Reports of every verdict of none, one and two entries, beside every answer of the steady state.
fn reports() -> Vec<Report> {
    use Answer::{No, Unknown, Yes};
    let mut lists: Vec<Vec<ChaosResult>> = vec![Vec::new()];
    for one in entries() {
        lists.push(vec![one.clone()]);
        lists.extend(entries().into_iter().map(|two| vec![one.clone(), two]));
    }
    let answers: [&[Answer]; 5] = [&[], &[Yes], &[No], &[Unknown], &[Yes, No]];
    let mut reports = Vec::new();
    for list in lists {
        for before in answers {
            reports.extend(answers.iter().map(|after| report(list.clone(), before, after)));
        }
    }
    reports
}

#[test]
fn every_form_says_the_same_as_the_exit_code() {
    let reports = reports();
    for code in 0..=3 {
        assert!(reports.iter().any(|report| report.exit_code() == code), "no report with exit code {code}");
    }
    for report in reports {
        let (code, word) = (report.exit_code(), report.verdict.word());
        let xml = junit(&report);
        let green = !xml.contains("<failure") && !xml.contains("<error");
        assert_eq!(green, code == 0, "{xml}");
        // A failure of the system makes a failure, everything else that is wrong an error.
        assert!(code != 1 || xml.contains("<failure"), "{xml}");
        assert!(code < 2 || xml.contains("<error"), "{xml}");
        assert!(text(&report).ends_with(&format!("verdict: {word}\n")));
        let page = html(&report);
        assert!(page.contains(&format!("<p class=\"outcome {word}\" data-exit-code=\"{code}\">")), "{page}");
        let bad = ["deviated", "inconclusive", "revert_failed"]
            .iter()
            .any(|bad| page.contains(&format!("<b class=\"{bad}\">")));
        assert_eq!(bad, code != 0, "{page}");
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!(json["verdict"], word);
        assert_eq!(serde_json::from_value::<Report>(json).unwrap(), report);
    }
}

#[test]
fn cases_are_unique_carry_their_reason_and_cover_steady_state_undo_and_skipped_entries() {
    for report in reports() {
        let cases = report.cases();
        let mut names: Vec<_> = cases.iter().map(|case| (&case.class, &case.name)).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), cases.len(), "{cases:?}");
        let of = |class: &str| cases.iter().filter(|case| case.class == class).count();
        assert_eq!(of("steady_state.before"), report.steady_state_before.len());
        assert_eq!(of("steady_state.after"), report.steady_state_after.len());
        assert_eq!(of("test_touch_file"), report.entries.len());
        let undone = report.entries.iter().filter(|entry| entry.reverted != Reverted::NothingToRevert).count();
        assert_eq!(of("test_touch_file.revert"), undone);
        let green = ["held", "unchecked"];
        assert!(cases.iter().all(|case| green.contains(&case.outcome.word()) || !case.reasons.is_empty()), "{cases:?}");
        let skipped =
            report.entries.iter().filter(|entry| entry.error.as_ref().is_some_and(|why| why.starts_with("skipped")));
        let xml = junit(&report);
        assert_eq!(xml.matches("<skipped").count(), skipped.count(), "{xml}");
        assert!(xml.contains("<testsuite name=\"A &lt;task&gt;\""), "{xml}");
    }
}

#[test]
fn every_form_tells_the_same_bounds_of_times() {
    let mut report = report(entries()[..1].to_vec(), &[], &[]);
    let bounds = TimeBounds {
        in_force_seconds: Some(SecondsRange::new(3.0, 3.5)),
        detect_seconds: Some(SecondsRange::new(0.25, 0.75)),
        recover_seconds: Some(SecondsRange::from(0.5)),
    };
    report.entries[0].bounds = bounds;
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["entries"][0]["bounds"]["in_force_seconds"], serde_json::json!({"at_least": 3.0, "at_most": 3.5}));
    assert_eq!(json["entries"][0]["bounds"]["recover_seconds"], serde_json::json!({"at_least": 0.5, "at_most": null}));
    let (text, page, xml) = (text(&report), html(&report), junit(&report));
    assert_eq!(bounds.named().count(), 3);
    for (name, range) in bounds.named() {
        assert!(text.contains(&format!("  {name}: {range}\n")), "{text}");
        assert!(page.contains(&format!("<dt>{name}</dt><dd>{range}</dd>")), "{page}");
        assert!(xml.contains(&format!("<property name=\"{name}\" value=\"{range}\"/>")), "{xml}");
    }
    report.entries[0].bounds = TimeBounds::default();
    assert!(!html(&report).contains("time in force") && !junit(&report).contains("time in force"));
}

#[test]
fn a_reason_stands_in_the_body_line_by_line() {
    let mut report = report(entries()[4..5].to_vec(), &[], &[]);
    report.entries[0].probes = probes(&[Answer::No]);
    let xml = junit(&report);
    assert!(xml.contains("message=\"abort_if `p`: yes; `serves`: d &amp; d\""), "{xml}");
    assert!(xml.contains(">abort_if `p`: yes\n`serves`: d &amp; d</failure>"), "{xml}");
}

#[test]
fn a_run_that_could_not_begin_has_an_error_in_every_form() {
    let invalid = InvalidRun {
        name: "a<b>.yaml".into(),
        error: "missing key `action`, and 1 more".into(),
        problems: vec!["line 1: missing key `action`".into(), "line 2: <b>".into()],
        exit_code: 65,
    };
    let xml = junit_invalid(&invalid);
    assert!(xml.contains("errors=\"1\"") && xml.contains("line 2: &lt;b&gt;</error>"), "{xml}");
    let page = html_invalid(&invalid);
    assert!(page.contains("data-exit-code=\"65\"") && page.contains("<li>line 2: &lt;b&gt;</li>"), "{page}");
}

#[test]
fn a_page_needs_nothing_else_and_nothing_in_a_text_becomes_markup() {
    let mut report = report(entries()[..1].to_vec(), &[], &[]);
    report.command = Some("squall run 'a b.yaml' --var 'X=<script>'".into());
    report.entries[0].name = "<script>alert(1)</script>".into();
    report.entries[0].output = "</code></dd><img src=x>".into();
    let page = html(&report);
    assert!(!page.contains("<script") && !page.contains("<img") && !page.contains("http://"), "{page}");
    for fact in ["1970-01-01 00:00:00 UTC", "0.0.0", "CPU", "--var &#39;X=&lt;script&gt;&#39;", "width=device-width"] {
        assert!(page.contains(fact), "{fact}: {page}");
    }
}
