//! The tool loop that lets a model call typed tools inside limits.
//!
//! A caller hands in a goal, a system text, a [`Model`] and some [`Tool`]s; [`run_tool_loop`] lets the model work with
//! them until it is done or one of the [`Limits`] ends it, and writes down everything in a transcript. The crate knows
//! no fault and no command.
//!
//! | Module | Holds |
//! |---|---|
//! | `tool_loop` | the loop, and how one call is run |
//! | `tool`, `toolbox`, `arguments` | what a tool is, the checked set of a loop, what a model wrote as arguments |
//! | `model`, `message` | what a model is, the shapes of chat messages |
//! | `offline`, `replay`, `openai` | the models: a fixed plan, a recorded run, an OpenAI-compatible server (feature `openai`) |
//! | `limits`, `pace`, `cut` | budgets, time, bounded texts |
//! | `transcript`, `redact` | the record of a loop, with secrets masked |
//! | `outcome`, `error` | what comes out |

mod arguments;
mod cut;
mod error;
mod limits;
mod message;
mod model;
mod offline;
#[cfg(feature = "openai")]
mod openai;
mod outcome;
mod pace;
mod redact;
mod replay;
mod tool;
mod tool_loop;
mod toolbox;
mod transcript;

pub use arguments::parse_arguments;
pub use chaos_core::BoxFuture;
pub use error::AgentError;
pub use limits::Limits;
pub use model::{Model, ModelRequest, ModelTurn, TokenUsage};
pub use offline::OfflinePlanner;
#[cfg(feature = "openai")]
pub use openai::{OpenAiConfig, OpenAiModel, RetryPolicy};
pub use outcome::{CallRecord, CallStatus, EndReason, LoopOutcome, TimeLimit};
pub use redact::Redactor;
pub use replay::{Replayer, replay};
pub use tool::{Tool, ToolReply, ToolSpec};
pub use tool_loop::{LoopContext, run_tool_loop};
pub use transcript::{Transcript, TranscriptWriter};
