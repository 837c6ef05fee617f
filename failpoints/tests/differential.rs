//! fail-rs's grammar against the `fail` crate itself: the same strings, the same verdicts, the same outcomes.

#![expect(
    clippy::unwrap_used,
    clippy::option_option,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "a test: fail-rs hands its closure an option of a text, and the numbers are small"
)]

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Mutex,
    time::{Duration, Instant},
};

use chaos_failpoints::{Rule, Scope, arm_thread};

/// What one evaluation of a site did, as its caller sees it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    Nothing,
    Returned(Option<String>),
    Panicked(String),
    Printed(String),
}

static PRINTED: Mutex<Vec<(std::thread::ThreadId, String)>> = Mutex::new(Vec::new());

/// Collects what both crates print.
struct Collector;

impl log::Log for Collector {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        let line = (std::thread::current().id(), record.args().to_string());
        PRINTED.lock().unwrap().push(line);
    }

    fn flush(&self) {}
}

fn collect_prints() {
    static COLLECTOR: Collector = Collector;
    // The second test to come finds the collector in place.
    let _ = log::set_logger(&COLLECTOR);
    log::set_max_level(log::LevelFilter::Info);
}

fn ours() -> Option<Option<String>> {
    chaos_failpoints::fail_point!("differential.site", Some);
    None
}

fn theirs() -> Option<Option<String>> {
    fail::fail_point!("differential.site", Some);
    None
}

fn observe(site: fn() -> Option<Option<String>>) -> Outcome {
    let here = std::thread::current().id();
    let result = catch_unwind(AssertUnwindSafe(site));
    let mut printed = PRINTED.lock().unwrap();
    let line = printed.iter().position(|(thread, _)| *thread == here).map(|at| printed.remove(at).1);
    match (result, line) {
        (Err(payload), None) => {
            Outcome::Panicked(payload.downcast_ref::<String>().expect("a formatted message").clone())
        }
        (Ok(Some(text)), None) => Outcome::Returned(text),
        (Ok(None), Some(line)) => Outcome::Printed(line),
        (Ok(None), None) => Outcome::Nothing,
        odd => panic!("two effects at once: {odd:?}"),
    }
}

/// A generator that never changes (`SplitMix64`), so that the 5,000 strings are the same for ever.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % below as u64) as usize
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.roll(from.len())]
    }

    /// An action of the grammar, without what draws at random or holds its caller.
    fn plain_action(&mut self) -> String {
        let mut text = String::new();
        if self.roll(3) == 0 {
            text += self.pick(&["0%", "100%", "1e2%"]);
        }
        if self.roll(3) > 0 {
            text += self.pick(&["0*", "1*", "2*", "3*", "7*", "+2*", "18446744073709551615*"]);
        }
        text +=
            self.pick(&["off", "return", "return()", "return(a)", "return(2%5*x)", "sleep(0)", "sleep(1)", "delay(0)"]);
        if self.roll(2) == 0 {
            text.truncate(text.find(['o', 'r', 's', 'd']).unwrap_or(0));
            text += self.pick(&[
                "panic",
                "panic(msg)",
                "panic()",
                "print",
                "print(a b)",
                "yield",
                "yield(x)",
                "off(1)",
                "return(é)",
            ]);
        }
        text
    }

    fn action(&mut self) -> String {
        let mut text = String::new();
        if self.roll(3) == 0 {
            let percents =
                ["0", "100", "100.0", "25", "0.5", "1e1", "125", "-5", "NaN", "inf", "1e40", "x", "", " 5", "+50"];
            text += self.pick(&percents);
            text += "%";
        }
        if self.roll(2) == 0 {
            text += self.pick(&[
                "0",
                "1",
                "2",
                "3",
                "7",
                "+2",
                "-1",
                "1.5",
                "",
                "18446744073709551615",
                "18446744073709551616",
            ]);
            text += "*";
        }
        let tasks =
            ["off", "return", "sleep", "panic", "print", "pause", "yield", "delay", "Return", "of", "break", ""];
        let often = if self.roll(4) == 0 { tasks.len() } else { 8 };
        text += self.pick(&tasks[..often]);
        if self.roll(2) == 0 {
            let arguments = [
                "", "0", "1", "+1", "-1", "1.0", "msg", "a b", "2%5", "3*x", "a->b", "(", ")", "a(b)", "é", ";", "=",
                "1 ",
            ];
            let often = if self.roll(4) == 0 { arguments.len() } else { 3 };
            text += "(";
            text += self.pick(&arguments[..often]);
            text += ")";
        }
        text
    }

    fn string(&mut self) -> String {
        if self.roll(2) == 0 {
            let actions: Vec<String> = (0..=self.roll(5)).map(|_| self.plain_action()).collect();
            return actions.join("->");
        }
        let actions: Vec<String> = (0..=self.roll(3)).map(|_| self.action()).collect();
        let mut text = actions.join("->");
        if self.roll(8) == 0 {
            // One character lost, doubled or put in, anywhere.
            let characters: Vec<char> = text.chars().collect();
            let at = self.roll(characters.len() + 1);
            let (head, tail) = characters.split_at(at);
            let middle = self.pick(&["", "(", ")", "%", "*", "-", ">", " ", "->", "0"]);
            let skip = usize::from(self.roll(2) == 0 && !tail.is_empty());
            text = head.iter().collect::<String>() + middle + &tail[skip..].iter().collect::<String>();
        }
        if self.roll(10) == 0 {
            text = format!(" {text} ");
        }
        text
    }
}

/// The one listed difference: percentages that are no percentage.
fn has_odd_percentage(text: &str) -> bool {
    text.split("->").any(|action| {
        let head = action.trim().split('(').next().unwrap_or("");
        head.split_once('%')
            .and_then(|(percent, _)| percent.parse::<f64>().ok())
            .is_some_and(|percent| !(0.0..=100.0).contains(&percent))
    })
}

/// Says whether the string draws at random, which the two crates cannot do alike.
fn draws(text: &str) -> bool {
    text.split("->").any(|action| {
        let head = action.trim().split('(').next().unwrap_or("");
        head.split_once('%')
            .and_then(|(percent, _)| percent.parse::<f64>().ok())
            .is_some_and(|percent| percent > 0.0 && percent < 100.0)
    })
}

const STRINGS: usize = 5_000;
const HITS: usize = 12;

#[test]
fn five_thousand_strings_get_the_same_verdict_and_the_same_outcomes() {
    collect_prints();
    std::panic::set_hook(Box::new(|_| {}));
    let mut dice = Dice(0x5_0a11);
    let mut tally: BTreeMap<&str, usize> = BTreeMap::new();
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut failures = Vec::new();
    for _ in 0..STRINGS {
        let text = dice.string();
        let (their_verdict, our_verdict) = (fail::cfg("differential.site", &text), text.parse::<Rule>());
        let case = match (&their_verdict, &our_verdict) {
            (Err(_), Err(_)) => "both refuse",
            (Ok(()), Err(_)) if has_odd_percentage(&text) => "only we refuse: percentage outside 0 to 100",
            (Ok(()), Ok(_)) if has_odd_percentage(&text) => "odd percentage accepted",
            (Ok(()), Ok(_)) if text.contains("pause") => "both accept: pauses, compared on their own",
            (Ok(()), Ok(_)) if draws(&text) => "both accept: draws at random",
            (Ok(()), Ok(_)) => "both accept, outcomes compared",
            _ => "verdicts differ",
        };
        *tally.entry(case).or_default() += 1;
        if matches!(case, "verdicts differ" | "odd percentage accepted") {
            failures.push(format!("{text:?}: fail {their_verdict:?}, ours {our_verdict:?}"));
        }
        if case == "both accept, outcomes compared" {
            let _guard = arm_thread("differential.site", our_verdict.unwrap()).unwrap();
            for hit in 0..HITS {
                let (their, our) = (observe(theirs), observe(ours));
                if their != our {
                    failures.push(format!("{text:?}, hit {hit}: fail {their:?}, ours {our:?}"));
                }
                *seen.entry(format!("{our:?}").split('(').next().unwrap().to_owned()).or_default() += 1;
            }
        }
    }
    fail::remove("differential.site");
    let _ = std::panic::take_hook();
    println!("{tally:#?}\n{seen:#?}");
    assert!(failures.is_empty(), "{} differ:\n{}", failures.len(), failures[..failures.len().min(20)].join("\n"));
    // The generator must not have become all chaff or all wheat.
    for case in ["both refuse", "both accept, outcomes compared"] {
        assert!(tally[case] > STRINGS / 5, "{case}: {tally:?}");
    }
    assert_eq!(seen.len(), 4, "every kind of outcome was met: {seen:?}");
}

#[test]
fn both_hold_a_caller_at_a_pause_until_something_else_is_armed() {
    fn ours() -> u8 {
        chaos_failpoints::fail_point!("differential.pause", |_| 1);
        0
    }
    fn theirs() -> u8 {
        fail::fail_point!("differential.pause", |_| 1);
        0
    }
    for text in ["pause", "1*pause", "1*pause->return", "0*pause->1*pause->return", "100%pause"] {
        let scope = Scope::new(text);
        let guard = scope.arm("differential.pause", text).unwrap();
        fail::cfg("differential.pause", text).unwrap();
        let inside = scope.clone();
        let ours = std::thread::spawn(move || inside.run(ours));
        let theirs = std::thread::spawn(theirs);
        assert!(guard.barrier().wait_for(1, Duration::from_mins(2)), "{text}");
        assert!(!ours.is_finished() && !theirs.is_finished(), "{text}");
        drop(guard);
        // `fail` forgets who came between the look and the wait, so it is told until its thread has ended.
        while !theirs.is_finished() {
            fail::cfg("differential.pause", "off").unwrap();
            std::thread::yield_now();
        }
        assert_eq!((ours.join().unwrap(), theirs.join().unwrap()), (0, 0), "{text}");
    }
    fail::remove("differential.pause");
}

#[test]
fn both_take_at_least_the_time_of_a_sleep_and_of_a_delay() {
    fn ours() {
        chaos_failpoints::fail_point!("differential.time");
    }
    fn theirs() {
        fail::fail_point!("differential.time");
    }
    for text in ["sleep(20)", "delay(20)", "1*sleep(20)", "0%panic->delay(20)"] {
        let _guard = arm_thread("differential.time", text).unwrap();
        fail::cfg("differential.time", text).unwrap();
        for site in [ours as fn(), theirs] {
            let start = Instant::now();
            site();
            assert!(start.elapsed() >= Duration::from_millis(20), "{text}");
        }
    }
    fail::remove("differential.time");
}

#[test]
fn both_meet_a_percentage_within_six_sigma() {
    fn ours() -> bool {
        chaos_failpoints::fail_point!("differential.rate", |_| true);
        false
    }
    fn theirs() -> bool {
        fail::fail_point!("differential.rate", |_| true);
        false
    }
    const RUNS: u32 = 20_000;
    for (text, share) in [("25%return", 0.25), ("0.5%return", 0.005), ("1e1%return->5%return", 0.145)] {
        let _guard = arm_thread("differential.rate", text).unwrap();
        fail::cfg("differential.rate", text).unwrap();
        for site in [ours as fn() -> bool, theirs] {
            let fired = (0..RUNS).filter(|_| site()).count();
            let (mean, sigma) = (f64::from(RUNS) * share, (f64::from(RUNS) * share * (1.0 - share)).sqrt());
            assert!((fired as f64 - mean).abs() < 6.0 * sigma, "{text}: {fired} of {RUNS}");
        }
    }
    fail::remove("differential.rate");
}
