//! What only one fault at a time may hold, in this run and in other live ones.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use chaos_core::{Plan, Resource, ResourceLock, StateDir};

/// Resources in force, in this run and in other live ones.
#[derive(Debug, Clone)]
pub(crate) struct Resources {
    state: StateDir,
    here: Arc<Mutex<BTreeSet<Resource>>>,
}

/// Resources that one entry holds; free again when dropped.
#[derive(Debug)]
pub(crate) struct Held {
    resources: Vec<Resource>,
    here: Arc<Mutex<BTreeSet<Resource>>>,
    files: Vec<ResourceLock>,
}

/// Why a resource can't be held.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HoldError {
    #[error("`{0}` is already held by another fault of this run")]
    ThisRun(Resource),
    #[error("`{0}` is already held by another live run")]
    AnotherRun(Resource),
    #[error("`{0}` can't be locked: {1}")]
    Lock(Resource, io::Error),
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut here = self.here.lock().unwrap_or_else(PoisonError::into_inner);
        for resource in &self.resources {
            here.remove(resource);
        }
    }
}

impl Resources {
    /// Held in `state`, so that other processes see them.
    pub(crate) fn new(state: StateDir) -> Self {
        Self { state, here: Arc::default() }
    }

    /// Takes all of a plan's resources, or none.
    pub(crate) fn hold(&self, plan: &Plan) -> Result<Held, HoldError> {
        let mut held = Held { resources: Vec::new(), here: Arc::clone(&self.here), files: Vec::new() };
        for resource in &plan.touches {
            if !self.here.lock().unwrap_or_else(PoisonError::into_inner).insert(resource.clone()) {
                return Err(HoldError::ThisRun(resource.clone()));
            }
            held.resources.push(resource.clone());
            match self.state.lock(resource) {
                Ok(Some(file)) => held.files.push(file),
                Ok(None) => return Err(HoldError::AnotherRun(resource.clone())),
                Err(error) => return Err(HoldError::Lock(resource.clone(), error)),
            }
        }
        Ok(held)
    }
}
