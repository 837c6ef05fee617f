//! What is run in a round: a later fault is one more line of the table.

use std::fs;
use std::time::Duration;

use crate::child::kill;
use crate::flaw::Flaw;
use crate::moment::KillMoment;
use crate::round::Round;

/// A command that injects faults into new victims.
pub(crate) struct Subject {
    /// What it is called in a report.
    pub(crate) name: &'static str,
    /// Prepares the round, and gives the arguments of the program; each fault holds for so long.
    pub(crate) arguments: fn(&mut Round, Duration) -> Result<Vec<String>, Flaw>,
    /// How many holds follow each other.
    pub(crate) holds: u32,
    /// Whether a victim of a run that was killed is left to it.
    pub(crate) leaves_dead: bool,
}

/// All of them.
pub(crate) const SUBJECTS: [Subject; 4] = [
    Subject { name: "one fault", arguments: Round::pause, holds: 1, leaves_dead: false },
    Subject { name: "task of two entries", arguments: task, holds: 1, leaves_dead: false },
    Subject { name: "task of two entries, twice", arguments: twice, holds: 2, leaves_dead: false },
    Subject {
        name: "one fault, after a run that was killed",
        arguments: after_a_dead_run,
        holds: 1,
        leaves_dead: true,
    },
];

/// Two entries at the same time, one with a check that starts programs.
fn task(round: &mut Round, hold: Duration) -> Result<Vec<String>, Flaw> {
    let (one, other) = (round.victim()?, round.victim()?);
    let hold = hold.as_secs_f64();
    let text = format!(
        "name: two victims\n\
         policy: {{ allow_commands: [grep] }}\n\
         chaos_spec:\n\
         \x20 - name: the first\n\
         \x20   trigger: {{ type: immediate }}\n\
         \x20   action: {{ type: pause_process, pid: {one} }}\n\
         \x20   duration_seconds: {hold}\n\
         \x20   detect: {{ type: command, argv: [grep, -q, \"State:.T\", /proc/{one}/status], within_seconds: 1 }}\n\
         \x20 - name: the second\n\
         \x20   trigger: {{ type: immediate }}\n\
         \x20   action: {{ type: pause_process, pid: {other} }}\n\
         \x20   duration_seconds: {hold}\n"
    );
    fs::write(round.place.path().join("task.yaml"), text)?;
    Ok(["run", "task.yaml", "--accept-policy"].map(str::to_owned).to_vec())
}

fn twice(round: &mut Round, hold: Duration) -> Result<Vec<String>, Flaw> {
    let mut arguments = task(round, hold)?;
    arguments.extend(["--repeat", "2"].map(str::to_owned));
    Ok(arguments)
}

/// The run begins with the recovery of another one.
fn after_a_dead_run(round: &mut Round, hold: Duration) -> Result<Vec<String>, Flaw> {
    let arguments = round.pause(Duration::from_mins(1))?;
    let mut dead = round.start(&arguments)?;
    let stopped = KillMoment::Stopped.wait(round, &mut dead, Duration::from_micros(1));
    kill(&mut dead);
    stopped?;
    round.pause(hold)
}
