//! Names of templates that are made.

use std::collections::HashSet;

use super::error::CompileError;
use crate::workflow::{Template, WorkflowSpec};

/// The longest name that Chaos Mesh finds again in the names which it generates from it.
const MAX_NAME: usize = 57;

/// The names that are taken.
pub(super) struct Names {
    taken: HashSet<String>,
    /// Names of templates that stand in the compiled Workflow already.
    used: HashSet<String>,
}

impl Names {
    /// All names of a Workflow; these templates stand in the compiled one as they are.
    pub(super) fn of(spec: &WorkflowSpec, kept: &[&Template]) -> Self {
        let names = |one: &Template| one.name.clone();
        Self { taken: spec.templates.iter().map(names).collect(), used: kept.iter().map(|one| names(one)).collect() }
    }

    /// A name for one more use of a template: its own the first time.
    pub(super) fn again(&mut self, name: &str) -> Result<String, CompileError> {
        if self.used.insert(name.to_owned()) { Ok(name.to_owned()) } else { self.fresh(name) }
    }

    /// A name that no template has.
    pub(super) fn fresh(&mut self, stem: &str) -> Result<String, CompileError> {
        let mut name = stem.to_owned();
        let mut n = 1;
        while !self.taken.insert(name.clone()) {
            n += 1;
            name = format!("{stem}-{n}");
        }
        if name.len() > MAX_NAME { Err(CompileError::Name(name)) } else { Ok(name) }
    }
}
