//! Run events: one ordered stream that displays, event files and exporters read.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::mpsc;

use crate::{ChaosResult, Clock, LoadProgress, Observation, Plan, Sighting, Undone, Verdict};

/// One step of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Event {
    /// Counts from 0 without gaps.
    pub seq: u64,
    /// Seconds since the run began, to the millisecond.
    pub at_seconds: f64,
    /// Position of the entry or plug-in (`/chaos_spec/1`; empty for the run itself).
    pub path: String,
    /// What happened.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// Which of the four checks of a sustained fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
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
    /// The stop condition.
    AbortIf,
    /// After the undo.
    Verify,
}

/// A fault's own figures while it runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Progress {
    /// Of a load.
    Load(LoadProgress),
    /// Of a soak, at each start and end of an event.
    Soak(SoakProgress),
    /// Of a fault whose figures only its author knows.
    Other(Value),
}

/// How far a soak is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct SoakProgress {
    /// Events that ended.
    pub done: usize,
    /// Events of the plan.
    pub planned: usize,
    /// Judged events that passed.
    pub passed: usize,
    /// Judged events that missed their detection window.
    pub missed: usize,
    /// How many more of the planned events may miss it, should all others pass.
    pub may_miss: usize,
    /// The events that are under way: `pause #3 on n1`.
    pub active: Vec<String>,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum EventKind {
    /// The run began.
    RunStarted {
        /// Version of this format, the same as the report's.
        #[schemars(extend("const" = 1))]
        format: u32,
        /// Version of the program.
        squall_version: String,
        /// The task's own name, if it has one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        task: Option<String>,
        /// Its id.
        run_id: String,
        /// The entries' names, in order.
        entries: Vec<String>,
        /// The seed of every random choice.
        seed: u64,
        /// The wall clock at this event, in seconds since 1970, to the millisecond; 0 where it is not known.
        #[serde(default)]
        at_unix_seconds: f64,
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
        /// How long it takes at least.
        #[serde(default)]
        at_least_seconds: f64,
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
    /// The engine checked the world.
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
        /// How long the answer took, in seconds; absent where none came.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        took_seconds: Option<f64>,
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
    /// The hold ends because somebody released the fault.
    Released,
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
    /// This consumer was too slow: its queue was full, and it missed events from this number on.
    Dropped {
        /// How many.
        events: u64,
    },
}

/// How many events wait for one consumer; more are dropped for it, counted, and told as [`EventKind::Dropped`].
///
/// Room for bursts of hundreds of entries that fire at once; at about a kilobyte an event it bounds a queue to 4 MB.
const QUEUE: usize = 4096;

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
    consumers: Vec<Consumer>,
}

impl Events {
    /// An empty stream whose time starts now.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let start = clock.now();
        Self { inner: Arc::default(), clock, start }
    }

    /// A consumer that sees every event from now on, as long as it keeps up.
    pub fn subscribe(&self) -> EventStream {
        self.subscribe_with(QUEUE)
    }

    fn subscribe_with(&self, queue: usize) -> EventStream {
        let (tx, rx) = mpsc::channel(queue);
        let missed = Arc::default();
        self.lock().consumers.push(Consumer { tx, missed: Arc::clone(&missed) });
        EventStream { rx, missed }
    }

    /// When the run began, on its clock.
    pub(crate) fn start(&self) -> Duration {
        self.start
    }

    /// Puts one event at the end of the stream, and says when that was, in seconds since the run began.
    pub fn emit(&self, path: &str, kind: EventKind) -> f64 {
        let elapsed = self.clock.now().saturating_sub(self.start);
        let at_seconds = Duration::from_millis(u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)).as_secs_f64();
        let mut inner = self.lock();
        let seq = inner.next;
        inner.next += 1;
        if !inner.consumers.is_empty() {
            let event = Event { seq, at_seconds, path: path.to_owned(), kind };
            inner.consumers.retain(|consumer| consumer.put(&event));
        }
        at_seconds
    }

    /// Whether anybody follows; what is expensive to make need not be made for nobody.
    pub fn followed(&self) -> bool {
        !self.lock().consumers.is_empty()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        // A consumer list stays usable whatever panicked while holding it.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug)]
struct Consumer {
    tx: mpsc::Sender<Event>,
    missed: Arc<Mutex<Missed>>,
}

/// What a consumer has missed and was not told yet.
#[derive(Debug, Default)]
struct Missed {
    events: u64,
    first: Option<Event>,
}

impl Missed {
    /// The event that tells it, at the place where the gap is.
    fn told(&mut self) -> Option<Event> {
        let events = std::mem::take(&mut self.events);
        self.first.take().map(|first| Event { kind: EventKind::Dropped { events }, path: String::new(), ..first })
    }
}

impl Consumer {
    /// Whether the consumer is still there.
    fn put(&self, event: &Event) -> bool {
        let mut missed = self.missed.lock().unwrap_or_else(PoisonError::into_inner);
        // Two places, so that the word of a gap and what follows it go in together.
        if self.tx.capacity() >= 2 || (missed.events == 0 && self.tx.capacity() >= 1) {
            if let Some(gap) = missed.told() {
                // There is room: nobody else sends.
                let _ = self.tx.try_send(gap);
            }
            return self.tx.try_send(event.clone()).is_ok();
        }
        missed.events += 1;
        if missed.first.is_none() {
            let text = String::new();
            missed.first = Some(Event { path: String::new(), kind: EventKind::Note { text }, ..*event });
        }
        !self.tx.is_closed()
    }
}

/// One consumer's side. It has a bounded queue of its own, so a slow consumer slows nobody and costs a bounded memory.
#[derive(Debug)]
pub struct EventStream {
    rx: mpsc::Receiver<Event>,
    missed: Arc<Mutex<Missed>>,
}

impl EventStream {
    /// The next event; `None` when the run is gone.
    pub async fn recv(&mut self) -> Option<Event> {
        match self.rx.recv().await {
            None => self.rest(),
            event => event,
        }
    }

    /// The same, blocking; not from async code.
    pub fn blocking_recv(&mut self) -> Option<Event> {
        match self.rx.blocking_recv() {
            None => self.rest(),
            event => event,
        }
    }

    /// The next event if one is there.
    pub fn try_recv(&mut self) -> Option<Event> {
        self.rx.try_recv().ok().or_else(|| self.rx.is_closed().then(|| self.rest()).flatten())
    }

    /// What was missed at the very end.
    fn rest(&mut self) -> Option<Event> {
        self.missed.lock().unwrap_or_else(PoisonError::into_inner).told()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RealClock;

    fn note(text: &str) -> EventKind {
        EventKind::Note { text: text.into() }
    }

    #[tokio::test]
    async fn sequence_numbers_have_no_gap_and_a_gone_consumer_is_forgotten() {
        let events = Events::new(Arc::new(RealClock::new()));
        let mut one = events.subscribe();
        drop(events.subscribe());
        for text in ["a", "b"] {
            events.emit("/x", note(text));
        }
        let seqs = [one.recv().await.unwrap().seq, one.recv().await.unwrap().seq];
        assert_eq!(seqs, [0, 1]);
        assert_eq!(events.lock().consumers.len(), 1);
    }

    #[tokio::test]
    async fn a_slow_consumer_is_told_how_many_it_missed_and_where() {
        let events = Events::new(Arc::new(RealClock::new()));
        let mut slow = events.subscribe_with(3);
        let emit = |n: u32| _ = events.emit("/x", note(&n.to_string()));
        (0..10).for_each(emit);
        let first: Vec<u64> = [slow.recv().await, slow.recv().await, slow.recv().await].map(|e| e.unwrap().seq).into();
        assert_eq!(first, [0, 1, 2]);
        events.emit("/x", note("10"));
        let gap = slow.recv().await.unwrap();
        assert_eq!((gap.seq, gap.kind), (3, EventKind::Dropped { events: 7 }));
        assert_eq!(slow.recv().await.unwrap().seq, 10);
        (11..20).for_each(|n| _ = events.emit("/x", note(&u32::to_string(&n))));
        drop(events);
        let mut rest = Vec::new();
        while let Some(event) = slow.recv().await {
            rest.push(event);
        }
        assert_eq!(rest.last().map(|event| &event.kind), Some(&EventKind::Dropped { events: 6 }));
        assert_eq!(rest.len(), 4);
    }

    #[test]
    fn an_event_is_one_flat_json_object() {
        let event = Event { seq: 3, at_seconds: 0.007, path: "/a".into(), kind: note("hi") };
        let json = serde_json::to_string(&event).unwrap();
        assert_eq!(json, r#"{"seq":3,"at_seconds":0.007,"path":"/a","event":"note","text":"hi"}"#);
        assert_eq!(serde_json::from_str::<Event>(&json).unwrap(), event);
    }

    #[test]
    fn the_name_of_an_event_is_the_one_in_its_json() {
        let kinds = [note("x"), EventKind::Released, EventKind::RunEnded { verdict: Verdict::Held }];
        for kind in kinds {
            assert_eq!(serde_json::to_value(&kind).unwrap()["event"], kind.name());
        }
    }
}
