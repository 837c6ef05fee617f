//! Placing jobs: 0, 8, 15, 16.

use super::fixture::{Fixture, Violation, ensure, equal, succeeded};
use crate::{JobSpec, JobState, Work};

pub(super) async fn smoke(mut fixture: Fixture) -> Result<(), Violation> {
    let cluster = fixture.cluster(&[4]).await;
    let job = fixture.run(&cluster, JobSpec::of("smoke", Work::of(3.0))).await?;
    succeeded(&job)?;
    equal("containers created", cluster.containers(), 1)?;
    fixture.job_took(&job, 3.0, 3.1)
}

pub(super) async fn three_in_a_row(mut fixture: Fixture) -> Result<(), Violation> {
    let cluster = fixture.cluster(&[1]).await;
    for round in 1..=3 {
        let job = fixture.run(&cluster, JobSpec::of("one of three", Work::of(2.0))).await?;
        succeeded(&job)?;
        equal("attempts", job.attempts, 1)?;
        equal("containers created", cluster.containers(), round)?;
        equal("tasks on the worker", cluster.running(), 0)?;
        let used: u32 = cluster.controller.workers().iter().map(|worker| worker.used_cpus).sum();
        equal("processors in use", used, 0)?;
    }
    fixture.took("all three", fixture.elapsed(), 6.0, 6.1)
}

pub(super) async fn no_capacity(mut fixture: Fixture) -> Result<(), Violation> {
    let cluster = fixture.cluster(&[1]).await;
    let first = cluster.controller.submit(JobSpec::of("first", Work::of(20.0)));
    let second = cluster.controller.submit(JobSpec::of("second", Work::of(5.0)));
    fixture.pace().sleep(10.0).await;
    let waiting = cluster.controller.job(second).map(|job| job.state);
    equal("the second job, without room", waiting, Some(JobState::Pending))?;
    succeeded(&fixture.finish(&cluster, first).await?)?;
    let second = fixture.finish(&cluster, second).await?;
    succeeded(&second)?;
    fixture.job_took(&second, 25.0, 25.1)
}

pub(super) async fn impossible_resources(mut fixture: Fixture) -> Result<(), Violation> {
    let cluster = fixture.cluster(&[4, 4]).await;
    let mut spec = JobSpec::of("too large", Work::of(1.0));
    spec.cpus = 64;
    spec.scheduling_timeout_seconds = Some(15.0);
    let job = fixture.run(&cluster, spec).await?;
    equal("the job", job.state.clone(), JobState::Unschedulable)?;
    ensure(job.attempts == 0, || format!("{} attempts at a job that fits nowhere", job.attempts))?;
    fixture.job_took(&job, 15.0, 16.0)
}
