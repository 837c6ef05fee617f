//! The runner and its settings.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use chaos_core::{
    ActiveSignal, ActiveWatch, BoxFuture, Clock, ContextParts, Events, FAULTS, HostPattern, Hosts, Journal, PROBES,
    Policy, RealClock, Resolve, RunContext, StateDir, SystemResolver, TRIGGERS, Task, UNDO_STEPS,
};
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::admission::Resources;
use crate::dry_run::{DryRun, dry_run};
use crate::recover::recover_async;
use crate::report::Report;
use crate::run::{Port, Run, Start, run};
use crate::{RunHandle, RunnerError, Verifier};

/// How long a trigger may take beyond its own least time.
const TRIGGER_TIMEOUT: Duration = Duration::from_hours(1);

/// Makes the runtime of a run.
type MakeRuntime = Arc<dyn Fn() -> std::io::Result<Runtime> + Send + Sync>;
/// Makes the clock of a run, inside its runtime.
type MakeClock = Arc<dyn Fn() -> Arc<dyn Clock> + Send + Sync>;

/// Where a run's time comes from: its runtime and its clock, made on the engine's own thread.
#[derive(Clone)]
pub struct TimeSource {
    runtime: MakeRuntime,
    clock: MakeClock,
}

impl TimeSource {
    /// Time of a runtime and a clock of the caller's, as a test under virtual time makes them.
    pub fn new(
        runtime: impl Fn() -> std::io::Result<Runtime> + Send + Sync + 'static,
        clock: impl Fn() -> Arc<dyn Clock> + Send + Sync + 'static,
    ) -> Self {
        Self { runtime: Arc::new(runtime), clock: Arc::new(clock) }
    }
}

impl Default for TimeSource {
    fn default() -> Self {
        // Two workers, so that a plug-in that blocks one cannot stop the brake.
        let runtime = || {
            let mut builder = tokio::runtime::Builder::new_multi_thread();
            builder.worker_threads(2).thread_name("squall-engine").enable_all().build()
        };
        Self::new(runtime, || Arc::new(RealClock::new()))
    }
}

impl fmt::Debug for TimeSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TimeSource")
    }
}

/// Settings of a [`Runner`].
#[derive(Debug)]
pub struct RunnerBuilder {
    policy: Policy,
    accept_policy: bool,
    state: Option<StateDir>,
    env: HashMap<String, String>,
    workspace: PathBuf,
    seed: Option<u64>,
    sham: bool,
    verifier: Option<Arc<dyn Verifier>>,
    resolver: Arc<dyn Resolve>,
    trigger_timeout: Duration,
    time: TimeSource,
    executable: String,
}

/// Runs tasks. Cheap to clone; each run has a thread, a journal and a context of its own.
#[derive(Debug, Clone)]
pub struct Runner {
    set: Arc<RunnerBuilder>,
    /// The only hosts of a session.
    only_hosts: Option<Vec<HostPattern>>,
    /// The settings' environment, without what a session hides.
    env: Arc<HashMap<String, String>>,
}

impl RunnerBuilder {
    /// What the operator allows. Default: [`Policy::default`].
    #[must_use]
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// Grants what the document's own policy asks for.
    #[must_use]
    pub fn accept_policy(mut self) -> Self {
        self.accept_policy = true;
        self
    }

    /// Where journals are. Default: found through `XDG_STATE_HOME` and `HOME` of [`RunnerBuilder::env`].
    #[must_use]
    pub fn state_dir(mut self, state: StateDir) -> Self {
        self.state = Some(state);
        self
    }

    /// Environment that plug-ins and the state directory read. Default: this process's.
    #[must_use]
    pub fn env(mut self, env: HashMap<String, String>) -> Self {
        self.env = env;
        self
    }

    /// Folder for files that plug-ins leave on purpose. Default: the current folder.
    #[must_use]
    pub fn workspace(mut self, folder: impl Into<PathBuf>) -> Self {
        self.workspace = folder.into();
        self
    }

    /// Seed of every random choice. Default: the document's, else one from the clock (it is in the report).
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Skips effects and keeps every look; such a run never passes.
    #[must_use]
    pub fn sham(mut self, sham: bool) -> Self {
        self.sham = sham;
        self
    }

    /// Answers `verify` names before the task's own checks do.
    #[must_use]
    pub fn verifier(mut self, verifier: Arc<dyn Verifier>) -> Self {
        self.verifier = Some(verifier);
        self
    }

    /// Turns names into addresses. Default: the system's resolver.
    #[must_use]
    pub fn resolver(mut self, resolver: Arc<dyn Resolve>) -> Self {
        self.resolver = resolver;
        self
    }

    /// How long a trigger may take beyond its own least time. Default: an hour.
    #[must_use]
    pub fn trigger_timeout(mut self, limit: Duration) -> Self {
        self.trigger_timeout = limit;
        self
    }

    /// Where time comes from. Default: real time on two engine threads.
    #[must_use]
    pub fn time(mut self, time: TimeSource) -> Self {
        self.time = time;
        self
    }

    /// The runner.
    ///
    /// # Errors
    /// [`RunnerError::Registry`] when two plug-ins claim one name.
    pub fn build(self) -> Result<Runner, RunnerError> {
        FAULTS.check()?;
        TRIGGERS.check()?;
        PROBES.check()?;
        UNDO_STEPS.check()?;
        Ok(Runner { only_hosts: None, env: Arc::new(self.env.clone()), set: Arc::new(self) })
    }
}

impl Runner {
    /// Default settings.
    pub fn builder() -> RunnerBuilder {
        let executable = std::env::current_exe().map(|path| path.display().to_string());
        RunnerBuilder {
            policy: Policy::default(),
            accept_policy: false,
            state: None,
            env: std::env::vars_os()
                .filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)))
                .collect(),
            workspace: PathBuf::from("."),
            seed: None,
            sham: false,
            verifier: None,
            resolver: Arc::new(SystemResolver),
            trigger_timeout: TRIGGER_TIMEOUT,
            time: TimeSource::default(),
            executable: executable.unwrap_or_else(|_| "squall".to_owned()),
        }
    }

    /// Starts a task in the background, on a thread of the engine's own.
    ///
    /// # Errors
    /// [`RunnerError`] when the journal or the thread can't be made; nothing was injected then.
    pub fn start(&self, task: Task) -> Result<RunHandle, RunnerError> {
        let (actives, watches) = task.entries.iter().map(|_| ActiveSignal::new()).unzip();
        self.launch(task, watches, |shared, start, cx| Box::pin(run(shared, Start { actives, ..start }, cx)))
    }

    /// Makes a run on a thread of its own and does `work` in it.
    pub(crate) fn launch<T: Send + 'static>(
        &self,
        task: Task,
        watches: Vec<ActiveWatch>,
        work: impl FnOnce(Arc<Run>, Start, RunContext) -> BoxFuture<'static, T> + Send + 'static,
    ) -> Result<RunHandle<T>, RunnerError> {
        let cancel = CancellationToken::new();
        let (started_tx, started) = std::sync::mpsc::channel();
        let (report_tx, report) = tokio::sync::oneshot::channel();
        let (runner, token) = (self.clone(), cancel.clone());
        let engine = std::thread::Builder::new().name("squall-run".to_owned()).spawn(move || {
            runner.on_engine_thread(task, token, work, &started_tx, report_tx);
        });
        let engine = engine.map_err(RunnerError::Start)?;
        let events = started.recv().map_err(|_| RunnerError::Died)??;
        Ok(RunHandle::new(events, watches, cancel, report, engine))
    }

    /// This runner, confined to some hosts, whose plug-ins don't see some variables.
    pub(crate) fn confined(&self, hosts: Vec<HostPattern>, hidden: &[&str]) -> Self {
        let mut env = self.set.env.clone();
        env.retain(|name, _| !hidden.contains(&name.as_str()));
        Self { set: Arc::clone(&self.set), only_hosts: Some(hosts), env: Arc::new(env) }
    }

    /// Runs a task to its end; blocks. From async code, [`Runner::start`] and await the handle instead.
    pub fn run(&self, task: Task) -> Result<Report, RunnerError> {
        self.start(task)?.wait_blocking()
    }

    fn on_engine_thread<T>(
        &self,
        task: Task,
        cancel: CancellationToken,
        work: impl FnOnce(Arc<Run>, Start, RunContext) -> BoxFuture<'static, T>,
        started: &std::sync::mpsc::Sender<Result<chaos_core::EventStream, RunnerError>>,
        report: tokio::sync::oneshot::Sender<T>,
    ) {
        let runtime = match (self.set.time.runtime)() {
            Ok(runtime) => runtime,
            Err(error) => return drop(started.send(Err(RunnerError::Start(error)))),
        };
        let done = runtime.block_on(async {
            match self.prepare(task, cancel).await {
                Ok((shared, start, cx)) => {
                    // Whoever started the run may have given up on it; it goes on to its end all the same.
                    let _ = started.send(Ok(cx.events().subscribe()));
                    Some(work(shared, start, cx).await)
                }
                Err(error) => {
                    let _ = started.send(Err(error));
                    None
                }
            }
        });
        // A blocking task that never ends must not keep the report back.
        runtime.shutdown_timeout(Duration::from_secs(1));
        if let Some(done) = done {
            let _ = report.send(done);
        }
    }

    /// Recovers dead runs, then makes the journal and the context of this one.
    async fn prepare(
        &self,
        mut task: Task,
        cancel: CancellationToken,
    ) -> Result<(Arc<Run>, Start, RunContext), RunnerError> {
        let clock = (self.set.time.clock)();
        let state = self.state_dir()?;
        state.prepare()?;
        let recovered = recover_async(&state, &clock).await?;
        let run_id = run_id(&clock);
        let journal = Journal::create(&state, &run_id, &self.set.executable)?;
        let seed = self.set.seed.or(task.seed).unwrap_or_else(|| seed_of(&clock));
        let shared = Arc::new(Run {
            checks: std::mem::take(&mut task.checks),
            verifier: self.set.verifier.clone(),
            journal: Arc::new(journal),
            resources: Resources::new(Some(state)),
            trigger_timeout: self.set.trigger_timeout,
            sham: self.set.sham,
            stop_new: watch::channel(None).0,
        });
        let engine: Arc<dyn chaos_core::Engine> = Arc::new(Port(Arc::clone(&shared)));
        let cx = self.context(&task, clock, run_id, seed, Some(engine), cancel);
        Ok((shared, Start { task, actives: Vec::new(), recovered, seed }, cx))
    }

    fn context(
        &self,
        task: &Task,
        clock: Arc<dyn Clock>,
        run_id: String,
        seed: u64,
        engine: Option<Arc<dyn chaos_core::Engine>>,
        cancel: CancellationToken,
    ) -> RunContext {
        let policy = &self.set.policy;
        let policy =
            if self.set.accept_policy { policy.accepting(&task.policy) } else { policy.narrowed(&task.policy) };
        let policy = self.state_dir().map_or(policy.clone(), |state| policy.never_implying(state.root()));
        let policy = match &self.only_hosts {
            Some(hosts) => policy.confined_to(hosts.clone()),
            None => policy,
        };
        let parts = ContextParts {
            run_id,
            seed,
            events: Events::new(Arc::clone(&clock)),
            clock,
            policy: Arc::new(policy),
            hosts: Hosts::new(Arc::clone(&self.set.resolver)),
            env: Arc::clone(&self.env),
            workspace: self.set.workspace.clone(),
            engine,
        };
        RunContext::new(parts, cancel)
    }

    fn state_dir(&self) -> Result<StateDir, RunnerError> {
        match &self.set.state {
            Some(state) => Ok(state.clone()),
            None => Ok(StateDir::locate(|name| self.set.env.get(name).cloned())?),
        }
    }

    /// What a task would touch; looks, touches nothing. Blocks.
    ///
    /// # Errors
    /// [`RunnerError::Start`] when no runtime can be made.
    pub fn dry_run(&self, task: Task) -> Result<DryRun, RunnerError> {
        let runner = self.clone();
        let work = std::thread::spawn(move || {
            let runtime = (runner.set.time.runtime)().map_err(RunnerError::Start)?;
            Ok(runtime.block_on(async {
                let clock = (runner.set.time.clock)();
                let seed = runner.set.seed.or(task.seed).unwrap_or_default();
                let run_id = "dry-run".to_owned();
                let cx = runner.context(&task, clock, run_id, seed, None, CancellationToken::new());
                dry_run(&task, &cx).await
            }))
        });
        work.join().unwrap_or(Err(RunnerError::Died))
    }
}

/// A seed that a document can hold: JSON counts whole numbers exactly up to 2^53 - 1.
fn seed_of(clock: &Arc<dyn Clock>) -> u64 {
    const EXACT: u128 = (1 << 53) - 1;
    let nanos = clock.wall().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    u64::try_from(nanos & EXACT).unwrap_or_default()
}

/// Sorts by time and is unique on this machine: Unix milliseconds, process id, and a count within the process.
fn run_id(clock: &Arc<dyn Clock>) -> String {
    static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let count = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let millis = clock.wall().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    format!("{millis:013}-{}-{count}", std::process::id())
}
