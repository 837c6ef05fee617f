//! The life of machines: 18, 19, 20.

use super::fixture::{Fixture, Violation, ensure, equal, succeeded};
use crate::{Cloud, Cluster, JobSpec, MachineState, Work};

pub(super) async fn quota_error(mut fixture: Fixture) -> Result<(), Violation> {
    let cluster = Cluster::start(fixture.pace(), fixture.flaw(), &[]);
    fixture.restart();
    let cloud = Cloud::start(&cluster.controller);
    cloud.refuse(2);
    let job = fixture.run(&cluster, JobSpec::of("patient", Work::of(2.0))).await?;
    succeeded(&job)?;
    equal("machines asked for", cloud.asked(), 3)?;
    equal("machines", cloud.machines(), vec![MachineState::Ready])?;
    // Refused at 0 and 5 s, created at 10 s, up at 15 s.
    fixture.job_took(&job, 17.0, 18.1)
}

pub(super) async fn stuck_initializing(mut fixture: Fixture) -> Result<(), Violation> {
    let cluster = Cluster::start(fixture.pace(), fixture.flaw(), &[]);
    fixture.restart();
    let cloud = Cloud::start(&cluster.controller);
    cloud.stick_next();
    let job = fixture.run(&cluster, JobSpec::of("patient", Work::of(2.0))).await?;
    succeeded(&job)?;
    equal("machines", cloud.machines(), vec![MachineState::Stuck, MachineState::Ready])?;
    // Given up at 60 s, replaced at once, up 5 s later.
    fixture.job_took(&job, 67.0, 69.1)
}

pub(super) async fn preempted(mut fixture: Fixture) -> Result<(), Violation> {
    let cluster = Cluster::start(fixture.pace(), fixture.flaw(), &[]);
    fixture.restart();
    let cloud = Cloud::start(&cluster.controller);
    let id = cluster.controller.submit(JobSpec::of("moved", Work::of(20.0)));
    cluster.controller.wait_for_workers(1).await;
    fixture.pace().sleep(5.0).await;
    cloud.preempt();
    let first = cloud.machines().first().copied();
    equal("the machine", first, Some(MachineState::Terminated))?;
    let gone = cluster.controller.workers().iter().filter(|worker| worker.failed.is_some()).count();
    ensure(gone == 1, || format!("{gone} workers given up, not the one of the machine"))?;
    let job = fixture.finish(&cluster, id).await?;
    succeeded(&job)?;
    equal("re-dispatches", job.redispatches, 1)?;
    equal("attempts", job.attempts, 2)?;
    equal("machines", cloud.machines(), vec![MachineState::Terminated, MachineState::Ready])
}
