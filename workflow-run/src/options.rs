//! What a run of a scenario is told.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use chaos_core::ClusterReach;
use chaos_kube::ClusterAccess;
use chaos_manifests::{EmbeddedChaos, is_object_name};

use crate::fetch::ScenarioSource;
use crate::invariants::DeclaredImage;
use crate::strict::StrictOptions;
use crate::upload::Store;

/// The longest name of a namespace, and the longest value of a label, which the name of a Workflow becomes.
const LONGEST_NAME: usize = 63;

/// Who stops a Workflow at its first failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScenarioMode {
    /// We do, by aborting Chaos Mesh's own Workflow: it may start one more step before.
    #[default]
    Compatible,
    /// Chaos Mesh does: a strict sequence is rewritten to nested branches.
    Compiled,
    /// Our own engine starts every step, and starts none after a failure.
    Strict,
}

impl ScenarioMode {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Compatible => "compatible",
            Self::Compiled => "compiled",
            Self::Strict => "strict",
        }
    }
}

/// One of the seven steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WrapperStep {
    /// Fetch the scenario.
    Fetch,
    /// Fill its placeholders.
    Render,
    /// Apply it.
    Apply,
    /// Follow it.
    Poll,
    /// Capture what there is.
    Capture,
    /// Abort, delete, wait, sweep.
    Clean,
    /// Upload what was captured.
    Upload,
}

impl WrapperStep {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Fetch => "fetch",
            Self::Render => "render",
            Self::Apply => "apply",
            Self::Poll => "poll",
            Self::Capture => "capture",
            Self::Clean => "clean",
            Self::Upload => "upload",
        }
    }
}

/// What a run of a scenario is told.
#[derive(Debug, Clone)]
pub struct ScenarioOptions {
    /// Where the scenario is.
    pub source: ScenarioSource,
    /// Which cluster.
    pub access: ClusterAccess,
    /// Where it runs.
    pub namespace: String,
    /// The id of this run, which nothing else has: the Workflow is `<scenario>-<run id>`.
    pub run_id: String,
    /// The values of placeholders; their names are the list of what may be replaced.
    pub variables: BTreeMap<String, String>,
    /// The placeholder of the run id; `None` for none.
    pub run_id_variable: Option<String>,
    /// The placeholder of the namespace; `None` for none.
    pub namespace_variable: Option<String>,
    /// Images that must run in the cluster, beside those that the scenario declares.
    pub images: Vec<DeclaredImage>,
    /// Who stops it.
    pub mode: ScenarioMode,
    /// Templates that run last, whatever happened; strict and compiled mode.
    pub finally: Vec<String>,
    /// How long it may take from its application on; default: the deadline of its entry and five minutes more, else an hour.
    pub timeout: Option<Duration>,
    /// How long cleaning up may take.
    pub clean_timeout: Duration,
    /// Where its files are kept, below the workspace.
    pub workspace: PathBuf,
    /// Where they are uploaded; `None` for nowhere.
    pub store: Option<Store>,
    /// Called as each step begins, for tests that break something there.
    pub at_step: Option<fn(WrapperStep)>,
}

impl ScenarioOptions {
    /// The name of the Workflow.
    pub fn workflow(&self) -> String {
        format!("{}-{}", self.source.scenario, self.run_id)
    }

    /// The kinds of objects that are made and removed, beside chaos.
    fn kinds(&self) -> Vec<String> {
        let kinds: &[&str] = if self.mode == ScenarioMode::Strict { &["Pod"] } else { &["Workflow", "Pod"] };
        kinds.iter().map(|kind| (*kind).to_owned()).collect()
    }

    /// What a run reaches, which the policy must allow: its own namespace first, then wherever the chaos that it embeds acts.
    pub(crate) fn reaches(&self, context: &str, chaos: &EmbeddedChaos) -> Vec<ClusterReach> {
        let made: Vec<String> = chaos.objects().into_iter().collect();
        let mut reaches = Vec::new();
        for context in std::iter::once(context).chain(chaos.clusters.iter().map(String::as_str)) {
            for namespace in std::iter::once(&self.namespace).chain(&chaos.namespaces) {
                let own = if reaches.is_empty() { self.kinds() } else { Vec::new() };
                let kinds = own.into_iter().chain(made.clone()).collect();
                reaches.push(ClusterReach { context: context.to_owned(), namespace: namespace.clone(), kinds });
            }
        }
        reaches
    }

    /// All variables, with those of the run itself.
    pub(crate) fn all_variables(&self) -> BTreeMap<String, String> {
        let own = [(&self.run_id_variable, &self.run_id), (&self.namespace_variable, &self.namespace)];
        let own = own.into_iter().filter_map(|(name, value)| Some((name.clone()?, value.clone())));
        own.chain(self.variables.clone()).collect()
    }

    /// What can't be right of it, in words; names become names of objects and folders.
    ///
    /// # Errors
    /// [`OptionsError`] says what would be right.
    pub fn check(&self) -> Result<(), OptionsError> {
        let rows = [
            ("scenario", self.source.scenario.clone()),
            ("run id", self.run_id.clone()),
            ("namespace", self.namespace.clone()),
            ("name of the Workflow", self.workflow()),
        ];
        match rows.into_iter().find(|(_, name)| !is_object_name(name) || name.len() > LONGEST_NAME) {
            Some((what, name)) => Err(OptionsError { what, name }),
            None => Ok(()),
        }
    }

    /// The same for our own engine, in that cluster. The run is that of the Workflow and not the engine's own: whoever asks with
    /// the same id finds what is there.
    pub(crate) fn strict(&self, access: ClusterAccess) -> StrictOptions {
        StrictOptions {
            namespace: self.namespace.clone(),
            run_id: self.workflow(),
            workflow: self.workflow(),
            finally: self.finally.clone(),
            access,
        }
    }
}

/// A name that can't be one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "invalid {what} `{name}`: expected at most {LONGEST_NAME} lower-case letters, digits and `-`, with no `-` at either end"
)]
pub struct OptionsError {
    what: &'static str,
    name: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_chaos_reaches_is_asked_of_the_policy_too() {
        let source =
            ScenarioSource { repo: ".".into(), reference: "main".into(), scenario: "cut".into(), folder: ".".into() };
        let options = ScenarioOptions {
            source,
            access: ClusterAccess::default(),
            namespace: "nightly".into(),
            run_id: "r1".into(),
            variables: BTreeMap::new(),
            run_id_variable: None,
            namespace_variable: None,
            images: Vec::new(),
            mode: ScenarioMode::Compatible,
            finally: Vec::new(),
            timeout: None,
            clean_timeout: Duration::from_secs(1),
            workspace: PathBuf::new(),
            store: None,
            at_step: None,
        };
        let told = |reach: &ClusterReach| format!("{} {} {}", reach.context, reach.namespace, reach.kinds.join(","));
        let reached = |chaos| options.reaches("kind", &chaos).iter().map(told).collect::<Vec<_>>();
        assert_eq!(reached(EmbeddedChaos::default()), ["kind nightly Workflow,Pod"]);
        let chaos = EmbeddedChaos {
            kinds: ["NetworkChaos".to_owned()].into(),
            schedules: [("again".to_owned(), "PodChaos".to_owned())].into(),
            namespaces: ["live".to_owned()].into(),
            clusters: ["far".to_owned()].into(),
        };
        let made = "NetworkChaos,PodChaos,Schedule";
        let want = [
            format!("kind nightly Workflow,Pod,{made}"),
            format!("kind live {made}"),
            format!("far nightly {made}"),
            format!("far live {made}"),
        ];
        assert_eq!(reached(chaos), want);
    }
}
