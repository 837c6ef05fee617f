//! A rule as a toxic.

use chaos_core::HttpRule;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::behaviour::Behaviour;

/// Does something to requests of HTTP, or to their answers. Its attributes in the control API are those of the rule:
/// `match`, and `effect` or `preset`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HttpToxic(pub HttpRule);

impl HttpToxic {
    /// Takes away what a new attribute stands in place of: a rule has an effect or a preset.
    pub(crate) fn make_room(attributes: &mut Map<String, Value>, name: &str) {
        match name.to_lowercase().as_str() {
            "effect" => attributes.remove("preset"),
            "preset" => attributes.remove("effect"),
            _ => None,
        };
    }
}

/// It leaves the bytes of a connection alone.
impl Behaviour for HttpToxic {}
