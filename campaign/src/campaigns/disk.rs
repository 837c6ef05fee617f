//! Disks that are full at a random byte.

use std::process::{Command, Stdio};
use std::time::Duration;

use crate::campaign::Campaign;
use crate::child::wait_bounded;
use crate::flaw::{Flaw, FlawKind};
use crate::round::Round;

/// Longer than the journal and the events of a run.
const MOST_BYTES: u64 = 4000;

/// A file system of so many pages and files, the program in it, and its recovery once there is room again.
const TINY: &str = r#"mount -t tmpfs -o "size=$1k,nr_inodes=$2,mode=700" none "$3" || exit 90
cd "$3" && shift 3
(sleep 0.0$1; head -c 40000 /dev/zero > filler) 2>/dev/null &
"$@"; ran=$?
wait; rm -f filler events.jsonl
[ "$ran" -le 3 ] || exit 91
mount -o remount,size=1m,nr_inodes=100 "$XDG_STATE_HOME" || exit 90
"$program" recover || exit 92
set -- "$XDG_STATE_HOME"/squall/journals/*.jsonl
[ -e "$1" ] && exit 93
exit 0"#;

/// Lets the disk be full.
#[derive(Debug)]
pub(super) struct Disk;

impl Campaign for Disk {
    fn name(&self) -> &'static str {
        "disk"
    }

    fn about(&self) -> &'static str {
        "lets appends fail at a random byte, or on a tiny file system that fills up meanwhile"
    }

    fn round(&self, round: &mut Round) -> Result<(), Flaw> {
        let hold = Duration::from_millis(1) + round.random.time(Duration::from_millis(20));
        let mut args = round.pause(hold)?;
        if round.random.one_in(2) {
            args.extend(["--events".to_owned(), "events.jsonl".into()]);
        }
        if round.random.one_in(2) { tiny(round, &args) } else { limited(round, &args) }
    }
}

/// No file may grow beyond a random byte, and the signal that says so is ignored: appends fail.
fn limited(round: &mut Round, args: &[String]) -> Result<(), Flaw> {
    let most = round.random.below(MOST_BYTES).to_string();
    let mut command = Command::new("prlimit");
    command.arg(format!("--fsize={most}"));
    command.args(["env", "--ignore-signal=XFSZ"]).arg(round.place.program()).args(args);
    round.place.settle_in(&mut command);
    // What it prints must not meet the limit.
    let mut run = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    round.tally.count("append fails at a byte");
    round.ended(&mut run, &[0, 1, 2, 3])?;
    round.settle()
}

/// A file system of its own in a namespace of its own.
fn tiny(round: &mut Round, args: &[String]) -> Result<(), Flaw> {
    let pages = (2 + round.random.below(6)) * 4;
    let files = 3 + round.random.below(15);
    let state = round.place.path().join("tiny");
    std::fs::create_dir(&state)?;
    let mut command = Command::new("unshare");
    command.args(["-Urm", "sh", "-c", TINY, "sh", &pages.to_string(), &files.to_string()]).arg(&state);
    command.arg(round.place.program()).args(args);
    round.place.settle_in(&mut command);
    command.env("XDG_STATE_HOME", &state).env("program", round.place.program());
    let mut run = round.start_quiet(&mut command)?;
    let code = wait_bounded(&mut run, "a run on a full disk")?.code();
    match code {
        Some(0) if round.any_stopped() => Err(round.finding(FlawKind::SilentLoss, "tiny file system")),
        _ if round.any_stopped() => Err(round.finding(FlawKind::LeftStopped, &format!("tiny file system: {code:?}"))),
        Some(0) => {
            round.tally.count("tiny file system");
            Ok(())
        }
        Some(1 | 90) => {
            round.tally.count("skipped: needs a user namespace");
            Ok(())
        }
        Some(93) => Err(round.finding(FlawKind::Journal, "tiny file system: a journal is left")),
        other => Err(round.finding(FlawKind::ExitCode, &format!("tiny file system: {other:?}"))),
    }
}
