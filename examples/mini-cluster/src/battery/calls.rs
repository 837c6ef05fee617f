//! Calls that fail or are late: 1, 2, 3, 4, 5, 7, 17.

use chaos_failpoints::Rule;

use super::fixture::{Fixture, Violation, ensure, equal, failed, succeeded};
use crate::{Cluster, JobSpec, JobState, Work};

pub(super) async fn dispatch_fails_now_and_then(mut fixture: Fixture) -> Result<(), Violation> {
    // One processor: one dispatch at a time, so that the drawn failures fall alike in every run.
    let cluster = fixture.cluster(&[1]).await;
    let armed = fixture.arm("controller.dispatch", Rule::error("injected: unavailable").rate(0.3)?)?;
    let mut spec = JobSpec::of("ten tasks", Work::of(1.0));
    spec.tasks = vec![Work::of(1.0); 10];
    let job = fixture.run(&cluster, spec).await?;
    succeeded(&job)?;
    ensure(armed.fires() > 0, || "the failure was never injected".to_owned())?;
    equal("re-dispatches", job.redispatches, 0)?;
    equal("calls", armed.hits(), 10 + armed.fires())?;
    equal("containers created", cluster.containers(), 10)
}

pub(super) async fn dispatch_always_fails(mut fixture: Fixture) -> Result<(), Violation> {
    let cluster = fixture.cluster(&[4]).await;
    let armed = fixture.arm("controller.dispatch", Rule::error("injected: unavailable"))?;
    let job = fixture.run(&cluster, JobSpec::of("never arrives", Work::of(1.0))).await?;
    failed(&job, "re-dispatch budget of 3 spent")?;
    failed(&job, "injected: unavailable")?;
    equal("dispatches", job.attempts, 4)?;
    ensure((4..=16).contains(&armed.fires()), || format!("{} calls for 4 dispatches of 4 tries", armed.fires()))?;
    equal("containers created", cluster.containers(), 0)
}

pub(super) async fn three_heartbeats_lost(mut fixture: Fixture) -> Result<(), Violation> {
    let cluster = fixture.cluster(&[4]).await;
    let armed = fixture.arm("worker.heartbeat", Rule::fail().at_most(3))?;
    let job = fixture.run(&cluster, JobSpec::of("steady", Work::of(50.0))).await?;
    succeeded(&job)?;
    equal("heartbeats lost", armed.fires(), 3)?;
    equal("attempts", job.attempts, 1)?;
    equal("workers given up", given_up(&cluster), 0)
}

pub(super) async fn heartbeats_always_lost(mut fixture: Fixture) -> Result<(), Violation> {
    let cluster = fixture.cluster(&[4, 4]).await;
    let armed = fixture.arm("worker.heartbeat", Rule::fail())?;
    let job = fixture.run(&cluster, JobSpec::of("orphan", Work::of(1000.0))).await?;
    failed(&job, "no worker is left")?;
    failed(&job, "no heartbeat for 60 s")?;
    equal("workers given up", given_up(&cluster), 2)?;
    // Five a worker in 60 s; a machine that wakes them late fits in fewer.
    let least = if fixture.pace().is_real() { 4 } else { 10 };
    ensure(armed.fires() >= least, || format!("{} heartbeats lost in 60 s by two workers", armed.fires()))?;
    fixture.job_took(&job, 60.0, 62.0)
}

pub(super) async fn reports_always_lost(mut fixture: Fixture) -> Result<(), Violation> {
    let cluster = fixture.cluster(&[4]).await;
    let armed = fixture.arm("worker.report_task_state", Rule::fail())?;
    let good = fixture.run(&cluster, JobSpec::of("good", Work::of(5.0))).await?;
    succeeded(&good)?;
    equal("attempts", good.attempts, 1)?;
    fixture.job_took(&good, 5.0, 10.1)?;
    let bad = fixture.run(&cluster, JobSpec::of("bad", Work::exiting(5.0, &[3]))).await?;
    failed(&bad, "exit code 3")?;
    equal("attempts", bad.attempts, 1)?;
    equal("reports lost", armed.fires(), 2)?;
    equal("containers created", cluster.containers(), 2)
}

pub(super) async fn registration_delayed(mut fixture: Fixture) -> Result<(), Violation> {
    let armed = fixture.arm("worker.heartbeat", Rule::sleep(fixture.seconds(10.0)).at_most(1))?;
    fixture.restart();
    let cluster = Cluster::start(fixture.pace(), fixture.flaw(), &[4]);
    let job = fixture.run(&cluster, JobSpec::of("early", Work::of(2.0))).await?;
    succeeded(&job)?;
    equal("registrations delayed", armed.fires(), 1)?;
    fixture.job_took(&job, 12.0, 12.1)
}

pub(super) async fn dispatch_delayed(mut fixture: Fixture) -> Result<(), Violation> {
    let cluster = fixture.cluster(&[4]).await;
    let armed = fixture.arm("controller.dispatch", Rule::sleep(fixture.seconds(5.0)))?;
    let job = fixture.run(&cluster, JobSpec::of("late", Work::of(2.0))).await?;
    succeeded(&job)?;
    equal("dispatches delayed", armed.fires(), 1)?;
    equal("the job", job.state.clone(), JobState::Succeeded)?;
    fixture.job_took(&job, 7.0, 7.1)
}

fn given_up(cluster: &Cluster) -> usize {
    cluster.controller.workers().iter().filter(|worker| worker.failed.is_some()).count()
}
