//! `squall inject`: one fault without a file, through the same checks and the same engine.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use chaos_core::{DurationText, FAULTS, MAX_DEPTH, Span, TriggerNode, shortened};
use chaos_schema::{KindHint, LoadOptions, check_value, filled_entry};
use chaos_triggers::Immediate;
use clap::builder::PossibleValuesParser;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use serde_json::{Map, Value, json};

use super::document::{Checks, task};
use super::execute::execute;
use super::failure::Failure;
use super::parameters::parameters;
use super::run_flags::RunFlags;
use super::variables::VariableFlags;

mod in_run;

/// Injects one fault now, holds it, and undoes it.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The fault's `type`.
    #[arg(value_name = "TYPE", value_parser = PossibleValuesParser::new(super::type_names::faults()))]
    fault: String,
    /// A parameter: `key=value`, a nested one `outer.inner=value`, a list or mapping `key:=JSON`. The keys of `target` may stand
    /// alone: `node=n1`.
    #[arg(value_name = "KEY=VALUE")]
    parameters: Vec<Parameter>,
    /// How long to hold it; default 10s, with `--until-stdin-closes` as long as the policy allows. A fault that runs to its
    /// own end refuses it.
    #[arg(long = "for", value_name = "TIME")]
    hold: Option<DurationText>,
    /// Injects it in a live run of this user, which holds the nodes that the fault names: that run performs it, under its own
    /// policy, and it ends early when this command does.
    #[arg(long = "in", value_name = "RUN", conflicts_with_all = in_run::NOT_HERE)]
    in_run: Option<String>,
    #[command(flatten)]
    variables: VariableFlags,
    #[command(flatten)]
    pub(super) flags: RunFlags,
}

pub(super) fn run(args: &Args) -> Result<u8, Failure> {
    // Whether there are secrets decides who may read the files.
    let (entry, options) = entry(args)?;
    args.flags.reports.check(&args.taken())?;
    let task = task(check_value(&entry, "squall inject", &options), Checks::File)?;
    if let Some(run) = &args.in_run {
        let entry = filled_entry(&entry, &options);
        let entry = entry.ok_or_else(|| Failure::Internal("the published schema is broken".to_owned()))?;
        return in_run::inject(run, entry, &args.flags);
    }
    execute(task, None, &args.flags, None)
}

impl Args {
    /// Files that no report may take.
    pub(super) fn taken(&self) -> Vec<&Path> {
        self.flags.events.iter().map(PathBuf::as_path).chain(self.flags.exports.file()).collect()
    }
}

/// A parameter that was typed like a flag is told how parameters are written.
pub(super) fn with_tip(mut error: clap::Error) -> clap::Error {
    let usage = error.get(ContextKind::Usage).map(ToString::to_string).unwrap_or_default();
    let unknown = error.kind() == ErrorKind::UnknownArgument && error.get(ContextKind::SuggestedArg).is_none();
    if !unknown || !usage.contains("inject <TYPE>") {
        return error;
    }
    let typed = error.get(ContextKind::InvalidArg).map(ToString::to_string).unwrap_or_default();
    let name = typed.trim_start_matches('-').split('=').next().unwrap_or_default().replace('-', "_");
    let tip = format!("a parameter of the fault is written without dashes: '{name}=…'");
    error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
    error
}

/// Whether the entry of a command line is a valid document, for the fuzzer.
#[cfg(feature = "fuzz")]
pub(super) fn is_valid(args: &Args) -> Result<bool, Failure> {
    let (entry, options) = entry(args)?;
    Ok(check_value(&entry, "squall inject", &options).document.is_some())
}

/// One parameter as it was typed.
#[derive(Debug, Clone, PartialEq)]
struct Parameter {
    path: Vec<String>,
    value: Typed,
}

#[derive(Debug, Clone, PartialEq)]
enum Typed {
    /// Text, which takes the type that the schema wants there.
    Text(String),
    /// A value that was typed as JSON.
    Json(Value),
}

#[derive(Debug, PartialEq, thiserror::Error)]
#[error("invalid parameter `{typed}`{why}: expected key=value, outer.inner=value or key:=JSON")]
struct NotAParameter {
    typed: String,
    why: String,
}

impl FromStr for Parameter {
    type Err = NotAParameter;

    fn from_str(typed: &str) -> Result<Self, NotAParameter> {
        let wrong = |why: String| NotAParameter { typed: typed.to_owned(), why };
        let (key, text) = typed.split_once('=').ok_or_else(|| wrong(String::new()))?;
        let (key, value) = match key.strip_suffix(':') {
            Some(key) => {
                let value = serde_json::from_str(text).map_err(|error| wrong(format!(" ({error})")))?;
                (key, Typed::Json(value))
            }
            None => (key, Typed::Text(text.to_owned())),
        };
        let path: Vec<String> = key.split('.').take(MAX_DEPTH + 1).map(str::to_owned).collect();
        if path.len() > MAX_DEPTH {
            return Err(NotAParameter {
                typed: shortened(typed, 40),
                why: format!(" (nested deeper than {MAX_DEPTH})"),
            });
        }
        if path.iter().any(String::is_empty) {
            return Err(wrong(String::new()));
        }
        Ok(Self { path, value })
    }
}

/// The entry, and the values of its placeholders: text goes in through placeholders, so that it takes the type that
/// the schema wants, by the same rule as in a file.
fn entry(args: &Args) -> Result<(Value, LoadOptions), Failure> {
    let mut action = Map::from_iter([("type".to_owned(), json!(args.fault))]);
    let filled = args.variables.values()?;
    let mut options = LoadOptions { vars: filled.clone(), ..LoadOptions::of(KindHint::Entry) };
    let short = Short::of(&args.fault);
    for (index, parameter) in args.parameters.iter().enumerate() {
        let value = match &parameter.value {
            Typed::Json(value) => value.clone(),
            Typed::Text(text) => {
                let name = format!("typed_{index}");
                options = options.var(name.clone(), fill_in(text, &filled)?);
                json!(format!("{{{{{name}}}}}"))
            }
        };
        set(&mut action, &short.spelled_out(&parameter.path), value)?;
    }
    let trigger = serde_json::to_value(TriggerNode::from(Immediate {}));
    let trigger = trigger.map_err(|error| Failure::Internal(error.to_string()))?;
    let mut entry = json!({"name": format!("inject {}", args.fault), "trigger": trigger, "action": action});
    if let Some(hold) = args.hold {
        let finite = FAULTS.get(&args.fault).is_ok_and(|fault| fault.span == Some(Span::Finite));
        if finite {
            let why = format!("fault `{}` runs to its own end, so `--for` cannot hold it", args.fault);
            return Err(Failure::Usage(why));
        }
        entry["duration_seconds"] = json!(hold.get().as_secs_f64());
    }
    Ok((entry, options))
}

/// The keys of a fault's `target` that may be typed without it, as the fault has no parameter of that name: `node=n1`.
struct Short(Vec<String>);

impl Short {
    fn of(fault: &str) -> Self {
        let all = FAULTS.get(fault).map(|fault| parameters(&fault.schema_value())).unwrap_or_default();
        let names = || all.iter().map(|parameter| parameter.name.as_str());
        let of_target = names().filter_map(|name| name.strip_prefix("target."));
        Self(
            of_target.filter(|key| !key.contains('.') && names().all(|name| name != *key)).map(str::to_owned).collect(),
        )
    }

    fn spelled_out(&self, path: &[String]) -> Vec<String> {
        let target = path.first().is_some_and(|first| self.0.contains(first)).then(|| "target".to_owned());
        target.into_iter().chain(path.iter().cloned()).collect()
    }
}

/// Bytes of one parameter once its placeholders are filled.
const LONGEST: usize = 1 << 20;

/// Fills the placeholders in a parameter's text.
fn fill_in(text: &str, vars: &BTreeMap<String, String>) -> Result<String, Failure> {
    let mut text = text.to_owned();
    for (name, value) in vars {
        let placeholder = format!("{{{{{name}}}}}");
        // Counted before, since a value that stands there often enough would fill the memory.
        let more = text.matches(&placeholder).count().saturating_mul(value.len());
        if more > LONGEST {
            let why = format!("a parameter with `{placeholder}` filled has more than {LONGEST} bytes");
            return Err(Failure::Usage(why));
        }
        text = text.replace(&placeholder, value);
    }
    Ok(text)
}

/// Puts a value at a path; two that claim one place are a mistake.
fn set(map: &mut Map<String, Value>, path: &[String], value: Value) -> Result<(), Failure> {
    let twice = || Failure::Usage(format!("parameter `{}` is given twice", path.join(".")));
    match path {
        [] => Ok(()),
        [last] => match map.insert(last.clone(), value) {
            None => Ok(()),
            Some(_) if last == "type" => Err(Failure::Usage("`type` is the first argument already".to_owned())),
            Some(_) => Err(twice()),
        },
        [first, rest @ ..] => {
            let inner = map.entry(first.clone()).or_insert_with(|| json!({}));
            set(inner.as_object_mut().ok_or_else(twice)?, rest, value)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_the_target_may_stand_alone_where_the_fault_has_none_of_that_name() {
        let spelled = |fault: &str, key: &str| {
            let path: Vec<String> = key.split('.').map(str::to_owned).collect();
            Short::of(fault).spelled_out(&path).join(".")
        };
        for (fault, typed, wanted) in [
            ("kill_process", "node", "target.node"),
            ("kill_process", "nodes.role", "target.nodes.role"),
            ("kill_process", "pid", "target.pid"),
            ("kill_process", "signal", "signal"),
            ("kill_process", "nod", "nod"),
            // It has a `pid` of its own.
            ("pause_process", "pid", "pid"),
            ("pause_process", "node", "target.node"),
        ] {
            assert_eq!(spelled(fault, typed), wanted, "{fault} {typed}");
        }
    }

    fn args(parameters: &[&str]) -> Args {
        Args {
            fault: "some_fault".into(),
            parameters: parameters.iter().map(|text| text.parse().unwrap()).collect(),
            hold: None,
            in_run: None,
            variables: VariableFlags::default(),
            flags: RunFlags::default(),
        }
    }

    #[test]
    fn a_key_is_nested_as_deep_as_a_document_may_be() {
        let deep = |dots: usize| format!("{}a=1", "a.".repeat(dots)).parse::<Parameter>();
        assert!(deep(MAX_DEPTH - 1).is_ok());
        for dots in [MAX_DEPTH, 60_000] {
            let error = deep(dots).unwrap_err().to_string();
            assert!(error.contains("nested deeper than 24") && error.len() < 200, "{error}");
        }
    }

    #[test]
    fn a_parameter_that_values_blow_up_is_refused() {
        let vars = [("A".to_owned(), "x".repeat(100_000))].into();
        assert_eq!(fill_in("{{A}}{{A}}", &vars).unwrap().len(), 200_000);
        let error = fill_in(&"{{A}}".repeat(20_000), &vars).unwrap_err().to_string();
        assert!(error.contains("more than 1048576 bytes"), "{error}");
    }

    #[test]
    fn parameters_nest_and_text_goes_in_through_placeholders() {
        let (entry, options) =
            entry(&args(&["pid=7", "target.qps=3", "target.url=http://a/?b=c", "argv:=[1]"])).unwrap();
        assert_eq!(
            entry["action"],
            json!({"type": "some_fault", "pid": "{{typed_0}}", "argv": [1],
                   "target": {"qps": "{{typed_1}}", "url": "{{typed_2}}"}})
        );
        assert_eq!(options.vars["typed_2"], "http://a/?b=c");
    }

    #[test]
    fn what_is_no_parameter_is_refused() {
        for wrong in ["pid", "=3", ".a=3", "a.=3", "a:={"] {
            let error = wrong.parse::<Parameter>().unwrap_err();
            assert!(error.to_string().contains("invalid parameter"), "{error}");
        }
    }

    #[test]
    fn a_place_has_one_value() {
        for twice in [["a=1", "a=2"], ["a=1", "a.b=2"], ["a.b=1", "a=2"]] {
            let error = entry(&args(&twice)).unwrap_err();
            assert!(error.to_string().contains("is given twice"), "{twice:?}: {error}");
        }
        let error = entry(&args(&["type=x"])).unwrap_err();
        assert_eq!(error.to_string(), "`type` is the first argument already");
    }

    #[test]
    fn the_hold_becomes_seconds() {
        let (entry, _) = entry(&Args { hold: Some("1m30s".parse().unwrap()), ..args(&[]) }).unwrap();
        assert_eq!(entry["duration_seconds"], json!(90.0));
    }
}
