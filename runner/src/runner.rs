//! The runner and its settings.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chaos_core::{
    BoxFuture, Check, Clock, Confinement, ContextParts, ControlOrder, Events, FAULTS, Hosts, Journal, NODES, PROBES,
    Policy, PolicyRequest, Redactor, Resolve, RunScope, RunSteps, Secret, SecretMasking, StateDir, SystemResolver,
    TRIGGERS, Task, UNDO_STEPS, is_api_key,
};
use tokio::sync::{oneshot, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

use crate::beats::beats;
use crate::control::{EntryControl, RunControl};
use crate::control_server::ControlServer;
use crate::dead_folders;
use crate::dry_run::{DryRun, dry_run};
use crate::entry::Entry;
use crate::errors::RunnerError;
use crate::guardian::{Guardian, GuardianSlot, Keeper};
use crate::handle::{RunHandle, Started};
use crate::hold_time::hold_to_the_ceiling;
use crate::plug_in_threads::PlugInThreads;
use crate::recover::{RecoverReport, recover_on};
use crate::report::Report;
use crate::resources::Resources;
use crate::run_effects::RunEffects;
use crate::session::{Driven, Session, SessionEnd, SessionPlan};
use crate::shared::Shared;
use crate::step_threads::StepThreads;
use crate::task_run::{Drive, NodeHold, TaskRun};
use crate::time_source::TimeSource;
use crate::verify::Verifier;

/// How long a trigger may take beyond its own least time.
const TRIGGER_TIMEOUT: Duration = Duration::from_hours(1);

/// How long a step of recovery may go on once the runner is stopped.
const STOPPING: Duration = Duration::from_secs(1);

/// Settings of a [`Runner`].
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a setting of its own")]
pub struct RunnerBuilder {
    policy: Policy,
    accept_policy: bool,
    state: Option<StateDir>,
    env: HashMap<String, String>,
    workspace: PathBuf,
    redactor: Redactor,
    seed: Option<u64>,
    sham: bool,
    hold_until_released: bool,
    control_order: ControlOrder,
    control_socket: bool,
    verifier: Option<Arc<dyn Verifier>>,
    resolver: Arc<dyn Resolve>,
    trigger_timeout: Duration,
    time: TimeSource,
    executable: String,
    guardian: Option<Guardian>,
    announced: Vec<String>,
}

/// Runs tasks. Cheap to clone; each run has a thread, a journal and a context of its own.
#[derive(Debug, Clone)]
pub struct Runner {
    set: Arc<RunnerBuilder>,
    /// The only hosts of a session.
    only_hosts: Option<Confinement>,
    /// The settings' environment, without what a session hides.
    env: Arc<HashMap<String, String>>,
    /// Ends every run of this runner, also one that is about to begin.
    stop: CancellationToken,
}

/// What a run is made with, of its document.
#[derive(Debug, Default)]
struct Setup {
    policy: PolicyRequest,
    seed: Option<u64>,
    checks: BTreeMap<String, Check>,
}

/// A session that can begin.
struct Ready {
    session: Session,
    seed: u64,
    recovered: RecoverReport,
    socket: Option<ControlServer>,
    no_socket: Option<String>,
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

    /// Masks secrets in the files that plug-ins keep there. Events and report are the caller's to mask.
    #[must_use]
    pub fn redactor(mut self, redactor: Redactor) -> Self {
        self.redactor = redactor;
        self
    }

    /// Seed of every random choice. Default: the document's, else one from the clock (it is in the report).
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Skips effects and keeps every check; such a run never passes.
    #[must_use]
    pub fn sham(mut self, sham: bool) -> Self {
        self.sham = sham;
        self
    }

    /// Holds a sustained fault without a duration of its own until it is released, for as long as the policy allows.
    #[must_use]
    pub fn hold_until_released(mut self, hold: bool) -> Self {
        self.hold_until_released = hold;
        self
    }

    /// When the control leg of an entry with `control: true` comes. Default: before the fault.
    #[must_use]
    pub fn control_order(mut self, order: ControlOrder) -> Self {
        self.control_order = order;
        self
    }

    /// Whether runs have a control socket in the state directory. Default: yes, under real time.
    #[must_use]
    pub fn control_socket(mut self, socket: bool) -> Self {
        self.control_socket = socket;
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

    /// Who undoes its runs when this process is killed, stopped or hangs. Default: [`Guardian::default`].
    #[must_use]
    pub fn guardian(mut self, guardian: Guardian) -> Self {
        self.guardian = Some(guardian);
        self
    }

    /// Says this on the stream of each run as it begins; may be given several times.
    #[must_use]
    pub fn announce(mut self, note: impl Into<String>) -> Self {
        self.announced.push(note.into());
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
        NODES.check()?;
        UNDO_STEPS.check()?;
        let (env, stop) = (Arc::new(self.env.clone()), CancellationToken::new());
        Ok(Runner { only_hosts: None, env, stop, set: Arc::new(self) })
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
            redactor: Redactor::default(),
            seed: None,
            sham: false,
            hold_until_released: false,
            control_order: ControlOrder::default(),
            control_socket: true,
            verifier: None,
            resolver: Arc::new(SystemResolver),
            trigger_timeout: TRIGGER_TIMEOUT,
            time: TimeSource::default(),
            executable: executable.unwrap_or_else(|_| "squall".to_owned()),
            guardian: None,
            announced: Vec::new(),
        }
    }

    /// Starts a task in the background, on a thread of the engine's own: a session that starts all its entries.
    ///
    /// # Errors
    /// [`RunnerError`] when the journal or the thread can't be made; nothing was injected then.
    pub fn start(&self, task: Task) -> Result<RunHandle, RunnerError> {
        self.begin(task, None, None)
    }

    /// Starts the nodes of a task and looks at its steady state, then does `work` in place of its entries, in the background;
    /// afterwards it looks at the steady state again and stops the nodes. `work` asks the session for entries until it is done.
    ///
    /// # Errors
    /// [`RunnerError`] when the journal or the thread can't be made; nothing was started then.
    pub fn drive<W>(&self, task: Task, work: W) -> Result<RunHandle, RunnerError>
    where
        W: FnOnce(Session) -> BoxFuture<'static, Driven> + Send + 'static,
    {
        let task = Task { entries: Vec::new(), positions: Vec::new(), ..task };
        self.begin(task, None, Some(Box::new(work)))
    }

    fn begin(&self, mut task: Task, hold: Option<NodeHold>, drive: Option<Drive>) -> Result<RunHandle, RunnerError> {
        let setup = Setup { policy: task.policy.clone(), seed: task.seed, checks: std::mem::take(&mut task.checks) };
        self.launch(setup, move |Ready { session, seed, recovered, .. }| {
            let mut run = TaskRun::new(session, task, seed, recovered);
            if let Some(hold) = hold {
                run.hold_nodes(hold);
            }
            if let Some(drive) = drive {
                run.drive(drive);
            }
            let entries = run.entries().iter().map(Entry::control).collect();
            (entries, Box::pin(run.run()))
        })
    }

    /// Starts the nodes of a task and holds them for ad-hoc work, in the background: its entries and its steady state are left
    /// out, and entries come through the control socket. It ends by [`RunControl::down`], by `limit`, or when it is cancelled.
    ///
    /// # Errors
    /// [`RunnerError`] when the journal or the thread can't be made; nothing was started then.
    pub fn up(&self, task: Task, limit: Option<Duration>) -> Result<RunHandle, RunnerError> {
        let task = Task { entries: Vec::new(), positions: Vec::new(), steady_state: Vec::new(), ..task };
        self.begin(task, Some(NodeHold { limit }), None)
    }

    /// Ends every run of this runner and of its clones early, from any thread: what is in force is undone, and what has not
    /// begun never does ([`RunnerError::Interrupted`]).
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// Runs a task to its end; blocks. From async code, [`Runner::start`] and await the handle instead.
    pub fn run(&self, task: Task) -> Result<Report, RunnerError> {
        self.start(task)?.wait_blocking()
    }

    /// Starts a session in the background, on a thread of the engine's own: `work` asks for entries until it is done.
    ///
    /// # Errors
    /// [`RunnerError`] when the journal or the thread can't be made; nothing was injected then.
    pub fn session<T, W>(&self, plan: SessionPlan, work: W) -> Result<RunHandle<SessionEnd<T>>, RunnerError>
    where
        T: Send + 'static,
        W: FnOnce(Session) -> BoxFuture<'static, T> + Send + 'static,
    {
        let SessionPlan { name, policy, confined_to, seed, hidden_env } = plan;
        let setup = Setup { policy, seed, ..Setup::default() };
        self.confined(confined_to, &hidden_env).launch(setup, move |Ready { session, seed, recovered, .. }| {
            (Vec::new(), Box::pin(session.work(name, seed, recovered, work)))
        })
    }

    /// Makes a run on a thread of its own; `begin` gives the entries that are known at once, and the work.
    fn launch<T: Send + 'static>(
        &self,
        setup: Setup,
        begin: impl FnOnce(Ready) -> (Vec<EntryControl>, BoxFuture<'static, T>) + Send + 'static,
    ) -> Result<RunHandle<T>, RunnerError> {
        let (started_tx, started) = std::sync::mpsc::channel();
        let (done_tx, done) = oneshot::channel();
        let runner = self.clone();
        let engine = std::thread::Builder::new().name("squall-run".to_owned()).spawn(move || {
            runner.on_engine_thread(setup, begin, &started_tx, done_tx);
        });
        let engine = engine.map_err(RunnerError::Start)?;
        let started = started.recv().map_err(|_| RunnerError::Died)??;
        Ok(RunHandle::new(started, done, engine))
    }

    fn on_engine_thread<T>(
        &self,
        setup: Setup,
        begin: impl FnOnce(Ready) -> (Vec<EntryControl>, BoxFuture<'static, T>),
        started: &std::sync::mpsc::Sender<Result<Started, RunnerError>>,
        done: oneshot::Sender<T>,
    ) {
        let runtime = match (self.set.time.runtime)() {
            Ok(runtime) => runtime,
            Err(error) => return drop(started.send(Err(RunnerError::Start(error)))),
        };
        let threads = match self.set.time.real.then(PlugInThreads::start).transpose() {
            Ok(threads) => threads,
            Err(error) => return drop(started.send(Err(RunnerError::Start(error)))),
        };
        let (plug_ins, kept) = threads.map_or_else(Default::default, |(plug_ins, kept)| (plug_ins, Some(kept)));
        let output = runtime.block_on(async {
            match self.prepare(setup, plug_ins).await {
                Ok(mut ready) => {
                    let session = ready.session.clone();
                    let socket = ready.socket.take();
                    let (run_id, events) = (session.cx().run_id().to_owned(), session.events());
                    let no_socket = ready.no_socket.take();
                    let (entries, work) = begin(ready);
                    // Whoever started the run may have given up on it; it goes on to its end all the same.
                    let _ = started.send(Ok(Started { run_id, events, entries, control: session.control() }));
                    for note in no_socket.iter().chain(&self.set.announced) {
                        session.cx().note(note);
                    }
                    drop(session);
                    let output = work.await;
                    if let Some(socket) = socket {
                        socket.close().await;
                    }
                    Some(output)
                }
                Err(error) => {
                    let _ = started.send(Err(error));
                    None
                }
            }
        });
        // Nothing that never ends may keep the report back.
        drop(kept);
        runtime.shutdown_timeout(Duration::from_secs(1));
        if let Some(output) = output {
            let _ = done.send(output);
        }
    }

    /// Recovers dead runs, then makes the journal and the session of this one.
    async fn prepare(&self, setup: Setup, plug_ins: PlugInThreads) -> Result<Ready, RunnerError> {
        let clock = (self.set.time.clock)();
        let state = self.state_dir()?;
        state.prepare()?;
        let recovered = self.recovered(&state, &clock, plug_ins.steps()).await?;
        dead_folders::collect(&state);
        let run_id = run_id(&clock);
        let journal = Journal::create(&state, &run_id, &self.set.executable, &self.set.workspace)?;
        let seed = self.set.seed.or(setup.seed).unwrap_or_else(|| seed_at(clock.wall()));
        let control = RunControl::new(self.stop.child_token());
        let scope = self.scope(&setup.policy, clock, run_id, seed, control.token().clone());
        let control = control.telling(scope.cx().services().get());
        let journal = Arc::new(journal);
        scope.cx().services().get::<RunSteps>().keep_in(Arc::clone(&journal));
        let guardian = match &self.set.guardian {
            // The guardian's time is real.
            _ if !self.set.time.real || self.set.sham => Guardian::None,
            Some(guardian) => guardian.clone(),
            None => Guardian::default(),
        };
        let guardian = GuardianSlot::new(guardian);
        if guardian.is_wanted() {
            journal.keep_by(Keeper(Arc::clone(&guardian)));
        }
        // A `finally` may still act after an interruption.
        let its = scope.apart(control.again().clone()).child("effects", None);
        let effects = RunEffects::new(its, Arc::clone(&journal), Arc::clone(&guardian), plug_ins.clone());
        let session = Session::new(Arc::new(Shared {
            scope,
            effects,
            checks: setup.checks,
            verifier: self.set.verifier.clone(),
            journal,
            resources: Resources::new(state.clone()),
            state: state.clone(),
            real_time: self.set.time.real,
            trigger_timeout: self.set.trigger_timeout,
            sham: self.set.sham,
            hold_until_released: self.set.hold_until_released,
            control_order: self.set.control_order,
            stop_new: watch::channel(None).0,
            tasks: TaskTracker::new(),
            control,
            plug_ins,
            guardian,
        }));
        if session.shared().guardian.is_wanted() {
            tokio::spawn(beats(Arc::downgrade(session.shared())));
        }
        let socket = (self.set.control_socket && self.set.time.real).then(|| ControlServer::open(&state, &session));
        let (socket, no_socket) = match socket.transpose() {
            Ok(socket) => (socket, None),
            Err(error) => (None, Some(format!("this run has no control socket: {error}"))),
        };
        Ok(Ready { session, seed, recovered, socket, no_socket })
    }

    /// What dead runs left behind. A runner that is stopped meanwhile leaves the rest of it, and its run still begins, to
    /// tell so: it injects nothing. On a task of its own, so that a disk which blocks its thread keeps nobody.
    async fn recovered(
        &self,
        state: &StateDir,
        clock: &Arc<dyn Clock>,
        threads: &StepThreads,
    ) -> Result<RecoverReport, RunnerError> {
        let (state, on, stop, threads) = (state.clone(), Arc::clone(clock), self.stop.clone(), threads.clone());
        let recovering = tokio::spawn(async move { recover_on(&threads, &state, &on, &stop).await });
        let stopped = async {
            self.stop.cancelled().await;
            clock.sleep(STOPPING).await;
        };
        tokio::select! {
            biased;
            recovered = AbortOnDropHandle::new(recovering) => Ok(recovered.map_err(|_| RunnerError::Died)??),
            () = stopped => Err(RunnerError::Interrupted),
        }
    }

    fn scope(
        &self,
        asked: &PolicyRequest,
        clock: Arc<dyn Clock>,
        run_id: String,
        seed: u64,
        cancel: CancellationToken,
    ) -> RunScope {
        let policy = &self.set.policy;
        let policy = if self.set.accept_policy { policy.accepting(asked) } else { policy.narrowed(asked) };
        let policy = self.state_dir().map_or(policy.clone(), |state| policy.never_implying(state.root()));
        let policy = match &self.only_hosts {
            Some(hosts) => policy.confined_to(hosts.clone()),
            None => policy,
        };
        let mut redactor = self.set.redactor.clone();
        for key in self.set.env.iter().filter(|(name, _)| is_api_key(name)).map(|(_, value)| Secret::new(value)) {
            // A short one is a dummy, as local servers take.
            if SecretMasking::of(&key) == SecretMasking::Everywhere {
                redactor.add(&key);
            }
        }
        let parts = ContextParts {
            run_id,
            seed,
            events: Events::new(Arc::clone(&clock)),
            clock,
            policy: Arc::new(policy),
            hosts: Hosts::new(Arc::clone(&self.set.resolver)),
            env: Arc::clone(&self.env),
            workspace: self.set.workspace.clone(),
            redactor,
        };
        RunScope::new(parts, cancel)
    }

    /// This runner, confined to some hosts, whose plug-ins don't see some variables.
    fn confined(&self, places: Confinement, hidden: &[&str]) -> Self {
        let mut env = self.set.env.clone();
        env.retain(|name, _| !hidden.contains(&name.as_str()));
        Self { only_hosts: Some(places), env: Arc::new(env), ..self.clone() }
    }

    fn state_dir(&self) -> Result<StateDir, RunnerError> {
        match &self.set.state {
            Some(state) => Ok(state.clone()),
            None => Ok(StateDir::locate(|name| self.set.env.get(name).cloned())?),
        }
    }

    /// The preflight of a task and nothing more: what it would touch, and what would be refused. Blocks.
    ///
    /// # Errors
    /// [`RunnerError::Start`] when no runtime can be made.
    pub fn dry_run(&self, mut task: Task) -> Result<DryRun, RunnerError> {
        let runner = self.clone();
        let work = std::thread::spawn(move || {
            let runtime = (runner.set.time.runtime)().map_err(RunnerError::Start)?;
            Ok(runtime.block_on(async {
                let clock = (runner.set.time.clock)();
                let seed = runner.set.seed.or(task.seed).unwrap_or_default();
                let run_id = "dry-run".to_owned();
                let scope = runner.scope(&task.policy, clock, run_id, seed, CancellationToken::new());
                if runner.set.hold_until_released {
                    task.entries.iter_mut().for_each(|entry| hold_to_the_ceiling(entry, scope.cx().policy()));
                }
                let folder = runner.state_dir().map_or_else(|_| runner.set.workspace.clone(), |state| state.nodes());
                dry_run(task, scope.cx(), &folder).await
            }))
        });
        work.join().unwrap_or(Err(RunnerError::Died))
    }
}

/// A seed for who names none, from the time; one that a document can hold: JSON counts whole numbers exactly up to 2^53 - 1.
pub fn seed_at(now: SystemTime) -> u64 {
    const EXACT: u128 = (1 << 53) - 1;
    let nanos = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    u64::try_from(nanos & EXACT).unwrap_or_default()
}

/// Sorts by time and is unique on this machine: Unix milliseconds, process id, and a count within the process.
fn run_id(clock: &Arc<dyn Clock>) -> String {
    static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let count = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let millis = clock.wall().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    format!("{millis:013}-{}-{count}", std::process::id())
}
