//! What the steps of a strict run say of themselves in the variables, which the last one may write over: it counts when it is seen.

use std::collections::HashMap;
use std::convert::Infallible;
use std::future::poll_fn;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chaos_core::{BoxFuture, StepEnd, StepOutcome};
use chaos_kube::{CallError, Patience, Seen, Selection, Watched, patiently};
use chaos_manifests::variables_name;
use chaos_workflow::Witness;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::Api;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use crate::detect::Detector;
use crate::outcome::ScenarioOutcome;
use crate::view::{ClusterView, EXIT_REASON};

/// How long the API server may be away when a step has ended, before that is a failure: as long as while a pod of a step runs.
const AWAY: Duration = Duration::from_mins(5);
/// How long the watch may take to tell what a read has shown; what was written before that, and written over, it has told by then.
const BEHIND: Duration = Duration::from_secs(5);

/// Says what was decided and why.
type Tell = Box<dyn Fn(String) + Send + Sync>;

/// What steps say of themselves.
pub(crate) struct Reasons {
    api: Api<ConfigMap>,
    which: Selection,
    is_named: bool,
    tell: Tell,
    began: Instant,
    heard: Mutex<Heard>,
    /// How many steps have ended, and how many of them had before the last read began.
    ended: AtomicU64,
    read: tokio::sync::Mutex<u64>,
    /// Changes with each thing that the watch tells.
    told: watch::Sender<()>,
}

/// What was heard of them so far.
struct Heard {
    variables: Watched<ConfigMap>,
    detector: Detector,
    /// Whether the variables were there once.
    is_there: bool,
    /// The failure that no step shows, from which on none begins.
    failure: Option<StepEnd>,
    /// When each step failed by itself, the last time.
    step_failed: HashMap<String, Duration>,
    /// The versions of the variables that the watch has told of since the last read began, and the one before.
    versions: Vec<String>,
    /// How often the watch has listed.
    lists: u64,
}

/// All that was heard, when the last step has ended.
#[derive(Debug, Default)]
pub(crate) struct HeardReasons {
    pub(crate) detector: Detector,
    /// When each step failed by itself, since the first began.
    pub(crate) step_failed: HashMap<String, Duration>,
    /// Since the first step began.
    pub(crate) took: Duration,
}

/// Whether a scenario says anything of the variables, so that a step of it may write them.
pub(crate) fn names_variables(scenario: &str) -> bool {
    scenario.contains(EXIT_REASON) || scenario.contains(&variables_name(""))
}

impl Reasons {
    /// Watches the variables of a Workflow from now on. Where the scenario names them, or once they are there, they are also read after
    /// each step.
    pub(crate) fn start(api: Api<ConfigMap>, workflow: &str, is_named: bool, tell: Tell) -> Self {
        let which = Selection::name(&variables_name(workflow));
        let heard = Heard {
            variables: Watched::start(api.clone(), which.clone()),
            detector: Detector::default(),
            is_there: false,
            failure: None,
            step_failed: HashMap::new(),
            versions: Vec::new(),
            lists: 0,
        };
        let (heard, ended, read) = (Mutex::new(heard), AtomicU64::new(0), tokio::sync::Mutex::new(0));
        let told = watch::Sender::default();
        Self { api, which, is_named, tell, began: Instant::now(), heard, ended, read, told }
    }

    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in what the watch tells, until this is dropped.
    pub(crate) async fn follow(&self) -> Infallible {
        loop {
            let seen = poll_fn(|cx| self.heard().variables.poll_next(cx)).await;
            match seen {
                Some(seen) => self.watched(seen),
                // The runtime is ending.
                None => std::future::pending().await,
            }
        }
    }

    /// What the watch has told by now.
    fn catch_up(&self) {
        loop {
            let seen = self.heard().variables.try_next();
            let Some(seen) = seen else { return };
            self.watched(seen);
        }
    }

    fn watched(&self, seen: Seen<ConfigMap>) {
        let (map, is_list) = match seen {
            Seen::All(all) => (all.into_iter().next(), true),
            Seen::Changed(map) => (Some(map), false),
            // That it goes takes nothing back; that the server is away, the next read tells.
            Seen::Gone(_) | Seen::Away(_) => return,
        };
        if let Some(map) = &map {
            self.take_in(map);
        }
        let mut heard = self.heard();
        heard.lists += u64::from(is_list);
        heard.versions.extend(map.and_then(|map| map.metadata.resource_version));
        drop(heard);
        self.told.send_replace(());
    }

    fn take_in(&self, map: &ConfigMap) {
        let mut view = ClusterView::default();
        view.set_variables(Some(map));
        let mut heard = self.heard();
        heard.is_there = true;
        let new = heard.detector.observe(&view, self.began.elapsed());
        if let (None, Some(first)) = (&heard.failure, new.first()) {
            heard.failure = Some(StepEnd::new(step_outcome(first.outcome), first.detail.clone()));
        }
        drop(heard);
        for failure in new {
            (self.tell)(format!("{}: {}; no further step begins", failure.outcome.word(), failure.detail));
        }
    }

    /// Reads the variables; one read counts for all steps that had ended when it began.
    async fn look(&self, ticket: u64) {
        let mut read = self.read.lock().await;
        if *read >= ticket || self.heard().failure.is_some() {
            return;
        }
        let covers = self.ended.load(Ordering::SeqCst);
        let lists = {
            let mut heard = self.heard();
            let old = heard.versions.len().saturating_sub(1);
            heard.versions.drain(..old);
            heard.lists
        };
        match self.listed(Patience(AWAY)).await {
            Ok(version) => {
                *read = covers;
                if let Some(version) = version {
                    self.caught_up(&version, lists).await;
                }
            }
            Err(why) => {
                let failure = StepEnd::new(StepOutcome::InfraFail, format!("EXIT_REASON could not be read: {why}"));
                self.heard().failure.get_or_insert(failure);
            }
        }
    }

    /// Waits until the watch has told of that version, or has listed anew: it tells each change in its order, and so what was written over.
    async fn caught_up(&self, version: &str, lists: u64) {
        let is_told = |heard: &Heard| {
            heard.failure.is_some() || heard.lists > lists || heard.versions.iter().any(|one| one == version)
        };
        let mut told = self.told.subscribe();
        let waited = timeout(BEHIND, told.wait_for(|()| is_told(&self.heard()))).await;
        if waited.is_err() {
            let seconds = BEHIND.as_secs();
            (self.tell)(format!(
                "the watch of the variables is behind by {seconds} s; an EXIT_REASON that was written over is not known yet"
            ));
        }
    }

    /// The version of the variables, where they are there.
    async fn listed(&self, patience: Patience) -> Result<Option<String>, CallError> {
        let which = self.which.list();
        // A list: the rights to watch them are there, those to read one need not be.
        let list = patiently("list ConfigMaps", patience, || self.api.list(&which)).await?;
        let map = list.items.into_iter().next();
        if let Some(map) = &map {
            self.take_in(map);
        }
        Ok(map.and_then(|map| map.metadata.resource_version))
    }

    /// What is there when the last step has ended; why it could not be read, if so.
    pub(crate) async fn last_look(&self) -> Option<String> {
        self.catch_up();
        self.listed(Patience::default()).await.err().map(|error| format!("EXIT_REASON was not read: {error}"))
    }

    /// All that was heard.
    pub(crate) fn take(&self) -> HeardReasons {
        let mut heard = self.heard();
        let (detector, step_failed) = (std::mem::take(&mut heard.detector), std::mem::take(&mut heard.step_failed));
        HeardReasons { detector, step_failed, took: self.began.elapsed() }
    }
}

impl Witness for Reasons {
    fn ended<'a>(&'a self, step: &'a str, outcome: StepOutcome) -> BoxFuture<'a, Option<StepEnd>> {
        Box::pin(async move {
            if outcome.is_failure() {
                let now = self.began.elapsed();
                self.heard().step_failed.insert(step.to_owned(), now);
            } else if outcome == StepOutcome::Pass {
                let ticket = self.ended.fetch_add(1, Ordering::SeqCst) + 1;
                self.catch_up();
                if self.is_named || self.heard().is_there {
                    self.look(ticket).await;
                }
            }
            self.heard().failure.clone()
        })
    }

    fn failed(&self) -> Option<StepEnd> {
        self.catch_up();
        self.heard().failure.clone()
    }
}

fn step_outcome(outcome: ScenarioOutcome) -> StepOutcome {
    match outcome {
        ScenarioOutcome::Pass => StepOutcome::Pass,
        ScenarioOutcome::TaskFail => StepOutcome::TaskFail,
        ScenarioOutcome::InfraFail => StepOutcome::InfraFail,
    }
}

#[cfg(test)]
mod tests;
