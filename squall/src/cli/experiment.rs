//! `squall experiment`: a goal in, evidence out.

use std::fs::File;
use std::path::{Path, PathBuf};

use chaos_experiment::{Experiment, ExperimentReport, ExperimentTranscript, html, text};
use chaos_runner::Runner;
use chaos_schema::{Diagnostic, KindHint, LoadOptions, check_value, load_bytes, read_value};
use chaos_schema::{ExperimentSpec, FaultName, StrategyName};
use clap::ValueEnum;
use serde_json::{Map, Value, json};

use super::console::Paint;
use super::console::{Out, say};
use super::document::{bytes, rendered};
use super::execute::{begin, create, on_runtime, wait};
use super::exports::ExportFlags;
use super::failure::Failure;
use super::follow::Follower;
use super::format::DataFormat;
use super::live::Detail;
use super::output_file::{self, Readers};
use super::policy_flags::PolicyFlags;
use super::secrets::{masked, redactor};
use super::settings;
use super::variables::VariableFlags;

/// Answers a question about a service: bounded steps of load and faults, measured by the engine, every claim checked.
///
/// Default: only load, only loopback, no model (`--model`, or `CHAOS_MODEL` in the environment, names one).
/// Exit codes: 0 answered, 1 an SLO does not hold, 2 inconclusive or a budget ran out, 3 something may be in force.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The question in plain words, or a file (`.yaml`, `.yml`, `.json`) that holds the experiment.
    #[arg(value_name = "GOAL|FILE", required_unless_present = "replay")]
    goal: Option<String>,
    /// The service: an `http://` URL.
    #[arg(long, value_name = "URL")]
    target: Option<String>,
    /// Allows this fault, beside load.
    #[arg(long, value_name = "FAULT", value_parser = super::type_names::AnyFault, hide_possible_values = true)]
    allow: Vec<String>,
    /// An SLO: `p99<200ms`, `errors<1%`. Default: what the goal says, else `p99<200ms`; `errors<1%` comes with it.
    #[arg(long, value_name = "SLO")]
    slo: Vec<String>,
    /// How the question is answered. Default: a model's choice, or by the goal's words.
    #[arg(long, value_enum)]
    strategy: Option<Strategy>,
    /// The fault of `compare`, as YAML or JSON: `{type: pause_process, pid: 71}`.
    #[arg(long, value_name = "NODE")]
    fault: Option<String>,
    /// A part of the load: `qps=300`, `max_qps=1000`, `seconds=5`, `warmup_seconds=1`, `concurrency=16`.
    #[arg(long, value_name = "KEY=VALUE")]
    load: Vec<Pair>,
    /// Runs of `repeat`, points of `ramp`, pairs of `compare`.
    #[arg(long, value_name = "N")]
    runs: Option<u8>,
    /// A budget: `steps=20`, `requests=…`, `fault_seconds=…`, `turns=…`, `tokens=…`, `wall_seconds=…`.
    #[arg(long, value_name = "KEY=VALUE")]
    budget: Vec<Pair>,
    /// Seed of every random choice.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// The model that plans, at the server that `OPENAI_BASE_URL` names.
    #[arg(long, value_name = "NAME", conflicts_with = "offline")]
    model: Option<String>,
    /// Seconds that one answer of the model may take, retries included; default 120 (`CHAOS_MODEL_TIMEOUT_SECONDS`).
    #[arg(long, value_name = "SECONDS", conflicts_with = "offline")]
    model_timeout: Option<String>,
    /// Asks no model, whatever the environment says.
    #[arg(long)]
    offline: bool,
    /// Writes the report as one HTML page.
    #[arg(long, value_name = "FILE.html")]
    report: Option<PathBuf>,
    /// How to print the report.
    #[arg(long, value_enum, default_value_t)]
    pub(super) format: DataFormat,
    /// Makes the report of a transcript again: no model, no load.
    #[arg(long, value_name = "TRANSCRIPT", conflicts_with_all = ["goal", "target", "model"])]
    replay: Option<PathBuf>,
    /// Where the transcript goes; default `.squall/experiments/` in the workspace.
    #[arg(long, value_name = "PATH")]
    transcript: Option<PathBuf>,
    /// Writes every step of the engine as a line of JSON while the experiment runs; `-` is standard output, the report
    /// then goes to standard error.
    #[arg(long, value_name = "PATH")]
    events: Option<PathBuf>,
    /// Folder for transcripts; default: the current one.
    #[arg(long, value_name = "FOLDER")]
    workspace: Option<PathBuf>,
    #[command(flatten)]
    exports: ExportFlags,
    #[command(flatten)]
    variables: VariableFlags,
    /// What may be touched.
    #[command(flatten)]
    policy: PolicyFlags,
}

/// The strategies, as flags name them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Strategy {
    /// The greatest rate at which the SLOs hold.
    Capacity,
    /// Evenly spaced rates.
    Ramp,
    /// With and without a fault.
    Compare,
    /// The same load several times.
    Repeat,
}

impl From<Strategy> for StrategyName {
    fn from(strategy: Strategy) -> Self {
        match strategy {
            Strategy::Capacity => Self::Capacity,
            Strategy::Ramp => Self::Ramp,
            Strategy::Compare => Self::Compare,
            Strategy::Repeat => Self::Repeat,
        }
    }
}

/// A key and a number, as flags give them.
#[derive(Debug, Clone, PartialEq)]
struct Pair(String, Value);

#[derive(Debug, PartialEq, thiserror::Error)]
#[error("invalid setting `{0}`: expected `KEY=NUMBER`")]
struct NotAPair(String);

impl std::str::FromStr for Pair {
    type Err = NotAPair;

    fn from_str(text: &str) -> Result<Self, NotAPair> {
        let pair =
            text.split_once('=').and_then(|(key, value)| Some((key, serde_json::from_str::<Value>(value).ok()?)));
        match pair {
            Some((key, value)) if !key.is_empty() && value.is_number() => Ok(Self(key.to_owned(), value)),
            _ => Err(NotAPair(text.to_owned())),
        }
    }
}

pub(super) fn run(args: &Args) -> Result<u8, Failure> {
    if let Some(path) = &args.replay {
        let transcript = ExperimentTranscript::read(path).map_err(|error| Failure::Experiment(error.into()))?;
        return told(&ExperimentReport::of(&transcript), args);
    }
    let spec = spec(args)?;
    let runner = runner(args)?;
    let mut experiment = Experiment::new(spec).command(repeatable(std::env::args()));
    if let Some(path) = &args.transcript {
        experiment = experiment.transcript(path);
    }
    #[cfg(feature = "openai")]
    if let Some(model) = model(args)? {
        experiment = experiment.model(model);
    }
    #[cfg(not(feature = "openai"))]
    if args.model.is_some() {
        return Err(Failure::Usage("this build has no client for models (feature `openai`)".to_owned()));
    }
    let events = args.events.as_deref().map(private).transpose()?;
    let exports = args.exports.start()?;
    let report = on_runtime(async |signals| {
        let starting = runner.clone();
        let mut run = begin(&runner, move || experiment.start(&starting), signals).await?;
        let follower = run.take_events().map(|stream| Follower::start(stream, events, Detail::Figures, &exports));
        let follower = follower.transpose()?;
        let control = run.control();
        let report = wait(run.wait(), &control, signals).await;
        if let Some(follower) = follower {
            exports.send(follower.finish()?, signals).await;
        }
        report
    })?;
    told(&report, args)
}

/// Makes the file for events. A model may speak in it.
fn private(path: &Path) -> Result<File, Failure> {
    if path.as_os_str() == "-" {
        return create(path);
    }
    output_file::create(path, Readers::Owner).map_err(|source| Failure::File {
        path: path.to_owned(),
        doing: "written",
        source,
    })
}

/// The command line as a shell reads it. Values of variables may be secrets, and stay out.
fn repeatable(words: impl Iterator<Item = String>) -> String {
    let mut variable = false;
    let quoted = words.enumerate().map(|(index, word)| {
        let word = match (index, word.strip_prefix("--var=").or(Some(word.as_str()).filter(|_| variable))) {
            // Where the program lies says nothing to others.
            (0, _) => "squall".to_owned(),
            (_, Some(pair)) => {
                let name = pair.split('=').next().unwrap_or_default();
                format!("{}{name}=***", if variable { "" } else { "--var=" })
            }
            (_, None) => word,
        };
        variable = word == "--var";
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+*".contains(c);
        if !word.is_empty() && word.chars().all(plain) { word } else { format!("'{}'", word.replace('\'', r"'\''")) }
    });
    quoted.collect::<Vec<_>>().join(" ")
}

/// Prints the report, writes its page, and gives its exit code.
fn told(report: &ExperimentReport, args: &Args) -> Result<u8, Failure> {
    if let Some(path) = &args.report {
        let written = output_file::write(path, Readers::Owner, |file| file.write_all(masked(&html(report)).as_bytes()));
        written.map_err(|source| Failure::File { path: path.clone(), doing: "written", source })?;
    }
    let out = Out::beside(args.events.as_deref());
    match args.format {
        DataFormat::Json => out.print_json(report)?,
        DataFormat::Text => out.print(&text(report))?,
    }
    if let Some(path) = report.transcript() {
        say(&format!("transcript: {}", path.display()));
    }
    Ok(report.exit_code())
}

/// The experiment: of a file, with flags on top, or of flags alone. Both pass the same checks.
fn spec(args: &Args) -> Result<ExperimentSpec, Failure> {
    let goal = args.goal.as_deref().unwrap_or_default();
    let options = LoadOptions { vars: args.variables.values()?, ..LoadOptions::of(KindHint::Experiment) };
    let loaded = if is_file(goal) {
        if let Some(flag) = args.flag_beside_a_file() {
            let why = format!("`{flag}` belongs to a goal; beside a file, write it into the file");
            return Err(Failure::Usage(why));
        }
        load_bytes(&bytes(Path::new(goal))?, goal, &options)
    } else {
        check_value(&args.document(goal)?, "squall experiment", &options)
    };
    let rendered = rendered(&loaded.diagnostics, Paint::stderr());
    match loaded.document.and_then(chaos_schema::Document::into_experiment) {
        Some(spec) => {
            if !rendered.is_empty() {
                say(rendered.trim_end());
            }
            Ok(spec)
        }
        None => Err(Failure::Invalid { rendered, diagnostics: loaded.diagnostics }),
    }
}

/// A goal is a sentence; a file has the ending of one.
fn is_file(goal: &str) -> bool {
    let ending = Path::new(goal).extension().and_then(|ending| ending.to_str());
    goal == "-" || ending.is_some_and(|ending| ["yaml", "yml", "json"].contains(&ending))
}

impl Args {
    fn flag_beside_a_file(&self) -> Option<&'static str> {
        let given = [
            (self.target.is_some(), "--target"),
            (!self.allow.is_empty(), "--allow"),
            (!self.slo.is_empty(), "--slo"),
            (self.strategy.is_some(), "--strategy"),
            (self.fault.is_some(), "--fault"),
            (!self.load.is_empty(), "--load"),
            (self.runs.is_some(), "--runs"),
            (!self.budget.is_empty(), "--budget"),
        ];
        given.into_iter().find(|(given, _)| *given).map(|(_, flag)| flag)
    }

    /// The document that the flags say.
    fn document(&self, goal: &str) -> Result<Value, Failure> {
        let missing = || Failure::Usage("`--target URL` names the service; give it".to_owned());
        let target = self.target.as_ref().ok_or_else(missing)?;
        let mut document = json!({"goal": goal, "target": target});
        let mut set = |key: &str, value: Value| document[key] = value;
        if !self.allow.is_empty() {
            let load = FaultName::load_alone();
            set(
                "allow",
                json!(
                    load.iter().map(FaultName::as_str).chain(self.allow.iter().map(String::as_str)).collect::<Vec<_>>()
                ),
            );
        }
        if !self.slo.is_empty() {
            set("slo", json!(self.slo));
        }
        if let Some(strategy) = self.strategy {
            set("strategy", json!(StrategyName::from(strategy).word()));
        }
        if let Some(fault) = &self.fault {
            let parsed = read_value(fault, "--fault");
            let invalid = |diagnostics: Vec<Diagnostic>| {
                let rendered = rendered(&diagnostics, Paint::stderr());
                Failure::Invalid { rendered, diagnostics }
            };
            set("fault", parsed.map_err(invalid)?);
        }
        for (key, pairs) in [("load", &self.load), ("budget", &self.budget)] {
            let mut parts = Map::new();
            for Pair(name, value) in pairs {
                if parts.insert(name.clone(), value.clone()).is_some() {
                    return Err(Failure::Usage(format!("`--{key} {name}=…` is given twice; give it once")));
                }
            }
            if !parts.is_empty() {
                set(key, Value::Object(parts));
            }
        }
        if let Some(runs) = self.runs {
            set("runs", json!(runs));
        }
        Ok(document)
    }
}

fn runner(args: &Args) -> Result<Runner, Failure> {
    let mut builder = Runner::builder().policy(args.policy.policy()?).guardian(settings::guardian());
    if args.policy.accept_policy {
        builder = builder.accept_policy();
    }
    builder = builder.redactor(redactor());
    if let Some(state) = settings::state_dir() {
        builder = builder.state_dir(state);
    }
    if let Some(folder) = settings::workspace(args.workspace.as_deref()) {
        builder = builder.workspace(folder);
    }
    if let Some(seed) = args.seed {
        builder = builder.seed(seed);
    }
    args.exports.start()?;
    if let Some(note) = args.exports.note() {
        builder = builder.announce(note);
    }
    Ok(builder.build()?)
}

/// The model that flags or environment name.
#[cfg(feature = "openai")]
fn model(args: &Args) -> Result<Option<std::sync::Arc<dyn chaos_agent::Model>>, Failure> {
    use chaos_agent::{OpenAiConfig, OpenAiModel};
    if args.offline {
        return Ok(None);
    }
    let lookup = |name: &str| match (name, &args.model) {
        ("CHAOS_MODEL", Some(model)) => Some(model.clone()),
        ("CHAOS_MODEL_TIMEOUT_SECONDS", _) if args.model_timeout.is_some() => args.model_timeout.clone(),
        _ => std::env::var(name).ok(),
    };
    let config = OpenAiConfig::from_lookup(lookup).map_err(|error| Failure::Usage(error.to_string()))?;
    let model = config.map(OpenAiModel::new).transpose().map_err(|error| Failure::Usage(error.to_string()))?;
    Ok(model.map(|model| std::sync::Arc::new(model) as _))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_can_be_typed_again_and_holds_no_secret() {
        let words =
            ["/x/squall", "experiment", "what's up", "--slo", "p99<200ms", "--var", "key=s3cret", "--var=k=s3cret"];
        let command = repeatable(words.iter().map(|word| (*word).to_owned()));
        assert_eq!(command, r"squall experiment 'what'\''s up' --slo 'p99<200ms' --var key=*** --var=k=***");
    }

    #[test]
    fn a_sentence_is_a_goal_and_a_file_has_an_ending() {
        assert!(!is_file("how much can it take"));
        assert!(!is_file("does it hold 300 qps. or not"));
        assert!(is_file("a/b.yaml") && is_file("x.json") && is_file("-"));
    }

    #[test]
    fn pairs_are_numbers() {
        assert_eq!("steps=5".parse::<Pair>(), Ok(Pair("steps".into(), json!(5))));
        for wrong in ["steps", "=5", "steps=many", "steps=NaN", "steps=[1]"] {
            assert_eq!(wrong.parse::<Pair>(), Err(NotAPair(wrong.to_owned())));
        }
    }
}
