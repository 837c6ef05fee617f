//! Runs a `fortio load` command line from its words to its exit code.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chaos_load::{Canceller, LoadResult, Observer, RequestSink, Running, Warmup, WarmupFailure, start_observed};

use crate::access_log::AccessLog;
use crate::args::{AccessLogArgs, FortioCommand, parse};
use crate::document::FortioDocument;
use crate::events;
use crate::log::{Level, Log};
use crate::refusal::FortioArgError;
use crate::text;

/// Exit code of a process that SIGINT ended.
const KILLED_BY_INTERRUPT: u8 = 130;

/// Events that may wait to be written; more than that are counted and left out.
const EVENTS: usize = 4096;

/// Time between two checks for a second interrupt.
const POLL: Duration = Duration::from_millis(100);

/// Asks a command to stop, from another thread: once for a partial result, as
/// SIGINT does for fortio; twice to give up.
#[derive(Debug, Clone, Default)]
pub struct Interrupt(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    asked: AtomicUsize,
    running: Mutex<Option<Canceller>>,
}

impl Interrupt {
    /// Makes one that is not triggered yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks the command to stop.
    pub fn trigger(&self) {
        self.0.asked.fetch_add(1, Ordering::SeqCst);
        if let Some(running) = self.0.running.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
            running.cancel();
        }
    }

    fn attach(&self, running: Canceller) {
        let mut slot = self.0.running.lock().unwrap_or_else(PoisonError::into_inner);
        if self.0.asked.load(Ordering::SeqCst) > 0 {
            running.cancel();
        }
        *slot = Some(running);
    }
}

/// Runs the words after `fortio`, with SIGINT giving a partial result, and
/// gives the exit code. It blocks for the length of the run; result files go
/// where the flags say, `-json -` to `stdout`, all text to `stderr`.
pub fn run(argv: &[String], stdout: &mut (dyn Write + Send), stderr: &mut (dyn Write + Send)) -> u8 {
    let interrupt = Interrupt::new();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let (listens, is_up) = sync_channel::<()>(0);
    let listener = interrupt.clone();
    let listening =
        std::thread::Builder::new().name("load-signal".to_owned()).spawn(move || listen(&listener, stopped, listens));
    // Nothing is sent: it is dropped when signals are heard, or never will be. One before that would end the process.
    let _ = is_up.recv();
    let code = run_with(argv, stdout, stderr, &interrupt);
    drop(stop);
    if let Ok(listening) = listening {
        // The listener ends with its channel; a panic in it changes no result.
        let _ = listening.join();
    }
    code
}

/// Turns signals into triggers until the run is over. A second SIGINT ends the process. `listens` is dropped as soon as they are heard.
fn listen(interrupt: &Interrupt, mut stopped: tokio::sync::oneshot::Receiver<()>, listens: SyncSender<()>) {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
        return;
    };
    runtime.block_on(async {
        let Ok(mut signals) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt()) else {
            return;
        };
        drop(listens);
        loop {
            tokio::select! {
                _ = &mut stopped => return,
                Some(()) = signals.recv() => interrupt.trigger(),
                else => return,
            }
        }
    });
}

/// Runs the words after `fortio` as [`run`] does, but listens to no signal.
pub fn run_with(
    argv: &[String],
    stdout: &mut (dyn Write + Send),
    stderr: &mut (dyn Write + Send),
    interrupt: &Interrupt,
) -> u8 {
    let command = match parse(argv) {
        Ok(command) => command,
        // Help that was asked for before any command is data, as of fortio's own `help`.
        Err(help @ FortioArgError::Help) if argv.first().is_none_or(|word| word != "load") => {
            return refuse(&help, stdout);
        }
        Err(error) => return refuse(&error, stderr),
    };
    let mut log = Log::new(stderr, command.level);
    // A closed standard error must not lose the run's result.
    execute(&command, stdout, &mut log, interrupt).unwrap_or(1)
}

fn refuse(error: &FortioArgError, stderr: &mut dyn Write) -> u8 {
    let _ = writeln!(stderr, "{error}");
    error.exit_code()
}

fn execute(
    command: &FortioCommand,
    stdout: &mut dyn Write,
    log: &mut Log<'_>,
    interrupt: &Interrupt,
) -> io::Result<u8> {
    text::before(log, command)?;
    let (access, access_info) = match &command.access_log {
        None => (None, String::new()),
        Some(AccessLogArgs { path, influx }) => match AccessLog::open(Path::new(path), *influx) {
            Ok(log) => (Some(Arc::new(log)), format!("mode {} to {path}", if *influx { "influx" } else { "json" })),
            Err(error) => {
                log.line(Level::Error, &format!("Unable to open access log {path}: {error}"), &[])?;
                return Ok(1);
            }
        },
    };
    let (events, received) = sync_channel(EVENTS);
    let mut observer = Observer::default();
    observer.events = Some(events);
    observer.calls = access.clone().map(|access| access as Arc<dyn RequestSink>);
    let lost = observer.lost.clone();
    let running = match start_observed(command.load.clone(), &observer) {
        Ok(running) => running,
        Err(error) => {
            writeln!(log.out, "Aborting because of {error}")?;
            return Ok(1);
        }
    };
    drop(observer);
    interrupt.attach(running.canceller());
    loop {
        match received.recv_timeout(POLL) {
            Ok(event) => events::tell(log, command, &access_info, &event)?,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        if interrupt.0.asked.load(Ordering::SeqCst) > 1 {
            return Ok(KILLED_BY_INTERRUPT);
        }
    }
    let Some(result) = wait(running) else {
        return Ok(1);
    };
    if let Some(access) = access {
        access.flush()?;
    }
    match lost.load(Ordering::Relaxed) {
        0 => {}
        lost => {
            log.line(Level::Warning, &format!("{lost} log lines left out, as they would have slowed the run"), &[])?;
        }
    }
    if let Some(cold) = &result.warmup_failure {
        writeln!(log.out, "{}", abort_line(command, cold))?;
        return Ok(1);
    }
    let document = FortioDocument::reported(&result, &command.reporting, &access_info, Some(&command.target));
    text::after(log, &result, &document)?;
    text::done(log.out, &result, command)?;
    save(command, &document, stdout, log)
}

fn abort_line(command: &FortioCommand, cold: &WarmupFailure) -> String {
    let WarmupFailure { connection, code, size, .. } = cold;
    let url = command.load.typed_url();
    if command.load.warmup == Warmup::Sequential {
        format!("Aborting because of error {code} for {url} ({size} body bytes), thread# {connection}")
    } else {
        format!("Aborting because of error {code} for {url} ({size} bytes)")
    }
}

/// Waits on a thread of its own, since a caller may be inside an async runtime.
fn wait(running: Running) -> Option<LoadResult> {
    std::thread::scope(|scope| scope.spawn(|| running.wait_blocking()).join().ok())
}

fn save(
    command: &FortioCommand,
    document: &FortioDocument,
    stdout: &mut dyn Write,
    log: &mut Log<'_>,
) -> io::Result<u8> {
    let path = match (&command.json, command.save) {
        (Some(path), _) => PathBuf::from(path),
        (None, true) => command.data_dir.join(format!("{}.json", document.common.id)),
        (None, false) => return Ok(0),
    };
    let content = document.to_text().map_err(io::Error::other)?;
    let (written, name) = if path.as_os_str() == "-" {
        (stdout.write_all(content.as_bytes()).and_then(|()| stdout.flush()), "stdout".to_owned())
    } else {
        let written = File::create(&path).and_then(|mut file| file.write_all(content.as_bytes()));
        (written, path.display().to_string())
    };
    if let Err(error) = written {
        log.line(Level::Fatal, &format!("Unable to create {name}: {error}"), &[])?;
        return Ok(2);
    }
    writeln!(log.out, "Successfully wrote {} bytes of Json data to {name}", content.len())?;
    Ok(0)
}
