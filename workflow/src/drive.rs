//! A workflow in a session whose nodes are up, from its first step to its end.

use std::path::PathBuf;
use std::sync::Arc;

use chaos_core::{ChaosResult, StepHost, StepHosts, Verdict, WorkflowStep};
use chaos_runner::{Driven, Session};

use crate::executor::Executor;
use crate::host::SessionHost;
use crate::ledger::{Ledger, ledger_path};
use crate::past::{OpenedLedger, Past};
use crate::record::{Begun, KeptPlaces, LEDGER_FORMAT, Record, RecordedEnd, document_hash};
use crate::rows::StepReport;
use crate::witness::Witness;

/// A workflow that begins.
#[derive(Debug)]
pub struct NewRun {
    /// Its folder is made below this one.
    pub workspace: PathBuf,
    /// The document's file, as messages call it.
    pub file: String,
    /// The document, as it was read.
    pub document: Vec<u8>,
    /// Where its nodes have their folders and ports.
    pub places: Option<KeptPlaces>,
}

/// Where a workflow comes from.
#[derive(Debug)]
pub enum WorkflowSource {
    /// It begins.
    New(NewRun),
    /// A run died in it.
    Resumed(Box<OpenedLedger>),
}

/// How a workflow ended.
#[derive(Debug)]
pub struct WorkflowEnd {
    /// The run that began it; what resumes it names this one.
    pub run_id: String,
    /// Its folder, with the ledger.
    pub folder: PathBuf,
    /// How often it was resumed.
    pub resumed: usize,
    /// What the first failure was, else `pass`.
    pub outcome: chaos_core::StepOutcome,
    /// Why, in one clause.
    pub detail: String,
    /// The step that failed first.
    pub first: Option<String>,
    /// What a fault may have left in force.
    pub in_force: Option<String>,
    /// Every step, in the order of the document.
    pub steps: Vec<StepReport>,
    /// The results of the entries.
    pub results: Vec<ChaosResult>,
}

impl WorkflowEnd {
    /// The judgement on it.
    pub fn verdict(&self) -> Verdict {
        if self.in_force.is_some() { Verdict::RevertFailed } else { self.outcome.verdict() }
    }

    /// What the run is told.
    pub fn driven(&mut self) -> Driven {
        let verdict = Some(self.verdict());
        Driven { results: std::mem::take(&mut self.results), verdict }
    }
}

/// Runs a workflow to its end; what its steps did themselves is undone then.
pub async fn drive(session: Session, workflow: Arc<WorkflowStep>, source: WorkflowSource) -> WorkflowEnd {
    drive_then(session, workflow, source, async {}).await
}

/// The same as [`drive`] with `last` between the end of the last step and the undo: it sees what the steps left.
pub async fn drive_then(
    session: Session,
    workflow: Arc<WorkflowStep>,
    source: WorkflowSource,
    last: impl Future<Output = ()> + Send,
) -> WorkflowEnd {
    driven(session, workflow, source, None, last).await
}

/// The same as [`drive`] with a witness of failures that no step shows: after the first that it tells nothing but a `finally` begins.
pub async fn drive_witnessed(
    session: Session,
    workflow: Arc<WorkflowStep>,
    source: WorkflowSource,
    witness: Arc<dyn Witness>,
) -> WorkflowEnd {
    driven(session, workflow, source, Some(witness), async {}).await
}

async fn driven(
    session: Session,
    workflow: Arc<WorkflowStep>,
    source: WorkflowSource,
    witness: Option<Arc<dyn Witness>>,
    last: impl Future<Output = ()> + Send,
) -> WorkflowEnd {
    let clock = session.cx().shared_clock();
    let (run_id, ledger, past) = {
        let _real = clock.external();
        opened(&session, source).await
    };
    let (folder, resumed) =
        (ledger.folder().to_owned(), past.resumed.len() + usize::from(run_id != session.cx().run_id()));
    let host = Arc::new(SessionHost::new(session.clone()));
    let as_host: Arc<dyn StepHost> = Arc::clone(&host) as Arc<dyn StepHost>;
    session.cx().services().get::<StepHosts>().set(&as_host);
    let executor = Executor::new(session.clone(), ledger, &workflow, past, witness);
    if resumed > 0 {
        let record = Record::Resumed { run_id: session.cx().run_id().to_owned() };
        if let Err(error) = executor.record(record).await {
            session.cx().note(format!("the resume can't be recorded in the ledger: {error}"));
        }
    }
    let end = executor.workflow(&workflow).await;
    last.await;
    let in_force = executor.in_force().or(session.revert().await);
    let finished = Record::Finished { end: RecordedEnd { in_force: in_force.clone(), ..end.clone() } };
    if let Err(error) = executor.record(finished).await {
        session.cx().note(format!("the end of the workflow can't be recorded in the ledger: {error}"));
    }
    WorkflowEnd {
        run_id,
        folder,
        resumed,
        outcome: end.outcome,
        detail: end.detail,
        first: end.first,
        in_force,
        steps: executor.rows.all(),
        results: host.take_results(),
    }
}

/// The ledger to write to, and what was done before.
async fn opened(session: &Session, source: WorkflowSource) -> (String, Ledger, Past) {
    let cx = session.cx();
    let new = match source {
        WorkflowSource::Resumed(opened) => {
            let run_id = opened.begun.run_id.clone();
            if opened.torn {
                cx.note("the last line of the ledger was cut off; it counts for nothing");
            }
            let (ledger, past) = opened.into_ledger();
            return (run_id, ledger, past);
        }
        WorkflowSource::New(new) => new,
    };
    let run_id = cx.run_id().to_owned();
    let begun = Begun {
        format: LEDGER_FORMAT,
        run_id: run_id.clone(),
        seed: cx.seed(),
        file: new.file,
        document: document_hash(&new.document),
        squall_version: env!("CARGO_PKG_VERSION").to_owned(),
        places: new.places,
    };
    let nodes = begun.places.as_ref().map(|places| places.folder.clone());
    let workspace = std::path::absolute(&new.workspace).unwrap_or(new.workspace);
    let folder = ledger_path(&workspace, &run_id).parent().unwrap_or(&workspace).to_owned();
    let made = tokio::task::spawn_blocking(move || Ledger::create(&workspace, begun, &new.document)).await;
    let ledger = made.unwrap_or_else(|error| Err(std::io::Error::other(error)));
    if let (Ok(ledger), Some(nodes)) = (&ledger, nodes.filter(|nodes| nodes.is_dir())) {
        // Best effort: without it the nodes start in empty folders again.
        let _ = chaos_runner::keep_for(&nodes, &ledger.folder().join(chaos_core::LEDGER_FILE));
    }
    (run_id, ledger.unwrap_or_else(|error| Ledger::broken(folder, &error)), Past::default())
}
