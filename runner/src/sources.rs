//! The sources of evidence of a run: declared for the preflight, started before the nodes, stopped after them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chaos_core::{DeclaredSource, Plan, RunContext, RunningSource, SourceContext, SourceEnd, Sources};

use crate::guarded::{guarded, guarded_call};
use crate::preflight::{Refused, plan_allowed};
use crate::shared::Shared;
use crate::source_report::SourceReport;

/// How long a source may take to start.
const STARTING: Duration = Duration::from_secs(10);
/// How long a source may take to end; what it has taken in by then counts.
const STOPPING: Duration = Duration::from_secs(5);

/// The sources of one run.
pub(crate) struct RunSources {
    declared: Vec<Declared>,
}

#[derive(Clone)]
struct Declared {
    source: DeclaredSource,
    cx: SourceContext,
}

/// A source that takes in.
pub(crate) struct Started {
    declared: Declared,
    running: Arc<dyn RunningSource>,
}

impl RunSources {
    /// Makes the sources known to the run `cx`. Touches nothing.
    pub(crate) fn declare(sources: BTreeMap<String, DeclaredSource>, cx: &RunContext) -> Self {
        let known = cx.services().get::<Sources>();
        let declare = |(name, source): (String, DeclaredSource)| {
            let cx = SourceContext::new(&name, cx.child(&format!("evidence/{name}"), None));
            // One that panics here is refused when it is asked what it would touch.
            let gives = guarded_call(|| source.gives(&cx)).unwrap_or_default();
            known.declare(&name, &gives);
            Declared { source, cx }
        };
        Self { declared: sources.into_iter().map(declare).collect() }
    }

    /// What each would touch, or why it would not be started.
    pub(crate) async fn plans(&self) -> Vec<(String, Result<Plan, Refused>)> {
        let mut plans = Vec::with_capacity(self.declared.len());
        for declared in &self.declared {
            plans.push((declared.cx.name().to_string(), declared.allowed().await));
        }
        plans
    }

    /// Why they may not be started, as far as that is known before.
    pub(crate) async fn preflight(&self, real_time: bool) -> Vec<String> {
        let mut refused = Vec::new();
        for declared in self.declared.iter().filter(|declared| !real_time && declared.source.needs_real_time()) {
            refused.push(format!("the source `{}` can't take in under virtual time", declared.cx.name()));
        }
        for (name, plan) in self.plans().await {
            refused.extend(plan.err().map(|why| format!("source `{name}`: {why}")));
        }
        refused
    }

    /// Starts all of them, one after the other. Gives those that are up, and why the first that is not failed.
    pub(crate) async fn start(&self, shared: &Arc<Shared>) -> (Vec<Started>, Option<String>) {
        let known = shared.cx().services().get::<Sources>();
        let mut started = Vec::with_capacity(self.declared.len());
        for declared in &self.declared {
            let (one, cx) = (declared.clone(), declared.cx.cx());
            let start = shared.plug_ins.run(async move { guarded(one.source.start(&one.cx)).await });
            let running = tokio::select! {
                biased;
                () = cx.cancelled() => return (started, Some("the run was interrupted".to_owned())),
                running = cx.clock().timeout(STARTING, start) => running,
            };
            let why = match running {
                Some(Ok(Ok(running))) => {
                    cx.note(format!("source `{}`: {}", declared.cx.name(), running.describe()));
                    known.started(declared.cx.name(), Arc::clone(&running));
                    started.push(Started { declared: declared.clone(), running });
                    continue;
                }
                Some(Ok(Err(error))) => error.to_string(),
                Some(Err(panicked)) => panicked.to_string(),
                None => format!("it did not start within {} s", STARTING.as_secs()),
            };
            return (started, Some(format!("the source `{}` is not up: {why}", declared.cx.name())));
        }
        (started, None)
    }
}

impl Declared {
    /// What starting it would touch, where all of it may be.
    async fn allowed(&self) -> Result<Plan, Refused> {
        let plan = guarded(self.source.plan(&self.cx)).await??;
        plan_allowed(&plan, self.cx.cx()).await?;
        Ok(plan)
    }
}

/// Stops all of them, and says what each took in.
pub(crate) async fn stop(started: Vec<Started>, shared: &Arc<Shared>) -> Vec<SourceReport> {
    let mut reports = Vec::with_capacity(started.len());
    for Started { declared, running } in started {
        let from = running.describe();
        let stop = shared.plug_ins.run(async move { guarded(running.stop()).await });
        let end = match declared.cx.cx().clock().timeout(STOPPING, stop).await {
            Some(Ok(end)) => end,
            Some(Err(panicked)) => unfinished(panicked.to_string()),
            None => unfinished(format!("it did not end within {} s", STOPPING.as_secs())),
        };
        let (name, kind) = (declared.cx.name().to_string(), declared.source.type_name().to_owned());
        reports.push(SourceReport { name, kind, from, taken: end.taken, dropped: end.dropped, detail: end.detail });
    }
    shared.cx().services().get::<Sources>().stopped();
    reports
}

fn unfinished(detail: String) -> SourceEnd {
    SourceEnd { detail, ..SourceEnd::default() }
}
