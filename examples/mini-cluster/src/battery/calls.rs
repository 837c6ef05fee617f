//! Calls that fail or are late: 1, 2, 3, 4, 5, 7, 17.

use chaos_failpoints::Rule;

use super::bench::{Bench, Violation, ensure, equal, failed, succeeded};
use crate::{Cluster, JobSpec, JobState, Work};

pub(super) async fn dispatch_fails_now_and_then(mut bench: Bench) -> Result<(), Violation> {
    // One processor: one dispatch at a time, so that the drawn failures fall alike in every run.
    let cluster = bench.cluster(&[1]).await;
    let armed = bench.arm("controller.dispatch", Rule::error("injected: unavailable").rate(0.3)?)?;
    let mut spec = JobSpec::of("ten tasks", Work::of(1.0));
    spec.tasks = vec![Work::of(1.0); 10];
    let job = bench.run(&cluster, spec).await?;
    succeeded(&job)?;
    ensure(armed.fires() > 0, || "the failure was never injected".to_owned())?;
    equal("re-dispatches", job.redispatches, 0)?;
    equal("calls", armed.hits(), 10 + armed.fires())?;
    equal("containers created", cluster.containers(), 10)
}

pub(super) async fn dispatch_always_fails(mut bench: Bench) -> Result<(), Violation> {
    let cluster = bench.cluster(&[4]).await;
    let armed = bench.arm("controller.dispatch", Rule::error("injected: unavailable"))?;
    let job = bench.run(&cluster, JobSpec::of("never arrives", Work::of(1.0))).await?;
    failed(&job, "re-dispatch budget of 3 spent")?;
    failed(&job, "injected: unavailable")?;
    equal("dispatches", job.attempts, 4)?;
    ensure((4..=16).contains(&armed.fires()), || format!("{} calls for 4 dispatches of 4 tries", armed.fires()))?;
    equal("containers created", cluster.containers(), 0)
}

pub(super) async fn three_heartbeats_lost(mut bench: Bench) -> Result<(), Violation> {
    let cluster = bench.cluster(&[4]).await;
    let armed = bench.arm("worker.heartbeat", Rule::fail().at_most(3))?;
    let job = bench.run(&cluster, JobSpec::of("steady", Work::of(50.0))).await?;
    succeeded(&job)?;
    equal("heartbeats lost", armed.fires(), 3)?;
    equal("attempts", job.attempts, 1)?;
    equal("workers given up", given_up(&cluster), 0)
}

pub(super) async fn heartbeats_always_lost(mut bench: Bench) -> Result<(), Violation> {
    let cluster = bench.cluster(&[4, 4]).await;
    let armed = bench.arm("worker.heartbeat", Rule::fail())?;
    let job = bench.run(&cluster, JobSpec::of("orphan", Work::of(1000.0))).await?;
    failed(&job, "no worker is left")?;
    failed(&job, "no heartbeat for 60 s")?;
    equal("workers given up", given_up(&cluster), 2)?;
    ensure(armed.fires() >= 10, || format!("{} heartbeats lost in 60 s by two workers", armed.fires()))?;
    bench.job_took(&job, 60.0, 62.0)
}

pub(super) async fn reports_always_lost(mut bench: Bench) -> Result<(), Violation> {
    let cluster = bench.cluster(&[4]).await;
    let armed = bench.arm("worker.report_task_state", Rule::fail())?;
    let good = bench.run(&cluster, JobSpec::of("good", Work::of(5.0))).await?;
    succeeded(&good)?;
    equal("attempts", good.attempts, 1)?;
    bench.job_took(&good, 5.0, 10.1)?;
    let bad = bench.run(&cluster, JobSpec::of("bad", Work::exiting(5.0, &[3]))).await?;
    failed(&bad, "exit code 3")?;
    equal("attempts", bad.attempts, 1)?;
    equal("reports lost", armed.fires(), 2)?;
    equal("containers created", cluster.containers(), 2)
}

pub(super) async fn registration_delayed(mut bench: Bench) -> Result<(), Violation> {
    let armed = bench.arm("worker.heartbeat", Rule::sleep(bench.seconds(10.0)).at_most(1))?;
    bench.restart();
    let cluster = Cluster::start(bench.pace(), bench.flaw(), &[4]);
    let job = bench.run(&cluster, JobSpec::of("early", Work::of(2.0))).await?;
    succeeded(&job)?;
    equal("registrations delayed", armed.fires(), 1)?;
    bench.job_took(&job, 12.0, 12.1)
}

pub(super) async fn dispatch_delayed(mut bench: Bench) -> Result<(), Violation> {
    let cluster = bench.cluster(&[4]).await;
    let armed = bench.arm("controller.dispatch", Rule::sleep(bench.seconds(5.0)))?;
    let job = bench.run(&cluster, JobSpec::of("late", Work::of(2.0))).await?;
    succeeded(&job)?;
    equal("dispatches delayed", armed.fires(), 1)?;
    equal("the job", job.state.clone(), JobState::Succeeded)?;
    bench.job_took(&job, 7.0, 7.1)
}

fn given_up(cluster: &Cluster) -> usize {
    cluster.controller.workers().iter().filter(|worker| worker.failed.is_some()).count()
}
