//! Whatever carries one of several marks in its environment, killed together: the process table is read for all of them at once.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io;

use rustix::process::Signal;

use crate::namespace::proc_is_ours;
use crate::pidfd::{PidFd, polls_in_seconds};
use crate::process::ProcessStat;
use crate::process_tree::{SCANS, SETTLE_SECONDS, TreeMark, all_over, hold, marks_of, process_table};

/// Kills every process that has one of these marks, and what those started; gives how many of each, once they are gone. Blocks.
///
/// The cost is that of reading the process table, and does not grow with the marks.
///
/// # Errors
/// When `/proc` can't be read or is of another pid namespace; for one mark, when a process of it can't be killed.
pub fn kill_marked(marks: &[TreeMark]) -> io::Result<Vec<io::Result<usize>>> {
    if !proc_is_ours()? {
        return Err(io::Error::other("`/proc` shows another pid namespace than ours: mount our own"));
    }
    let place: HashMap<&[u8], usize> =
        marks.iter().enumerate().map(|(at, mark)| (mark.text().as_bytes(), at)).collect();
    let mut held: BTreeMap<u32, (usize, PidFd)> = BTreeMap::new();
    for _ in 0..SCANS {
        let found = more_of(&place, &held)?;
        if found.is_empty() {
            break;
        }
        for (pid, (at, process)) in found {
            // Stopped when it is found and killed when no more are found, so that none can start another one meanwhile.
            let _ = process.signal(Signal::STOP);
            held.insert(pid, (at, process));
        }
    }
    for (_, process) in held.values() {
        let _ = process.signal(Signal::KILL);
    }
    let mut killed: Vec<io::Result<usize>> = marks.iter().map(|_| Ok(0)).collect();
    for (at, process) in held.values() {
        let gone = is_gone(process);
        match (&mut killed[*at], gone) {
            (Ok(count), Ok(())) => *count += 1,
            (slot, Err(error)) => *slot = Err(error),
            (Err(_), Ok(())) => {}
        }
    }
    Ok(killed)
}

fn is_gone(process: &PidFd) -> io::Result<()> {
    if all_over(&process.settle(polls_in_seconds(SETTLE_SECONDS), all_over)?) {
        return Ok(());
    }
    let pid = process.pid();
    Err(io::Error::other(format!("process {pid} is still there after {SETTLE_SECONDS} s")))
}

/// What has one of the marks, or was started by what has, beside those that are held.
fn more_of(
    place: &HashMap<&[u8], usize>,
    held: &BTreeMap<u32, (usize, PidFd)>,
) -> io::Result<BTreeMap<u32, (usize, PidFd)>> {
    let ours = std::process::id();
    let is_candidate =
        |stat: &ProcessStat| !stat.is_dead() && !stat.is_kernel && stat.pid != ours && !held.contains_key(&stat.pid);
    let table: Vec<ProcessStat> = process_table()?.into_iter().filter(is_candidate).collect();
    let mut belong: BTreeMap<u32, usize> = held.iter().map(|(pid, (at, _))| (*pid, *at)).collect();
    let mut found = BTreeSet::new();
    for stat in &table {
        // The innermost of several marks is the one of its own tree.
        let at = marks_of(stat.pid).iter().rev().find_map(|mark| place.get(mark.as_slice()).copied());
        if let Some(at) = at {
            belong.insert(stat.pid, at);
            found.insert(stat.pid);
        }
    }
    // The children of all those, and theirs.
    let mut grown = !belong.is_empty();
    while std::mem::take(&mut grown) {
        for stat in table.iter().filter(|stat| !found.contains(&stat.pid)).collect::<Vec<_>>() {
            if let Some(at) = belong.get(&stat.parent).copied() {
                belong.insert(stat.pid, at);
                found.insert(stat.pid);
                grown = true;
            }
        }
    }
    let found = table.iter().filter(|stat| found.contains(&stat.pid));
    Ok(found.filter_map(|stat| Some((stat.pid, (*belong.get(&stat.pid)?, hold(stat)?)))).collect())
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command, Stdio};

    use super::*;

    fn sleeper(mark: &TreeMark, outer: Option<&str>) -> Child {
        let mut command = Command::new("sleep");
        let child = command.arg("600").env(TreeMark::VARIABLE, mark.value(outer)).stdin(Stdio::null()).spawn().unwrap();
        // A program has begun a moment before the kernel shows its environment.
        while !mark.is_on(child.id()) {
            std::thread::yield_now();
        }
        child
    }

    #[test]
    fn each_mark_has_its_own_count_and_a_tree_inside_another_is_its_own() {
        let [one, two, none, kept] = [(); 4].map(|()| TreeMark::unique());
        let mut killed = [sleeper(&one, None), sleeper(&one, None), sleeper(&two, Some(one.text()))];
        let mut other = sleeper(&kept, None);
        let counts = kill_marked(&[one, two, none]).unwrap();
        assert_eq!(counts.into_iter().map(Result::unwrap).collect::<Vec<_>>(), [2, 1, 0]);
        for child in &mut killed {
            assert!(!child.wait().unwrap().success());
        }
        assert_eq!(other.try_wait().unwrap(), None);
        assert_eq!(kill_marked(&[kept]).unwrap().remove(0).unwrap(), 1);
        other.wait().unwrap();
    }
}
