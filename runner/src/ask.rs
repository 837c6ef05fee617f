//! One question to a probe: how long it may take, and what its silence means.

use std::time::Duration;

use chaos_core::{
    Answer, Configured, DynProbe, EventKind, Observation, PROBE_TIMEOUT, Policy, ProbeRole, RunContext, RunScope,
    SteadyProbe, Verification,
};
use tracing::Instrument;

use crate::guarded::{guarded, guarded_call};
use crate::preflight::reach;

/// What a probe gets beyond its own timeout, so that it is the one that says what happened.
const OWN_WORDS: Duration = Duration::from_secs(2);
/// How long an answer is waited for once the run is interrupted.
const INTERRUPTED: Duration = Duration::from_secs(5);
/// Time between two answers while the steady state is waited for.
const POLL: Duration = Duration::from_millis(500);

/// Asks a probe once: its panic, a deadline and a policy refusal are "unknown".
pub(crate) async fn ask<X>(probe: &Configured<dyn DynProbe, X>, cx: &RunContext) -> Observation {
    let span = tracing::info_span!("probe", probe = probe.label(), path = cx.path());
    asked(probe, cx).instrument(span).await
}

async fn asked<X>(probe: &Configured<dyn DynProbe, X>, cx: &RunContext) -> Observation {
    if let Err(refused) = reach(|| probe.reach(), cx).await {
        return Observation::unknown(refused.to_string());
    }
    let (limit, whose) = match guarded_call(|| probe.at_most()) {
        Ok(own) => deadline(own, cx.policy()),
        Err(panicked) => return Observation::unknown(panicked.to_string()),
    };
    let answer = cx.clock().timeout(limit, guarded(probe.observe(cx)));
    let interrupted = async {
        cx.cancelled().await;
        cx.clock().sleep(INTERRUPTED).await;
    };
    let seen = tokio::select! {
        biased;
        seen = answer => seen,
        () = interrupted => return Observation::unknown("no answer before the run was interrupted"),
    };
    match seen {
        Some(Ok(seen)) => seen,
        Some(Err(panicked)) => Observation::unknown(panicked.to_string()),
        None => Observation::unknown(format!("no answer within {}{whose}", seconds(limit))),
    }
}

/// Waits until the run is interrupted, and then for as long as a probe may still answer, that is not blocking its thread.
pub(crate) async fn blocked(cx: &RunContext) {
    cx.cancelled().await;
    cx.clock().sleep(INTERRUPTED + OWN_WORDS).await;
}

/// How long one answer may take: the probe's own timeout counts, and the policy's longest duration is the ceiling (though
/// never less than what a probe without a timeout gets).
fn deadline(own: Option<Duration>, policy: &Policy) -> (Duration, &'static str) {
    let ceiling = Duration::try_from_secs_f64(policy.max_duration_seconds).unwrap_or(Duration::MAX / 4);
    let ceiling = ceiling.max(PROBE_TIMEOUT);
    match own {
        None => (PROBE_TIMEOUT, ""),
        Some(own) if own > ceiling => (ceiling, ", the policy's `max_duration_seconds`"),
        Some(own) => (own.saturating_add(OWN_WORDS), ""),
    }
}

/// Asks the probes of the steady state one after the other, and puts each answer on the event stream. A probe that may
/// take a while to be there is asked until it says yes, or its time has passed.
pub(crate) async fn ask_steady(
    probes: &[SteadyProbe],
    role: ProbeRole,
    segment: &str,
    scope: &RunScope,
) -> Vec<Verification> {
    let start = scope.cx().clock().now();
    let mut answers = Vec::new();
    for (index, probe) in probes.iter().enumerate() {
        let cx = scope.cx().child(&format!("{segment}/{index}"), None);
        let asked = cx.clock().now();
        let within = probe.extra().within_seconds.map_or(Duration::ZERO, chaos_core::Seconds::get);
        let settled = settled(probe, start.saturating_add(within), &cx);
        let interrupted = async {
            // Afterwards the world is looked at all the same, in the time that an interrupted probe has.
            if role != ProbeRole::SteadyStateBefore {
                std::future::pending::<()>().await;
            }
            cx.cancelled().await;
        };
        let mut seen = tokio::select! {
            biased;
            () = interrupted => Observation::unknown("interrupted before there was an answer"),
            seen = settled => seen,
        };
        if seen.answer != Answer::Yes && !within.is_zero() {
            seen.detail = format!("not within {}: {}", seconds(within), seen.detail);
        }
        let observation = seen.clone();
        let took_seconds = Some(cx.clock().now().saturating_sub(asked).as_secs_f64());
        let probe_name = probe.label().to_owned();
        scope.emit_at(&cx, EventKind::Probed { role, probe: probe_name, observation, took_seconds });
        answers.push(Verification::of(probe.label(), seen));
    }
    answers
}

/// Asks until it says yes, or until `end`; once at least.
async fn settled(probe: &SteadyProbe, end: Duration, cx: &RunContext) -> Observation {
    loop {
        let seen = ask(probe, cx).await;
        let over = cx.clock().now().saturating_add(POLL) > end;
        if seen.answer == Answer::Yes || over || !cx.sleep(POLL).await {
            return seen;
        }
    }
}

/// A time as a person says it: whole seconds without a fraction, else with one digit; what that would round away in
/// milliseconds.
pub(crate) fn seconds(time: Duration) -> String {
    if !time.is_zero() && time < Duration::from_millis(100) {
        return format!("{} ms", time.as_millis().max(1));
    }
    let text = format!("{:.1}", time.as_secs_f64());
    format!("{} s", text.strip_suffix(".0").unwrap_or(&text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_probes_own_timeout_counts_up_to_the_policys_ceiling() {
        let policy = |max_duration_seconds: f64| Policy { max_duration_seconds, ..Policy::default() };
        let s = Duration::from_secs;
        let rows = [
            (None, 600.0, s(30)),
            (None, 3.0, s(30)),
            (Some(s(5)), 600.0, s(7)),
            (Some(s(5)), 1.0, s(7)),
            (Some(s(45)), 600.0, s(47)),
            (Some(s(45)), 10.0, s(30)),
            (Some(s(900)), 600.0, s(600)),
        ];
        for (own, ceiling, want) in rows {
            assert_eq!(deadline(own, &policy(ceiling)).0, want, "{own:?} under {ceiling}");
        }
        assert_eq!([s(3), Duration::from_millis(2600)].map(seconds), ["3 s", "2.6 s"]);
        assert_eq!([s(0), Duration::from_millis(40), Duration::from_micros(7)].map(seconds), ["0 s", "40 ms", "1 ms"]);
    }
}
