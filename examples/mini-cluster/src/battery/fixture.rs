//! The fixture of a battery test: a system, a fail-point scope and a clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chaos_failpoints::{Error, Guard, Rule, Scope};
use thiserror::Error as ThisError;
use tokio::time::Instant;

use crate::{Cluster, Flaw, JobId, JobSpec, JobState, JobView, Pace};

/// A claim that does not hold.
#[derive(Clone, Debug, PartialEq, Eq, ThisError)]
#[error("{what}")]
pub struct Violation {
    what: String,
}

impl Violation {
    /// Makes a violation from its description.
    pub fn new(what: String) -> Self {
        Self { what }
    }
}

impl From<Error> for Violation {
    fn from(error: Error) -> Self {
        Self::new(error.to_string())
    }
}

/// Returns a violation unless a condition holds.
pub(super) fn ensure(holds: bool, what: impl FnOnce() -> String) -> Result<(), Violation> {
    if holds { Ok(()) } else { Err(Violation::new(what())) }
}

/// Seconds of the system after which a test gives up waiting for a job. The slowest needs 80.
const JOB_TIMEOUT: f64 = 300.0;
/// Seconds of the system that a real clock may be late by on a machine with nothing else to do: 0.2 s of real time.
const REAL_SLACK: f64 = 4.0;
/// Seconds of the system between two measurements of how late the real clock is.
const LATENESS_TICK: f64 = 0.2;

/// A system under test, a scope to arm sites in, and a clock.
#[derive(Debug)]
pub struct Fixture {
    pace: Pace,
    flaw: Option<Flaw>,
    scope: Scope,
    start: Instant,
    /// Nanoseconds by which sleeps of this test's own runtime ended too late, all together.
    late: Arc<AtomicU64>,
}

impl Fixture {
    pub(super) fn new(number: u8, pace: Pace, flaw: Option<Flaw>) -> Self {
        Self {
            pace,
            flaw,
            // Rates draw from the test's number, so that a run repeats.
            scope: Scope::with_seed(format!("battery {number}"), u64::from(number)),
            start: Instant::now(),
            late: Arc::default(),
        }
    }

    /// Measures, during a test in real time, how late the machine wakes it: upper bounds are raised by that, and no more.
    pub(super) fn watch_clock(&self) {
        if !self.pace.is_real() {
            return;
        }
        let (late, tick) = (Arc::clone(&self.late), self.pace.seconds(LATENESS_TICK));
        tokio::spawn(async move {
            loop {
                let asked = Instant::now();
                tokio::time::sleep(tick).await;
                let over = asked.elapsed().saturating_sub(tick).as_nanos();
                late.fetch_add(u64::try_from(over).unwrap_or(u64::MAX), Ordering::Relaxed);
            }
        });
    }

    /// Returns the seconds of the system by which an upper bound is raised.
    fn slack(&self) -> f64 {
        if !self.pace.is_real() {
            return 0.0;
        }
        let late = Duration::from_nanos(self.late.load(Ordering::Relaxed)).as_secs_f64();
        // A wait inside the system may just have missed the tick that measured it.
        REAL_SLACK + 2.0 * late / self.pace.seconds(1.0).as_secs_f64()
    }

    pub(super) fn scope(&self) -> &Scope {
        &self.scope
    }

    pub(super) fn pace(&self) -> Pace {
        self.pace
    }

    pub(super) fn flaw(&self) -> Option<Flaw> {
        self.flaw
    }

    /// Starts a system and waits until its workers are registered.
    pub(super) async fn cluster(&mut self, cpus: &[u32]) -> Cluster {
        let cluster = Cluster::start(self.pace, self.flaw, cpus);
        cluster.controller.wait_for_workers(cpus.len()).await;
        self.start = Instant::now();
        cluster
    }

    /// Restarts the time measurement.
    pub(super) fn restart(&mut self) {
        self.start = Instant::now();
    }

    pub(super) fn arm(&self, site: &str, rule: Rule) -> Result<Guard, Error> {
        self.scope.arm(site, rule)
    }

    /// Returns so many of the system's seconds as time for a rule.
    pub(super) fn seconds(&self, seconds: f64) -> Duration {
        self.pace.seconds(seconds)
    }

    /// Submits a job and waits until it is over; a job that never is, is a violation.
    pub(super) async fn run(&self, cluster: &Cluster, spec: JobSpec) -> Result<JobView, Violation> {
        let id = cluster.controller.submit(spec);
        self.finish(cluster, id).await
    }

    /// Waits until a job is over.
    pub(super) async fn finish(&self, cluster: &Cluster, id: JobId) -> Result<JobView, Violation> {
        let over = tokio::time::timeout(self.pace.seconds(JOB_TIMEOUT), cluster.controller.wait(id)).await;
        let view = cluster.controller.job(id).ok_or_else(|| Violation::new("the job is unknown".into()))?;
        ensure(over.is_ok(), || {
            format!("after {JOB_TIMEOUT} s the job is still {:?}, {} attempts", view.state, view.attempts)
        })?;
        Ok(view)
    }

    /// Returns the system's seconds since the workers were ready.
    pub(super) fn elapsed(&self) -> f64 {
        self.pace.since(self.start)
    }

    /// Checks that something took from so many to so many of the system's seconds.
    pub(super) fn took(&self, what: &str, seconds: f64, least: f64, most: f64) -> Result<(), Violation> {
        let most = most + self.slack();
        ensure((least..=most).contains(&seconds), || format!("{what} took {seconds:.3} s, not {least} to {most}"))
    }

    /// Checks that a job took from so many to so many of the system's seconds.
    pub(super) fn job_took(&self, job: &JobView, least: f64, most: f64) -> Result<(), Violation> {
        let over = job.over.ok_or_else(|| Violation::new("the job is not over".into()))?;
        let seconds = (over - job.submitted).as_secs_f64() / self.pace.seconds(1.0).as_secs_f64();
        self.took("the job", seconds, least, most)
    }
}

/// Checks that a job succeeded.
pub(super) fn succeeded(job: &JobView) -> Result<(), Violation> {
    ensure(job.state == JobState::Succeeded, || format!("the job is {:?}, not succeeded", job.state))
}

/// Checks that a job failed for this reason.
pub(super) fn failed(job: &JobView, part: &str) -> Result<(), Violation> {
    let says = matches!(&job.state, JobState::Failed(reason) if reason.contains(part));
    ensure(says, || format!("the job is {:?}, not failed for `{part}`", job.state))
}

/// Checks that two values are equal.
#[expect(clippy::needless_pass_by_value, reason = "most are numbers, and references would clutter every call")]
pub(super) fn equal<T: PartialEq + std::fmt::Debug>(what: &str, is: T, should: T) -> Result<(), Violation> {
    ensure(is == should, || format!("{what}: {is:?}, not {should:?}"))
}
