//! Probes: read-only questions about the system under test. One file each, named for its `type`.
//!
//! | Module | `type` |
//! |---|---|
//! | `http` | what a URL answers (feature `http`) |
//! | `grpc_health` | what gRPC's health service says of a service (feature `grpc`) |
//! | `tcp` | whether a connection opens |
//! | `command` | how a program exits |
//! | `process` | whether a process runs, has exited, or was started again |
//! | `log` | which lines sources of evidence took in |
//! | `metric` | what samples sources of evidence took in |
//! | `promql` | what a Prometheus answers (feature `http`) |
//! | `left_out` | the nodes whose word does not count while a fault acts on them |
//! | `body_pattern` | a regular expression |
//! | `client_tls` | trusted CAs and client certificate of a probe |
//! | `load_slo` | whether a load of the same run meets its objective |
//! | `otlp_span` | which spans the system under test has sent |
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
mod body_pattern;
mod checks;
#[cfg(any(feature = "grpc", feature = "http"))]
mod client_tls;
mod command;
#[cfg(feature = "grpc")]
mod grpc_health;
#[cfg(feature = "http")]
mod http;
mod left_out;
mod load_slo;
mod log;
mod metric;
mod none;
mod otlp_span;
mod process;
#[cfg(feature = "http")]
mod promql;
mod sequence;
mod started_program;
mod stop_probe_command;
mod tcp;
#[cfg(test)]
mod test_context;

pub use all::All;
pub use any::Any;
pub use argv::{Argv, EmptyArgv};
pub use body_pattern::{BodyPattern, BodyPatternError};
pub use checks::{Checks, NoChecks};
pub use command::{Command, EndedProgram, run_program};
#[cfg(feature = "grpc")]
pub use grpc_health::{CertificateName, CertificateNameError, GrpcHealth};
#[cfg(feature = "http")]
pub use http::{
    Http, JsonExpectation, JsonExpectationError, JsonPointer, JsonPointerError, LengthExpectation,
    LengthExpectationError, StatusRange, StatusRangeError, StatusSet,
};
pub use load_slo::{
    LoadPhase, LoadSlo, Percent, PercentError, Ratio, RatioError, Settled, SettlingTime, SettlingTimeError,
};
pub use log::{LineCount, Log};
pub use metric::{Aggregate, Metric, MetricValue};
pub use none::NoneOf;
pub use otlp_span::{OtlpSpan, SpanAttribute, SpanAttributeError, SpanCount};
pub use process::{ExpectedState, ProcessProbe};
#[cfg(feature = "http")]
pub use promql::{ExpectResult, Promql};
pub use sequence::Sequence;
pub use started_program::StartedProgram;
pub use stop_probe_command::StopProbeCommand;
pub use tcp::Tcp;
