//! Reads a mapping with a `type` through the registry: the one way from a document or a journal to a plug-in.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::value::{MapAccessDeserializer, StringDeserializer};
use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde_json::{Map, Value};

use super::fault::DynFault;
use super::probe::DynProbe;
use super::registry::PlugIn;
use super::trigger::DynTrigger;
use crate::{DynNode, DynSource, DynStep, DynUndoStep};

/// A plug-in, and the keys that stood beside its own.
pub(super) struct Tagged<T: ?Sized> {
    pub(super) plug_in: Box<T>,
    pub(super) beside: Map<String, Value>,
}

/// Reads a plug-in; keys that are `beside` its own are set aside.
pub(super) fn read_tagged<'de, T, D>(deserializer: D, is_beside: &dyn Fn(&str) -> bool) -> Result<Tagged<T>, D::Error>
where
    T: ?Sized + PlugIn,
    D: Deserializer<'de>,
{
    deserializer.deserialize_map(TaggedVisitor { is_beside, _of: PhantomData })
}

macro_rules! boxes {
    ($($trait:ident),*) => {$(
        impl<'de> Deserialize<'de> for Box<dyn $trait> {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Ok(read_tagged::<dyn $trait, D>(deserializer, &|_| false)?.plug_in)
            }
        }
    )*};
}

boxes!(DynFault, DynTrigger, DynProbe, DynNode, DynSource, DynStep, DynUndoStep);

struct TaggedVisitor<'b, T: ?Sized> {
    is_beside: &'b dyn Fn(&str) -> bool,
    _of: PhantomData<fn() -> Box<T>>,
}

impl<'de, T: ?Sized + PlugIn> Visitor<'de> for TaggedVisitor<'_, T> {
    type Value = Tagged<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a {} (a mapping with a `type`)", T::KIND.word())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
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
        let mut beside = Map::new();
        let rest =
            Rest { early: early.into_iter(), pending: None, map, beside: &mut beside, is_beside: self.is_beside };
        let mut rest = <dyn erased_serde::Deserializer<'_>>::erase(MapAccessDeserializer::new(rest));
        let plug_in = (descriptor.deserialize)(&mut rest).map_err(de::Error::custom)?;
        drop(rest);
        Ok(Tagged { plug_in, beside })
    }
}

/// Yields the plug-in's own keys; what stands beside them goes into `beside`.
struct Rest<'m, A> {
    early: std::vec::IntoIter<(String, Value)>,
    pending: Option<Value>,
    map: A,
    beside: &'m mut Map<String, Value>,
    is_beside: &'m dyn Fn(&str) -> bool,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Rest<'_, A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        for (key, value) in self.early.by_ref() {
            if (self.is_beside)(&key) {
                self.beside.insert(key, value);
                continue;
            }
            self.pending = Some(value);
            return seed.deserialize(StringDeserializer::new(key)).map(Some);
        }
        while let Some(key) = self.map.next_key::<String>()? {
            if (self.is_beside)(&key) {
                let value = self.map.next_value()?;
                self.beside.insert(key, value);
                continue;
            }
            return seed.deserialize(StringDeserializer::new(key)).map(Some);
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        match self.pending.take() {
            Some(value) => seed.deserialize(value).map_err(de::Error::custom),
            None => self.map.next_value_seed(seed),
        }
    }
}
