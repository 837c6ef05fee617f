//! From a document and a seed to every event of a soak. Pure: the same input gives the same bytes.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chaos_core::{
    DEFAULT_HOLD_SECONDS, FaultTarget, FillError, Pick, Seconds, SoakFault, SoakSpec, Span, has_labels, suggestion,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::draw::Draws;
use crate::target::{SoakTarget, enough_left};

/// More events than this are a mistake: a day of one event each second.
const MOST_EVENTS: u32 = 100_000;

/// Every event of a soak.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SoakPlan {
    /// The seed that drew it.
    pub seed: u64,
    /// The events in the order of their start.
    pub events: Vec<PlannedEvent>,
}

/// One event: which fault, on what, with which values, and when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedEvent {
    /// Its number from 1 on. A smaller plan keeps it: it decides what the fault itself draws.
    pub number: u32,
    /// Milliseconds from the beginning of the soak until it starts; later where the events before it take longer.
    pub at_ms: u64,
    /// Its fault, as the pool names it.
    pub fault: String,
    /// The node that it acts on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// The values that were drawn.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub drawn: BTreeMap<String, Value>,
    /// The fault, filled in.
    pub action: Value,
    /// How long it is held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_seconds: Option<Seconds>,
    /// Why it does not run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skipped: Option<String>,
}

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SoakPlanError {
    /// The document is not one that can be planned.
    #[error("`soak{pointer}`: {message}; {help}")]
    Spec {
        /// Where.
        pointer: String,
        /// What.
        message: String,
        /// What would be right.
        help: String,
    },
    /// A drawn value does not fit.
    #[error("`{fault}`: {source}")]
    Fill {
        /// The fault of the pool.
        fault: String,
        /// Why.
        source: FillError,
    },
    /// A target that the nodes don't have.
    #[error("`{fault}`: unknown node `{node}`{near}")]
    UnknownNode {
        /// The fault of the pool.
        fault: String,
        /// The node.
        node: String,
        /// One of almost the same name.
        near: String,
    },
    /// A target of several nodes at once.
    #[error("`{0}`: an event acts on one node; expected `pick: 1`, and `overlap` for several at the same time")]
    Pick(String),
    /// Labels that no node has, or only protected ones.
    #[error("`{0}`: no node that may be acted on has the labels of its target")]
    NoNode(String),
    /// A duration with room for no event, or too many of them.
    #[error("the soak has {0} events; expected 1 to {MOST_EVENTS}")]
    Events(u64),
}

/// What a fault of the pool acts on.
enum Wanted {
    /// No declared node.
    Nothing,
    /// The node at that place in the list of nodes, under this key of the fault.
    Nodes(String, Vec<usize>),
}

/// An event that is in force, as far as the plan knows.
struct Busy {
    node: Option<usize>,
    until: Duration,
}

impl SoakPlan {
    /// Draws every event. The order of `targets` does not matter.
    ///
    /// # Errors
    /// [`SoakPlanError`]: nothing can be planned of this.
    pub fn draw(spec: &SoakSpec, targets: &[SoakTarget], seed: u64) -> Result<Self, SoakPlanError> {
        if let Some(problem) = spec.problems().into_iter().next() {
            let (pointer, message, help) = (problem.pointer, problem.message, problem.help);
            return Err(SoakPlanError::Spec { pointer, message, help });
        }
        let mut nodes = targets.to_vec();
        nodes.sort();
        let wanted = spec.pool.iter().map(|fault| wanted(fault, &nodes)).collect::<Result<Vec<_>, _>>()?;
        let mut planner = Planner { spec, nodes, wanted, seed, busy: Vec::new() };
        let (interval, mut at) = (spec.interval_seconds.get(), spec.interval_seconds.get());
        let (end, most) = match (spec.duration_seconds, spec.events) {
            (Some(duration), _) => (duration.get(), MOST_EVENTS),
            (None, events) => (Duration::MAX, events.map_or(1, std::num::NonZeroU32::get)),
        };
        if most > MOST_EVENTS {
            return Err(SoakPlanError::Events(most.into()));
        }
        let mut events = Vec::new();
        let mut number = 0;
        while at <= end {
            if number == most {
                // Bounded by number it is complete; bounded by time there are too many.
                if spec.events.is_some() {
                    break;
                }
                return Err(SoakPlanError::Events(u64::from(most) + 1));
            }
            number += 1;
            let (event, start, until) = planner.event(number, at)?;
            at = start + interval;
            // What would end too late is left out, and the rest may be shorter.
            if until <= end {
                events.push(event);
            }
        }
        if events.is_empty() {
            return Err(SoakPlanError::Events(0));
        }
        Ok(Self { seed, events })
    }
}

impl PlannedEvent {
    /// The name of its entry: no other event of the plan has it.
    pub(crate) fn entry_name(&self) -> String {
        entry_name(&self.fault, self.number)
    }
}

/// The name of the entry of an event; `EntryId::fault_name` takes the number off again.
pub(crate) fn entry_name(fault: &str, number: u32) -> String {
    format!("{fault} #{number}")
}

impl SoakPlan {
    /// One line for each event.
    pub fn text(&self) -> String {
        let line = |event: &PlannedEvent| {
            let on = event.node.as_deref().map(|node| format!(" on `{node}`")).unwrap_or_default();
            let hold = event.duration_seconds.map(|hold| format!(" for {} s", hold.get().as_secs_f64()));
            let drawn = event.drawn.iter().filter(|(key, _)| *key != "duration_seconds");
            let drawn: Vec<String> = drawn.map(|(key, value)| format!(" {key}={value}")).collect();
            let drawn = drawn.concat();
            let skipped = event.skipped.as_deref().map(|why| format!(" skipped: {why}")).unwrap_or_default();
            let (at, hold) = (Duration::from_millis(event.at_ms).as_secs_f64(), hold.unwrap_or_default());
            format!("event {} at {at} s: `{}`{on}{hold}{drawn}{skipped}\n", event.number, event.fault)
        };
        self.events.iter().map(line).collect()
    }
}

struct Planner<'a> {
    spec: &'a SoakSpec,
    /// Sorted.
    nodes: Vec<SoakTarget>,
    wanted: Vec<Wanted>,
    seed: u64,
    busy: Vec<Busy>,
}

impl Planner<'_> {
    /// The event, when it starts and when it is over.
    fn event(&mut self, number: u32, at: Duration) -> Result<(PlannedEvent, Duration, Duration), SoakPlanError> {
        let spec = self.spec;
        let mut random = Draws::of(self.seed, number);
        let index = random.weighted(spec.pool.iter().map(|fault| fault.weight)).unwrap_or_default();
        let fault = &spec.pool[index];
        let drawn: BTreeMap<String, Value> =
            fault.draw.iter().map(|(key, from)| (key.clone(), random.value(from))).collect();
        let failed = |source| SoakPlanError::Fill { fault: fault.label().to_owned(), source };
        let filled = fault.filled(&drawn).map_err(failed)?;
        let mut action = filled.action;
        let start = self.free_from(at);
        let (node, skipped) = match &self.wanted[index] {
            Wanted::Nothing => (None, None),
            Wanted::Nodes(key, of) => {
                let legal: Vec<usize> = of.iter().copied().filter(|node| self.is_legal(*node)).collect();
                // Drawn in any case, so that the rest of the event does not depend on it.
                let chosen = random.index(legal.len().max(1));
                let node = legal.get(chosen).copied();
                if let Some(node) = node {
                    let target = FaultTarget::Node(self.nodes[node].name.clone());
                    action[key.as_str()] = serde_json::to_value(target).unwrap_or_default();
                }
                (node, node.is_none().then(|| "no node may be acted on at this time".to_owned()))
            }
        };
        let until = start + if skipped.is_some() { Duration::ZERO } else { lasts(fault, filled.duration_seconds) };
        if skipped.is_none() {
            self.busy.push(Busy { node, until });
        }
        let event = PlannedEvent {
            number,
            at_ms: u64::try_from(start.as_millis()).unwrap_or(u64::MAX),
            fault: fault.label().to_owned(),
            node: node.map(|node| self.nodes[node].name.clone()),
            drawn,
            action,
            duration_seconds: filled.duration_seconds,
            skipped,
        };
        Ok((event, start, until))
    }

    /// The first time from `at` on at which one more event may be in force.
    fn free_from(&mut self, at: Duration) -> Duration {
        let overlap = usize::try_from(self.spec.overlap.get()).unwrap_or(usize::MAX);
        let mut at = at;
        loop {
            self.busy.retain(|event| event.until > at);
            if self.busy.len() < overlap {
                return at;
            }
            at = self.busy.iter().map(|event| event.until).min().unwrap_or(at);
        }
    }

    fn is_legal(&self, node: usize) -> bool {
        if self.busy.iter().any(|event| event.node == Some(node)) {
            return false;
        }
        let busy = self.busy.iter().filter_map(|event| event.node).chain([node]);
        let busy: BTreeSet<&str> = busy.map(|node| self.nodes[node].name.as_str()).collect();
        enough_left(&self.nodes, &busy, &self.spec.min_healthy)
    }
}

/// How long an event of it is in force; a finite fault says nothing of that before it runs.
fn lasts(fault: &SoakFault, hold: Option<Seconds>) -> Duration {
    match fault.action.span() {
        Span::Finite => Duration::ZERO,
        Span::Sustained => hold.unwrap_or_else(|| Seconds::from(DEFAULT_HOLD_SECONDS)).get(),
    }
}

/// The nodes that a fault of the pool may act on.
fn wanted(fault: &SoakFault, nodes: &[SoakTarget]) -> Result<Wanted, SoakPlanError> {
    let label = || fault.label().to_owned();
    let action = serde_json::to_value(&fault.action).unwrap_or_default();
    let targets = action.as_object().into_iter().flatten();
    for (key, value) in targets.filter(|(_, value)| value.is_object()) {
        let of: Vec<usize> = match FaultTarget::deserialize(value) {
            Ok(FaultTarget::Node(node)) => {
                let place = nodes.iter().position(|one| one.name == node);
                let place = place.ok_or_else(|| {
                    let near = suggestion(&node, nodes.iter().map(|one| one.name.as_str()));
                    let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
                    SoakPlanError::UnknownNode { fault: label(), node: node.clone(), near }
                })?;
                vec![place]
            }
            Ok(FaultTarget::Nodes { labels, pick }) => {
                if pick != Pick::default() {
                    return Err(SoakPlanError::Pick(label()));
                }
                (0..nodes.len()).filter(|place| has_labels(&nodes[*place].labels, &labels)).collect()
            }
            _ => continue,
        };
        let of: Vec<usize> = of.into_iter().filter(|place| !nodes[*place].protected).collect();
        if of.is_empty() {
            return Err(SoakPlanError::NoNode(label()));
        }
        return Ok(Wanted::Nodes(key.clone(), of));
    }
    Ok(Wanted::Nothing)
}
