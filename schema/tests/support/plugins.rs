//! Plug-ins with every shape that a schema has to deal with: nested targets, widths, patterns, enums, aliases, lists.

use std::num::{NonZeroU16, NonZeroU32};

use chaos_core::{
    DurationText, Evidence, Fault, Fired, InjectContext, Injection, Observation, Outcome, Plan, PluginError, Probe,
    ProbeNode, RunContext, Seconds, Sighting, Span, Step, StepContext, StepEnd, StepOutcome, Trigger, Undo,
    register_fault, register_probe, register_step, register_trigger,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

macro_rules! fault {
    ($ty:ident, $span:ident) => {
        impl Fault for $ty {
            const SPAN: Span = Span::$span;

            async fn plan(&self, _cx: &RunContext) -> Result<Plan, PluginError> {
                Ok(Plan::new("nothing"))
            }

            async fn inject(&self, _cx: &InjectContext, _undo: &Undo) -> Result<Injection, PluginError> {
                Ok(Injection::Finished(Outcome::landed(Evidence::new("done"))))
            }

            async fn witness(&self, _cx: &RunContext) -> Sighting {
                Sighting::absent(Evidence::new("nothing"))
            }
        }
    };
}

macro_rules! probe {
    ($ty:ident) => {
        impl Probe for $ty {
            async fn observe(&self, _cx: &RunContext) -> Observation {
                Observation::yes("always")
            }
        }
    };
}

macro_rules! trigger {
    ($ty:ident) => {
        impl Trigger for $ty {
            async fn wait(&self, _cx: &RunContext) -> Result<Fired, PluginError> {
                Ok(Fired("now".into()))
            }
        }
    };
}

/// What a load is aimed at.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Target {
    /// Address of the service.
    service_url: Url,
    /// Requests per second.
    #[serde(default = "hundred")]
    qps: NonZeroU32,
    /// How long; the planner picks one when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    duration: Option<DurationText>,
    /// Connections.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    concurrency: Option<NonZeroU16>,
}

fn hundred() -> NonZeroU32 {
    NonZeroU32::MIN.saturating_add(99)
}

/// An address that the typed parse checks too.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String", extend("pattern" = "^https?://"))]
struct Url(String);

impl TryFrom<String> for Url {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let good = text.starts_with("http://") || text.starts_with("https://");
        if good { Ok(Self(text)) } else { Err("no http address") }
    }
}

impl From<Url> for String {
    fn from(url: Url) -> Self {
        url.0
    }
}

/// What sends the load.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Engine {
    /// The best one there is.
    #[default]
    Auto,
    /// The built-in one.
    Embedded,
    /// A program on the path.
    Fortio,
}

/// Sends one load spike at a service.
///
/// # Example
/// ```yaml
/// type: generate_load
/// target:
///   service_url: http://127.0.0.1:8080/
///   qps: 300
///   duration: 30s
/// ```
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct GenerateLoad {
    /// What the load is aimed at.
    target: Target,
    /// What sends it.
    #[serde(default)]
    engine: Engine,
}

fault!(GenerateLoad, Finite);
register_fault!(GenerateLoad, "generate_load");

/// Stops a process.
///
/// # Example
/// ```yaml
/// type: pause_process
/// pid: 4242
/// ```
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct PauseProcess {
    /// The process.
    #[schemars(range(max = 4_194_304))]
    pid: NonZeroU32,
}

fault!(PauseProcess, Sustained);
register_fault!(PauseProcess, "pause_process");

/// Skews the clock.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SkewClock {
    /// Milliseconds, forward or back.
    offset_ms: i64,
    /// Share of the calls.
    #[serde(default)]
    percent: Option<u8>,
    /// Whether the skew grows.
    #[serde(default)]
    drifts: bool,
    /// Labels to put on it.
    #[serde(default)]
    #[schemars(extend("x-author-only" = true))]
    labels: std::collections::BTreeMap<String, String>,
}

fault!(SkewClock, Sustained);
register_fault!(SkewClock, "skew_clock", aliases: ["clock_skew"]);

/// Fires after a while.
///
/// # Example
/// ```yaml
/// type: time
/// delay_seconds: 5
/// ```
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Time {
    /// Whole seconds.
    #[serde(default)]
    delay_seconds: u32,
}

trigger!(Time);
register_trigger!(Time, "time");

/// Fires at once.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Immediate {}

trigger!(Immediate);
register_trigger!(Immediate, "immediate");

/// Asks a web server.
///
/// # Example
/// ```yaml
/// type: http
/// url: http://127.0.0.1:8080/healthz
/// ```
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Http {
    /// Address.
    url: Url,
    /// Seconds until it gives up.
    #[serde(default)]
    timeout_seconds: Option<Seconds>,
}

probe!(Http);
register_probe!(Http, "http");

/// Runs a program.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Command {
    /// Program and arguments.
    argv: Argv,
    /// The exit code that means yes.
    #[serde(default)]
    expect_exit: i32,
}

/// At least a program.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
#[schemars(with = "Vec<String>", extend("minItems" = 1))]
struct Argv(Vec<String>);

impl TryFrom<Vec<String>> for Argv {
    type Error = &'static str;

    fn try_from(argv: Vec<String>) -> Result<Self, Self::Error> {
        if argv.is_empty() { Err("no program") } else { Ok(Self(argv)) }
    }
}

impl From<Argv> for Vec<String> {
    fn from(argv: Argv) -> Self {
        argv.0
    }
}

probe!(Command);
register_probe!(Command, "command");

/// Yes when all say yes.
///
/// # Example
/// ```yaml
/// type: all
/// checks:
///   - type: http
///     url: http://127.0.0.1:8080/healthz
/// ```
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct All {
    /// What is asked.
    checks: Vec<ProbeNode>,
}

probe!(All);
register_probe!(All, "all", aliases: ["parallel"]);

/// Names of all of them.
pub(crate) const FAULT_NAMES: [&str; 3] = ["generate_load", "pause_process", "skew_clock"];

/// Does nothing.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Idle {
    /// Seconds of it.
    seconds: Seconds,
}

impl Step for Idle {
    async fn run(&self, _cx: &StepContext) -> StepEnd {
        StepEnd::new(StepOutcome::Pass, format!("{:?}", self.seconds))
    }
}

register_step!(Idle, "idle");
