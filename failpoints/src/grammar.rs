//! The action strings of fail-rs: `[p%][cnt*]task[(arg)]`, joined by `->`.
//!
//! The verdicts are fail-rs's own, checked string by string against the crate, but for one difference: a percentage
//! outside 0 to 100, or one that is not a number, is refused (there `125%` fires always, and `-5%` panics at the
//! first hit).

use std::{str::FromStr, time::Duration};

use crate::{
    Error, Rule,
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

/// Reads one action. The argument comes off first, since it may hold a `%` or a `*`.
fn step(text: &str) -> Result<Step, Error> {
    let wrong = |problem: String| Error::Grammar { action: text.to_owned(), problem };
    let (head, argument) = match text.trim().split_once('(') {
        None => (text.trim(), None),
        Some((head, rest)) => match rest.strip_suffix(')') {
            Some(inside) => (head, Some(inside)),
            None => {
                return Err(wrong("the parenthesis is not closed at the end of the action".into()));
            }
        },
    };
    let (rate, head) = match head.split_once('%') {
        None => (1.0, head),
        Some((percent, rest)) => (share(percent).map_err(wrong)?, rest),
    };
    let (most, task) = match head.split_once('*') {
        None => (None, head),
        Some((count, rest)) => {
            let count =
                count.parse().map_err(|_| wrong(format!("`{count}` before `*` is not a count; write `3*return`")))?;
            (Some(count), rest)
        }
    };
    let mut rule = Rule::of(action(task, argument).map_err(wrong)?);
    rule = rule.rate(rate)?;
    if let Some(most) = most {
        rule = rule.at_most(most);
    }
    Ok(rule.steps.remove(0))
}

/// Reads a percentage as a share of 1.
fn share(percent: &str) -> Result<f64, String> {
    let value: f64 =
        percent.parse().map_err(|_| format!("`{percent}` before `%` is not a number; write `25%return`"))?;
    if !(0.0..=100.0).contains(&value) {
        return Err(format!("{percent} % is outside 0 to 100"));
    }
    Ok(value / 100.0)
}

/// The tasks of the grammar, for messages.
const TASKS: [&str; 8] = ["off", "return", "sleep", "panic", "print", "pause", "yield", "delay"];

fn action(task: &str, argument: Option<&str>) -> Result<Action, String> {
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
            return Err(match crate::registry::nearest(unknown, TASKS.into_iter()) {
                Some(near) => format!("unknown task `{unknown}`; did you mean `{near}`?"),
                None => format!("unknown task `{unknown}`; the tasks are {}", TASKS.join(", ")),
            });
        }
    })
}

fn milliseconds(task: &str, argument: Option<&str>) -> Result<Duration, String> {
    let text = argument.ok_or_else(|| format!("`{task}` needs its milliseconds: `{task}(100)`"))?;
    text.parse()
        .map(Duration::from_millis)
        .map_err(|_| format!("`{text}` is not a whole number of milliseconds; write `{task}(100)`"))
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
            ("sleep(1s)", "not a whole number"),
            ("x%off", "before `%` is not a number"),
            ("125%off", "outside 0 to 100"),
            ("-5%off", "outside 0 to 100"),
            ("NaN%off", "outside 0 to 100"),
            ("-1*off", "is not a count"),
            ("3*25%off", "before `%` is not a number"),
        ] {
            let error = text.parse::<Rule>().unwrap_err().to_string();
            assert!(error.contains(part), "{text:?}: {error}");
        }
    }
}
