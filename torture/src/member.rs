//! The command as a protected member of the run: the engine refuses every fault that would act on one of its processes, by
//! whatever name the fault finds it (pid, port, command line).

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chaos_core::{BoxFuture, Member, NodeStanding, NodeState, PluginError, Resource, ResourceId, Undo};
use chaos_host::{ProcessStat, TreeMark};

/// What the engine's messages call it; no name of a node in a document has a space.
pub(crate) const NAME: &str = "the command";

/// No chain of parents is longer.
const DEEPEST: usize = 4096;

/// The command, while it runs.
#[derive(Debug)]
pub(crate) struct CommandMember {
    running: Mutex<Option<Tree>>,
    /// Declared nodes that run inside the command and that faults may act on.
    inside: Vec<Arc<dyn Member>>,
}

#[derive(Debug, Clone)]
struct Tree {
    leader: Option<NonZeroU32>,
    mark: TreeMark,
}

impl CommandMember {
    pub(crate) fn new(inside: Vec<Arc<dyn Member>>) -> Self {
        Self { running: Mutex::default(), inside }
    }

    /// It runs from now on.
    pub(crate) fn runs(&self, leader: Option<NonZeroU32>, mark: TreeMark) {
        *self.lock() = Some(Tree { leader, mark });
    }

    /// It has ended, with everything that it started.
    pub(crate) fn has_ended(&self) {
        *self.lock() = None;
    }

    fn lock(&self) -> MutexGuard<'_, Option<Tree>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tree {
    /// Whether that is a process of it: by its mark, its group, its session, or a parent.
    fn holds(&self, pid: u32) -> bool {
        let leader = self.leader.map(NonZeroU32::get);
        let mut now = pid;
        for _ in 0..DEEPEST {
            if self.mark.is_on(now) || Some(now) == leader {
                return true;
            }
            let Ok(Some(stat)) = ProcessStat::of(now) else { return false };
            if leader.is_some_and(|leader| stat.group == leader || stat.session == leader) {
                return true;
            }
            if stat.parent <= 1 {
                return false;
            }
            now = stat.parent;
        }
        false
    }
}

impl Member for CommandMember {
    fn label(&self) -> String {
        NAME.to_owned()
    }

    fn start<'a>(&'a self, _undo: &'a Undo) -> BoxFuture<'a, Result<(), PluginError>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn standing(&self) -> BoxFuture<'_, NodeStanding> {
        let running = self.lock().clone();
        let standing = running.map_or_else(NodeStanding::default, |tree| NodeStanding {
            state: NodeState::Running,
            pid: tree.leader,
            ready: true,
            ..NodeStanding::default()
        });
        Box::pin(std::future::ready(standing))
    }

    fn owns<'a>(&'a self, what: &'a Resource) -> BoxFuture<'a, bool> {
        Box::pin(async move {
            let Some(tree) = self.lock().clone() else { return false };
            let mut processes = what.ids().filter_map(|id| match id {
                ResourceId::Process { pid, .. } => Some(*pid),
                _ => None,
            });
            if !processes.any(|pid| tree.holds(pid)) {
                return false;
            }
            for member in &self.inside {
                if member.owns(what).await {
                    return false;
                }
            }
            true
        })
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::os::unix::process::CommandExt;
    use std::process::{Child, Command, Stdio};

    use chaos_host::ProcessTree;

    use super::*;

    /// A shell as a command, and the pid that it prints.
    fn shell(script: &str) -> (Child, ProcessTree, Tree, u32) {
        let mark = TreeMark::unique();
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]).env(TreeMark::VARIABLE, mark.value(None)).process_group(0);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let tree = ProcessTree::led_by(child.id(), mark.clone());
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let own = Tree { leader: NonZeroU32::new(child.id()), mark };
        (child, tree, own, line.trim().parse().unwrap())
    }

    #[tokio::test]
    async fn it_owns_whatever_it_started_and_nothing_else() {
        let scripts = [
            "sleep 600 & echo $!; wait",
            "setsid sleep 600 & echo $!; wait",
            "env -i /usr/bin/setsid sleep 600 & echo $!; wait",
        ];
        for script in scripts {
            let (mut child, mut tree, own, pid) = shell(script);
            let member = CommandMember::new(Vec::new());
            let process = |pid| Resource::process(pid, 1, 1);
            assert!(!member.owns(&process(pid)).await, "it does not run");
            member.runs(own.leader, own.mark.clone());
            assert!(member.owns(&process(pid)).await, "{script}");
            assert!(member.owns(&process(child.id())).await, "{script}");
            assert!(!member.owns(&process(std::process::id())).await, "{script}");
            assert!(!member.owns(&Resource::node("r", "n1")).await);
            tree.kill();
            child.wait().unwrap();
            member.has_ended();
            assert!(!member.owns(&process(pid)).await, "{script}");
        }
    }
}
