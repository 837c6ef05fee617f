//! The tool `run_command`: one `fortio load` command line instead of typed arguments.

use chaos_agent::{BoxFuture, Tool, ToolReply, parse_arguments};
use serde::Deserialize;
use serde_json::{Value, json};

use super::command::{self, CommandError};
use super::offer::Asked;
use super::one_load::OneLoad;

/// Runs one command line through the load engine; no process is ever started.
pub(super) struct RunCommand<'a> {
    pub(super) one_load: &'a OneLoad<'a>,
    pub(super) home: Option<&'a str>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    command: Value,
}

impl RunCommand<'_> {
    fn read(&self, args: &Value) -> Result<Asked, ToolReply> {
        let Arguments { command } = parse_arguments(args)?;
        let wrong = || ToolReply::failed("`command` must be a list of words, or one text");
        let words = match command {
            Value::String(text) => command::split(&text).map_err(refused)?,
            Value::Array(words) => {
                let word = |word: Value| word.as_str().map(str::to_owned).ok_or_else(wrong);
                words.into_iter().map(word).collect::<Result<_, _>>()?
            }
            _ => return Err(wrong()),
        };
        command::read(&words, self.home).map_err(refused)
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the shape of `map_err`")]
fn refused(error: CommandError) -> ToolReply {
    ToolReply::failed(error.to_string())
}

impl Tool for RunCommand<'_> {
    fn name(&self) -> &'static str {
        "run_command"
    }

    fn description(&self) -> &'static str {
        "Runs one `fortio load [flags] URL` command, without a shell. Flags, before the URL: -qps, -c, -t, -n, -uniform, \
         -jitter, -nocatchup, -timeout. Requests are sent on one open schedule, so -uniform, -jitter and -nocatchup \
         change nothing."
    }

    fn parameters(&self) -> Value {
        json!({
            "type": "object",
            "properties": {
                "command": {
                    "description": "The command's words.",
                    "anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "string"}],
                },
            },
            "required": ["command"],
            "additionalProperties": false,
        })
    }

    fn call(&self, args: Value) -> BoxFuture<'_, ToolReply> {
        Box::pin(async move {
            match self.read(&args) {
                Ok(asked) => self.one_load.make(&asked).await,
                Err(refusal) => refusal,
            }
        })
    }
}
