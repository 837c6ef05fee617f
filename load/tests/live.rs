//! Runs in real time against a server in this process: counts and kinds, never timings.

#![expect(clippy::unwrap_used, reason = "a test may fail by it, in its helpers too")]

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::num::NonZeroUsize;
use std::time::Duration;

use chaos_load::target::{Behaviour, Target, serve};
use chaos_load::{
    FailureKind, LatencyKind, LoadError, LoadModel, LoadPlan, LoadResult, Rate, Snapshot, Stop, Warmup, start,
};

const LOOPBACK: ([u8; 4], u16) = ([127, 0, 0, 1], 0);

fn target(behaviour: Behaviour) -> Target {
    serve(SocketAddr::from(LOOPBACK), behaviour).unwrap()
}

fn run(url: &str, change: impl FnOnce(&mut LoadPlan)) -> LoadResult {
    let mut load = LoadPlan::to(url).unwrap();
    // No answer of a busy machine is given up.
    load.timeout = Duration::from_mins(1);
    change(&mut load);
    start(load).unwrap().wait_blocking()
}

/// A port where nobody listens: that of a client, which nobody else gets while the connection is held.
fn closed_port() -> (SocketAddr, (TcpListener, TcpStream)) {
    let listener = TcpListener::bind(SocketAddr::from(LOOPBACK)).unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (client.local_addr().unwrap(), (listener, client))
}

fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

#[test]
fn an_open_run_makes_exactly_the_calls_of_its_schedule() {
    let server = target(Behaviour::new());
    let result = run(&server.url(), |load| {
        load.rate = Rate::Qps(300.0);
        load.stop = Stop::After(Duration::from_secs(1));
    });
    let counts = result.counts;
    assert_eq!((counts.scheduled, counts.started, counts.completed, counts.missed), (300, 300, 300, 0));
    assert_eq!((counts.ok, counts.errors, server.requests()), (300, 0, 300));
    assert_eq!(result.codes.into_iter().collect::<Vec<_>>(), [(200, 300)]);
    assert!(!result.interrupted);
}

#[test]
fn a_stalled_server_shows_in_the_response_time_and_not_in_the_service_time() {
    let server = target(Behaviour::new().delay(Duration::from_millis(100)));
    let result = run(&server.url(), |load| {
        load.rate = Rate::Qps(100.0);
        load.stop = Stop::Count(50);
        load.connections = NonZeroUsize::MIN.saturating_add(1);
    });
    // Two connections carry 20 calls a second of the 100 asked, so calls queue.
    assert_eq!((result.counts.completed, result.counts.missed), (50, 0));
    assert!(result.saturated);
    let p90 = |kind| result.percentile(kind, 90.0).unwrap();
    assert!(
        p90(LatencyKind::Response) > 5 * p90(LatencyKind::Service),
        "{:?} {:?}",
        p90(LatencyKind::Response),
        p90(LatencyKind::Service)
    );
}

#[test]
fn a_closed_port_is_named_in_words() {
    let (address, _held) = closed_port();
    let result = run(&format!("http://{address}/"), |load| {
        load.rate = Rate::Max;
        load.stop = Stop::Count(4);
        load.connections = NonZeroUsize::MIN;
    });
    assert_eq!((result.counts.errors, result.counts.answered), (4, 0));
    assert_eq!(result.failures[0].kind, FailureKind::Refused);
    assert_eq!(result.main_failure().as_deref(), Some("connection refused"));
    assert_eq!(result.codes.into_iter().collect::<Vec<_>>(), [(-1, 4)]);
    assert_eq!(result.sockets, [4]);
}

#[test]
fn a_call_without_an_answer_in_time_is_a_timeout_and_is_not_sent_again() {
    let server = target(Behaviour::new().delay(Duration::from_secs(30)));
    let result = run(&server.url(), |load| {
        load.rate = Rate::Max;
        load.stop = Stop::Count(2);
        load.connections = NonZeroUsize::MIN;
        load.timeout = Duration::from_secs(2);
    });
    assert_eq!(result.main_failure().as_deref(), Some("timeout"));
    assert_eq!((result.counts.errors, server.requests()), (2, 2));
}

#[test]
fn an_error_status_is_named_and_costs_the_connection() {
    let server = target(Behaviour::new().status(503));
    let result = run(&server.url(), |load| {
        load.rate = Rate::Max;
        load.stop = Stop::Count(6);
        load.connections = NonZeroUsize::MIN.saturating_add(1);
        load.model = LoadModel::Fortio { uniform: false, jitter: false, nocatchup: false };
    });
    assert_eq!(result.main_failure().as_deref(), Some("status 503"));
    assert_eq!((result.counts.answered, result.counts.errors), (6, 6));
    assert_eq!(result.sockets, [3, 3]);
}

#[test]
fn a_server_that_closes_kept_connections_causes_no_error() {
    let server = target(Behaviour::new().requests_per_connection(10));
    let result = run(&server.url(), |load| {
        load.rate = Rate::Max;
        load.stop = Stop::Count(100);
        load.connections = NonZeroUsize::MIN;
    });
    assert_eq!((result.counts.ok, result.counts.errors), (100, 0));
    assert_eq!((result.sockets.as_slice(), server.requests()), ([10].as_slice(), 100));
}

#[test]
fn localhost_finds_a_server_that_listens_on_either_address_alone() {
    for ip in ["127.0.0.1", "::1"] {
        let Ok(server) = serve(SocketAddr::new(ip.parse().unwrap(), 0), Behaviour::new()) else {
            println!("skipped: needs IPv6 on loopback");
            continue;
        };
        let url = format!("http://localhost:{}/", server.address().port());
        let result = run(&url, |load| {
            load.stop = Stop::Count(8);
            load.rate = Rate::Max;
        });
        assert_eq!((result.counts.ok, result.counts.errors, server.requests()), (8, 0, 8), "{ip}: {result}");
        assert_eq!(result.sockets.iter().sum::<u64>(), server.connections(), "{ip}");
    }
}

#[test]
fn cancelling_gives_a_partial_result_marked_interrupted() {
    let server = target(Behaviour::new());
    let mut load = LoadPlan::to(&server.url()).unwrap();
    load.rate = Rate::Qps(100.0);
    load.stop = Stop::Never;
    let running = start(load).unwrap();
    let result = block_on(async {
        assert!(running.first_answer().await.is_some());
        running.cancel();
        running.wait().await
    });
    assert!(result.interrupted);
    assert!(result.counts.completed >= 1);
    assert_eq!(result.counts.completed, server.requests());
}

#[test]
fn first_answer_ends_when_the_run_ends_without_one() {
    let (address, _held) = closed_port();
    let mut load = LoadPlan::to(&format!("http://{address}/")).unwrap();
    load.rate = Rate::Max;
    load.stop = Stop::Count(2);
    let running = start(load).unwrap();
    assert_eq!(block_on(running.first_answer()), None);
}

#[test]
fn dropping_the_handle_stops_the_load() {
    let server = target(Behaviour::new());
    let mut load = LoadPlan::to(&server.url()).unwrap();
    load.rate = Rate::Qps(50.0);
    load.stop = Stop::Never;
    let running = start(load).unwrap();
    let mut snapshots = running.snapshots();
    drop(running);
    block_on(async {
        // The last snapshot comes before the channel closes.
        while snapshots.changed().await.is_ok() {}
        assert!(snapshots.borrow().finished);
    });
}

#[test]
fn a_pinned_address_is_used_and_no_name_is_looked_up() {
    let server = target(Behaviour::new());
    let result = run("http://no-such-host.invalid/", |load| {
        load.resolve = vec![server.address()];
        load.rate = Rate::Max;
        load.stop = Stop::Count(3);
    });
    assert_eq!((result.counts.ok, server.requests()), (3, 3));
    assert_eq!(result.addresses.keys().collect::<Vec<_>>(), [&server.address().to_string()]);
}

#[test]
fn a_redirect_is_an_error_and_is_not_followed() {
    let server = target(Behaviour::new().status(302));
    let result = run(&server.url(), |load| {
        load.rate = Rate::Max;
        load.stop = Stop::Count(2);
    });
    assert_eq!((result.main_failure().as_deref(), server.requests()), (Some("status 302"), 2));
}

#[test]
fn a_failed_warm_up_keeps_the_run_from_starting() {
    let server = target(Behaviour::new().status(503));
    let result = run(&server.url(), |load| load.warmup = Warmup::Parallel);
    let cold = result.warmup_failure.unwrap();
    assert_eq!((cold.code, cold.cause.as_str(), result.counts.started), (503, "status 503", 0));
    assert_eq!(server.requests(), 4, "every connection warms up before the run is given up");
}

#[test]
fn marks_cut_the_latencies_by_phase() {
    let server = target(Behaviour::new());
    let mut load = LoadPlan::to(&server.url()).unwrap();
    load.rate = Rate::Qps(200.0);
    load.stop = Stop::Never;
    load.timeout = Duration::from_mins(1);
    let running = start(load).unwrap();
    let result = block_on(async {
        running.first_answer().await;
        let mut snapshots = running.snapshots();
        for name in ["during", "after"] {
            let phase = running.mark(name, std::time::Instant::now());
            let has_begun = |snapshot: &Snapshot| snapshot.phases.get(phase).is_some_and(|phase| phase.ok > 0);
            snapshots.wait_for(has_begun).await.unwrap();
        }
        running.cancel();
        running.wait().await
    });
    let names: Vec<_> = result.phases.iter().map(|phase| phase.name.as_str()).collect();
    assert_eq!(names, ["before", "during", "after"]);
    assert!(result.phases.iter().all(|phase| phase.ok > 0));
    let sum: u64 = result.phases.iter().map(|phase| phase.ok).sum();
    assert_eq!((sum, result.counts.errors), (server.requests(), 0));
}

#[test]
fn an_unknown_host_is_refused_before_the_run() {
    let load = LoadPlan::to("http://no-such-host.invalid/").unwrap();
    assert!(matches!(start(load).unwrap_err(), LoadError::NoAddress { host, .. } if host == "no-such-host.invalid"));
}

#[test]
fn calls_that_never_found_a_connection_are_missed() {
    let server = target(Behaviour::new().delay(Duration::from_millis(100)));
    let result = run(&server.url(), |load| {
        load.rate = Rate::Qps(100.0);
        load.stop = Stop::After(Duration::from_millis(500));
        load.connections = NonZeroUsize::MIN;
        load.timeout = Duration::from_millis(800);
    });
    // One connection makes ten calls a second; the queue is given up one timeout after the end.
    let counts = result.counts;
    assert_eq!((counts.scheduled, counts.started + counts.missed), (50, 50), "{result}");
    assert!(counts.missed >= 35 && result.saturated, "{result}");
    assert_eq!((counts.completed, server.requests()), (counts.started, counts.started));
}

#[test]
fn connections_grow_only_as_far_as_calls_overlap() {
    let server = target(Behaviour::new().delay(Duration::from_millis(250)));
    let result = run(&server.url(), |load| {
        load.rate = Rate::Qps(20.0);
        load.stop = Stop::Count(40);
        load.connections = NonZeroUsize::MIN.saturating_add(63);
    });
    let used = result.sockets.iter().filter(|sockets| **sockets > 0).count();
    assert_eq!((result.counts.ok, server.connections()), (40, used as u64));
    assert!((5..40).contains(&used), "five calls overlap, and a slow moment may add some: {used}");
}

#[test]
fn saturated_is_set_on_overload_and_not_where_connections_suffice() {
    // Slow by design: 1 s an answer, so that only a queue moves the response time away from the service time.
    let server = target(Behaviour::new().delay(Duration::from_secs(1)));
    let at = |connections: usize| {
        run(&server.url(), |load| {
            load.rate = Rate::Qps(30.0);
            load.stop = Stop::After(Duration::from_secs(4));
            load.connections = NonZeroUsize::new(connections).unwrap();
            load.timeout = Duration::from_secs(8);
        })
    };
    // Thirty are busy at a time: two can't carry them, sixty-four can.
    let (overload, enough) = (at(2), at(64));
    assert!(overload.saturated, "{overload}");
    assert!(!enough.saturated && enough.counts.completed == 120, "{enough}");
}
