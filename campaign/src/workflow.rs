//! A workflow of a round: its document, what its commands wrote down, its ledger, and what of these must not be.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::child::{sleep, wait_until};
use crate::flaw::{Flaw, FlawKind};
use crate::processes::with_environment;
use crate::round::Round;

/// Where every command writes that it has begun; this file and not the engine says what ran.
const RAN: &str = "ran.txt";
const DOCUMENT: &str = "workflow.json";
/// The step that must run last, whatever happens.
const DIAGNOSE: &str = "diagnose";
/// Marks everything that a round starts.
pub(crate) const MARK: &str = "CAMPAIGN_ROUND";

/// A command of the document.
#[derive(Debug, Clone)]
struct Planned {
    name: String,
    idempotent: bool,
    /// Steps of a `parallel` have the same place; none begins before one of a lower place has ended.
    place: usize,
    /// The places whose failure does not keep it from running: it is of the `finally` of that part.
    after_failure_of: Option<std::ops::Range<usize>>,
    fails: bool,
}

/// A document whose commands count themselves.
#[derive(Debug, Default)]
pub(crate) struct Workflow {
    commands: Vec<Planned>,
    place: usize,
    pub(crate) mark: String,
}

/// One line of the ledger.
struct Line(Value);

impl Line {
    fn word(&self, key: &str) -> &str {
        self.0[key].as_str().unwrap_or_default()
    }
}

impl Workflow {
    /// Writes the document of a round: a handful of steps of every kind, a fault on a victim, and diagnostics at the end.
    pub(crate) fn write(round: &mut Round) -> Result<Self, Flaw> {
        let mut own = Self { mark: format!("{}-{}", std::process::id(), round.seed), ..Self::default() };
        let mut steps = vec![own.command(round, false, "")];
        for _ in 0..3 + round.random.below(4) {
            let step = own.step(round)?;
            steps.push(step);
        }
        if round.random.one_in(4) {
            steps.push(own.command(round, false, "; exit 1"));
            if let Some(last) = own.commands.last_mut() {
                last.fails = true;
            }
            steps.push(own.command(round, false, ""));
        }
        own.place += 1;
        let ran = round.place.path().join(RAN).display().to_string();
        let last = format!("echo {DIAGNOSE} >> '{ran}'; test -s \"$SQUALL_LEDGER\" && touch '{ran}.ledger'; true");
        let document = json!({ "workflow": {
            "type": "serial", "name": "all", "steps": steps,
            "finally": [{ "type": "command", "name": DIAGNOSE, "argv": ["sh", "-c", last], "idempotent": true }],
        }});
        fs::write(round.place.path().join(DOCUMENT), document.to_string())?;
        Ok(own)
    }

    /// A command that writes its name first.
    fn command(&mut self, round: &mut Round, idempotent: bool, then: &str) -> Value {
        let name = format!("c{}", self.commands.len());
        let ran = round.place.path().join(RAN).display().to_string();
        let ways = ["", "; sleep 0.01", "; sleep 600 & :", "; setsid sleep 600 & sleep 0.005"];
        let way = round.random.choose(&ways);
        let script = format!("echo {name} >> '{ran}'{way}{then}");
        let planned =
            Planned { name: name.clone(), idempotent, place: self.place, after_failure_of: None, fails: false };
        self.commands.push(planned);
        json!({ "type": "command", "name": name, "argv": ["sh", "-c", script], "idempotent": idempotent })
    }

    fn step(&mut self, round: &mut Round) -> Result<Value, Flaw> {
        self.place += 1;
        let id = format!("s{}", self.place);
        Ok(match round.random.below(7) {
            0 => json!({ "type": "wait", "name": id, "seconds": 0.005 }),
            1 | 2 => {
                let pid = round.victim()?;
                let hold = 0.002 + 0.001 * f64::from(u8::try_from(round.random.below(20)).unwrap_or(0));
                let action = json!({ "type": "pause_process", "pid": pid });
                json!({ "type": "fault", "name": id, "idempotent": round.random.one_in(2), "entry": {
                    "trigger": { "type": "immediate" }, "action": action, "duration_seconds": hold } })
            }
            3 => {
                let steps: Vec<Value> =
                    (0..2 + round.random.below(3)).map(|_| self.command(round, false, "")).collect();
                json!({ "type": "parallel", "name": id, "steps": steps })
            }
            4 => {
                let again = self.command(round, true, "");
                json!({ "type": "retry", "name": id, "attempts": 2, "delay_seconds": 0.001, "step": again })
            }
            5 => {
                let from = self.place;
                let steps = [self.command(round, false, ""), {
                    self.place += 1;
                    self.command(round, true, "")
                }];
                let within = from..self.place + 1;
                self.place += 1;
                let last = self.command(round, true, "");
                if let Some(last) = self.commands.last_mut() {
                    last.after_failure_of = Some(within);
                }
                json!({ "type": "serial", "name": id, "steps": steps, "finally": [last] })
            }
            _ => {
                let idempotent = round.random.one_in(2);
                self.command(round, idempotent, "")
            }
        })
    }

    /// The arguments that begin it.
    pub(crate) fn begins() -> Vec<String> {
        ["run", DOCUMENT, "--allow-command", "sh"].map(str::to_owned).to_vec()
    }

    /// The arguments that go on with it, or begin it where its run has left no ledger.
    pub(crate) fn goes_on(round: &Round) -> Vec<String> {
        match run_id(round) {
            Some(run) => ["run", "--resume", &run, "--allow-command", "sh"].map(str::to_owned).to_vec(),
            None => Self::begins(),
        }
    }

    /// How often its run may be attacked where every step boundary counts.
    pub(crate) fn boundaries(&self) -> u64 {
        2 * (self.commands.len() as u64 + self.place as u64) + 4
    }

    /// Resumes it until it is finished; the exit code of the run that finished it, which is `code` where that is over already.
    pub(crate) fn to_the_end(
        &self,
        round: &mut Round,
        guarded: bool,
        mut code: Option<i32>,
    ) -> Result<Option<i32>, Flaw> {
        let begun = Instant::now();
        while !Self::is_finished(round) {
            if begun.elapsed() > round.patience {
                let what = format!("it is never finished; the last run ended with {code:?}");
                return Err(round.finding(FlawKind::Hang, &what));
            }
            let before = (Self::lines(round), Self::ran(round).len());
            let args = Self::goes_on(round);
            let mut run = round.start_quiet(&mut command(round, self, &args, guarded))?;
            code = round.wait(&mut run, "a resumed workflow")?.code();
            if before.0 > 0 && (Self::lines(round), Self::ran(round).len()) == before {
                // The run that was killed has a guardian that is still at work.
                round.tally.count("resume refused for now");
                sleep(Duration::from_millis(5));
            }
        }
        Ok(code)
    }

    /// What ran, in order.
    pub(crate) fn ran(round: &Round) -> Vec<String> {
        let text = fs::read_to_string(round.place.path().join(RAN)).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// Whether its ledger says that it is over.
    pub(crate) fn is_finished(round: &Round) -> bool {
        ledger(round).last().is_some_and(|line| line.word("record") == "finished")
    }

    /// How many lines its ledger has.
    pub(crate) fn lines(round: &Round) -> usize {
        ledger(round).len()
    }

    /// Looks at the world at the end: `kills` is how often its runs were killed, `troubled` how often they were killed or
    /// told to end, and `code` the exit code of the last one where that one ended by itself. A ledger that could not be
    /// written is not asked.
    pub(crate) fn judge(
        &self,
        round: &Round,
        code: Option<i32>,
        kills: u64,
        troubled: u64,
        whole_ledger: bool,
    ) -> Result<(), Flaw> {
        let ran = Self::ran(round);
        self.counted(round, &ran, kills)?;
        self.ordered(round, &ran)?;
        self.no_orphans(round)?;
        if whole_ledger { self.ledger_agrees(round, &ran, code, troubled) } else { Ok(()) }
    }

    /// No command ran twice, unless it may; diagnostics ran, last, and once where the engine lived.
    fn counted(&self, round: &Round, ran: &[String], kills: u64) -> Result<(), Flaw> {
        let times = |name: &str| ran.iter().filter(|own| *own == name).count() as u64;
        for command in &self.commands {
            let most = if command.idempotent { 1 + kills } else { 1 };
            if times(&command.name) > most {
                let what = format!("`{}` ran {} times, at most {most} were due", command.name, times(&command.name));
                return Err(found(round, FlawKind::Repeated, &what));
            }
        }
        let last = times(DIAGNOSE);
        if last == 0 || last > 1 + kills || ran.last().is_none_or(|name| name != DIAGNOSE) {
            let what = format!("diagnostics ran {last} times with {kills} kills, and last was {:?}", ran.last());
            return Err(found(round, FlawKind::Diagnostics, &what));
        }
        Ok(())
    }

    /// Commands began in the order of the document, and after one that failed none but what may.
    fn ordered(&self, round: &Round, ran: &[String]) -> Result<(), Flaw> {
        let mut first = BTreeMap::new();
        for (index, name) in ran.iter().enumerate() {
            first.entry(name.as_str()).or_insert(index);
        }
        let began = |command: &Planned| first.get(command.name.as_str()).copied();
        for one in &self.commands {
            for other in &self.commands {
                let (Some(before), Some(after)) = (began(one), began(other)) else { continue };
                let exempt = other.after_failure_of.as_ref().is_some_and(|part| part.contains(&one.place));
                let wrong = one.place < other.place && (before > after || one.fails && !exempt);
                if wrong {
                    let what = format!("`{}` ran after `{}`, which it must not", one.name, other.name);
                    return Err(found(round, FlawKind::Order, &what));
                }
            }
        }
        Ok(())
    }

    /// Nothing that the round started lives on.
    fn no_orphans(&self, round: &Round) -> Result<(), Flaw> {
        let mark = format!("{MARK}={}", self.mark);
        // A guardian, and what was killed, may take a moment to be gone.
        let gone = wait_until("no process is left", || marked(&mark).is_empty());
        gone.map_err(|_| found(round, FlawKind::Orphan, &format!("left: {:?}", marked(&mark))))
    }

    /// Once a step has failed, or was interrupted, none of a later place starts but what may.
    fn nothing_after_a_failure(&self, round: &Round, lines: &[Line]) -> Result<(), Flaw> {
        let place = |name: &str| match self.commands.iter().find(|command| command.name == name) {
            Some(command) => Some(command.place),
            None => name.strip_prefix('s')?.parse().ok(),
        };
        let mut failed: Option<(&str, usize)> = None;
        for line in lines {
            let (record, name) = (line.word("record"), line.word("step"));
            if let ("started", Some((first, at))) = (record, failed)
                && let Some(command) = self.commands.iter().find(|command| command.name == name)
                && command.place > at
                && !command.after_failure_of.as_ref().is_some_and(|part| part.contains(&at))
            {
                let what = format!("`{name}` was started after the failure of `{first}`");
                return Err(found(round, FlawKind::Order, &what));
            }
            let is_failure = matches!(line.word("outcome"), "task_fail" | "infra_fail" | "timed_out");
            if let (None, "ended", true, Some(at)) = (failed, record, is_failure, place(name)) {
                failed = Some((name, at));
            }
        }
        Ok(())
    }

    /// The ledger says what the commands say, and the exit code too.
    fn ledger_agrees(&self, round: &Round, ran: &[String], code: Option<i32>, troubled: u64) -> Result<(), Flaw> {
        let lines = ledger(round);
        let wrong = |what: String| Err(found(round, FlawKind::Ledger, &what));
        let records: Vec<&str> = lines.iter().map(|line| line.word("record")).collect();
        if records.first() != Some(&"begun") || records.last() != Some(&"finished") {
            return wrong("it does not begin and finish".to_owned());
        }
        if records.iter().filter(|record| matches!(**record, "begun" | "finished")).count() != 2 {
            return wrong("it begins or finishes twice".to_owned());
        }
        let of = |record: &str, name: &str| {
            lines.iter().filter(|line| line.word("record") == record && line.word("step") == name).count()
        };
        for command in &self.commands {
            let name = command.name.as_str();
            let (started, ended) = (of("started", name), of("ended", name));
            let times = ran.iter().filter(|own| *own == name).count();
            // Killed between the line and the program, it never ran.
            if times > started || ended > 1 || ended < usize::from(started > 0) || !command.idempotent && started > 1 {
                return wrong(format!("`{name}` ran {times} times, and was started {started} and ended {ended} times"));
            }
        }
        self.nothing_after_a_failure(round, &lines)?;
        let finished = lines.last().map(|line| line.word("outcome").to_owned()).unwrap_or_default();
        let all_ran = self.commands.iter().all(|command| ran.contains(&command.name));
        let fails = self.commands.iter().any(|command| command.fails && ran.contains(&command.name));
        let fits = match finished.as_str() {
            "pass" => all_ran && !fails && code.is_none_or(|code| code == 0),
            "task_fail" => fails && code.is_none_or(|code| code == 1),
            "infra_fail" => troubled > 0 && code.is_none_or(|code| code == 2),
            _ => false,
        };
        if !fits {
            return wrong(format!("it ended as `{finished}` with {code:?}; all ran: {all_ran}, one failed: {fails}"));
        }
        if round.place.path().join(format!("{RAN}.ledger")).exists() {
            Ok(())
        } else {
            wrong("diagnostics did not see it".to_owned())
        }
    }
}

/// A finding, with what ran and what the ledger says.
fn found(round: &Round, kind: FlawKind, what: &str) -> Flaw {
    let lines: Vec<String> = ledger(round).iter().map(|line| line.0.to_string()).collect();
    round.finding(kind, &format!("{what}\nran: {}\n{}", Workflow::ran(round).join(" "), lines.join("\n")))
}

/// The folder of the workflow, named after the run that began it.
fn folder(round: &Round) -> Option<PathBuf> {
    let runs = fs::read_dir(round.place.path().join(".squall/runs")).ok()?;
    let mut folders: Vec<PathBuf> = runs.flatten().map(|entry| entry.path()).collect();
    // A run that died before its first line has one, too.
    folders.retain(|folder| fs::read(folder.join("ledger.jsonl")).is_ok_and(|text| text.contains(&b'\n')));
    folders.pop()
}

fn run_id(round: &Round) -> Option<String> {
    Some(folder(round)?.file_name()?.to_str()?.to_owned())
}

/// The whole lines of the ledger.
fn ledger(round: &Round) -> Vec<Line> {
    let Some(folder) = folder(round) else { return Vec::new() };
    let text = fs::read_to_string(folder.join("ledger.jsonl")).unwrap_or_default();
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole.lines().map(|line| Line(serde_json::from_str(line).unwrap_or_default())).collect()
}

/// The live processes with this in their environment.
fn marked(mark: &str) -> Vec<u32> {
    let pids = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    // One that has ended shows no environment.
    pids.filter(|pid| with_environment(*pid, mark.as_bytes())).collect()
}

/// The program in the round's place, marked, with a guardian or without.
pub(crate) fn command(round: &Round, workflow: &Workflow, args: &[String], guarded: bool) -> Command {
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let mut command = round.place.squall(&args);
    command.env(MARK, &workflow.mark).env("SQUALL_GUARDIAN", if guarded { "own" } else { "none" });
    command
}

/// Waits until a run has come so far, or has ended.
pub(crate) fn until_or_ended(round: &Round, run: &mut Child, mut so: impl FnMut() -> bool) -> Result<(), Flaw> {
    let start = std::time::Instant::now();
    while !so() && run.try_wait()?.is_none() {
        if start.elapsed() > round.patience {
            return Err(round.finding(FlawKind::Hang, "the workflow goes on for ever"));
        }
        sleep(std::time::Duration::from_micros(100));
    }
    Ok(())
}
