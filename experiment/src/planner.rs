//! The planner without a model: plain keyword rules, which the report names.

use chaos_schema::{Slo, StrategyName};

/// What the goal's words chose.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Choice {
    pub(crate) strategy: StrategyName,
    /// The word that chose; `None` where none did.
    pub(crate) word: Option<&'static str>,
    /// A rate that the goal names, in requests per second.
    pub(crate) qps: Option<u32>,
}

/// The rules, in the order in which they are tried; the first word that is in the goal chooses.
const RULES: [(StrategyName, &[&str]); 4] = [
    (StrategyName::Compare, &["with and without", "compare", "difference", "effect", "impact", "paused", "while"]),
    (StrategyName::Ramp, &["ramp", "curve", "profile", "gives way", "give way", "grow"]),
    (StrategyName::Capacity, &["how much", "how many", "capacity", "limit", "maximum", "at most", "before", "saturat"]),
    (StrategyName::Repeat, &["repeat", "spread", "vary", "stable", "noise", "still", "hold", "sustain", "keep"]),
];

/// Words after a number that make it a rate.
const RATES: [&str; 6] = ["qps", "rps", "req/s", "requests", "reqs", "/s"];

/// Chooses by the goal's words; `capacity` where no word matches.
pub(crate) fn choose(goal: &str) -> Choice {
    let goal = goal.to_lowercase();
    let rule = |(strategy, words): (StrategyName, &'static [&'static str])| {
        words.iter().find(|word| goal.contains(**word)).map(|word| (strategy, *word))
    };
    let found = RULES.into_iter().find_map(rule);
    let strategy = found.map_or(StrategyName::Capacity, |(strategy, _)| strategy);
    Choice { strategy, word: found.map(|(_, word)| word), qps: rate(&goal) }
}

/// The words of a goal, without the punctuation around them.
fn words(goal: &str) -> Vec<&str> {
    goal.split_whitespace().map(|word| word.trim_matches([',', ';', ':', '?', '!', '(', ')', '.', '"'])).collect()
}

fn rate(goal: &str) -> Option<u32> {
    let words = words(goal);
    words.iter().enumerate().find_map(|(at, word)| {
        let end = word.find(|c: char| !c.is_ascii_digit()).unwrap_or(word.len());
        let number: u32 = word[..end].parse().ok().filter(|number| *number > 0)?;
        let unit = if end < word.len() { &word[end..] } else { words.get(at + 1).copied().unwrap_or_default() };
        RATES.contains(&unit).then_some(number)
    })
}

/// SLOs in a goal's own words: a percentile (`p99`) and, within four words, a time (`200 ms`).
pub(crate) fn slos(goal: &str) -> Vec<Slo> {
    let goal = goal.to_lowercase();
    let words = words(&goal);
    let slo = |(at, word): (usize, &&str)| {
        let percentile = word.strip_prefix('p').filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))?;
        (at + 1..at + 6).find_map(|next| {
            let (time, unit) = (words.get(next)?, words.get(next + 1).copied().unwrap_or_default());
            let joined = [(*time).to_owned(), format!("{time}{unit}")];
            joined.iter().find_map(|time| format!("p{percentile}<{time}").parse::<Slo>().ok())
        })
    };
    words.iter().enumerate().filter_map(slo).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_choose_and_the_rest_is_capacity() {
        use StrategyName::{Capacity, Compare, Ramp, Repeat};
        let rows = [
            ("how much can it take", Capacity, None),
            ("How much can this service take before p99 passes 200 ms?", Capacity, None),
            ("does it still hold 300 qps with one worker paused?", Compare, Some(300)),
            ("does it hold 250rps", Repeat, Some(250)),
            ("what gives way first", Ramp, None),
            ("hello", Capacity, None),
        ];
        for (goal, strategy, qps) in rows {
            let choice = choose(goal);
            assert_eq!((choice.strategy, choice.qps), (strategy, qps), "{goal}");
        }
        assert_eq!(choose("hello").word, None);
    }

    #[test]
    fn slos_are_read_from_the_goal() {
        let read = |goal: &str| slos(goal).iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(read("how much before p99 passes 200 ms?"), ["p99<200ms"]);
        assert_eq!(read("keep p99.9 under 50ms and p50 below 2 s"), ["p99.9<50ms", "p50<2s"]);
        assert!(read("how much can it take; p99 is what I look at").is_empty());
    }
}
