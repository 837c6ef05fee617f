//! The source that follows log files.

mod follower;
mod lines;
#[cfg(test)]
mod tests;

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chaos_core::{
    BoxFuture, EvidenceKind, NodeLabels, Nodes, Plan, PluginError, Reach, RunContext, RunningSource, Source,
    SourceContext, SourceEnd, has_labels, register_source,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use self::follower::Follower;
use self::lines::RawLine;
use crate::Moment;
use crate::edge_watch::EdgeWatch;
use crate::log_store::LogLine;
use crate::recorder::Recorder;
use crate::recording::RecordedBounds;
use crate::sink::{Sink, one_after_another};

/// From one look at the files to the next: short, since what was written between two looks may be older than the first.
const EVERY: Duration = Duration::from_millis(25);

/// Follows log files, those of nodes or others, and keeps their lines for the probe `log`.
///
/// # What it takes in
/// Every line that is written while the run lasts, whether the file is rotated (renamed and made anew), truncated, removed and
/// made again, or appears later. What was in a file when the run began is left out, except with `from_start: true`. Files are
/// looked at 40 times a second, and whenever a fault comes into force or is about to be undone, so that what was written
/// before that moment is told from what was written after it.
///
/// # What it drops
/// A line ends with its line break; beyond 64 KiB it is cut, and the rest of it left out. Bytes that are not UTF-8 are replaced,
/// and the report says in how many lines. A file that was truncated may have had lines that were not read: this counts as one
/// dropped line, and makes answers unknown that rest on there being no more. The same holds for a file that can't be read.
///
/// # Limits
/// A file that is rotated twice between two looks is not seen at all. A rotated file is read on until nothing was written to it
/// for 30 seconds. A line without a line break is not seen before the end of the run.
///
/// # Example
/// ```yaml
/// type: log_file
/// paths: [/var/log/app.log]
/// ```
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LogFile {
    /// Files, by their paths; relative ones begin in the workspace.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<PathBuf>,
    /// The node whose output is read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// Labels of the nodes whose output is read; a node must have all of them.
    #[serde(default, skip_serializing_if = "NodeLabels::is_empty")]
    pub nodes: NodeLabels,
    /// Whether what is in a file when the run begins counts too.
    #[serde(default)]
    pub from_start: bool,
    /// How many bytes of lines the run keeps at the most, of all its sources; default 64 MiB. Of several, the highest holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_bytes: Option<NonZeroU32>,
    /// A file that did not exist, to which all that is taken in is written, for the source `recording`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<PathBuf>,
}

impl Source for LogFile {
    const GIVES: &'static [EvidenceKind] = &[EvidenceKind::Logs];

    async fn plan(&self, cx: &SourceContext) -> Result<Plan, PluginError> {
        self.files(cx.cx())?;
        let plan = Plan::new(self.summary());
        Ok(self.record.iter().fold(plan, |plan, path| plan.reaching(Reach::path(path))))
    }

    async fn start(&self, cx: &SourceContext) -> Result<Arc<dyn RunningSource>, PluginError> {
        let files = self.files(cx.cx())?;
        let log_bytes = self.max_bytes.map(|bytes| usize::try_from(bytes.get()).unwrap_or(usize::MAX));
        let kept = RecordedBounds { log_bytes, ..RecordedBounds::default() };
        let record = self.record.as_deref().map(|path| Recorder::create(path, Self::GIVES, kept, cx.cx()));
        let sink = Arc::new(Sink::new(cx, record.transpose()?));
        if let Some(bytes) = log_bytes {
            sink.stores.logs.set_bound(bytes);
        }
        let now = Moment::now(cx.cx().clock());
        let followed = files.into_iter().map(|(origin, path)| {
            sink.await_file(&origin, &path.display().to_string());
            Followed { origin: origin.into(), file: Follower::new(path, self.from_start, now), awaited: true }
        });
        let files = followed.collect();
        let mut following = Following { files, sink: Arc::clone(&sink), cx: cx.cx().clone(), taken: 0, replaced: 0 };
        let edges = EdgeWatch::new(&following.cx);
        // What is there now is not of this run.
        following = following.look().await?;
        let (end, sum) = (Arc::new(Notify::new()), Arc::new(Sum::default()));
        let task = tokio::spawn(following.run(edges, Arc::clone(&end), Arc::clone(&sum)));
        Ok(Arc::new(Running { summary: self.summary(), sink, end, sum, task: Mutex::new(Some(task)) }))
    }
}

register_source!(LogFile, "log_file");

impl LogFile {
    fn summary(&self) -> String {
        let mut what: Vec<String> = self.paths.iter().map(|path| format!("`{}`", path.display())).collect();
        what.extend(self.node.as_ref().map(|node| format!("the output of node `{node}`")));
        if !self.nodes.is_empty() {
            what.push(format!("the output of nodes with {:?}", self.nodes));
        }
        format!("follow {}", what.join(", "))
    }

    /// Every file with its origin: the node, or the path as it was written.
    fn files(&self, cx: &RunContext) -> Result<Vec<(String, PathBuf)>, PluginError> {
        let path = |path: &PathBuf| (path.display().to_string(), cx.workspace().join(path));
        let mut files: Vec<_> = self.paths.iter().map(path).collect();
        let nodes = cx.services().get::<Nodes>();
        let by_label = nodes
            .labels()
            .into_iter()
            .filter(|(_, labels, _)| !self.nodes.is_empty() && has_labels(labels, &self.nodes));
        let names: Vec<String> = by_label.map(|(name, _, _)| name).chain(self.node.clone()).collect();
        if !self.nodes.is_empty() && names.len() == usize::from(self.node.is_some()) {
            return Err(PluginError::refused("no node has the labels of `nodes`"));
        }
        for name in names {
            let known = nodes.member(&name);
            let member = known.ok_or_else(|| PluginError::refused(format!("unknown node `{name}`")))?;
            let outputs = member.output_files();
            if outputs.is_empty() {
                let why = format!("node `{name}` keeps no files of its output here; name files under `paths`");
                return Err(PluginError::refused(why));
            }
            files.extend(outputs.into_iter().map(|file| (name.clone(), file)));
        }
        if files.is_empty() {
            return Err(PluginError::refused("nothing to follow; write `paths`, `node` or `nodes`"));
        }
        files.sort();
        files.dedup();
        Ok(files)
    }
}

#[derive(Debug)]
struct Followed {
    origin: Arc<str>,
    file: Follower,
    awaited: bool,
}

/// The files, and where their lines go.
#[derive(Debug)]
struct Following {
    files: Vec<Followed>,
    sink: Arc<Sink>,
    cx: RunContext,
    taken: u64,
    replaced: u64,
}

/// What was taken in so far.
#[derive(Debug, Default)]
struct Sum {
    taken: AtomicU64,
    replaced: AtomicU64,
}

impl Following {
    async fn run(mut self, mut edges: EdgeWatch, end: Arc<Notify>, sum: Arc<Sum>) {
        let mut ends = false;
        loop {
            let Ok(looked) = self.look().await else { return };
            self = looked;
            if ends {
                self.rest();
            }
            sum.taken.store(self.taken, Ordering::Relaxed);
            sum.replaced.store(self.replaced, Ordering::Relaxed);
            if ends {
                return;
            }
            tokio::select! {
                () = self.cx.clock().sleep(EVERY) => {}
                () = edges.next() => {}
                () = end.notified() => ends = true,
            }
        }
    }

    /// Looks at every file once, until all is read.
    async fn look(mut self) -> Result<Self, PluginError> {
        let looked = tokio::task::spawn_blocking(move || {
            while self.look_once() {}
            self
        });
        looked.await.map_err(|error| PluginError::failed(error.to_string()))
    }

    /// Whether there is more.
    fn look_once(&mut self) -> bool {
        let mut more = false;
        for index in 0..self.files.len() {
            let Some(followed) = self.files.get_mut(index) else { continue };
            let look = followed.file.look(Moment::now(self.cx.clock()));
            let read_at = Moment::now(self.cx.clock());
            let origin = Arc::clone(&followed.origin);
            if followed.awaited && followed.file.is_there() {
                followed.awaited = false;
                self.sink.found_file(&origin, &followed.file.path.display().to_string());
            }
            more |= look.more;
            for (from, why) in look.lost {
                self.sink.lost_lines(1, from, read_at, &why);
            }
            let lines = look.lines.into_iter().map(|line| self.line(&origin, read_at, line)).collect();
            self.sink.lines(&origin, lines);
        }
        more
    }

    /// Keeps what has no end yet.
    fn rest(&mut self) {
        let at = Moment::now(self.cx.clock());
        let mut rest = Vec::new();
        for followed in &mut self.files {
            rest.extend(followed.file.rest().into_iter().map(|line| (Arc::clone(&followed.origin), line)));
        }
        for (origin, line) in rest {
            let line = self.line(&origin, at, line);
            self.sink.lines(&origin, vec![line]);
        }
    }

    fn line(&mut self, origin: &Arc<str>, at: Moment, line: RawLine) -> LogLine {
        self.taken += 1;
        self.replaced += u64::from(line.is_replaced);
        LogLine {
            source: Arc::clone(self.sink.source()),
            origin: Arc::clone(origin),
            earliest: line.earliest,
            at,
            text: line.text.into(),
            is_cut: line.is_cut,
            ..LogLine::default()
        }
    }
}

/// The source while it follows.
#[derive(Debug)]
struct Running {
    summary: String,
    sink: Arc<Sink>,
    end: Arc<Notify>,
    sum: Arc<Sum>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end.notify_one();
    }
}

impl RunningSource for Running {
    fn describe(&self) -> String {
        self.summary.clone()
    }

    fn stop(&self) -> BoxFuture<'_, SourceEnd> {
        Box::pin(async {
            self.end.notify_one();
            let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(task) = task {
                // It ends after one more look; a panic in it leaves what was taken in.
                task.await.ok();
            }
            let losses = self.sink.stores.logs.losses(self.sink.source());
            let replaced = self.sum.replaced.load(Ordering::Relaxed);
            let replaced = if replaced > 0 { format!("{replaced} lines were not UTF-8") } else { String::new() };
            let detail = one_after_another([losses.why().to_owned(), replaced, self.sink.end().unwrap_or_default()]);
            SourceEnd { taken: self.sum.taken.load(Ordering::Relaxed), dropped: losses.count(), detail }
        })
    }
}
