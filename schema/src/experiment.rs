//! An experiment as its author writes it: a goal, a target, what is allowed, and how much of it.

use std::num::NonZeroU32;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use chaos_core::{FAULTS, FaultNode, HttpUrl, LookupError, PolicyRequest, Seconds};

use crate::Slo;

/// The longest goal, in characters: a question, not a document.
const MOST_GOAL: usize = 2000;

/// One experiment: a goal in, evidence out, within guardrails.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExperimentSpec {
    /// The question, for the model or for the keyword rules of the offline planner.
    pub goal: Goal,
    /// The service that is asked about; load goes nowhere else.
    pub target: HttpUrl,
    /// The faults that a planner may choose; default only the one that makes load. Strategies make their loads in any case.
    #[serde(default = "FaultName::load_alone")]
    pub allow: Vec<FaultName>,
    /// The service level objectives; default `p99<200ms`. `errors<1%` is added unless a bound of errors is named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub slo: Vec<Slo>,
    /// How the question is answered; absent, the model or the keyword rules choose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strategy: Option<StrategyName>,
    /// The load of the strategies.
    #[serde(default)]
    pub load: LoadShape,
    /// The fault of `compare`; a model that uses a fault of this type can use it only as it stands here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<FaultNode>,
    /// Runs of `repeat`, points of `ramp`, pairs of blocks of `compare`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runs: Option<Runs>,
    /// What the whole experiment may use up.
    #[serde(default)]
    pub budget: Budget,
    /// What this file narrows, and what it asks for.
    #[serde(default)]
    pub policy: PolicyRequest,
    /// Seed of every random choice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
}

impl ExperimentSpec {
    /// An experiment with every default.
    pub fn new(goal: Goal, target: HttpUrl) -> Self {
        Self {
            goal,
            target,
            allow: FaultName::load_alone(),
            slo: Vec::new(),
            strategy: None,
            load: LoadShape::default(),
            fault: None,
            runs: None,
            budget: Budget::default(),
            policy: PolicyRequest::default(),
            seed: None,
        }
    }
}

/// The question of an experiment: 1 to 2,000 characters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Goal(String);

/// A goal that is empty or too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("invalid goal of {0} characters: expected 1 to {MOST_GOAL}")]
pub struct GoalError(usize);

impl Goal {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Goal {
    type Error = GoalError;

    fn try_from(text: String) -> Result<Self, GoalError> {
        match text.chars().count() {
            1..=MOST_GOAL => Ok(Self(text)),
            count => Err(GoalError(count)),
        }
    }
}

impl From<Goal> for String {
    fn from(goal: Goal) -> Self {
        goal.0
    }
}

/// The `type` of a fault that is linked into this program.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FaultName(String);

impl FaultName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The fault that makes load: what every experiment may use unless it says otherwise.
    pub fn load_alone() -> Vec<Self> {
        let load = FAULTS.all().iter().filter(|fault| fault.load_from.is_some());
        load.map(|fault| Self(fault.name.to_owned())).collect()
    }
}

impl TryFrom<String> for FaultName {
    type Error = LookupError;

    fn try_from(text: String) -> Result<Self, LookupError> {
        FAULTS.get(&text).map(|fault| Self(fault.name.to_owned()))
    }
}

impl From<FaultName> for String {
    fn from(name: FaultName) -> Self {
        name.0
    }
}

impl JsonSchema for FaultName {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "FaultName".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let names: Vec<&str> = FAULTS
            .all()
            .iter()
            .flat_map(|fault| std::iter::once(fault.name).chain(fault.aliases.iter().copied()))
            .collect();
        // An empty `enum` is not a schema; a program that links no fault can't name one.
        if names.is_empty() { false.into() } else { schemars::json_schema!({ "type": "string", "enum": names }) }
    }
}

/// The strategies, each usable without a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum StrategyName {
    /// The greatest rate at which the SLOs hold: climb, then bisect, then confirm.
    Capacity,
    /// Evenly spaced rates, to see where the curve bends.
    Ramp,
    /// The same load with and without a fault, in alternating order.
    Compare,
    /// The same load several times, to see how far the figures spread.
    Repeat,
}

impl StrategyName {
    /// The word for it in documents.
    pub fn word(self) -> &'static str {
        match self {
            Self::Capacity => "capacity",
            Self::Ramp => "ramp",
            Self::Compare => "compare",
            Self::Repeat => "repeat",
        }
    }
}

/// The load of the strategies; what is left out is chosen by the strategy, within policy and budget.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(inline)]
pub struct LoadShape {
    /// Requests per second of `compare` and `repeat`, and the first rate of `capacity` and `ramp`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub qps: Option<NonZeroU32>,
    /// The greatest rate of `capacity` and `ramp`; default the policy's ceiling.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_qps: Option<NonZeroU32>,
    /// Seconds that are measured at each point, behind the warm-up; default as long as the percentile needs, within bounds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds: Option<Seconds>,
    /// Seconds at the beginning of each point that are not measured; default 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warmup_seconds: Option<Seconds>,
    /// Connections at the most; default the policy's ceiling, up to 64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<NonZeroU32>,
}

/// How often something is repeated: 2 to 50.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Runs(u8);

/// A number of runs out of bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("invalid number of runs {0}: expected 2 to 50")]
pub struct RunsError(u8);

impl Runs {
    /// The number.
    pub fn get(self) -> u8 {
        self.0
    }
}

impl TryFrom<u8> for Runs {
    type Error = RunsError;

    fn try_from(runs: u8) -> Result<Self, RunsError> {
        if (2..=50).contains(&runs) { Ok(Self(runs)) } else { Err(RunsError(runs)) }
    }
}

/// The bounds of a type as its schema, at the place where it is used.
macro_rules! bounded {
    ($name:ident, $schema:tt) => {
        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!($schema)
            }
        }
    };
}

bounded!(Goal, { "type": "string", "minLength": 1, "maxLength": 2000 });
bounded!(Runs, { "type": "integer", "minimum": 2, "maximum": 50 });

impl From<Runs> for u8 {
    fn from(runs: Runs) -> Self {
        runs.0
    }
}

/// What a whole experiment may use up; counted by the engine, never by the model.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(inline)]
pub struct Budget {
    /// Faults and observations; default 40.
    pub steps: NonZeroU32,
    /// Requests of all loads together; default 500,000.
    pub requests: NonZeroU32,
    /// Seconds in which a fault, load included, is in force; default 600.
    pub fault_seconds: Seconds,
    /// Answers of the model; default 24.
    pub turns: NonZeroU32,
    /// Tokens of the model, read and written; default 400,000.
    pub tokens: NonZeroU32,
    /// Seconds from the first step to the last; default 900.
    pub wall_seconds: Seconds,
}

impl Default for Budget {
    fn default() -> Self {
        let count = |n: u32| NonZeroU32::MIN.saturating_add(n - 1);
        Self {
            steps: count(40),
            requests: count(500_000),
            fault_seconds: Seconds::minutes(10),
            turns: count(24),
            tokens: count(400_000),
            wall_seconds: Seconds::minutes(15),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_shortest_experiment_has_every_default_and_round_trips() {
        let spec: ExperimentSpec =
            chaos_core::parse(&json!({"goal": "how much", "target": "http://127.0.0.1/", "allow": []})).unwrap();
        assert_eq!(spec.budget.steps.get(), 40);
        assert_eq!(spec.budget.wall_seconds.get().as_secs(), 900);
        let again: ExperimentSpec = chaos_core::parse(&serde_json::to_value(&spec).unwrap()).unwrap();
        assert_eq!(again.budget, spec.budget);
    }

    #[test]
    fn bounds_are_in_the_types() {
        let rows = [
            (json!({"goal": ""}), "expected 1 to 2000"),
            (json!({"goal": "x".repeat(2001)}), "expected 1 to 2000"),
            (json!({"runs": 1}), "expected 2 to 50"),
            (json!({"budget": {"steps": 0}}), "nonzero"),
            (json!({"budget": {"steps": -1}}), "nonzero"),
            (json!({"budget": {"requests": 4_294_967_296_u64}}), "nonzero"),
            (json!({"budget": {"wall_seconds": 1e9}}), "from 0.001 to 86400"),
            (json!({"slo": ["p98<1ms"]}), "invalid SLO"),
            (json!({"allow": ["rm"]}), "unknown fault type `rm`"),
            (json!({"targt": 1}), "unknown field `targt`"),
        ];
        for (more, why) in rows {
            let mut document = json!({"goal": "g", "target": "http://127.0.0.1/", "allow": []});
            document.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
            let error = chaos_core::parse::<ExperimentSpec>(&document).unwrap_err().to_string();
            assert!(error.contains(why), "{more}: {error}");
        }
    }
}
