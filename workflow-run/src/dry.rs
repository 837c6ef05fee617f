//! What a run would apply, found without asking the cluster anything.

use chaos_core::{Policy, with_causes};
use chaos_kube::Cluster;
use chaos_manifests::EmbeddedChaos;
use tokio_util::sync::CancellationToken;

use crate::fetch::fetch;
use crate::options::{ScenarioMode, ScenarioOptions};
use crate::report::ReportedSource;
use crate::scenario::{ReadyScenario, ready};

/// What would be applied.
#[derive(Debug, Clone, Default)]
pub struct DryScenario {
    /// Where it comes from.
    pub fetched: ReportedSource,
    /// Its templates: name and type.
    pub steps: Vec<String>,
    /// What is worth a note.
    pub notes: Vec<String>,
    /// The deadline of its entry.
    pub deadline_seconds: Option<f64>,
    /// Why it would be refused, as far as that is known without the cluster.
    pub refusals: Vec<String>,
}

/// Fetches, renders and checks a scenario, and asks the policy; nothing reaches the cluster.
pub async fn dry_scenario(options: &ScenarioOptions, policy: &Policy) -> DryScenario {
    let source = &options.source;
    let mut dry = DryScenario { fetched: ReportedSource::of(source, None), ..DryScenario::default() };
    let mut chaos = EmbeddedChaos::default();
    match fetch(source, &CancellationToken::new()).await {
        Ok(fetched) => {
            dry.fetched = ReportedSource::of(source, Some(&fetched));
            match ready(&fetched, options) {
                Ok(scenario) => {
                    dry.scenario(&scenario, options);
                    chaos = scenario.chaos;
                }
                Err(error) => dry.refusals.push(with_causes(&error)),
            }
        }
        Err(error) => dry.refusals.push(with_causes(&error)),
    }
    match Cluster::connect(&options.access).await {
        Ok(cluster) => {
            let reaches = options.reaches(cluster.context(), &chaos);
            let refusals = reaches.iter().filter_map(|reach| policy.check_cluster(reach).err());
            dry.refusals.extend(refusals.map(|refusal| refusal.to_string()));
        }
        Err(error) => dry.refusals.push(with_causes(&error)),
    }
    dry
}

impl DryScenario {
    fn scenario(&mut self, scenario: &ReadyScenario, options: &ScenarioOptions) {
        let templates = scenario.spec.templates.iter();
        self.steps = templates.map(|template| format!("{} ({})", template.name, template.template_type)).collect();
        self.notes.clone_from(&scenario.notes);
        self.deadline_seconds = scenario.deadline.map(|deadline| deadline.as_secs_f64());
        if options.mode == ScenarioMode::Strict {
            let translated = crate::strict::workflow(&scenario.spec, &options.strict(options.access.clone()));
            self.refusals.extend(translated.err().map(|error| with_causes(&error)));
        }
    }
}
