//! The registered `type`s as values that the command line offers and completes.

use chaos_core::{Descriptor, FAULTS, NODES, PROBES, SOURCES, STEPS, TRIGGERS};
use clap::builder::{PossibleValue, StringValueParser, TypedValueParser};

/// The types of every kind, each once.
pub(crate) fn every() -> Vec<PossibleValue> {
    let mut values = faults();
    values.extend(TRIGGERS.all().iter().map(|descriptor| value(descriptor)));
    values.extend(PROBES.all().iter().map(|descriptor| value(descriptor)));
    values.extend(NODES.all().iter().map(|descriptor| value(descriptor)));
    values.extend(SOURCES.all().iter().map(|descriptor| value(descriptor)));
    values.extend(STEPS.all().iter().map(|descriptor| value(descriptor)));
    values.sort_by(|a, b| a.get_name().cmp(b.get_name()));
    values.dedup_by(|a, b| a.get_name() == b.get_name());
    values
}

/// The types of the faults.
pub(crate) fn faults() -> Vec<PossibleValue> {
    FAULTS.all().iter().map(|descriptor| value(descriptor)).collect()
}

/// Any name, where shells offer those of the faults: a policy may name a fault of another program too.
#[derive(Debug, Clone)]
pub(crate) struct AnyFault;

impl TypedValueParser for AnyFault {
    type Value = String;

    fn parse_ref(
        &self,
        command: &clap::Command,
        argument: Option<&clap::Arg>,
        value: &std::ffi::OsStr,
    ) -> Result<String, clap::Error> {
        StringValueParser::new().parse_ref(command, argument, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(faults().into_iter()))
    }
}

fn value<T: ?Sized>(descriptor: &Descriptor<T>) -> PossibleValue {
    // Shells show one line.
    PossibleValue::new(descriptor.name).aliases(descriptor.aliases).help(descriptor.summary())
}
