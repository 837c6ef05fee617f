//! The documents, typed: what a value is read into, whoever has parsed it.

mod absent;
mod deferred;
mod foreign;
mod kind;
mod positions;
mod task;

use chaos_core::{ChaosSpec, Policy, PolicyRequest, Task, value_depth};
use serde::Deserialize;
use serde_json::Value;

use crate::depth::MAX_LEVELS;
use crate::diagnostic::{Code, Diagnostic};
use crate::experiment::ExperimentSpec;
pub use deferred::Deferred;
#[cfg(feature = "validate")]
pub(crate) use foreign::foreign;
pub use kind::DocumentKind;
pub use positions::Positions;
pub use task::{AnyCheck, Entries, NamedCheck, TaskDocument};

/// A document that was read.
#[derive(Debug)]
pub enum Document {
    /// A task and its entries.
    Task(Box<Task>),
    /// One entry.
    Entry(Box<ChaosSpec>),
    /// One experiment.
    Experiment(Box<ExperimentSpec>),
    /// An operator's policy.
    Policy(Box<PolicyRequest>),
}

impl Document {
    /// Reads a value whose placeholders are filled. Gives every mistake, each at its place.
    ///
    /// This is the parse alone: what only the schema or a look at the whole document shows is found by the loaders.
    pub fn read(mut value: Value, kind: DocumentKind, positions: &Positions) -> Result<Self, Vec<Diagnostic>> {
        if let Value::Object(map) = &mut value {
            map.remove("$schema");
        }
        absent::absent(&mut value, kind);
        let depth = value_depth(&value);
        if depth > MAX_LEVELS {
            let message = format!("the document is nested {depth} levels deep");
            let help = format!("the limit is {MAX_LEVELS}");
            return Err(vec![positions.placed(Diagnostic::new(Code::TooDeep, "", message).help(help))]);
        }
        match kind {
            DocumentKind::Task => TaskDocument::deserialize(value)
                .map_err(|error| vec![positions.placed(Diagnostic::new(Code::InvalidValue, "", error.to_string()))])
                .and_then(|document| document.into_task(positions))
                .map(|task| Self::Task(Box::new(task))),
            DocumentKind::Entry => {
                let entry = Deferred::at(value, positions.clone()).read();
                entry.map(|entry| Self::Entry(Box::new(entry))).map_err(|one| vec![*one])
            }
            DocumentKind::Experiment => {
                let spec = Deferred::at(value, positions.clone()).read();
                spec.map(|spec| Self::Experiment(Box::new(spec))).map_err(|one| vec![*one])
            }
            DocumentKind::Policy => {
                let policy = Deferred::at(value, positions.clone()).read();
                policy.map(|policy| Self::Policy(Box::new(policy))).map_err(|one| vec![*one])
            }
        }
    }

    /// The document as a task, where an entry becomes a task of one entry; `None` for an experiment or a policy.
    pub fn into_task(self) -> Option<Task> {
        match self {
            Self::Task(task) => Some(*task),
            Self::Entry(entry) => Some(Task::of(*entry)),
            Self::Experiment(_) | Self::Policy(_) => None,
        }
    }

    /// The experiment, if it is one.
    pub fn into_experiment(self) -> Option<ExperimentSpec> {
        match self {
            Self::Experiment(spec) => Some(*spec),
            Self::Task(_) | Self::Entry(_) | Self::Policy(_) => None,
        }
    }

    /// The operator's policy, if it is one; what it does not name keeps its default.
    pub fn into_policy(self) -> Option<Policy> {
        match self {
            Self::Policy(policy) => Some((*policy).into()),
            Self::Task(_) | Self::Entry(_) | Self::Experiment(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_mistakes_of_all_parts_are_told_in_one_pass() {
        let task = json!({
            "chaos_spec": [{"trigger": {"type": "no"}}, {"action": 1}],
            "steady_state": [{"type": "no"}],
            "probes": {"a/b": {"type": "no"}},
            "verification_spec": [{"name": "n", "check": {"type": "foreign"}}, {"name": "n", "mode": "guess"}],
            "policy": {"max_qpz": 1},
            "seed": -1,
            "prompt": [1],
        });
        let found = Document::read(task, DocumentKind::Task, &Positions::of("t")).unwrap_err();
        let pointers: Vec<&str> = found.iter().map(|d| d.pointer.as_str()).collect();
        let want = [
            "/chaos_spec/0/trigger",
            "/chaos_spec/1/action",
            "/steady_state/0",
            "/policy/max_qpz",
            "/seed",
            "/probes/a~1b",
            "/verification_spec/1/mode",
        ];
        assert_eq!(pointers, want);
        assert!(found.iter().all(|d| d.code == Code::InvalidValue && d.file == "t"), "{found:?}");
    }

    #[test]
    fn entries_may_be_json_text_and_the_parse_alone_reads_it() {
        for spec in [json!("[]"), json!([])] {
            let read = Document::read(json!({ "chaos_spec": spec }), DocumentKind::Task, &Positions::default());
            assert_eq!(read.unwrap().into_task().unwrap().entries.len(), 0);
        }
        let read = Document::read(json!({"chaos_spec": "hunter2"}), DocumentKind::Task, &Positions::default());
        assert!(!read.unwrap_err()[0].message.contains("hunter2"));
    }

    #[test]
    fn nesting_past_the_bound_is_refused() {
        let deep = (0..100).fold(json!(1), |inner, _| json!([inner]));
        let read = Document::read(json!({ "chaos_spec": deep }), DocumentKind::Task, &Positions::default());
        assert_eq!(read.unwrap_err()[0].code, Code::TooDeep);
    }
}
