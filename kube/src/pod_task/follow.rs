//! The pods of a run as they change: one watch for all of its steps.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chaos_core::{StepContext, StepHosts, Undo};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::api::Api;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};
use tokio_util::task::AbortOnDropHandle;

use super::error::PodTaskError;
use super::shape::PodTask;
use super::state::PodState;
use crate::access::ClusterAccess;
use crate::cluster::Cluster;
use crate::patience::{Patience, patiently};
use crate::sweep_pods::{RUN_LABEL, SweepPods};
use crate::watched::{Seen, Selection, Watched};

/// How long the API server may be away when a run begins with its pods.
const FIRST: Duration = Duration::from_mins(1);

/// The run service with the pods of a run: of one cluster and namespace mostly.
#[derive(Debug, Default)]
pub(super) struct RunPods(tokio::sync::Mutex<Vec<Arc<Followed>>>);

/// The pods of one run in one namespace.
#[derive(Debug)]
pub(super) struct Followed {
    access: ClusterAccess,
    namespace: String,
    run: String,
    pub(super) api: Api<Pod>,
    pub(super) cluster: Cluster,
    states: Arc<States>,
    _task: AbortOnDropHandle<()>,
}

/// What is known of the pods that somebody waits for.
#[derive(Debug, Default)]
struct States {
    pods: Mutex<HashMap<String, watch::Sender<PodState>>>,
    away: watch::Sender<Option<Away>>,
}

/// The API server does not answer.
#[derive(Debug, Clone)]
pub(super) struct Away {
    pub(super) since: Instant,
    pub(super) why: String,
}

/// One pod that somebody waits for.
#[derive(Debug)]
pub(super) struct Expected {
    name: String,
    states: Arc<States>,
    pub(super) state: watch::Receiver<PodState>,
    pub(super) away: watch::Receiver<Option<Away>>,
}

impl Drop for Expected {
    fn drop(&mut self) {
        self.states.lock().remove(&self.name);
    }
}

/// The undo log of the run. It is not kept here: it holds the run, whose service these pods are, and neither would ever end.
pub(super) async fn undo(cx: &StepContext) -> Result<Undo, PodTaskError> {
    Ok(cx.run().services().get::<StepHosts>().host()?.undo().await?)
}

impl RunPods {
    /// The pods of the run that `task` belongs to. The first who asks connects, makes sure that nobody else has pods of that
    /// run, and arms the step that sweeps them.
    pub(super) async fn of(&self, task: &PodTask, cx: &StepContext) -> Result<Arc<Followed>, PodTaskError> {
        let run = task.run.clone().unwrap_or_else(|| cx.run().run_id().to_owned());
        let access = task.access();
        let mut all = self.0.lock().await;
        let is_it = |it: &&Arc<Followed>| (&it.access, &it.namespace, &it.run) == (&access, &task.namespace, &run);
        if let Some(found) = all.iter().find(is_it) {
            return Ok(Arc::clone(found));
        }
        let made = Arc::new(Followed::begin(task, access, run, cx).await?);
        all.push(Arc::clone(&made));
        Ok(made)
    }
}

impl Followed {
    async fn begin(task: &PodTask, access: ClusterAccess, run: String, cx: &StepContext) -> Result<Self, PodTaskError> {
        let cluster = Cluster::connect(&access).await?;
        cx.run().policy().check_cluster(&task.touches(cluster.context()))?;
        let namespace = task.namespace.clone();
        let api = cluster.pods(&namespace);
        let mut watched = Watched::start(api.clone(), Selection::label(RUN_LABEL, &run));
        let there = timeout(FIRST, first(&mut watched)).await.map_err(|_| PodTaskError::Away(FIRST))?;
        if let Some(pod) = there.first() {
            let (pod, count) = (pod.name_any(), there.len());
            return Err(PodTaskError::Others { run, pod, count });
        }
        let undo = undo(cx).await?;
        let by = cx.run().run_id().to_owned();
        let sweep = SweepPods { access: cluster.reference(), namespace: namespace.clone(), run: run.clone(), by };
        // Each pod has a permit of its own.
        drop(undo.arm(sweep).await?);
        let states = Arc::<States>::default();
        let (its, pods) = (Arc::clone(&states), api.clone());
        let task = tokio::spawn(async move {
            while let Some(seen) = watched.next().await {
                its.take(seen, &pods).await;
            }
        });
        let task = AbortOnDropHandle::new(task);
        Ok(Self { access, namespace, run, api, cluster, states, _task: task })
    }

    /// The run that they belong to.
    pub(super) fn run(&self) -> &str {
        &self.run
    }

    /// Waits for a pod of that name from now on.
    pub(super) fn expect(&self, name: &str) -> Expected {
        let (tell, state) = watch::channel(PodState::default());
        self.states.lock().insert(name.to_owned(), tell);
        Expected { name: name.to_owned(), states: Arc::clone(&self.states), state, away: self.states.away.subscribe() }
    }

    /// Says how a pod stands, as its own request was answered; what was seen later stays.
    pub(super) fn told(&self, pod: Pod) {
        let name = pod.name_any();
        if let Some(tell) = self.states.lock().get(&name) {
            tell.send_if_modified(|state| {
                let is_first = state.pod.is_none();
                if is_first {
                    state.pod = Some(Arc::new(pod));
                }
                is_first
            });
        }
    }
}

/// All pods that are there at first, once the server says so.
async fn first(watched: &mut Watched<Pod>) -> Vec<Pod> {
    loop {
        match watched.next().await {
            Some(Seen::All(pods)) => return pods,
            Some(_) => {}
            // The runtime ends, and whoever waits with it.
            None => std::future::pending().await,
        }
    }
}

impl States {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, watch::Sender<PodState>>> {
        self.pods.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn take(&self, seen: Seen<Pod>, api: &Api<Pod>) {
        if let Seen::Away(why) = seen {
            self.away.send_if_modified(|away| {
                let is_new = away.is_none();
                away.get_or_insert_with(|| Away { since: Instant::now(), why });
                is_new
            });
            return;
        }
        self.away.send_if_modified(|away| away.take().is_some());
        match seen {
            Seen::All(pods) => {
                let mut missing = self.there();
                for pod in pods {
                    missing.retain(|name| *name != pod.name_any());
                    self.set(pod, false);
                }
                for name in missing {
                    self.ask(&name, api).await;
                }
            }
            Seen::Changed(pod) => self.set(pod, false),
            Seen::Gone(pod) => self.set(pod, true),
            Seen::Away(_) => {}
        }
    }

    /// The pods that are known to have been made.
    fn there(&self) -> Vec<String> {
        let pods = self.lock();
        let there = pods.iter().filter(|(_, tell)| tell.borrow().pod.is_some());
        there.map(|(name, _)| name.clone()).collect()
    }

    fn set(&self, pod: Pod, gone: bool) {
        if let Some(tell) = self.lock().get(&pod.name_any()) {
            tell.send_replace(PodState { pod: Some(Arc::new(pod)), gone });
        }
    }

    /// A pod that a list does not have was made after that list, or is gone.
    async fn ask(&self, name: &str, api: &Api<Pod>) {
        let patience = Patience(Duration::from_secs(20));
        match patiently("read the pod", patience, || api.get_opt(name)).await {
            Ok(Some(pod)) => self.set(pod, false),
            Ok(None) => {
                if let Some(tell) = self.lock().get(name) {
                    tell.send_modify(|state| state.gone = true);
                }
            }
            // The next list tells.
            Err(_) => {}
        }
    }
}
