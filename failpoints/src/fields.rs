//! A rule as named fields, for task files, form bodies and ports of the Iris harness.

use std::time::Duration;

use crate::{Error, Rule};

/// The most that `delay_seconds` may be: a year, well inside what a timer can hold.
const LONGEST_DELAY_SECONDS: f64 = 31_536_000.0;

/// The fields of a rule.
///
/// The first four are the ones of Iris: with no `error` and a delay, the site only delays; otherwise it fails, after
/// the delay if there is one.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct RuleFields {
    /// Share of the hits that fire, 0 to 1; all when absent.
    pub failure_rate: Option<f64>,
    /// The most times that it fires; without bound when absent.
    pub max_failures: Option<u64>,
    /// Seconds of delay before the effect.
    pub delay_seconds: Option<f64>,
    /// The message of the error that the site returns.
    pub error: Option<String>,
    /// Hits that pass before the first may fire.
    pub skip_first: Option<u64>,
    /// Fires on every n-th hit only, 1 or more.
    pub every_nth: Option<u64>,
    /// Fixes the seed of the rate.
    pub seed: Option<u64>,
}

impl RuleFields {
    /// Sets one field from its name and text.
    ///
    /// # Errors
    /// An unknown name, or a text that is not of the field's type.
    pub fn set(&mut self, name: &str, text: &str) -> Result<(), Error> {
        match name {
            "failure_rate" => {
                self.failure_rate = Some(number("failure_rate", text, "write a share such as 0.3")?);
            }
            "max_failures" => self.max_failures = Some(number("max_failures", text, WHOLE)?),
            "delay_seconds" => {
                self.delay_seconds = Some(number("delay_seconds", text, "write seconds such as 2.5")?);
            }
            "error" => self.error = Some(text.to_owned()),
            "skip_first" => self.skip_first = Some(number("skip_first", text, WHOLE)?),
            "every_nth" => self.every_nth = Some(number("every_nth", text, WHOLE)?),
            "seed" => self.seed = Some(number("seed", text, WHOLE)?),
            unknown => {
                return Err(Error::Field {
                    field: "field",
                    value: format!("`{unknown}`"),
                    bound: "the fields are failure_rate, max_failures, delay_seconds, error, skip_first, every_nth, seed",
                });
            }
        }
        Ok(())
    }

    /// Makes the rule.
    ///
    /// # Errors
    /// A field that is out of its bounds.
    pub fn rule(&self) -> Result<Rule, Error> {
        let delay = self.delay()?;
        let mut rule = match &self.error {
            Some(message) => Rule::error(message).after(delay),
            None if delay.is_zero() => Rule::fail(),
            None => Rule::sleep(delay),
        };
        rule = rule.rate(self.failure_rate.unwrap_or(1.0)).map_err(|_| Error::Field {
            field: "failure_rate",
            value: self.failure_rate.unwrap_or(1.0).to_string(),
            bound: "a share is from 0 to 1",
        })?;
        if self.every_nth == Some(0) {
            return Err(Error::Field {
                field: "every_nth",
                value: "0".into(),
                bound: "1 is every hit, 2 every other one",
            });
        }
        rule = rule.skip(self.skip_first.unwrap_or(0)).every(self.every_nth.unwrap_or(1));
        if let Some(most) = self.max_failures {
            rule = rule.at_most(most);
        }
        if let Some(seed) = self.seed {
            rule = rule.seed(seed);
        }
        Ok(rule)
    }

    fn delay(&self) -> Result<Duration, Error> {
        let seconds = self.delay_seconds.unwrap_or(0.0);
        if !(0.0..=LONGEST_DELAY_SECONDS).contains(&seconds) {
            return Err(Error::Field {
                field: "delay_seconds",
                value: seconds.to_string(),
                bound: "a delay is from 0 seconds to a year",
            });
        }
        Ok(Duration::from_secs_f64(seconds))
    }
}

const WHOLE: &str = "write a whole number, 0 or more";

fn number<T: std::str::FromStr>(field: &'static str, text: &str, bound: &'static str) -> Result<T, Error> {
    text.trim().parse().map_err(|_| Error::Field { field, value: format!("`{text}`"), bound })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(pairs: &[(&str, &str)]) -> Result<Rule, Error> {
        let mut fields = RuleFields::default();
        for (name, text) in pairs {
            fields.set(name, text)?;
        }
        fields.rule()
    }

    #[test]
    fn the_fields_of_iris_mean_what_they_say() {
        for (pairs, want) in [
            (vec![], "return"),
            (vec![("failure_rate", "0.3")], "30%return"),
            (vec![("max_failures", "3"), ("error", "no route")], "3*return(no route)"),
            (vec![("delay_seconds", "2.5")], "sleep(2500)"),
            (vec![("delay_seconds", "1"), ("error", "late")], "after 1000ms return(late)"),
            (vec![("skip_first", "2"), ("every_nth", "3")], "skip 2 every 3 return"),
        ] {
            assert_eq!(fields(&pairs).unwrap().to_string(), want, "{pairs:?}");
        }
    }

    #[test]
    fn a_field_out_of_bounds_is_refused_by_name() {
        for (name, text, part) in [
            ("failure_rate", "1.5", "invalid `failure_rate` 1.5"),
            ("failure_rate", "many", "write a share"),
            ("max_failures", "-1", "`max_failures`"),
            ("delay_seconds", "-1", "from 0 seconds"),
            ("delay_seconds", "1e300", "from 0 seconds"),
            ("delay_seconds", "NaN", "from 0 seconds"),
            ("every_nth", "0", "1 is every hit"),
            ("failrate", "1", "the fields are"),
        ] {
            let error = fields(&[(name, text)]).unwrap_err().to_string();
            assert!(error.contains(part), "{name}={text}: {error}");
        }
    }
}
