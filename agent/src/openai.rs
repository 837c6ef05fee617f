//! A model behind an OpenAI-compatible chat server.
//!
//! Requests and replies stay untyped JSON on the way, so that what a vendor adds survives; one HTTP attempt is made at
//! a time, and which failures are tried again is decided here.

mod attempt;
mod client;
mod completion;
mod config;
mod failure;
mod history;
mod provider;
mod retry_after;
mod stream;

pub use client::OpenAiModel;
pub use config::{OpenAiConfig, RetryPolicy};

/// Reads the body of a successful answer, as the client does.
#[cfg(feature = "fuzz")]
pub(crate) fn read_turn(
    content_type: Option<&str>,
    body: &[u8],
) -> Result<crate::ModelTurn, Box<dyn std::error::Error + Send + Sync>> {
    let whole = attempt::whole(stream::is_stream(content_type, body), body)?;
    Ok(client::turn_in(&serde_json::from_slice(&whole)?)?)
}
