//! Disks that are full at a random byte.

use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use crate::campaign::Campaign;
use crate::control::Control;
use crate::flaw::{Flaw, FlawKind};
use crate::round::Round;

/// Longer than the journal and the events of a run.
const MOST_BYTES: u64 = 4000;

/// What is in the way of a file system of one's own where this fails.
const NAMESPACE: [&str; 4] = ["-Urm", "sh", "-c", r#"mount -t tmpfs -o size=8k,nr_inodes=3 none "$PWD""#];

/// A file system of so many kB and files, the program in it, and its recovery: once there is room again where the run ended
/// by itself, and on the full disk where it was killed. Its own exit codes are from 90 on.
const TINY: &str = r#"
victim=$1 state=$2 fill_after=$4 kill_after=$5
mount -t tmpfs -o "$3" none "$state" && cd "$state" || exit 90
shift 5
stopped() { case "$(sed 's/.*) //' "/proc/$victim/stat")" in T*) ;; *) return 1 ;; esac }
fill() { head -c 40000 /dev/zero > filler; } 2>/dev/null
if [ "$kill_after" = never ]; then
    (sleep "$fill_after"; fill) &
    "$@"; ran=$?
    wait
    [ "$ran" -le 3 ] || exit 91
    [ "$ran" -ne 3 ] && stopped && exit 94
    rm -f filler events.jsonl
    mount -o remount,size=1m,nr_inodes=100 "$state" || exit 90
else
    "$@" &
    sleep "$kill_after"
    kill -KILL $!
    wait $!
    fill
fi
"$program" recover || exit 92
stopped && exit 94
ls squall/journals | grep jsonl && exit 93
exit 0"#;

/// Sees that nothing can be written, and goes away.
const GIVES_UP: &str = r#"#!/bin/sh
[ "$1" = recover ] && exit 0
pid=${3#pid=}
kill -STOP $pid
mkdir -p squall/journals && head -c 3000 /dev/zero > squall/journals/$pid.jsonl || exit 1
rm squall/journals/$pid.jsonl
kill -CONT $pid
"#;

/// Lets the disk be full.
#[derive(Debug, Default)]
pub(super) struct Disk {
    /// Whether there can be a file system of our own.
    namespace: OnceLock<bool>,
}

impl Campaign for Disk {
    fn name(&self) -> &'static str {
        "disk"
    }

    fn about(&self) -> &'static str {
        "lets appends fail at a random byte, or on a tiny file system that fills up meanwhile, also with a kill"
    }

    fn control(&self) -> Control {
        Control { program: GIVES_UP, found: &[FlawKind::LeftStopped] }
    }

    fn round(&self, round: &mut Round) -> Result<(), Flaw> {
        let hold = Duration::from_millis(1) + round.random.time(Duration::from_millis(20));
        let mut args = round.pause(hold)?;
        if round.random.one_in(2) {
            args.extend(["--events".to_owned(), "events.jsonl".into()]);
        }
        if round.random.one_in(2) {
            return limited(round, &args);
        }
        if !*self.namespace.get_or_init(|| has_namespace(round)) {
            round.tally.count("skipped: needs unprivileged user and mount namespaces");
            return Ok(());
        }
        tiny(round, &args)
    }
}

fn has_namespace(round: &Round) -> bool {
    let mut command = Command::new("unshare");
    round.place.settle_in(command.args(NAMESPACE).stdout(Stdio::null()).stderr(Stdio::null()));
    command.status().is_ok_and(|status| status.success())
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
    let status = round.wait(&mut run, "a run without room")?;
    round.ended(status, &[0, 1, 2, 3])?;
    round.settle()
}

/// A file system of its own in a namespace of its own.
fn tiny(round: &mut Round, args: &[String]) -> Result<(), Flaw> {
    let (size, files) = ((2 + round.random.below(6)) * 4, 3 + round.random.below(15));
    let fill_after = format!("0.0{}", 10 + round.random.below(60));
    let killed = round.random.one_in(2);
    let kill_after = if killed { format!("0.0{}", 10 + round.random.below(80)) } else { "never".to_owned() };
    let state = round.place.path().join("tiny");
    std::fs::create_dir(&state)?;
    let mut command = Command::new("unshare");
    command.args(["-Urm", "sh", "-c", TINY, "sh", &round.victims[0].pid().to_string()]).arg(&state);
    command.args([&format!("size={size}k,nr_inodes={files},mode=700"), &fill_after, &kill_after]);
    command.arg(round.place.program()).args(args);
    round.place.settle_in(&mut command);
    command.env("XDG_STATE_HOME", &state).env("program", round.place.program());
    let mut run = round.start_quiet(&mut command)?;
    let code = round.wait(&mut run, "a run on a full disk")?.code();
    let kind = match code {
        _ if round.any_stopped() => FlawKind::LeftStopped,
        Some(0) => {
            let with = if killed { "killed, recovered on a full disk" } else { "disk fills up" };
            round.tally.count(with);
            return Ok(());
        }
        Some(90) => FlawKind::Setup,
        Some(93) => FlawKind::Journal,
        // It had resumed its victim by the time that we looked.
        Some(94) => FlawKind::SilentLoss,
        _ => FlawKind::ExitCode,
    };
    Err(round.finding(kind, &format!("file system of {size} kB and {files} files: {code:?}")))
}
