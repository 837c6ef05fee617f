//! Outputs that nobody reads.

use std::io::{PipeReader, PipeWriter, Write};
use std::os::fd::AsFd;
use std::time::Duration;

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::process::{Pid, Signal, kill_process};

use crate::campaign::Campaign;
use crate::child::spin_for;
use crate::flaw::Flaw;
use crate::round::Round;

/// Lets outputs stall or close.
#[derive(Debug)]
pub(super) struct Stall;

impl Campaign for Stall {
    fn name(&self) -> &'static str {
        "stall"
    }

    fn about(&self) -> &'static str {
        "gives a run full or closed pipes as outputs, and a signal at a random moment"
    }

    fn round(&self, round: &mut Round) -> Result<(), Flaw> {
        let hold = if round.random.one_in(2) { Duration::from_mins(1) } else { Duration::from_millis(10) };
        let args = round.pause(hold)?;
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let mut command = round.place.squall(&args);
        round.place.quiet(&mut command)?;
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut readers = Vec::new();
        for output in 0..2 {
            let (reader, writer) = std::io::pipe()?;
            let way = round.random.below(3);
            let writer = match way {
                0 => continue,
                1 => writer,
                _ => filled(writer)?,
            };
            round.tally.count(if way == 1 { "closed output" } else { "full output" });
            if output == 0 {
                command.stdout(writer)
            } else {
                command.stderr(writer)
            };
            readers.extend((way == 2).then_some(reader) as Option<PipeReader>);
        }
        let mut run = command.spawn()?;
        // The command's own ends of the pipes.
        drop(command);
        spin_for(round.random.time(Duration::from_millis(50)));
        let signal = *round.random.choose(&[Signal::TERM, Signal::INT, Signal::HUP]);
        if let Some(pid) = Pid::from_raw(i32::try_from(run.id()).unwrap_or(0)) {
            let _ = kill_process(pid, signal);
        }
        let ended = round.ended(&mut run, &[0, 1, 2]);
        drop(readers);
        ended?;
        round.settle()
    }
}

/// A pipe into which nothing more fits.
fn filled(mut writer: PipeWriter) -> Result<PipeWriter, Flaw> {
    let flags = fcntl_getfl(writer.as_fd()).map_err(std::io::Error::from)?;
    fcntl_setfl(writer.as_fd(), flags | OFlags::NONBLOCK).map_err(std::io::Error::from)?;
    while writer.write(&[b'.'; 4096]).is_ok() {}
    while writer.write(b".").is_ok() {}
    fcntl_setfl(writer.as_fd(), flags).map_err(std::io::Error::from)?;
    Ok(writer)
}
