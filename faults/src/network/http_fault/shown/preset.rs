//! What a request of our own shows of a preset.

use std::time::Duration;

use chaos_core::HttpPreset;
use serde_json::Value;

use super::tried::{ANSWER, LONGEST, NotShown, SILENCE, Tried};

/// What the first token of the server's stream says.
const FIRST_TOKEN: &str = "\"It ";

/// How long the request may take.
pub(super) fn wait(preset: Option<HttpPreset>) -> Duration {
    match preset {
        Some(HttpPreset::LlmSlowFirstToken) => LONGEST,
        Some(HttpPreset::ToolTimeout) => SILENCE,
        _ => ANSWER,
    }
}

impl Tried<'_> {
    pub(super) fn preset(&self, preset: HttpPreset) -> Result<String, NotShown> {
        let trial = self.trial;
        let status = trial.status.map_or("no answer".to_owned(), |status| format!("status {status}"));
        let told = |is_shown: bool, words: String| {
            if is_shown { Ok(words) } else { Err(NotShown(format!("{words}: {}", self.error()))) }
        };
        match preset {
            HttpPreset::LlmRateLimited => {
                let after = trial.headers.get("retry-after").map_or("none", String::as_str);
                told(trial.status == Some(429) && after != "none", format!("{status}, `Retry-After` {after}"))
            }
            // Anthropic's API has a status of its own for it.
            HttpPreset::LlmOverloaded => told(matches!(trial.status, Some(503 | 529)), status),
            HttpPreset::LlmCutStream => {
                let is_cut = !trial.is_complete && !self.is_silent() && trial.error.is_some();
                let is_part = trial.body_bytes > 0 && !trial.body.contains("[DONE]");
                let words =
                    format!("{status}, {} of {} bytes of the stream came", trial.body_bytes, trial.server_bytes);
                told(trial.status == Some(200) && is_cut && is_part, words)
            }
            HttpPreset::LlmMalformedToolCall => {
                let body = self.json()?;
                let arguments = body["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"].as_str();
                let is_broken = arguments.is_some_and(|text| serde_json::from_str::<Value>(text).is_err());
                told(
                    is_broken,
                    format!("{status}, the arguments of the tool call are `{}`", arguments.unwrap_or("not there")),
                )
            }
            HttpPreset::LlmEmptyChoices => {
                let choices = self.json()?["choices"].as_array().map(Vec::len);
                told(
                    choices == Some(0),
                    format!("{status}, {} choices", choices.map_or("no".to_owned(), |count| count.to_string())),
                )
            }
            HttpPreset::LlmSlowFirstToken => {
                let is_late = self.is_silent() && !trial.body.contains(FIRST_TOKEN);
                let words = format!("{status}, {} bytes within {} s", trial.body_bytes, self.wait.as_secs());
                told(trial.status == Some(200) && is_late, words)
            }
            HttpPreset::ToolError => {
                let is_error = self.json()?["result"]["isError"] == true;
                told(is_error, format!("{status}, `isError` is {is_error}"))
            }
            HttpPreset::ToolWrongResult => {
                let result = &self.json()?["result"]["structuredContent"];
                let is_wrong = result["celsius"].is_number() && result["celsius"] != 21;
                told(is_wrong, format!("{status}, 21 degrees are {}", result["celsius"]))
            }
            HttpPreset::ToolTimeout => {
                let is_shown = trial.served > 0 && trial.body_bytes == 0 && self.is_silent();
                told(
                    is_shown,
                    format!("the server got it {} times, {} bytes came back", trial.served, trial.body_bytes),
                )
            }
            _ => Err(NotShown(format!("`{}` is not known to the check", preset.name()))),
        }
    }

    /// The body, of which all is kept: ours is short.
    fn json(&self) -> Result<Value, NotShown> {
        serde_json::from_str(&self.trial.body).map_err(|error| NotShown(format!("the body is not JSON: {error}")))
    }
}
