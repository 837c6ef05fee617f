//! Outputs that nobody reads, or not in time.

use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::process::Signal;

use crate::campaign::Campaign;
use crate::child::{heeded, kill, send, sleep};
use crate::control::Control;
use crate::flaw::{Flaw, FlawKind};
use crate::moment::KillMoment;
use crate::round::Round;
use crate::sleeper::state_of;

/// Tells that it was asked to end before it undoes what it did.
const TELLS_FIRST: &str = r#"#!/bin/sh
[ "$1" = recover ] && exit 0
pid=${3#pid=}
trap 'echo undoing; echo undoing >&2; kill -CONT $pid; exit 2' TERM INT HUP
trap 'echo undoing; echo undoing >&2; kill -CONT $pid; kill -STOP $$; exit 2' TSTP
mkdir -p squall/journals
echo '{"armed":{}}' > squall/journals/$pid.jsonl
kill -STOP $pid
rm squall/journals/$pid.jsonl
for i in 1 2 3 4 5 6 7 8 9; do sleep 0.01; done
kill -CONT $pid
"#;

/// What becomes of an output.
const WAYS: [Way; 4] = [Way::File, Way::Closed, Way::Full(Reads::Never), Way::Full(Reads::Late)];

const LONG: Duration = Duration::from_mins(1);
const SHORT: Duration = Duration::from_millis(10);

const SIGNALS: [Signal; 4] = [Signal::TERM, Signal::INT, Signal::HUP, Signal::TSTP];

#[derive(Clone, Copy)]
enum Way {
    File,
    Closed,
    Full(Reads),
}

impl Way {
    fn name(self) -> &'static str {
        match self {
            Self::File => "output to a file",
            Self::Closed => "closed output",
            Self::Full(Reads::Never) => "full output",
            Self::Full(Reads::Late) => "full output, read late",
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Reads {
    Never,
    Late,
}

/// Lets outputs stall or close.
#[derive(Debug)]
pub(super) struct Stall;

impl Campaign for Stall {
    fn name(&self) -> &'static str {
        "stall"
    }

    fn about(&self) -> &'static str {
        "gives a run closed pipes, or full ones that are read late or never, and a signal at a random moment"
    }

    fn control(&self) -> Control {
        Control { program: TELLS_FIRST, found: &[FlawKind::LeftStopped, FlawKind::Hang] }
    }

    fn lanes(&self) -> usize {
        4
    }

    fn round(&self, round: &mut Round) -> Result<(), Flaw> {
        let hold = if round.random.one_in(2) { LONG } else { SHORT };
        let args = round.pause(hold)?;
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let mut command = round.place.squall(&args);
        round.place.quiet(&mut command)?;
        let mut readers = Vec::new();
        readers.extend(output(round, |writer| _ = command.stdout(writer))?);
        // Then even a run that ended well before the signal can't say so.
        let codes: &[i32] = if readers.is_empty() { &[0, 1, 2] } else { &[0, 1, 2, 70] };
        readers.extend(output(round, |writer| _ = command.stderr(writer))?);
        let mut run = command.process_group(0).spawn()?;
        // The command's own ends of the pipes.
        drop(command);
        // A short effect may have passed before anybody saw it, and then the run waits for its reader.
        let (moment, longest) = if hold == LONG {
            (*round.random.choose(&KillMoment::ALL), Duration::from_millis(20))
        } else {
            (KillMoment::Start, Duration::from_millis(100))
        };
        let waited = moment.wait(round, &mut run, longest);
        let ended = waited.and_then(|()| stop(round, &mut run, readers));
        kill(&mut run);
        round.ended(ended?, codes)?;
        round.settle()
    }
}

/// Draws what becomes of one output.
fn output(round: &mut Round, set: impl FnOnce(PipeWriter)) -> io::Result<Option<(PipeReader, Reads)>> {
    let way = *round.random.choose(&WAYS);
    round.tally.count(way.name());
    match way {
        Way::File => Ok(None),
        Way::Closed => {
            set(io::pipe()?.1);
            Ok(None)
        }
        Way::Full(reads) => {
            let (reader, writer) = filled()?;
            set(writer);
            Ok(Some((reader, reads)))
        }
    }
}

/// Sends a signal, lets late readers read, and waits for the end.
fn stop(round: &mut Round, run: &mut Child, readers: Vec<(PipeReader, Reads)>) -> Result<ExitStatus, Flaw> {
    // The program heeds this one even where it was ignored.
    let signal = heeded(&SIGNALS).get(round.random.index(SIGNALS.len())).copied().unwrap_or(Signal::TERM);
    send(run, signal);
    let late = round.random.time(Duration::from_secs(1));
    let mut unread = Vec::new();
    for (mut reader, reads) in readers {
        if reads == Reads::Late {
            // It ends with the run, whose end is waited for.
            thread::spawn(move || {
                sleep(late);
                let _ = reader.read_to_end(&mut Vec::new());
            });
        } else {
            unread.push(reader);
        }
    }
    if signal == Signal::TSTP {
        stopped(round, run)?;
    }
    let status = round.wait(run, "the run");
    drop(unread);
    status
}

/// It stops once it has undone what it did, whoever reads; then it is continued, and asked to end.
fn stopped(round: &mut Round, run: &mut Child) -> Result<(), Flaw> {
    let start = Instant::now();
    while state_of(run.id()) != Some('T') && run.try_wait()?.is_none() {
        if start.elapsed() > round.patience {
            return Err(round.finding(FlawKind::Hang, "it was asked to stop, and did not"));
        }
        sleep(Duration::from_micros(500));
    }
    if round.any_stopped() {
        return Err(round.finding(FlawKind::LeftStopped, "it stopped itself, and its victim is stopped"));
    }
    round.tally.count("it stopped and was continued");
    // Asked first, so that it need not wait for a reader.
    send(run, Signal::TERM);
    send(run, Signal::CONT);
    Ok(())
}

/// A pipe into which nothing more fits.
fn filled() -> io::Result<(PipeReader, PipeWriter)> {
    let (reader, mut writer) = io::pipe()?;
    let flags = fcntl_getfl(writer.as_fd())?;
    fcntl_setfl(writer.as_fd(), flags | OFlags::NONBLOCK)?;
    while writer.write(&[b'.'; 4096]).is_ok() {}
    while writer.write(b".").is_ok() {}
    fcntl_setfl(writer.as_fd(), flags)?;
    Ok((reader, writer))
}
