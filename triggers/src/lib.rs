//! Triggers: what a fault waits for.
