//! The own file system of a started node, on real mounts: what fills it, who notices, and what is left.
#![expect(clippy::unwrap_used, reason = "a test that can't be set up should stop at once")]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chaos_core::{
    DeclaredNode, DynUndoStep, Fill, Journal, Member, NodeContext, NodePlace, Nodes, UndoLog, Undone, parse,
};
use chaos_nodes as _;
use chaos_test::run_context;
use serde_json::json;

#[path = "support/recovery.rs"]
mod recovery;

use recovery::{recovery, undo_all};

/// A hang is an error; nothing here takes nearly as long.
const HANG: Duration = Duration::from_mins(2);

const BYTES: u64 = 8 * 1024 * 1024;

/// A node on a tmpfs of its own, stopped and unmounted when this is dropped.
struct Run {
    log: Arc<UndoLog>,
    member: Arc<dyn Member>,
    folder: tempfile::TempDir,
}

/// Whether we may mount; says so where not.
fn may_mount() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let bits = status.lines().find_map(|line| line.strip_prefix("CapEff:")).unwrap();
    let may = u64::from_str_radix(bits.trim(), 16).unwrap() >> 21 & 1 == 1;
    if !may {
        eprintln!("skipped: needs the right to mount (CAP_SYS_ADMIN)");
    }
    may
}

/// How many mounts are beneath a folder; those elsewhere belong to other tests and programs.
fn mounts(beneath: &Path) -> usize {
    let table = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let beneath = format!(" {}/", beneath.canonicalize().unwrap().display());
    table.lines().filter(|line| line.contains(&beneath)).count()
}

impl Run {
    /// A node that writes block after block, and says how it went.
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let cx = run_context().env([("PATH", "/usr/bin:/bin")]).run_id("r1").build();
        let log = UndoLog::new(Arc::new(Journal::in_memory()), cx.clone(), None);
        let told = folder.path().join("told");
        let script = format!(
            "echo kept > identity; while :; do if printf %4096s x 2>/dev/null >> block; then echo ok; \
             else echo failed; fi >> {}; sleep 0.02; done",
            told.display()
        );
        let node: DeclaredNode =
            parse(&json!({"type": "process", "argv": ["sh", "-c", script], "tmpfs_bytes": BYTES, "stop_seconds": 0.2}))
                .unwrap();
        let dir = folder.path().join("n 1");
        let place = NodePlace { dir, logs: folder.path().join("logs"), ports: BTreeMap::new() };
        let node_cx = NodeContext::new("n1", cx.clone(), place);
        assert!(node.plan(&node_cx).await.unwrap().summary.ends_with("on a tmpfs of 8388608 bytes"));
        let member = node.member(node_cx).unwrap();
        cx.services().get::<Nodes>().declare("n1", BTreeMap::new(), false, Arc::clone(&member));
        member.start(&log.handle()).await.unwrap();
        Self { log, member, folder }
    }

    async fn fill(&self, fill: Fill) {
        let effect = self.member.files_facet().unwrap().effect(fill).await.unwrap();
        self.log.handle().perform(effect).await.unwrap();
    }

    async fn free(&self) -> u64 {
        self.member.files_facet().unwrap().space().await.unwrap().free_bytes
    }

    /// Waits until the node says this after now.
    async fn says(&self, what: &str) {
        let path = self.folder.path().join("told");
        let there = fs::read_to_string(&path).unwrap_or_default().len();
        let began = Instant::now();
        while !fs::read_to_string(&path).unwrap_or_default()[there..].contains(what) {
            assert!(began.elapsed() < HANG, "the node never said `{what}`");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// The step at this place, newest first, as recovery knows it.
    fn step(&self, at: usize) -> Box<dyn DynUndoStep> {
        let armed = self.log.newest_first();
        serde_json::from_value(serde_json::to_value(armed[at].step.as_ref()).unwrap()).unwrap()
    }

    async fn undo(&self, at: usize) -> Undone {
        self.step(at).undo(&recovery()).await.unwrap()
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        undo_all(&self.log);
    }
}

/// How many bytes lie below a folder on the file system that it is on itself, without what is mounted there.
fn bytes_on_host(folder: &Path) -> u64 {
    let device = fs::metadata(folder).unwrap().dev();
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let sizes = entries.filter_map(|path| {
        let found = fs::symlink_metadata(&path).unwrap();
        let below = || if found.is_dir() { bytes_on_host(&path) } else { 0 };
        (found.dev() == device).then(|| found.blocks() * 512 + below())
    });
    sizes.sum()
}

#[tokio::test]
async fn a_full_node_meets_enospc_while_the_host_notices_nothing_and_writes_again_once_it_is_freed() {
    if !may_mount() {
        return;
    }
    let run = Run::start().await;
    run.says("ok").await;
    assert!(run.free().await > BYTES / 2);
    assert_eq!(mounts(run.folder.path()), 1);
    run.fill(Fill::LeaveBytes(0)).await;
    run.says("failed").await;
    let space = run.member.files_facet().unwrap().space().await.unwrap();
    assert_eq!(space.free_bytes, 0, "{space:?}");
    assert!(space.filled_bytes > BYTES / 2, "{space:?}");
    // 8 MiB would be seen, and what other programs write would not.
    let lost = bytes_on_host(run.folder.path());
    assert!(lost < BYTES / 2, "the host lost {lost} bytes");
    assert_eq!(fs::read_to_string(run.folder.path().join("n 1/identity")).unwrap(), "kept\n");
    // A descriptor that stays open does not keep the space.
    let filler = run.folder.path().join("n 1/.squall-fill-r1");
    let open = fs::File::open(filler).unwrap();
    assert_eq!(run.undo(0).await, Undone::Reverted("freed the file system of node `n1`".into()));
    run.says("ok").await;
    assert!(run.free().await > BYTES / 2);
    drop(open);
    assert!(matches!(run.undo(0).await, Undone::NothingToDo(_)), "twice is harmless");
    // The node is stopped, then its file system is gone, and what filled it with that.
    assert!(matches!(run.undo(1).await, Undone::Reverted(_)));
    let unmounted = run.undo(2).await;
    assert!(matches!(&unmounted, Undone::Reverted(how) if how.starts_with("unmounted `")), "{unmounted:?}");
    assert_eq!(mounts(run.folder.path()), 0);
    for (at, why) in [(0, "is gone"), (2, "nothing of node `n1` is mounted")] {
        let undone = run.undo(at).await;
        assert!(matches!(&undone, Undone::NothingToDo(said) if said.contains(why)), "{undone:?}");
    }
}

#[tokio::test]
async fn a_file_system_that_is_in_use_is_detached_and_another_mount_at_its_place_is_left_alone() {
    if !may_mount() {
        return;
    }
    let run = Run::start().await;
    let open = fs::File::create(run.folder.path().join("n 1/open")).unwrap();
    assert!(matches!(run.undo(0).await, Undone::Reverted(_)));
    let undone = run.undo(1).await;
    assert!(matches!(&undone, Undone::Reverted(how) if how.starts_with("detached `")), "{undone:?}");
    assert_eq!(mounts(run.folder.path()), 0);
    drop(open);
    // Another one's mount at the same place has another name.
    let place = run.folder.path().join("n 1");
    let status = std::process::Command::new("mount").args(["-t", "tmpfs", "another"]).arg(&place).status().unwrap();
    assert!(status.success());
    let undone = run.undo(1).await;
    let kept = mounts(run.folder.path());
    std::process::Command::new("umount").arg(&place).status().unwrap();
    assert!(matches!(&undone, Undone::NothingToDo(_)), "{undone:?}");
    assert_eq!((kept, mounts(run.folder.path())), (1, 0));
}

#[tokio::test]
async fn a_folder_with_something_in_it_is_not_hidden() {
    if !may_mount() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("data"), "").unwrap();
    let node: DeclaredNode =
        parse(&json!({"type": "process", "argv": ["sleep", "600"], "tmpfs_bytes": BYTES})).unwrap();
    let place = NodePlace { dir: folder.path().to_owned(), logs: folder.path().join("logs"), ports: BTreeMap::new() };
    let error = node.plan(&NodeContext::new("n1", run_context().build(), place)).await.unwrap_err();
    assert!(error.to_string().contains("would hide what is in"), "{error}");
}
