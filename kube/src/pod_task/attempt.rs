//! One attempt of the step: the pod is made, waited for, kept, and deleted where it may still run.

use std::sync::Arc;
use std::time::Duration;

use chaos_core::{PluginError, StepContext, StepEnd, StepOutcome};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, ApiResource, DeleteParams, DynamicObject, PostParams, Preconditions};
use kube::core::Status;
use kube::{Error, ResourceExt};
use tokio::time::{sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::capture::capture;
use super::error::PodTaskError;
use super::follow::{Away, Expected, Followed, RunPods, undo};
use super::object::Identity;
use super::shape::PodTask;
use super::state::{PodEnd, PodState, Stand};
use crate::patience::{CallError, Patience, patiently};

/// How long the API server may be away before a step is given up.
const AWAY: Duration = Duration::from_mins(5);
/// How long a request that is under way may go on when the step is told to end: whether the pod was made must be known.
const UNDER_WAY: Duration = Duration::from_secs(15);
/// How long a pod that was not found may still come, where the request for it had no answer.
const LATE: Duration = Duration::from_millis(750);
/// How long a deletion may be tried.
const DELETE: Duration = Duration::from_secs(20);
/// How much longer than its grace period a pod may take to go.
const GOING: Duration = Duration::from_secs(20);
/// The reason of a refusal where an object of that name is there.
const EXISTS: &str = "AlreadyExists";
/// The status that a request has which nobody wants any more.
const UNWANTED: u16 = 499;

/// An attempt that can begin.
pub(super) struct Attempt<'a> {
    task: &'a PodTask,
    cx: &'a StepContext,
    pods: Arc<Followed>,
    identity: Identity,
    container: String,
}

/// Why an attempt waits no longer.
enum Over {
    Ended(PodEnd),
    /// It was told to end.
    Told,
}

impl<'a> Attempt<'a> {
    /// Connects, and makes sure that whatever it makes is undone.
    pub(super) async fn prepared(task: &'a PodTask, cx: &'a StepContext) -> Result<Self, PodTaskError> {
        let known = cx.run().services().get::<RunPods>();
        let pods = tokio::select! {
            biased;
            () = cx.run().cancelled() => return Err(PodTaskError::Interrupted),
            pods = known.of(task, cx) => pods?,
        };
        let identity = Identity::of(cx, pods.run());
        let container = task.pod.container.get("name").and_then(serde_json::Value::as_str).unwrap_or_default();
        Ok(Self { task, cx, pods, identity, container: container.to_owned() })
    }

    /// Runs it to its end.
    pub(super) async fn ended(self) -> StepEnd {
        let mut expected = self.pods.expect(&self.identity.name);
        let infra = |why: String| StepEnd::new(StepOutcome::InfraFail, why);
        let mut uid = None;
        let over = match self.created().await {
            Ok(pod) => {
                uid = pod.uid();
                self.pods.told(pod);
                self.over(&mut expected).await
            }
            // It may have been made all the same.
            Err(PodTaskError::Interrupted) => Over::Told,
            Err(PodTaskError::Call(error)) if error.is_unreachable() => {
                self.delete(&mut expected, None).await;
                return infra(error.to_string());
            }
            Err(error) => return infra(error.to_string()),
        };
        let state = expected.state.borrow().clone();
        let (end, ran) = match over {
            Over::Ended(end) => (end.clone(), end.ran),
            Over::Told => (PodEnd::infra("interrupted".to_owned(), false), !self.is_waiting(&state)),
        };
        if let Some(pod) = &state.pod {
            capture(self.cx, &self.pods.api, pod, &self.container, ran && !state.gone).await;
        }
        if state.may_run() {
            self.delete(&mut expected, uid).await;
        }
        let mut done = StepEnd::new(end.outcome, format!("pod `{}`: {}", self.identity.name, end.detail));
        done.outputs.insert("pod".to_owned(), self.identity.name.clone());
        if let Some(code) = end.exit_code {
            done.outputs.insert("exit_code".to_owned(), code.to_string());
        }
        done
    }

    /// Whether its container has not started.
    fn is_waiting(&self, state: &PodState) -> bool {
        let status = state.pod.as_ref().and_then(|pod| pod.status.as_ref());
        let mut its = status.into_iter().flat_map(|status| status.container_statuses.iter().flatten());
        let its = its.find(|its| its.name == self.container).and_then(|its| its.state.as_ref());
        its.is_none_or(|state| state.running.is_none() && state.terminated.is_none())
    }

    /// Makes the pod, at most once: a request without an answer is repeated, and finds what it had made.
    async fn created(&self) -> Result<Pod, PodTaskError> {
        let permit = undo(self.cx).await?.another()?;
        let pods = Api::<DynamicObject>::namespaced_with(
            self.pods.cluster.client(),
            &self.task.namespace,
            &ApiResource::erase::<Pod>(&()),
        );
        let object: DynamicObject = serde_json::from_value(self.identity.pod(self.task))
            .map_err(|error| PluginError::refused(format!("no pod can be made of this: {error}")))?;
        let unwanted = CancellationToken::new();
        let its = unwanted.clone();
        let request = tokio::spawn(async move {
            let _permit = permit;
            patiently("create the pod", Patience(AWAY), || async {
                if its.is_cancelled() {
                    return Err(Error::Api(Status::failure("interrupted", "Interrupted").with_code(UNWANTED).boxed()));
                }
                pods.create(&PostParams::default(), &object).await
            })
            .await
        });
        let mut request = AbortOnDropHandle::new(request);
        let answer = tokio::select! {
            biased;
            answer = &mut request => Ok(answer),
            () = self.cx.run().cancelled() => {
                unwanted.cancel();
                timeout(UNDER_WAY, &mut request).await
            }
        };
        let Ok(Ok(answer)) = answer else { return Err(PodTaskError::Interrupted) };
        match answer {
            Ok(made) => typed(made),
            Err(error) if error.is_conflict() => match (self.found().await?, &error) {
                (Some(pod), _) => Ok(pod),
                (None, CallError::Refused { reason, .. }) if reason == EXISTS => {
                    Err(PodTaskError::Taken(self.identity.name.clone()))
                }
                (None, _) => Err(error.into()),
            },
            Err(error) if error.code() == Some(UNWANTED) => Err(PodTaskError::Interrupted),
            Err(error) => Err(error.into()),
        }
    }

    /// The pod of this attempt, if it is there.
    async fn found(&self) -> Result<Option<Pod>, CallError> {
        let name = &self.identity.name;
        let pod = patiently("read the pod", Patience(DELETE), || self.pods.api.get_opt(name)).await?;
        Ok(pod.filter(|pod| self.identity.is(pod)))
    }

    /// Waits until the pod has ended, or there is nothing more to wait for.
    async fn over(&self, expected: &mut Expected) -> Over {
        let clock = self.cx.run().clock();
        let mut stuck_since = None;
        loop {
            let stand = expected.state.borrow_and_update().stand(&self.container);
            let stuck = match stand {
                Stand::Ended(end) => return Over::Ended(end),
                Stand::Stuck(reason) => Some(reason),
                Stand::Going => None,
            };
            let patience = if stuck.is_some() {
                let since = *stuck_since.get_or_insert_with(|| clock.now());
                Some((since + self.task.waiting()).saturating_sub(clock.now()))
            } else {
                stuck_since = None;
                None
            };
            let away = expected.away.borrow_and_update().clone();
            let given_up = async {
                match &away {
                    Some(away) => sleep_until(away.since + AWAY).await,
                    None => std::future::pending().await,
                }
            };
            let waited = async {
                match patience {
                    Some(left) => clock.sleep(left).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = self.cx.run().cancelled() => return Over::Told,
                // The service that tells lives as long as the run.
                _ = expected.state.changed() => {}
                _ = expected.away.changed() => {}
                () = waited => {
                    let why = format!("the container does not start ({})", stuck.unwrap_or_default());
                    return Over::Ended(PodEnd::infra(why, false));
                }
                () = given_up => return Over::Ended(not_heard(away.as_ref())),
            }
        }
    }

    /// Deletes the pod of this attempt, and waits until it is gone; what does not go is told, and left to the undo of the run.
    async fn delete(&self, expected: &mut Expected, uid: Option<String>) {
        if let Err(why) = self.deleted(expected, uid).await {
            let (step, pod) = (self.cx.name(), &self.identity.name);
            self.cx.run().note(format!("step `{step}`: pod `{pod}` may still run: {why}"));
        }
    }

    /// The identity of the pod; `None` where there is none. A request without an answer may still make it.
    async fn uid(&self, known: Option<String>) -> Result<Option<String>, PodTaskError> {
        if known.is_some() {
            return Ok(known);
        }
        let mut found = self.found().await?;
        if found.is_none() {
            tokio::time::sleep(LATE).await;
            found = self.found().await?;
        }
        let Some(pod) = found else { return Ok(None) };
        let uid = pod.uid();
        self.pods.told(pod);
        Ok(uid)
    }

    async fn deleted(&self, expected: &mut Expected, uid: Option<String>) -> Result<(), PodTaskError> {
        let Some(uid) = self.uid(uid).await? else { return Ok(()) };
        let grace = self.task.grace();
        let how = DeleteParams {
            grace_period_seconds: u32::try_from(grace.as_secs()).ok(),
            preconditions: Some(Preconditions { uid: Some(uid), resource_version: None }),
            ..DeleteParams::default()
        };
        let name = &self.identity.name;
        let gone = patiently("delete the pod", Patience(DELETE), || async {
            self.pods.api.delete(name, &how).await.map(|done| done.right().is_some())
        });
        match gone.await {
            // The answer to a deletion that is done at once is a status, or the object as it was last.
            Ok(_) => {}
            // It is gone, and perhaps another one came: that is not ours.
            Err(error) if error.is_gone() => return Ok(()),
            Err(error) => return Err(error.into()),
        }
        let limit = grace + GOING;
        match timeout(limit, expected.state.wait_for(|state| state.gone)).await {
            Ok(_) => Ok(()),
            Err(_) => Err(PluginError::failed(format!("it was not gone after {} s", limit.as_secs())).into()),
        }
    }
}

fn not_heard(away: Option<&Away>) -> PodEnd {
    let why = away.map(|away| away.why.as_str()).unwrap_or_default();
    PodEnd::infra(format!("the API server has not answered for {} s ({why})", AWAY.as_secs()), false)
}

fn typed(object: DynamicObject) -> Result<Pod, PodTaskError> {
    let read = serde_json::to_value(object).and_then(serde_json::from_value);
    read.map_err(|error| PluginError::failed(format!("the API server's answer is not a pod: {error}")).into())
}
