//! The first four steps: fetch, render, apply, poll. Each may end the run; what follows then is elsewhere.

use std::sync::Arc;
use std::time::Duration;

use chaos_core::{RunSteps, blocking, with_causes};
use chaos_kube::{Cluster, Patience, RemoveWorkflow, abort_workflow};

use crate::apply;
use crate::fetch::fetch;
use crate::follow::{Ended, Follower, Limits, Told, Watches};
use crate::live::Live;
use crate::options::{ScenarioMode, WrapperStep};
use crate::outcome::ScenarioOutcome;
use crate::scenario::{ReadyScenario, ready};
use crate::view::SeenWorkflow;

/// How much longer than the deadline of its entry a Workflow may take, where nobody says.
const BEYOND: Duration = Duration::from_mins(5);
/// How long it may take where nothing has a deadline.
const UNBOUNDED: Duration = Duration::from_hours(1);

/// Why the steps end before they are done.
#[derive(Debug)]
pub(crate) struct Stop {
    pub(crate) outcome: ScenarioOutcome,
    pub(crate) detail: String,
}

fn infra(error: impl std::error::Error) -> Stop {
    because(with_causes(&error))
}

fn because(detail: impl Into<String>) -> Stop {
    Stop { outcome: ScenarioOutcome::InfraFail, detail: detail.into() }
}

/// Does the first four steps.
pub(crate) async fn forward(live: Arc<Live>, session: chaos_runner::Session) -> Result<(), Stop> {
    live.begins(WrapperStep::Fetch);
    let fetched = fetch(&live.options.source, live.cx.cancel_token()).await.map_err(infra)?;
    let (commit, sha256) = (fetched.commit.clone(), fetched.sha256.clone());
    live.decide(format!("fetched `{}` at commit {commit}, SHA-256 {sha256}", fetched.path));
    live.known().fetched = Some(fetched.clone());
    live.begins(WrapperStep::Render);
    let scenario = ready(&fetched, &live.options).map_err(infra)?;
    written(&live, &scenario);
    live.known().scenario = Some(scenario.clone());
    live.begins(WrapperStep::Apply);
    let cluster = admitted(&live, &scenario).await?;
    let mut declared = scenario.declared.clone();
    declared.images.extend(live.options.images.iter().cloned());
    let found = declared.differences(&cluster, &live.options.namespace).await.map_err(infra)?;
    if !found.is_empty() {
        return Err(because(format!("the cluster is not what the scenario was written for: {}", found.join("; "))));
    }
    let checked = declared.images.len() + declared.rights.len();
    if checked > 0 {
        live.decide(format!("{checked} declared images and rights are as declared"));
    }
    if live.options.mode == ScenarioMode::Strict {
        return crate::strict_run::run(&live, &cluster, &scenario, session).await.map_err(infra);
    }
    let created = applied(&live, &cluster, &scenario).await?;
    live.begins(WrapperStep::Poll);
    poll(&live, &cluster, &scenario, created).await
}

fn written(live: &Live, scenario: &ReadyScenario) {
    crate::capture::learn(&scenario.object, &live.redactor);
    let text = live.redactor.text(&scenario.text);
    if let Err(error) = live.folder.write("scenario.yaml", &text) {
        live.known().problems.push(format!("write `scenario.yaml`: {error}"));
    }
    let used: Vec<String> = scenario.used.iter().map(|(name, times)| format!("{name} ({times}x)")).collect();
    live.decide(format!("rendered; replaced {}", if used.is_empty() { "nothing".to_owned() } else { used.join(", ") }));
    for note in &scenario.notes {
        live.decide(note.clone());
    }
}

/// Policy first: without it not even a read reaches the cluster. Then rights, and that nothing of the name is there.
async fn admitted(live: &Live, scenario: &ReadyScenario) -> Result<Cluster, Stop> {
    let options = &live.options;
    let cluster = Cluster::connect(&options.access).await.map_err(infra)?;
    let context = cluster.context().to_owned();
    for reach in options.reaches(&context, &scenario.chaos) {
        live.cx.policy().check_cluster(&reach).map_err(infra)?;
    }
    live.known().context = Some(context);
    if options.mode != ScenarioMode::Strict {
        apply::refuse(&cluster, &options.namespace, &options.workflow(), &scenario.chaos).await.map_err(infra)?;
    }
    live.known().cluster = Some(cluster.clone());
    Ok(cluster)
}

/// The undo step on disk, then the Workflow in the cluster.
async fn applied(
    live: &Arc<Live>,
    cluster: &Cluster,
    scenario: &ReadyScenario,
) -> Result<kube::api::DynamicObject, Stop> {
    let (options, run) = (&live.options, live.cx.run_id().to_owned());
    let (namespace, name) = (options.namespace.clone(), options.workflow());
    live.record().map_err(infra)?;
    let (access, chaos) = (cluster.reference(), scenario.chaos.clone());
    let step = RemoveWorkflow { access, namespace, name, run: run.clone(), chaos };
    let (steps, armed) = (live.cx.services().get::<RunSteps>(), step.clone());
    blocking(move || steps.arm("/workflow", &armed)).await.map_err(infra)?.map_err(infra)?;
    live.known().armed = Some(step.clone());
    let object = apply::object(&scenario.object, &step.namespace, &run);
    let created = apply::create(cluster, &step.namespace, &step.name, object).await;
    let created = match created {
        Ok(created) => created,
        Err(error) => {
            // What was refused is not there; what had no answer may be.
            if !matches!(&error, apply::ApplyError::Call(call) if call.is_unreachable()) {
                live.known().armed = None;
            }
            return Err(infra(error));
        }
    };
    live.is_applied();
    live.decide(format!("applied Workflow `{}` in namespace `{}`", step.name, step.namespace));
    Ok(created)
}

async fn poll(
    live: &Arc<Live>,
    cluster: &Cluster,
    scenario: &ReadyScenario,
    created: kube::api::DynamicObject,
) -> Result<(), Stop> {
    let options = &live.options;
    let timeout = options.timeout.unwrap_or_else(|| scenario.deadline.map_or(UNBOUNDED, |deadline| deadline + BEYOND));
    let stop_at_failure = options.mode == ScenarioMode::Compatible;
    let mut held = Arc::clone(&live.follower).lock_owned().await;
    let follower = held.insert(Follower::new(Limits { deadline: scenario.deadline, timeout, stop_at_failure }));
    follower.created(SeenWorkflow::of(&created));
    let mut watches = Watches::start(cluster, &options.namespace, &options.workflow(), &scenario.chaos);
    loop {
        let (told, ended) = watches.next(follower).await;
        for one in told {
            tell(live, one);
        }
        match ended {
            None => {}
            Some(Ended::Failed) => {
                live.decide("the first failure stops the Workflow: aborting it");
                let workflows = cluster.chaos_mesh("Workflow", "workflows", &options.namespace);
                abort_workflow(&workflows, &created, Patience::default()).await.map_err(infra)?;
                follower.stop(watches.now());
            }
            Some(ended) => {
                live.known().ended = Some(ended);
                return match ended {
                    Ended::TimedOut => Err(because(format!("not ended within {} s", timeout.as_secs()))),
                    Ended::Away => Err(because("the API server does not answer any more")),
                    Ended::Phase(phase) => told_phase(live, phase, follower.detector.first().is_some()),
                    Ended::Failed => Ok(()),
                };
            }
        }
    }
}

/// Phases that are failures of the whole, where no step has failed before.
fn told_phase(live: &Live, phase: crate::phase::WorkflowPhase, failed: bool) -> Result<(), Stop> {
    use crate::phase::WorkflowPhase;

    live.decide(format!("the Workflow is in its last phase: {}", word(phase)));
    match phase {
        _ if failed => Ok(()),
        WorkflowPhase::Gone => Err(because("the Workflow is gone; this run did not delete it")),
        WorkflowPhase::Invalid => Err(because("Chaos Mesh did not take the Workflow up; its events say why")),
        WorkflowPhase::Aborted => Err(because("the Workflow was aborted")),
        WorkflowPhase::TimedOut => Err(Stop {
            outcome: ScenarioOutcome::TaskFail,
            detail: "the deadline of the entry passed first".to_owned(),
        }),
        _ => Ok(()),
    }
}

fn word(phase: crate::phase::WorkflowPhase) -> String {
    serde_json::to_value(phase).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

fn tell(live: &Live, told: Told) {
    match told {
        Told::Began(step) => live.decide(format!("step `{step}` has begun")),
        Told::Failed(failure) => {
            let step = if failure.step.is_empty() { String::new() } else { format!("step `{}`: ", failure.step) };
            live.decide(format!("{}: {step}{}", failure.outcome.word(), failure.detail));
        }
        Told::Overrun(deadline) => {
            let seconds = deadline.as_secs_f64();
            live.known().overrun_seconds = Some(seconds);
            live.decide(format!(
                "overrun: the deadline of the entry ({seconds} s) has passed, and the Workflow goes on"
            ));
        }
        Told::Away(why) => live.decide(format!("the API server does not answer: {why}")),
        Told::Back => live.decide("the API server answers again"),
        Told::Reason(reason) => live.decide(format!("EXIT_REASON is `{reason}`")),
    }
}
