//! `squall completions`: a script that completes commands, flags and types in a shell.

use clap_complete::Shell;

use super::console::print;
use super::failure::Failure;

/// Prints a completion script for a shell.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The shell.
    shell: Shell,
}

pub(super) fn run(args: &Args, command: &mut clap::Command) -> Result<u8, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, command, "squall", &mut script);
    let mut script = String::from_utf8_lossy(&script).into_owned();
    if args.shell == Shell::Fish {
        script.push_str(&fish_arguments(command));
    }
    print(&script)?;
    Ok(0)
}

/// The values of arguments without a flag (`inject TYPE`), which `clap_complete` leaves out for fish. They are offered until
/// one of them stands in the line.
fn fish_arguments(command: &clap::Command) -> String {
    let mut lines = Vec::new();
    for subcommand in command.get_subcommands() {
        for argument in subcommand.get_positionals() {
            let values = argument.get_possible_values();
            let values: Vec<_> = values.iter().filter(|value| !value.is_hide_set()).collect();
            let names: Vec<&str> = values.iter().map(|value| value.get_name()).collect();
            for value in &values {
                let help = value.get_help().map(ToString::to_string).unwrap_or_default();
                let help = help.replace('\n', " ").replace('\\', "\\\\").replace('\'', "\\'");
                lines.push(format!(
                    "complete -c squall -n \"__fish_squall_using_subcommand {}; and not __fish_seen_subcommand_from {}\" -f -a \
                     \"{}\" -d '{help}'\n",
                    subcommand.get_name(),
                    names.join(" "),
                    value.get_name(),
                ));
            }
        }
    }
    lines.concat()
}
