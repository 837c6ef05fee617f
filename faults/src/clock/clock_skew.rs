//! The fault that shifts the wall clock of nodes.

use std::borrow::Cow;
use std::time::{SystemTime, UNIX_EPOCH};

use chaos_core::schemars::{Schema, SchemaGenerator};
use chaos_core::{
    Answer, ClockReading, Evidence, Fault, FaultTarget, InjectContext, Injection, PROBE_TIMEOUT, Plan, PluginError,
    ProbeNode, Requirement, RunContext, Sighting, SkewAct, Span, Undo, at_least_one_of, register_fault,
};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, json};

use super::offset::{ClockOffset, RatePercent};

/// How far a clock may be from where it is expected, beside the error of reading it.
const SLACK_NANOS: u64 = 50_000_000;
/// The same for a rate, in billionths: half a percent, since the least rate is one percent.
const SLACK_PPB: u64 = 5_000_000;

/// How old a node's own report may be: as much, or this share of the offset where that is less.
const REPORT_NANOS: u64 = 1_000_000_000;
const REPORT_SHARE: u64 = 4;

/// A shift of the wall clock of nodes.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "SkewKeys", into = "SkewKeys")]
pub struct ClockSkew {
    /// Whose clock.
    pub target: FaultTarget,
    /// How far it is put ahead.
    pub offset: Option<ClockOffset>,
    /// By how much it is made faster.
    pub rate_percent: Option<RatePercent>,
    /// What tells the node's own time.
    pub node_time: Option<ProbeNode>,
}

/// Shifts the wall clock of nodes, each for itself; the clock of the machine is never touched.
///
/// # What it does
/// Every process of the node sees another time at its next look at the clock, by `offset`, and from then on a faster or
/// slower one by `rate_percent`. Its monotonic clock stays as it is. Waits until a time of the wall clock
/// (`pthread_cond_timedwait`, `clock_nanosleep`, timers) take as long as the node means them to.
///
/// # What it surfaces
/// Leases and tokens that are compared across machines, certificates that are not valid yet, "last write wins" that lets the
/// wrong one win, caches that never or always expire, logs that can't be ordered.
///
/// # How it is undone
/// The shift is taken off, and the same process shows the machine's time again at its next look. Time goes backwards for it
/// then, or forwards at once, as it does when a machine's clock is set.
///
/// # Limits
/// Nodes that say `clock: true`: they preload a small library that stands in front of libc. Refused by name: programs without
/// libc (statically linked, Go), of musl or of 32 bits, set-uid ones, and what has lost the library (`env -i`). A wait that has
/// begun keeps its deadline. Times that the kernel writes, such as those of files, stay the machine's. The check starts a
/// small program in the node's environment and reads its clock, and shows that the node's own process has the library and its
/// page mapped; name `node_time` to have the node itself asked.
///
/// # Example
/// ```yaml
/// type: clock_skew
/// target: { node: n1 }
/// offset: "-60s"
/// ```
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SkewKeys {
    /// Whose clock.
    #[schemars(extend("x-author-only" = true))]
    target: FaultTarget,
    /// How far it is put ahead: `30s`; with a minus behind.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "some")]
    #[schemars(with = "ClockOffset")]
    offset: Option<ClockOffset>,
    /// By how many percent it is made faster; with a minus slower.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "some")]
    #[schemars(with = "RatePercent")]
    rate_percent: Option<RatePercent>,
    /// A probe whose value is the node's own wall clock, in seconds since 1970; for a target of one node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-author-only" = true))]
    node_time: Option<ProbeNode>,
}

/// A key that is there has a value.
fn some<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// A skew that shifts nothing.
#[derive(Debug, thiserror::Error)]
#[error("shifts nothing: expected `offset`, `rate_percent` or both")]
struct SkewKeysError;

impl TryFrom<SkewKeys> for ClockSkew {
    type Error = SkewKeysError;

    fn try_from(keys: SkewKeys) -> Result<Self, SkewKeysError> {
        let SkewKeys { target, offset, rate_percent, node_time } = keys;
        if offset.is_none() && rate_percent.is_none() {
            return Err(SkewKeysError);
        }
        Ok(Self { target, offset, rate_percent, node_time })
    }
}

impl From<ClockSkew> for SkewKeys {
    fn from(ClockSkew { target, offset, rate_percent, node_time }: ClockSkew) -> Self {
        Self { target, offset, rate_percent, node_time }
    }
}

impl JsonSchema for ClockSkew {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "ClockSkew".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = SkewKeys::json_schema(generator);
        at_least_one_of(&mut schema, &["offset", "rate_percent"]);
        schema
    }
}

impl ClockSkew {
    fn act(&self) -> SkewAct {
        let offset_ns = self.offset.map_or(0, ClockOffset::nanos);
        SkewAct { offset_ns, rate_ppb: self.rate_percent.map_or(0, RatePercent::ppb) }
    }

    fn words(&self) -> String {
        let offset = self.offset.map(|offset| format!("by {offset}"));
        let rate = self.rate_percent.map(|rate| format!("at {rate}"));
        offset.into_iter().chain(rate).collect::<Vec<_>>().join(" and ")
    }

    /// What the clock of one node shows of the skew.
    fn shows(&self, read: &ClockReading) -> Shown {
        let SkewAct { offset_ns, rate_ppb } = self.act();
        if !read.reached {
            return Shown::Unknown;
        }
        let near = |value: i64, wanted: i64, slack: u64| value.abs_diff(wanted) <= slack;
        let rate_slack = SLACK_PPB.saturating_add(read.rate_error_ppb);
        let offset_slack = SLACK_NANOS.saturating_add(read.offset_error_ns);
        if rate_ppb != 0 {
            // Two slacks that overlap tell nothing.
            if rate_slack.saturating_mul(2) >= rate_ppb.unsigned_abs() {
                return Shown::Unknown;
            }
            let drifted = read.offset_ns.saturating_sub(offset_ns);
            // It has gained or lost since, and never the other way.
            let there = drifted.abs_diff(0) <= offset_slack || drifted.signum() == rate_ppb.signum();
            return match (near(read.rate_ppb, rate_ppb, rate_slack), near(read.rate_ppb, 0, rate_slack)) {
                (true, _) if there => Shown::Yes,
                (_, true) if near(read.offset_ns, 0, offset_slack) => Shown::No,
                _ => Shown::Unknown,
            };
        }
        if offset_slack.saturating_mul(2) >= offset_ns.unsigned_abs() {
            return Shown::Unknown;
        }
        if near(read.offset_ns, offset_ns, offset_slack) {
            Shown::Yes
        } else if near(read.offset_ns, 0, offset_slack) {
            Shown::No
        } else {
            Shown::Unknown
        }
    }

    async fn seen(&self, cx: &RunContext) -> Result<Sighting, PluginError> {
        let members = self.target.resolve(cx)?;
        let (mut texts, mut data, mut shown) = (Vec::new(), Vec::new(), Vec::new());
        for member in &members {
            let read = member.clock_facet()?.read().await?;
            shown.push(self.shows(&read));
            texts.push(words(&read));
            data.push(json!({
                "offset_ns": read.offset_ns, "offset_error_ns": read.offset_error_ns,
                "rate_ppb": read.rate_ppb, "rate_error_ppb": read.rate_error_ppb,
            }));
        }
        if let Some(probe) = &self.node_time {
            let mut read = own_time(probe, cx).await?;
            let old = (self.act().offset_ns.unsigned_abs() / REPORT_SHARE).min(REPORT_NANOS);
            read.offset_error_ns = read.offset_error_ns.saturating_add(old);
            // A rate needs two looks at a clock; the one of the canary has told it.
            let act = self.act();
            let drift_only = act.rate_ppb != 0;
            shown.push(if drift_only { Shown::Yes } else { self.shows(&read) });
            texts.push(words(&read));
            data.push(json!({ "node_time_offset_ns": read.offset_ns, "offset_error_ns": read.offset_error_ns }));
        }
        let evidence = Evidence::new(texts.join("; ")).with_data(Value::Array(data));
        let all = |wanted: Shown| shown.iter().all(|shown| *shown == wanted);
        Ok(if all(Shown::Yes) {
            Sighting::present(evidence)
        } else if all(Shown::No) {
            Sighting::absent(evidence)
        } else {
            Sighting::unknown(evidence.summary)
        })
    }
}

/// What a clock shows of a skew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shown {
    Yes,
    No,
    Unknown,
}

/// A reading in one clause.
fn words(read: &ClockReading) -> String {
    let ClockReading { label, offset_ns, rate_ppb, detail, .. } = read;
    // Rounded as a whole number, so that nothing is a negative zero.
    let rounded = |value: i64, unit: i64| value.saturating_add(value.signum() * (unit / 2)) / unit;
    #[expect(clippy::cast_precision_loss, reason = "three digits behind the point are shown")]
    let (seconds, percent) = (rounded(*offset_ns, 1_000_000) as f64 / 1e3, rounded(*rate_ppb, 100_000) as f64 / 1e2);
    format!("the clock of {label} is {seconds:+.3} s off at {percent:+.2} % ({detail})")
}

/// What the node itself says that its time is, against the machine's.
async fn own_time(probe: &ProbeNode, cx: &RunContext) -> Result<ClockReading, PluginError> {
    let label = format!("the node, as `{}` tells it,", probe.label());
    let limit = probe.at_most().unwrap_or(PROBE_TIMEOUT);
    let before = now()?;
    let asked = cx.clock().timeout(limit, probe.observe(cx)).await;
    let after = now()?;
    let seen = asked.ok_or_else(|| PluginError::failed(format!("{label} did not answer")))?;
    let text = match &seen.value {
        Value::String(text) => text.trim().to_owned(),
        value => value.to_string(),
    };
    let seconds = text.parse::<f64>().ok().filter(|seconds| seconds.is_finite() && seen.answer == Answer::Yes);
    let Some(seconds) = seconds else {
        let why = format!("{label} tells no time in seconds since 1970 ({})", seen.detail);
        return Err(PluginError::failed(why));
    };
    // A whole number has lost up to a second.
    let lost = if text.contains('.') { 0.0 } else { 1.0 };
    let middle = f64::midpoint(before, after);
    #[expect(clippy::cast_possible_truncation, reason = "a saturating cast of a difference in nanoseconds")]
    let offset_ns = ((seconds + lost / 2.0 - middle) * 1e9) as i64;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "half of a time that has passed")]
    let offset_error_ns = (f64::midpoint(lost, (after - before).max(0.0)) * 1e9) as u64;
    let detail = "its own report".to_owned();
    Ok(ClockReading { label, reached: true, offset_ns, offset_error_ns, rate_ppb: 0, rate_error_ppb: 0, detail })
}

/// The machine's wall clock, in seconds since 1970.
fn now() -> Result<f64, PluginError> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map(|since| since.as_secs_f64()).map_err(|_| PluginError::failed("the clock of this machine is before 1970"))
}

impl Fault for ClockSkew {
    const SPAN: Span = Span::Sustained;
    const NEEDS: &'static [Requirement] = &[Requirement::LinuxPidfd, Requirement::Preload];

    async fn plan(&self, cx: &RunContext) -> Result<Plan, PluginError> {
        let members = self.target.resolve(cx)?;
        let (mut all, mut labels) = (Plan::default(), Vec::new());
        for member in &members {
            let plan = member.clock_facet()?.plan().await?;
            labels.push(plan.summary);
            all.touches.extend(plan.touches);
            all.permissions.extend(plan.permissions);
        }
        if let Some(probe) = &self.node_time {
            if members.len() > 1 {
                return Err(PluginError::refused("`node_time` tells the time of one node, and the target is several"));
            }
            all = all.reaching(probe.reach()?);
        }
        all.summary = format!("shift the clock of {} {}", labels.join("; "), self.words());
        Ok(all)
    }

    async fn inject(&self, cx: &InjectContext, undo: &Undo) -> Result<Injection, PluginError> {
        let mut effects = Vec::new();
        for member in self.target.resolve(cx)? {
            effects.push(member.clock_facet()?.effect(self.act()).await?);
        }
        undo.perform_all(effects).await?;
        Ok(Injection::in_force())
    }

    async fn witness(&self, cx: &RunContext) -> Sighting {
        let _real = cx.clock().external();
        match self.seen(cx).await {
            Ok(sighting) => sighting,
            Err(PluginError::NotYet(why)) => Sighting::absent(Evidence::new(why)),
            Err(error) => Sighting::unknown(error.to_string()),
        }
    }
}

register_fault!(ClockSkew, "clock_skew");

#[cfg(test)]
mod tests;
