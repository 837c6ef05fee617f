//! Typed values that the plug-ins of one run show each other.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// The run services: one value of each type for the whole run, made when somebody first asks for it. Clones share them.
///
/// A new service is a type of its own (`#[derive(Default)]`), in the crate that both sides know; nothing else is edited.
#[derive(Clone, Default)]
pub struct RunServices(Arc<Mutex<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>>);

impl RunServices {
    /// The service of this type.
    #[expect(clippy::missing_panics_doc, reason = "a value is found under its own type only")]
    pub fn get<T: Any + Default + Send + Sync>(&self) -> Arc<T> {
        // The map stays usable whatever panicked while holding it.
        let mut services = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let service = services.entry(TypeId::of::<T>()).or_insert_with(|| Arc::new(T::default()));
        Arc::clone(service).downcast().expect("a service is stored under its own type")
    }
}

impl fmt::Debug for RunServices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunServices").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[derive(Default)]
    struct Counter(AtomicU32);

    #[test]
    fn every_clone_sees_one_value_of_each_type() {
        let services = RunServices::default();
        services.get::<Counter>().0.store(7, Ordering::SeqCst);
        assert_eq!(services.clone().get::<Counter>().0.load(Ordering::SeqCst), 7);
        assert_eq!(*services.get::<u32>(), 0);
    }
}
