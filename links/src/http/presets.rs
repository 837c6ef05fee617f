//! What the presets are made of: an effect, the requests that it is about, and a rewriting of answers.

mod anthropic;
mod arguments;
#[cfg(test)]
mod broken_bodies;
mod choices;
mod events;
mod exchange;
#[cfg(test)]
mod for_tests;
mod refusal;
mod rpc;
mod tool;
mod tool_call;
mod wrong;

use std::time::Duration;

use chaos_core::{DurationText, HttpEffect, HttpPlace, HttpPreset, HttpStall};
pub(crate) use exchange::{Exchange, IsAbout, Rewrite};
use hyper::Method;
use hyper::http::request::Parts;

/// What a preset does.
#[derive(Debug, Clone)]
pub(crate) struct Preset {
    /// What becomes of a request; with a `rewrite`, nothing.
    pub(crate) effect: HttpEffect,
    /// Which requests it is about, told by the whole request; `None`: all. The others pass unharmed and are not counted.
    pub(crate) is_about: Option<IsAbout>,
    /// What becomes of an answer.
    pub(crate) rewrite: Option<Rewrite>,
}

/// How long the first token takes: longer than people wait, shorter than the usual limits of clients.
const FIRST_TOKEN: Duration = Duration::from_secs(10);
/// Where a stream ends: the first event of a chat completion has the role alone, the second one the first words.
const EVENTS_BEFORE_THE_CUT: u32 = 2;

/// What a preset does to requests with this head.
pub(crate) fn of(preset: HttpPreset, head: &Parts) -> Preset {
    match preset {
        HttpPreset::LlmRateLimited => effect(refusal::rate_limited(head)),
        HttpPreset::LlmOverloaded => effect(refusal::overloaded(head)),
        HttpPreset::LlmCutStream => {
            let cut = HttpPlace { after_bytes: None, after_events: Some(EVENTS_BEFORE_THE_CUT) };
            Preset {
                is_about: Some(asks_for_a_stream),
                ..effect(HttpEffect { cut: Some(cut), ..HttpEffect::default() })
            }
        }
        HttpPreset::LlmMalformedToolCall => rewrite(tool_call::is_about, tool_call::malformed),
        HttpPreset::LlmEmptyChoices => rewrite(is_post, choices::emptied),
        HttpPreset::LlmSlowFirstToken => effect(silence(Some(FIRST_TOKEN))),
        HttpPreset::ToolError => rewrite(rpc::calls_a_tool, tool::fails),
        HttpPreset::ToolWrongResult => rewrite(rpc::calls_a_tool, wrong::is_wrong),
        HttpPreset::ToolTimeout => Preset { is_about: Some(rpc::calls_a_tool), ..effect(silence(None)) },
        // A preset of a newer vocabulary does nothing; whoever reads documents refuses it by its name.
        _ => effect(HttpEffect::default()),
    }
}

fn effect(effect: HttpEffect) -> Preset {
    Preset { effect, is_about: None, rewrite: None }
}

fn rewrite(is_about: IsAbout, rewrite: Rewrite) -> Preset {
    Preset { effect: HttpEffect::default(), is_about: Some(is_about), rewrite: Some(rewrite) }
}

/// The head of the answer, and then nothing.
fn silence(lasts: Option<Duration>) -> HttpEffect {
    let stall = HttpStall { after_bytes: Some(0), after_events: None, lasts: lasts.map(DurationText::from) };
    HttpEffect { stall: Some(stall), ..HttpEffect::default() }
}

fn is_post(head: &Parts, _: &[u8]) -> bool {
    head.method == Method::POST
}

fn asks_for_a_stream(_: &Parts, request: &[u8]) -> bool {
    exchange::json(request).is_some_and(|request| request["stream"] == true)
}
