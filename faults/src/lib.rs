//! Faults: one file each.
