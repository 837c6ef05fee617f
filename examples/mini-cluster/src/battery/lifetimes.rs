//! How tasks end: 6, 12, 13.

use chaos_failpoints::Rule;

use super::fixture::{Fixture, Violation, equal, failed};
use crate::{JobSpec, TaskState, Work};

pub(super) async fn monitor_crashes(mut fixture: Fixture) -> Result<(), Violation> {
    let cluster = fixture.cluster(&[4]).await;
    let armed = fixture.arm("worker.task_monitor", Rule::error("injected: monitor crashed"))?;
    let job = fixture.run(&cluster, JobSpec::of("unwatched", Work::of(100.0))).await?;
    failed(&job, "injected: monitor crashed")?;
    equal("crashes", armed.fires(), 1)?;
    equal("tasks on the worker", cluster.running(), 0)?;
    fixture.job_took(&job, 0.0, 0.1)
}

pub(super) async fn task_timeout(mut fixture: Fixture) -> Result<(), Violation> {
    let cluster = fixture.cluster(&[4]).await;
    let mut spec = JobSpec::of("endless", Work::of(1000.0));
    spec.timeout_seconds = Some(5.0);
    let job = fixture.run(&cluster, spec).await?;
    failed(&job, "the task timed out after 5 s")?;
    equal("tasks on the worker", cluster.running(), 0)?;
    fixture.job_took(&job, 5.0, 5.1)
}

pub(super) async fn sibling_fails(mut fixture: Fixture) -> Result<(), Violation> {
    let cluster = fixture.cluster(&[1, 1]).await;
    let mut spec = JobSpec::of("pair", Work::of(1000.0));
    spec.tasks.push(Work::exiting(3.0, &[1]));
    spec.coscheduled = true;
    let job = fixture.run(&cluster, spec).await?;
    failed(&job, "task 1 failed: exit code 1")?;
    equal("the sibling", job.tasks[0].clone(), TaskState::Killed)?;
    equal("tasks on the workers", cluster.running(), 0)?;
    equal("containers created", cluster.containers(), 2)?;
    fixture.job_took(&job, 3.0, 3.1)
}
