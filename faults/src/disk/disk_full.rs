//! The fault `disk_full`: fills a directory's file system, to a bound or until so many bytes are left.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use chaos_core::schemars::{Schema, SchemaGenerator};
use chaos_core::{
    AllowedDir, CeilingKind, DirIdentity, Evidence, Fault, FaultTarget, Fill, InjectContext, Injection, Plan,
    PluginError, Reach, Resource, RunContext, Sighting, Span, Undo, UndoContext, UndoStep, Undone, exactly_one_of,
    register_fault, register_undo_step,
};
use rustix::fs::{AtFlags, Dir, FallocateFlags, FileType, fallocate, fstatvfs, statat};
use rustix::io::Errno;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::node_files;

/// How our files begin; behind it stands the run's id.
const PREFIX: &str = ".squall-disk-full-";

/// Bytes that stay free unless the document says otherwise: enough for logs, a shell and Squall's own journal.
const RESERVE_BYTES: u64 = 64 * 1024 * 1024;

/// How far free space may move away from `leave_bytes` before the disk no longer counts as full: a file system takes
/// some for its own bookkeeping, and other programs write and delete all the time.
const SLACK_BYTES: u64 = 8 * 1024 * 1024;

/// What is written at once where the file system can't reserve space.
const CHUNK_BYTES: usize = 1024 * 1024;

/// The unit of `st_blocks`, whatever the file system's own is (POSIX, `sys/stat.h`).
const BLOCK_BYTES: u64 = 512;

/// A file system that is filled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "DiskKeys", into = "DiskKeys")]
pub struct DiskFull {
    /// Whose.
    pub disk: FullDisk,
    /// How much is filled.
    pub fill: Fill,
}

/// Whose file system is filled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FullDisk {
    /// That of a directory, which others may share.
    Directory {
        /// The directory; relative to the workspace.
        path: PathBuf,
        /// Bytes that stay free, whatever is asked for.
        reserve_bytes: u64,
    },
    /// Those that nodes have for themselves.
    Nodes(FaultTarget),
}

/// Fills the file system of a directory, or the one that a node has for itself.
///
/// # What it does
/// Makes one file in `directory`, or in the folder of each node of `target`, that takes `bytes`, or as many as leave
/// `leave_bytes` free for unprivileged users. The space is really allocated (`fallocate`, or zeros where a file system has
/// none), so that writers meet `ENOSPC`. A node's own file system is filled to the last byte unless `fill` says otherwise;
/// no other node and nobody else on the machine notices.
///
/// # What it surfaces
/// Writes whose errors nobody reads, half-written files that are taken for whole ones, logs that stop a service,
/// databases that do not come back after space is free again.
///
/// # How it is undone
/// The file is emptied and removed from the very directory, told by device and inode. If another directory has its path by
/// then, the undo fails and names the file to remove; a node's file system that is gone needs nothing.
///
/// # Limits
/// The directory must be beneath an allowed path (`--allow-path`), which no symbolic link gets around, and the bytes
/// within `max_bytes`. `reserve_bytes` always stay free: what would go below is refused. A file system that stores
/// zeros without space (compression) is not filled, and the run says so. Quotas are not looked at. A node must have a file
/// system of its own (`tmpfs_bytes`), for which Squall needs the right to mount.
///
/// # Example
/// ```yaml
/// type: disk_full
/// directory: data
/// fill: { bytes: 1048576 }
/// ```
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct DiskKeys {
    /// The directory; relative to the workspace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-author-only" = true))]
    directory: Option<PathBuf>,
    /// The nodes whose own file systems are filled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-author-only" = true))]
    target: Option<FaultTarget>,
    /// How much is filled; for `target` all of it by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fill: Option<Fill>,
    /// Bytes that stay free on the file system of `directory`, whatever is asked for; default 64 MiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reserve_bytes: Option<u64>,
}

/// Keys that do not go together.
#[derive(Debug, thiserror::Error)]
enum DiskKeysError {
    #[error("expected exactly one of `directory`, `target`")]
    Where,
    #[error("missing `fill`: how much of the file system of `directory` is filled")]
    Fill,
    #[error("`reserve_bytes` is for a `directory`, whose file system others use")]
    Reserve,
}

impl TryFrom<DiskKeys> for DiskFull {
    type Error = DiskKeysError;

    fn try_from(keys: DiskKeys) -> Result<Self, DiskKeysError> {
        let DiskKeys { directory, target, fill, reserve_bytes } = keys;
        match (directory, target) {
            (Some(path), None) => {
                let reserve_bytes = reserve_bytes.unwrap_or(RESERVE_BYTES);
                let fill = fill.ok_or(DiskKeysError::Fill)?;
                Ok(Self { disk: FullDisk::Directory { path, reserve_bytes }, fill })
            }
            (None, Some(_)) if reserve_bytes.is_some() => Err(DiskKeysError::Reserve),
            (None, Some(target)) => {
                Ok(Self { disk: FullDisk::Nodes(target), fill: fill.unwrap_or(Fill::LeaveBytes(0)) })
            }
            _ => Err(DiskKeysError::Where),
        }
    }
}

impl From<DiskFull> for DiskKeys {
    fn from(DiskFull { disk, fill }: DiskFull) -> Self {
        let empty = Self { directory: None, target: None, fill: Some(fill), reserve_bytes: None };
        match disk {
            FullDisk::Directory { path, reserve_bytes } => {
                Self { directory: Some(path), reserve_bytes: Some(reserve_bytes), ..empty }
            }
            FullDisk::Nodes(target) => Self { target: Some(target), ..empty },
        }
    }
}

impl JsonSchema for DiskFull {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "DiskFull".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = DiskKeys::json_schema(generator);
        exactly_one_of(&mut schema, &["directory", "target"]);
        schema.insert("dependencies".to_owned(), json!({ "directory": ["fill"], "reserve_bytes": ["directory"] }));
        schema
    }
}

/// Removes the file that fills a directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FreeDisk {
    /// The directory, absolute and without symbolic links.
    pub directory: PathBuf,
    /// What tells it from every other directory.
    pub identity: DirIdentity,
    /// The file's name in it.
    pub file: String,
}

impl UndoStep for FreeDisk {
    // The file is still there after a reboot.
    const SURVIVES_REBOOT: bool = true;

    async fn undo(&self, _cx: &UndoContext) -> Result<Undone, PluginError> {
        let dir = AllowedDir::reopen(&self.directory, self.identity)
            .map_err(|error| PluginError::io(&format!("open `{}`", self.directory.display()), &error))?;
        let Some(dir) = dir else {
            let (file, path) = (&self.file, self.directory.display());
            return Err(PluginError::failed(format!(
                "`{path}` is not the directory that was filled; find that one and remove `{file}` in it"
            )));
        };
        let path = self.directory.join(&self.file);
        match dir.remove_contents(&self.file) {
            Ok(true) => Ok(Undone::Reverted(format!("removed `{}`", path.display()))),
            Ok(false) => Ok(Undone::NothingToDo(format!("`{}` is not there", path.display()))),
            Err(error) => Err(PluginError::io(&format!("remove `{}`", path.display()), &error)),
        }
    }

    fn describe(&self) -> String {
        format!("remove `{}`", self.directory.join(&self.file).display())
    }
}

impl Fault for DiskFull {
    const SPAN: Span = Span::Sustained;

    async fn plan(&self, cx: &RunContext) -> Result<Plan, PluginError> {
        match &self.disk {
            FullDisk::Directory { path, reserve_bytes } => self.plan_directory(path, *reserve_bytes, cx),
            FullDisk::Nodes(target) => node_files::plan(target, self.fill, cx).await,
        }
    }

    async fn inject(&self, cx: &InjectContext, undo: &Undo) -> Result<Injection, PluginError> {
        match &self.disk {
            FullDisk::Directory { path, reserve_bytes } => self.fill_directory(path, *reserve_bytes, cx, undo).await?,
            FullDisk::Nodes(target) => node_files::perform(target, self.fill, undo, cx).await?,
        }
        Ok(Injection::in_force())
    }

    async fn witness(&self, cx: &RunContext) -> Sighting {
        let seen = match &self.disk {
            FullDisk::Directory { path, .. } => {
                cx.open_dir(path).map_err(PluginError::from).and_then(|dir| self.seen(&dir))
            }
            FullDisk::Nodes(target) => node_files::seen(target, self.fill, cx).await,
        };
        seen.unwrap_or_else(|error| Sighting::unknown(error.to_string()))
    }
}

impl DiskFull {
    fn plan_directory(&self, path: &Path, reserve: u64, cx: &RunContext) -> Result<Plan, PluginError> {
        let dir = cx.open_dir(path)?;
        let bytes = self.bytes(free_bytes(&dir)?, reserve)?;
        let parents = dir.parents().map_err(|error| PluginError::io("read the directories above", &error))?;
        let plan = Plan::new(format!("fill `{}` with {bytes} bytes", dir.path().display()));
        #[expect(clippy::cast_precision_loss, reason = "a ceiling need not be exact above 2^52 bytes")]
        let ceiling = bytes as f64;
        let plan = plan.touching(Resource::dir(dir.identity(), parents)).at_most(CeilingKind::Bytes, ceiling);
        Ok(plan.reaching(Reach::path(dir.path())))
    }

    async fn fill_directory(&self, path: &Path, reserve: u64, cx: &RunContext, undo: &Undo) -> Result<(), PluginError> {
        let dir = cx.open_dir(path)?;
        let bytes = self.bytes(free_bytes(&dir)?, reserve)?;
        let file = format!("{PREFIX}{}", cx.run_id());
        let step = FreeDisk { directory: dir.path().to_owned(), identity: dir.identity(), file: file.clone() };
        let effect = undo.arm(step).await?;
        let (_real, cancel) = (cx.clock().external(), cx.cancel_token().clone());
        let filled = tokio::task::spawn_blocking(move || {
            // The permit goes with the effect, wherever the run goes meanwhile.
            let _effect = effect;
            fill(&dir, &file, bytes, &cancel)
        });
        let filled = filled.await.map_err(|error| PluginError::failed(error.to_string()))?;
        filled.map_err(|error| PluginError::io(&format!("fill `{}`", path.display()), &error))
    }

    /// How many bytes to take when so many are free.
    fn bytes(&self, free: u64, reserve: u64) -> Result<u64, PluginError> {
        let bytes = self.fill.of(free)?;
        if free.saturating_sub(bytes) < reserve {
            return Err(PluginError::refused(format!(
                "{bytes} of {free} free bytes would leave less than `reserve_bytes` {reserve}; fill less, or lower it"
            )));
        }
        Ok(bytes)
    }

    /// What the file system says: our files with their blocks, and the free space.
    fn seen(&self, dir: &AllowedDir) -> Result<Sighting, PluginError> {
        let free = free_bytes(dir)?;
        let fillers = fillers(dir).map_err(|error| PluginError::io("read the directory", &error))?;
        let path = dir.path().display();
        if fillers.is_empty() {
            return Ok(Sighting::absent(Evidence::new(format!("no file fills `{path}`; {free} bytes are free"))));
        }
        let (size, allocated) = fillers.iter().fold((0, 0), |(s, a), filler| (s + filler.size, a + filler.allocated));
        let enough = match self.fill {
            Fill::Bytes(bytes) => allocated >= bytes,
            Fill::LeaveBytes(leave) => free <= leave.saturating_add(SLACK_BYTES),
        };
        let text = format!("a file in `{path}` holds {allocated} bytes of disk; {free} bytes are free");
        let shown = Evidence::new(text).with_data(json!({ "allocated_bytes": allocated, "free_bytes": free }));
        // A file without blocks of its own takes no space, whatever its size says.
        Ok(if enough && allocated >= size { Sighting::present(shown) } else { Sighting::absent(shown) })
    }
}

/// Bytes that a user without privileges can still take.
fn free_bytes(dir: &AllowedDir) -> Result<u64, PluginError> {
    let stat = fstatvfs(dir).map_err(|error| PluginError::io("read the free space", &error.into()))?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}

/// A file of ours.
struct Filler {
    size: u64,
    allocated: u64,
}

fn fillers(dir: &AllowedDir) -> io::Result<Vec<Filler>> {
    let mut found = Vec::new();
    for entry in Dir::read_from(dir)? {
        let entry = entry?;
        if !entry.file_name().to_bytes().starts_with(PREFIX.as_bytes()) {
            continue;
        }
        let stat = match statat(dir, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            Err(Errno::NOENT) => continue,
            Err(error) => return Err(error.into()),
        };
        if FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile {
            let positive = |value: i64| u64::try_from(value).unwrap_or_default();
            found.push(Filler { size: positive(stat.st_size), allocated: positive(stat.st_blocks) * BLOCK_BYTES });
        }
    }
    Ok(found)
}

/// Makes the file and allocates its space.
fn fill(dir: &AllowedDir, name: &str, bytes: u64, cancel: &CancellationToken) -> io::Result<()> {
    let file = dir.create_new(name)?;
    match fallocate(&file, FallocateFlags::empty(), 0, bytes) {
        Ok(()) => Ok(()),
        Err(Errno::OPNOTSUPP | Errno::NOSYS) => write_zeros(file, bytes, cancel),
        Err(error) => Err(error.into()),
    }
}

fn write_zeros(mut file: File, bytes: u64, cancel: &CancellationToken) -> io::Result<()> {
    let chunk = vec![0; CHUNK_BYTES];
    let mut left = bytes;
    while left > 0 {
        if cancel.is_cancelled() {
            return Err(io::Error::other("cancelled"));
        }
        let now = usize::try_from(left).unwrap_or(CHUNK_BYTES).min(CHUNK_BYTES);
        file.write_all(&chunk[..now])?;
        left -= now as u64;
    }
    // Blocks are counted once they are allocated, which some file systems put off.
    file.sync_all()
}

register_fault!(DiskFull, "disk_full", aliases: ["fill_disk"]);
register_undo_step!(FreeDisk, "free_disk");

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{MetadataExt, symlink};

    use chaos_core::{FAULTS, Policy, Presence, Verdict};

    use super::*;

    const MIB: u64 = 1024 * 1024;

    chaos_test::contract_subject!(DiskFull, |subjects| Ok(DiskFull {
        disk: FullDisk::Directory { path: subjects.folder().to_owned(), reserve_bytes: 0 },
        fill: Fill::Bytes(MIB),
    }));

    fn fault(fill: Fill) -> DiskFull {
        DiskFull { disk: FullDisk::Directory { path: ".".into(), reserve_bytes: 10 }, fill }
    }

    #[test]
    fn the_reserve_is_kept() {
        let rows = [
            (Fill::Bytes(90), Ok(90)),
            (Fill::Bytes(91), Err("reserve_bytes")),
            (Fill::Bytes(u64::MAX), Err("reserve_bytes")),
            (Fill::LeaveBytes(10), Ok(90)),
            (Fill::LeaveBytes(9), Err("reserve_bytes")),
            (Fill::LeaveBytes(100), Err("nothing to fill")),
            (Fill::LeaveBytes(u64::MAX), Err("nothing to fill")),
        ];
        for (fill, want) in rows {
            match (fault(fill).bytes(100, 10), want) {
                (Ok(bytes), Ok(want)) => assert_eq!(bytes, want, "{fill:?}"),
                (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{fill:?}: {error}"),
                (got, want) => panic!("{fill:?}: {got:?} instead of {want:?}"),
            }
        }
    }

    /// An allowed directory to work in.
    fn allowed(path: &std::path::Path) -> AllowedDir {
        let identity = fs::metadata(path).map(|meta| DirIdentity { device: meta.dev(), inode: meta.ino() }).unwrap();
        AllowedDir::reopen(&path.canonicalize().unwrap(), identity).unwrap().unwrap()
    }

    #[test]
    fn what_fills_a_directory_is_told_by_its_blocks() {
        let temp = tempfile::tempdir().unwrap();
        let dir = allowed(temp.path());
        let presence = |fill| fault(fill).seen(&dir).unwrap().presence;
        assert_eq!(presence(Fill::Bytes(MIB)), Presence::Absent);
        fs::write(temp.path().join(format!("{PREFIX}r1")), vec![1; 1024]).unwrap();
        assert_eq!(presence(Fill::Bytes(MIB)), Presence::Absent, "too little");
        File::create(temp.path().join(format!("{PREFIX}r2"))).unwrap().set_len(4 * MIB).unwrap();
        assert_eq!(presence(Fill::Bytes(1)), Presence::Absent, "a sparse file takes no space");
        fs::remove_file(temp.path().join(format!("{PREFIX}r2"))).unwrap();
        fill(&dir, &format!("{PREFIX}r3"), 2 * MIB, &CancellationToken::new()).unwrap();
        assert_eq!(presence(Fill::Bytes(2 * MIB)), Presence::Present);
        assert_eq!(presence(Fill::LeaveBytes(0)), Presence::Absent, "there is room on this disk");
        assert_eq!(presence(Fill::LeaveBytes(u64::MAX)), Presence::Present);
    }

    #[test]
    fn zeros_take_space_where_nothing_can_be_reserved() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("zeros");
        let length = CHUNK_BYTES as u64 + 5;
        write_zeros(File::create(&path).unwrap(), length, &CancellationToken::new()).unwrap();
        let meta = fs::metadata(&path).unwrap();
        assert!(meta.len() == length && meta.blocks() * BLOCK_BYTES >= length, "{meta:?}");
        let cancelled = CancellationToken::new();
        cancelled.cancel();
        assert!(write_zeros(File::create(&path).unwrap(), length, &cancelled).is_err());
    }

    #[tokio::test]
    async fn another_directory_at_the_path_is_a_failed_undo_that_names_the_file() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().canonicalize().unwrap().join("data");
        fs::create_dir(&path).unwrap();
        let step = FreeDisk { identity: allowed(&path).identity(), directory: path.clone(), file: "f".into() };
        let cx = chaos_test::run_context().build().undo_context(std::time::Duration::from_secs(5));
        assert!(matches!(step.undo(&cx).await, Ok(Undone::NothingToDo(_))));
        fs::rename(&path, path.with_extension("moved")).unwrap();
        fs::create_dir(&path).unwrap();
        let error = step.undo(&cx).await.unwrap_err().to_string();
        assert!(error.contains("is not the directory that was filled") && error.contains("`f`"), "{error}");
    }

    /// Runs the fault through the engine in a workspace that holds `ws/data` and a link `ws/way-out` to `out`.
    fn run(directory: &str, policy: Policy) -> (chaos_core::ChaosResult, u64) {
        let temp = tempfile::tempdir().unwrap();
        let root = temp.path().canonicalize().unwrap();
        for folder in ["ws/data", "out"] {
            fs::create_dir_all(root.join(folder)).unwrap();
        }
        symlink(root.join("out"), root.join("ws/way-out")).unwrap();
        let action = json!({"type": "fill_disk", "directory": directory, "fill": {"bytes": MIB}, "reserve_bytes": 0});
        let entry = json!({"trigger": {"type": "test_now"}, "action": action, "duration_seconds": 0.1});
        let task = chaos_core::Task::of(chaos_core::parse(&entry).unwrap());
        let runner = chaos_runner::Runner::builder().policy(policy).workspace(root.join("ws"));
        let runner = runner.state_dir(chaos_core::StateDir::at(root.join("state"))).build().unwrap();
        let mut report = runner.run(task).unwrap();
        let left = ["ws/data", "out"].iter().map(|folder| fs::read_dir(root.join(folder)).unwrap().count() as u64);
        (report.entries.remove(0), left.sum())
    }

    #[test]
    fn it_fills_and_frees_by_its_alias_too() {
        let (result, left) = run("data", Policy::default());
        assert_eq!((result.verdict, result.error, left), (Verdict::Unchecked, None, 0));
        assert_eq!(result.injected_fault, "disk_full");
        assert!(result.witness.unwrap().evidence.data["allocated_bytes"].as_u64() >= Some(MIB));
        assert_eq!(FAULTS.get("fill_disk").unwrap().name, "disk_full");
    }

    #[test]
    fn outside_the_allowed_paths_and_through_a_link_it_is_refused_by_the_flag() {
        for way in ["../out", "way-out", "data/../../out"] {
            let (result, left) = run(way, Policy::default());
            let error = result.error.unwrap_or_default();
            assert!(error.contains("`--allow-path ") && error.contains("/out` would allow it"), "{way}: {error}");
            assert_eq!((result.verdict, left), (Verdict::Inconclusive, 0), "{way}");
        }
    }

    #[test]
    fn more_than_the_ceiling_is_refused_by_the_flag() {
        let policy = Policy { max_bytes: 1000, ..Policy::default() };
        let error = run("data", policy).0.error.unwrap_or_default();
        assert!(error.contains("`--max-bytes 1048576` would allow it"), "{error}");
    }

    /// Runs the fault on a node that writes more and more and says how it went; where it `fails`, until it says so.
    /// Gives the report and what it said.
    fn run_on_node(node: &serde_json::Value, sham: bool, fails: bool) -> (chaos_runner::Report, String) {
        let bench = chaos_test::Bench::new().unwrap();
        let action = json!({"type": "disk_full", "target": {"node": "n1"}});
        let entry = json!({"trigger": {"type": "test_now"}, "action": action, "duration_seconds": 0.4});
        let mut task = chaos_core::Task::of(chaos_core::parse(&entry).unwrap());
        let told = bench.path("told");
        let script = format!(
            "while :; do if printf %4096s x >> block; then echo ok; else echo failed; fi >> {}; sleep 0.02; done",
            told.display()
        );
        let mut keys = json!({"type": "process", "argv": ["sh", "-c", script], "dir": bench.path("n1")});
        keys.as_object_mut().unwrap().extend(node.as_object().unwrap().clone());
        keys["ready"] = json!({"type": "test_file_exists", "path": told, "within_seconds": 30});
        task.nodes.insert("n1".to_owned(), chaos_core::parse(&keys).unwrap());
        let policy = Policy { allow_commands: vec!["sh".into()], ..Policy::default() };
        let runner = chaos_runner::Runner::builder().state_dir(bench.state()).workspace(bench.folder()).policy(policy);
        let runner = runner.sham(sham).hold_until_released(fails).build().unwrap();
        let run = runner.start(task).unwrap();
        if fails {
            let waiting = tokio::runtime::Builder::new_current_thread().build().unwrap();
            waiting.block_on(run.entry(0).unwrap().active()).unwrap();
            let began = std::time::Instant::now();
            while !fs::read_to_string(&told).unwrap().contains("failed") {
                assert!(began.elapsed() < std::time::Duration::from_mins(2), "the node can still write");
                std::thread::yield_now();
            }
            run.release();
        }
        let report = run.wait_blocking().unwrap();
        assert_eq!(bench.journals_left(), 0);
        let here = format!(" {}/", bench.folder().canonicalize().unwrap().display());
        assert!(!fs::read_to_string("/proc/self/mountinfo").unwrap().contains(&here), "a mount is left");
        (report, fs::read_to_string(told).unwrap_or_default())
    }

    fn may_mount() -> bool {
        let status = fs::read_to_string("/proc/self/status").unwrap();
        let bits = status.lines().find_map(|line| line.strip_prefix("CapEff:")).unwrap();
        let may = u64::from_str_radix(bits.trim(), 16).unwrap() >> 21 & 1 == 1;
        if !may {
            eprintln!("skipped: needs the right to mount (CAP_SYS_ADMIN)");
        }
        may
    }

    #[test]
    fn a_nodes_own_file_system_is_filled_and_freed_and_leaves_no_mount() {
        if !may_mount() {
            return;
        }
        let (report, said) = run_on_node(&json!({"tmpfs_bytes": 8 * MIB}), false, true);
        let result = &report.entries[0];
        assert_eq!(
            (report.verdict, result.reverted),
            (Verdict::Unchecked, chaos_core::Reverted::Reverted),
            "{report:?}"
        );
        let seen = &result.witness.as_ref().unwrap().evidence;
        assert_eq!(seen.data[0]["total_bytes"], 8 * MIB, "{seen:?}");
        let words: Vec<&str> = said.lines().filter(|line| matches!(*line, "ok" | "failed")).collect();
        assert_eq!((words.first(), words.contains(&"failed")), (Some(&"ok"), true), "{said}");
        // With nothing filled nothing passes.
        let (report, said) = run_on_node(&json!({"tmpfs_bytes": 8 * MIB}), true, false);
        assert_eq!(report.verdict, Verdict::Inconclusive, "{report:?}");
        assert!(!said.contains("failed"), "{said}");
    }

    #[test]
    fn a_node_that_shares_its_file_system_is_refused_by_name() {
        let (report, _) = run_on_node(&json!({}), false, false);
        let error = report.entries.first().and_then(|entry| entry.error.clone()).unwrap_or_default();
        assert!(error.contains("node `n1` has no files facet") && error.contains("`tmpfs_bytes`"), "{report:?}");
    }

    #[test]
    fn a_disk_is_that_of_a_directory_or_of_nodes() {
        let rows = [
            (json!({"directory": "d", "fill": {"bytes": 1}}), None),
            (json!({"target": {"node": "n1"}}), None),
            (json!({"target": {"node": "n1"}, "fill": {"leave_bytes": 4096}}), None),
            (json!({"directory": "d"}), Some("missing `fill`")),
            (json!({"directory": "d", "target": {"node": "n1"}, "fill": {"bytes": 1}}), Some("exactly one of")),
            (json!({"target": {"node": "n1"}, "reserve_bytes": 1}), Some("`reserve_bytes` is for a `directory`")),
        ];
        for (keys, why) in rows {
            match (chaos_core::parse::<DiskFull>(&keys), why) {
                (Ok(fault), None) => {
                    let again = chaos_core::parse::<DiskFull>(&serde_json::to_value(&fault).unwrap()).unwrap();
                    assert_eq!(again, fault);
                }
                (Err(error), Some(why)) => assert!(error.message.contains(why), "{keys}: {error}"),
                (parsed, _) => panic!("{keys}: {parsed:?}"),
            }
        }
    }
}
