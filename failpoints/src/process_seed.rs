//! The one seed of a process, from which all rules without their own draw.

use std::{
    collections::hash_map::RandomState,
    hash::{BuildHasher, Hasher},
    sync::OnceLock,
};

/// Returns the seed of every rule that names none: `FAILPOINTS_SEED` when it is a number, else one drawn at start.
///
/// Print it when a randomised test fails: the same value in the variable repeats the run's decisions.
pub fn process_seed() -> u64 {
    static SEED: OnceLock<u64> = OnceLock::new();
    *SEED.get_or_init(|| {
        std::env::var("FAILPOINTS_SEED")
            .ok()
            .and_then(|text| text.trim().parse().ok())
            .unwrap_or_else(|| RandomState::new().build_hasher().finish())
    })
}
