//! The fault that sends one load to a service, asked for by a model and made by code.

mod command;
mod drive;
mod goal;
mod judge;
mod load_tool;
mod offer;
mod one_load;
#[cfg(feature = "fuzz")]
pub mod parsers;
mod planner;
mod run_command;
mod transcript;

use chaos_core::{
    Fault, InjectContext, Injection, LoadRequest, Plan, PluginError, Requirement, RunContext, Sighting, Span, Undo,
    register_fault,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::engine::{LoadEngine, LoadStarter};
use offer::Offer;
use planner::Planner;

/// Sends one load to a service, asked for by a model.
///
/// # What it does
/// A model gets the goal, the target and a tool that makes load, and asks for the planned load; code checks every
/// figure that it gives and makes the load itself, as the fault `load` does. Without a model (`CHAOS_MODEL`, else
/// `AGENT_MODEL`) the offline planner makes the planned call, and the output says so. One answer of a model may take 120 s,
/// or `CHAOS_MODEL_TIMEOUT_SECONDS`; a model that fails is the result's `error`. The load is open-loop: request
/// `i` is due at `i / qps`, however long earlier answers take, and what waits for a free connection is charged to the
/// response time.
///
/// # What it surfaces
/// Missing limits, pools and timeouts, autoscaling that comes too late, queues that never drain, and retries that make
/// an overload worse. The result's `load` holds counts, exact latencies and failures by cause; figures come about once a
/// second as progress events.
///
/// # How it is undone
/// It ends by itself, and the embedded engine ends with its process. When the run is cancelled no further request is
/// sent, and those under way are awaited for one timeout at the most. A real fortio is journalled before it is
/// started, by a word of its command line that no other process has; what is left of it is killed.
///
/// # Limits
/// One load, of exactly the planned figures; a second one, another host and any other flag are refused and told to the
/// model. Connections go only to the addresses that the policy allowed, and redirects are not followed. `https` needs a
/// build with the feature `https`; certificates are checked unless the target's `tls` says otherwise. It landed when
/// requests were answered, with whatever status: the share of errors is in the evidence. Every conversation is written
/// to `.squall/transcripts/` in the workspace, which must be writable.
///
/// A real fortio is a program that is started: the policy must allow the command `fortio`. It knows no open schedule, so
/// it runs by its own rule with staggered connections (up to `concurrency` - 1 requests fewer), makes one uncounted request
/// on each connection first, and may send a request again after a timeout; its access log gives the response times.
///
/// # Example
/// ```yaml
/// type: generate_load
/// target:
///   service_url: http://127.0.0.1:8080/
///   qps: 300
///   duration: 30s
///   concurrency: 4
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GenerateLoad {
    /// Where the load goes, and how much of it.
    pub target: LoadRequest,
    /// What makes the load.
    #[serde(default)]
    #[schemars(extend("x-author-only" = true))]
    pub engine: LoadEngine,
    /// Also offers the model `run_command`: one `fortio load` command line, checked word by word, without a shell.
    #[serde(default)]
    #[schemars(extend("x-author-only" = true))]
    pub allow_command: bool,
}

impl Fault for GenerateLoad {
    const SPAN: Span = Span::Finite;
    const NEEDS: &'static [Requirement] = &[Requirement::Network];

    async fn plan(&self, cx: &RunContext) -> Result<Plan, PluginError> {
        let planner = Planner::of(cx)?;
        let offer = Offer::of(&self.target, planner.chooses(), cx.policy())?;
        let plan = offer.longest().plan(offer.to_string(), self.engine.chosen(&self.target, cx)?.reach());
        Ok(match planner.conversation_time() {
            Some(time) => plan.with_overhead(time),
            None => plan,
        })
    }

    async fn inject(&self, cx: &InjectContext, undo: &Undo) -> Result<Injection, PluginError> {
        let planner = Planner::of(cx)?;
        let offer = Offer::of(&self.target, planner.chooses(), cx.policy())?;
        let starter = LoadStarter { engine: self.engine.chosen(&self.target, cx)?, undo };
        let model = planner.model(&offer)?;
        drive::drive(model.as_ref(), &offer, &starter, self.allow_command, cx).await.map(Injection::Finished)
    }

    async fn witness(&self, _cx: &RunContext) -> Sighting {
        Sighting::unknown("a load leaves nothing to check; its evidence is in its outcome")
    }
}

register_fault!(GenerateLoad, "generate_load");

#[cfg(test)]
chaos_test::contract_subject!(GenerateLoad, |subjects| {
    let target = super::test_context::subject(subjects)?;
    Ok(GenerateLoad { target, engine: LoadEngine::Embedded, allow_command: false })
});

#[cfg(test)]
mod tests {
    use chaos_core::{CeilingKind, FAULTS};
    use serde_json::{Value, json};

    use super::super::test_context::TestContext;
    use super::*;

    async fn planned(node: Value, env: &[(&str, &str)]) -> Result<Plan, PluginError> {
        let place = TestContext::new(env);
        let fault: GenerateLoad = chaos_core::parse(&node).unwrap();
        Fault::plan(&fault, &place.cx()).await
    }

    #[tokio::test]
    async fn the_plan_names_host_and_figures_with_their_defaults() {
        let rows = [
            (json!({"service_url": "http://127.0.0.1:81/"}), "127.0.0.1:81", 100.0, 4.0, 30),
            (json!({"service_url": "http://h/", "qps": 300, "duration": "1m30s"}), "h:80", 300.0, 4.0, 90),
            (json!({"service_url": "http://h/", "concurrency": 9}), "h:80", 100.0, 9.0, 30),
        ];
        for (target, host, qps, connections, seconds) in rows {
            let plan = planned(json!({"target": target}), &[]).await.unwrap();
            assert_eq!(plan.reach.hosts[0].to_string(), host);
            let ceilings = [CeilingKind::Qps, CeilingKind::Concurrency].map(|kind| plan.ceiling(kind));
            assert_eq!(ceilings, [Some(qps), Some(connections)], "{target}");
            assert_eq!(plan.duration().unwrap().as_secs(), seconds, "{target}");
            assert!(plan.touches.is_empty() && plan.permissions.is_empty());
        }
    }

    #[test]
    fn parameters_are_closed_and_bounded() {
        let rows = [
            (json!({}), "missing field `target`"),
            (json!({"target": {}}), "missing field `service_url`"),
            (json!({"target": {"service_url": "http://h/", "qps": 0}}), "nonzero"),
            (json!({"target": {"service_url": "http://h/", "qps": -1}}), "expected a nonzero u32"),
            (json!({"target": {"service_url": "http://h/", "qps": 4_294_967_296_u64}}), "expected a nonzero u32"),
            (json!({"target": {"service_url": "http://h/", "qps": 1.5}}), "expected a nonzero u32"),
            (json!({"target": {"service_url": "http://h/", "concurrency": 0}}), "nonzero"),
            (json!({"target": {"service_url": "http://h/", "duration": "0s"}}), "above zero"),
            (json!({"target": {"service_url": "http://h/", "duration": "-5s"}}), "above zero"),
            (json!({"target": {"service_url": "http://u:p@h/"}}), "invalid URL"),
            (json!({"target": {"service_url": "http://h/"}, "engine": "wrk"}), "unknown variant `wrk`"),
            (json!({"target": {"service_url": "https://h/", "tls": {"insecure": "no"}}}), "expected a boolean"),
            (json!({"target": {"service_url": "https://h/", "tls": {"verify": false}}}), "unknown field `verify`"),
            (json!({"target": {"service_url": "http://h/"}, "retries": 1}), "unknown field `retries`"),
        ];
        for (node, why) in rows {
            let error = chaos_core::parse::<GenerateLoad>(&node).unwrap_err().to_string();
            assert!(error.contains(why), "{node}: {error}");
        }
    }

    #[test]
    fn the_schema_stands_alone_and_shows_defaults() {
        let schema = FAULTS.get("generate_load").unwrap().schema_value();
        let target = &schema["properties"]["target"]["properties"];
        assert_eq!((&target["qps"]["default"], &target["qps"]["minimum"]), (&json!(100), &json!(1)));
        assert_eq!(schema["properties"]["allow_command"]["default"], json!(false));
        assert_eq!(schema["properties"]["engine"]["default"], json!("auto"));
        assert!(!schema.to_string().contains("$ref"), "{schema}");
    }
}
