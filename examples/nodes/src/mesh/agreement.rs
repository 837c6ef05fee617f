//! What several members say of each other, as a probe asks.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde_json::Value;

use crate::http::get;

/// How long a member may take to answer; one that is paused never does.
const PATIENCE: Duration = Duration::from_millis(300);

/// The members that answer, with what each says of itself and the others.
#[derive(Debug, Clone, Default)]
pub struct Agreement {
    answers: BTreeMap<String, Value>,
    asked: usize,
}

/// Asks each of the URLs for its status, all at the same time.
pub async fn ask(urls: &[String]) -> Agreement {
    let asked: Vec<_> = urls
        .iter()
        .map(|url| {
            let url = format!("{url}/status");
            tokio::spawn(async move { get(&url, PATIENCE).await })
        })
        .collect();
    let mut agreement = Agreement { asked: urls.len(), ..Agreement::default() };
    for answer in asked {
        if let Ok(Ok(reply)) = answer.await {
            let name = reply.body["name"].as_str().unwrap_or_default().to_owned();
            agreement.answers.insert(name, reply.body);
        }
    }
    agreement
}

impl Agreement {
    /// How many members answer.
    pub fn answering(&self) -> usize {
        self.answers.len()
    }

    /// Whether exactly `count` members answer, each hears all of them, and nobody else.
    pub fn just(&self, count: usize) -> bool {
        self.answers.len() == count
            && self.pairs().all(|(one, other, state)| {
                let expected = if self.answers.contains_key(other) { "live" } else { "stale" };
                one == other || state == expected
            })
    }

    /// Whether those that answer have never lost each other since they were started.
    pub fn kept(&self) -> bool {
        let lost = |one: &str, other: &str| self.answers[one]["members"][other]["times_stale"].as_u64() != Some(0);
        !self.answers.is_empty()
            && self.pairs().all(|(one, other, state)| {
                one == other || !self.answers.contains_key(other) || (state == "live" && !lost(one, other))
            })
    }

    /// Each member that answers, with what it says of each other one.
    fn pairs(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        self.answers.iter().flat_map(|(one, status)| {
            let members = status["members"].as_object();
            members
                .into_iter()
                .flatten()
                .map(move |(other, told)| (one.as_str(), other.as_str(), told["state"].as_str().unwrap_or_default()))
        })
    }
}

impl fmt::Display for Agreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.answers.keys().map(String::as_str).collect();
        write!(f, "{} of {} answer ({})", names.len(), self.asked, names.join(", "))?;
        for state in ["stale", "unheard"] {
            let by_member = |one: &str| -> Vec<&str> {
                self.pairs().filter(|(its, _, told)| *its == one && *told == state).map(|(_, other, _)| other).collect()
            };
            let told: Vec<Vec<&str>> = names.iter().map(|name| by_member(name)).collect();
            if let Some(all) = told.first().filter(|all| !all.is_empty() && names.len() > 1)
                && told.iter().all(|one| one == all)
            {
                write!(f, "; {state} to each of them: {}", all.join(", "))?;
                continue;
            }
            let missed: Vec<String> = self
                .pairs()
                .filter(|(_, _, told)| *told == state)
                .map(|(one, other, _)| format!("{one}→{other}"))
                .collect();
            if !missed.is_empty() {
                write!(f, "; {state}: {}", missed.join(" "))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Another member, its state, and how often it was stale.
    type Told<'a> = (&'a str, &'a str, u64);

    fn agreement(states: &[(&str, &[Told<'_>])]) -> Agreement {
        let answers = states.iter().map(|(name, members)| {
            let members: serde_json::Map<String, Value> = members
                .iter()
                .map(|(other, state, lost)| ((*other).to_owned(), json!({"state": state, "times_stale": lost})))
                .collect();
            ((*name).to_owned(), json!({ "members": members }))
        });
        Agreement { answers: answers.collect(), asked: 3 }
    }

    #[test]
    fn survivors_agree_when_they_hear_each_other_and_nobody_else() {
        let whole = agreement(&[("n1", &[("n2", "live", 0), ("n3", "stale", 1)]), ("n2", &[("n1", "live", 0)])]);
        assert!(whole.just(2) && !whole.just(3) && whole.kept(), "{whole}");
        assert_eq!(whole.to_string(), "2 of 3 answer (n1, n2); stale: n1→n3");
        let agreed = agreement(&[("n1", &[("n2", "live", 0), ("n3", "stale", 1)]), ("n2", &[("n3", "stale", 1)])]);
        assert_eq!(agreed.to_string(), "2 of 3 answer (n1, n2); stale to each of them: n3");
        let late = agreement(&[("n1", &[("n2", "live", 0), ("n3", "live", 0)]), ("n2", &[("n1", "live", 0)])]);
        assert!(!late.just(2) && late.kept(), "nobody has noticed n3 yet: {late}");
        let lost = agreement(&[("n1", &[("n2", "live", 1)]), ("n2", &[("n1", "live", 0)])]);
        assert!(lost.just(2) && !lost.kept(), "{lost}");
        assert!(!agreement(&[]).kept());
    }
}
