//! Arguments that a model gives to the tool of a fault, down to the entry that they make.

use chaos_schema::{KindHint, LoadOptions, authors_target, check_value, read_value};
use serde_json::{Value, json};

use super::model_reply::{Offered, decoded, offered};
use crate::documents::{Dice, Maker};
use crate::target::{Breach, FuzzTarget};

/// The first byte of an input names the tool, and how often its arguments are encoded.
pub(super) struct ToolArguments {
    tools: &'static [Offered],
    makers: Vec<Maker<'static>>,
}

impl ToolArguments {
    pub(super) fn new() -> Self {
        // As long as the program: the makers look into the schemas.
        let tools: &'static [Offered] = Box::leak(offered().into_boxed_slice());
        Self { tools, makers: tools.iter().map(|tool| Maker::new(&tool.0.parameters)).collect() }
    }
}

impl FuzzTarget for ToolArguments {
    fn make(&mut self, dice: &mut Dice) -> Vec<u8> {
        let at = dice.below(self.makers.len());
        let (arguments, _) = self.makers[at].document(dice);
        let way = u8::try_from(at + 32 * dice.below(3)).unwrap_or(0);
        [&[way], arguments.to_string().as_bytes()].concat()
    }

    fn feed(&self, input: &[u8]) -> Result<bool, Breach> {
        let Some((way, text)) = input.split_first() else { return Ok(false) };
        let text = String::from_utf8_lossy(text);
        let raw = match way / 32 {
            0 => Value::from(&*text),
            1 => Value::from(Value::from(&*text).to_string()),
            _ => serde_json::from_str(&text).unwrap_or(Value::Null),
        };
        let tool = &self.tools[usize::from(way % 32) % self.tools.len()].0;
        let Some(Value::Object(mut action)) = decoded(&raw, &tool.parameters)? else { return Ok(false) };
        let hold = action.remove("duration_seconds");
        action.insert("type".to_owned(), json!(tool.name));
        let fault = chaos_core::FAULTS.get(&tool.name).ok();
        // What only an author may choose, the author has.
        if let Some((fault, key)) = fault.and_then(|fault| Some((fault, authors_target(fault)?))) {
            let example = fault.example().and_then(|text| read_value(&text, "example.yaml").ok());
            action.entry(key.as_str()).or_insert_with(|| example.unwrap_or_default()[key.as_str()].clone());
        }
        let mut entry = json!({"trigger": {"type": "immediate"}, "action": action});
        if let Some(hold) = hold {
            // Of a fault that runs to its own end it is a parameter.
            let sustained = fault.is_some_and(|fault| fault.span == Some(chaos_core::Span::Sustained));
            let at = if sustained { &mut entry } else { &mut entry["action"] };
            at["duration_seconds"] = hold;
        }
        Ok(check_value(&entry, "entry", &LoadOptions::of(KindHint::Entry)).document.is_some())
    }
}
