//! The registered `type`s as values that the command line offers and completes.

use chaos_core::{Descriptor, FAULTS, PROBES, TRIGGERS};
use clap::builder::PossibleValue;

/// The types of every kind, each once.
pub(crate) fn every() -> Vec<PossibleValue> {
    let mut values = faults();
    values.extend(TRIGGERS.all().iter().map(|descriptor| value(descriptor)));
    values.extend(PROBES.all().iter().map(|descriptor| value(descriptor)));
    values.sort_by(|a, b| a.get_name().cmp(b.get_name()));
    values.dedup_by(|a, b| a.get_name() == b.get_name());
    values
}

/// The types of the faults.
pub(crate) fn faults() -> Vec<PossibleValue> {
    FAULTS.all().iter().map(|descriptor| value(descriptor)).collect()
}

fn value<T: ?Sized>(descriptor: &Descriptor<T>) -> PossibleValue {
    // Shells show one line.
    PossibleValue::new(descriptor.name).aliases(descriptor.aliases).help(descriptor.summary())
}
