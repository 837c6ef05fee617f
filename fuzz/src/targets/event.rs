//! Events of a live run, read from its control socket.

use std::sync::LazyLock;

use chaos_core::{Event, visible};
use chaos_runner::event_schema;
use serde_json::{Value, json};

use super::hostile::hostile_texts;
use crate::documents::{Dice, Maker};
use crate::target::{Breach, FuzzTarget};

static SCHEMA: LazyLock<Value> = LazyLock::new(event_schema);

pub(super) struct EventLines(Maker<'static>);

impl EventLines {
    pub(super) fn new() -> Self {
        Self(Maker::new(&SCHEMA))
    }
}

impl FuzzTarget for EventLines {
    fn make(&mut self, dice: &mut Dice) -> Vec<u8> {
        let (mut event, _) = self.0.document(dice);
        // Beside the members of its kind.
        for (key, value) in
            [("seq", json!(dice.below(99))), ("at_seconds", json!(1.5)), ("path", json!("/chaos_spec/0"))]
        {
            event[key] = value;
        }
        hostile_texts(&mut event, dice);
        event.to_string().into_bytes()
    }

    fn feed(&self, input: &[u8]) -> Result<bool, Breach> {
        let Ok(event) = serde_json::from_slice::<Event>(input) else { return Ok(false) };
        let written = serde_json::to_string(&event).map_err(|error| Breach(format!("{event:?}: {error}")))?;
        let again = serde_json::from_str::<Event>(&written).map(|again| serde_json::to_string(&again));
        if !matches!(&again, Ok(Ok(same)) if *same == written) {
            return Err(Breach(format!("an event changes when it is written as {written}: {again:?}")));
        }
        let detail = event.kind.detail();
        if detail.len() > 16 * (input.len() + 4096) {
            return Err(Breach(format!("{} bytes of detail", visible(&detail).len())));
        }
        Ok(true)
    }
}
