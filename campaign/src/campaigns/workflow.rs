//! Faults on the engine of a workflow: whatever is done to it, its diagnostics run, and last.

use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use rustix::process::Signal;

use crate::campaign::Campaign;
use crate::child::{kill, send, sleep, spin_for};
use crate::control::Control;
use crate::flaw::{Flaw, FlawKind};
use crate::round::Round;
use crate::workflow::{MARK, Workflow, command, until_or_ended};

/// What is done.
const ATTACKS: [(&str, Attack); 5] = [
    ("killed and resumed", killed),
    ("SIGTERM", terminated),
    ("stopped and continued", stopped),
    ("ledger full at a byte", limited),
    ("disk of the ledger full", tiny),
];

type Attack = fn(&mut Round, &Workflow) -> Result<Met, Flaw>;

/// What a round came to.
struct Met {
    code: Option<i32>,
    kills: u64,
    whole_ledger: bool,
    /// Whether the engine was told to end.
    interrupted: bool,
}

/// A file system of its own for the ledger, in the room that is left of so many kB and files.
const TINY: &str = r#"mount -t tmpfs -o "$1" none "$2" || exit 90; shift 2; exec "$@""#;
const LEDGER_FOLDER: &str = "ledgers";

/// Ends where a signal finds it, without diagnostics.
const NO_DIAGNOSTICS: &str = r#"#!/bin/sh
[ "$1" = run ] || exit 0
echo c0 >> ran.txt
for i in 1 2 3 4 5 6 7 8; do sleep 0.01; done
exit 2
"#;

/// Attacks workflows.
#[derive(Debug, Default)]
pub(super) struct Workflows {
    /// Whether there can be a file system of our own.
    namespace: OnceLock<bool>,
}

impl Campaign for Workflows {
    fn name(&self) -> &'static str {
        "workflow"
    }

    fn about(&self) -> &'static str {
        "kills and resumes a workflow, ends or stops it, or fills the disk of its ledger; its diagnostics must run last"
    }

    fn control(&self) -> Control {
        Control { program: NO_DIAGNOSTICS, found: &[FlawKind::Diagnostics] }
    }

    fn round(&self, round: &mut Round) -> Result<(), Flaw> {
        let workflow = Workflow::write(round)?;
        // By its seed alone, so that each is met as often.
        let (name, attack) = ATTACKS[usize::try_from(round.seed % ATTACKS.len() as u64).unwrap_or(0)];
        if name == "disk of the ledger full" && !*self.namespace.get_or_init(|| has_namespace(round)) {
            round.tally.count("skipped: needs unprivileged user and mount namespaces");
            return Ok(());
        }
        let met = attack(round, &workflow)?;
        round.tally.count(name);
        if met.interrupted && Workflow::ran(round).is_empty() && Workflow::lines(round) == 0 {
            round.tally.count("told to end before it began");
            return round.settle();
        }
        if met.code.is_some_and(|code| !(0..=2).contains(&code)) {
            return Err(round.finding(FlawKind::ExitCode, &format!("the workflow ended with {:?}", met.code)));
        }
        // An interruption is told as a failure of what was under way, like a kill.
        let troubled = met.kills + u64::from(met.interrupted);
        workflow.judge(round, met.code, met.kills, troubled, met.whole_ledger)?;
        round.tally.count("diagnostics ran last");
        round.settle()
    }
}

fn begins(round: &Round, workflow: &Workflow) -> Result<std::process::Child, Flaw> {
    round.start_quiet(&mut command(round, workflow, &Workflow::begins(), false))
}

/// Waits until some commands have begun, and a little longer.
fn under_way(round: &mut Round, run: &mut std::process::Child) -> Result<(), Flaw> {
    let begun = usize::try_from(round.random.below(6)).unwrap_or(0);
    until_or_ended(round, run, || Workflow::ran(round).len() >= begun)?;
    spin_for(round.random.time(Duration::from_millis(15)));
    Ok(())
}

fn killed(round: &mut Round, workflow: &Workflow) -> Result<Met, Flaw> {
    let mut run = begins(round, workflow)?;
    let waited = under_way(round, &mut run);
    let ended = run.try_wait()?.and_then(|status| status.code());
    kill(&mut run);
    waited?;
    let code = workflow.to_the_end(round, false, ended)?;
    Ok(Met { code, kills: u64::from(ended.is_none()), whole_ledger: true, interrupted: false })
}

fn terminated(round: &mut Round, workflow: &Workflow) -> Result<Met, Flaw> {
    let mut run = begins(round, workflow)?;
    // Before its ledger it has not begun, and a signal ends it as any other program.
    until_or_ended(round, &mut run, || Workflow::lines(round) > 0)?;
    under_way(round, &mut run)?;
    send(&run, *round.random.choose(&[Signal::TERM, Signal::HUP, Signal::USR2]));
    let code = round.wait(&mut run, "a workflow that was told to end")?.code();
    Ok(Met { code, kills: 0, whole_ledger: true, interrupted: true })
}

fn stopped(round: &mut Round, workflow: &Workflow) -> Result<Met, Flaw> {
    let mut run = begins(round, workflow)?;
    for _ in 0..=round.random.below(3) {
        under_way(round, &mut run)?;
        send(&run, Signal::STOP);
        sleep(round.random.time(Duration::from_millis(40)));
        send(&run, Signal::CONT);
    }
    let code = round.wait(&mut run, "a workflow that was stopped")?.code();
    Ok(Met { code, kills: 0, whole_ledger: true, interrupted: false })
}

/// No file may grow beyond a random byte, which only the ledger does: its appends fail.
fn limited(round: &mut Round, workflow: &Workflow) -> Result<Met, Flaw> {
    let most = 700 + round.random.below(6000);
    let mut limited = Command::new("prlimit");
    limited.arg(format!("--fsize={most}")).args(["env", "--ignore-signal=XFSZ"]);
    limited.arg(round.place.program()).args(Workflow::begins());
    run_apart(round, workflow, limited)
}

/// The disk of the ledger alone has room for so much.
fn tiny(round: &mut Round, workflow: &Workflow) -> Result<Met, Flaw> {
    let (size, files) = ((1 + round.random.below(3)) * 4, 5 + round.random.below(16));
    let folder = round.place.path().join(LEDGER_FOLDER);
    std::fs::create_dir(&folder)?;
    let mut tiny = Command::new("unshare");
    tiny.args(["-Urm", "sh", "-c", TINY, "sh", &format!("size={size}k,nr_inodes={files},mode=700")]).arg(&folder);
    tiny.arg(round.place.program()).args(Workflow::begins()).arg("--workspace").arg(&folder);
    run_apart(round, workflow, tiny)
}

fn run_apart(round: &mut Round, workflow: &Workflow, mut command: Command) -> Result<Met, Flaw> {
    round.place.settle_in(&mut command);
    command.env(MARK, &workflow.mark);
    // What it prints must not meet the limit.
    let mut run = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let code = round.wait(&mut run, "a workflow without room")?.code();
    Ok(Met { code, kills: 0, whole_ledger: false, interrupted: false })
}

fn has_namespace(round: &Round) -> bool {
    let mut command = Command::new("unshare");
    command.args(["-Urm", "sh", "-c", "mount -t tmpfs none \"$PWD\""]).stdout(Stdio::null()).stderr(Stdio::null());
    round.place.settle_in(&mut command);
    command.status().is_ok_and(|status| status.success())
}
