//! What a run shows while it goes on: one line that is rewritten on a terminal, plain lines elsewhere.

use std::collections::HashMap;
use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use chaos_core::{Answer, Event, EventKind, ProbeRole, Progress, SoakProgress, Undone, visible_line};

use super::console::display;
use super::figures::{Figures, StepFigures};
use super::secrets::masked;

/// Elsewhere than on a terminal, figures come this often.
const PLAIN_EVERY: Duration = Duration::from_secs(5);

/// How many countdowns the line of a terminal has room for, and how many characters it has.
const COUNTDOWNS: usize = 2;
const WIDTH: usize = 79;

/// Takes the line away that stands on the terminal.
const CLEAR: &str = "\r\x1b[2K";

/// How much is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Detail {
    /// Nothing.
    Nothing,
    /// What is told to people, and what goes wrong; never a line that is rewritten, since a program of somebody else's writes
    /// to the same terminal.
    Notes,
    /// One line for each entry, with its figures, and what goes wrong: an experiment has dozens of entries.
    Figures,
    /// Every event that is worth telling.
    Events,
    /// Every event.
    Everything,
}

impl Detail {
    /// What `--quiet` and `--verbose` ask for.
    pub(crate) fn asked(quiet: bool, verbose: bool) -> Self {
        match (quiet, verbose) {
            (true, _) => Self::Nothing,
            (_, true) => Self::Everything,
            _ => Self::Events,
        }
    }
}

/// What an entry waits for, and since when.
struct Countdown {
    path: String,
    what: &'static str,
    since: Instant,
    seconds: f64,
}

impl Countdown {
    fn text(&self) -> String {
        let left = self.seconds - self.since.elapsed().as_secs_f64();
        if left > 0.0 { format!("{}: {:.0} s left", self.what, left.ceil()) } else { self.what.to_owned() }
    }
}

/// The live display.
pub(crate) struct Live {
    out: Box<dyn Write + Send>,
    terminal: bool,
    detail: Detail,
    countdowns: Vec<Countdown>,
    /// The last answer of each probe: one that stays the same is told once.
    answers: HashMap<(String, String), Answer>,
    names: HashMap<String, String>,
    active: Option<(Instant, Figures)>,
    /// How far a soak is.
    soak: Option<String>,
    told: Option<Instant>,
    line_stands: bool,
}

impl Live {
    /// On standard error, as that is: a terminal or not.
    pub(crate) fn on_stderr(detail: Detail) -> Self {
        Self::on(Box::new(display()), io::stderr().is_terminal() && detail != Detail::Notes, detail)
    }

    fn on(out: Box<dyn Write + Send>, terminal: bool, detail: Detail) -> Self {
        let (names, answers) = (HashMap::new(), HashMap::new());
        Self {
            out,
            terminal,
            detail,
            countdowns: vec![],
            answers,
            names,
            active: None,
            soak: None,
            told: None,
            line_stands: false,
        }
    }

    /// Takes one event.
    pub(crate) fn event(&mut self, event: &Event) {
        if self.detail == Detail::Nothing {
            return;
        }
        self.count_down(event);
        match &event.kind {
            EventKind::Waiting { name, .. } => {
                self.names.insert(event.path.clone(), name.clone());
            }
            EventKind::Active { .. } => self.active = Some((Instant::now(), Figures::default())),
            EventKind::Ended { .. } => self.active = None,
            EventKind::Progress { .. } if self.detail == Detail::Notes => return,
            EventKind::Progress { progress: Progress::Soak(soak) } => {
                let is_over = soak.done == soak.planned && soak.active.is_empty();
                self.soak = (!is_over).then(|| soak_line(soak));
                if self.terminal {
                    self.figures();
                }
                return;
            }
            EventKind::Progress { progress } => {
                let since = self.active.take().map_or_else(Instant::now, |(since, _)| since);
                self.active = Some((since, Figures::of(progress)));
                self.figures();
                return;
            }
            _ => {}
        }
        if let Some(line) = self.line(event) {
            let name = if self.detail == Detail::Figures { String::new() } else { self.name(&event.path) };
            self.plain(&format!("{:>7.1} s  {name}{line}", event.at_seconds));
        }
    }

    /// Begins and ends the countdowns of triggers and holds.
    fn count_down(&mut self, event: &Event) {
        let (what, seconds) = match &event.kind {
            EventKind::Waiting { at_least_seconds, .. } => ("waiting for the trigger", *at_least_seconds),
            EventKind::Holding { seconds } => ("holding", *seconds),
            EventKind::Fired { .. }
            | EventKind::Released
            | EventKind::Aborted { .. }
            | EventKind::Undoing { .. }
            | EventKind::Ended { .. } => {
                // A part of an entry stands below it.
                let over =
                    |count: &Countdown| count.path.starts_with(&event.path) || event.path.starts_with(&count.path);
                self.countdowns.retain(|count| !over(count));
                return;
            }
            _ => return,
        };
        self.countdowns.push(Countdown { path: event.path.clone(), what, since: Instant::now(), seconds });
    }

    /// What is worth a line at this detail.
    fn line(&mut self, event: &Event) -> Option<String> {
        if let EventKind::Probed { role, probe, observation, .. } = &event.kind {
            let before = self.answers.insert((event.path.clone(), probe.clone()), observation.answer);
            let during = *role == ProbeRole::During && !matches!(self.detail, Detail::Figures | Detail::Notes);
            let turned = before != Some(observation.answer) && (before.is_some() || observation.answer != Answer::Yes);
            if during && turned {
                let answer = match observation.answer {
                    Answer::Yes => "holds again",
                    Answer::No => "FAILS",
                    Answer::Unknown => "unknown",
                };
                return Some(format!("probe `{probe}` {answer}: {}", observation.detail));
            }
        }
        match line(&event.kind, self.detail) {
            None if self.detail == Detail::Everything => {
                Some(format!("{}: {}", event.kind.name(), event.kind.detail()))
            }
            line => line,
        }
    }

    /// Refreshes the elapsed time.
    pub(crate) fn tick(&mut self) {
        if self.terminal {
            self.figures();
        }
    }

    /// Takes away what stands on the terminal.
    pub(crate) fn finish(&mut self) {
        self.clear();
        let _ = self.out.flush();
    }

    /// Entries are named where there are several.
    fn name(&self, path: &str) -> String {
        if self.names.len() < 2 {
            return String::new();
        }
        let mut above = std::iter::successors(Some(path), |path| path.rsplit_once('/').map(|(above, _)| above));
        let name = above.find_map(|path| self.names.get(path));
        name.map(|name| format!("{}: ", printable(name))).unwrap_or_default()
    }

    fn figures(&mut self) {
        let active = self
            .active
            .as_ref()
            .map(|(since, figures)| format!("active for {:.0} s{figures}", since.elapsed().as_secs_f64()));
        if self.terminal {
            let counts = self.countdowns.iter().map(|count| self.name(&count.path) + &count.text());
            let parts: Vec<String> = match &self.soak {
                // Its events come and go too fast for more.
                Some(soak) => vec![soak.clone()],
                None => counts.take(COUNTDOWNS).chain(active).collect(),
            };
            if parts.is_empty() {
                return;
            }
            // A line that wraps could not be taken away again.
            let text: String = printable(&masked(&parts.join("; "))).chars().take(WIDTH).collect();
            self.line_stands = true;
            let _ = self.out.write_all(format!("{CLEAR}{text}").as_bytes());
            let _ = self.out.flush();
        } else if let Some(text) = active.filter(|_| self.told.is_none_or(|told| told.elapsed() >= PLAIN_EVERY)) {
            self.told = Some(Instant::now());
            self.plain(&text);
        }
    }

    fn plain(&mut self, text: &str) {
        self.clear();
        // A terminal that cannot be written to leaves no place to report it.
        let _ = self.out.write_all((printable(&masked(text)) + "\n").as_bytes());
    }

    fn clear(&mut self) {
        if self.line_stands {
            self.line_stands = false;
            let _ = self.out.write_all(CLEAR.as_bytes());
        }
    }
}

/// How far a soak is, on one line.
fn soak_line(soak: &SoakProgress) -> String {
    let SoakProgress { done, planned, missed, may_miss, active, .. } = soak;
    let active = if active.is_empty() { "nothing".to_owned() } else { active.join(", ") };
    format!("{done} of {planned} events, {missed} missed, {may_miss} more may; in force: {active}")
}

/// Control characters of a target's answer must not reach a terminal.
fn printable(text: &str) -> String {
    visible_line(text).into_owned()
}

/// What is worth a line; the report holds the rest.
fn line(kind: &EventKind, detail: Detail) -> Option<String> {
    let is_told = matches!(kind, EventKind::RunStarted { .. } | EventKind::Recovered { .. } | EventKind::Note { .. })
        || matches!(
            kind,
            EventKind::Aborted { .. } | EventKind::Undid { undone: None, .. } | EventKind::Dropped { .. }
        );
    if detail == Detail::Notes && !is_told {
        return None;
    }
    if detail == Detail::Figures {
        match kind {
            EventKind::Ended { result } => return Some(StepFigures(result).to_string()),
            EventKind::Undid { undone: Some(_), .. }
            | EventKind::Waiting { .. }
            | EventKind::Fired { .. }
            | EventKind::Planned { .. }
            | EventKind::Injecting { .. }
            | EventKind::Active { .. }
            | EventKind::Holding { .. }
            | EventKind::Released => return None,
            _ => {}
        }
    }
    Some(match kind {
        EventKind::RunStarted { run_id, seed, .. } => format!("run {run_id}, seed {seed}"),
        EventKind::Recovered { steps } => format!("recovered from a crashed run: {}", steps.join("; ")),
        EventKind::Waiting { trigger, .. } => format!("waiting for trigger {trigger}"),
        EventKind::Fired { detail } => format!("fired: {detail}"),
        EventKind::Planned { plan } => format!("plan: {}", plan.summary),
        EventKind::Injecting { fault } => format!("injecting {fault}"),
        EventKind::Active { evidence } => format!("active: {}", evidence.summary),
        EventKind::Holding { seconds } => format!("holding for {seconds} s"),
        EventKind::Released => "released".to_owned(),
        EventKind::Dropped { .. } => kind.detail(),
        EventKind::Aborted { reason } => format!("ending early: {reason}"),
        EventKind::Undid { step, undone, error } => match (undone, error) {
            (Some(undone), _) => format!("undone: {step}: {}", Undone::detail(undone)),
            (None, error) => format!("NOT undone: {step}: {}", error.as_deref().unwrap_or("unknown")),
        },
        EventKind::Ended { result } => format!("ended: {}", result.verdict.word()),
        EventKind::Note { text } => text.clone(),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use chaos_core::Observation;
    use serde_json::json;

    use super::*;

    #[derive(Clone, Default)]
    struct Paper(Arc<Mutex<Vec<u8>>>);

    impl Write for Paper {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn shown(terminal: bool, events: &[(&str, EventKind)]) -> String {
        shown_in(Detail::Events, terminal, events)
    }

    fn shown_in(detail: Detail, terminal: bool, events: &[(&str, EventKind)]) -> String {
        let paper = Paper::default();
        let mut live = Live::on(Box::new(paper.clone()), terminal, detail);
        for (path, kind) in events {
            live.event(&Event { seq: 0, at_seconds: 1.5, path: (*path).to_owned(), kind: kind.clone() });
            live.tick();
        }
        live.finish();
        let bytes = paper.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    fn waiting(name: &str) -> EventKind {
        EventKind::Waiting { name: name.into(), trigger: "time".into(), at_least_seconds: 90.0 }
    }

    fn note(text: &str) -> EventKind {
        EventKind::Note { text: text.into() }
    }

    #[test]
    fn entries_are_named_only_where_there_are_several() {
        let one = shown(false, &[("/a", waiting("A")), ("/a/action", note("hi"))]);
        assert_eq!(one, "    1.5 s  waiting for trigger time\n    1.5 s  hi\n");
        let two = shown(false, &[("/a", waiting("A")), ("/b", waiting("B")), ("/b/action", note("hi"))]);
        assert!(two.ends_with("    1.5 s  B: hi\n"), "{two}");
    }

    #[test]
    fn a_terminal_gets_one_line_that_is_taken_away_again() {
        let progress = EventKind::Progress { progress: Progress::Other(json!({"qps": 10})) };
        let text = shown(true, &[("/a", progress.clone()), ("/a", progress), ("/a", note("over"))]);
        assert_eq!(text.matches('\n').count(), 1, "{text:?}");
        assert!(text.contains("\r\x1b[2K    1.5 s  over\n"), "{text:?}");
    }

    #[test]
    fn a_soak_shows_on_a_terminal_how_far_it_is_and_what_is_in_force() {
        let active = vec!["pause #3 on n1".to_owned(), "kill #4 on n2".to_owned()];
        let soak = SoakProgress { done: 2, planned: 28, passed: 1, missed: 1, may_miss: 3, active };
        let events = [("", EventKind::Progress { progress: Progress::Soak(soak) })];
        let line = "2 of 28 events, 1 missed, 3 more may; in force: pause #3 on n1, kill #4 on n2";
        assert!(shown(true, &events).contains(line), "{}", shown(true, &events));
        assert_eq!(shown(false, &events), "", "elsewhere each event has its own lines");
    }

    #[test]
    fn elsewhere_figures_are_plain_and_seldom() {
        let progress = EventKind::Progress { progress: Progress::Other(json!({"qps": 10})) };
        let text = shown(false, &[("/a", progress.clone()), ("/a", progress)]);
        assert_eq!(text.matches("active for").count(), 1, "{text:?}");
        assert!(!text.contains('\x1b'), "{text:?}");
    }

    #[test]
    fn an_experiment_gets_one_line_of_figures_for_each_step() {
        let result = json!({
            "success": true, "name": "capacity: climb 40 qps", "injected_fault": "load", "output": "",
            "elapsed_time": 2.0, "error": null, "verdict": "unchecked", "probes": [], "reverted": "nothing_to_revert",
            "timeline": [],
        });
        let kinds = [
            waiting("capacity: climb 40 qps"),
            EventKind::Fired { detail: "immediately".into() },
            EventKind::Injecting { fault: "load".into() },
            EventKind::Ended { result: serde_json::from_value(result).unwrap() },
            note("cut off"),
        ];
        let paper = Paper::default();
        let mut live = Live::on(Box::new(paper.clone()), false, Detail::Figures);
        for kind in kinds {
            live.event(&Event { seq: 0, at_seconds: 1.5, path: "/a".to_owned(), kind });
        }
        let text = String::from_utf8(paper.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text, "    1.5 s  capacity: climb 40 qps: unchecked\n    1.5 s  cut off\n");
    }

    #[test]
    fn control_characters_of_a_target_never_reach_the_terminal() {
        assert_eq!(shown(false, &[("/a", note("x\x1b[31m\ny"))]), "    1.5 s  x\\u{1b}[31m | y\n");
    }

    fn probed(role: ProbeRole, observation: Observation) -> EventKind {
        EventKind::Probed { role, probe: "up".into(), observation, took_seconds: None }
    }

    #[test]
    fn triggers_and_holds_count_down_on_a_terminal() {
        let holding = EventKind::Holding { seconds: 30.0 };
        let fired = EventKind::Fired { detail: "now".into() };
        let text = shown(true, &[("/a", waiting("A")), ("/a/trigger", fired), ("/a", holding.clone())]);
        assert!(text.contains("waiting for the trigger: 90 s left"), "{text:?}");
        let after = text.split("fired").nth(1).unwrap();
        assert!(after.contains("holding: 30 s left") && !after.contains("waiting"), "{text:?}");
        let elsewhere = shown(false, &[("/a", holding)]);
        assert!(!elsewhere.contains("left"), "{elsewhere:?}");
    }

    #[test]
    fn a_during_probe_is_shown_when_it_fails_and_when_it_holds_again() {
        let [yes, no] = [Observation::yes("200"), Observation::no("503")].map(|seen| probed(ProbeRole::During, seen));
        let other = probed(ProbeRole::Detect, Observation::no("quiet"));
        let path = "/a";
        for terminal in [true, false] {
            let events = [&yes, &no, &no, &other, &yes].map(|kind| (path, kind.clone()));
            let text = shown(terminal, &events);
            assert_eq!(text.matches("probe `up` FAILS: 503").count(), 1, "{text}");
            assert_eq!(text.matches("probe `up` holds again: 200").count(), 1, "{text}");
            assert!(!text.contains("quiet"), "{text}");
        }
    }

    #[test]
    fn quiet_shows_nothing_and_verbose_shows_every_event() {
        let yes = probed(ProbeRole::Verify, Observation::yes("200"));
        let events = [("/a", note("hi")), ("/a", yes)];
        assert_eq!(shown_in(Detail::Nothing, true, &events), "");
        assert_eq!(shown_in(Detail::Everything, false, &events).lines().count(), 2);
    }
}
