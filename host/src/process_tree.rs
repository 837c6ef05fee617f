//! A program and everything that it started, killed together.

use std::collections::BTreeSet;
use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::num::NonZeroU32;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::process::Signal;

use crate::pidfd::{PidFd, polls_in_seconds};
use crate::proc_file;
use crate::process::ProcessStat;

/// How often the process table is read again at the most: each time, only what was started meanwhile is new, and what
/// was found before is stopped.
pub(crate) const SCANS: usize = 32;

/// How long a killed process may take to be gone.
pub(crate) const SETTLE_SECONDS: u32 = 5;

/// What the processes of one tree have in their environment, so that they are found when their parents are gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeMark(String);

impl TreeMark {
    /// The name of the variable.
    pub const VARIABLE: &str = "SQUALL_PROCESS_TREE";

    /// How many digits it has.
    const LENGTH: usize = 32;

    /// A mark that no other tree has.
    #[must_use]
    pub fn unique() -> Self {
        // The library's own way to a random number: each state has fresh keys.
        let number = || RandomState::new().hash_one(std::process::id());
        Self(format!("{:016x}{:016x}", number(), number()))
    }

    /// The mark as it was written down; `None` for what is none, such as a word that others may have too.
    pub fn read(text: &str) -> Option<Self> {
        let is_one = text.len() == Self::LENGTH && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_one.then(|| Self(text.to_owned()))
    }

    /// The mark, to be written down.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// The value of the variable; a tree inside another one has the marks of both.
    pub fn value(&self, inherited: Option<&str>) -> String {
        inherited
            .filter(|outer| !outer.is_empty())
            .map_or_else(|| self.0.clone(), |outer| format!("{outer}.{}", self.0))
    }

    /// Whether a process was started with it.
    #[must_use]
    pub fn is_on(&self, pid: u32) -> bool {
        marks_of(pid).iter().any(|mark| mark == self.0.as_bytes())
    }
}

/// The marks with which a process was started, outermost first. One that is gone, or that we may not read, has none.
pub(crate) fn marks_of(pid: u32) -> Vec<Vec<u8>> {
    let environment = proc_file::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    let values = environment.split(|byte| *byte == 0);
    let values = values.filter_map(|entry| entry.strip_prefix(TreeMark::VARIABLE.as_bytes())?.strip_prefix(b"="));
    values.flat_map(|value| value.split(|byte| *byte == b'.').map(<[u8]>::to_vec)).collect()
}

/// A child and everything that it started; dropping it kills them all, unless they were killed before.
///
/// A process belongs to it by the mark in its environment, as a child of one that belongs to it, or, until the leader
/// is collected, by its process group or session. What cannot be found: a process that has left all of these, by an
/// environment of its own, a session of its own, and a parent that ended. What can't be killed: a process of another
/// user's.
#[derive(Debug)]
#[must_use = "dropping it kills the tree"]
pub struct ProcessTree {
    mark: TreeMark,
    /// `None` where the kernel gives no pidfd; then the mark alone counts.
    leader: Option<PidFd>,
    /// Nothing that started earlier belongs to it.
    since: u64,
    is_killed: bool,
}

impl ProcessTree {
    /// The tree of a child that was started with `mark` as the leader of a group, and has not been collected yet.
    pub fn led_by(child: u32, mark: TreeMark) -> Self {
        let leader = NonZeroU32::new(child).and_then(|pid| PidFd::open(pid).ok().flatten());
        let since = leader.as_ref().and_then(|leader| leader.stat().ok().flatten()).map_or(0, |stat| stat.start_time);
        Self { mark, leader, since, is_killed: false }
    }

    /// What is readable once the child has ended, whether or not it was collected; `None` before Linux 5.3.
    pub fn leader(&self) -> Option<BorrowedFd<'_>> {
        self.leader.as_ref().map(AsFd::as_fd)
    }

    /// Kills everything that belongs to it, once. Call it before the child is collected: its number holds the group
    /// and the session together until then.
    ///
    /// Each process is stopped when it is found and killed when no more are found, so that none can start another one
    /// meanwhile; signals go through pidfds, so that they reach no later process of the same number. It waits until they
    /// are over, for what comes next may need what they held; one that the kernel keeps is not waited for long.
    pub fn kill(&mut self) {
        if std::mem::replace(&mut self.is_killed, true) {
            return;
        }
        let mut held = Vec::new();
        // It may be gone, or another user's: then it can't be killed either.
        if let Some(leader) = &self.leader {
            let _ = leader.signal(Signal::STOP);
        }
        for _ in 0..SCANS {
            let found = self.more_than(&held);
            if found.is_empty() {
                break;
            }
            for process in &found {
                let _ = process.signal(Signal::STOP);
            }
            held.extend(found);
        }
        for process in self.leader.iter().chain(&held) {
            let _ = process.signal(Signal::KILL);
        }
        for process in self.leader.iter().chain(&held) {
            let is_over =
                process.settle(polls_in_seconds(SETTLE_SECONDS), all_over).is_ok_and(|states| all_over(&states));
            if !is_over {
                break;
            }
        }
    }

    /// What belongs to it beside the leader and those that are held.
    fn more_than(&self, held: &[PidFd]) -> Vec<PidFd> {
        let Ok(table) = process_table() else { return Vec::new() };
        let leader = self.leader.as_ref().filter(|leader| leader.is_there()).map(|leader| leader.pid().get());
        let known: BTreeSet<u32> = held.iter().map(|process| process.pid().get()).chain(leader).collect();
        let is_young = |stat: &&ProcessStat| stat.start_time >= self.since && !stat.is_dead() && !stat.is_kernel;
        let (mut belong, mut found) = (known.clone(), Vec::new());
        let mut rest: Vec<&ProcessStat> =
            table.iter().filter(is_young).filter(|stat| !known.contains(&stat.pid)).collect();
        let ours = std::process::id();
        rest.retain(|stat| stat.pid != ours);
        rest.retain(|stat| {
            let is_near = leader.is_some_and(|leader| stat.group == leader || stat.session == leader);
            let is_one = is_near || self.mark.is_on(stat.pid);
            if is_one {
                belong.insert(stat.pid);
                found.push(*stat);
            }
            !is_one
        });
        // The children of all those, and theirs.
        loop {
            let before = found.len();
            rest.retain(|stat| {
                let is_child = belong.contains(&stat.parent);
                if is_child {
                    belong.insert(stat.pid);
                    found.push(*stat);
                }
                !is_child
            });
            if found.len() == before {
                break;
            }
        }
        found.into_iter().filter_map(hold).collect()
    }
}

impl Drop for ProcessTree {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Whether none of the threads of a process runs any more.
pub(crate) fn all_over(states: &[char]) -> bool {
    states.iter().all(|state| matches!(state, 'Z' | 'X' | 'x'))
}

/// Holds the process that the table shows; `None` when it is gone, even if its pid is another one's by now.
pub(crate) fn hold(seen: &ProcessStat) -> Option<PidFd> {
    let held = PidFd::open(NonZeroU32::new(seen.pid)?).ok().flatten()?;
    let now = held.stat().ok().flatten()?;
    // Another pid is one of another namespace, which `/proc` shows instead of ours.
    (now.pid == seen.pid && now.start_time == seen.start_time).then_some(held)
}

/// Every process that `/proc` shows.
pub(crate) fn process_table() -> io::Result<Vec<ProcessStat>> {
    let pids = fs::read_dir("/proc")?.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    Ok(pids.filter_map(|pid| ProcessStat::of(pid).ok().flatten()).collect())
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::os::unix::process::{CommandExt, ExitStatusExt};
    use std::process::{Child, Command, Stdio};

    use super::*;
    use crate::marked::kill_marked;

    /// Starts a shell as the leader of a tree and gives the pid that it prints.
    fn shell(script: &str) -> (Child, ProcessTree, u32) {
        let mark = TreeMark::unique();
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]).env(TreeMark::VARIABLE, mark.value(Some("outer"))).process_group(0);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let tree = ProcessTree::led_by(child.id(), mark);
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        (child, tree, line.trim().parse().unwrap())
    }

    /// Whether a process is not running any more; one that is killed becomes a zombie, and is then collected.
    fn is_over(pid: u32) -> bool {
        ProcessStat::of(pid).unwrap().is_none_or(|stat| stat.is_dead())
    }

    fn wait_until_over(pid: u32) {
        while !is_over(pid) {
            std::thread::yield_now();
        }
    }

    #[test]
    fn whatever_it_started_is_killed_while_it_runs() {
        let scripts = [
            "sleep 600 & echo $!; wait",
            "setsid sleep 600 & echo $!; wait",
            // Its own environment and its own session, but a parent that is still there.
            "env -i /usr/bin/setsid sleep 600 & echo $!; wait",
        ];
        for script in scripts {
            let (mut child, mut tree, pid) = shell(script);
            tree.kill();
            assert_eq!(child.wait().unwrap().signal(), Some(9), "{script}");
            wait_until_over(pid);
        }
    }

    #[test]
    fn whatever_it_left_behind_is_killed_after_its_end() {
        let scripts = [
            "sleep 600 >&- & echo $!",
            "setsid sleep 600 >&- & echo $!",
            // Its own environment, in the group of its parent.
            "env -i sleep 600 >&- & echo $!",
            // A parent of its own that has ended, and an environment of its own below one that is marked.
            "(setsid sh -c 'env -i sleep 600 >&- & echo $!; exec sleep 600 >&-' &)",
        ];
        for script in scripts {
            let (mut child, tree, pid) = shell(script);
            // It has ended and is not collected yet.
            while !is_over(child.id()) {
                std::thread::yield_now();
            }
            assert!(!is_over(pid), "{script}");
            drop(tree);
            wait_until_over(pid);
            assert!(child.wait().unwrap().success(), "{script}");
        }
    }

    #[test]
    fn a_tree_whose_leader_was_collected_is_known_by_its_mark_only() {
        let (mut child, tree, pid) = shell("setsid sleep 600 >&- & echo $!");
        child.wait().unwrap();
        drop(tree);
        wait_until_over(pid);
    }

    #[test]
    fn what_has_a_mark_is_killed_without_its_leader_and_nothing_else_is() {
        let (mut other, other_tree, other_pid) = shell("sleep 600 & echo $!; wait");
        let (mut child, tree, pid) = shell("setsid sleep 600 & echo $!; wait");
        let mark = TreeMark::read(tree.mark.text()).unwrap();
        // Nobody is left who knows the leader, as after a kill of ours.
        std::mem::forget(tree);
        let killed = |mark: &TreeMark| kill_marked(std::slice::from_ref(mark)).unwrap().remove(0).unwrap();
        assert!(killed(&mark) >= 2);
        assert_eq!(child.wait().unwrap().signal(), Some(9));
        wait_until_over(pid);
        assert_eq!(killed(&mark), 0);
        assert!(!is_over(other_pid) && !is_over(other.id()));
        drop(other_tree);
        other.wait().unwrap();
        for word in ["", "outer", "0123456789abcdef0123456789abcdeg", "a.b"] {
            assert_eq!(TreeMark::read(word), None, "{word}");
        }
    }

    #[test]
    fn another_tree_is_left_alone() {
        let (mut child, other, pid) = shell("sleep 600 & echo $!; wait");
        let (mut second, tree, _) = shell("echo 1");
        drop(tree);
        second.wait().unwrap();
        assert!(!is_over(pid) && !is_over(child.id()));
        drop(other);
        child.wait().unwrap();
        wait_until_over(pid);
    }

    #[test]
    fn a_mark_is_one_of_several_and_never_a_part_of_one() {
        let mark = TreeMark::unique();
        assert_ne!(mark, TreeMark::unique());
        assert_eq!(mark.value(None), mark.0);
        assert_eq!(mark.value(Some("")), mark.0);
        assert_eq!(mark.value(Some("a")), format!("a.{}", mark.0));
        assert!(!mark.is_on(std::process::id()));
    }
}
