//! A model of the controllers of Chaos Mesh 2.8 for Workflows, and for the chaos in them. **It is a model**, not Chaos Mesh.
//!
//! Chaos Mesh's own controllers can't be had as a dependency. What is here was written from its recorded behaviour, and runs against
//! a real API server: watches, conflicts, finalizers, garbage collection and pods are real, the decisions are modelled. A test that
//! relies on them says `model` in its name.
//!
//! | Module | Holds |
//! |---|---|
//! | `condition`, `object` | conditions and when a node counts as finished; the objects, and a node's children |
//! | `entry`, `sequence`, `task`, `deadline`, `abort`, `check`, `spawn`, `expression` | decisions, without a cluster |
//! | `selection`, `records`, `every` | the same for chaos objects and Schedules |
//! | `controllers`, `children`, `pods`, `custom`, `chaos`, `schedule`, `cluster`, `watch`, `probe`, `queue`, `worker` | the I/O around them |
//! | `note`, `trouble` | events, errors |
//!
//! # What it does
//!
//! * A Serial or Parallel looks at no outcome: it marches on after failures. `Accomplished` of a Workflow means that its entry has
//!   finished, be it by success, deadline or abort, and `endTime` goes again when the entry reopens.
//! * Deadlines (in whole seconds, from the creation of the node on) and aborts cascade as conditions. They never touch pods.
//! * A pod that vanishes is created again while its node and its Workflow are there, whatever the node's conditions say.
//! * A pod that ends selects branches also when its node was aborted or timed out. A branch that can't be evaluated stays unknown.
//! * A chaos node without a deadline never ends. Its object is deleted when the node has finished.
//! * A status check that aborts sets the annotation on the Workflow, and fails for ever on one without any annotations. A Serial
//!   may start its next child before that abort reaches it.
//! * A chaos object selects its targets once; one that finds none is told by an event and never tried again. What was injected is
//!   recovered when its duration, counted from its creation, is over, while it is paused, and before its deletion ends. Until then
//!   the finalizer `chaos-mesh/records` holds it. An action with an effect once runs until its deletion.
//! * An injection or recovery that fails is noted in the record of its target and tried again for ever. No condition says so. Pods
//!   make it fail by annotations: `rig.squall.dev/refuses-chaos: "true"` and `rig.squall.dev/keeps-chaos: "true"`.
//! * A Schedule makes objects of its kind, with `Forbid` none while one is there.
//!
//! # What it does not
//!
//! * No effect of chaos, since no container runs: `pod-kill` deletes its pods at once, whatever the grace; everything else is only
//!   recorded.
//! * Of selectors only `namespaces`, `labelSelectors` and `pods`, of modes only `one`, `all` and `fixed`; others are errors. The first
//!   pods by name are taken, none is drawn. No records for containers, nor for the other side of a `NetworkChaos` (`.Target`).
//! * Of Schedules only `@every` with a duration fires. There is no history: nothing that a Schedule made is deleted while it is there,
//!   so with `Forbid` it makes one object, and the next when somebody deleted that.
//! * A kind of chaos is watched from when a Workflow or Schedule makes an object of it, or when one was there as the model started.
//!   One that somebody else creates before is not seen.
//! * After a failed injection or recovery a change of the object, its deletion too, is noticed when the pause is over.
//! * No admission webhooks: what they would refuse is accepted; the defaults of status checks are applied when these run.
//! * Requests of status checks are plain HTTP, without TLS and redirects.
//! * One controller after another, reading from the API server, never from a stale cache. After a failure it waits at most 2 s.
//! * Events are not merged.

mod abort;
mod chaos;
mod check;
mod children;
mod cluster;
mod condition;
mod controllers;
mod custom;
mod deadline;
mod entry;
mod every;
mod expression;
mod go_duration;
mod note;
mod object;
mod pods;
mod probe;
mod queue;
mod records;
#[cfg(test)]
mod samples;
mod schedule;
mod selection;
mod sequence;
mod spawn;
mod task;
mod trouble;
mod watch;
mod worker;

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use chaos_kube::ClusterAccess;
use tokio::sync::oneshot;

/// The model of the controllers, running in a thread of its own. It stops when this is dropped, wherever it is just then, as a
/// controller that is killed.
#[derive(Debug)]
pub struct WorkflowModel {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    errors: Arc<Mutex<Vec<String>>>,
}

impl WorkflowModel {
    /// Starts it for all namespaces of a cluster. Two of them on one cluster do everything twice.
    ///
    /// It waits for a cluster that is not there yet, and survives one that goes and comes back.
    pub fn start(access: &ClusterAccess) -> Self {
        Self::run(access, None)
    }

    /// Starts it for one namespace.
    pub fn start_in(access: &ClusterAccess, namespace: &str) -> Self {
        Self::run(access, Some(namespace.to_owned()))
    }

    fn run(access: &ClusterAccess, only: Option<String>) -> Self {
        let (stop, stopped) = oneshot::channel();
        let errors = Arc::default();
        let (access, noted) = (access.clone(), Arc::clone(&errors));
        let thread = std::thread::Builder::new()
            .name("model".to_owned())
            .spawn(move || worker::main(&access, only, stopped, &noted))
            .map_err(|error| worker::note(&errors, format!("no thread: {error}")))
            .ok();
        Self { stop: Some(stop), thread, errors }
    }

    /// The last errors of its controllers, oldest first, at most 50. Each was tried again.
    pub fn errors(&self) -> Vec<String> {
        self.errors.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for WorkflowModel {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was printed by it.
            let _ = thread.join();
        }
    }
}
