//! A task as its author writes it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use chaos_core::schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use chaos_core::{
    ChaosSpec, Check, CheckBody, CheckMode, DeclaredNode, DeclaredSource, PolicyRequest, ProbeNode, Seconds, SoakSpec,
    SteadyProbe, Task,
};
use serde::de::{self, DeserializeOwned, Deserializer};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::deferred::Deferred;
use super::foreign::foreign;
use super::positions::Positions;
use crate::diagnostic::{Code, Diagnostic};
use crate::marker::{CHECK, ENTRY, marker};
use crate::workflow::{self, AnyStep};

/// How long a check with `role: objective` is polled, as the harnesses that have the key do.
const OBJECTIVE_SECONDS: u8 = 120;

/// A benchmark's own file that carries entries; other top-level keys are the benchmark's.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct TaskDocument {
    /// Name of the task.
    pub name: Option<String>,
    /// What is broken: a list of entries, one entry, or the same as JSON text. All entries run at the same time, each on its own trigger.
    #[serde(default)]
    pub chaos_spec: Entries,
    /// Steps in place of `chaos_spec`: a `serial`, or any other step.
    pub workflow: Option<Deferred<AnyStep>>,
    /// In place of `chaos_spec`: faults drawn by seed from a weighted pool, for a time; run by `squall soak`.
    pub soak: Option<Deferred<SoakSpec>>,
    /// Named checks that `verify` refers to, as a list or the same as JSON text. A check that is not ours is left to the harness.
    #[serde(default)]
    pub verification_spec: NamedChecks,
    /// Named probes that `verify` refers to.
    #[serde(default)]
    pub probes: BTreeMap<String, Deferred<ProbeNode>>,
    /// The members of the system under test, by name; faults name them as `target`. They are started before the steady state and stopped at the end.
    #[serde(default)]
    pub nodes: BTreeMap<String, Deferred<DeclaredNode>>,
    /// Sources of evidence, by name: what the system says of itself while the run lasts. Probes such as `metric` read what they take in.
    #[serde(default)]
    pub evidence: BTreeMap<String, Deferred<DeclaredSource>>,
    /// Probes that must say yes before anything is injected, and again after.
    #[serde(default)]
    pub steady_state: Vec<Deferred<SteadyProbe>>,
    /// What this file narrows, and what it asks for.
    pub policy: Option<Deferred<PolicyRequest>>,
    /// Seed of every random choice in the run.
    pub seed: Option<Deferred<u64>>,
}

/// The checks of a task, in a list.
#[derive(Debug, Default)]
pub struct NamedChecks(Vec<Deferred<NamedCheck>>);

impl<'de> Deserialize<'de> for NamedChecks {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = unpacked(Value::deserialize(deserializer)?, "verification_spec")?;
        Vec::deserialize(value).map(Self).map_err(de::Error::custom)
    }
}

impl JsonSchema for NamedChecks {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "NamedChecks".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["array", "string"], "items": NamedCheck::json_schema(generator) })
    }
}

/// What a string holds as JSON, or the value itself.
fn unpacked<E: de::Error>(value: Value, key: &str) -> Result<Value, E> {
    let Value::String(text) = &value else { return Ok(value) };
    // The parser's message could quote a value.
    serde_json::from_str(text).map_err(|_| E::custom(format!("the string in `{key}` is not JSON")))
}

/// The entries of a task: several, or one that stands alone.
#[derive(Debug)]
pub enum Entries {
    /// A list.
    Several(Vec<Deferred<ChaosSpec>>),
    /// One entry without a list.
    One(Deferred<ChaosSpec>),
}

impl Default for Entries {
    /// No chaos.
    fn default() -> Self {
        Self::Several(Vec::new())
    }
}

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let nowhere = |value| Deferred::at(value, Positions::default());
        Ok(match unpacked(Value::deserialize(deserializer)?, "chaos_spec")? {
            Value::Null => Self::default(),
            Value::Array(items) => Self::Several(items.into_iter().map(nowhere).collect()),
            value => Self::One(nowhere(value)),
        })
    }
}

impl JsonSchema for Entries {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Entries".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let entry = marker(ENTRY);
        json_schema!({
            "type": ["array", "object", "string"],
            "items": entry,
            "allOf": [{ "if": { "type": "object" }, "then": entry }],
        })
    }
}

/// One check of `verification_spec`; the harness's own keys beside ours are left alone.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(inline)]
pub struct NamedCheck {
    /// The name that `verify` refers to.
    pub name: String,
    /// What is asked.
    pub check: Option<AnyCheck>,
    /// The same as `check`, in older files.
    #[schemars(extend("doNotSuggest" = true))]
    pub spec: Option<AnyCheck>,
    /// How the check is judged; where absent `assert`, and `converge` for `role: objective`.
    pub mode: Option<CheckMode>,
    /// How long `converge` polls and `hold` watches; where absent 30, and 120 for `role: objective`.
    pub timeout_seconds: Option<Seconds>,
    /// `objective` is polled until it says yes, for 120 s unless `mode` and `timeout_seconds` say otherwise; any other role is the harness's own.
    pub role: Option<Value>,
    /// The harness's own.
    pub severity: Option<Value>,
    /// The harness's own.
    pub weight: Option<Value>,
}

/// A probe, or a check that only the harness knows.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AnyCheck(pub Value);

impl JsonSchema for AnyCheck {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "AnyCheck".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        marker(CHECK)
    }
}

impl NamedCheck {
    /// Reads the body; of `check` and `spec` the former counts.
    fn read(self, item: &Value, positions: &Positions) -> Result<Check, Box<Diagnostic>> {
        let (key, body) = match (self.check, self.spec) {
            (Some(AnyCheck(check)), _) => ("check", check),
            (None, Some(AnyCheck(spec))) => ("spec", spec),
            // A harness's own check that stands bare.
            (None, None) if item.get("type").is_some() => ("type", item.clone()),
            (None, None) => ("check", Value::Null),
        };
        let body = match foreign(&body).into_iter().next() {
            None if key == "type" => CheckBody::Opaque { unknown_type: String::new(), value: body },
            Some(found) => CheckBody::Opaque { unknown_type: found.name.unwrap_or_default().to_owned(), value: body },
            None => CheckBody::Probe(Deferred::at(body, positions.inside(key)).read()?),
        };
        let objective = self.role.as_ref().and_then(Value::as_str) == Some("objective");
        let mode = self.mode.unwrap_or(if objective { CheckMode::Converge } else { CheckMode::Assert });
        let timeout_seconds = self.timeout_seconds.or_else(|| objective.then(|| Seconds::from(OBJECTIVE_SECONDS)));
        Ok(Check { body, mode, timeout_seconds })
    }
}

impl TaskDocument {
    /// Reads every part; gives every mistake, each at its place.
    pub fn into_task(self, positions: &Positions) -> Result<Task, Vec<Diagnostic>> {
        let mut reader = Reader { positions, found: Vec::new() };
        let mut task = Task { name: self.name.clone(), ..Task::default() };
        match self.chaos_spec {
            Entries::Several(entries) => {
                for (index, entry) in entries.into_iter().enumerate() {
                    let at = positions.inside("chaos_spec").inside(&index.to_string());
                    task.positions.push(at.pointer().to_owned());
                    task.entries.extend(reader.read(entry, at));
                }
            }
            Entries::One(entry) => {
                task.positions.push("/chaos_spec".to_owned());
                task.entries.extend(reader.read(entry, positions.inside("chaos_spec")));
            }
        }
        if let Some(step) = self.workflow {
            let at = positions.inside("workflow");
            task.workflow = workflow::read(step.value(), &at, &mut reader.found).map(Arc::new);
        }
        if let Some(soak) = self.soak {
            let at = positions.inside("soak");
            task.soak = reader.read(soak, at.clone());
            if !task.positions.is_empty() {
                let message = "`soak` and `chaos_spec` exclude each other";
                let found = Diagnostic::new(Code::InvalidValue, at.pointer(), message);
                reader.found.push(positions.placed(found.help("a soak draws its entries; keep one of both keys")));
            }
            for problem in task.soak.iter().flat_map(SoakSpec::problems) {
                let at = at.pointer().to_owned() + &problem.pointer;
                let found = Diagnostic::new(Code::InvalidValue, at, problem.message).help(problem.help);
                reader.found.push(positions.placed(found));
            }
        }
        for (name, node) in self.nodes {
            let at = positions.inside("nodes").inside(&name);
            if let Some(node) = reader.read(node, at) {
                task.nodes.insert(name, node);
            }
        }
        for (name, source) in self.evidence {
            let at = positions.inside("evidence").inside(&name);
            if let Some(source) = reader.read(source, at) {
                task.evidence.insert(name, source);
            }
        }
        for (index, probe) in self.steady_state.into_iter().enumerate() {
            let at = positions.inside("steady_state").inside(&index.to_string());
            task.steady_state.extend(reader.read(probe, at));
        }
        if let Some(policy) = self.policy {
            task.policy = reader.read(policy, positions.inside("policy")).unwrap_or_default();
        }
        task.seed = self.seed.and_then(|seed| reader.read(seed, positions.inside("seed")));
        task.checks = reader.checks(self.probes, self.verification_spec);
        if reader.found.is_empty() { Ok(task) } else { Err(reader.found) }
    }
}

struct Reader<'p> {
    positions: &'p Positions,
    found: Vec<Diagnostic>,
}

impl Reader<'_> {
    fn read<T: DeserializeOwned>(&mut self, part: Deferred<T>, at: Positions) -> Option<T> {
        self.kept(part.moved(at).read())
    }

    /// Keeps the mistake; the task that is being built is thrown away then.
    fn kept<T>(&mut self, read: Result<T, Box<Diagnostic>>) -> Option<T> {
        read.map_err(|diagnostic| self.found.push(*diagnostic)).ok()
    }

    /// `probes` first: of two checks with one name the first is kept, and a warning says so.
    fn checks(
        &mut self,
        probes: BTreeMap<String, Deferred<ProbeNode>>,
        NamedChecks(named): NamedChecks,
    ) -> BTreeMap<String, Check> {
        let mut checks = BTreeMap::new();
        for (name, probe) in probes {
            if let Some(probe) = self.read(probe, self.positions.inside("probes").inside(&name)) {
                let check = Check { body: CheckBody::Probe(probe), mode: CheckMode::default(), timeout_seconds: None };
                checks.insert(name, check);
            }
        }
        for (index, check) in named.into_iter().enumerate() {
            let at = self.positions.inside("verification_spec").inside(&index.to_string());
            let item = check.value().clone();
            let Some(named) = self.read(check, at.clone()) else { continue };
            let name = named.name.clone();
            if let Some(check) = self.kept(named.read(&item, &at)) {
                checks.entry(name).or_insert(check);
            }
        }
        checks
    }
}
