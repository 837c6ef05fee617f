//! What a test of the battery works with.

use std::time::Duration;

use chaos_failpoints::{Error, Guard, Rule, Scope};
use thiserror::Error as ThisError;
use tokio::time::Instant;

use crate::{Cluster, Flaw, JobId, JobSpec, JobState, JobView, Pace};

/// A promise that was not kept.
#[derive(Clone, Debug, PartialEq, Eq, ThisError)]
#[error("{what}")]
pub struct Violation {
    what: String,
}

impl Violation {
    /// Says what was not kept.
    pub fn new(what: String) -> Self {
        Self { what }
    }
}

impl From<Error> for Violation {
    fn from(error: Error) -> Self {
        Self::new(error.to_string())
    }
}

/// Gives a violation unless a condition holds.
pub(super) fn ensure(holds: bool, what: impl FnOnce() -> String) -> Result<(), Violation> {
    if holds { Ok(()) } else { Err(Violation::new(what())) }
}

/// Seconds of the system after which a test gives up waiting for a job. The slowest needs 80.
const PATIENCE: f64 = 300.0;
/// Seconds of the system that a real clock may be late by: 0.6 s of real time at a twentieth.
const REAL_SLACK: f64 = 12.0;

/// A system under test, a scope to arm sites in, and a clock.
#[derive(Debug)]
pub struct Bench {
    pace: Pace,
    flaw: Option<Flaw>,
    scope: Scope,
    start: Instant,
}

impl Bench {
    pub(super) fn new(number: u8, pace: Pace, flaw: Option<Flaw>) -> Self {
        Self {
            pace,
            flaw,
            // Rates draw from the test's number, so that a run repeats.
            scope: Scope::with_seed(format!("battery {number}"), u64::from(number)),
            start: Instant::now(),
        }
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

    /// Begins to count time anew.
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
        let over = tokio::time::timeout(self.pace.seconds(PATIENCE), cluster.controller.wait(id)).await;
        let view = cluster.controller.job(id).ok_or_else(|| Violation::new("the job is unknown".into()))?;
        ensure(over.is_ok(), || {
            format!("after {PATIENCE} s the job is still {:?}, {} attempts", view.state, view.attempts)
        })?;
        Ok(view)
    }

    /// Returns the system's seconds since the workers were ready.
    pub(super) fn elapsed(&self) -> f64 {
        self.pace.since(self.start)
    }

    /// Says that something took from so many to so many of the system's seconds.
    pub(super) fn took(&self, what: &str, seconds: f64, least: f64, most: f64) -> Result<(), Violation> {
        let most = if self.pace.is_real() { most + REAL_SLACK } else { most };
        ensure((least..=most).contains(&seconds), || format!("{what} took {seconds:.3} s, not {least} to {most}"))
    }

    /// Says that a job took from so many to so many of the system's seconds.
    pub(super) fn job_took(&self, job: &JobView, least: f64, most: f64) -> Result<(), Violation> {
        let over = job.over.ok_or_else(|| Violation::new("the job is not over".into()))?;
        let seconds = (over - job.submitted).as_secs_f64() / self.pace.seconds(1.0).as_secs_f64();
        self.took("the job", seconds, least, most)
    }
}

/// Says that a job succeeded.
pub(super) fn succeeded(job: &JobView) -> Result<(), Violation> {
    ensure(job.state == JobState::Succeeded, || format!("the job is {:?}, not succeeded", job.state))
}

/// Says that a job failed, and that its reason says why.
pub(super) fn failed(job: &JobView, part: &str) -> Result<(), Violation> {
    let says = matches!(&job.state, JobState::Failed(reason) if reason.contains(part));
    ensure(says, || format!("the job is {:?}, not failed for `{part}`", job.state))
}

/// Says that two values are equal.
#[expect(clippy::needless_pass_by_value, reason = "most are numbers, and references would clutter every call")]
pub(super) fn equal<T: PartialEq + std::fmt::Debug>(what: &str, is: T, should: T) -> Result<(), Violation> {
    ensure(is == should, || format!("{what}: {is:?}, not {should:?}"))
}
