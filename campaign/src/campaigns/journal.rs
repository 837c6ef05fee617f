//! Journals that somebody else wrote into.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::campaign::Campaign;
use crate::child::kill;
use crate::control::Control;
use crate::flaw::{Flaw, FlawKind};
use crate::moment::KillMoment;
use crate::random::Random;
use crate::round::Round;
use crate::sealed::sealed;

/// What recovery must make of a journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expected {
    /// What it says is undone; it is removed.
    Undone,
    /// It stays where it is, and the exit code says so; its victim may be stopped.
    Kept,
    /// One of the two: it depends on where the damage is.
    Either,
}

/// How a journal is changed.
struct Way {
    name: &'static str,
    change: fn(&Path, &mut Random) -> Result<(), Flaw>,
    expected: Expected,
}

const WAYS: [Way; 20] = [
    Way { name: "untouched", change: |_, _| Ok(()), expected: Expected::Undone },
    Way { name: "byte changed", change: byte_changed, expected: Expected::Kept },
    Way { name: "bit changed", change: bit_changed, expected: Expected::Kept },
    Way { name: "cut at the end", change: |path, random| cut(path, random, 8), expected: Expected::Kept },
    Way { name: "cut anywhere", change: |path, random| cut(path, random, usize::MAX), expected: Expected::Kept },
    Way { name: "cut at the start", change: cut_at_the_start, expected: Expected::Kept },
    Way { name: "line removed", change: line_removed, expected: Expected::Kept },
    Way { name: "line doubled", change: line_doubled, expected: Expected::Kept },
    Way { name: "lines swapped", change: lines_swapped, expected: Expected::Kept },
    Way { name: "later format", change: later_format, expected: Expected::Kept },
    Way { name: "garbage appended", change: garbage_appended, expected: Expected::Either },
    Way { name: "taken over", change: taken_over, expected: Expected::Undone },
    Way { name: "epoch changed, unsealed", change: epoch_changed, expected: Expected::Kept },
    Way { name: "step owned by a dead node", change: owned, expected: Expected::Undone },
    Way { name: "emptied", change: |path, _| Ok(fs::write(path, "")?), expected: Expected::Kept },
    Way { name: "FIFO", change: fifo, expected: Expected::Kept },
    Way {
        name: "endless link",
        change: |path, _| replaced(path, |path| symlink("/dev/zero", path)),
        expected: Expected::Kept,
    },
    Way { name: "directory", change: |path, _| replaced(path, |path| fs::create_dir(path)), expected: Expected::Kept },
    Way { name: "mode changed", change: mode_changed, expected: Expected::Either },
    Way { name: "owner changed", change: owner_changed, expected: Expected::Either },
];

/// Keeps a journal, and takes what it can't read for nothing.
const BELIEVES: &str = r#"#!/bin/sh
mkdir -p squall/journals
case "$1" in
inject)
    pid=${3#pid=}
    printf '{"count":1}\n{"line":{"epoch":{"number":0}}}\n{"line":{"armed":{"pid":%s}}}\n' $pid > squall/journals/$pid.jsonl
    kill -STOP $pid
    exec sleep 600 ;;
recover)
    for journal in squall/journals/*; do
        pid=$(timeout 1 sed -n 's/.*"armed":{"pid":\([0-9]*\)}.*/\1/p' $journal 2>/dev/null)
        [ -n "$pid" ] && kill -CONT $pid
    done
    rm -rf squall/journals ;;
esac
exit 0
"#;

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

    fn control(&self) -> Control {
        Control { program: BELIEVES, found: &[FlawKind::SilentLoss] }
    }

    fn round(&self, round: &mut Round) -> Result<(), Flaw> {
        // A run undoes what others left, so both are in force before either is killed.
        let with_neighbour = round.random.one_in(2);
        let bad = held(round, with_neighbour)?;
        let way = round.random.choose(&WAYS);
        round.tally.count(way.name);
        (way.change)(&bad, &mut round.random)?;
        let code = round.recover()?;
        if with_neighbour && round.victims[1].is_stopped() {
            let what = format!("{}: the neighbour's victim is stopped", way.name);
            return Err(round.finding(FlawKind::LeftStopped, &what));
        }
        judge(round, way, &bad, code)?;
        if code == Some(3) { kept(round, way, &bad) } else { Ok(()) }
    }
}

fn judge(round: &mut Round, way: &Way, bad: &Path, code: Option<i32>) -> Result<(), Flaw> {
    let stopped = round.victims[0].is_stopped();
    let there = bad.symlink_metadata().is_ok();
    let kind = match (code, stopped, there) {
        (Some(0), true, _) => FlawKind::SilentLoss,
        (Some(0), false, true) | (Some(3), _, false) => FlawKind::Journal,
        (Some(0), ..) if way.expected != Expected::Kept => {
            round.tally.count("undone");
            return Ok(());
        }
        (Some(3), stopped, true) if way.expected != Expected::Undone => {
            round.tally.count(if stopped {
                "kept, victim stopped"
            } else {
                "kept, and undone as far as it is readable"
            });
            return Ok(());
        }
        _ => FlawKind::ExitCode,
    };
    let what = format!("{}: recovery ended with {code:?}, victim stopped: {stopped}, journal there: {there}", way.name);
    Err(round.finding(kind, &what))
}

/// A second recovery keeps it too; given up by name it is moved away, and then there is nothing left to say.
fn kept(round: &mut Round, way: &Way, bad: &Path) -> Result<(), Flaw> {
    let again = round.recover()?;
    if again != Some(3) || bad.symlink_metadata().is_err() {
        let what = format!("{}: kept, and then a recovery ended with {again:?}", way.name);
        return Err(round.finding(FlawKind::Journal, &what));
    }
    let run = bad.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let mut forget = round.start(&["recover", "--forget", &run])?;
    let code = round.wait(&mut forget, "giving up a journal")?.code();
    let after = round.recover()?;
    if (code, after) != (Some(0), Some(0)) || bad.symlink_metadata().is_ok() {
        let what = format!("{}: giving it up ended with {code:?}, and a recovery then with {after:?}", way.name);
        return Err(round.finding(FlawKind::ExitCode, &what));
    }
    Ok(())
}

/// The journal of a run that was killed while it held a new victim stopped, and another such run.
fn held(round: &mut Round, with_neighbour: bool) -> Result<PathBuf, Flaw> {
    let mut runs = Vec::new();
    let mut journals = Vec::new();
    let mut failed = None;
    for _ in 0..=usize::from(with_neighbour) {
        let args = round.pause(Duration::from_mins(1))?;
        let mut run = round.start(&args)?;
        let waited = stopped(round, &mut run);
        failed = failed.or(waited.err());
        let new = round.place.journals().into_iter().find(|path| !journals.contains(path));
        journals.extend(new);
        runs.push(run);
    }
    runs.iter_mut().for_each(kill);
    match (failed, journals.len() == runs.len()) {
        (Some(failed), _) => Err(failed),
        (None, true) => Ok(journals.swap_remove(0)),
        (None, false) => Err(round.finding(FlawKind::Journal, "a victim is stopped without a journal")),
    }
}

/// Waits until the newest victim is stopped.
fn stopped(round: &mut Round, run: &mut std::process::Child) -> Result<(), Flaw> {
    let others: Vec<_> = round.victims.drain(..round.victims.len() - 1).collect();
    let waited = KillMoment::Stopped.wait(round, run, Duration::from_micros(1));
    round.victims.splice(0..0, others);
    waited
}

fn lines(path: &Path) -> Result<Vec<String>, Flaw> {
    Ok(fs::read_to_string(path)?.split_inclusive('\n').map(str::to_owned).collect())
}

fn byte_changed(path: &Path, random: &mut Random) -> Result<(), Flaw> {
    let mut bytes = fs::read(path)?;
    let at = random.index(bytes.len());
    bytes[at] = bytes[at].wrapping_add(1 + u8::try_from(random.below(255)).unwrap_or(0));
    Ok(fs::write(path, bytes)?)
}

fn bit_changed(path: &Path, random: &mut Random) -> Result<(), Flaw> {
    let mut bytes = fs::read(path)?;
    let at = random.index(bytes.len());
    bytes[at] ^= 1 << random.below(8);
    Ok(fs::write(path, bytes)?)
}

/// Takes away up to so many bytes, and at least one.
fn cut(path: &Path, random: &mut Random, most: usize) -> Result<(), Flaw> {
    let mut bytes = fs::read(path)?;
    let less = 1 + random.index(bytes.len().min(most));
    bytes.truncate(bytes.len() - less);
    Ok(fs::write(path, bytes)?)
}

fn cut_at_the_start(path: &Path, random: &mut Random) -> Result<(), Flaw> {
    let bytes = fs::read(path)?;
    let at = random.index(bytes.len());
    Ok(fs::write(path, &bytes[at + 1..])?)
}

fn line_removed(path: &Path, random: &mut Random) -> Result<(), Flaw> {
    let mut lines = lines(path)?;
    lines.remove(random.index(lines.len()));
    Ok(fs::write(path, lines.concat())?)
}

fn line_doubled(path: &Path, random: &mut Random) -> Result<(), Flaw> {
    let mut lines = lines(path)?;
    let line = random.index(lines.len());
    lines.insert(line, lines[line].clone());
    Ok(fs::write(path, lines.concat())?)
}

fn lines_swapped(path: &Path, random: &mut Random) -> Result<(), Flaw> {
    let mut lines = lines(path)?;
    let by = 1 + random.index(lines.len() - 1);
    lines.rotate_left(by);
    Ok(fs::write(path, lines.concat())?)
}

/// With the right checksums, as a later program would write it.
fn later_format(path: &Path, _: &mut Random) -> Result<(), Flaw> {
    let lines: Vec<_> = lines(path)?.iter().map(|line| line.replacen("\"format\":", "\"format\":9", 1)).collect();
    write_sealed(path, &lines)
}

fn garbage_appended(path: &Path, random: &mut Random) -> Result<(), Flaw> {
    let mut bytes = fs::read(path)?;
    bytes.extend((0..=random.index(90)).map(|_| u8::try_from(random.below(256)).unwrap_or(0)));
    Ok(fs::write(path, bytes)?)
}

/// Others have taken the run over, and died: each appended its epoch.
fn taken_over(path: &Path, random: &mut Random) -> Result<(), Flaw> {
    let mut lines = lines(path)?;
    for number in 1..=1 + random.below(3) {
        let epoch = format!("{{\"epoch\":{{\"number\":{number},\"pid\":4194304,\"executable\":\"squall\"}}}}");
        lines.push(format!("{{\"line\":{epoch}}}\n"));
    }
    write_sealed(path, &lines)
}

/// Somebody has written another number into an epoch that stands there.
fn epoch_changed(path: &Path, _: &mut Random) -> Result<(), Flaw> {
    let text = fs::read_to_string(path)?;
    Ok(fs::write(path, text.replacen("\"number\":", "\"number\":1", 1))?)
}

/// Its owner would carry the step out, if it were alive.
fn owned(path: &Path, _: &mut Random) -> Result<(), Flaw> {
    let owner = "\"owner\":{\"node\":\"gone\"},\"step\":";
    let lines: Vec<_> = lines(path)?.iter().map(|line| line.replacen("\"step\":", owner, 1)).collect();
    write_sealed(path, &lines)
}

fn write_sealed(path: &Path, lines: &[String]) -> Result<(), Flaw> {
    let sealed = sealed(lines).ok_or_else(|| Flaw::new(FlawKind::Setup, "the journal has no lines to seal"))?;
    Ok(fs::write(path, sealed)?)
}

fn mode_changed(path: &Path, random: &mut Random) -> Result<(), Flaw> {
    let mode = *random.choose(&[0o000, 0o444, 0o666, 0o777]);
    Ok(fs::set_permissions(path, fs::Permissions::from_mode(mode))?)
}

/// Needs root; anybody else has one journal more that is untouched.
fn owner_changed(path: &Path, _: &mut Random) -> Result<(), Flaw> {
    match chown(path, Some(65_534), None) {
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => Ok(()),
        changed => Ok(changed?),
    }
}

fn fifo(path: &Path, _: &mut Random) -> Result<(), Flaw> {
    replaced(path, |path| Command::new("mkfifo").arg(path).status().map(drop))
}

/// Puts something that is not a regular file where the journal was.
fn replaced(path: &Path, make: impl FnOnce(&Path) -> std::io::Result<()>) -> Result<(), Flaw> {
    fs::remove_file(path)?;
    Ok(make(path)?)
}
