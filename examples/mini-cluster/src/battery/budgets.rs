//! The two budgets: 9, 10, 11, 14.

use chaos_failpoints::Rule;

use super::fixture::{Fixture, Violation, ensure, equal, failed, succeeded};
use crate::{JobSpec, Work};

pub(super) async fn all_workers_fail(mut fixture: Fixture) -> Result<(), Violation> {
    let cluster = fixture.cluster(&[4, 4, 4]).await;
    let armed = fixture.arm("worker.submit_task", Rule::error("injected: disk broken"))?;
    let job = fixture.run(&cluster, JobSpec::of("unlucky", Work::of(5.0))).await?;
    failed(&job, "no worker is left")?;
    failed(&job, "injected: disk broken")?;
    equal("workers tried", armed.fires(), 3)?;
    let given_up = cluster.controller.workers().iter().filter(|worker| worker.failed.is_some()).count();
    equal("workers given up", given_up, 3)
}

pub(super) async fn fails_once(mut fixture: Fixture) -> Result<(), Violation> {
    let cluster = fixture.cluster(&[4]).await;
    let mut containers = 0;
    for budget in [1, 0] {
        let armed = fixture.arm("worker.create_container", Rule::error("injected: no container").at_most(1))?;
        let mut spec = JobSpec::of("fails once", Work::of(2.0));
        spec.max_retries_failure = budget;
        let job = fixture.run(&cluster, spec).await?;
        if budget == 1 {
            succeeded(&job)?;
        } else {
            failed(&job, "injected: no container")?;
            failed(&job, "retry budget of 0 spent")?;
        }
        equal("failures injected", armed.fires(), 1)?;
        equal("attempts", job.attempts, budget + 1)?;
        containers += job.attempts;
        equal("containers asked for", cluster.containers(), containers)?;
    }
    Ok(())
}

pub(super) async fn downloads_fail_now_and_then(mut fixture: Fixture) -> Result<(), Violation> {
    let cluster = fixture.cluster(&[4]).await;
    let armed = fixture.arm("worker.bundle_download", Rule::error("injected: timed out").rate(0.6)?.at_most(2))?;
    let mut spec = JobSpec::of("heavy", Work::of(2.0));
    spec.tasks = vec![Work::of(2.0); 3];
    spec.max_retries_failure = 2;
    let job = fixture.run(&cluster, spec).await?;
    succeeded(&job)?;
    equal("downloads that failed", armed.fires(), 2)?;
    equal("attempts", u64::from(job.attempts), 3 + armed.fires())?;
    equal("failures booked", u64::from(job.failures), armed.fires())
}

pub(super) async fn budget_is_exact(mut fixture: Fixture) -> Result<(), Violation> {
    let cluster = fixture.cluster(&[4]).await;
    let mut containers = 0;
    for budget in [0, 1, 2, 5] {
        let mut spec = JobSpec::of("hopeless", Work::exiting(1.0, &[1]));
        spec.max_retries_failure = budget;
        let job = fixture.run(&cluster, spec).await?;
        failed(&job, "exit code 1")?;
        failed(&job, &format!("retry budget of {budget} spent"))?;
        equal("attempts", job.attempts, budget + 1)?;
        containers += budget + 1;
        equal("containers created", cluster.containers(), containers)?;
        ensure(job.redispatches == 0, || "a task's own failure was booked as a worker's".to_owned())?;
    }
    Ok(())
}
