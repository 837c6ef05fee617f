//! Toxics: a table of their kinds, and the wrapper that holds name, stream and toxicity.

mod bandwidth;
mod black_hole;
mod corrupt;
mod duplicate;
mod latency;
mod limit_data;
mod loss;
mod reorder;
mod reset_peer;
mod slicer;
mod slow_close;
mod timeout;

use std::fmt;

use serde_json::{Map, Value};

pub use bandwidth::Bandwidth;
pub use black_hole::BlackHoleToxic;
pub use corrupt::Corrupt;
pub use duplicate::Duplicate;
pub use latency::{Distribution, LatencyToxic};
pub use limit_data::LimitData;
pub use loss::Loss;
pub use reorder::Reorder;
pub use reset_peer::ResetPeer;
pub use slicer::Slicer;
pub use slow_close::SlowClose;
pub use timeout::Timeout;

use crate::behaviour::Behaviour;
use crate::counters::Direction;
use crate::draw::Draw;
use crate::error::LinkError;
#[cfg(feature = "http")]
use crate::http::rule::Rule;
#[cfg(feature = "http")]
use crate::http::toxic::HttpToxic;
use crate::protocol::Protocol;

macro_rules! kinds {
    ($($(#[doc = $doc:literal])* $(#[cfg($($when:tt)+)])? $kind:ident($attributes:ident) = $name:literal,)+) => {
        /// What a toxic does, with its attributes.
        #[derive(Debug, Clone, PartialEq)]
        #[non_exhaustive]
        #[cfg_attr(feature = "http", expect(clippy::large_enum_variant, reason = "a link has a few, and data paths none"))]
        pub enum ToxicKind {
            $($(#[doc = $doc])* $(#[cfg($($when)+)])? $kind($attributes),)+
        }

        impl ToxicKind {
            /// The names of all types.
            pub const TYPES: &[&str] = &[$($(#[cfg($($when)+)])? $name),+];

            /// The type of this name with the attributes that it has when none are given.
            pub fn of_type(name: &str) -> Option<Self> {
                match name {
                    $($(#[cfg($($when)+)])? $name => Some(Self::$kind($attributes::default())),)+
                    _ => None,
                }
            }

            /// The name of the type.
            pub fn type_name(&self) -> &'static str {
                match self { $($(#[cfg($($when)+)])? Self::$kind(_) => $name,)+ }
            }

            /// The attributes as the control API shows them.
            pub fn attributes(&self) -> Value {
                let shown = match self { $($(#[cfg($($when)+)])? Self::$kind(kind) => serde_json::to_value(kind),)+ };
                shown.unwrap_or_default()
            }

            fn parsed(&self, attributes: Value) -> serde_json::Result<Self> {
                match self { $($(#[cfg($($when)+)])? Self::$kind(_) => serde_json::from_value(attributes).map(Self::$kind),)+ }
            }

            pub(crate) fn behaviour(&self) -> &dyn Behaviour {
                match self { $($(#[cfg($($when)+)])? Self::$kind(kind) => kind,)+ }
            }
        }
    };
}

kinds! {
    /// Delays what passes.
    Latency(LatencyToxic) = "latency",
    /// Limits the rate.
    Bandwidth(Bandwidth) = "bandwidth",
    /// Delays the end of a stream.
    SlowClose(SlowClose) = "slow_close",
    /// Drops what comes, and closes the connection after a time.
    Timeout(Timeout) = "timeout",
    /// Resets the connection.
    ResetPeer(ResetPeer) = "reset_peer",
    /// Cuts the stream into small pieces.
    Slicer(Slicer) = "slicer",
    /// Closes the connection after a number of bytes.
    LimitData(LimitData) = "limit_data",
    /// Loses datagrams; on TCP, stalls as a lost segment makes them.
    Loss(Loss) = "loss",
    /// Swallows connections.
    BlackHole(BlackHoleToxic) = "black_hole",
    /// Sends datagrams twice.
    Duplicate(Duplicate) = "duplicate",
    /// Lets later datagrams overtake.
    Reorder(Reorder) = "reorder",
    /// Changes bytes of datagrams.
    Corrupt(Corrupt) = "corrupt",
    /// Breaks answers of HTTP.
    #[cfg(feature = "http")]
    Http(HttpToxic) = "http",
}

impl ToxicKind {
    /// The same kind with some attributes replaced. As the API has it since its beginning, names are read in any case,
    /// and `null` and unknown names change nothing.
    pub(crate) fn overlaid(&self, given: &Map<String, Value>) -> Result<Self, LinkError> {
        let mut all = match self.attributes() {
            Value::Object(all) => all,
            _ => Map::new(),
        };
        for (name, value) in given.iter().filter(|(_, value)| !value.is_null()) {
            #[cfg(feature = "http")]
            if let Self::Http(_) = self {
                HttpToxic::make_room(&mut all, name);
            }
            all.insert(name.to_lowercase(), value.clone());
        }
        self.parsed(Value::Object(all)).map_err(|error| LinkError::BadBody(error.to_string()))
    }

    /// Whether it does anything on links of a protocol.
    pub(crate) fn acts_on(&self, protocol: Protocol) -> bool {
        match self {
            Self::Duplicate(_) | Self::Reorder(_) | Self::Corrupt(_) => protocol == Protocol::Udp,
            Self::SlowClose(_) | Self::Slicer(_) | Self::LimitData(_) | Self::ResetPeer(_) => {
                protocol.has_connections()
            }
            Self::Latency(_) | Self::Bandwidth(_) | Self::Timeout(_) | Self::Loss(_) | Self::BlackHole(_) => true,
            #[cfg(feature = "http")]
            Self::Http(_) => protocol == Protocol::Http,
        }
    }
}

/// A toxic as it is asked for and shown.
#[derive(Debug, Clone, PartialEq)]
pub struct ToxicSpec {
    /// Its name, unique on its link.
    pub name: String,
    /// What it does.
    pub kind: ToxicKind,
    /// The way on which it acts.
    pub stream: Direction,
    /// The share of connections on which it acts, from 0 (none) to 1 (all). Drawn once for each connection.
    pub toxicity: f32,
}

impl ToxicSpec {
    /// A toxic that acts on every connection, named for its type and stream.
    pub fn new(kind: ToxicKind, stream: Direction) -> Self {
        Self { name: format!("{}_{}", kind.type_name(), stream.name()), kind, stream, toxicity: 1.0 }
    }
}

/// A toxic on a link. The identity tells a toxic from a later one of the same name.
pub(crate) struct Toxic {
    pub(crate) identity: u64,
    pub(crate) spec: ToxicSpec,
    /// What it does to requests, and its counts.
    #[cfg(feature = "http")]
    pub(crate) rule: Option<std::sync::Arc<Rule>>,
}

impl fmt::Debug for Toxic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.spec.name, self.identity)
    }
}

impl Toxic {
    /// A toxic of a link.
    #[cfg(feature = "http")]
    pub(crate) fn new(identity: u64, spec: ToxicSpec) -> Result<Self, LinkError> {
        let rule = match &spec.kind {
            ToxicKind::Http(HttpToxic(rule)) => Some(std::sync::Arc::new(Rule::new(rule)?)),
            _ => None,
        };
        Ok(Self { identity, spec, rule })
    }

    /// A toxic of a link.
    #[cfg(not(feature = "http"))]
    #[expect(clippy::unnecessary_wraps, reason = "the other build checks rules")]
    pub(crate) fn new(identity: u64, spec: ToxicSpec) -> Result<Self, LinkError> {
        Ok(Self { identity, spec })
    }

    /// The same toxic with something else to do.
    pub(crate) fn replaced(&self, spec: ToxicSpec) -> Result<Self, LinkError> {
        #[cfg(feature = "http")]
        if self.spec.kind == spec.kind {
            return Ok(Self { identity: self.identity, spec, rule: self.rule.clone() });
        }
        Self::new(self.identity, spec)
    }

    /// Whether it acts on a connection. The draw hangs on seed, link, connection and name, and on nothing else, so that
    /// toxics that come and go move no other's.
    pub(crate) fn acts_on(&self, connection: Draw) -> bool {
        connection.named(&self.spec.name).unit(0) < f64::from(self.spec.toxicity)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn toxic(toxicity: f32) -> Toxic {
        let spec =
            ToxicSpec { toxicity, ..ToxicSpec::new(ToxicKind::Latency(LatencyToxic::default()), Direction::Upstream) };
        Toxic::new(1, spec).unwrap()
    }

    #[test]
    fn toxicity_is_never_always_or_a_share_and_grows_by_adding() {
        let link = Draw::of_seed(11).named("link");
        let acted = |toxicity: f32| -> Vec<u64> {
            (0..1000).filter(|connection| toxic(toxicity).acts_on(link.of(*connection))).collect()
        };
        assert!(acted(0.0).is_empty());
        assert_eq!(acted(1.0).len(), 1000);
        let (some, more) = (acted(0.3), acted(0.6));
        assert!((250..350).contains(&some.len()), "{}", some.len());
        assert!(some.iter().all(|connection| more.contains(connection)), "a raised toxicity keeps whom it had");
        assert_eq!(some, acted(0.3));
    }

    #[test]
    fn attributes_are_overlaid_as_the_api_has_them() {
        let base = ToxicKind::of_type("latency").unwrap();
        let given = |text: &str| serde_json::from_str::<Map<String, Value>>(text).unwrap();
        let both = base.overlaid(&given(r#"{"LATENCY": 20, "jitter": 5, "what": 1}"#)).unwrap();
        assert_eq!(both.attributes(), serde_json::json!({"latency": 20, "jitter": 5}));
        let one = both.overlaid(&given(r#"{"latency": 30, "jitter": null}"#)).unwrap();
        assert_eq!(one.attributes(), serde_json::json!({"latency": 30, "jitter": 5}));
        assert!(one.overlaid(&given(r#"{"latency": "x"}"#)).is_err());
    }

    #[test]
    fn every_type_is_found_by_its_name() {
        for name in ToxicKind::TYPES {
            assert_eq!(ToxicKind::of_type(name).unwrap().type_name(), *name);
        }
        assert!(ToxicKind::of_type("noop").is_none());
    }
}
