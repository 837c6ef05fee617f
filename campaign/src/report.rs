//! Figures for people and programs.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::drive::Ran;
use crate::flaw::FlawKind;

/// The head of the table of `docs/safety.md`.
pub const TABLE_HEAD: &str = "| Campaign | Rounds | Left stopped | Silent losses | Hangs | Other findings | ms a round (p50, p99) | Rounds a second | Met |\n\
     |---|---|---|---|---|---|---|---|---|\n";

/// Its line for a campaign.
pub fn as_row(Ran { name, tally, took }: &Ran) -> String {
    let rounds = tally.times.len();
    let (left, silent) = (tally.found(FlawKind::LeftStopped), tally.found(FlawKind::SilentLoss));
    let hangs = tally.found(FlawKind::Hang);
    let other = tally.findings.len() - left - silent - hangs;
    let (p50, p99) = (tally.percentile(50).as_millis(), tally.percentile(99).as_millis());
    let mut met: Vec<String> = tally.met.iter().map(|(what, times)| format!("{what} {times}")).collect();
    if !tally.after_death.is_empty() {
        let [p50, p95, most] = [50, 95, 100].map(|share| tally.after_death(share).as_secs_f64() * 1e3);
        let of = tally.after_death.len();
        met.push(format!("in force after death ({of}): p50 {p50:.1} ms, p95 {p95:.1} ms, max {most:.1} ms"));
    }
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let rate = rounds as f64 / took.as_secs_f64();
    let met = met.join(", ");
    format!("| `{name}` | {rounds} | {left} | {silent} | {hangs} | {other} | {p50}, {p99} | {rate:.0} | {met} |\n")
}

/// What was killed in each row of a campaign that counts it.
pub fn kills(Ran { tally, .. }: &Ran) -> String {
    let mut what: Vec<&str> = tally.kills.values().flat_map(|kills| kills.keys().copied()).collect();
    what.sort_unstable();
    what.dedup();
    if what.is_empty() {
        return String::new();
    }
    let mut table =
        format!("\n| Fault | {} | all | effect seen |\n|---|{}---|---|\n", what.join(" | "), "---|".repeat(what.len()));
    for (row, kills) in &tally.kills {
        let times: Vec<String> = what.iter().map(|what| kills.get(what).copied().unwrap_or(0).to_string()).collect();
        let (all, seen) = (kills.values().sum::<u64>(), tally.seen.get(row).copied().unwrap_or(0));
        let _ = writeln!(table, "| {row} | {} | {all} | {seen} |", times.join(" | "));
    }
    table
}

/// The same for programs, with each finding and its seed.
pub fn as_json(ran: &[Ran]) -> Value {
    let campaigns = ran.iter().map(|Ran { name, tally, took }| {
        let kinds: serde_json::Map<String, Value> =
            FlawKind::ALL.iter().map(|kind| (kind.name().replace(' ', "_"), tally.found(*kind).into())).collect();
        let findings = tally
            .findings
            .iter()
            .map(|(seed, finding)| json!({"seed": seed, "kind": finding.kind.name(), "detail": finding.detail}));
        json!({
            "campaign": name,
            "rounds": tally.times.len(),
            "seconds": took.as_secs_f64(),
            "p50_ms": tally.percentile(50).as_secs_f64() * 1e3,
            "p99_ms": tally.percentile(99).as_secs_f64() * 1e3,
            "after_death_ms": {
                "n": tally.after_death.len(),
                "p50": tally.after_death(50).as_secs_f64() * 1e3,
                "p95": tally.after_death(95).as_secs_f64() * 1e3,
                "max": tally.after_death(100).as_secs_f64() * 1e3,
            },
            "found": kinds,
            "met": tally.met,
            "kills": tally.kills,
            "seen": tally.seen,
            "findings": findings.collect::<Vec<_>>(),
        })
    });
    json!({"campaigns": campaigns.collect::<Vec<_>>()})
}
