//! One round, and the oracle that ends it.

use std::cell::Cell;
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use crate::child::{kill, send, sleep, spin_for};
use crate::flaw::{Flaw, FlawKind};
use crate::link_watch::{LinkWatch, Standing};
use crate::place::Place;
use crate::random::Random;
use crate::sign::Sign;
use crate::sleeper::{Sleeper, state_of};
use crate::state::State;
use crate::tally::Tally;

/// The longest time after its start at which recovery is killed.
const RECOVERY: Duration = Duration::from_millis(15);

/// One round: a place, its choices, and its victims.
#[derive(Debug)]
pub struct Round {
    /// The seed of this round alone.
    pub seed: u64,
    /// Where the program runs.
    pub place: Place,
    /// Choices of this round.
    pub random: Random,
    /// What this round meets.
    pub tally: Tally,
    /// The pid of the run that is attacked; 0 before there is one.
    pub(crate) run: Cell<u32>,
    /// How the world shows what else is in force. They are dropped before the victims, which they may hold.
    pub(crate) signs: Vec<Sign>,
    /// Processes that faults may stop.
    pub victims: Vec<Sleeper>,
    /// How long a program may take.
    pub patience: Duration,
}

impl Round {
    /// A round with its own choices.
    pub(crate) fn new(seed: u64, place: Place, patience: Duration) -> Self {
        let (random, tally) = (Random::new(seed), Tally::default());
        Self { seed, place, random, tally, run: Cell::new(0), signs: Vec::new(), victims: Vec::new(), patience }
    }

    /// Starts a victim, and gives its pid.
    pub fn victim(&mut self) -> Result<u32, Flaw> {
        let victim = Sleeper::start()?;
        let pid = victim.pid();
        self.victims.push(victim);
        Ok(pid)
    }

    /// The arguments that pause a new victim for so long.
    pub fn pause(&mut self, hold: Duration) -> Result<Vec<String>, Flaw> {
        let pid = self.victim()?;
        let hold = format!("{}ms", hold.as_millis());
        Ok(["inject", "pause_process", &format!("pid={pid}"), "--for", &hold].map(str::to_owned).to_vec())
    }

    /// Starts the program in its own process group, so that a Ctrl-C is the campaign's alone.
    pub fn start<S: AsRef<str>>(&self, args: &[S]) -> Result<Child, Flaw> {
        let args: Vec<&str> = args.iter().map(AsRef::as_ref).collect();
        let mut command = self.place.squall(&args);
        self.start_quiet(&mut command)
    }

    /// Starts any command of this place without pipes.
    pub fn start_quiet(&self, command: &mut Command) -> Result<Child, Flaw> {
        self.place.quiet(command)?;
        Ok(command.process_group(0).spawn()?)
    }

    /// Whether a victim is stopped.
    pub fn any_stopped(&self) -> bool {
        self.victims.iter().any(Sleeper::is_stopped)
    }

    /// Whether the world shows anything that must be gone once everything is undone.
    pub(crate) fn in_force(&self) -> bool {
        self.any_stopped() || self.signs.iter().any(|sign| self.shows(sign))
    }

    fn shows(&self, sign: &Sign) -> bool {
        sign.shows(self.place.path(), self.run.get())
    }

    /// Whether the world shows the effect of a fault.
    pub(crate) fn has_effect(&self) -> bool {
        self.any_stopped() || self.signs.iter().any(|sign| sign.is_effect() && self.shows(sign))
    }

    /// Whether an effect would show.
    pub(crate) fn shows_effects(&self) -> bool {
        !self.victims.is_empty() || self.signs.iter().any(Sign::is_effect)
    }

    /// The link that this round has, if it has one.
    pub(crate) fn link(&self) -> Option<&LinkWatch> {
        self.signs.iter().find_map(|sign| if let Sign::Link(watch) = sign { Some(watch) } else { None })
    }

    /// Waits until the link of this round passes what it must, or nobody is there to do that, and says how it stands; what it still
    /// does after that is a finding. Nobody may have to recover for it. `None` where there is no link.
    pub(crate) fn link_stands(&self, when: &str) -> Result<Option<Standing>, Flaw> {
        let Some(watch) = self.link() else { return Ok(None) };
        let start = Instant::now();
        loop {
            match watch.standing(self.place.path(), self.run.get()) {
                Standing::Harmed(why) if start.elapsed() > self.patience => {
                    let what = format!("{:?} after {when}, the link does not pass: {why}", start.elapsed());
                    return Err(self.finding(FlawKind::Harmed, &what));
                }
                Standing::Harmed(_) => sleep(Duration::from_millis(1)),
                standing => return Ok(Some(standing)),
            }
        }
    }

    /// What is in force, for a finding.
    pub(crate) fn what_is_in_force(&self) -> String {
        let signs = self.signs.iter().filter(|sign| self.shows(sign)).map(|sign| format!("{sign:?}"));
        let stopped = self.any_stopped().then(|| "a victim is stopped".to_owned());
        stopped.into_iter().chain(signs).collect::<Vec<_>>().join(", ")
    }

    /// Counts at what moment a run was killed.
    pub fn count_moment(&mut self, ended: bool) {
        let moment = match (ended, self.any_stopped(), self.place.is_armed(), self.place.journals().is_empty()) {
            (true, ..) => "after its end",
            (_, true, ..) => "victim stopped",
            (_, _, true, _) => "step armed",
            (.., false) => "journal open",
            _ => "no journal",
        };
        self.tally.count(moment);
    }

    /// Waits for the end of a process, and kills one that does not end, which is a finding.
    pub fn wait(&self, child: &mut Child, what: &str) -> Result<ExitStatus, Flaw> {
        self.wait_and_continue(child, what, || Ok(()))
    }

    /// The same for one that was asked to stop: whenever it has, `look` is called, and it is continued.
    pub(crate) fn wait_and_continue(
        &self,
        child: &mut Child,
        what: &str,
        mut look: impl FnMut() -> Result<(), Flaw>,
    ) -> Result<ExitStatus, Flaw> {
        let start = Instant::now();
        loop {
            if let Some(status) = child.try_wait()? {
                return Ok(status);
            }
            if state_of(child.id()) == Some('T') {
                let looked = look();
                send(child, Signal::CONT);
                if looked.is_err() {
                    kill(child);
                    looked?;
                }
            }
            if start.elapsed() > self.patience {
                kill(child);
                return Err(self.finding(FlawKind::Hang, &format!("{what} did not end within {:?}", self.patience)));
            }
            sleep(Duration::from_micros(500));
        }
    }

    /// A run that ended by itself must have left nothing, and its exit code must be one of these; one that was killed by a
    /// signal before it could heed it has none.
    pub fn ended(&self, status: ExitStatus, codes: &[i32]) -> Result<(), Flaw> {
        if self.in_force() {
            let kind = if status.success() { FlawKind::SilentLoss } else { FlawKind::LeftStopped };
            let what = format!("the run ended with {status}, and in force is: {}", self.what_is_in_force());
            return Err(self.finding(kind, &what));
        }
        match status.code() {
            Some(code) if !codes.contains(&code) => {
                Err(self.finding(FlawKind::ExitCode, &format!("the run ended with {code}")))
            }
            _ => Ok(()),
        }
    }

    /// Recovers, now and then killed at random moments before, and then looks: nothing is in force, no journal is left, and
    /// the exit code is 0; and once more, which does nothing.
    pub fn settle(&mut self) -> Result<(), Flaw> {
        if self.random.one_in(3) {
            for _ in 0..=self.random.below(3) {
                let mut recovery = self.start(&["recover"])?;
                spin_for(self.random.time(RECOVERY));
                kill(&mut recovery);
                self.tally.count("recovery killed");
            }
        }
        let code = self.recover()?;
        self.judge(code)?;
        self.recovers_nothing()
    }

    /// Recovers what is recovered already: it finds nothing, and changes nothing.
    fn recovers_nothing(&self) -> Result<(), Flaw> {
        let before = State::of(self.place.path());
        let (code, told) = self.recover_once()?;
        if code != Some(0) {
            return Err(self.finding(FlawKind::ExitCode, &format!("a second recovery ended with {code:?}")));
        }
        let after = State::of(self.place.path());
        let undone = told
            .as_object()
            .into_iter()
            .flatten()
            .filter(|(_, value)| value.as_array().is_some_and(|all| !all.is_empty()));
        let undone: Vec<_> = undone.map(|(key, _)| key.as_str()).collect();
        if !undone.is_empty() || after != before {
            let what = format!("a second recovery did something: {undone:?}, {}", after.beside(&before));
            return Err(self.finding(FlawKind::Touched, &what));
        }
        if self.in_force() {
            let what = format!("a second recovery has put in force: {}", self.what_is_in_force());
            return Err(self.finding(FlawKind::SilentLoss, &what));
        }
        Ok(())
    }

    /// Recovers to its end, and gives its exit code. Nothing of this round is alive, so a run that is called live is asked
    /// about again, and counted; one that stays so is a finding.
    pub fn recover(&mut self) -> Result<Option<i32>, Flaw> {
        let start = Instant::now();
        loop {
            let (code, told) = self.recover_once()?;
            let live = told["live"].as_u64().unwrap_or(0);
            if live == 0 {
                return Ok(code);
            }
            if start.elapsed() > self.patience {
                return Err(self.finding(FlawKind::Hang, &format!("{live} dead runs are called live")));
            }
            self.tally.count("lock outlived its run");
            sleep(Duration::from_millis(1));
        }
    }

    /// Recovers, and gives the exit code, and what it told.
    pub fn recover_once(&self) -> Result<(Option<i32>, Value), Flaw> {
        let mut command = self.place.squall(&["recover", "--format", "json"]);
        let told = self.place.path().join("recovered.json");
        self.place.quiet(&mut command)?;
        let mut recovery = command.stdout(File::create(&told)?).process_group(0).spawn()?;
        let code = self.wait(&mut recovery, "recovery")?.code();
        let told: Value = serde_json::from_slice(&fs::read(&told)?).unwrap_or_default();
        Ok((code, told))
    }

    fn judge(&self, code: Option<i32>) -> Result<(), Flaw> {
        if self.in_force() {
            let kind = if code == Some(0) { FlawKind::SilentLoss } else { FlawKind::LeftStopped };
            let what = format!("recovery ended with {code:?}, and in force is: {}", self.what_is_in_force());
            return Err(self.finding(kind, &what));
        }
        if code != Some(0) {
            return Err(self.finding(FlawKind::ExitCode, &format!("recovery ended with {code:?}")));
        }
        match self.place.journals().first() {
            Some(left) => Err(self.finding(FlawKind::Journal, &format!("`{}` is left", left.display()))),
            None => Ok(()),
        }
    }

    /// A finding with the end of what the program printed.
    pub fn finding(&self, kind: FlawKind, what: &str) -> Flaw {
        let told = fs::read_to_string(self.place.path().join("recovered.json")).unwrap_or_default();
        Flaw::new(kind, format!("{what}\n{}\n{}", self.place.said().trim_end(), told.trim_end()))
    }
}
