//! The action strings of fail-rs: `[p%][cnt*]task[(arg)]`, joined by `->`.
//!
//! The verdicts are fail-rs's own, checked string by string against the crate, but for one difference: a percentage
//! outside 0 to 100, or one that is not a number, is refused (there `125%` fires always, and `-5%` panics at the
//! first hit).

use std::{str::FromStr, time::Duration};

use crate::{
    ActionProblem, Error, Rule,
    gate::Gate,
    rule::{Action, Step},
};

impl FromStr for Rule {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let steps = text.split("->").map(step).collect::<Result<_, _>>()?;
        Ok(Self { steps, seed: None })
    }
}

impl TryFrom<&str> for Rule {
    type Error = Error;

    fn try_from(text: &str) -> Result<Self, Error> {
        text.parse()
    }
}

impl TryFrom<&String> for Rule {
    type Error = Error;

    fn try_from(text: &String) -> Result<Self, Error> {
        text.parse()
    }
}

fn step(text: &str) -> Result<Step, Error> {
    parts(text).map_err(|problem| Error::Grammar { action: text.to_owned(), problem })
}

/// Reads one action. The argument comes off first, since it may hold a `%` or a `*`.
fn parts(text: &str) -> Result<Step, ActionProblem> {
    let (head, argument) = match text.trim().split_once('(') {
        None => (text.trim(), None),
        Some((head, rest)) => (head, Some(rest.strip_suffix(')').ok_or(ActionProblem::Parenthesis)?)),
    };
    let (rate, head) = match head.split_once('%') {
        None => (1.0, head),
        Some((percent, rest)) => (share(percent)?, rest),
    };
    let (most, task) = match head.split_once('*') {
        None => (u64::MAX, head),
        Some((count, rest)) => (count.parse().map_err(|_| ActionProblem::Count(count.to_owned()))?, rest),
    };
    Ok(Step { gate: Gate { rate, most, ..Gate::OPEN }, delay: Duration::ZERO, action: action(task, argument)? })
}

/// Reads a percentage as a share of 1.
fn share(percent: &str) -> Result<f64, ActionProblem> {
    let value: f64 = percent.parse().map_err(|_| ActionProblem::Percentage(percent.to_owned()))?;
    if !(0.0..=100.0).contains(&value) {
        return Err(ActionProblem::PercentageRange(percent.to_owned()));
    }
    Ok(value / 100.0)
}

/// The tasks of the grammar, for messages.
const TASKS: [&str; 8] = ["off", "return", "sleep", "panic", "print", "pause", "yield", "delay"];

fn action(task: &str, argument: Option<&str>) -> Result<Action, ActionProblem> {
    let text = || argument.map(Into::into);
    Ok(match task {
        "off" => Action::Off,
        "return" => Action::Return(text()),
        "sleep" => Action::Sleep(milliseconds(task, argument)?),
        "panic" => Action::Panic(text()),
        "print" => Action::Print(text()),
        "pause" => Action::Pause,
        "yield" => Action::Yield,
        "delay" => Action::Spin(milliseconds(task, argument)?),
        unknown => {
            let hint = match crate::registry::nearest(unknown, TASKS.into_iter()) {
                Some(near) => format!("; did you mean `{near}`?"),
                None => format!("; the tasks are {}", TASKS.join(", ")),
            };
            return Err(ActionProblem::Task { task: unknown.to_owned(), hint });
        }
    })
}

fn milliseconds(task: &str, argument: Option<&str>) -> Result<Duration, ActionProblem> {
    let text = argument.ok_or_else(|| ActionProblem::NoTime(task.to_owned()))?;
    let wrong = |_| ActionProblem::Time { task: task.to_owned(), text: text.to_owned() };
    text.parse().map(Duration::from_millis).map_err(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_comes_back() {
        for (text, shown) in [
            ("off", "off"),
            (" 25%2*return(2%5) ", "25%2*return(2%5)"),
            ("return()", "return()"),
            ("sleep(10)->delay(0)->pause", "sleep(10)->delay(0)->pause"),
            ("100%print(hi)", "print(hi)"),
            ("yield(ignored)", "yield"),
            ("0%panic", "0%panic"),
        ] {
            assert_eq!(text.parse::<Rule>().unwrap().to_string(), shown, "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_named_with_what_would_be_right() {
        for (text, part) in [
            ("", "the tasks are"),
            ("retrun", "did you mean `return`?"),
            ("return(x", "not closed"),
            ("return(a->b)", "not closed"),
            ("sleep", "needs its milliseconds"),
            ("sleep(1s)", "expected a whole number"),
            ("x%off", "invalid percentage `x` before `%`"),
            ("125%off", "outside 0 to 100"),
            ("-5%off", "outside 0 to 100"),
            ("NaN%off", "outside 0 to 100"),
            ("-1*off", "invalid count `-1`"),
            ("3*25%off", "invalid percentage `3*25` before `%`"),
        ] {
            let error = text.parse::<Rule>().unwrap_err().to_string();
            assert!(error.contains(part), "{text:?}: {error}");
        }
    }
}
