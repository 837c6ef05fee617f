//! The tool loop that lets a model call typed tools inside limits.
//!
//! A caller hands in a goal, a system text, a [`Model`] and some [`Tool`]s; [`run_tool_loop`] lets the model work with
//! them until it is done or one of the [`Limits`] ends it, and writes down everything in a transcript. The crate knows
//! no fault and no command.
//!
//! A model can be wrong, slow or hostile, and so can what a tool reads from a target: nothing that either says fails
//! the loop, goes around a tool's own checks, or leaves the bounds of the limits.
//!
//! | Module | Holds |
//! |---|---|
//! | `tool_loop` | the loop, and how one call is run |
//! | `tool`, `tool_set`, `arguments` | what a tool is, the checked set of a loop, what a model wrote as arguments |
//! | `model`, `message` | what a model is, the shapes of chat messages |
//! | `offline`, `replay`, `openai` | the models: a fixed plan, a recorded run, an OpenAI-compatible server (feature `openai`) |
//! | `limits`, `loop_clock`, `truncate` | budgets, time, bounded texts |
//! | `transcript` | the record of a loop, with secrets masked |
//! | `outcome`, `error` | what comes out |
//!
//! ```
//! use std::{sync::Arc, time::Duration};
//!
//! use chaos_agent::{
//!     BoxFuture, EndReason, Limits, LoopContext, OfflinePlanner, Redactor, Tool, ToolReply, TranscriptWriter,
//!     parse_arguments, run_tool_loop,
//! };
//! use serde_json::{Value, json};
//!
//! struct Greet;
//!
//! #[derive(serde::Deserialize)]
//! #[serde(deny_unknown_fields)]
//! struct GreetArgs {
//!     name: String,
//! }
//!
//! impl Tool for Greet {
//!     fn name(&self) -> &str {
//!         "greet"
//!     }
//!     fn description(&self) -> &str {
//!         "Greets a person."
//!     }
//!     fn parameters(&self) -> Value {
//!         json!({"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]})
//!     }
//!     fn call(&self, args: Value) -> BoxFuture<'_, ToolReply> {
//!         Box::pin(async move {
//!             match parse_arguments::<GreetArgs>(&args) {
//!                 Ok(args) => ToolReply::done(format!("hello {}", args.name)),
//!                 Err(reply) => reply,
//!             }
//!         })
//!     }
//! }
//!
//! # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
//! let planner = OfflinePlanner::new("greet", json!({"name": "world"}));
//! let limits = Limits::for_planned(Duration::from_secs(1));
//! let clock = Arc::new(chaos_core::RealClock::new());
//! let mut cx = LoopContext::new(clock, Default::default(), TranscriptWriter::discard(Redactor::default()));
//! let outcome = run_tool_loop(&planner, "Greet the world.", &[&Greet], "", &limits, &mut cx).await;
//! assert!(matches!(outcome.end, EndReason::Finished));
//! assert_eq!(outcome.calls[0].reply, "hello world");
//! # });
//! # Ok::<(), std::io::Error>(())
//! ```

mod arguments;
mod error;
mod limits;
mod loop_clock;
mod message;
mod model;
mod offline;
#[cfg(feature = "openai")]
mod openai;
mod outcome;
#[cfg(feature = "fuzz")]
#[doc(hidden)]
pub mod parsers;
mod replay;
mod tool;
mod tool_loop;
mod tool_set;
mod transcript;
mod truncate;

pub use arguments::parse_arguments;
pub use chaos_core::{BoxFuture, Redactor};
pub use error::AgentError;
pub use limits::Limits;
pub use model::{Model, ModelRequest, ModelTurn, TokenUsage};
pub use offline::OfflinePlanner;
#[cfg(feature = "openai")]
pub use openai::{OpenAiConfig, OpenAiModel, RetryPolicy};
pub use outcome::{CallRecord, CallStatus, EndReason, LoopOutcome, TimeLimit};
pub use replay::{Replayer, replay};
pub use tool::{Tool, ToolReply, ToolSpec};
pub use tool_loop::{LoopContext, run_tool_loop};
pub use transcript::{Transcript, TranscriptWriter};
