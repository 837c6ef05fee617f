//! Strict mode: our own engine starts every step as a pod, and none after a failure.

use std::sync::Arc;

use chaos_kube::Cluster;
use chaos_runner::Session;
use chaos_workflow::{NewRun, Witness, WorkflowSource, drive_witnessed};

use crate::live::Live;
use crate::options::WrapperStep;
use crate::reasons::{Reasons, names_variables};
use crate::scenario::ReadyScenario;
use crate::strict::{StrictError, workflow};
use crate::strict_end::StrictEnd;

/// Why it did not begin.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StrictRunError {
    #[error(transparent)]
    Translate(#[from] StrictError),
    #[error("the folder of the run: {0}")]
    Folder(#[from] std::io::Error),
}

/// Translates the Workflow and runs it in this session.
pub(crate) async fn run(
    live: &Arc<Live>,
    cluster: &Cluster,
    scenario: &ReadyScenario,
    session: Session,
) -> Result<(), StrictRunError> {
    let translated = Arc::new(workflow(&scenario.spec, &live.options.strict(cluster.reference()))?);
    live.record()?;
    live.is_applied();
    live.decide("our own engine starts every step as a pod");
    live.begins(WrapperStep::Poll);
    let source = WorkflowSource::New(NewRun {
        workspace: live.options.workspace.clone(),
        file: live.options.source.scenario.clone(),
        document: live.redactor.text(&scenario.text).into_bytes(),
        places: None,
    });
    let api = cluster.config_maps(&live.options.namespace);
    let its = Arc::clone(live);
    let tell = Box::new(move |what| its.decide(what));
    let is_named = names_variables(&scenario.text);
    let reasons = Arc::new(Reasons::start(api, &live.options.workflow(), is_named, tell));
    let witness = Arc::clone(&reasons) as Arc<dyn Witness>;
    let end = tokio::select! {
        end = drive_witnessed(session, translated, source, witness) => end,
        never = reasons.follow() => match never {},
    };
    let unread = reasons.last_look().await;
    live.known().problems.extend(unread);
    let end = StrictEnd::of(end, reasons.take());
    live.begins(WrapperStep::Capture);
    if let Err(error) = live.folder.take_in(&end.folder, "steps", &live.redactor) {
        live.known().problems.push(format!("take in `{}`: {error}", end.folder.display()));
    }
    live.known().strict = Some(end);
    Ok(())
}
