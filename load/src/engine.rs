//! A real fortio as the engine: it makes the calls, and its access log fills our part of the result.

mod access;
mod argv;

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tokio::sync::{oneshot, watch};

use crate::clock::nanos;
use crate::control::Control;
use crate::coordinator::spread;
use crate::error::LoadError;
use crate::fortio::Document;
use crate::plan::{Load, Rate};
use crate::program::Program;
use crate::random::Random;
use crate::result::{LoadResult, Totals, phases};
use crate::running::Running;
use crate::snapshot::Snapshot;
use crate::tally::Tally;

use access::{Origin, Reader};

/// Time between two looks at the access log.
const LOOK: Duration = Duration::from_millis(50);

/// Time between two snapshots.
const TICK: Duration = Duration::from_secs(1);

/// Time that a fortio which was asked to stop may take beyond two timeouts (it
/// sends a request again when a kept connection is silent).
const GRACE: Duration = Duration::from_secs(2);

/// Finds a fortio in the folders of a `PATH`; a folder that depends on where one stands does not count.
pub fn find(places: &OsStr) -> Option<PathBuf> {
    let mut folders = std::env::split_paths(places).filter(|folder| folder.is_absolute());
    folders.find_map(|folder| Some(folder.join("fortio")).filter(|path| path.is_file()))
}

/// A real fortio with the plan that it is to run.
///
/// fortio knows no open schedule: such a plan runs by fortio's own rule, with
/// its connections staggered.
#[derive(Debug)]
pub struct Fortio {
    binary: PathBuf,
    load: Arc<Load>,
    folder: Folder,
    environment: Option<HashMap<String, String>>,
}

impl Fortio {
    /// Prepares a run; nothing is started yet.
    ///
    /// # Errors
    ///
    /// The plan is out of bounds or holds credentials (they would stand in the
    /// process table), or there is no place for temporary files.
    pub fn new(binary: &Path, load: Load) -> Result<Self, LoadError> {
        load.check()?;
        let load = Arc::new(argv::adapted(load)?);
        let folder = Folder::new(load.seed)?;
        Ok(Self { binary: binary.to_owned(), load, folder, environment: None })
    }

    /// Gives the process this environment instead of ours.
    #[must_use]
    pub fn with_environment(mut self, environment: HashMap<String, String>) -> Self {
        self.environment = Some(environment);
        self
    }

    /// The word of its command line that no other process has.
    pub fn mark(&self) -> PathBuf {
        self.folder.file("result")
    }

    /// Starts it. Dropping the handle, or cancelling it, sends SIGINT, on which
    /// fortio still gives its result.
    ///
    /// # Errors
    ///
    /// The binary cannot be started.
    pub fn start(self) -> Result<Running, LoadError> {
        let child = self.launch()?;
        let control = Arc::new(Control::new());
        let snapshots = watch::Sender::new(Snapshot::default());
        let watcher = snapshots.subscribe();
        let (result, outcome) = oneshot::channel();
        let load = self.load.clone();
        let watch = Watch { load: self.load, control: control.clone(), snapshots, folder: self.folder };
        let spawned = thread::Builder::new().name("load-fortio".to_owned()).spawn(move || watch.run(child, result));
        spawned.map(drop).map_err(|source| LoadError::System { what: "a thread", source })?;
        Ok(Running::new(load, control, watcher, outcome))
    }

    fn launch(&self) -> Result<Child, LoadError> {
        let Self { load, folder, .. } = self;
        let system = |what| move |source| LoadError::System { what, source };
        if !load.body.is_empty() {
            fs::write(folder.file("body"), &load.body).map_err(system("a temporary file"))?;
        }
        let errors = File::create(folder.file("stderr")).map_err(system("a temporary file"))?;
        let mut command = Command::new(&self.binary);
        if let Some(environment) = &self.environment {
            command.env_clear().envs(environment);
        }
        command
            .args(argv::of(load, &folder.0))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(errors)
            .spawn()
            .map_err(system("the process of fortio"))
    }
}

/// A folder of our own for the files of a run, gone when it is dropped.
#[derive(Debug)]
struct Folder(PathBuf);

impl Folder {
    fn new(seed: u64) -> Result<Self, LoadError> {
        use std::os::unix::fs::DirBuilderExt;
        let clock = nanos(crate::observer::wall());
        let name = format!("chaos-load-{}-{:016x}", std::process::id(), Random::new(seed, clock).next());
        let path = std::env::temp_dir().join(name);
        // Fails when it is there already, so that nobody can have prepared it.
        let made = fs::DirBuilder::new().mode(0o700).create(&path);
        made.map_err(|source| LoadError::System { what: "a temporary folder", source })?;
        Ok(Self(path))
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left behind is the system's to clean.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The thread that follows a running fortio.
struct Watch {
    load: Arc<Load>,
    control: Arc<Control>,
    snapshots: watch::Sender<Snapshot>,
    folder: Folder,
}

impl Watch {
    fn run(self, mut child: Child, result: oneshot::Sender<LoadResult>) {
        let began = Instant::now();
        let ended = self.follow(&mut child, began);
        self.control.note_end();
        let outcome = ended.and_then(|()| self.finish());
        let failed = |error: io::Error| LoadResult::broken(self.load.clone(), &self.complaint(&error));
        let outcome = outcome.unwrap_or_else(failed);
        self.snapshots.send_modify(|snapshot| snapshot.finished = true);
        // Nobody waits when the handle was dropped.
        let _ = result.send(outcome);
    }

    /// Reads the log as it grows, until fortio has ended.
    fn follow(&self, child: &mut Child, began: Instant) -> io::Result<()> {
        let mut tally = Tally::new(&self.load);
        let mut reader: Option<Reader<BufReader<File>>> = None;
        let (mut tick, mut before, mut asked, mut origin) = (began + TICK, 0, None, None);
        loop {
            let ended = child.try_wait()?.is_some();
            if reader.is_none() {
                reader = File::open(self.folder.file("access")).ok().map(|file| Reader::new(BufReader::new(file)));
            }
            if let Some(reader) = &mut reader {
                reader.read_into(&mut tally, &self.load, Origin::FirstCall, &self.control)?;
                origin = origin.or_else(|| reader.first().map(instant));
                if let Some(origin) = origin {
                    self.control.set_origin(origin);
                }
            }
            if ended {
                return Ok(());
            }
            if self.control.is_stopped() {
                let since = *asked.get_or_insert_with(|| interrupt(child));
                if since.elapsed() > self.load.timeout * 2 + GRACE {
                    child.kill()?;
                }
            }
            if Instant::now() >= tick {
                tick += TICK;
                self.show(
                    &tally,
                    origin.map_or(Duration::ZERO, |origin| origin.elapsed()),
                    TICK,
                    tally.completed() - before,
                );
                before = tally.completed();
            }
            thread::park_timeout(LOOK);
        }
    }

    fn show(&self, tally: &Tally, elapsed: Duration, interval: Duration, recent: u64) {
        let program = Program::of(&self.load);
        let scheduled = program.due_by(&self.load, nanos(elapsed)).unwrap_or(0).max(tally.completed());
        self.snapshots.send_replace(Snapshot {
            elapsed,
            scheduled,
            started: tally.completed(),
            completed: tally.completed(),
            missed: scheduled - tally.completed(),
            ok: tally.ok,
            errors: tally.errors,
            asked_qps: match self.load.rate {
                Rate::Qps(qps) => Some(qps),
                Rate::Max => None,
            },
            #[expect(clippy::cast_precision_loss, reason = "exact below 2^52 calls")]
            achieved_qps: if interval.is_zero() { 0.0 } else { recent as f64 / interval.as_secs_f64() },
            service: spread(&tally.service()),
            response: spread(&tally.response()),
            recent_response: Snapshot::default().recent_response,
            phases: Arc::new(phases(tally, self.control.marks())),
            schedule: Some((self.load.clone(), program)),
            failures: tally.failures.iter().map(|(kind, failure)| (*kind, failure.first.clone())).collect(),
            finished: false,
        });
    }

    /// Reads the log once more, now that the start is known to the nanosecond.
    fn finish(&self) -> io::Result<LoadResult> {
        let text = fs::read_to_string(self.folder.file("result"))?;
        let document = Document::read(&text).map_err(io::Error::other)?;
        let origin = document.start().ok_or_else(|| io::Error::other("the result has no start time"))?;
        let mut tally = Tally::new(&self.load);
        let mut reader = Reader::new(BufReader::new(File::open(self.folder.file("access"))?));
        reader.read_into(&mut tally, &self.load, Origin::At(origin), &self.control)?;
        let program = Program::of(&self.load);
        let elapsed = u64::try_from(document.common.actual_duration).unwrap_or(0);
        let whole = Duration::from_nanos(elapsed);
        self.show(&tally, whole, whole, tally.completed());
        let interrupted = self.control.is_stopped();
        let total = if interrupted { None } else { program.total() };
        let scheduled = total.or_else(|| program.due_by(&self.load, elapsed)).unwrap_or(0).max(tally.completed());
        let totals = Totals {
            busiest: 0.0,
            started: tally.completed(),
            tally,
            connections: Vec::new(),
            scheduled,
            elapsed,
            wall: std::time::UNIX_EPOCH + Duration::from_nanos(origin),
            marks: self.control.marks(),
            interrupted,
            cold: None,
            never_began: false,
        };
        Ok(LoadResult::of_fortio(self.load.clone(), totals, document))
    }

    /// The last line that fortio wrote, or the error that kept us from reading its result.
    fn complaint(&self, error: &io::Error) -> String {
        let text = fs::read(self.folder.file("stderr")).unwrap_or_default();
        let text = String::from_utf8_lossy(&text).into_owned();
        let last = text.lines().rev().find(|line| !line.trim().is_empty());
        last.map_or_else(|| format!("fortio gave no result: {error}"), |line| format!("fortio: {line}"))
    }
}

/// The instant of a moment in nanoseconds since 1970; now, if it lies ahead.
fn instant(moment: u64) -> Instant {
    let ago = crate::observer::wall().saturating_sub(Duration::from_nanos(moment));
    Instant::now().checked_sub(ago).unwrap_or_else(Instant::now)
}

/// Sends SIGINT, on which fortio ends with its result, and tells when that was.
fn interrupt(child: &Child) -> Instant {
    // The process is not reaped yet, so its number is still its own.
    if let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, Signal::INT);
    }
    Instant::now()
}
