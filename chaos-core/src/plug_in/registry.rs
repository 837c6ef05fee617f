//! Descriptors of plug-ins, and the sorted registries that every surface reads.

use std::marker::PhantomData;
use std::sync::OnceLock;

use schemars::{Schema, SchemaGenerator};
use serde::Serialize;
use serde_json::Value;

use crate::{DynFault, DynProbe, DynTrigger, DynUndoStep, LoadRequest, ParseError, Span};

/// The kinds of plug-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Something that is broken on purpose.
    Fault,
    /// Something that a fault waits for.
    Trigger,
    /// A read-only question.
    Probe,
    /// A journalled way back.
    UndoStep,
}

impl Kind {
    /// The word for it in messages.
    pub fn word(self) -> &'static str {
        match self {
            Self::Fault => "fault",
            Self::Trigger => "trigger",
            Self::Probe => "probe",
            Self::UndoStep => "undo step",
        }
    }
}

/// What a fault needs of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Capability {
    /// A Linux kernel with `/proc` and pidfds (5.3 or later).
    LinuxPidfd,
    /// The network, as far as the policy allows it.
    Network,
    /// Another program that must be installed.
    ExternalProgram,
}

/// An erased plug-in trait that has a registry.
pub trait PlugIn: Send + Sync + 'static {
    /// Its kind.
    const KIND: Kind;
    /// The registry in which its implementations stand.
    fn registry() -> &'static Registry<Self>;
}

/// Everything that is known of one plug-in; written by a `register_…!` macro, read by every surface.
#[derive(Debug)]
pub struct Descriptor<T: ?Sized + 'static> {
    /// The `type` in documents.
    pub name: &'static str,
    /// Other names that documents may use; loaders replace them by `name`.
    pub aliases: &'static [&'static str],
    /// Whether a fault is sustained or finite; `None` for the other kinds.
    pub span: Option<Span>,
    /// What a fault needs of the machine; empty for the other kinds.
    pub needs: &'static [Capability],
    /// The JSON Schema of its parameters, without `type` and `name`; absent for undo steps.
    pub schema: Option<fn(&mut SchemaGenerator) -> Schema>,
    /// Parses its parameters (an object without `type` and `name`).
    pub parse: fn(&Value) -> Result<Box<T>, ParseError>,
    /// Builds it from a load's request; set for the fault that makes loads for other programs, such as experiments.
    pub load_from: Option<fn(LoadRequest) -> Box<T>>,
    /// The crate that registered it.
    pub krate: &'static str,
    /// Source file of the registration.
    pub file: &'static str,
    /// Line of the registration.
    pub line: u32,
}

impl<T: ?Sized> Descriptor<T> {
    /// The schema of the parameters as a value that stands alone.
    pub fn schema_value(&self) -> Value {
        let mut generator =
            schemars::generate::SchemaSettings::draft07().with(|s| s.inline_subschemas = false).into_generator();
        match self.schema {
            Some(schema) => schema(&mut generator).to_value(),
            None => Value::Null,
        }
    }

    /// The doc comment of its struct, in Markdown.
    pub fn docs(&self) -> String {
        self.schema_value().get("description").and_then(Value::as_str).unwrap_or_default().to_owned()
    }

    /// The first sentence of the doc comment.
    pub fn summary(&self) -> String {
        let docs = self.docs();
        docs.split("\n\n").next().unwrap_or_default().replace('\n', " ").trim().to_owned()
    }

    /// The YAML of the doc comment's first `yaml` fence: one node with its `type`.
    pub fn example(&self) -> Option<String> {
        let docs = self.docs();
        let start = docs.find("```yaml\n")? + "```yaml\n".len();
        let end = docs[start..].find("```")? + start;
        Some(docs[start..end].to_owned())
    }
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
#[error("unknown {} type `{name}`{}; known: {}", .kind.word(), did_you_mean(.suggestion.as_deref()), .known.join(", "))]
pub struct LookupError {
    /// The kind that was looked for.
    pub kind: Kind,
    /// The name that was asked for.
    pub name: String,
    /// The nearest known name, if one is near.
    pub suggestion: Option<&'static str>,
    /// All known names, sorted.
    pub known: Vec<&'static str>,
}

fn did_you_mean(suggestion: Option<&str>) -> String {
    suggestion.map(|s| format!("; did you mean `{s}`?")).unwrap_or_default()
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
        })
    }

    /// Fails when two plug-ins claim one name or alias; the engine asks before its first run.
    pub fn check(&self) -> Result<(), RegistryError> {
        let mut seen: Vec<(&'static str, &'static Descriptor<T>)> = Vec::new();
        for d in self.all() {
            for name in std::iter::once(d.name).chain(d.aliases.iter().copied()) {
                if let Some((_, first)) = seen.iter().find(|(other, _)| *other == name) {
                    return Err(RegistryError { kind: self.kind, name, first: place(first), second: place(d) });
                }
                seen.push((name, d));
            }
        }
        Ok(())
    }

    fn suggestion(&self, name: &str) -> Option<&'static str> {
        let near = suggestion(name, self.all().iter().flat_map(|d| d.aliases.iter().copied().chain([d.name])))?;
        self.all().iter().find(|d| d.name == near || d.aliases.contains(&near)).map(|d| d.name)
    }
}

fn place<T: ?Sized>(d: &Descriptor<T>) -> String {
    format!("{} {}:{}", d.krate, d.file, d.line)
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
    /// Every undo step that is linked into this program.
    UNDO_STEPS: DynUndoStep = UndoStep;
}

/// Registers a fault under its `type`: `register_fault!(PauseProcess, "pause_process");`, with
/// `, aliases: ["…"]` behind it where old names must stay readable, and `, load_from: Load::from` where it can be built
/// from a [`LoadRequest`](crate::LoadRequest).
#[macro_export]
macro_rules! register_fault {
    ($ty:ident, $name:literal $(, aliases: [$($alias:literal),* $(,)?])? $(, load_from: $load:expr)?) => {
        $crate::__register!($ty, $name, [$($($alias),*)?], DynFault,
            Some(<$ty as $crate::Fault>::SPAN), <$ty as $crate::Fault>::NEEDS,
            Some(|g| <$ty as $crate::schemars::JsonSchema>::json_schema(g)),
            $crate::__load_from!($($load)?));
    };
}

/// Registers a trigger under its `type`: `register_trigger!(Time, "time");`.
#[macro_export]
macro_rules! register_trigger {
    ($ty:ident, $name:literal $(, aliases: [$($alias:literal),* $(,)?])?) => {
        $crate::__register!($ty, $name, [$($($alias),*)?], DynTrigger, None, &[],
            Some(|g| <$ty as $crate::schemars::JsonSchema>::json_schema(g)), None);
    };
}

/// Registers a probe under its `type`: `register_probe!(Http, "http");`.
#[macro_export]
macro_rules! register_probe {
    ($ty:ident, $name:literal $(, aliases: [$($alias:literal),* $(,)?])?) => {
        $crate::__register!($ty, $name, [$($($alias),*)?], DynProbe, None, &[],
            Some(|g| <$ty as $crate::schemars::JsonSchema>::json_schema(g)), None);
    };
}

/// Registers an undo step under its `type`: `register_undo_step!(ResumeProcess, "resume_process");`.
#[macro_export]
macro_rules! register_undo_step {
    ($ty:ident, $name:literal) => {
        $crate::__register!($ty, $name, [], DynUndoStep, None, &[], None, None);
    };
}

/// How a load's request becomes a fault, where it can.
#[doc(hidden)]
#[macro_export]
macro_rules! __load_from {
    () => {
        None
    };
    ($load:expr) => {
        Some(|request| Box::new($load(request)) as Box<dyn $crate::DynFault>)
    };
}

/// The common body of the `register_…!` macros.
#[doc(hidden)]
#[macro_export]
macro_rules! __register {
    ($ty:ident, $name:literal, [$($alias:literal),*], $trait:ident, $span:expr, $needs:expr, $schema:expr, $load:expr) => {
        const _: () = {
            use $crate::__private::typetag;

            #[typetag::serde(name = $name)]
            impl $crate::$trait for $ty {}

            $crate::__private::inventory::submit! {
                $crate::Descriptor::<dyn $crate::$trait> {
                    name: $name,
                    aliases: &[$($alias),*],
                    span: $span,
                    needs: $needs,
                    schema: $schema,
                    parse: |value| {
                        $crate::parse::<$ty>(value).map(|it| Box::new(it) as Box<dyn $crate::$trait>)
                    },
                    load_from: $load,
                    krate: env!("CARGO_PKG_NAME"),
                    file: file!(),
                    line: line!(),
                }
            }
        };
    };
}
