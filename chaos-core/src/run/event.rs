//! Run events: one ordered stream that every report and every display reads.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::mpsc;

use crate::{ChaosResult, Clock, LoadProgress, Observation, Plan, Sighting, Undone, Verdict};

/// One step of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Counts from 0 without gaps.
    pub seq: u64,
    /// Milliseconds since the run began.
    pub at_ms: u64,
    /// Position of the entry or plug-in (`/chaos_spec/1`; empty for the run itself).
    pub path: String,
    /// What happened.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// Which of the four looks at a sustained fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LookAt {
    /// Before the injection: present means that somebody else made it.
    BeforeInject,
    /// After the injection: absent means that it did not land.
    AfterInject,
    /// At the end of the hold: absent means that somebody else undid it.
    EndOfHold,
    /// After the undo: present means that the undo failed.
    AfterUndo,
}

/// What a probe was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProbeRole {
    /// The task's steady state, before the first injection.
    SteadyStateBefore,
    /// The task's steady state, after the last undo.
    SteadyStateAfter,
    /// While the fault is in force.
    During,
    /// Whether the system noticed.
    Detect,
    /// The brake.
    AbortIf,
    /// After the undo.
    Verify,
}

/// A fault's own figures while it runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Progress {
    /// Of a load.
    Load(LoadProgress),
    /// Of a fault whose figures only its author knows.
    Other(Value),
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum EventKind {
    /// The run began.
    RunStarted {
        /// Its id.
        run_id: String,
        /// The entries' names, in order.
        entries: Vec<String>,
        /// The seed of every random choice.
        seed: u64,
    },
    /// Something that a crashed run left behind was undone before this one began.
    Recovered {
        /// What was done, one line a step.
        steps: Vec<String>,
    },
    /// An entry waits for its trigger.
    Waiting {
        /// The entry's name.
        name: String,
        /// The trigger's `type`.
        trigger: String,
    },
    /// The trigger fired.
    Fired {
        /// What it saw.
        detail: String,
    },
    /// The fault said what it would touch.
    Planned {
        /// The plan.
        plan: Plan,
    },
    /// The engine looked at the world.
    Looked {
        /// When.
        look: LookAt,
        /// What it saw.
        sighting: Sighting,
    },
    /// An undo step is on disk; its effect may follow.
    Armed {
        /// What the step would do.
        step: String,
    },
    /// `inject` is running.
    Injecting {
        /// The fault's `type`.
        fault: String,
    },
    /// The fault is in force.
    Active {
        /// What shows it.
        evidence: crate::Evidence,
    },
    /// The engine holds the fault.
    Holding {
        /// For how long.
        seconds: f64,
    },
    /// A fault's own figures while it runs, about once a second.
    Progress {
        /// Its figures.
        progress: Progress,
    },
    /// A probe was asked.
    Probed {
        /// What for.
        role: ProbeRole,
        /// Its name.
        probe: String,
        /// What it saw.
        observation: Observation,
    },
    /// The fault is being undone before its time.
    Aborted {
        /// Why.
        reason: String,
    },
    /// The engine undoes.
    Undoing {
        /// How many steps.
        steps: usize,
    },
    /// One undo step ran.
    Undid {
        /// What the step does.
        step: String,
        /// What it found; `None` if it failed.
        undone: Option<Undone>,
        /// Why it failed.
        error: Option<String>,
    },
    /// An entry is over.
    Ended {
        /// Its result.
        result: Box<ChaosResult>,
    },
    /// Something worth telling a person.
    Note {
        /// One clause.
        text: String,
    },
    /// The run is over.
    RunEnded {
        /// The worst verdict.
        verdict: Verdict,
    },
}

/// Where events are put; clones share one stream.
#[derive(Debug, Clone)]
pub struct Events {
    inner: Arc<Mutex<Inner>>,
    clock: Arc<dyn Clock>,
    start: Duration,
}

#[derive(Debug, Default)]
struct Inner {
    next: u64,
    consumers: Vec<mpsc::UnboundedSender<Event>>,
}

/// One consumer's side. It has a queue of its own, so a slow consumer slows nobody.
pub type EventStream = mpsc::UnboundedReceiver<Event>;

impl Events {
    /// An empty stream whose time starts now.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let start = clock.now();
        Self { inner: Arc::default(), clock, start }
    }

    /// A consumer that sees every event from now on.
    pub fn subscribe(&self) -> EventStream {
        let (tx, rx) = mpsc::unbounded_channel();
        self.lock().consumers.push(tx);
        rx
    }

    /// Puts one event at the end of the stream.
    pub fn emit(&self, path: &str, kind: EventKind) {
        let elapsed = self.clock.now().saturating_sub(self.start);
        let mut inner = self.lock();
        let event = Event {
            seq: inner.next,
            at_ms: u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
            path: path.to_owned(),
            kind,
        };
        inner.next += 1;
        inner.consumers.retain(|consumer| consumer.send(event.clone()).is_ok());
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        // A consumer list stays usable whatever panicked while holding it.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RealClock;

    #[tokio::test]
    async fn sequence_numbers_have_no_gap_and_a_gone_consumer_is_forgotten() {
        let events = Events::new(Arc::new(RealClock::new()));
        let mut one = events.subscribe();
        drop(events.subscribe());
        for text in ["a", "b"] {
            events.emit("/x", EventKind::Note { text: text.into() });
        }
        let seqs = [one.recv().await.unwrap().seq, one.recv().await.unwrap().seq];
        assert_eq!(seqs, [0, 1]);
        assert_eq!(events.lock().consumers.len(), 1);
    }

    #[test]
    fn an_event_is_one_flat_json_object() {
        let event = Event { seq: 3, at_ms: 7, path: "/a".into(), kind: EventKind::Note { text: "hi".into() } };
        let json = serde_json::to_string(&event).unwrap();
        assert_eq!(json, r#"{"seq":3,"at_ms":7,"path":"/a","event":"note","text":"hi"}"#);
        assert_eq!(serde_json::from_str::<Event>(&json).unwrap(), event);
    }
}
