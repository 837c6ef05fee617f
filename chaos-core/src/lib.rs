//! The contract of Squall: traits, registries, results, undo journal, policy.
