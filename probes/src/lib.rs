//! Probes: read-only questions about the system under test. One file each, named for its `type`.
//!
//! | Module | `type` |
//! |---|---|
//! | `http` | what a URL answers (feature `http`) |
//! | `tcp` | whether a connection opens |
//! | `command` | how a program exits |
//! | `load_slo` | whether a load of the same run meets its objective |
//! | `sequence`, `all`, `any`, `none` | several probes as one |
//! | `checks` | what the last four have in common |
//! | `started_program` | a program that a run started, and everything that it started |
//! | `stop_probe_command` | the undo step that kills what `command` started, when we were killed |
//! | `argv` | a program and its arguments |
//! | `asking` | one question with its time limit |

mod all;
mod any;
mod argv;
mod asking;
mod checks;
mod command;
#[cfg(feature = "http")]
mod http;
mod load_slo;
mod none;
mod sequence;
mod started_program;
mod stop_probe_command;
mod tcp;
#[cfg(test)]
mod test_context;

pub use all::All;
pub use any::Any;
pub use argv::{Argv, EmptyArgv};
pub use checks::{Checks, NoChecks};
pub use command::{Command, EndedProgram, run_program};
#[cfg(feature = "http")]
pub use http::{
    BodyPattern, BodyPatternError, Http, JsonExpectation, JsonExpectationError, JsonPointer, JsonPointerError,
    StatusRange, StatusRangeError, StatusSet,
};
pub use load_slo::{LoadPhase, LoadSlo, Ratio, RatioError};
pub use none::NoneOf;
pub use sequence::Sequence;
pub use started_program::StartedProgram;
pub use stop_probe_command::StopProbeCommand;
pub use tcp::Tcp;
