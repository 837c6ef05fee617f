use std::sync::Arc;

use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::time::sleep;
use tokio_util::task::AbortOnDropHandle;

use super::*;
use crate::fake_api::{client, list, refusal, watch};

/// The variables on a server. What is written is read at once; the watch tells it when the test says so.
#[derive(Default)]
struct Server(Mutex<State>);

#[derive(Default)]
struct State {
    map: Option<Value>,
    version: u64,
    /// Whether reads are refused.
    refuses: bool,
    /// How long reads hang.
    hangs: Duration,
    lists: usize,
    untold: Vec<Value>,
    watch: Option<UnboundedSender<Value>>,
}

impl Server {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    fn write(&self, reason: &str) {
        let mut state = self.state();
        state.version += 1;
        let metadata = json!({ "name": "workflow-vars-release-r1", "resourceVersion": state.version.to_string() });
        let map = json!({ "metadata": metadata, "data": { "EXIT_REASON": reason } });
        state.map = Some(map.clone());
        state.untold.push(json!({ "type": "MODIFIED", "object": map }));
    }

    /// The watch tells what was written so far.
    fn tell(&self) {
        let mut state = self.state();
        let untold = std::mem::take(&mut state.untold);
        let watch = state.watch.clone().unwrap();
        for event in untold {
            watch.send(event).unwrap();
        }
    }

    fn lists(&self) -> usize {
        self.state().lists
    }
}

struct Fixture {
    server: Arc<Server>,
    reasons: Arc<Reasons>,
    told: Arc<Mutex<Vec<String>>>,
    _follows: AbortOnDropHandle<Infallible>,
}

/// Reasons that follow a server on which nothing was written so far, beyond the first list and the beginning of the watch.
async fn fixture(is_named: bool) -> Fixture {
    let (server, told) = (Arc::<Server>::default(), Arc::<Mutex<Vec<String>>>::default());
    let its = Arc::clone(&server);
    let client = client(move |path| {
        let server = Arc::clone(&its);
        async move {
            if path.contains("watch=true") {
                let (send, events) = unbounded_channel();
                server.state().watch = Some(send);
                return watch(events);
            }
            server.state().lists += 1;
            let hangs = server.state().hangs;
            if !hangs.is_zero() {
                sleep(hangs).await;
            }
            let state = server.state();
            if state.refuses { refusal(403) } else { list(&state.version.to_string(), state.map.as_slice()) }
        }
    });
    let lines = Arc::clone(&told);
    let tell = Box::new(move |line| lines.lock().unwrap().push(line));
    let reasons = Arc::new(Reasons::start(Api::namespaced(client, "nightly"), "release-r1", is_named, tell));
    let its = Arc::clone(&reasons);
    let follows = AbortOnDropHandle::new(tokio::spawn(async move { its.follow().await }));
    while server.state().watch.is_none() {
        pass_time().await;
    }
    assert_eq!(server.lists(), 1, "of the watch");
    Fixture { server, reasons, told, _follows: follows }
}

/// Lets whatever can go on do so.
async fn pass_time() {
    sleep(Duration::from_millis(1)).await;
}

fn said(end: Option<StepEnd>) -> Option<(StepOutcome, String)> {
    end.map(|end| (end.outcome, end.detail))
}

#[tokio::test(start_paused = true)]
async fn what_was_written_before_a_step_ended_is_seen_though_the_watch_is_silent() {
    let Fixture { server, reasons, told, _follows } = fixture(true).await;
    assert_eq!(reasons.ended("one", StepOutcome::Pass).await, None);
    assert_eq!(server.lists(), 2);
    server.write("fail");
    assert_eq!(reasons.failed(), None, "the watch has told nothing");
    let want = Some((StepOutcome::TaskFail, "EXIT_REASON is `fail`".to_owned()));
    assert_eq!(said(reasons.ended("two", StepOutcome::Pass).await), want);
    // It stays.
    server.write("pass");
    server.tell();
    pass_time().await;
    assert_eq!(said(reasons.failed()), want);
    assert_eq!(said(reasons.ended("three", StepOutcome::Pass).await), want);
    assert_eq!(server.lists(), 3, "nothing is read any more");
    assert_eq!(*told.lock().unwrap(), ["task_fail: EXIT_REASON is `fail`; no further step begins"]);
}

#[tokio::test(start_paused = true)]
async fn what_was_written_over_before_a_step_ended_is_seen_too() {
    for fails in [true, false] {
        let Fixture { server, reasons, told, _follows } = fixture(true).await;
        server.write(if fails { "infra-fail" } else { "pass" });
        server.write("pass");
        let its = Arc::clone(&reasons);
        let ended = tokio::spawn(async move { its.ended("one", StepOutcome::Pass).await });
        while server.lists() < 2 {
            pass_time().await;
        }
        sleep(BEHIND / 2).await;
        assert!(!ended.is_finished(), "the read shows the last value only");
        server.tell();
        let want = fails.then(|| (StepOutcome::InfraFail, "EXIT_REASON is `infra-fail`".to_owned()));
        assert_eq!(said(ended.await.unwrap()), want);
        assert_eq!(told.lock().unwrap().len(), usize::from(fails));
        // What the watch has told already is not waited for.
        let since = Instant::now();
        reasons.ended("two", StepOutcome::Pass).await;
        assert_eq!(since.elapsed(), Duration::ZERO);
    }
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_stays_behind_is_told_and_holds_nothing_up() {
    let Fixture { server, reasons, told, _follows } = fixture(true).await;
    server.write("pass");
    assert_eq!(reasons.ended("one", StepOutcome::Pass).await, None);
    assert!(told.lock().unwrap()[0].starts_with("the watch of the variables is behind"), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn what_the_watch_tells_keeps_the_next_step_back_at_once() {
    let Fixture { server, reasons, _follows, .. } = fixture(false).await;
    server.write("fail");
    server.tell();
    while reasons.failed().is_none() {
        pass_time().await;
    }
    assert_eq!(said(reasons.failed()).unwrap().0, StepOutcome::TaskFail);
}

#[tokio::test(start_paused = true)]
async fn reads_cost_nothing_where_nobody_names_the_variables_and_one_is_for_all_that_ended() {
    let Fixture { server, reasons, _follows, .. } = fixture(false).await;
    for _ in 0..100 {
        assert_eq!(reasons.ended("one", StepOutcome::Pass).await, None);
    }
    assert_eq!(server.lists(), 1, "of the watch");
    // They are there all the same: from then on each end is followed by a read.
    server.write("pass");
    server.tell();
    while !reasons.heard().is_there {
        pass_time().await;
    }
    reasons.ended("one", StepOutcome::Pass).await;
    assert_eq!(server.lists(), 2);
    // Fifty at once: one read for the first, and one for those that ended while it went on.
    let all = join_all((0..50).map(|_| reasons.ended("one", StepOutcome::Pass))).await;
    assert_eq!((all.into_iter().flatten().count(), server.lists()), (0, 4));
    // Nothing is read after what has failed, or was ended early.
    for outcome in [StepOutcome::TaskFail, StepOutcome::Skipped] {
        reasons.ended("two", outcome).await;
    }
    assert_eq!(server.lists(), 4);
    assert!(reasons.take().step_failed.contains_key("two"));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_hangs_is_asked_again_and_one_that_refuses_is_an_infra_fail() {
    let Fixture { server, reasons, _follows, .. } = fixture(true).await;
    server.state().hangs = Duration::from_secs(25);
    let its = Arc::clone(&reasons);
    let ended = tokio::spawn(async move { its.ended("one", StepOutcome::Pass).await });
    sleep(Duration::from_secs(25)).await;
    assert!(!ended.is_finished());
    server.state().hangs = Duration::ZERO;
    assert_eq!(ended.await.unwrap(), None);
    server.state().refuses = true;
    let (outcome, why) = said(reasons.ended("two", StepOutcome::Pass).await).unwrap();
    assert_eq!(outcome, StepOutcome::InfraFail);
    assert!(why.starts_with("EXIT_REASON could not be read: list ConfigMaps: "), "{why}");
    assert!(reasons.failed().is_some(), "and nothing begins");
}

#[test]
fn a_scenario_names_the_variables_or_their_key() {
    for text in ["configMapRef: {name: workflow-vars-x-1}", "value: workflow-vars-$(NAME)", "args: [EXIT_REASON=pass]"]
    {
        assert!(names_variables(text), "{text}");
    }
    assert!(!names_variables("configMapRef: {name: vars}"));
}
