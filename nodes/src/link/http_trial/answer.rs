//! What the server of a trial answers: a body that the rule has something to do with.

use chaos_core::{HttpEffect, HttpPlace, HttpRule};
use serde_json::{Value, json};

use super::no_trial::NoTrial;
use super::request::is_streamed;

/// The longest body, in bytes.
const MOST_BYTES: u64 = 4 << 20;

/// The most events of a stream.
const MOST_EVENTS: u32 = 10_000;

/// What comes behind the place of a cut or a stall, in bytes and in events.
const BEHIND: (u64, u32) = (1024, 3);

/// An answer of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TrialAnswer {
    headers: Vec<(String, String)>,
    /// Each is sent in one piece, framed as a chunk where there are several.
    pieces: Vec<Vec<u8>>,
    is_stream: bool,
}

impl TrialAnswer {
    /// The answer to a request that fits a rule: events where the rule speaks of them, and long enough.
    ///
    /// # Errors
    /// Where it would be too long.
    pub(super) fn to(rule: &HttpRule) -> Result<Self, NoTrial> {
        let nothing = HttpEffect::default();
        let effect = rule.effect.as_ref().unwrap_or(&nothing);
        let place = effect.cut.or(effect.stall.map(|stall| stall.place())).unwrap_or_default();
        let is_stream = place.after_events.is_some() || rule.preset.is_some_and(is_streamed);
        let pieces = match rule.preset {
            Some(preset) if is_stream => model_events(preset.name()),
            Some(preset) if preset.name().starts_with("llm_") => vec![completion()],
            Some(_) => vec![tool_result()],
            None => plain(place, effect)?,
        };
        let kind = match rule.preset {
            _ if is_stream => "text/event-stream",
            Some(_) => "application/json",
            None => "text/plain",
        };
        let mut headers = vec![("content-type".to_owned(), kind.to_owned())];
        // What is taken away has to be there.
        for name in effect.change.iter().flat_map(|change| &change.remove_headers) {
            let name = name.as_str().to_ascii_lowercase();
            if name != "content-type" && name != "date" {
                headers.push((name, "1".to_owned()));
            }
        }
        Ok(Self { headers, pieces, is_stream })
    }

    /// Its headers beside those of the framing, by names in lower case.
    pub(super) fn headers(&self) -> &[(String, String)] {
        &self.headers
    }

    /// Its whole body.
    pub(super) fn body(&self) -> Vec<u8> {
        self.pieces.concat()
    }

    /// Its bytes in HTTP/1.1; to `HEAD` without the body.
    pub(super) fn bytes(&self, is_head: bool) -> Vec<u8> {
        let mut text = "HTTP/1.1 200 OK\r\n".to_owned();
        for (name, value) in &self.headers {
            text.extend([name.as_str(), ": ", value.as_str(), "\r\n"]);
        }
        let length: usize = self.pieces.iter().map(Vec::len).sum();
        if self.is_stream {
            text.push_str("transfer-encoding: chunked\r\n\r\n");
        } else {
            text.extend(["content-length: ", length.to_string().as_str(), "\r\n\r\n"]);
        }
        let mut bytes = text.into_bytes();
        if is_head {
            return bytes;
        }
        for piece in &self.pieces {
            if self.is_stream {
                bytes.extend(format!("{:x}\r\n", piece.len()).into_bytes());
            }
            bytes.extend(piece);
            if self.is_stream {
                bytes.extend(b"\r\n");
            }
        }
        if self.is_stream {
            bytes.extend(b"0\r\n\r\n");
        }
        bytes
    }
}

/// A text, or a stream of numbered events.
fn plain(place: HttpPlace, effect: &HttpEffect) -> Result<Vec<Vec<u8>>, NoTrial> {
    if let Some(events) = place.after_events {
        if events > MOST_EVENTS {
            return Err(NoTrial(format!("a stream of ours has at most {MOST_EVENTS} events")));
        }
        return Ok((0..events + BEHIND.1).map(|number| format!("data: {number}\n\n").into_bytes()).collect());
    }
    let mut bytes = place.after_bytes.unwrap_or_default().saturating_add(BEHIND.0);
    if let Some(share) = effect.corrupt {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share is above 0 and at most 1")]
        let enough = (16.0 / share.get()) as u64;
        bytes = bytes.max(enough.min(MOST_BYTES));
    }
    if bytes > MOST_BYTES {
        return Err(NoTrial(format!("a body of ours has at most {MOST_BYTES} bytes")));
    }
    Ok(vec![(b'a'..=b'z').cycle().zip(0..bytes).map(|(letter, _)| letter).collect()])
}

/// The call of a tool, in an answer of a model.
fn completion() -> Vec<u8> {
    let call = json!({
        "id": "call_1", "type": "function", "function": { "name": "weather", "arguments": "{\"city\":\"Bonn\",\"days\":3}" },
    });
    let message = json!({ "role": "assistant", "content": null, "tool_calls": [call] });
    json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1_700_000_000, "model": "trial",
        "choices": [{ "index": 0, "message": message, "finish_reason": "tool_calls" }],
        "usage": { "prompt_tokens": 9, "completion_tokens": 12, "total_tokens": 21 },
    })
    .to_string()
    .into_bytes()
}

/// The same kind of answer token by token.
fn model_events(preset: &str) -> Vec<Vec<u8>> {
    let chunk = |delta: Value, finish: Option<&str>| {
        json!({
            "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_700_000_000, "model": preset,
            "choices": [{ "index": 0, "delta": delta, "finish_reason": finish }],
        })
    };
    let mut all = vec![chunk(json!({ "role": "assistant", "content": "" }), None)];
    all.extend(
        ["It ", "rains ", "in ", "Bonn ", "to", "day", "."].map(|token| chunk(json!({ "content": token }), None)),
    );
    all.push(chunk(json!({}), Some("stop")));
    let mut events: Vec<Vec<u8>> = all.into_iter().map(|event| format!("data: {event}\n\n").into_bytes()).collect();
    events.push(b"data: [DONE]\n\n".to_vec());
    events
}

/// The result of a tool, as MCP has it.
fn tool_result() -> Vec<u8> {
    json!({
        "jsonrpc": "2.0", "id": 1,
        "result": {
            "content": [{ "type": "text", "text": "{\"celsius\": 21, \"rain\": true}" }],
            "structuredContent": { "celsius": 21, "rain": true }, "isError": false,
        },
    })
    .to_string()
    .into_bytes()
}
