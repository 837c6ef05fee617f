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
