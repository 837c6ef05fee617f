//! The answers, over figures that a test makes up.

use std::sync::Arc;

use chaos_core::{
    Edge, EntryId, FaultStandings, FaultsSoFar, LoadFailure, LoadFailureKind, LoadFigures, Policy, ProbeNode, Stage,
    parse,
};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::test_context::{plain, scope};

/// Calls by segment: due, ended, failed, slower than any limit.
#[derive(Debug)]
struct Made {
    segments: Vec<FaultStandings>,
    calls: Vec<[u64; 4]>,
}

impl LoadFigures for Made {
    fn segments(&self) -> Vec<FaultStandings> {
        self.segments.clone()
    }

    fn slice(&self, segments: &[usize], _percentile: f64, _limit: Duration) -> LoadSlice {
        let sum = |what: usize| segments.iter().map(|segment| self.calls[*segment][what]).sum::<u64>();
        LoadSlice {
            scheduled: Some(sum(0)),
            completed: sum(1),
            errors: sum(2),
            response: (sum(1) > 0).then_some(Duration::from_millis(7)),
            slower: sum(3),
            judged: sum(1).max(sum(3)),
            ok_response: (sum(1) > sum(2)).then_some(Duration::from_millis(7)),
            ok_slower: sum(3).min(sum(1) - sum(2)),
            ..LoadSlice::default()
        }
    }
}

/// A run with a load, cut before, during and after a pause.
fn run(calls: [[u64; 4]; 3]) -> RunContext {
    let scope = scope(Policy::default(), &[], CancellationToken::new());
    let load = scope.entry("chaos_spec/0", "steady load");
    let pause = scope.entry("chaos_spec/1", "pause");
    let edge = |stage| Edge { entry: Arc::clone(pause.id()), stage, at: Duration::ZERO };
    let mut faults = FaultsSoFar::default();
    let stages = [Stage::Landing, Stage::InForce, Stage::Leaving, Stage::Gone];
    let segments = [vec![FaultStandings::none()], stages.map(|stage| faults.note(&edge(stage))).to_vec()].concat();
    let none = [0; 4];
    let figures = Made { segments, calls: vec![calls[0], none, calls[1], none, calls[2]] };
    let posted = PostedLoad { entry: Arc::clone(load.id()), figures: Arc::new(figures) };
    scope.cx().services().get::<RunLoads>().post(posted);
    scope.cx().clone()
}

async fn ask(cx: &RunContext, limits: Value) -> Observation {
    let mut node = limits;
    node["type"] = json!("load_slo");
    parse::<ProbeNode>(&node).unwrap().observe(cx).await
}

/// 1,000 requests of which some failed, with a timeout of three seconds.
#[derive(Debug)]
struct Failing(Vec<LoadFailure>);

impl LoadFigures for Failing {
    fn segments(&self) -> Vec<FaultStandings> {
        vec![FaultStandings::none()]
    }

    fn slice(&self, _segments: &[usize], _percentile: f64, limit: Duration) -> LoadSlice {
        let errors = self.0.iter().map(|failure| failure.count).sum();
        LoadSlice {
            scheduled: Some(1000),
            completed: 1000,
            errors,
            response: Some(Duration::from_millis(2)),
            judged: 1000,
            slower: if limit < Duration::from_secs(3) { errors } else { 0 },
            ok_response: (errors < 1000).then_some(Duration::from_millis(2)),
            ok_slower: 0,
            timeout: Some(Duration::from_secs(3)),
            failures: self.0.clone(),
            elapsed: None,
        }
    }
}

async fn ask_failing(failures: Vec<LoadFailure>, limits: Value) -> Observation {
    let cx = plain();
    let entry = Arc::new(EntryId { path: String::new(), name: "load".to_owned() });
    cx.services().get::<RunLoads>().post(PostedLoad { entry, figures: Arc::new(Failing(failures)) });
    ask(&cx, limits).await
}

fn failed(kind: LoadFailureKind, cause: &str, count: u64) -> LoadFailure {
    LoadFailure { kind, cause: cause.to_owned(), count, ..LoadFailure::default() }
}

#[tokio::test]
async fn failing_fast_meets_no_limit_of_the_response_time() {
    let status = |count| vec![failed(LoadFailureKind::Status, "status 500", count)];
    let seen = ask_failing(status(1000), json!({"response_p99_below": "200ms"})).await;
    assert_eq!(seen.answer, Answer::No, "{}", seen.detail);
    assert!(seen.detail.ends_with("error_ratio 1.0000 of 1000 requests: status 500 (1000)"), "{}", seen.detail);
    // Whoever allows every error still learns that there is no response time.
    let seen = ask_failing(status(1000), json!({"response_p99_below": "200ms", "error_ratio_below": 1})).await;
    assert_ne!(seen.answer, Answer::Yes, "{}", seen.detail);
    let seen = ask_failing(status(11), json!({"response_p50_below": "200ms"})).await;
    assert_eq!(seen.answer, Answer::No, "{}", seen.detail);
    let seen = ask_failing(status(10), json!({"response_p50_below": "200ms"})).await;
    assert_eq!(seen.answer, Answer::Yes, "{}", seen.detail);
}

#[tokio::test]
async fn a_request_that_was_given_up_never_meets_a_limit() {
    let late = |count| vec![failed(LoadFailureKind::Timeout, "timeout", count)];
    let limits = |below: &str| json!({"response_p99_below": below, "error_ratio_below": 0.5});
    let rows = [
        (50, "10s", Answer::Unknown, "50 more were given up after 3s, before the limit: give the load a longer"),
        (50, "2s", Answer::No, "50 of 1000 requests above 2s"),
        // One of a hundred may be as late as it likes.
        (10, "10s", Answer::Yes, "0 of 1000 requests above 10s"),
    ];
    for (count, below, answer, detail) in rows {
        let seen = ask_failing(late(count), limits(below)).await;
        assert_eq!(seen.answer, answer, "{below}: {}", seen.detail);
        assert!(seen.detail.contains(detail), "{}", seen.detail);
    }
}

const CALM: [u64; 4] = [200, 200, 0, 2];

#[tokio::test]
async fn each_phase_is_judged_by_its_own_calls() {
    let cx = run([CALM, [200, 4, 4, 150], [200, 199, 1, 0]]);
    let rows = [
        (json!({"phase": "before", "response_p99_below": "250ms"}), Answer::Yes),
        (json!({"phase": "before", "error_ratio_below": 0.01}), Answer::Yes),
        (json!({"phase": "during", "response_p99_below": "250ms"}), Answer::No),
        (json!({"phase": "during", "achieved_ratio_above": 0.5}), Answer::No),
        (json!({"phase": "after", "achieved_ratio_above": 0.95}), Answer::Yes),
        (json!({"phase": "after", "error_ratio_below": 0.001}), Answer::No),
        (json!({"phase": "after", "of": "pause", "load": "steady load", "response_p50_below": "1s"}), Answer::Yes),
        (json!({"response_p90_below": "250ms"}), Answer::No),
        // One limit that does not hold is enough.
        (json!({"phase": "after", "response_p99_below": "1s", "error_ratio_below": 0.001}), Answer::No),
        // 1 in 200 is within the share of errors that a limit of the response time allows by itself.
        (json!({"phase": "after", "response_p99_below": "1s"}), Answer::Yes),
    ];
    for (limits, answer) in rows {
        let seen = ask(&cx, limits.clone()).await;
        assert_eq!(seen.answer, answer, "{limits}: {}", seen.detail);
    }
    let seen = ask(&cx, json!({"phase": "during", "response_p99_below": "250ms"})).await;
    assert_eq!(
        seen.detail,
        "during of `steady load`: 146 of 146 requests above 250ms, p99 of those answered well; error_ratio 1.0000 of 4 \
         requests: too few, it needs 10"
    );
    assert_eq!(seen.value["scheduled"], json!(200));
}

#[tokio::test]
async fn too_few_calls_are_unknown() {
    let rows = [
        (json!({"response_p90_below": "1s"}), 9, 10),
        (json!({"response_p99_below": "1s"}), 99, 100),
        (json!({"response_p999_below": "1s"}), 999, 1000),
        (json!({"error_ratio_below": 0.5}), 9, 10),
    ];
    for (limits, few, enough) in rows {
        for (calls, answer) in [(few, Answer::Unknown), (enough, Answer::Yes)] {
            let seen = ask(&run([[calls, calls, 0, 0], [0; 4], [0; 4]]), limits.clone()).await;
            assert_eq!(seen.answer, answer, "{limits}: {}", seen.detail);
        }
    }
}

#[tokio::test]
async fn what_is_not_there_is_unknown_and_says_what_is() {
    let limit = |key: &str, value: &str| json!({"phase": "during", key: value, "response_p50_below": "1s"});
    let cx = run([CALM; 3]);
    let rows = [
        (limit("of", "pasue"), "unknown entry `pasue`; known: steady load, pause"),
        (limit("of", "steady load"), "the fault of `steady load` has not come to the phase `during`"),
        (limit("load", "other"), "no load of an entry `other` has begun"),
        (json!({}), "`load_slo` has no limit; write one, such as `response_p99_below: 250ms`"),
    ];
    for (node, why) in rows {
        let seen = ask(&cx, node).await;
        assert_eq!((seen.answer, seen.detail.as_str()), (Answer::Unknown, why));
    }
    let two = cx.services().get::<RunLoads>().all().remove(0);
    cx.services().get::<RunLoads>().post(two);
    let seen = ask(&cx, json!({"response_p50_below": "1s"})).await;
    assert_eq!(seen.detail, "the run has several such loads; name one entry with `load`");
    let seen = ask(&plain(), json!({"response_p50_below": "1s"})).await;
    assert_eq!((seen.answer, seen.detail.as_str()), (Answer::Unknown, "no load has begun in this run"));
}

#[tokio::test]
async fn figures_that_were_not_kept_apart_are_unknown() {
    let cx = plain();
    let entry = Arc::new(EntryId { path: String::new(), name: "soak".to_owned() });
    let figures = Made { segments: vec![FaultStandings::none().together()], calls: vec![[100, 100, 0, 0]] };
    cx.services().get::<RunLoads>().post(PostedLoad { entry, figures: Arc::new(figures) });
    let seen = ask(&cx, json!({"response_p50_below": "1s"})).await;
    assert_eq!(seen.answer, Answer::Yes, "of all of them together it is known: {}", seen.detail);
    let seen = ask(&cx, json!({"response_p50_below": "1s", "of": "pause", "phase": "during"})).await;
    assert_eq!(
        seen.detail,
        "the run had more faults at the same time than its load keeps apart by name; leave out `of`"
    );
}

#[test]
fn parameters_are_closed_and_bounded() {
    let rows = [
        (json!({"type": "load_slo", "error_ratio_below": 1.5}), "/error_ratio_below"),
        (json!({"type": "load_slo", "response_p99_below": 250}), "/response_p99_below"),
        (json!({"type": "load_slo", "phase": "between"}), "/phase"),
    ];
    for (node, pointer) in rows {
        assert_eq!(parse::<ProbeNode>(&node).unwrap_err().pointer, pointer, "{node}");
    }
    let error = parse::<ProbeNode>(&json!({"type": "load_slo", "response_p98_below": "1s"})).unwrap_err().to_string();
    assert!(error.contains("unknown field `response_p98_below`"), "{error}");
}

/// A load whose figures a test sets: seconds since its start, requests that have ended, the percentile in milliseconds.
#[derive(Debug, Default)]
struct Live(std::sync::Mutex<(f64, u64, u64)>);

impl LoadFigures for Live {
    fn segments(&self) -> Vec<FaultStandings> {
        vec![FaultStandings::none()]
    }

    fn slice(&self, _segments: &[usize], _percentile: f64, _limit: Duration) -> LoadSlice {
        let (elapsed, completed, millis) = *self.0.lock().unwrap();
        LoadSlice {
            scheduled: Some(completed),
            completed,
            judged: completed,
            ok_response: (millis > 0).then_some(Duration::from_millis(millis)),
            elapsed: Some(Duration::from_secs_f64(elapsed)),
            ..LoadSlice::default()
        }
    }
}

fn live() -> (RunContext, Arc<Live>) {
    let cx = chaos_test::run_context().virtual_time().build();
    let entry = Arc::new(EntryId { path: String::new(), name: "load".to_owned() });
    let figures = Arc::new(Live::default());
    cx.services().get::<RunLoads>().post(PostedLoad { entry, figures: Arc::clone(&figures) as Arc<dyn LoadFigures> });
    (cx, figures)
}

#[tokio::test(start_paused = true)]
async fn nothing_is_said_before_enough_requests_have_ended() {
    let (cx, load) = live();
    let rows = [
        (999, json!({"after_requests": 1000}), Answer::Unknown, "999 of 1000 requests have ended"),
        (1000, json!({"after_requests": 1000}), Answer::Yes, "all of `load`: 1000 of 1000 requests have ended"),
        // A limit that does not hold counts only from then on.
        (999, json!({"after_requests": 1000, "achieved_ratio_above": 1}), Answer::Unknown, "999 of 1000"),
        (1000, json!({"after_requests": 1000, "achieved_ratio_above": 1}), Answer::No, "achieved_ratio 1.0000"),
    ];
    for (completed, limits, answer, detail) in rows {
        *load.0.lock().unwrap() = (1.0, completed, 5);
        let seen = ask(&cx, limits.clone()).await;
        assert_eq!(seen.answer, answer, "{limits}: {}", seen.detail);
        assert!(seen.detail.contains(detail), "{}", seen.detail);
    }
    assert!(parse::<ProbeNode>(&json!({"type": "load_slo", "after_requests": 0})).is_err());
}

/// Lets the load go on a second at a time, asks after each, and gives the answers as letters.
async fn asked(readings: &[(u64, u64)], limits: &Value) -> (String, Observation) {
    let (cx, load) = live();
    let (mut letters, mut last) = (String::new(), None);
    let mut completed = 0;
    for (second, (requests, millis)) in readings.iter().enumerate() {
        tokio::time::advance(Duration::from_secs(1)).await;
        completed += requests;
        #[expect(clippy::cast_precision_loss, reason = "a few seconds")]
        let elapsed = (second + 1) as f64;
        *load.0.lock().unwrap() = (elapsed, completed, *millis);
        let seen = ask(&cx, limits.clone()).await;
        letters.push(match seen.answer {
            Answer::Yes => 'y',
            Answer::No => 'n',
            Answer::Unknown => 'u',
        });
        last = Some(seen);
    }
    (letters, last.unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_load_has_settled_once_its_rate_has_stayed_in_the_band_for_the_time() {
    let limits = json!({"settled": {"for_seconds": 3, "within_percent": 10}});
    let rows: [(&[(u64, u64)], &str); 5] = [
        // Three seconds lie between four readings.
        (&[(100, 5); 6], "uuuyyy"),
        // It grows, and comes to rest once the slow second has left the window.
        (&[(10, 5), (50, 5), (100, 5), (100, 5), (104, 5), (96, 5)], "uuunyy"),
        // One second out of the band begins it anew.
        (&[(100, 5), (100, 5), (100, 5), (100, 5), (50, 5), (100, 5), (100, 5), (100, 5)], "uuuynnny"),
        (&[(0, 0); 5], "uuunn"),
        (&[(100, 5), (90, 5), (110, 5), (88, 5)], "uuun"),
    ];
    for (readings, want) in rows {
        let (letters, last) = asked(readings, &limits).await;
        assert_eq!(letters, want, "{readings:?}: {}", last.detail);
    }
    let (_, last) = asked(&[(100, 5); 4], &limits).await;
    assert_eq!(last.detail, "all of `load`: rate 100.0/s ± 0.0 % (allowed 10 %), over 3 s");
}

#[tokio::test(start_paused = true)]
async fn a_percentile_that_has_a_limit_must_stay_in_the_band_too() {
    let limits = json!({"response_p50_below": "1s", "settled": {"for_seconds": 2, "within_percent": 10}});
    let (letters, last) = asked(&[(100, 20), (100, 10), (100, 10), (100, 10)], &limits).await;
    assert_eq!(letters, "uuny", "{}", last.detail);
    assert!(last.detail.contains("p50 10.0 ms ± 0.0 % (allowed 10 %), over 2 s"), "{}", last.detail);
    let (letters, _) = asked(&[(100, 20), (100, 10), (100, 10)], &json!({"settled": limits["settled"]})).await;
    assert_eq!(letters, "uuy", "without its limit it is not looked at");
    let (letters, last) = asked(&[(100, 0); 4], &limits).await;
    assert_eq!(letters, "uuuu", "{}", last.detail);
}

#[tokio::test(start_paused = true)]
async fn a_load_that_has_ended_or_is_read_too_seldom_is_unknown() {
    let limits = json!({"settled": {"for_seconds": 3, "within_percent": 10}});
    let (cx, load) = live();
    let mut seen = Observation::no("nothing");
    for second in [1_u32, 2, 3, 4] {
        *load.0.lock().unwrap() = (second.into(), u64::from(second) * 100, 5);
        seen = ask(&cx, limits.clone()).await;
    }
    assert_eq!(seen.answer, Answer::Yes, "{}", seen.detail);
    // The same figures again, and the end of the load a moment later: nothing new.
    *load.0.lock().unwrap() = (4.1, 400, 5);
    tokio::time::advance(Duration::from_secs(6)).await;
    seen = ask(&cx, limits.clone()).await;
    assert_eq!(seen.detail, "all of `load`: no new figures for 5 s: the load has ended");
    let (cx, load) = live();
    for second in [1_u32, 10] {
        *load.0.lock().unwrap() = (second.into(), u64::from(second) * 100, 5);
        seen = ask(&cx, limits.clone()).await;
    }
    assert_eq!((seen.answer, seen.detail.contains("ask it more often")), (Answer::Unknown, true), "{}", seen.detail);
}

#[test]
fn the_band_and_the_time_are_bounded() {
    for (settled, pointer) in [
        (json!({"for_seconds": 1, "within_percent": 10}), "/settled/for_seconds"),
        (json!({"for_seconds": 5, "within_percent": 0}), "/settled/within_percent"),
        (json!({"for_seconds": 5, "within_percent": 101}), "/settled/within_percent"),
        (json!({"for_seconds": 5}), "/settled"),
    ] {
        let error = parse::<ProbeNode>(&json!({"type": "load_slo", "settled": settled})).unwrap_err();
        assert_eq!(error.pointer, pointer, "{settled}: {error}");
    }
}
