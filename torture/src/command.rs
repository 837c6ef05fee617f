//! One run of the command: its streams, its deadline, and how it ended.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use chaos_core::{Clock, PluginError, RunContext};
use chaos_probes::{Argv, StartedProgram};
use serde::{Deserialize, Serialize};

use crate::lines::pass;
use crate::member::CommandMember;
use crate::part_list::{CommandPart, Parts};
use crate::parts::PartsFormat;

/// How long a command that is asked to end may take before it is killed: test runners clean up.
const END_GRACE: Duration = Duration::from_secs(3);
/// How often it is looked whether the last of its output has been passed on.
const LOOK: Duration = Duration::from_millis(10);
/// For how many looks its streams may stay open without anything to read; a process that could not be killed may hold them.
const QUIET_LOOKS: u32 = 100;

/// Where the standard output of the command goes; its standard error goes to ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommandDestination {
    /// To our standard output.
    Stdout,
    /// To our standard error, since our standard output holds something else.
    Stderr,
}

/// How the command ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "how", rename_all = "snake_case")]
pub enum CommandEnd {
    /// It exited.
    Exited {
        /// With this code.
        code: i32,
    },
    /// A signal ended it.
    Signalled {
        /// This one.
        signal: i32,
    },
    /// It did not end before its deadline, and was killed.
    TimedOut,
    /// It was ended because the run was.
    Interrupted,
    /// It could not be started or waited for.
    NotStarted {
        /// Why.
        why: String,
    },
}

impl CommandEnd {
    /// Whether it exited with 0.
    pub fn is_pass(&self) -> bool {
        *self == Self::Exited { code: 0 }
    }

    /// The exit code that a shell would give: 128 and the signal, 124 for a deadline as `timeout` does, 127 for a program that
    /// can't be started.
    pub fn code(&self) -> i32 {
        match self {
            Self::Exited { code } => *code,
            Self::Signalled { signal } => 128 + signal,
            Self::TimedOut => 124,
            Self::Interrupted => 130,
            Self::NotStarted { .. } => 127,
        }
    }

    /// One clause.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Exited { code: 0 } => "passed".to_owned(),
            Self::Exited { code } => format!("failed with exit code {code}"),
            Self::Signalled { signal } => format!("was ended by signal {signal}"),
            Self::TimedOut => "did not end before its deadline".to_owned(),
            Self::Interrupted => "was interrupted".to_owned(),
            Self::NotStarted { why } => why.clone(),
        }
    }
}

/// One run of the command.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CommandRun {
    /// When it was started, in seconds since the run of the engine began.
    pub began_seconds: f64,
    /// When it had ended.
    pub ended_seconds: f64,
    /// How it ended.
    pub end: CommandEnd,
    /// The tests that its output names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<CommandPart>,
}

impl CommandRun {
    /// How long it took.
    pub(crate) fn seconds(&self) -> f64 {
        self.ended_seconds - self.began_seconds
    }
}

/// Seconds since the run of the engine began, as its events count them.
#[derive(Debug, Clone)]
pub(crate) struct RunTime {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) begun: Duration,
}

impl RunTime {
    pub(crate) fn now(&self) -> f64 {
        self.clock.now().saturating_sub(self.begun).as_secs_f64()
    }
}

/// How the command is run.
#[derive(Debug)]
pub(crate) struct Command<'a> {
    pub(crate) argv: &'a Argv,
    pub(crate) deadline: Duration,
    pub(crate) destination: CommandDestination,
    pub(crate) format: PartsFormat,
    pub(crate) member: &'a CommandMember,
    pub(crate) time: &'a RunTime,
}

/// Reads the streams of a command, each on a thread of its own: whoever reads ours may be slow.
struct Readers {
    threads: Vec<JoinHandle<()>>,
    is_writing: [Arc<AtomicBool>; 2],
    parts: Arc<Mutex<Parts>>,
}

impl Command<'_> {
    /// Runs it once, with these variables beside those of the run. Whatever it started is gone when this returns.
    pub(crate) async fn run(&self, env: &BTreeMap<String, String>, cx: &RunContext) -> CommandRun {
        let began_seconds = self.time.now();
        let (end, ended_seconds, parts) = match self.to_its_end(env, cx).await {
            Ok(ended) => ended,
            Err(PluginError::Cancelled) => (CommandEnd::Interrupted, self.time.now(), Vec::new()),
            Err(error) => (CommandEnd::NotStarted { why: error.to_string() }, self.time.now(), Vec::new()),
        };
        self.member.has_ended();
        CommandRun { began_seconds, ended_seconds, end, parts }
    }

    async fn to_its_end(
        &self,
        env: &BTreeMap<String, String>,
        cx: &RunContext,
    ) -> Result<(CommandEnd, f64, Vec<CommandPart>), PluginError> {
        let io = |error: io::Error| PluginError::io(&format!("run `{}`", self.argv.program()), &error);
        let mut env = env.clone();
        let streams = if self.format == PartsFormat::None {
            self.ours().map_err(io)?
        } else {
            env.extend(self.for_a_pipe(cx));
            [Stdio::piped(), Stdio::piped()]
        };
        let mut program = StartedProgram::start(self.argv, &env, cx, streams).await?;
        self.member.runs(program.pid(), program.mark().clone());
        let readers = self.readers(&mut program).map_err(io)?;
        let ended = tokio::select! {
            biased;
            () = cx.cancelled() => Some(CommandEnd::Interrupted),
            ended = program.ended() => ended.map(|()| None).map_err(io)?,
            () = cx.clock().sleep(self.deadline) => Some(CommandEnd::TimedOut),
        };
        if ended.is_some() {
            program.ask_to_end();
            let _ = cx.clock().timeout(END_GRACE, program.ended()).await;
        }
        let ended_seconds = self.time.now();
        let status = program.collect().await.map_err(io)?;
        let parts = readers.finish(cx).await;
        Ok((ended.unwrap_or_else(|| of(status)), ended_seconds, parts))
    }

    /// Our own streams, so that a terminal stays one.
    fn ours(&self) -> io::Result<[Stdio; 2]> {
        let stdout = match self.destination {
            CommandDestination::Stdout => io::stdout().as_fd().try_clone_to_owned()?,
            CommandDestination::Stderr => io::stderr().as_fd().try_clone_to_owned()?,
        };
        Ok([stdout.into(), io::stderr().as_fd().try_clone_to_owned()?.into()])
    }

    /// Test runners print at once, and in colour where we are on a terminal, although they see a pipe.
    fn for_a_pipe(&self, cx: &RunContext) -> BTreeMap<String, String> {
        let inherited = cx.environment();
        let is_terminal = match self.destination {
            CommandDestination::Stdout => io::stdout().is_terminal(),
            CommandDestination::Stderr => io::stderr().is_terminal(),
        };
        let colours =
            [("FORCE_COLOR", "1"), ("CLICOLOR_FORCE", "1"), ("CARGO_TERM_COLOR", "always"), ("PY_COLORS", "1")];
        let colours = colours.into_iter().filter(|_| is_terminal && !inherited.contains_key("NO_COLOR"));
        let all = colours.chain([("PYTHONUNBUFFERED", "1")]);
        all.filter(|(name, _)| !inherited.contains_key(*name)).map(|(n, v)| (n.to_owned(), v.to_owned())).collect()
    }

    fn readers(&self, program: &mut StartedProgram) -> io::Result<Readers> {
        let is_writing: [Arc<AtomicBool>; 2] = Default::default();
        let mut readers = Readers { threads: Vec::new(), is_writing, parts: Arc::default() };
        let (out, err) = program.take_streams();
        let out = out.map(tokio::process::ChildStdout::into_owned_fd).transpose()?;
        let err = err.map(tokio::process::ChildStderr::into_owned_fd).transpose()?;
        let our_out: Box<dyn Write + Send> = match self.destination {
            CommandDestination::Stdout => Box::new(io::stdout()),
            CommandDestination::Stderr => Box::new(io::stderr()),
        };
        if let Some(out) = out {
            self.read(&mut readers, 0, out, our_out)?;
        }
        if let Some(err) = err {
            self.read(&mut readers, 1, err, Box::new(io::stderr()))?;
        }
        Ok(readers)
    }

    fn read(&self, readers: &mut Readers, at: usize, from: OwnedFd, to: Box<dyn Write + Send>) -> io::Result<()> {
        let (format, time, parts) = (self.format, self.time.clone(), Arc::clone(&readers.parts));
        let is_writing = Arc::clone(&readers.is_writing[at]);
        let thread = std::thread::Builder::new().name("squall-command".to_owned()).spawn(move || {
            pass(
                File::from(from),
                to,
                &is_writing,
                || time.now(),
                |line| {
                    format.read(&line, &mut parts.lock().unwrap_or_else(PoisonError::into_inner));
                },
            );
        });
        readers.threads.push(thread?);
        Ok(())
    }
}

impl Readers {
    /// Waits until the last of the output is passed on; given up where the streams stay open although nothing comes, and where
    /// the run is interrupted while nobody reads what is passed on.
    async fn finish(self, cx: &RunContext) -> Vec<CommandPart> {
        let mut quiet = 0;
        while quiet < QUIET_LOOKS && !self.threads.iter().all(JoinHandle::is_finished) {
            let is_writing = self.is_writing.iter().any(|one| one.load(Ordering::Relaxed));
            let waits = is_writing && !cx.cancel_token().is_cancelled();
            quiet = if waits { 0 } else { quiet + 1 };
            cx.clock().sleep(LOOK).await;
        }
        std::mem::take(&mut *self.parts.lock().unwrap_or_else(PoisonError::into_inner)).finish()
    }
}

fn of(status: ExitStatus) -> CommandEnd {
    match (status.code(), status.signal()) {
        (Some(code), _) => CommandEnd::Exited { code },
        (None, Some(signal)) => CommandEnd::Signalled { signal },
        (None, None) => CommandEnd::NotStarted { why: status.to_string() },
    }
}
