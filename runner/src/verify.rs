//! Named checks: the embedder's own verifier first, then the task's.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::time::Duration;

use chaos_core::{Answer, BoxFuture, Check, CheckBody, CheckMode, Observation, RunContext, Seconds, Verification};
use serde_json::Value;

use crate::ask::ask;
use crate::guarded::guarded;

/// Time between two answers of a check that polls.
const POLL: Duration = Duration::from_millis(500);
/// How long `converge` polls and `hold` watches when the check does not say.
const CHECK_SECONDS: u8 = 30;

/// The embedder's answer to `verify` names.
pub trait Verifier: Debug + Send + Sync {
    /// Answers `name`, or `None` to leave it to the task's own checks. `opaque` is the check's value where the
    /// document holds one of a type that we don't have.
    fn verify<'a>(
        &'a self,
        name: &'a str,
        opaque: Option<&'a Value>,
        cx: &'a RunContext,
    ) -> BoxFuture<'a, Option<Observation>>;

    /// Whether it is asked first for checks that the task itself can answer. Default: yes.
    fn answers_the_tasks_checks(&self) -> bool {
        true
    }
}

/// Answers an entry's `verify`.
pub(crate) async fn verify(
    name: &str,
    checks: &BTreeMap<String, Check>,
    verifier: Option<&dyn Verifier>,
    cx: &RunContext,
) -> Verified {
    let check = checks.get(name);
    let opaque = check.and_then(|check| match &check.body {
        CheckBody::Opaque { value, .. } => Some(value),
        CheckBody::Probe(_) => None,
    });
    let ours = opaque.is_none() && check.is_some();
    if let Some(verifier) = verifier.filter(|verifier| !ours || verifier.answers_the_tasks_checks()) {
        let ask = || async {
            match guarded(verifier.verify(name, opaque, cx)).await {
                Ok(seen) => seen,
                Err(panicked) => Some(Observation::unknown(panicked.to_string())),
            }
        };
        // Its answers are judged as the check says, as those of a probe are.
        let asked = cx.clock().now();
        if let Some(first) = ask().await {
            let more = || async { ask().await.unwrap_or_else(|| Observation::unknown("the verifier left it open")) };
            return judged(asked, first, more, check.filter(|_| !ours), cx).await.of(name);
        }
    }
    let seen = match check {
        Some(check) => judged_check(check, cx).await,
        None => {
            Judged { seen: Observation::unknown(unknown_name(name, checks.keys().map(String::as_str))), last_no: None }
        }
    };
    seen.of(name)
}

/// The answer to a `verify`.
#[derive(Debug)]
pub(crate) struct Verified {
    pub(crate) answer: Verification,
    /// When the last answer that was no was asked for, on the run's clock; none where none was.
    pub(crate) last_no: Option<Duration>,
}

/// The answer that counts.
struct Judged {
    seen: Observation,
    last_no: Option<Duration>,
}

impl Judged {
    fn of(self, name: &str) -> Verified {
        Verified { answer: Verification::of(name, self.seen), last_no: self.last_no }
    }
}

fn unknown_name<'a>(name: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    let near = chaos_core::suggestion(name, known.clone()).map(|near| format!("; did you mean `{near}`?"));
    let known: Vec<&str> = known.collect();
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    format!("no check is named `{name}`{}; known: {known}", near.unwrap_or_default())
}

pub(crate) async fn run_check(check: &Check, cx: &RunContext) -> Observation {
    judged_check(check, cx).await.seen
}

async fn judged_check(check: &Check, cx: &RunContext) -> Judged {
    let probe = match &check.body {
        CheckBody::Probe(probe) => probe,
        CheckBody::Opaque { unknown_type, .. } => {
            let seen = Observation::unknown(format!(
                "check type `{unknown_type}` belongs to the harness; it was not evaluated"
            ));
            return Judged { seen, last_no: None };
        }
    };
    let asked = cx.clock().now();
    judged(asked, ask(probe, cx).await, || ask(probe, cx), Some(check), cx).await
}

/// From a first answer to the one that counts: the check's mode says whether more are asked for, and until when.
async fn judged<F: Future<Output = Observation>>(
    asked: Duration,
    first: Observation,
    more: impl Fn() -> F,
    check: Option<&Check>,
    cx: &RunContext,
) -> Judged {
    let no = |seen: &Observation, asked: Duration| (seen.answer == Answer::No).then_some(asked);
    let mut last_no = no(&first, asked);
    let Some(check) = check else { return Judged { seen: first, last_no } };
    let limit = check.timeout_seconds.unwrap_or_else(|| Seconds::from(CHECK_SECONDS)).get();
    let end = cx.clock().now().saturating_add(limit);
    let mut seen = first;
    loop {
        let stop = match check.mode {
            CheckMode::Assert => true,
            CheckMode::Converge => seen.answer == Answer::Yes,
            CheckMode::Hold => seen.answer != Answer::Yes,
        };
        if stop || cx.clock().now() + POLL > end || !cx.sleep(POLL).await {
            return Judged { seen, last_no };
        }
        let asked = cx.clock().now();
        seen = more().await;
        last_no = no(&seen, asked).or(last_no);
    }
}
