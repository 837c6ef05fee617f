//! What only one fault at a time may hold, in this run and in other live ones.

use std::sync::{Arc, Mutex, PoisonError};

use chaos_core::{LockError, Plan, Resource, ResourceLock, StateDir};

/// Resources in force, in this run and in other live ones.
#[derive(Debug, Clone)]
pub(crate) struct Resources {
    state: StateDir,
    here: Arc<Mutex<Vec<Resource>>>,
}

/// Resources that one entry holds; free again when dropped.
#[derive(Debug)]
pub(crate) struct Held {
    resources: Vec<Resource>,
    here: Arc<Mutex<Vec<Resource>>>,
    _files: ResourceLock,
}

/// Why a resource can't be held.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HoldError {
    #[error("`{0}` is already held by another fault of this run")]
    ThisRun(String),
    #[error("`{0}` overlaps `{1}`, which is already held by another fault of this run")]
    Overlap(String, String),
    #[error(transparent)]
    State(#[from] LockError),
}

impl Drop for Held {
    fn drop(&mut self) {
        release(&self.here, &self.resources);
    }
}

fn release(here: &Mutex<Vec<Resource>>, resources: &[Resource]) {
    here.lock().unwrap_or_else(PoisonError::into_inner).retain(|held| !resources.contains(held));
}

impl Resources {
    /// Held in `state`, so that other processes see them.
    pub(crate) fn new(state: StateDir) -> Self {
        Self { state, here: Arc::default() }
    }

    /// Takes all of a plan's resources, or none.
    pub(crate) fn hold(&self, plan: &Plan) -> Result<Held, HoldError> {
        {
            let mut here = self.here.lock().unwrap_or_else(PoisonError::into_inner);
            for resource in &plan.touches {
                if let Some(other) = here.iter().find(|other| other.overlaps(resource)) {
                    let wanted = resource.to_string();
                    let same = other.id == resource.id;
                    return Err(if same {
                        HoldError::ThisRun(wanted)
                    } else {
                        HoldError::Overlap(wanted, other.to_string())
                    });
                }
            }
            here.extend(plan.touches.iter().cloned());
        }
        match self.state.lock(&plan.touches) {
            Ok(files) => Ok(Held { resources: plan.touches.clone(), here: Arc::clone(&self.here), _files: files }),
            Err(error) => {
                release(&self.here, &plan.touches);
                Err(error.into())
            }
        }
    }
}
