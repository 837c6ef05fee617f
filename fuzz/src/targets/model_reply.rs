//! Answers of model servers, as JSON and as server-sent events, down to the arguments of calls.

use std::collections::BTreeSet;

use chaos_agent::{BoxFuture, Tool, ToolReply, parsers};
use chaos_core::FAULTS;
use chaos_schema::{FunctionTool, tools};
use serde_json::{Value, json};

use crate::documents::Dice;
use crate::target::{Breach, FuzzTarget};

/// A tool that is offered and never called.
pub(super) struct Offered(pub(super) FunctionTool);

impl Tool for Offered {
    fn name(&self) -> &str {
        &self.0.name
    }

    fn description(&self) -> &str {
        &self.0.description
    }

    fn parameters(&self) -> Value {
        self.0.parameters.clone()
    }

    fn call(&self, _: Value) -> BoxFuture<'_, ToolReply> {
        Box::pin(async { ToolReply::done("") })
    }
}

/// The tools of all faults.
pub(super) fn offered() -> Vec<Offered> {
    tools(FAULTS.all().iter().copied()).into_iter().map(Offered).collect()
}

/// The first byte of an input is the type of its content.
pub(super) struct Replies(Vec<Offered>);

impl Replies {
    pub(super) fn new() -> Self {
        Self(offered())
    }

    fn message(&self, dice: &mut Dice) -> Value {
        let content = dice
            .pick(&[json!("done"), json!(null), json!(""), json!([{"type": "text", "text": "a"}]), json!("\u{202e}")])
            .clone();
        let mut message = json!({"role": "assistant", "content": content});
        let calls: Vec<Value> = (0..dice.below(4)).map(|number| self.call(number, dice)).collect();
        match dice.below(8) {
            0 => message["tool_calls"] = json!(calls.first()),
            1 => message["tool_calls"] = json!(json!(calls).to_string()),
            2 if !calls.is_empty() => message["function_call"] = calls[0]["function"].clone(),
            _ if calls.is_empty() => {}
            _ => message["tool_calls"] = json!(calls),
        }
        if dice.below(3) == 0 {
            message["reasoning_content"] = json!("hm");
        }
        message
    }

    fn call(&self, number: usize, dice: &mut Dice) -> Value {
        let tool = &self.0[dice.below(self.0.len())].0.name;
        let name = dice
            .pick(&[tool.clone(), format!("functions.{tool}:0"), format!("{tool}<|channel|>x"), String::new()])
            .clone();
        let arguments = dice
            .pick(&[
                json!("{\"qps\": 5}"),
                json!({"qps": "5"}),
                json!(""),
                json!(null),
                json!("\"{}\""),
                json!("{\"a\":"),
            ])
            .clone();
        json!({"id": format!("c{}", number / 2), "type": "function", "function": {"name": name, "arguments": arguments}})
    }
}

/// A message as events: arguments and text in pieces.
fn events(message: &Value, dice: &mut Dice) -> String {
    let mut text = String::from(*dice.pick(&["", ": keep-alive\n\n", "event: message\r\n"]));
    let mut say = |delta: Value, finish: Value| {
        text += &format!("data: {}\n\n", json!({"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}));
    };
    if let Some(content) = message["content"].as_str() {
        let middle = content.char_indices().nth(content.chars().count() / 2).map_or(0, |(at, _)| at);
        say(json!({"role": "assistant", "content": content[..middle]}), Value::Null);
        say(json!({"content": content[middle..]}), Value::Null);
    }
    for (index, call) in message["tool_calls"].as_array().into_iter().flatten().enumerate() {
        let mut first = call.clone();
        first["index"] = json!(index);
        let rest = match first["function"]["arguments"].as_str() {
            Some(arguments) if arguments.is_ascii() && arguments.len() > 1 => arguments[1..].to_owned(),
            _ => String::new(),
        };
        if !rest.is_empty() {
            first["function"]["arguments"] = json!(call["function"]["arguments"].as_str().unwrap_or_default()[..1]);
        }
        say(json!({"tool_calls": [first]}), Value::Null);
        say(json!({"tool_calls": [{"index": index, "function": {"arguments": rest}}]}), Value::Null);
    }
    say(json!({}), json!("stop"));
    text + *dice.pick(&[
        "data: [DONE]\n\n",
        "data: {\"choices\": [], \"usage\": {\"prompt_tokens\": 3, \"completion_tokens\": 4}}\n\ndata: [DONE]\n",
    ])
}

impl FuzzTarget for Replies {
    fn make(&mut self, dice: &mut Dice) -> Vec<u8> {
        let message = self.message(dice);
        let way = u8::try_from(dice.below(3)).unwrap_or(0);
        let usage = json!({"prompt_tokens": dice.below(1000), "completion_tokens": 4});
        let body = match way {
            2 => events(&message, dice),
            _ => json!({"choices": [{"message": message, "finish_reason": "stop"}], "usage": usage}).to_string(),
        };
        [&[way], body.as_bytes()].concat()
    }

    fn words(&self) -> &'static [&'static str] {
        &[
            "data: ",
            "data: [DONE]\n\n",
            "\n\n",
            "event: error\n",
            "\"error\": {\"code\": 429}",
            "\"index\":0",
            "\"tool_calls\":",
            "Please try again in 9999999999999999999999h",
            "\\\"",
            "\\ud800",
            "\u{feff}",
        ]
    }

    fn feed(&self, input: &[u8]) -> Result<bool, Breach> {
        let Some((way, body)) = input.split_first() else { return Ok(false) };
        let kind = [None, Some("application/json"), Some("text/event-stream")][usize::from(way % 3)];
        let turn = match parsers::turn(kind, body) {
            Ok(turn) => turn,
            Err(error) => return told(&error.to_string()),
        };
        let tools: Vec<&dyn Tool> = self.0.iter().map(|tool| tool as &dyn Tool).collect();
        let read = match parsers::message(turn.message, &tools) {
            Ok(read) => read,
            Err(error) => return told(&error.to_string()),
        };
        let again = parsers::message(read.message.clone(), &tools)
            .map_err(|error| Breach(format!("the history is refused: {error}")))?;
        if again.message != read.message || again.calls.len() != read.calls.len() {
            return Err(Breach(format!("the history changes when it is read: {} {}", read.message, again.message)));
        }
        let mut ids = BTreeSet::new();
        for call in read.message["tool_calls"].as_array().into_iter().flatten() {
            let arguments = call["function"]["arguments"].as_str().map(serde_json::from_str::<Value>);
            let is_object = matches!(arguments, Some(Ok(Value::Object(_))));
            if !is_object || !ids.insert(call["id"].as_str().unwrap_or_default()) || call["id"] == "" {
                return Err(Breach(format!("a call that servers refuse: {call}")));
            }
        }
        let mut all = true;
        for (name, arguments) in &read.calls {
            let tool = self.0.iter().find(|tool| tool.0.name == *name);
            let known = tool.is_some_and(|tool| decoded(arguments, &tool.0.parameters).is_ok());
            all &= known || tool.is_none() || !arguments.is_null();
        }
        Ok(all)
    }
}

/// Arguments that were read are read the same again.
pub(super) fn decoded(raw: &Value, schema: &Value) -> Result<Option<Value>, Breach> {
    let Ok(first) = parsers::arguments(raw, schema) else { return Ok(None) };
    match parsers::arguments(&first, schema) {
        Ok(second) if second == first => Ok(Some(first)),
        other => Err(Breach(format!("{raw} is read as {first}, and that as {other:?}"))),
    }
}

/// A refusal is short.
fn told(why: &str) -> Result<bool, Breach> {
    if why.is_empty() || why.len() > 2_000 {
        Err(Breach(format!("a reason of {} bytes: {why}", why.len())))
    } else {
        Ok(false)
    }
}
