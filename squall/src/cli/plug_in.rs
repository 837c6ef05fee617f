//! One plug-in as the commands `list` and `explain` show it, whatever its kind.

use chaos_core::{
    Descriptor, FAULTS, Kind, NODES, PROBES, Registry, Requirement, SOURCES, STEPS, Span, Status, Successor, TRIGGERS,
};
use serde::Serialize;
use serde_json::Value;

use super::parameters::{Parameter, parameters};

/// A registered plug-in.
#[derive(Debug, Serialize)]
pub(crate) struct PlugIn {
    pub(crate) kind: Kind,
    #[serde(rename = "type")]
    pub(crate) name: &'static str,
    pub(crate) aliases: &'static [&'static str],
    pub(crate) summary: String,
    /// Why it should not be written any more, and what to write instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) deprecated: Option<Successor>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) span: Option<Span>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub(crate) needs: &'static [Requirement],
    #[serde(rename = "crate")]
    pub(crate) krate: &'static str,
    pub(crate) file: &'static str,
    #[serde(skip)]
    pub(crate) docs: String,
    #[serde(skip)]
    pub(crate) schema: Value,
}

impl PlugIn {
    fn of<T: ?Sized>(kind: Kind, descriptor: &Descriptor<T>) -> Self {
        Self {
            kind,
            name: descriptor.name,
            aliases: descriptor.aliases,
            summary: descriptor.summary(),
            deprecated: match descriptor.status {
                Status::Deprecated(successor) => Some(successor),
                _ => None,
            },
            span: descriptor.span,
            needs: descriptor.needs,
            krate: descriptor.krate,
            file: descriptor.file,
            docs: descriptor.docs(),
            schema: descriptor.schema_value(),
        }
    }

    /// Its parameters, the required ones first.
    pub(crate) fn parameters(&self) -> Vec<Parameter> {
        parameters(&self.schema)
    }

    /// Whether it goes by that name.
    pub(crate) fn is_called(&self, name: &str) -> bool {
        self.name == name || self.aliases.contains(&name)
    }
}

/// Every registered plug-in: faults, triggers, probes, node kinds, sources of evidence, leaf steps, each sorted by name.
pub(crate) fn all() -> Vec<PlugIn> {
    fn of<T: ?Sized>(kind: Kind, registry: &'static Registry<T>) -> impl Iterator<Item = PlugIn> {
        registry.all().iter().map(move |descriptor| PlugIn::of(kind, descriptor))
    }
    let observers = of(Kind::Trigger, &TRIGGERS).chain(of(Kind::Probe, &PROBES));
    let members = of(Kind::Node, &NODES).chain(of(Kind::Source, &SOURCES));
    of(Kind::Fault, &FAULTS).chain(observers).chain(members).chain(of(Kind::Step, &STEPS)).collect()
}

/// The word for a span in lists and pages.
pub(crate) fn span_word(span: Span) -> &'static str {
    match span {
        Span::Sustained => "sustained",
        Span::Finite => "finite",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A document reads these before the plug-in does, so it would never see its own.
    #[test]
    fn no_parameter_has_the_name_of_a_key_that_every_plug_in_has() {
        let taken = |plug_in: &PlugIn| {
            let parameters = plug_in.parameters();
            parameters.iter().any(|parameter| matches!(parameter.name.as_str(), "name" | "type"))
        };
        let wrong: Vec<&str> = all().iter().filter(|plug_in| taken(plug_in)).map(|plug_in| plug_in.name).collect();
        assert!(wrong.is_empty(), "{wrong:?}");
    }
}
