//! The `async` forms: scopes that follow tasks, and delays that block nobody.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use chaos_failpoints::{Rule, Scope, fail_check, fail_error, fail_point, fail_return, inherit};

async fn delayed() {
    fail_point!(async "async.delayed");
}

#[tokio::test(flavor = "current_thread", start_paused = true)]
async fn a_delay_leaves_the_only_thread_to_the_other_tasks() {
    let scope = Scope::new("delay");
    let _guard = scope.arm("async.delayed", Rule::sleep(Duration::from_mins(1))).unwrap();
    let ticks = Arc::new(AtomicU64::new(0));
    let ticker = {
        let ticks = Arc::clone(&ticks);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(Duration::from_secs(1)).await;
                ticks.fetch_add(1, Ordering::Relaxed);
            }
        })
    };
    let start = tokio::time::Instant::now();
    scope.wrap(delayed()).await;
    ticker.abort();
    let waited = start.elapsed();
    assert!(waited >= Duration::from_mins(1) && waited < Duration::from_millis(60_010), "{waited:?}");
    assert!(ticks.load(Ordering::Relaxed) >= 59, "the other task ran meanwhile");
}

async fn held() {
    fail_point!(async "async.held");
}

#[tokio::test(flavor = "current_thread")]
async fn a_pause_leaves_the_only_thread_to_the_other_tasks() {
    let scope = Scope::new("pause");
    let guard = scope.arm("async.held", Rule::pause()).unwrap();
    let task = tokio::spawn(scope.wrap(held()));
    guard.barrier().reached(1).await;
    assert_eq!(guard.barrier().waiting(), 1);
    assert!(!task.is_finished());
    guard.barrier().release(1);
    task.await.unwrap();
    let task = tokio::spawn(scope.wrap(held()));
    guard.barrier().reached(2).await;
    drop(guard);
    task.await.unwrap();
}

#[tokio::test(flavor = "current_thread", start_paused = true)]
async fn disarming_ends_a_delay_early() {
    let scope = Scope::new("early");
    let guard = scope.arm("async.delayed", Rule::sleep(Duration::from_hours(1))).unwrap();
    let task = tokio::spawn(scope.wrap(delayed()));
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(guard.disarm().fires, 1);
    let start = tokio::time::Instant::now();
    task.await.unwrap();
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
}

#[tokio::test(flavor = "current_thread", start_paused = true)]
async fn a_task_that_is_dropped_while_held_is_not_counted_as_waiting() {
    let scope = Scope::new("dropped");
    let guard = scope.arm("async.held", Rule::pause()).unwrap();
    let task = tokio::spawn(scope.wrap(held()));
    guard.barrier().reached(1).await;
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    assert_eq!(guard.barrier().waiting(), 0);
    guard.barrier().release(1);
    scope.wrap(held()).await;
}

async fn which() -> Option<String> {
    tokio::task::yield_now().await;
    let fired = fail_check!(async "async.which")?;
    Some(fired.message())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_hundred_tasks_on_four_threads_do_not_see_each_other() {
    let tasks: Vec<_> = (0..200_u64)
        .map(|n| {
            let scope = Scope::new(format!("task {n}"));
            let inside = scope.clone();
            tokio::spawn(async move {
                let guard = inside.arm("async.which", Rule::value(n).every(1 + n % 5)).unwrap();
                let run = async {
                    let mut seen = Vec::new();
                    for _ in 0..100 {
                        seen.push(tokio::spawn(inherit(which())).await.unwrap());
                    }
                    seen
                };
                (inside.wrap(run).await, guard.counts())
            })
        })
        .collect();
    for (n, task) in (0..).zip(tasks) {
        let (seen, counts) = task.await.unwrap();
        let want: Vec<_> = (0..100).map(|hit| (hit % (1 + n % 5) == 0).then(|| n.to_string())).collect();
        assert_eq!(seen, want, "task {n}");
        assert_eq!((counts.hits, counts.fires), (100, want.iter().flatten().count() as u64), "task {n}");
    }
}

#[tokio::test]
async fn what_is_spawned_without_the_wrapper_is_outside() {
    let scope = Scope::new("outside");
    let _guard = scope.arm("async.which", "return").unwrap();
    let (bare, carried) = scope.wrap(async { (tokio::spawn(which()), tokio::spawn(inherit(which()))) }).await;
    assert_eq!(bare.await.unwrap(), None);
    assert!(carried.await.unwrap().is_some());
}

async fn refused() -> Result<u32, std::io::Error> {
    fail_error!(async "async.refused", std::io::Error::from);
    Ok(1)
}

async fn sized() -> Option<u32> {
    fail_return!(async "async.sized", u32, Some);
    None
}

#[tokio::test(start_paused = true)]
async fn errors_and_values_come_after_their_delay() {
    let scope = Scope::new("typed");
    let wait = Duration::from_secs(2);
    let _error = scope.arm("async.refused", Rule::error("late").after(wait)).unwrap();
    let _value = scope.arm("async.sized", Rule::value(9)).unwrap();
    let start = tokio::time::Instant::now();
    assert_eq!(scope.wrap(refused()).await.unwrap_err().to_string(), "late");
    assert!(start.elapsed() >= wait);
    assert_eq!(scope.wrap(sized()).await, Some(9));
    assert_eq!((refused().await.unwrap(), sized().await), (1, None));
}
