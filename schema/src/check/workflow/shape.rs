//! The steps of a workflow as far as they can be told, whatever else is wrong with them.

use std::time::Duration;

use chaos_core::{StepNode, parse};
use serde_json::Value;

use crate::pointer;
use crate::workflow::CONTROLS;

/// One step, and the steps in it by the key that holds them.
pub(super) struct Shape<'v> {
    pub(super) value: &'v Value,
    pub(super) at: String,
    pub(super) name: Option<&'v str>,
    pub(super) kind: &'v str,
    pub(super) groups: Vec<(&'static str, Vec<Shape<'v>>)>,
}

impl<'v> Shape<'v> {
    pub(super) fn of(value: &'v Value, at: String) -> Self {
        let text = |key: &str| value.get(key).and_then(Value::as_str);
        let kind = text("type").unwrap_or_default();
        let holds = CONTROLS.iter().find(|control| control.name == kind).map_or(&[][..], |control| control.holds);
        let groups = holds.iter().map(|key| {
            let inside = pointer::join(&at, key);
            let steps = match value.get(key) {
                Some(Value::Array(items)) => {
                    let items = items.iter().enumerate();
                    items.map(|(index, item)| Self::of(item, pointer::join(&inside, &index.to_string()))).collect()
                }
                Some(item @ Value::Object(_)) => vec![Self::of(item, inside)],
                _ => Vec::new(),
            };
            (*key, steps)
        });
        Self { value, name: text("name"), kind, groups: groups.collect(), at }
    }

    /// The steps under one key.
    pub(super) fn group(&self, key: &str) -> &[Self] {
        self.groups.iter().find(|(name, _)| *name == key).map_or(&[], |(_, steps)| steps)
    }

    /// The steps directly in it.
    pub(super) fn steps(&self) -> impl Iterator<Item = &Self> {
        self.groups.iter().flat_map(|(_, steps)| steps)
    }

    /// The step and all steps in it, in order.
    pub(super) fn each<'s>(&'s self, visit: &mut dyn FnMut(&'s Self)) {
        visit(self);
        self.steps().for_each(|step| step.each(visit));
    }

    /// Its own deadline, in seconds.
    pub(super) fn deadline(&self) -> Option<f64> {
        self.value.get("deadline_seconds").and_then(Value::as_f64)
    }

    /// The least time that it takes where it passes, in seconds.
    pub(super) fn least(&self) -> f64 {
        let times = |key: &str| self.group(key).iter().map(Self::least).collect::<Vec<_>>();
        match self.kind {
            "serial" => times("steps").iter().sum(),
            "parallel" if matches!(self.value.get("success").and_then(Value::as_str), None | Some("all")) => {
                times("steps").into_iter().fold(0.0, f64::max)
            }
            "parallel" => 0.0,
            "branch" => times("then").iter().sum::<f64>().min(times("else").iter().sum()),
            "retry" => times("step").iter().sum(),
            // What needs an output, or is wrong, says nothing.
            _ => parse::<StepNode>(self.value).map_or(Duration::ZERO, |step| step.at_least()).as_secs_f64(),
        }
    }

    /// How long it may take: its deadline, or what its steps may take together.
    pub(super) fn budget(&self) -> f64 {
        self.deadline().unwrap_or_else(|| self.budget_of_steps())
    }

    /// How long its steps may take together; `finally` has time of its own.
    pub(super) fn budget_of_steps(&self) -> f64 {
        let times = |key: &str| self.group(key).iter().map(Self::budget).collect::<Vec<_>>();
        match self.kind {
            "serial" => times("steps").iter().sum(),
            "parallel" => times("steps").into_iter().fold(0.0, f64::max),
            "branch" => times("then").iter().sum::<f64>().max(times("else").iter().sum()),
            "retry" => {
                let attempts = self.value.get("attempts").and_then(Value::as_f64).unwrap_or(1.0);
                let delay = self.value.get("delay_seconds").and_then(Value::as_f64).unwrap_or(1.0);
                times("step").iter().sum::<f64>() * attempts + delay * (attempts - 1.0)
            }
            _ => self.least(),
        }
    }

    /// Its name for messages.
    pub(super) fn label(&self) -> &str {
        self.name.unwrap_or(self.kind)
    }
}
