//! One plug-in in a document: its `type` and parameters, the optional `name`, and keys that stand beside them.

use std::fmt::{self, Debug};
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use serde::de::{self, DeserializeOwned, Deserializer};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Value, json};

use super::fault::DynFault;
use super::parse::parse;
use super::probe::DynProbe;
use super::registry::PlugIn;
use super::tagged::{Tagged, read_tagged};
use super::trigger::DynTrigger;
use crate::{DynNode, DynSource, DynStep, Seconds};

/// Keys that the engine reads beside a plug-in's own, in the same mapping.
pub trait Extra: Debug + Default + Send + Sync + Serialize + DeserializeOwned + schemars::JsonSchema + 'static {
    /// The keys.
    const KEYS: &'static [&'static str];
}

/// Nothing stands beside the plug-in's own keys.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Bare {}

impl Extra for Bare {
    const KEYS: &'static [&'static str] = &[];
}

/// How often a `during` probe is asked.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sampling {
    /// Seconds between two looks, 0.01 or more; default 1.
    #[serde(default = "Sampling::second", deserialize_with = "Sampling::spaced")]
    #[schemars(with = "Seconds", range(min = 0.01))]
    pub interval_seconds: Seconds,
}

impl Sampling {
    /// The shortest time between two looks: a probe is a question, not a load.
    pub const LEAST_INTERVAL: Duration = Duration::from_millis(10);

    /// An interval as a document has it.
    ///
    /// # Errors
    /// It is shorter than [`Sampling::LEAST_INTERVAL`].
    pub fn spaced<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Seconds, D::Error> {
        let seconds = Seconds::deserialize(deserializer)?;
        if seconds.get() < Self::LEAST_INTERVAL {
            let why = format!("invalid interval of {} s: expected 0.01 or more", seconds.get().as_secs_f64());
            return Err(de::Error::custom(why));
        }
        Ok(seconds)
    }

    fn second() -> Seconds {
        Seconds::from(1)
    }
}

impl Default for Sampling {
    fn default() -> Self {
        Self { interval_seconds: Self::second() }
    }
}

impl Extra for Sampling {
    const KEYS: &'static [&'static str] = &["interval_seconds"];
}

/// How often an `abort_if` probe is asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Watching {
    /// Seconds between an answer and the next question, 0.01 or more; default 0.25.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "Watching::spaced")]
    #[schemars(with = "Option<Seconds>", range(min = 0.01))]
    pub interval_seconds: Option<Seconds>,
}

impl Watching {
    fn spaced<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Seconds>, D::Error> {
        Sampling::spaced(deserializer).map(Some)
    }
}

impl Extra for Watching {
    const KEYS: &'static [&'static str] = &["interval_seconds"];
}

/// How soon a `detect` probe must turn to yes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Within {
    /// Seconds after the fault became active; default 10.
    #[serde(default = "Within::ten")]
    pub within_seconds: Seconds,
}

impl Within {
    fn ten() -> Seconds {
        Seconds::from(10)
    }
}

impl Default for Within {
    fn default() -> Self {
        Self { within_seconds: Self::ten() }
    }
}

impl Extra for Within {
    const KEYS: &'static [&'static str] = &["within_seconds"];
}

/// How long a probe of the steady state may take to be there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settling {
    /// Seconds that it may take to turn to yes, before the first injection and after the last undo; asked once where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within_seconds: Option<Seconds>,
}

impl Extra for Settling {
    const KEYS: &'static [&'static str] = &["within_seconds"];
}

/// A plug-in as a document configures it: with an optional name, and the keys beside its own. Dereferences to the plug-in.
/// Clones share the plug-in, which never changes.
pub struct Configured<T: ?Sized, X = Bare> {
    name: Option<String>,
    extra: X,
    plug_in: Arc<T>,
}

/// A fault in a document.
pub type FaultNode = Configured<dyn DynFault>;
/// A trigger in a document.
pub type TriggerNode = Configured<dyn DynTrigger>;
/// A probe in a document.
pub type ProbeNode = Configured<dyn DynProbe>;
/// A probe that is asked again and again while a fault is in force.
pub type SampledProbe = Configured<dyn DynProbe, Sampling>;
/// A probe that ends a fault.
pub type StopProbe = Configured<dyn DynProbe, Watching>;
/// A probe that must turn to yes in time.
pub type WithinProbe = Configured<dyn DynProbe, Within>;
/// A probe of the steady state.
pub type SteadyProbe = Configured<dyn DynProbe, Settling>;

macro_rules! from_typed {
    ($($trait:ident),*) => {$(
        impl<P: $trait + 'static, X: Default> From<P> for Configured<dyn $trait, X> {
            fn from(plug_in: P) -> Self {
                Self::new(Box::new(plug_in))
            }
        }
    )*};
}

from_typed!(DynFault, DynTrigger, DynProbe, DynNode, DynSource, DynStep);

impl<T: ?Sized, X: Default> Configured<T, X> {
    /// A plug-in without a name.
    pub fn new(plug_in: Box<T>) -> Self {
        Self { name: None, extra: X::default(), plug_in: plug_in.into() }
    }
}

impl<T: ?Sized, X> Configured<T, X> {
    /// The name that its author gave it.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The keys that stand beside the plug-in's own.
    pub fn extra(&self) -> &X {
        &self.extra
    }

    /// The plug-in, to be kept.
    pub fn shared(&self) -> Arc<T> {
        Arc::clone(&self.plug_in)
    }

    /// Gives it a name.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Sets the keys that stand beside the plug-in's own.
    #[must_use]
    pub fn with_extra(mut self, extra: X) -> Self {
        self.extra = extra;
        self
    }
}

impl<T: ?Sized, X: Clone> Clone for Configured<T, X> {
    fn clone(&self) -> Self {
        Self { name: self.name.clone(), extra: self.extra.clone(), plug_in: Arc::clone(&self.plug_in) }
    }
}

impl<T: ?Sized, X> Deref for Configured<T, X> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.plug_in
    }
}

impl<T: ?Sized + Debug, X> Debug for Configured<T, X> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.plug_in.fmt(f)
    }
}

impl<T: ?Sized + TypeName, X> Configured<T, X> {
    /// The plug-in's `type`.
    pub fn type_name(&self) -> &'static str {
        self.plug_in.type_name()
    }

    /// The name that its author gave it, or its `type`.
    pub fn label(&self) -> &str {
        self.name.as_deref().unwrap_or_else(|| self.plug_in.type_name())
    }
}

/// An erased plug-in that knows its `type`.
pub trait TypeName {
    /// The `type` in documents.
    fn type_name(&self) -> &'static str;
}

macro_rules! type_names {
    ($($trait:ident),*) => {$(
        impl TypeName for dyn $trait {
            fn type_name(&self) -> &'static str {
                self.typetag_name()
            }
        }
    )*};
}

type_names!(DynFault, DynTrigger, DynProbe, DynNode, DynSource, DynStep);

impl<T, X> Serialize for Configured<T, X>
where
    T: ?Sized + Serialize,
    X: Extra,
{
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::Error;
        let mut value = serde_json::to_value(&*self.plug_in).map_err(S::Error::custom)?;
        if let Value::Object(map) = &mut value {
            if let Some(name) = &self.name {
                map.insert("name".into(), json!(name));
            }
            if let Value::Object(extra) = serde_json::to_value(&self.extra).map_err(S::Error::custom)? {
                map.extend(extra);
            }
        }
        value.serialize(serializer)
    }
}

impl<'de, T, X> Deserialize<'de> for Configured<T, X>
where
    T: ?Sized + PlugIn,
    X: Extra,
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let is_beside = |key: &str| key == "name" || X::KEYS.contains(&key);
        let Tagged { plug_in, mut beside } = read_tagged::<T, D>(deserializer, &is_beside)?;
        let name = match beside.remove("name") {
            None | Some(Value::Null) => None,
            Some(Value::String(name)) => Some(name),
            Some(_) => return Err(de::Error::custom("`name` must be a string")),
        };
        let extra = parse(&Value::Object(beside)).map_err(de::Error::custom)?;
        Ok(Self { name, extra, plug_in: plug_in.into() })
    }
}

impl<T, X> schemars::JsonSchema for Configured<T, X>
where
    T: ?Sized + PlugIn,
    X: Extra,
{
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        format!("{}_{}", T::KIND.word(), X::schema_name()).into()
    }

    /// Emits a marker: the arms depend on what is linked, and `chaos-schema` writes them.
    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let beside = X::json_schema(generator);
        let beside = beside.get("properties").cloned().unwrap_or_else(|| json!({}));
        schemars::json_schema!({ "x-squall-plugin": T::KIND, "x-squall-beside": beside })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probe_is_no_load_whatever_interval_is_written() {
        let read = |seconds: f64| serde_json::from_value::<Sampling>(json!({ "interval_seconds": seconds }));
        assert_eq!(read(0.01).unwrap().interval_seconds.get(), Sampling::LEAST_INTERVAL);
        let why = read(0.009).unwrap_err().to_string();
        assert_eq!(why, "invalid interval of 0.009 s: expected 0.01 or more");
    }
}
