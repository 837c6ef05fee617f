//! The fault that sends load to a service.

use chaos_core::{
    Fault, InjectContext, Injection, LoadRequest, Plan, PluginError, Requirement, RunContext, Sighting, Span, Undo,
    register_fault,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::engine::{LoadEngine, LoadStarter};
use super::make::make;
use super::outcome;
use super::planned::PlannedLoad;

/// Sends load to a service.
///
/// # What it does
/// Sends the requests of one open-loop schedule: request `i` is due at `i / qps`, however long earlier answers take, and
/// what waits for a free connection is charged to the response time (no coordinated omission).
///
/// # What it surfaces
/// Missing limits, pools and timeouts, autoscaling that comes too late, queues that never drain, and retries that make
/// an overload worse. The result's `load` holds counts, exact latencies and failures by cause; figures come about once a
/// second as progress events.
///
/// # How it is undone
/// It ends by itself, and the embedded engine ends with its process. When the run is cancelled no further request is
/// sent, and those under way are awaited for one timeout at the most. A real fortio is journalled before it is started,
/// by a word of its command line that no other process has; what is left of it is killed.
///
/// # Limits
/// Connections go only to the addresses that the policy allowed, and redirects are not followed. `https` needs a build
/// with the feature `https`; certificates are checked unless the target's `tls` says otherwise. It landed when requests
/// were answered, with whatever status: the share of errors is in the evidence.
///
/// With `trace_context` each request carries a W3C `traceparent` header; the result's `traces` name the slowest requests
/// and the first that failed. The embedded engine makes such a load.
///
/// A real fortio is a program that is started: the policy must allow the command `fortio`. It knows no open schedule, so
/// it runs by its own rule with staggered connections (up to `concurrency` - 1 requests fewer), makes one uncounted
/// request on each connection first, and may send a request again after a timeout; its access log gives the response
/// times.
///
/// # Example
/// ```yaml
/// type: load
/// target:
///   service_url: http://127.0.0.1:8080/
///   qps: 300
///   duration: 30s
///   concurrency: 4
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Load {
    /// Where the load goes, how much of it, and what each request is.
    pub target: LoadRequest,
    /// What makes the load.
    #[serde(default)]
    #[schemars(extend("x-author-only" = true))]
    pub engine: LoadEngine,
}

impl From<LoadRequest> for Load {
    /// A load by whatever engine the run's policy allows.
    fn from(target: LoadRequest) -> Self {
        Self { target, engine: LoadEngine::default() }
    }
}

impl Fault for Load {
    const SPAN: Span = Span::Finite;
    const NEEDS: &'static [Requirement] = &[Requirement::Network];

    async fn plan(&self, cx: &RunContext) -> Result<Plan, PluginError> {
        let planned = PlannedLoad::of(&self.target, cx.policy())?;
        Ok(planned.plan(planned.to_string(), self.engine.chosen(&self.target, cx)?.reach()))
    }

    async fn inject(&self, cx: &InjectContext, undo: &Undo) -> Result<Injection, PluginError> {
        let planned = PlannedLoad::of(&self.target, cx.policy())?;
        let starter = LoadStarter { engine: self.engine.chosen(&self.target, cx)?, undo };
        let addresses = cx.allowed_addresses(planned.host()).await?;
        let outcome = match make(&planned, &addresses, &starter, cx).await {
            Ok(made) => outcome::of(made.report, outcome::Data::new()).with_output(made.text),
            Err(error) => outcome::not_started(&error),
        };
        Ok(Injection::Finished(outcome))
    }

    async fn witness(&self, _cx: &RunContext) -> Sighting {
        Sighting::unknown("a load leaves nothing to check; its evidence is in its outcome")
    }
}

register_fault!(Load, "load", load_from: Load::from);

#[cfg(test)]
chaos_test::contract_subject!(Load, |subjects| {
    Ok(Load { target: super::test_context::subject(subjects)?, engine: LoadEngine::Embedded })
});
