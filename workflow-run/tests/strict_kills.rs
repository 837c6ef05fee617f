//! Strict runs that are killed with SIGKILL at each step, on a real API server: their guardian deletes their pods, and whoever
//! goes on with them runs no step twice.
//!
//! The guardian must know the undo step, so it is this program again, and each run is a process of its own. `main` runs them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod ledger;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::time::Duration;
use std::{env, thread};

use chaos_core::{BoxFuture, NamePattern, PastJournal, Policy, StateDir, Task};
use chaos_kube::{Cluster, ClusterAccess};
use chaos_rig::Rig;
use chaos_runner::{Driven, Runner, Session};
use chaos_workflow::{NewRun, OpenedLedger, WorkflowSource, drive};
use chaos_workflow_run::{StrictOptions, strict_workflow};
use kube::api::ListParams;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Set in the processes that run one; it holds the case.
const CASE: &str = "STRICT_KILLS_CASE";
/// The steps, and the diagnostics behind them.
const STEPS: [&str; 6] = ["one", "two", "three", "four", "five", "report"];
/// How long something may take on a busy machine, in looks of [`LOOK`].
const LOOKS: usize = 6000;
const LOOK: Duration = Duration::from_millis(20);

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Case {
    access: ClusterAccess,
    namespace: String,
    folder: PathBuf,
    /// The run that it goes on with.
    resume: Option<String>,
}

/// When a run is killed.
#[derive(Debug, Clone, Copy)]
enum When {
    /// The ledger says that the step was started: its pod may be asked for at this moment.
    Started,
    /// Its pod is there.
    Created,
    /// The ledger says that it has ended.
    Ended,
}

fn main() -> ExitCode {
    if let Some(code) = chaos_runner::run_helper() {
        return ExitCode::from(code);
    }
    if let Ok(case) = env::var(CASE) {
        return run(&serde_json::from_str(&case).unwrap());
    }
    let Some(rig) = Rig::local() else { return ExitCode::SUCCESS };
    for when in [When::Started, When::Created, When::Ended] {
        thread::scope(|scope| {
            let cases: Vec<_> = STEPS.iter().map(|step| (step, scope.spawn(|| killed(&rig, step, when)))).collect();
            for (step, case) in cases {
                case.join().unwrap_or_else(|_| panic!("killed at `{step}`, {when:?}"));
                println!("killed at `{step}`, {when:?}: no pod left, no step twice");
            }
        });
    }
    ExitCode::SUCCESS
}

/// Kills a run at that step, looks at what is left, and goes on with it.
fn killed(rig: &Rig, step: &str, when: When) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let namespace = runtime.block_on(rig.namespace());
    let mut case = Case { access: rig.access(), namespace, folder: folder.path().to_owned(), resume: None };
    let pods = || {
        runtime.block_on(async {
            let cluster = Cluster::connect(&case.access).await.unwrap();
            let listed = cluster.pods(&case.namespace).list(&ListParams::default()).await.unwrap();
            listed.items.into_iter().filter_map(|pod| pod.metadata.name).collect::<Vec<_>>()
        })
    };
    let mut child = start(&case);
    let is_there = || match when {
        When::Started => ledger::says(folder.path(), "started", step),
        When::Created => pods().iter().any(|pod| pod.contains(&format!("-{step}-"))),
        When::Ended => ledger::says(folder.path(), "ended", step),
    };
    until("the run comes so far", || is_there() || child.try_wait().unwrap().is_some());
    // It may have ended by itself meanwhile, on a busy machine; then nothing is left of it either.
    let _ = child.kill();
    child.wait().unwrap();
    let state = StateDir::at(folder.path().join("state"));
    // Where nothing was armed yet there is no guardian, and nothing to undo.
    let is_undone = |path: &PathBuf| match PastJournal::look(path) {
        Ok(journal) => journal.is_none_or(|journal| journal.pending.is_empty()),
        Err(_) => false,
    };
    until("the guardian undoes it", || PastJournal::list(&state).unwrap().iter().all(is_undone));
    assert_eq!(pods(), Vec::<String>::new(), "pods are left");
    case.resume = Some(run_id(folder.path()));
    start(&case).wait().unwrap();
    assert_eq!(pods(), Vec::<String>::new(), "pods are left by whoever went on");
    let mut made: BTreeMap<String, usize> = BTreeMap::new();
    for request in rig.audit() {
        if request.namespace == case.namespace && request.verb == "create" && request.resource == "pods" {
            let name = request.body["metadata"]["name"].as_str().unwrap().to_owned();
            *made.entry(name).or_default() += usize::from(request.code == 201);
        }
    }
    assert!(made.values().all(|times| *times <= 1), "a step was run twice: {made:?}");
    // The first step or, where the run died before its pod was asked for, the diagnostics.
    assert!(!made.is_empty(), "nothing was run at all");
}

#[expect(clippy::disallowed_methods, reason = "a test waits outside of every run and its clock")]
fn until(what: &str, mut so: impl FnMut() -> bool) {
    for _ in 0..LOOKS {
        if so() {
            return;
        }
        thread::sleep(LOOK);
    }
    panic!("{what}: not within {} s", (LOOK * u32::try_from(LOOKS).unwrap()).as_secs());
}

fn start(case: &Case) -> Child {
    let mut run = Command::new(env::current_exe().unwrap());
    run.env(CASE, serde_json::to_string(case).unwrap()).stdin(Stdio::null()).stdout(Stdio::null());
    run.spawn().unwrap()
}

fn run_id(folder: &Path) -> String {
    ledger::path_in(folder).unwrap().parent().unwrap().file_name().unwrap().to_str().unwrap().to_owned()
}

/// Runs a strict workflow, or goes on with it.
fn run(case: &Case) -> ExitCode {
    let task = |name: &str| {
        json!({ "name": name, "templateType": "Task", "task": {
            "container": { "name": "main", "image": "x" },
            "labels": { "rig.squall.dev/exit": "0", "rig.squall.dev/after": "300ms" },
        } })
    };
    let entry = json!({ "name": "all", "templateType": "Serial", "children": STEPS });
    let templates: Vec<Value> = [entry].into_iter().chain(STEPS.map(task)).collect();
    let spec = serde_json::from_value(json!({ "entry": "all", "templates": templates })).unwrap();
    let options = StrictOptions {
        namespace: case.namespace.clone(),
        run_id: "7".into(),
        workflow: "release-7".into(),
        finally: vec!["report".into()],
        access: case.access.clone(),
    };
    let tree = Arc::new(strict_workflow(&spec, &options).unwrap());
    let mut policy = Policy::default();
    let any = vec![NamePattern("*".into())];
    (policy.clusters.contexts, policy.clusters.namespaces, policy.clusters.kinds) = (any.clone(), any.clone(), any);
    let state = StateDir::at(case.folder.join("state"));
    let runner = Runner::builder().state_dir(state).workspace(&case.folder).policy(policy).build().unwrap();
    let source = match &case.resume {
        Some(run) => WorkflowSource::Resumed(Box::new(OpenedLedger::open(&case.folder, run).unwrap())),
        None => WorkflowSource::New(NewRun {
            workspace: case.folder.clone(),
            file: "w.yaml".into(),
            document: b"w".to_vec(),
            places: None,
        }),
    };
    let work = move |session: Session| {
        Box::pin(async move { drive(session, tree, source).await.driven() }) as BoxFuture<'static, Driven>
    };
    let report = runner.drive(Task::default(), work).unwrap().wait_blocking().unwrap();
    ExitCode::from(report.verdict.exit_code())
}
