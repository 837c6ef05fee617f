//! A real fortio in place of the load engine: it makes the requests, and its access log gives what it hides.

mod access;
mod argv;

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use chaos_load::{ExternalRun, ExternalTool, LoadError, LoadPlan, LoadResult, Running};
use rustix::process::{Pid, Signal, kill_process};

use crate::document::{FortioDocument, Part};

use access::{Origin, Reader};

/// Time between two reads of the access log.
const POLL: Duration = Duration::from_millis(50);

/// Time between two snapshots.
const TICK: Duration = Duration::from_secs(1);

/// Time that a fortio which was asked to stop may take beyond two timeouts (it
/// sends a request again when a kept connection is silent).
const GRACE: Duration = Duration::from_secs(2);

/// Smallest bucket of fortio's sizes of answers, in bytes.
const SIZE_UNIT: f64 = 100.0;

/// Smallest bucket of fortio's sizes of heads, in bytes.
const HEAD_SIZE_UNIT: f64 = 5.0;

/// Reads a whole access log.
#[cfg(feature = "fuzz")]
pub(crate) fn read_access_log(bytes: &[u8], run: &mut ExternalRun) -> io::Result<()> {
    Reader::new(bytes).read_into(run, Origin::FirstCall)
}

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
    plan: LoadPlan,
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
    pub fn new(binary: &Path, plan: LoadPlan) -> Result<Self, LoadError> {
        plan.check()?;
        let plan = argv::adapted(plan)?;
        Ok(Self { binary: binary.to_owned(), plan, folder: Folder::new()?, environment: None })
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
        let (run, running) = ExternalRun::new(self.plan);
        let follower = Follower { run, folder: self.folder };
        let spawned = thread::Builder::new().name("load-fortio".to_owned()).spawn(move || follower.run(child));
        spawned.map(drop).map_err(|source| LoadError::System { what: "a thread", source })?;
        Ok(running)
    }

    fn launch(&self) -> Result<Child, LoadError> {
        let Self { plan, folder, .. } = self;
        let system = |what| move |source| LoadError::System { what, source };
        if !plan.body.is_empty() {
            fs::write(folder.file("body"), &plan.body).map_err(system("a temporary file"))?;
        }
        let errors = File::create(folder.file("stderr")).map_err(system("a temporary file"))?;
        let mut command = Command::new(&self.binary);
        if let Some(environment) = &self.environment {
            command.env_clear().envs(environment);
        }
        command
            .args(argv::of(plan, &folder.0))
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
    fn new() -> Result<Self, LoadError> {
        use std::os::unix::fs::DirBuilderExt;
        let name = format!("chaos-load-{}-{:016x}", std::process::id(), RandomState::new().hash_one(()));
        let path = std::env::temp_dir().join(name);
        // Fails when it is there already, so that no other process can have prepared it.
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
struct Follower {
    run: ExternalRun,
    folder: Folder,
}

impl Follower {
    fn run(mut self, mut child: Child) {
        let followed = self.follow(&mut child, Instant::now()).and_then(|()| self.count_again());
        let Self { run, folder } = self;
        match followed {
            Ok((document, origin)) => {
                let elapsed = Duration::from_nanos(u64::try_from(document.common.actual_duration).unwrap_or(0));
                let started_at = UNIX_EPOCH + Duration::from_nanos(origin);
                run.finish(started_at, elapsed, |result| complete(result, document));
            }
            Err(error) => run.fail(&complaint(&folder, &error)),
        }
    }

    /// Reads the log as it grows, until fortio has ended.
    fn follow(&mut self, child: &mut Child, began: Instant) -> io::Result<()> {
        let timeout = self.run.plan().timeout;
        let mut reader: Option<Reader<BufReader<File>>> = None;
        let (mut tick, mut asked, mut origin) = (began + TICK, None, None);
        loop {
            let ended = child.try_wait()?.is_some();
            if reader.is_none() {
                reader = File::open(self.folder.file("access")).ok().map(|file| Reader::new(BufReader::new(file)));
            }
            if let Some(reader) = &mut reader {
                reader.read_into(&mut self.run, Origin::FirstCall)?;
                origin = origin.or_else(|| reader.first().map(instant));
                if let Some(origin) = origin {
                    self.run.set_origin(origin);
                }
            }
            if ended {
                return Ok(());
            }
            if self.run.is_stopped() {
                let since = *asked.get_or_insert_with(|| interrupt(child));
                if since.elapsed() > timeout * 2 + GRACE {
                    child.kill()?;
                }
            }
            if Instant::now() >= tick {
                tick += TICK;
                self.run.show(origin.map_or(Duration::ZERO, |origin| origin.elapsed()), TICK);
            }
            thread::park_timeout(POLL);
        }
    }

    /// Reads the log once more, now that the start is known to the nanosecond.
    fn count_again(&mut self) -> io::Result<(FortioDocument, u64)> {
        let text = fs::read_to_string(self.folder.file("result"))?;
        let document = FortioDocument::read(&text).map_err(io::Error::other)?;
        let origin = document.start().ok_or_else(|| io::Error::other("the result has no start time"))?;
        self.run.restart();
        let mut reader = Reader::new(BufReader::new(File::open(self.folder.file("access"))?));
        reader.read_into(&mut self.run, Origin::At(origin))?;
        Ok((document, origin))
    }
}

/// Adds what only fortio's own file tells: exact histograms, sizes, sockets.
fn complete(result: &mut LoadResult, document: FortioDocument) {
    let FortioDocument { common, part, .. } = document;
    let (offset, unit) = (result.plan.buckets.offset.as_secs_f64(), result.plan.buckets.resolution);
    result.external = Some(ExternalTool { name: "fortio".to_owned(), version: common.version });
    result.histograms.durations = common.duration_histogram.to_histogram(offset, unit);
    result.histograms.error_durations = common.errors_duration_histogram.to_histogram(offset, unit);
    match part {
        Part::Http(http) => {
            result.connects = http.connection_stats.to_histogram(offset, unit);
            result.histograms.sizes = http.sizes.to_histogram(0.0, SIZE_UNIT);
            result.histograms.head_sizes = http.header_sizes.to_histogram(0.0, HEAD_SIZE_UNIT);
            result.sockets = http.sockets;
            result.addresses = http.ip_count_map;
        }
        Part::Tcp(tcp) => {
            result.sockets = vec![tcp.socket_count];
            result.bytes.sent = tcp.bytes_sent;
            result.bytes.received = tcp.bytes_received;
        }
    }
}

/// The last line that fortio wrote, or the error that kept us from reading its result.
fn complaint(folder: &Folder, error: &io::Error) -> String {
    let text = fs::read(folder.file("stderr")).unwrap_or_default();
    let text = String::from_utf8_lossy(&text).into_owned();
    let last = text.lines().rev().find(|line| !line.trim().is_empty());
    last.map_or_else(|| format!("fortio gave no result: {error}"), |line| format!("fortio: {line}"))
}

/// The instant of a moment in nanoseconds since 1970; now, if it lies ahead.
fn instant(moment: u64) -> Instant {
    let ago =
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().saturating_sub(Duration::from_nanos(moment));
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
