//! The command line: one file a subcommand. `squall::cli::main()` is all that a binary with plug-ins of its own needs.

use std::ffi::OsString;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use clap::{ColorChoice, CommandFactory, FromArgMatches, Parser, Subcommand};

mod coloured;
mod completions;
mod conclude;
mod confirm;
mod console;
#[cfg(all(feature = "load", feature = "http"))]
mod demo;
mod diff;
mod doctor;
mod document;
mod down;
mod execute;
mod experiment;
mod explain;
mod exports;
mod failure;
mod figures;
mod follow;
mod format;
#[cfg(feature = "load")]
mod fortio;
mod gate;
mod inject;
#[cfg(feature = "links")]
mod links;
mod list;
mod live;
mod manifests;
mod only;
#[cfg(feature = "otlp")]
mod otlp_target;
mod outcome;
mod output_file;
mod parameters;
#[cfg(feature = "fuzz")]
#[doc(hidden)]
pub mod parsers;
mod places;
mod plan;
mod plug_in;
mod policy_flags;
mod ps;
mod recover;
mod release;
mod repeat;
mod report_file;
mod report_flags;
mod resume;
mod run;
mod run_flags;
mod schema;
mod secrets;
mod settings;
mod signals;
mod soak;
mod status;
mod stdin_hold;
mod step_run;
mod tell;
mod torture;
mod type_names;
mod up;
mod validate;
mod variables;
mod verifier;
mod workflow;
mod workflow_run;
mod writer;

use console::Out;
use failure::{Failure, INTERNAL, USAGE};
use format::{DataFormat, ReportFormat};
use outcome::Outcome;

/// Injects faults, proves that they landed, reverts them, and reports how the system held.
#[derive(Debug, Parser)]
#[command(name = "squall", bin_name = "squall", version, arg_required_else_help = true, after_help = AFTER_HELP)]
struct Cli {
    /// Whether output has colours; `auto` also reads `NO_COLOR`, `FORCE_COLOR`, `CLICOLOR` and `CLICOLOR_FORCE`.
    #[arg(long, global = true, value_name = "WHEN", default_value_t)]
    color: ColorChoice,
    #[command(flatten)]
    settings: settings::SettingsFlags,
    #[command(subcommand)]
    command: Command,
}

const AFTER_HELP: &str = "\
Exit codes: 0 held or unchecked, 1 deviated, 2 inconclusive, 3 revert_failed, 64 wrong usage, 65 invalid file,
70 internal failure.";

#[derive(Debug, Subcommand)]
enum Command {
    #[cfg(all(feature = "load", feature = "http"))]
    Demo(demo::Args),
    Run(Box<run::Args>),
    Inject(Box<inject::Args>),
    Up(Box<up::Args>),
    Ps(ps::Args),
    Status(status::Args),
    Down(down::Args),
    Diff(diff::Args),
    Experiment(Box<experiment::Args>),
    Soak(Box<soak::Args>),
    Replay(Box<soak::ReplayArgs>),
    Shrink(Box<soak::ShrinkArgs>),
    Torture(Box<torture::Args>),
    StepRun(step_run::Args),
    WorkflowRun(Box<workflow_run::Args>),
    Validate(validate::Args),
    Schema(schema::Args),
    List(list::Args),
    Explain(explain::Args),
    Doctor(doctor::Args),
    #[cfg(feature = "load")]
    Fortio(fortio::Args),
    #[cfg(feature = "links")]
    Links(links::Args),
    Recover(recover::Args),
    Release(release::Args),
    Tell(tell::Args),
    Completions(completions::Args),
}

impl Command {
    fn run(&self) -> Result<u8, Failure> {
        match self {
            #[cfg(all(feature = "load", feature = "http"))]
            Self::Demo(args) => demo::run(args),
            Self::Run(args) => match &args.resume {
                Some(run_id) => resume::resume(args, run_id),
                None => run::run(args),
            },
            Self::Inject(args) => inject::run(args),
            Self::Up(args) => up::run(args),
            Self::Ps(args) => ps::run(args),
            Self::Status(args) => status::run(args),
            Self::Down(args) => down::run(args),
            Self::Diff(args) => diff::run(args),
            Self::Experiment(args) => experiment::run(args),
            Self::Soak(args) => soak::run(args),
            Self::Replay(args) => soak::replay(args),
            Self::Shrink(args) => soak::shrink(args),
            Self::Torture(args) => torture::run(args),
            Self::StepRun(args) => step_run::run(args),
            Self::WorkflowRun(args) => workflow_run::run(args),
            Self::Validate(args) => validate::run(args),
            Self::Schema(args) => schema::run(args),
            Self::List(args) => list::run(args),
            Self::Explain(args) => explain::run(args),
            Self::Doctor(args) => doctor::run(args),
            #[cfg(feature = "load")]
            Self::Fortio(args) => Ok(fortio::run(args)),
            #[cfg(feature = "links")]
            Self::Links(args) => links::run(args),
            Self::Recover(args) => recover::run(args),
            Self::Release(args) => release::run(args),
            Self::Tell(args) => tell::run(args),
            Self::Completions(args) => completions::run(args, &mut Cli::command()),
        }
    }

    /// The form in which standard output is read, even when the command fails.
    fn format(&self) -> ReportFormat {
        let data = |format: DataFormat| match format {
            DataFormat::Json => ReportFormat::Json,
            DataFormat::Text => ReportFormat::Text,
        };
        match self {
            #[cfg(all(feature = "load", feature = "http"))]
            Self::Demo(args) => args.format,
            Self::Run(args) => args.flags.format,
            Self::Inject(args) => args.flags.format,
            Self::Up(args) => args.flags.format,
            Self::WorkflowRun(args) => args.format(),
            Self::Doctor(args) => data(args.format),
            Self::Ps(args) => data(args.format),
            Self::Status(args) => data(args.format),
            Self::Down(args) => data(args.format),
            Self::Experiment(args) => data(args.format),
            Self::Soak(args) => data(args.flags.format),
            Self::Replay(args) => data(args.flags.format),
            Self::Shrink(args) => data(args.flags.format),
            Self::Torture(args) => data(args.flags.format),
            Self::Diff(args) => data(args.format),
            Self::Recover(args) => data(args.format),
            Self::Release(args) => data(args.format),
            #[cfg(feature = "links")]
            Self::Links(args) => data(args.format()),
            _ => ReportFormat::Text,
        }
    }

    /// Whether it needs the operator's settings; a demo must run with nothing set up.
    fn has_settings(&self) -> bool {
        let runs = matches!(self, Self::Run(_) | Self::Inject(_) | Self::Experiment(_) | Self::Up(_));
        let soaks = matches!(self, Self::Soak(_) | Self::Replay(_) | Self::Shrink(_) | Self::Torture(_));
        let runs = runs || matches!(self, Self::WorkflowRun(_));
        runs || soaks
            || matches!(
                self,
                Self::Ps(_) | Self::Status(_) | Self::Down(_) | Self::Recover(_) | Self::Release(_) | Self::Tell(_)
            )
    }

    /// Writes the report files of a run that could not begin.
    fn write_reports(&self, outcome: &[Outcome]) {
        let (reports, taken) = match self {
            Self::Run(args) => (&args.flags.reports, args.taken()),
            Self::Inject(args) => (&args.flags.reports, args.taken()),
            Self::Up(args) => (&args.flags.reports, args.taken()),
            _ => return,
        };
        // What cannot be written, or has another use, was told as the failure.
        if reports.check(&taken).is_ok()
            && let Err(failure) = reports.write(outcome)
        {
            console::complain(&failure.chain());
        }
    }

    /// What a run is called that could not begin.
    fn subject(&self) -> String {
        match self {
            Self::Run(args) => args.subject(),
            Self::Up(args) => args.file.display().to_string(),
            _ => "squall".to_owned(),
        }
    }
}

/// Runs the command line of this process and returns its exit code: a verdict's (0 to 3), 64 for wrong usage, 65 for
/// an invalid file, 70 for an internal failure.
pub fn main() -> ExitCode {
    crate::helper::run_if_asked();
    signals::unblock();
    console::tell_panics();
    secrets::hide_api_keys();
    let code = guarded(|| dispatch(std::env::args_os().collect()));
    console::settle();
    ExitCode::from(code)
}

/// A plug-in's panic is caught by the engine; what is left would be ours, and must not look like a verdict.
fn guarded(work: impl FnOnce() -> u8) -> u8 {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or(INTERNAL)
}

fn dispatch(arguments: Vec<OsString>) -> u8 {
    #[cfg(feature = "load")]
    if arguments.get(1).is_some_and(|command| command == "fortio") {
        return fortio::main(&arguments[2..]);
    }
    // For what clap itself prints; the flag is known only when it is done.
    console::choose_colour(ColorChoice::Auto);
    let matches = Cli::command().try_get_matches_from(arguments);
    match matches.and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(cli) => {
            console::choose_colour(cli.color);
            told(&cli)
        }
        Err(error) => {
            let error = inject::with_tip(error);
            let (out, code) = if error.use_stderr() { (Out::Stderr, USAGE) } else { (Out::Stdout, 0) };
            let text = error.render();
            let text = if out.paint().is_on() { text.ansi().to_string() } else { text.to_string() };
            // A reader that has gone away is not a failure.
            let _ = out.print(&text);
            code
        }
    }
}

fn told(cli: &Cli) -> u8 {
    let command = &cli.command;
    let settings = if command.has_settings() { settings::read(&cli.settings) } else { Ok(()) };
    settings.and_then(|()| command.run()).unwrap_or_else(|failure| {
        let code = failure.exit_code();
        outcome::tell_people(&failure);
        let outcome = [Outcome::failed(command.subject(), failure)];
        // It is on standard error already.
        let _ = outcome::print_data(&outcome, command.format(), Out::Stdout);
        command.write_reports(&outcome);
        code
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_panic_is_an_internal_failure() {
        assert_eq!(guarded(|| panic!("on purpose")), 70);
        assert_eq!(guarded(|| 3), 3);
    }

    /// Words of a command line as a shell cuts them, up to a comment, a pipe or a redirection.
    fn words(line: &str) -> Vec<String> {
        let mut words = vec![String::new()];
        let mut quote = None;
        for c in line.chars() {
            match (quote, c) {
                (Some(open), _) if open == c => quote = None,
                (None, '"' | '\'') => quote = Some(c),
                (None, '#' | '|' | '>' | '`' | '&' | ';' | ')') => break,
                (None, ' ') => words.push(String::new()),
                _ => words.last_mut().unwrap().push(c),
            }
        }
        words.retain(|word| !word.is_empty());
        words
    }

    #[test]
    fn every_command_that_a_page_names_is_accepted() {
        let root = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
        let pages =
            ["README.md", "action.yml", ".pre-commit-hooks.yaml", "docs/comparing-runs.md", "docs/task-file.md"];
        let links = cfg!(feature = "links").then_some("docs/links.md");
        let mut checked = 0;
        for page in pages.into_iter().chain(links) {
            let text = std::fs::read_to_string(root.join(page)).unwrap();
            for line in text.lines() {
                // Where a command begins: at the start of a line, of a pipe's end, of a code span or of a hook's entry.
                let line = line.trim_start();
                let starts = ["squall ", "entry: squall "].iter().find_map(|start| line.strip_prefix(start));
                let piped = line.split_once("| squall ").filter(|_| !line.starts_with('|')).map(|(_, rest)| rest);
                let Some(rest) = starts.or(piped) else { continue };
                let mut words = words(rest);
                // An array of a script, which may be empty.
                words.retain(|word| word != "${arguments[@]}");
                words.insert(0, "squall".to_owned());
                if words.last().is_some_and(|word| word == "validate") {
                    words.push("FILE".to_owned());
                }
                let accepted = Cli::command().try_get_matches_from(&words);
                let shown =
                    |kind| matches!(kind, clap::error::ErrorKind::DisplayVersion | clap::error::ErrorKind::DisplayHelp);
                let wrong = accepted.err().filter(|error| !shown(error.kind())).map(|error| error.to_string());
                assert_eq!(wrong, None, "{page}: {line}");
                checked += 1;
            }
        }
        assert!(checked > 15, "{checked}");
    }
}
