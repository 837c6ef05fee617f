//! `cargo xtask test`: installs what the tests need, runs them, and says what was skipped and why.

use std::env;
use std::ffi::OsString;
use std::io;
use std::process::{Command, ExitCode};
use std::thread;

use crate::error::TaskError;
use crate::needs::{self, Tools};
use crate::process;
use crate::programs::{self, Failed, Outcome, Program};
use crate::workspace;

/// Runs the tests of the packages named in `arguments`, or of the whole workspace.
pub(crate) fn run(arguments: &[&str]) -> Result<ExitCode, TaskError> {
    let (ours, theirs) = split(arguments);
    let only_documentation = ours.contains(&"--doc");
    // What is said below. All are run, whatever fails.
    let said = ["--no-fail-fast", "--doc"];
    let ours: Vec<&str> = ours.iter().copied().filter(|argument| !said.contains(argument)).collect();
    let packages = packages(&ours);
    let tools = needs::install(&packages);
    let cargo = |more: &[&str]| {
        let mut cargo = process::cargo();
        cargo.arg("test").current_dir(workspace::root());
        if packages.is_empty() && !ours.contains(&"--workspace") {
            cargo.arg("--workspace");
        }
        // A test that needs a feature is left out by cargo without a word where that feature is off.
        if !names_features(&ours) {
            cargo.arg("--all-features");
        }
        cargo.args(&ours).args(more);
        with_tools(cargo, &tools)
    };
    let cores = thread::available_parallelism().map_or(1, usize::from);
    // Without `--show-output` the harness swallows the lines by which tests say that they were skipped.
    let shown = [&["--show-output"], names(&ours).as_slice(), theirs].concat();
    let (mut outcome, mut out) = (Outcome::default(), io::stdout());
    let mut has_documentation = !names_targets(&ours);
    if !only_documentation {
        let programs = programs::build(&mut cargo(&[]))?;
        // Cargo refuses to look for them where there is no library.
        has_documentation &= programs.iter().any(Program::is_of_a_library);
        let alone = workspace::alone(&workspace::packages()?)?;
        let (alone, together): (Vec<_>, Vec<_>) = programs.into_iter().partition(|one| alone.contains(&one.name));
        let prepared = |mut command: Command| {
            command.args(&shown);
            if env::var_os(THREADS).is_none() {
                command.env(THREADS, cores.to_string());
            }
            process::heeding_signals(with_tools(command, &tools))
        };
        outcome = programs::run(&together, cores, prepared, &mut out);
        outcome.add(programs::run(&alone, 1, prepared, &mut out));
    }
    if has_documentation {
        let documentation = [&["--doc", "--no-fail-fast", "--"], shown.as_slice()].concat();
        outcome.add(programs::documentation(cargo(&documentation), &mut out).map_err(TaskError::start("cargo"))?);
    }
    println!();
    for Failed { name, why } in &outcome.failed {
        println!("why {name} failed:");
        for line in why {
            println!("    {line}");
        }
    }
    for Failed { name, .. } in &outcome.failed {
        println!("failed: cargo test {name}");
    }
    for name in &outcome.left {
        println!("cargo test {name} has left a process behind that still holds its output; `ps` names it");
    }
    println!("{}", outcome.tally.summary());
    let is_good = outcome.failed.is_empty() && outcome.left.is_empty();
    Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::from(101) })
}

/// Adds what the tests need to find their tools.
fn with_tools(mut command: Command, tools: &Tools) -> Command {
    command.env("SQUALL_NODE_MODULES", &tools.node_modules).env("PATH", path(tools));
    command
}

/// How many tests of a program run at the same time.
const THREADS: &str = "RUST_TEST_THREADS";

/// What stands before and behind the first `--`.
fn split<'a>(arguments: &'a [&'a str]) -> (&'a [&'a str], &'a [&'a str]) {
    match arguments.iter().position(|argument| *argument == "--") {
        Some(at) => (&arguments[..at], &arguments[at + 1..]),
        None => (arguments, &[]),
    }
}

/// Whether the caller chose features.
fn names_features(arguments: &[&str]) -> bool {
    let own = ["--features", "--all-features", "--no-default-features", "-F"];
    arguments.iter().any(|argument| own.iter().any(|flag| argument.starts_with(flag)))
}

/// Whether the caller chose which programs to run, so that the documentation's tests are none of them.
fn names_targets(arguments: &[&str]) -> bool {
    let one = ["--lib", "--bin", "--test", "--example", "--bench", "--all-targets"];
    arguments.iter().any(|argument| one.iter().any(|flag| argument.starts_with(flag)))
}

/// The flags of `cargo test` whose value stands in the next word.
const VALUED: [&str; 15] = [
    "-p",
    "--package",
    "--exclude",
    "-F",
    "--features",
    "--bin",
    "--test",
    "--example",
    "--bench",
    "--profile",
    "--target",
    "-j",
    "--jobs",
    "--color",
    "--config",
];

/// The words that name tests, which cargo would hand on to each program.
fn names<'a>(arguments: &[&'a str]) -> Vec<&'a str> {
    let behind = std::iter::once("").chain(arguments.iter().copied());
    let words = behind.zip(arguments).filter(|(before, word)| !word.starts_with('-') && !VALUED.contains(before));
    words.map(|(_, word)| *word).collect()
}

/// The packages that `-p` and `--package` name.
fn packages<'a>(arguments: &[&'a str]) -> Vec<&'a str> {
    let mut named = Vec::new();
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match *argument {
            "-p" | "--package" => named.extend(rest.next().copied()),
            other => {
                let glued = other.strip_prefix("--package=");
                let short = other.strip_prefix("-p").filter(|_| !other.starts_with("--"));
                named.extend(glued.or(short));
            }
        }
    }
    named
}

/// Our pinned tools first, and the folders of Python's programs and of clients last, so that its `python3` shadows nobody's.
fn path(tools: &Tools) -> OsString {
    let old = env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(tools.go_bin.clone()).chain(env::split_paths(&old));
    env::join_paths(folders.chain([tools.python_bin.clone(), tools.clients_bin.clone()])).unwrap_or(old)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_found_in_every_spelling() {
        let rows: [(&[&str], &[&str]); 4] = [
            (&["-p", "a", "--package", "b"], &["a", "b"]),
            (&["-pa", "--package=b", "--lib"], &["a", "b"]),
            (&["--release"], &[]),
            (&["-p"], &[]),
        ];
        for (arguments, want) in rows {
            assert_eq!(packages(arguments), want, "{arguments:?}");
        }
    }

    #[test]
    fn features_are_the_callers_where_they_are_named() {
        for own in ["--features=tls", "-Ftls", "--no-default-features", "--all-features"] {
            assert!(names_features(&["-p", "chaos-load", own]), "{own}");
        }
        assert!(!names_features(&["-p", "chaos-load"]));
    }

    #[test]
    fn a_chosen_program_leaves_out_the_documentation() {
        for chosen in ["--lib", "--test=model", "--tests", "--bins"] {
            assert!(names_targets(&["-p", "a", chosen]), "{chosen}");
        }
        assert!(!names_targets(&["--doc", "-p", "a"]) && !names_targets(&["--workspace"]));
    }

    #[test]
    fn names_of_tests_are_told_from_values_of_flags() {
        assert_eq!(names(&["-p", "a", "one", "--features", "x", "--lib"]), ["one"]);
        assert_eq!(names(&["two"]), ["two"]);
        assert_eq!(names(&["-pa", "--package=b", "--workspace"]), Vec::<&str>::new());
    }

    #[test]
    fn arguments_of_the_harness_stand_behind_the_dashes() {
        assert_eq!(split(&["-p", "a", "--", "name", "--", "x"]), (&["-p", "a"][..], &["name", "--", "x"][..]));
        assert_eq!(split(&["name"]), (&["name"][..], &[][..]));
    }
}
