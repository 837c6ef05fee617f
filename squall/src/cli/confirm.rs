//! `--confirm`: shows the plan, and waits for a yes on the terminal.

use std::io::IsTerminal;

use chaos_runner::DryRun;

use super::console::{say, say_question};
use super::failure::Failure;
use super::plan;

/// Refuses to begin where no terminal can answer.
pub(crate) fn check_terminal() -> Result<(), Failure> {
    if std::io::stdin().is_terminal() {
        return Ok(());
    }
    let why = "`--confirm` waits for an answer on a terminal, and standard input is not one; leave `--confirm` out, or see \
               the plan with `--dry-run`";
    Err(Failure::Usage(why.to_owned()))
}

/// Asks. Plan and question go to standard error, so that standard output holds the report alone.
pub(crate) fn ask(plan: &DryRun) -> Result<(), Failure> {
    say(&plan::outline(plan));
    if !plan.allowed() {
        return Err(Failure::Declined("the policy refuses a part of the plan"));
    }
    say_question("run it? [y/N] ");
    let mut answer = String::new();
    let read = std::io::stdin().read_line(&mut answer);
    match (read, answer.trim().to_ascii_lowercase().as_str()) {
        (Ok(_), "y" | "yes") => Ok(()),
        _ => Err(Failure::Declined("not confirmed")),
    }
}
