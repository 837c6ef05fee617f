//! One plug-in in a document: its `type` and parameters, the optional `name`, and keys that stand beside them.

use std::fmt::{self, Debug};
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;

use serde::de::{self, DeserializeOwned, Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value, json};

use crate::{DynFault, DynProbe, DynTrigger, PlugIn, Seconds, parse};

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
    /// Seconds between two looks; default 1.
    #[serde(default = "Sampling::second")]
    pub interval_seconds: Seconds,
}

impl Sampling {
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

/// A plug-in with its optional name; dereferences to the plug-in. Clones share the plug-in, which never changes.
pub struct Node<T: ?Sized, X = Bare> {
    name: Option<String>,
    extra: X,
    plug_in: Arc<T>,
}

/// A fault in a document.
pub type FaultNode = Node<dyn DynFault>;
/// A trigger in a document.
pub type TriggerNode = Node<dyn DynTrigger>;
/// A probe in a document.
pub type ProbeNode = Node<dyn DynProbe>;
/// A probe that is asked again and again while a fault is in force.
pub type SampledProbe = Node<dyn DynProbe, Sampling>;
/// A probe that must turn to yes in time.
pub type WithinProbe = Node<dyn DynProbe, Within>;

impl<T: ?Sized, X: Default> Node<T, X> {
    /// A node without a name.
    pub fn new(plug_in: Box<T>) -> Self {
        Self { name: None, extra: X::default(), plug_in: plug_in.into() }
    }
}

impl<T: ?Sized, X> Node<T, X> {
    /// The name that its author gave it.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The keys that stand beside the plug-in's own.
    pub fn extra(&self) -> &X {
        &self.extra
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

impl<T: ?Sized, X: Clone> Clone for Node<T, X> {
    fn clone(&self) -> Self {
        Self { name: self.name.clone(), extra: self.extra.clone(), plug_in: Arc::clone(&self.plug_in) }
    }
}

impl<T: ?Sized, X> Deref for Node<T, X> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.plug_in
    }
}

impl<T: ?Sized + Debug, X> Debug for Node<T, X> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.plug_in.fmt(f)
    }
}

impl<T: ?Sized + TypeName, X> Node<T, X> {
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

type_names!(DynFault, DynTrigger, DynProbe);

impl<T, X> Serialize for Node<T, X>
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

impl<'de, T, X> Deserialize<'de> for Node<T, X>
where
    T: ?Sized + PlugIn,
    Box<T>: Deserialize<'de>,
    X: Extra,
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(NodeVisitor::<T, X>(PhantomData))
    }
}

struct NodeVisitor<T: ?Sized, X>(PhantomData<(Box<T>, X)>);

impl<'de, T, X> Visitor<'de> for NodeVisitor<T, X>
where
    T: ?Sized + PlugIn,
    Box<T>: Deserialize<'de>,
    X: Extra,
{
    type Value = Node<T, X>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a {} (a mapping with a `type`)", T::KIND.word())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut beside = Map::new();
        let mut early = Vec::new();
        let tag = loop {
            match map.next_key::<String>()? {
                Some(key) if key == "type" => break map.next_value::<String>()?,
                // The type does not come first, so what precedes it is kept and replayed behind it.
                Some(key) => early.push((key, map.next_value::<Value>()?)),
                None => return Err(de::Error::missing_field("type")),
            }
        };
        let descriptor = T::registry().get(&tag).map_err(de::Error::custom)?;
        let access = TypeThenRest {
            tag: Some(descriptor.name),
            early: early.into_iter(),
            pending: None,
            map,
            beside: &mut beside,
            beside_keys: X::KEYS,
        };
        let plug_in = Box::<T>::deserialize(de::value::MapAccessDeserializer::new(access))?;
        let name = match beside.remove("name") {
            None | Some(Value::Null) => None,
            Some(Value::String(name)) => Some(name),
            Some(_) => return Err(de::Error::custom("`name` must be a string")),
        };
        let extra = parse(&Value::Object(beside)).map_err(de::Error::custom)?;
        Ok(Node { name, extra, plug_in: plug_in.into() })
    }
}

/// Yields the canonical tag, then the plug-in's own keys; what stands beside them goes into `beside`.
struct TypeThenRest<'m, A> {
    tag: Option<&'static str>,
    early: std::vec::IntoIter<(String, Value)>,
    pending: Option<Pending>,
    map: A,
    beside: &'m mut Map<String, Value>,
    beside_keys: &'static [&'static str],
}

enum Pending {
    Tag(&'static str),
    Early(Value),
}

impl<A> TypeThenRest<'_, A> {
    fn is_beside(&self, key: &str) -> bool {
        key == "name" || self.beside_keys.contains(&key)
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for TypeThenRest<'_, A> {
    type Error = A::Error;

    fn next_key_seed<K: de::DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        if let Some(tag) = self.tag.take() {
            self.pending = Some(Pending::Tag(tag));
            return seed.deserialize(de::value::StrDeserializer::new("type")).map(Some);
        }
        while let Some((key, value)) = self.early.next() {
            if self.is_beside(&key) {
                self.beside.insert(key, value);
                continue;
            }
            self.pending = Some(Pending::Early(value));
            return seed.deserialize(de::value::StringDeserializer::new(key)).map(Some);
        }
        while let Some(key) = self.map.next_key::<String>()? {
            if self.is_beside(&key) {
                let value = self.map.next_value()?;
                self.beside.insert(key, value);
                continue;
            }
            return seed.deserialize(de::value::StringDeserializer::new(key)).map(Some);
        }
        Ok(None)
    }

    fn next_value_seed<V: de::DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        match self.pending.take() {
            Some(Pending::Tag(tag)) => seed.deserialize(de::value::StrDeserializer::new(tag)),
            Some(Pending::Early(value)) => seed.deserialize(value).map_err(de::Error::custom),
            None => self.map.next_value_seed(seed),
        }
    }
}

impl<T, X> schemars::JsonSchema for Node<T, X>
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
