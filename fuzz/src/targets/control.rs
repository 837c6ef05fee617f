//! Requests on the control socket, entries to start among them.

use chaos_runner::{ControlReply, ControlRequest};
use chaos_schema::{KindHint, LoadOptions, check_value};
use serde_json::json;

use super::document::SCHEMAS;
use crate::documents::{Dice, Maker};
use crate::target::{Breach, FuzzTarget};

pub(super) struct Control(Maker<'static>);

impl Control {
    pub(super) fn new() -> Self {
        Self(Maker::new(&SCHEMAS[1]))
    }
}

impl FuzzTarget for Control {
    fn make(&mut self, dice: &mut Dice) -> Vec<u8> {
        let request = match dice.below(6) {
            0 => json!({"verb": "status"}),
            1 => json!({"verb": "release", "entry": "0"}),
            2 => json!({"verb": "cancel"}),
            3 => json!({"verb": "events"}),
            _ => json!({"verb": "start", "entry": self.0.document(dice).0}),
        };
        request.to_string().into_bytes()
    }

    fn feed(&self, input: &[u8]) -> Result<bool, Breach> {
        drop(serde_json::from_slice::<ControlReply>(input));
        let Ok(request) = serde_json::from_slice::<ControlRequest>(input) else { return Ok(false) };
        let again = serde_json::to_vec(&request).ok().and_then(|text| serde_json::from_slice(&text).ok());
        if again.as_ref() != Some(&request) {
            return Err(Breach(format!("a request changes when it is written: {request:?}")));
        }
        if let ControlRequest::Start { entry } = &request {
            return Ok(check_value(entry, "entry", &LoadOptions::of(KindHint::Entry)).document.is_some());
        }
        Ok(true)
    }
}
