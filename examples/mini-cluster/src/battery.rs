//! The battery: 21 tests of how a scheduler behaves when its parts fail.
//!
//! Each test runs on a runtime and in a fail-point scope of its own. Under the paused clock no test waits; in real
//! time the same tests run at a twentieth of the system's seconds.

mod budgets;
mod calls;
mod fixture;
mod lifetimes;
mod machines;
mod placing;

use std::{future::Future, pin::Pin};

pub use fixture::{Fixture, Violation};

use crate::{Flaw, Pace};

/// A running test.
pub type Run = Pin<Box<dyn Future<Output = Result<(), Violation>>>>;

/// One test.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// Its number in the battery, from 0.
    pub number: u8,
    /// What must hold.
    pub claim: &'static str,
    run: fn(Fixture) -> Run,
}

/// Makes the table from numbers, functions and claims.
macro_rules! cases {
    ($($number:literal $module:ident::$function:ident $claim:literal;)*) => {
        /// All tests, by number.
        pub const CASES: &[Case] = &[$(Case {
            number: $number,
            claim: $claim,
            run: |fixture| Box::pin($module::$function(fixture)),
        }),*];
    };
}

cases! {
    0 placing::smoke "a job is submitted, runs and succeeds";
    1 calls::dispatch_fails_now_and_then "a dispatch that fails at 30 % is retried within itself";
    2 calls::dispatch_always_fails "a dispatch that always fails ends the job, with a reason, within its budget";
    3 calls::three_heartbeats_lost "three lost heartbeats leave the worker and its job alone";
    4 calls::heartbeats_always_lost "a silent worker is declared failed after 60 s, and the job fails when none is left";
    5 calls::reports_always_lost "the outcome of a task is also taken from the heartbeat";
    6 lifetimes::monitor_crashes "a crashed monitor fails its task at once";
    7 calls::registration_delayed "a late registration only delays the job";
    8 placing::three_in_a_row "three jobs in a row leave nothing behind";
    9 budgets::all_workers_fail "a job whose workers all fail is failed, not pending";
    10 budgets::fails_once "one failure is retried with a budget of one and fails the job with zero";
    11 budgets::downloads_fail_now_and_then "downloads that fail now and then are retried within the budget";
    12 lifetimes::task_timeout "a task is ended at its timeout";
    13 lifetimes::sibling_fails "the siblings of a failed co-scheduled task are stopped";
    14 budgets::budget_is_exact "a retry budget of n gives n retries, not one more or less";
    15 placing::no_capacity "a job without room waits and starts when room is freed";
    16 placing::impossible_resources "a job that fits nowhere is unschedulable at its timeout";
    17 calls::dispatch_delayed "a delayed dispatch delays the job by that much";
    18 machines::quota_error "a refused machine is requested again";
    19 machines::stuck_initializing "a machine that never comes up is detected and replaced";
    20 machines::preempted "a preempted machine is terminated and its job resumes elsewhere";
}

impl Case {
    /// Runs the test in this thread, on a clock of its own.
    ///
    /// # Errors
    /// The first claim that does not hold, or no runtime.
    pub fn run(&self, pace: Pace, flaw: Option<Flaw>) -> Result<(), Violation> {
        let fixture = Fixture::new(self.number, pace, flaw);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(!pace.is_real())
            .build()
            .map_err(|error| Violation::new(format!("no runtime: {error}")))?;
        let scope = fixture.scope().clone();
        runtime.block_on(scope.wrap(async {
            fixture.watch_clock();
            (self.run)(fixture).await
        }))
    }
}

/// Runs the whole battery and returns the tests that fail, with the reason.
///
/// Under the paused clock one after the other; in real time, where a test mostly waits, all at once.
pub fn run_all(pace: Pace, flaw: Option<Flaw>) -> Vec<(u8, Violation)> {
    let judge = |case: &Case| case.run(pace, flaw).err().map(|violation| (case.number, violation));
    if !pace.is_real() {
        return CASES.iter().filter_map(judge).collect();
    }
    std::thread::scope(|threads| {
        let running: Vec<_> = CASES.iter().map(|case| (case, threads.spawn(move || judge(case)))).collect();
        let ended = running.into_iter().map(|(case, thread)| {
            let crashed = |_| Some((case.number, Violation::new("the test crashed".to_owned())));
            thread.join().unwrap_or_else(crashed)
        });
        ended.flatten().collect()
    })
}
