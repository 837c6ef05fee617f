//! The strategies on simulated targets whose truth the theory of queues gives.
#![expect(clippy::unwrap_used, reason = "a test that can't be set up should stop at once")]

#[path = "support/simulated.rs"]
mod simulated;

use chaos_experiment::{CapacityLimit, ExperimentOutcome, ExperimentReport, Finding};
use chaos_test::Bench;
use serde_json::json;
use simulated::{FAILING, FAST, GENERATOR, HANGING, SLOW, STALL, TARGETS, UNSERVED, run, spec, touch};

fn only(report: &ExperimentReport) -> &Finding {
    assert_eq!(report.findings.len(), 1, "{:?}", report.why);
    &report.findings[0]
}

#[test]
fn capacity_is_within_five_percent_of_the_truth_in_at_most_twelve_steps() {
    for (port, workers, service) in TARGETS {
        #[expect(clippy::cast_precision_loss, reason = "ten workers")]
        let truth = workers as f64 / service;
        for seed in 0..20 {
            let bench = Bench::new().unwrap();
            let report = run(&bench, seed, spec(port, "how much can it take", &json!({})), None);
            let Finding::Capacity { capacity_qps: Some(found), limit, confirmed, points, .. } = only(&report) else {
                panic!("{report:?}")
            };
            assert!((found / truth - 1.0).abs() <= 0.05, "{found} for {truth}, seed {seed}");
            assert_eq!(
                (*limit, *confirmed, report.outcome),
                (CapacityLimit::Target, true, ExperimentOutcome::Answered),
                "{found}"
            );
            assert!(points.len() <= 12 && report.spent.wall_seconds < 120.0, "{:?}", report.spent);
        }
    }
}

#[test]
fn one_stall_of_the_target_in_any_point_is_not_taken_for_its_limit() {
    let (port, workers, service) = TARGETS[0];
    #[expect(clippy::cast_precision_loss, reason = "four workers")]
    let truth = workers as f64 / service;
    for load in 0..10 {
        let bench = Bench::new().unwrap();
        std::fs::write(bench.folder().join(STALL), load.to_string()).unwrap();
        let report = run(&bench, 1, spec(port, "how much can it take", &json!({})), None);
        let Finding::Capacity { capacity_qps: Some(found), points, .. } = only(&report) else { panic!("{report:?}") };
        assert!((found / truth - 1.0).abs() <= 0.05 && points.len() <= 12, "{found} with a stall in load {load}");
    }
}

#[test]
fn a_target_faster_than_the_generator_has_no_capacity() {
    let bench = Bench::new().unwrap();
    let report = run(&bench, 1, spec(FAST, "how much can it take", &json!({})), None);
    let Finding::Capacity { limit, capacity_qps: Some(found), .. } = only(&report) else { panic!("{report:?}") };
    assert_eq!((*limit, report.outcome), (CapacityLimit::Generator, ExperimentOutcome::Inconclusive));
    assert!(
        (found / GENERATOR - 1.0).abs() < 0.05 && report.answer[0].starts_with("generator saturated at "),
        "{}",
        report.answer[0]
    );
}

#[test]
fn the_greatest_rate_that_is_allowed_is_an_answer_and_says_so() {
    let bench = Bench::new().unwrap();
    let report = run(&bench, 1, spec(8003, "how much", &json!({"load": {"max_qps": 200}})), None);
    let Finding::Capacity { limit, capacity_qps, .. } = only(&report) else { panic!("{report:?}") };
    assert_eq!((*limit, *capacity_qps, report.exit_code()), (CapacityLimit::Ceiling, Some(200.0), 0));
    assert!(report.answer[0].contains("the target may do more"), "{}", report.answer[0]);
}

#[test]
fn slos_that_hold_at_no_rate_deviate() {
    let bench = Bench::new().unwrap();
    let report = run(&bench, 1, spec(8002, "how much", &json!({"slo": ["p50<1ms"]})), None);
    let Finding::Capacity { limit, capacity_qps, .. } = only(&report) else { panic!("{report:?}") };
    assert_eq!((*limit, *capacity_qps, report.exit_code()), (CapacityLimit::BelowFloor, None, 1));
}

#[test]
fn failing_fast_meets_no_slo_in_any_strategy_and_the_report_names_the_failure() {
    let slo = json!(["p99<200ms"]);
    for (strategy, more) in [
        ("capacity", json!({"load": {"max_qps": 40}})),
        ("ramp", json!({"load": {"max_qps": 40}, "runs": 2})),
        ("repeat", json!({"load": {"qps": 40}, "runs": 2})),
        ("compare", json!({"load": {"qps": 40}, "runs": 2, "fault": {"type": "test_touch_file", "path": "x"}})),
    ] {
        let bench = Bench::new().unwrap();
        let mut more = more;
        more["slo"] = slo.clone();
        more["strategy"] = json!(strategy);
        if strategy == "compare" {
            more["fault"] = touch(&bench.path("nothing"));
        }
        let report = run(&bench, 1, spec(FAILING, "does it hold", &more), None);
        assert_eq!((report.outcome, report.exit_code()), (ExperimentOutcome::Deviated, 1), "{strategy}: {report:?}");
        assert!(report.slo.iter().any(|slo| slo.to_string() == "errors<1%"), "{:?}", report.slo);
        if strategy != "compare" {
            assert!(report.answer[0].contains("failed: status 500 ("), "{strategy}: {}", report.answer[0]);
        }
    }
}

#[test]
fn requests_that_hang_break_a_bound_above_the_usual_timeout() {
    let bench = Bench::new().unwrap();
    // Every twentieth may fail, so that only the bound of the response time can break.
    let more = json!({"slo": ["p99<10s", "errors<10%"], "load": {"qps": 40}, "runs": 2});
    let report = run(&bench, 1, spec(HANGING, "does it hold 40 qps", &more), None);
    assert_eq!(report.outcome, ExperimentOutcome::Deviated, "{:?}", report.answer);
    assert!(report.answer[0].contains("p99 was at least 13"), "{}", report.answer[0]);
}

#[test]
fn connections_that_wait_unserved_are_named_and_not_taken_for_a_rate() {
    let bench = Bench::new().unwrap();
    let report = run(&bench, 1, spec(UNSERVED, "does it hold 100 qps", &json!({"load": {"concurrency": 64}})), None);
    assert!(report.answer[0].contains("try a lower `concurrency`"), "{}", report.answer[0]);
    assert!(report.caveats.iter().any(|caveat| caveat.contains("its limit may be one of connections")));
    let bench = Bench::new().unwrap();
    let report = run(&bench, 1, spec(UNSERVED, "does it hold 100 qps", &json!({"load": {"concurrency": 8}})), None);
    assert_eq!(report.outcome, ExperimentOutcome::Answered, "{:?}", report.answer);
}

#[test]
fn a_ramp_finds_the_knee_between_its_points() {
    let bench = Bench::new().unwrap();
    let more = json!({"load": {"max_qps": 640, "qps": 80}, "runs": 8});
    let report = run(&bench, 1, spec(8001, "show me the curve", &more), None);
    let Finding::Ramp { knee_qps, points } = only(&report) else { panic!("{report:?}") };
    assert_eq!((*knee_qps, points.len(), report.exit_code()), (Some(400.0), 8, 0));
}

#[test]
fn repeat_says_whether_the_slos_hold_every_time() {
    for (qps, code) in [(300, 0), (500, 1)] {
        let bench = Bench::new().unwrap();
        let goal = format!("does it hold {qps} qps");
        let report = run(&bench, 1, spec(8001, &goal, &json!({})), None);
        let Finding::Repeat { points, spread } = only(&report) else { panic!("{report:?}") };
        assert_eq!((points.len(), report.exit_code()), (5, code), "{:?}", report.answer);
        assert!(spread.iter().all(|(_, estimate)| estimate.low <= estimate.mean && estimate.mean <= estimate.high));
        assert!(spread.iter().all(|(name, estimate)| estimate.low >= 0.0 || panic!("{name}: {estimate:?}")));
    }
}

#[test]
fn compare_claims_a_difference_of_the_same_at_most_four_times_in_forty() {
    let claims = (0..40)
        .filter(|seed| {
            let bench = Bench::new().unwrap();
            // A fault that does nothing to the target.
            let more = json!({"fault": touch(&bench.path("nothing")), "load": {"qps": 50}});
            only(&run(&bench, *seed, spec(8001, "compare", &more), None)).claims_difference()
        })
        .count();
    assert!(claims <= 4, "{claims} of 40");
}

#[test]
fn compare_finds_a_real_effect_and_its_size() {
    let bench = Bench::new().unwrap();
    let more = json!({"fault": touch(&bench.path(SLOW)), "load": {"qps": 50}});
    let report = run(&bench, 3, spec(8001, "what is the effect", &more), None);
    let Finding::Compare { difference: Some(found), pairs, held_with, .. } = only(&report) else {
        panic!("{report:?}")
    };
    assert!(found.low < 8.0 && 8.0 < found.high && found.excludes_zero(), "{found:?}");
    assert_eq!((pairs.len(), *held_with, report.exit_code()), (6, true, 0));
    assert!(!bench.path(SLOW).exists() && bench.journals_left() == 0);
}

#[test]
fn compare_without_a_fault_says_what_is_missing() {
    let bench = Bench::new().unwrap();
    let report = run(&bench, 3, spec(8001, "compare", &json!({})), None);
    assert_eq!(report.exit_code(), 2);
    assert!(report.why.unwrap().starts_with("`compare` needs a fault"));
}

#[test]
fn one_seed_gives_the_same_steps() {
    let steps = || {
        let bench = Bench::new().unwrap();
        let report = run(&bench, 5, spec(8001, "how much", &json!({})), None);
        (report.findings, report.steps.into_iter().map(|step| step.measures).collect::<Vec<_>>())
    };
    assert_eq!(steps(), steps());
}
