//! The sorted registries that every surface reads.

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::OnceLock;

use super::descriptor::{Descriptor, Kind, RemovedName, Status};
use super::fault::DynFault;
use super::probe::DynProbe;
use super::trigger::DynTrigger;
use crate::{DynNode, DynSource, DynStep, DynUndoStep};

/// An erased plug-in trait that has a registry.
pub trait PlugIn: Send + Sync + 'static {
    /// Its kind.
    const KIND: Kind;
    /// The registry in which its implementations stand.
    fn registry() -> &'static Registry<Self>;
}

/// The registered plug-ins of one kind, sorted by name.
#[derive(Debug)]
pub struct Registry<T: ?Sized + 'static> {
    sorted: OnceLock<Vec<&'static Descriptor<T>>>,
    collect: fn() -> Vec<&'static Descriptor<T>>,
    kind: Kind,
    _of: PhantomData<fn() -> Box<T>>,
}

/// Two plug-ins that claim one name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} `{name}` is registered twice, at {first} and at {second}; rename one", .kind.word())]
pub struct RegistryError {
    /// The kind of both.
    pub kind: Kind,
    /// The name that both claim.
    pub name: &'static str,
    /// Crate, file and line of the one.
    pub first: String,
    /// Crate, file and line of the other.
    pub second: String,
}

/// A name that no plug-in has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", unknown(self))]
pub struct LookupError {
    /// The kind that was looked for.
    pub kind: Kind,
    /// The name that was asked for.
    pub name: String,
    /// The nearest known name, if one is near.
    pub suggestion: Option<&'static str>,
    /// All known names, sorted.
    pub known: Vec<&'static str>,
    /// What became of the name, if a plug-in had it once.
    pub removed: Option<String>,
}

fn unknown(error: &LookupError) -> String {
    let LookupError { kind, name, suggestion, known, removed } = error;
    if let Some(removed) = removed {
        return removed.clone();
    }
    let near = suggestion.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
    format!("unknown {} type `{name}`{near}; known: {}", kind.word(), known.join(", "))
}

/// The known name that `typed` most likely means; `None` when nothing is near.
pub fn suggestion<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Jaro-Winkler likes a shared start, as typos in names have; below 0.8 suggestions look arbitrary.
    // One edit in a short name (`pdi` for `pid`) is far by that measure, and near for people.
    let near = |name: &str| match strsim::osa_distance(typed, name) {
        1 if name.len() > 2 => 0.95,
        _ => strsim::jaro_winkler(typed, name),
    };
    known
        .into_iter()
        .map(|name| (near(name), name))
        .filter(|(score, _)| *score >= 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}

impl<T: ?Sized> Registry<T> {
    const fn new(kind: Kind, collect: fn() -> Vec<&'static Descriptor<T>>) -> Self {
        Self { sorted: OnceLock::new(), collect, kind, _of: PhantomData }
    }

    /// All descriptors, sorted by name.
    pub fn all(&self) -> &[&'static Descriptor<T>] {
        self.sorted.get_or_init(|| {
            let mut all = (self.collect)();
            all.sort_by_key(|d| (d.name, d.krate, d.line));
            all
        })
    }

    /// All names, sorted.
    pub fn names(&self) -> Vec<&'static str> {
        self.all().iter().map(|d| d.name).collect()
    }

    /// The descriptor of that name or alias.
    pub fn get(&self, name: &str) -> Result<&'static Descriptor<T>, LookupError> {
        let found = self.all().iter().find(|d| d.name == name || d.aliases.contains(&name));
        found.copied().ok_or_else(|| LookupError {
            kind: self.kind,
            name: name.to_owned(),
            suggestion: self.suggestion(name),
            known: self.names(),
            removed: removed_name(self.kind, name).map(ToString::to_string),
        })
    }

    /// Names that plug-ins of this kind had in earlier versions.
    pub fn removed(&self) -> impl Iterator<Item = &'static RemovedName> {
        let kind = self.kind;
        inventory::iter::<RemovedName>.into_iter().filter(move |removed| removed.kind == kind)
    }

    /// Whether a name or alias should still be written; `None` when nothing ever had it.
    pub fn status(&self, name: &str) -> Option<Status> {
        let known = self.get(name).ok().map(|descriptor| descriptor.status);
        known.or_else(|| removed_name(self.kind, name).map(|removed| Status::Removed(removed.successor)))
    }

    /// Fails when two plug-ins claim one name or alias; the engine asks before its first run.
    pub fn check(&self) -> Result<(), RegistryError> {
        let all = self.all().iter();
        let names = all.flat_map(|d| {
            let place = format!("{} {}:{}", d.krate, d.file, d.line);
            std::iter::once(d.name).chain(d.aliases.iter().copied()).map(move |name| (name, place.clone()))
        });
        let removed = self.removed().map(|r| (r.name, format!("{} {}:{}", r.krate, r.file, r.line)));
        let mut seen = BTreeMap::new();
        for (name, second) in names.chain(removed) {
            if let Some(first) = seen.insert(name, second.clone()) {
                return Err(RegistryError { kind: self.kind, name, first, second });
            }
        }
        Ok(())
    }

    fn suggestion(&self, name: &str) -> Option<&'static str> {
        let near = suggestion(name, self.all().iter().flat_map(|d| d.aliases.iter().copied().chain([d.name])))?;
        self.all().iter().find(|d| d.name == near || d.aliases.contains(&near)).map(|d| d.name)
    }
}

inventory::collect!(RemovedName);

/// What became of a name that a plug-in of this kind had in an earlier version.
pub fn removed_name(kind: Kind, name: &str) -> Option<&'static RemovedName> {
    inventory::iter::<RemovedName>.into_iter().find(|removed| removed.kind == kind && removed.name == name)
}

macro_rules! registries {
    ($($(#[$doc:meta])* $registry:ident: $trait:ident = $kind:ident;)*) => {$(
        inventory::collect!(Descriptor<dyn $trait>);

        $(#[$doc])*
        pub static $registry: Registry<dyn $trait> =
            Registry::new(Kind::$kind, || inventory::iter::<Descriptor<dyn $trait>>.into_iter().collect());

        impl PlugIn for dyn $trait {
            const KIND: Kind = Kind::$kind;

            fn registry() -> &'static Registry<Self> {
                &$registry
            }
        }
    )*};
}

registries! {
    /// Every fault that is linked into this program.
    FAULTS: DynFault = Fault;
    /// Every trigger that is linked into this program.
    TRIGGERS: DynTrigger = Trigger;
    /// Every probe that is linked into this program.
    PROBES: DynProbe = Probe;
    /// Every node kind that is linked into this program.
    NODES: DynNode = Node;
    /// Every source of evidence that is linked into this program.
    SOURCES: DynSource = Source;
    /// Every leaf step of workflows that is linked into this program.
    STEPS: DynStep = Step;
    /// Every undo step that is linked into this program.
    UNDO_STEPS: DynUndoStep = UndoStep;
}
