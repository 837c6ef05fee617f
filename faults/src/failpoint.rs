//! The fault that arms a fail point in another process, and the step that disarms it.

mod bounds;
mod control;

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use chaos_core::{
    Capability, Clock, Evidence, Fault, HttpUrl, Injection, Plan, PluginError, Reach, Resource, RunContext, Seconds,
    Sighting, Span, Undo, UndoContext, UndoStep, Undone, register_fault, register_undo_step,
};
use rand::Rng;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::task::AbortHandle;

pub use bounds::{BoundsError, LeaseSeconds, Share, SiteName};
use control::{Control, Site};

/// Arms a fail point of another process over its control endpoints.
///
/// # What it does
/// The site returns its error, after a delay if one is given; with a delay and no `error` it only delays. Which of the
/// hits that meets is up to the other fields. The process must have been built with fail points and have started its
/// control server (`chaos_failpoints::ControlServer`).
///
/// # What it surfaces
/// Error paths that no test has taken: retries that never retry, budgets that do not bind, work that is lost when a
/// report is lost, clean-up that is forgotten.
///
/// # How it is undone
/// By disarming the site, if it is still ours. The arming carries a lease that this run renews; when the run is killed,
/// the site disarms itself after `lease_seconds`, and at once by a recovery.
///
/// # Limits
/// Plain HTTP. A site that somebody else has armed, or the program itself, is left alone: the injection is refused.
/// A process that ends takes its fail points with it. The counts in the evidence are the process's own.
///
/// # Example
/// ```yaml
/// type: failpoint
/// url: http://127.0.0.1:22381
/// site: worker.heartbeat
/// failure_rate: 0.3
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Failpoint {
    /// Where the control endpoints are.
    pub url: HttpUrl,
    /// The site's name.
    pub site: SiteName,
    /// Share of the hits that fire, 0 to 1; default all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure_rate: Option<Share>,
    /// The most times that it fires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 4_294_967_295_u32))]
    pub max_failures: Option<NonZeroU32>,
    /// Seconds that the caller is held up first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay_seconds: Option<Seconds>,
    /// The message of the error that the site returns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Hits that pass before the first may fire.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 4_294_967_295_u32))]
    pub skip_first: Option<NonZeroU32>,
    /// Fires on every n-th hit only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 4_294_967_295_u32))]
    pub every_nth: Option<NonZeroU32>,
    /// Seconds after which the site disarms itself when this run no longer renews it; default 10.
    #[serde(default)]
    pub lease_seconds: LeaseSeconds,
}

/// Disarms a fail point, if it is still the arming of this run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DisarmFailpoint {
    /// Where the control endpoints are.
    pub url: HttpUrl,
    /// The addresses that the policy allowed for it.
    pub addresses: Vec<SocketAddr>,
    /// The site's name.
    pub site: String,
    /// Who armed it.
    pub owner: String,
}

/// What every owner of ours begins with.
const OURS: &str = "squall/";

impl Fault for Failpoint {
    const SPAN: Span = Span::Sustained;
    const NEEDS: &'static [Capability] = &[Capability::Network];

    async fn plan(&self, _cx: &RunContext) -> Result<Plan, PluginError> {
        if self.url.is_tls() {
            return Err(PluginError::refused(format!("`{}`: control endpoints are plain http", self.url.as_str())));
        }
        let resource = Resource::new("failpoint", format!("{}/{}", self.url.host(), self.site));
        let summary = format!("arm fail point `{}` at {}: {}", self.site, self.url.host(), self.rule());
        Ok(Plan::new(summary).touching(resource).reaching(Reach::host(self.url.host().clone())))
    }

    async fn inject(&self, cx: &RunContext, undo: &Undo) -> Result<Injection, PluginError> {
        let control = self.control(cx).await?;
        let owner = format!("{OURS}{}", cx.run_id());
        let step = DisarmFailpoint {
            url: self.url.clone(),
            addresses: control.addresses().to_vec(),
            site: self.site.to_string(),
            owner: owner.clone(),
        };
        let (clock, form) = (cx.shared_clock(), self.form(cx));
        let (site, lease) = (self.site.to_string(), self.lease_seconds.get());
        let effect = undo.arm(step).await?;
        let armed = tokio::spawn(async move {
            // The permit goes with the request, wherever the run goes meanwhile.
            let _effect = effect;
            control.arm(clock.as_ref(), &site, &owner, &form, lease).await?;
            Ok::<_, PluginError>(Renewal::start(control, clock, site, owner, lease))
        });
        let renewal = armed.await.map_err(|error| PluginError::failed(error.to_string()))??;
        Ok(Injection::in_force_while(renewal))
    }

    async fn witness(&self, cx: &RunContext) -> Sighting {
        let looked = async { self.control(cx).await?.look(cx.clock(), self.site.as_str()).await };
        match looked.await {
            Ok(Some(seen)) => {
                let shown = Evidence::new(seen.summary()).with_data(seen.data().clone());
                let ours = seen.owner().is_some_and(|owner| owner.starts_with(OURS));
                if ours { Sighting::present(shown) } else { Sighting::absent(shown) }
            }
            Ok(None) => Sighting::absent(Evidence::new(format!("nothing listens at {}", self.url.host()))),
            Err(error) => Sighting::unknown(error.to_string()),
        }
    }
}

impl Failpoint {
    async fn control(&self, cx: &RunContext) -> Result<Control, PluginError> {
        let addresses = cx.allowed_addresses(self.url.host()).await?;
        Ok(Control::new(&self.url, addresses))
    }

    /// The rule's fields, as the endpoints take them. The seed follows the run's, so that a run repeats.
    fn form(&self, cx: &RunContext) -> String {
        let mut form = control::Form::default();
        form.add("failure_rate", self.failure_rate.map(Share::get));
        form.add("max_failures", self.max_failures);
        form.add("delay_seconds", self.delay_seconds.map(f64::from));
        form.add("error", self.error.as_deref());
        form.add("skip_first", self.skip_first);
        form.add("every_nth", self.every_nth);
        form.add("seed", Some(cx.rng().next_u64()));
        form.finish()
    }

    /// The rule in words.
    fn rule(&self) -> String {
        let effect = match (&self.error, self.delay_seconds) {
            (None, Some(delay)) => format!("delay by {} s", f64::from(delay)),
            (None, None) => "fail".to_owned(),
            (Some(error), None) => format!("fail with `{error}`"),
            (Some(error), Some(delay)) => format!("delay by {} s and fail with `{error}`", f64::from(delay)),
        };
        let rate = self.failure_rate.map_or_else(String::new, |share| format!(" on {} % of hits", share.get() * 100.0));
        let most = self.max_failures.map_or_else(String::new, |most| format!(", {most} times at the most"));
        format!("{effect}{rate}{most}")
    }
}

/// Renews the lease until it is dropped.
struct Renewal(AbortHandle);

impl Renewal {
    fn start(control: Control, clock: Arc<dyn Clock>, site: String, owner: String, lease: Duration) -> Self {
        let renew = async move {
            loop {
                // Two renewals may be lost before the site lapses.
                clock.sleep(lease / 3).await;
                // One that fails is tried again at its time; the looks show whether the site has lapsed.
                let _ = control.renew(clock.as_ref(), &site, &owner, lease).await;
            }
        };
        Self(tokio::spawn(renew).abort_handle())
    }
}

impl Drop for Renewal {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl UndoStep for DisarmFailpoint {
    async fn undo(&self, cx: &UndoContext) -> Result<Undone, PluginError> {
        let control = Control::new(&self.url, self.addresses.clone());
        let gone = || Undone::NothingToDo(format!("nothing listens at {}: the process is gone", self.url.host()));
        let Some(before) = control.look(cx.clock(), &self.site).await? else {
            return Ok(gone());
        };
        if !self.is_ours(&before) {
            return Ok(Undone::NothingToDo(format!("{}, not by us", before.summary())));
        }
        control.disarm(cx.clock(), &self.site, &self.owner).await?;
        match control.look(cx.clock(), &self.site).await? {
            None => Ok(gone()),
            Some(after) if self.is_ours(&after) => {
                Err(PluginError::failed(format!("fail point `{}` is still armed", self.site)))
            }
            Some(_) => Ok(Undone::Reverted(format!("disarmed; before, {}", before.summary()))),
        }
    }

    fn describe(&self) -> String {
        format!("disarm fail point `{}` at {}", self.site, self.url.host())
    }
}

impl DisarmFailpoint {
    fn is_ours(&self, seen: &Site) -> bool {
        seen.owner() == Some(&self.owner)
    }
}

register_fault!(Failpoint, "failpoint");
register_undo_step!(DisarmFailpoint, "disarm_failpoint");

#[cfg(test)]
mod tests;
