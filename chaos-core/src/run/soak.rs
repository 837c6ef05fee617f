//! A soak as its author writes it: a pool of faults that a seed draws from, for a time, within bounds.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::Duration;

use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::node::NodeLabels;
use crate::{
    FaultNode, ProbeNode, SampledProbe, Seconds, Span, SpecWarning, StopProbe, WithinProbe, exactly_one_of,
    pointer_segment,
};

/// The key of `draw` that means the entry's hold, unless the fault has a parameter of that name.
const HOLD: &str = "duration_seconds";

/// A soak: faults drawn by seed from a weighted pool, one after the other or overlapping, with a flake budget.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = length)]
pub struct SoakSpec {
    /// The faults that are drawn.
    #[schemars(length(min = 1))]
    pub pool: Vec<SoakFault>,
    /// Seconds from the start of one event to the start of the next; the first starts after one interval.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub interval_seconds: Seconds,
    /// Seconds in which events start and end; or `events`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_seconds: Option<Seconds>,
    /// How many events there are; or `duration_seconds`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events: Option<NonZeroU32>,
    /// How many events may be in force at the same time; default 1.
    #[serde(default = "one")]
    pub overlap: NonZeroU32,
    /// How many nodes must be left that no event acts on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub min_healthy: Vec<HealthyNodes>,
    /// Probes that must say yes after each event; the first no ends the soak.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub invariants: Vec<ProbeNode>,
    /// The share of judged events that may miss their detection window, in percent; default 0.
    #[serde(default)]
    #[schemars(range(min = 0, max = 100))]
    pub flake_budget_percent: f64,
}

fn one() -> NonZeroU32 {
    NonZeroU32::MIN
}

fn length(schema: &mut Schema) {
    exactly_one_of(schema, &["duration_seconds", "events"]);
}

/// One fault of the pool: an entry without a trigger, and what is drawn of it.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct SoakFault {
    /// Its name in statistics; default the fault's `type`. Unique in the pool.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// How often it is drawn, beside the weights of the others; default 1, and 0 is never drawn.
    #[serde(default = "weight")]
    pub weight: u32,
    /// The fault, complete: what `draw` names is replaced. A target of `nodes` becomes one node for each event.
    pub action: FaultNode,
    /// What is drawn for each event: a parameter of the fault, or `duration_seconds` for how long it is held.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub draw: BTreeMap<String, DrawnValue>,
    /// Seconds for which a sustained fault is held; a finite fault refuses it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_seconds: Option<Seconds>,
    /// Name of the check that is looked at after the undo.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verify: Option<String>,
    /// Probes that must say yes all the time while the fault is in force; a no ends the soak.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub during: Vec<SampledProbe>,
    /// A probe that must turn to yes in time after the fault is active; a miss counts against the flake budget.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detect: Option<WithinProbe>,
    /// A probe that ends the fault, and the soak, when it says yes or can't tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub abort_if: Option<StopProbe>,
}

fn weight() -> u32 {
    1
}

/// Nodes of which some must be left alone.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct HealthyNodes {
    /// The nodes that have all these labels, protected ones too; without labels all nodes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: NodeLabels,
    /// So many of them no event acts on, at any time.
    pub count: u32,
}

/// What a value is drawn from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "DrawnKeys", into = "DrawnKeys")]
pub enum DrawnValue {
    /// A number between both, which are included; a whole one where both are whole.
    Range {
        /// The least.
        min: f64,
        /// The greatest.
        max: f64,
    },
    /// One of these.
    Choice(Vec<Value>),
}

/// A value that can't be drawn.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DrawnValueError {
    /// Not one of both forms.
    #[error("expected `min` and `max`, or `choice`")]
    Form,
    /// The bounds are the wrong way round.
    #[error("`min` is greater than `max`")]
    Order,
    /// Nothing to choose from.
    #[error("`choice` is empty")]
    Empty,
}

/// What a parameter is drawn from: a range of numbers, or a choice.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct DrawnKeys {
    /// The least number; a whole one is drawn where both bounds are whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    min: Option<f64>,
    /// The greatest number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max: Option<f64>,
    /// The values of which one is drawn, each as often as the others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    choice: Option<Vec<Value>>,
}

impl TryFrom<DrawnKeys> for DrawnValue {
    type Error = DrawnValueError;

    fn try_from(keys: DrawnKeys) -> Result<Self, DrawnValueError> {
        match keys {
            DrawnKeys { min: Some(min), max: Some(max), choice: None } if min <= max => Ok(Self::Range { min, max }),
            DrawnKeys { min: Some(_), max: Some(_), choice: None } => Err(DrawnValueError::Order),
            DrawnKeys { min: None, max: None, choice: Some(choice) } if choice.is_empty() => {
                Err(DrawnValueError::Empty)
            }
            DrawnKeys { min: None, max: None, choice: Some(choice) } => Ok(Self::Choice(choice)),
            _ => Err(DrawnValueError::Form),
        }
    }
}

impl From<DrawnValue> for DrawnKeys {
    fn from(drawn: DrawnValue) -> Self {
        match drawn {
            DrawnValue::Range { min, max } => Self { min: Some(min), max: Some(max), choice: None },
            DrawnValue::Choice(choice) => Self { choice: Some(choice), ..Self::default() },
        }
    }
}

impl JsonSchema for DrawnValue {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "DrawnValue".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> Schema {
        let mut schema = DrawnKeys::json_schema(generator);
        exactly_one_of(&mut schema, &["min", "choice"]);
        schema.insert("dependencies".to_owned(), json!({ "min": ["max"], "max": ["min"] }));
        schema
    }
}

impl DrawnValue {
    /// The values at its bounds: every choice, or both ends.
    pub fn bounds(&self) -> Vec<Value> {
        match self {
            Self::Range { min, max } => vec![self.number(*min), self.number(*max)],
            Self::Choice(choice) => choice.clone(),
        }
    }

    /// A number of a range as a document has it: a whole one where both bounds are whole, else to the thousandth.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a cast from f64 saturates, and bounds of parameters are far less"
    )]
    pub fn number(&self, number: f64) -> Value {
        match self {
            Self::Range { min, max } if min.fract() == 0.0 && max.fract() == 0.0 => json!(number.floor() as i64),
            Self::Range { min, max } => json!(((number * 1000.0).round() / 1000.0).clamp(*min, *max)),
            Self::Choice(_) => json!(number),
        }
    }
}

/// The values of one event, put into the fault that they are for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FilledFault {
    /// The fault as JSON.
    pub action: Value,
    /// How long a sustained one is held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_seconds: Option<Seconds>,
}

/// A drawn value that the fault does not take.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FillError {
    /// The value can't be a length of time.
    #[error("{0}")]
    Hold(serde_json::Error),
    /// The fault does not read it.
    #[error("{0}")]
    Fault(serde_json::Error),
    /// A finite fault has no hold.
    #[error("`{0}` ends by itself, so it takes no `duration_seconds`")]
    Finite(&'static str),
}

impl SoakSpec {
    /// The least time that it takes where nothing ends it.
    pub fn at_least(&self) -> Duration {
        let events = self.events.map_or(0, NonZeroU32::get);
        self.duration_seconds.map_or_else(|| self.interval_seconds.get().saturating_mul(events), Seconds::get)
    }
}

impl SoakFault {
    /// Its name in statistics.
    pub fn label(&self) -> &str {
        self.name.as_deref().unwrap_or_else(|| self.action.label())
    }

    /// The fault with these values in place of its own.
    ///
    /// # Errors
    /// [`FillError`] when it is not a fault any more then.
    pub fn filled(&self, values: &BTreeMap<String, Value>) -> Result<FilledFault, FillError> {
        let mut action = serde_json::to_value(&self.action).map_err(FillError::Fault)?;
        let mut duration_seconds = self.duration_seconds;
        for (key, value) in values {
            if key == HOLD && action.get(HOLD).is_none() {
                if self.action.span() == Span::Finite {
                    return Err(FillError::Finite(self.action.type_name()));
                }
                duration_seconds = Some(Seconds::deserialize(value).map_err(FillError::Hold)?);
            } else {
                action[key.as_str()] = value.clone();
            }
        }
        FaultNode::deserialize(&action).map_err(FillError::Fault)?;
        Ok(FilledFault { action, duration_seconds })
    }
}

impl SoakSpec {
    /// What no soak can be made of, each at its place inside the soak.
    pub fn problems(&self) -> Vec<SpecWarning> {
        let mut found = Vec::new();
        let mut add = |pointer: String, message: String, help: &str| {
            found.push(SpecWarning { pointer, message, help: help.to_owned() });
        };
        if self.pool.iter().all(|fault| fault.weight == 0) {
            let help = "give one of them a `weight` above 0";
            add("/pool".to_owned(), "no fault of the pool can be drawn".to_owned(), help);
        }
        let mut names = BTreeMap::new();
        for (index, fault) in self.pool.iter().enumerate() {
            if let Some(other) = names.insert(fault.label(), index) {
                let message = format!("duplicate name `{}`, which entry {other} of the pool has too", fault.label());
                add(
                    format!("/pool/{index}"),
                    message,
                    "give each a `name` of its own: statistics tell them apart by it",
                );
            }
            if fault.duration_seconds.is_some() && fault.action.span() == Span::Finite {
                let message =
                    format!("`{}` ends by itself, so it takes no `duration_seconds`", fault.action.type_name());
                add(format!("/pool/{index}/duration_seconds"), message, "remove the key");
            }
            for (key, drawn) in &fault.draw {
                let wrong = drawn.bounds().into_iter().find_map(|value| {
                    let why = fault.filled(&BTreeMap::from([(key.clone(), value.clone())])).err()?;
                    Some((value, why))
                });
                if let Some((value, why)) = wrong {
                    let message = format!("`{}` does not take {value} as `{key}`: {why}", fault.action.type_name());
                    let key = pointer_segment(key);
                    add(
                        format!("/pool/{index}/draw/{key}"),
                        message,
                        "every value that can be drawn must be one that the fault takes",
                    );
                }
            }
        }
        if self.duration_seconds.is_some() == self.events.is_some() {
            let message = "exactly one of `duration_seconds` and `events` is expected".to_owned();
            add(String::new(), message, "`duration_seconds` ends the soak by time, `events` by number");
        }
        if self.interval_seconds.get().is_zero() {
            let message = "`interval_seconds` is 0".to_owned();
            add("/interval_seconds".to_owned(), message, "expected a time above 0 between the starts of two events");
        }
        if !(0.0..=100.0).contains(&self.flake_budget_percent) {
            let message = format!("invalid `flake_budget_percent` {}", self.flake_budget_percent);
            add("/flake_budget_percent".to_owned(), message, "expected 0 to 100");
        }
        found
    }
}
