//! Development tasks of this workspace: `cargo xtask test | install | gen | new | layers | house | words | features | campaign | fuzz`.

use std::env;
use std::process::ExitCode;

use crate::error::TaskError;

mod campaign;
mod circles;
mod error;
mod features;
mod fuzz;
mod generate;
mod go_tools;
mod house;
mod kube_rig;
mod layers;
mod needs;
mod process;
mod programs;
mod readme;
mod rust;
mod scaffold;
mod string_arrows;
mod suite;
mod tally;
mod words;
mod workspace;

const USAGE: &str = "\
usage: cargo xtask <task>

  test [-p PACKAGE]… [CARGO-TEST-ARGUMENT]… [-- TEST-ARGUMENT…]
                             installs what the tests need, runs them, and counts what was skipped
  install kuberig|otelcol|telemetrygen…
                             builds what some tests and benches need and takes minutes; without it they are skipped
  gen [--check]              writes the generated files, or says which are out of date
  new fault|trigger|probe NAME [fault|trigger|probe NAME]…
                             writes plug-ins that compile and pass their contract, and links them
  layers                     proves the arrows between crates, and what must not be linked
  house                      checks for circles of imports, errors that are a `String`, and names used twice
  words                      checks the wording of messages, docs and comments
  features                   checks each feature of each crate alone
  campaign NAME|all --rounds N|--minutes N [--seed S] [--format json]
                             attacks the real program round by round, and prints what the rounds met and found;
                             without arguments it lists the campaigns
  fuzz [TARGET…] --inputs N|--minutes N [--seed S] [--format json] [--dev]
                             feeds made and spoilt inputs to every parser; `--dev` builds as the tests are built";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match run(&arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error}");
            error.exit_code()
        }
    }
}

fn run(arguments: &[String]) -> Result<ExitCode, TaskError> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["test", rest @ ..] => suite::run(rest),
        ["install", name, more @ ..] => go_tools::install_named(&[&[*name], more].concat()),
        ["gen"] => generate::write(),
        ["gen", "--check"] => generate::check(),
        ["new", kind, name, more @ ..] => scaffold::run(&[&[*kind, *name], more].concat()),
        ["layers"] => layers::run(),
        ["house"] => house::run(),
        ["words"] => words::run(),
        ["features"] => features::run(),
        ["fuzz", rest @ ..] => fuzz::run(rest),
        ["campaign", rest @ ..] => campaign::run(rest),
        ["help" | "--help" | "-h"] => {
            println!("{USAGE}");
            Ok(ExitCode::SUCCESS)
        }
        _ => Err(TaskError::Usage(USAGE.to_owned())),
    }
}
