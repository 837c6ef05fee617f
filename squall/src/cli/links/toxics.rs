//! The verbs of `squall links toxic`.

use clap::Subcommand;
use serde_json::{Map, Number, Value, json};

use crate::cli::failure::Failure;
use crate::cli::format::DataFormat;

use super::api_calls::{Api, ApiFlags};
use super::proxies::told;
use super::shown::{ShownToxic, read};

/// Adds, changes and removes toxics of a link, also while connections are open.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    #[command(aliases = ["a"])]
    Add(AddArgs),
    #[command(aliases = ["u"])]
    Update(UpdateArgs),
    #[command(aliases = ["r", "delete", "d"])]
    Remove(RemoveArgs),
}

const ATTRIBUTES: &str = "\
Types and attributes:
  latency     latency=<ms> jitter=<ms> distribution=uniform|normal
  bandwidth   rate=<KB/s>
  slow_close  delay=<ms>
  timeout     timeout=<ms>                 0: until it is removed
  reset_peer  timeout=<ms>
  slicer      average_size=<bytes> size_variation=<bytes> delay=<µs>
  limit_data  bytes=<bytes>
  loss        probability=<0..1> stall=<ms>
  black_hole  mode=say_nothing|accept_nothing|half_open
  duplicate   probability=<0..1>           UDP, as the next two
  reorder     probability=<0..1> delay=<ms>
  corrupt     probability=<0..1>
  http        match=<JSON> and effect=<JSON> or preset=<name>, on HTTP links

Example: squall links toxic add -t latency -n slow -a latency=100 -a jitter=50 web";

/// Adds a toxic to a link.
#[derive(Debug, clap::Args)]
#[command(after_help = ATTRIBUTES)]
pub(super) struct AddArgs {
    /// Name of the link.
    #[arg(value_name = "LINK")]
    link: String,
    /// Name of the toxic; default: its type and stream, such as `latency_downstream`.
    #[arg(short = 'n', long = "toxicName", alias = "toxic-name", value_name = "NAME")]
    name: Option<String>,
    /// Type of the toxic.
    #[arg(short = 't', long = "type", value_name = "TYPE")]
    kind: String,
    /// An attribute; may be repeated.
    #[arg(short = 'a', long = "attribute", value_name = "NAME=VALUE", value_parser = attribute)]
    attributes: Vec<(String, Value)>,
    /// Share of connections on which it acts, from 0 to 1.
    #[arg(long, alias = "tox", value_name = "SHARE", default_value = "1", value_parser = share)]
    toxicity: f64,
    /// It acts on what clients send.
    #[arg(short, long, conflicts_with = "downstream")]
    upstream: bool,
    /// It acts on what the server sends; this is the default.
    #[arg(short, long)]
    downstream: bool,
    #[command(flatten)]
    api: ApiFlags,
}

/// Changes some attributes of a toxic, or its toxicity; what is not named stays.
#[derive(Debug, clap::Args)]
#[command(after_help = ATTRIBUTES)]
pub(super) struct UpdateArgs {
    /// Name of the link.
    #[arg(value_name = "LINK")]
    link: String,
    /// Name of the toxic.
    #[arg(short = 'n', long = "toxicName", alias = "toxic-name", value_name = "NAME")]
    name: String,
    /// An attribute; may be repeated.
    #[arg(short = 'a', long = "attribute", value_name = "NAME=VALUE", value_parser = attribute)]
    attributes: Vec<(String, Value)>,
    /// Share of connections on which it acts, from 0 to 1.
    #[arg(long, alias = "tox", value_name = "SHARE", value_parser = share)]
    toxicity: Option<f64>,
    #[command(flatten)]
    api: ApiFlags,
}

/// Removes a toxic from a link.
#[derive(Debug, clap::Args)]
pub(super) struct RemoveArgs {
    /// Name of the link.
    #[arg(value_name = "LINK")]
    link: String,
    /// Name of the toxic.
    #[arg(short = 'n', long = "toxicName", alias = "toxic-name", value_name = "NAME")]
    name: String,
    #[command(flatten)]
    api: ApiFlags,
}

/// What is wrong with a word of the command line.
#[derive(Debug, thiserror::Error)]
enum WordError {
    #[error("expected `NAME=VALUE`, such as `latency=100`")]
    Attribute,
    #[error("expected a share from 0 to 1, such as `0.5`")]
    Share,
}

/// An attribute, whose value is a number or an object where it reads as one.
fn attribute(word: &str) -> Result<(String, Value), WordError> {
    let (name, value) = word.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or(WordError::Attribute)?;
    if let Ok(object @ Value::Object(_)) = serde_json::from_str(value) {
        return Ok((name.to_owned(), object));
    }
    let whole = value.parse::<i64>().ok().map(Number::from);
    let number = whole.or_else(|| value.parse().ok().and_then(Number::from_f64));
    Ok((name.to_owned(), number.map_or_else(|| value.into(), Value::Number)))
}

fn share(word: &str) -> Result<f64, WordError> {
    word.parse().ok().filter(|share| (0.0..=1.0).contains(share)).ok_or(WordError::Share)
}

impl Args {
    pub(super) fn format(&self) -> DataFormat {
        match &self.verb {
            Verb::Add(args) => args.api.format,
            Verb::Update(args) => args.api.format,
            Verb::Remove(args) => args.api.format,
        }
    }
}

pub(super) fn run(args: &Args, host: Option<&str>) -> Result<u8, Failure> {
    match &args.verb {
        Verb::Add(args) => add(args, host),
        Verb::Update(args) => update(args, host),
        Verb::Remove(args) => remove(args, host),
    }
}

fn all(attributes: &[(String, Value)]) -> Map<String, Value> {
    attributes.iter().cloned().collect()
}

fn add(args: &AddArgs, host: Option<&str>) -> Result<u8, Failure> {
    let stream = if args.upstream { "upstream" } else { "downstream" };
    let mut body = json!({
        "type": args.kind, "stream": stream, "toxicity": args.toxicity, "attributes": all(&args.attributes),
    });
    if let Some(name) = &args.name {
        body["name"] = name.as_str().into();
    }
    let answer = Api::of(&args.api, host)?.post(&["proxies", &args.link, "toxics"], &body)?;
    let toxic: ShownToxic = read(&answer)?;
    told(&args.api, &answer, || {
        format!("added {} toxic `{}` ({}) to link {}\n", toxic.stream, toxic.name, toxic.kind, args.link)
    })
}

fn update(args: &UpdateArgs, host: Option<&str>) -> Result<u8, Failure> {
    let mut body = json!({"attributes": all(&args.attributes)});
    if let Some(toxicity) = args.toxicity {
        body["toxicity"] = toxicity.into();
    }
    let answer = Api::of(&args.api, host)?.post(&["proxies", &args.link, "toxics", &args.name], &body)?;
    let toxic: ShownToxic = read(&answer)?;
    told(&args.api, &answer, || format!("updated toxic `{}` of link {}\n", toxic.name, args.link))
}

fn remove(args: &RemoveArgs, host: Option<&str>) -> Result<u8, Failure> {
    Api::of(&args.api, host)?.delete(&["proxies", &args.link, "toxics", &args.name])?;
    let answer = json!({"removed": args.name, "link": args.link});
    told(&args.api, &answer, || format!("removed toxic `{}` from link {}\n", args.name, args.link))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attribute_is_a_number_or_an_object_where_it_reads_as_one() {
        let rows = [
            ("latency=100", json!(100)),
            ("latency=-5", json!(-5)),
            ("probability=0.25", json!(0.25)),
            ("mode=half_open", json!("half_open")),
            ("x=inf", json!("inf")),
            ("x=", json!("")),
            ("x=a=b", json!("a=b")),
            (r#"effect={"answer":{"body":"a=b"}}"#, json!({"answer": {"body": "a=b"}})),
            ("x={", json!("{")),
        ];
        for (word, value) in rows {
            assert_eq!(attribute(word).unwrap().1, value, "{word}");
        }
        for word in ["latency", "=5", ""] {
            assert_eq!(attribute(word).unwrap_err().to_string(), "expected `NAME=VALUE`, such as `latency=100`");
        }
    }

    #[test]
    fn a_share_is_from_0_to_1() {
        assert!(["0", "1", "0.5"].iter().all(|word| share(word).is_ok()));
        for word in ["-0.1", "1.1", "nan", "x"] {
            assert_eq!(share(word).unwrap_err().to_string(), "expected a share from 0 to 1, such as `0.5`", "{word}");
        }
    }

    #[test]
    fn every_type_is_named_in_the_help() {
        for name in chaos_links::ToxicKind::TYPES {
            assert!(ATTRIBUTES.contains(name), "{name}");
        }
    }
}
