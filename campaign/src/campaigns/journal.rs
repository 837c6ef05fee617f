//! Journals that somebody else wrote into.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::Duration;

use crate::campaign::Campaign;
use crate::child::{kill, wait_until};
use crate::flaw::{Flaw, FlawKind};
use crate::random::Random;
use crate::round::Round;
use crate::sleeper::Sleeper;

/// How a journal is changed.
const WAYS: [&str; 14] = [
    "byte changed",
    "cut at the end",
    "cut in the middle",
    "cut at the start",
    "line removed",
    "line doubled",
    "lines swapped",
    "later format",
    "garbage appended",
    "emptied",
    "FIFO",
    "endless link",
    "directory",
    "mode changed",
];

/// Corrupts the journal of a killed run beside a good one.
#[derive(Debug)]
pub(super) struct Journal;

impl Campaign for Journal {
    fn name(&self) -> &'static str {
        "journal"
    }

    fn about(&self) -> &'static str {
        "corrupts the journal of a killed run; its good neighbour must be undone, and no loss may be silent"
    }

    fn round(&self, round: &mut Round) -> Result<(), Flaw> {
        // A run undoes what others left, so both are in force before either is killed.
        let (bad, mut run) = held(round)?;
        let neighbour = if round.random.one_in(2) { Some(held(round)?.1) } else { None };
        kill(&mut run);
        let with_neighbour = neighbour.map(|mut run| kill(&mut run)).is_some();
        let way = *round.random.choose(&WAYS);
        round.tally.count(way);
        corrupt(&bad, way, &mut round.random)?;
        let code = round.recover()?;
        if with_neighbour && round.victims[1].is_stopped() {
            return Err(round.finding(FlawKind::LeftStopped, &format!("{way}: the neighbour's victim is stopped")));
        }
        let stopped = round.victims[0].is_stopped();
        match code {
            Some(0) if stopped => Err(round.finding(FlawKind::SilentLoss, way)),
            Some(3) if bad.symlink_metadata().is_err() => {
                Err(round.finding(FlawKind::Journal, &format!("{way}: recovery ended with 3, and the journal is gone")))
            }
            Some(0 | 3) => {
                round.tally.count(if stopped { "kept, and said so" } else { "undone" });
                Ok(())
            }
            other => Err(round.finding(FlawKind::ExitCode, &format!("{way}: recovery ended with {other:?}"))),
        }
    }
}

/// A run that holds a new victim stopped, and its journal.
fn held(round: &mut Round) -> Result<(PathBuf, Child), Flaw> {
    let before = round.place.journals();
    let args = round.pause(Duration::from_mins(1))?;
    let mut run = round.start(&args)?;
    let stopped = wait_until("the victim stopped", || round.victims.last().is_some_and(Sleeper::is_stopped));
    let journal = round.place.journals().into_iter().find(|path| !before.contains(path));
    match (stopped, journal) {
        (Ok(()), Some(journal)) => Ok((journal, run)),
        (stopped, _) => {
            kill(&mut run);
            stopped?;
            Err(round.finding(FlawKind::Journal, "the victim is stopped without a journal"))
        }
    }
}

fn corrupt(journal: &Path, way: &str, random: &mut Random) -> Result<(), Flaw> {
    let mut bytes = fs::read(journal)?;
    let at = random.index(bytes.len());
    let mut lines: Vec<Vec<u8>> = bytes.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    let line = random.index(lines.len());
    match way {
        "byte changed" => bytes[at] = bytes[at].wrapping_add(1 + u8::try_from(random.below(255)).unwrap_or(0)),
        "cut at the end" => bytes.truncate(bytes.len().saturating_sub(1 + random.index(8))),
        "cut in the middle" => bytes.truncate(at),
        "cut at the start" => drop(bytes.drain(..=at)),
        "line removed" => drop(lines.remove(line)),
        "line doubled" => lines.insert(line, lines[line].clone()),
        "lines swapped" => lines.rotate_left(1),
        "later format" => {
            let header = String::from_utf8_lossy(&lines[0]).replacen("\"format\":", "\"format\":9", 1);
            lines[0] = header.into_bytes();
        }
        "garbage appended" => bytes.extend((0..random.index(90)).map(|_| u8::try_from(random.below(256)).unwrap_or(0))),
        "emptied" => bytes.clear(),
        "mode changed" => {
            fs::set_permissions(journal, fs::Permissions::from_mode(*random.choose(&[0o000, 0o444, 0o666, 0o777])))?;
            return Ok(());
        }
        _ => {
            fs::remove_file(journal)?;
            return replace(journal, way);
        }
    }
    let changed = if way.starts_with("line") || way == "later format" { lines.concat() } else { bytes };
    Ok(fs::write(journal, changed)?)
}

/// Puts something that is not a regular file where the journal was.
fn replace(journal: &Path, way: &str) -> Result<(), Flaw> {
    match way {
        "FIFO" => {
            Command::new("mkfifo").arg(journal).status()?;
        }
        "endless link" => symlink("/dev/zero", journal)?,
        _ => fs::create_dir(journal)?,
    }
    Ok(())
}
