//! SIGKILL at a random moment of a run.

use std::fs;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use crate::campaign::Campaign;
use crate::child::spin_for;
use crate::flaw::Flaw;
use crate::round::Round;

/// Kills a run.
#[derive(Debug, Default)]
pub(super) struct Kill {
    /// How long a whole run takes beside its hold.
    overhead: OnceLock<Duration>,
}

impl Kill {
    /// Measured once with the program at hand, so that the moments fall all over a run.
    fn overhead(&self, round: &mut Round) -> Result<Duration, Flaw> {
        if let Some(overhead) = self.overhead.get() {
            return Ok(*overhead);
        }
        let args = round.pause(Duration::from_millis(1))?;
        let start = Instant::now();
        let mut run = round.start(&args)?;
        round.ended(&mut run, &[0])?;
        Ok(*self.overhead.get_or_init(|| start.elapsed()))
    }
}

impl Campaign for Kill {
    fn name(&self) -> &'static str {
        "kill"
    }

    fn about(&self) -> &'static str {
        "kills a run at a random moment, and now and then its recovery too"
    }

    fn round(&self, round: &mut Round) -> Result<(), Flaw> {
        let hold = Duration::from_millis(1) + round.random.time(Duration::from_millis(30));
        let (args, holds) = if round.random.one_in(3) { (task(round, hold)?, 2) } else { (round.pause(hold)?, 1) };
        let longest = self.overhead(round)? + hold * holds;
        let mut run = round.start(&args)?;
        spin_for(round.random.time(longest));
        round.kill(&mut run);
        round.settle()
    }
}

/// The arguments that run a task of two entries, with a trigger that waits and a probe.
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
    let mut args = vec!["run".to_owned(), "task.yaml".into(), "--accept-policy".into()];
    if round.random.one_in(2) {
        args.extend(["--repeat".to_owned(), "2".into()]);
    }
    round.tally.count("task of two entries");
    Ok(args)
}
