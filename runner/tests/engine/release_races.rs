//! A release at the same moment as everything else that ends a hold.

use std::time::Duration;

use chaos_core::{Answer, ChaosResult, ChaosSpec, Reverted, Verdict, parse};
use chaos_runner::{RunnerBuilder, Session, SessionPlan, TimeSource};
use chaos_test::Bench;
use serde_json::{Value, json};

fn held(bench: &Bench, more: &Value) -> ChaosSpec {
    let action = json!({"type": "test_touch_file", "path": bench.path("f")});
    let mut entry = json!({"trigger": {"type": "test_now"}, "action": action, "duration_seconds": 500});
    entry.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    parse(&entry).unwrap()
}

/// What else ends the hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Other {
    Cancel,
    /// The run's own cancel, as a signal does it.
    CancelRun,
    Deadline,
    Abort,
    /// The handle is dropped by its holder while another one releases.
    Nothing,
}

const OTHERS: [Other; 5] = [Other::Cancel, Other::CancelRun, Other::Deadline, Other::Abort, Other::Nothing];

/// When the other end comes, in milliseconds.
const AT: u64 = 500;

/// Where the moments of a race are counted from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Since {
    Start,
    /// The fault is in force.
    Hold,
}

/// Releases `release` ms after that, and ends the hold otherwise at [`AT`] ms.
fn race(
    runner: RunnerBuilder,
    bench: &Bench,
    other: Other,
    since: Since,
    release: u64,
    release_first: bool,
) -> ChaosResult {
    let flag = bench.path("abort");
    let _ = std::fs::remove_file(&flag);
    let entry = match other {
        Other::Deadline => held(bench, &json!({"duration_seconds": 0.5})),
        Other::Abort => held(bench, &json!({"abort_if": {"type": "test_file_exists", "path": flag}})),
        _ => held(bench, &json!({})),
    };
    let work = move |session: Session| async move {
        let mut handle = session.start(entry);
        if since == Since::Hold {
            handle.active().await.unwrap();
        }
        let (control, run) = (handle.control(), session.control());
        let clock = session.cx().shared_clock();
        let ending = async {
            clock.sleep(Duration::from_millis(AT)).await;
            match other {
                Other::Cancel => handle.cancel(),
                Other::CancelRun => run.cancel(),
                Other::Abort => std::fs::write(&flag, "").unwrap(),
                Other::Deadline | Other::Nothing => {}
            }
        };
        let releasing = async {
            clock.sleep(Duration::from_millis(release)).await;
            let _ = control.release();
        };
        if release_first {
            tokio::join!(releasing, ending);
        } else {
            tokio::join!(ending, releasing);
        }
        handle.done().await.unwrap()
    };
    let runner = runner.build().unwrap();
    let run = runner.session(SessionPlan::default(), move |session| Box::pin(work(session))).unwrap();
    run.wait_blocking().unwrap().output.unwrap()
}

/// Whatever came first, everything is undone, and verdict and timeline tell one story.
fn sound(result: &ChaosResult, bench: &Bench, context: &str) {
    assert_eq!(result.reverted, Reverted::Reverted, "{context}: {result:?}");
    assert!(!bench.path("f").exists() && bench.journals_left() == 0, "{context}");
    let has = |event: &str| result.timeline.iter().any(|point| point.event == event);
    assert!(!(has("released") && has("aborted")), "{context}: {result:?}");
    let ended_early = has("aborted");
    assert_eq!(result.success, !ended_early, "{context}: {result:?}");
    // A stop condition that says yes while the released fault is still in force deviates all the same.
    let stopped = result.probes.iter().any(|probe| probe.answer == Answer::No);
    if !ended_early {
        assert_eq!(result.verdict.exit_code(), u8::from(stopped), "{context}: {result:?}");
    }
    assert_eq!(result.timeline.iter().filter(|point| point.event == "undoing").count(), 1, "{context}");
}

#[test]
fn under_virtual_time_the_order_decides_and_at_one_moment_the_stricter_end_does() {
    for other in OTHERS {
        for release in [100, AT - 1, AT, AT + 1, AT + 700] {
            for release_first in [true, false] {
                let bench = Bench::new().unwrap();
                let result = race(bench.runner(), &bench, other, Since::Start, release, release_first);
                let context = format!("{other:?}, released at {release}, first {release_first}");
                sound(&result, &bench, &context);
                let want = match other {
                    Other::Cancel | Other::CancelRun if release >= AT => Verdict::Inconclusive,
                    // The stop condition is asked every 250 ms.
                    Other::Abort if release > AT => Verdict::Deviated,
                    Other::Abort if release == AT => continue,
                    _ => Verdict::Unchecked,
                };
                assert_eq!(result.verdict, want, "{context}: {result:?}");
            }
        }
    }
}

#[test]
fn under_real_time_nothing_is_left_whatever_comes_first() {
    // Counted from the beginning of the hold, these moments are before, at and after its ends.
    for round in 0..3 {
        for other in OTHERS {
            let threads: Vec<_> = (0..8)
                .map(|thread| {
                    std::thread::spawn(move || {
                        let bench = Bench::new().unwrap();
                        let release = AT - 4 + thread;
                        let runner = bench.runner().time(TimeSource::default());
                        let result = race(runner, &bench, other, Since::Hold, release, thread % 2 == 0);
                        sound(&result, &bench, &format!("round {round}, {other:?}, released at {release}"));
                    })
                })
                .collect();
            for thread in threads {
                thread.join().unwrap();
            }
        }
    }
}

#[test]
fn a_release_around_the_start_is_a_cancel_or_a_release_and_never_both() {
    for delay in 0..40 {
        let bench = Bench::new().unwrap();
        let entry = held(&bench, &json!({}));
        let work = move |session: Session| async move {
            let handle = session.start(entry);
            for _ in 0..delay {
                tokio::task::yield_now().await;
            }
            let effect = handle.release();
            (effect, handle.done().await.unwrap())
        };
        let runner = bench.runner().time(TimeSource::default()).build().unwrap();
        let run = runner.session(SessionPlan::default(), move |session| Box::pin(work(session))).unwrap();
        let (effect, result) = run.wait_blocking().unwrap().output.unwrap();
        let released = result.timeline.iter().any(|point| point.event == "released");
        match effect {
            chaos_runner::ReleaseEffect::Released => assert!(released && result.success, "{delay}: {result:?}"),
            effect => assert!(!released && !result.success, "{delay}: {effect:?} {result:?}"),
        }
        assert_ne!(result.reverted, Reverted::Failed);
        assert!(!bench.path("f").exists() && bench.journals_left() == 0, "{delay}");
    }
}
