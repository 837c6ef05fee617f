//! The figures of a load as a run service, cut at the edges of the run's other faults.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chaos_core::{Edge, LoadFigures, LoadSlice, PostedLoad, RunContext, RunLoads};
use chaos_load::{Running, Snapshot};
use tokio::sync::watch;

use super::report::failure_row;

/// How many edges are kept apart: those of sixteen faults. Each costs two histograms, so there must be an end.
const MOST: usize = 64;

/// The figures as probes see them.
#[derive(Debug)]
pub(super) struct RunFigures {
    snapshots: watch::Receiver<Snapshot>,
    cuts: Mutex<Cuts>,
}

#[derive(Debug, Default)]
struct Cuts {
    edges: Vec<Edge>,
    /// How many edges of the run were handled, those of this entry among them.
    seen: usize,
    too_many: bool,
}

impl RunFigures {
    /// Shows the figures of a running load.
    pub(super) fn of(running: &Running, cx: &RunContext) -> Arc<Self> {
        let posted = Arc::new(Self { snapshots: running.snapshots(), cuts: Mutex::default() });
        if let Some(entry) = cx.entry() {
            let figures: Arc<dyn LoadFigures> = posted.clone();
            cx.services().get::<RunLoads>().post(PostedLoad { entry: Arc::clone(entry), figures });
        }
        posted
    }

    /// Cuts the run at the edges of other entries that were not seen before.
    pub(super) fn cut(&self, running: &Running, edges: &[Edge], cx: &RunContext) {
        let mut cuts = self.lock();
        for edge in edges.iter().skip(cuts.seen) {
            if cx.entry().is_some_and(|own| Arc::ptr_eq(own, &edge.entry)) {
                continue;
            }
            cuts.too_many |= cuts.edges.len() == MOST;
            if cuts.too_many {
                break;
            }
            let ago = cx.clock().now().saturating_sub(edge.at);
            let at = Instant::now().checked_sub(ago).unwrap_or_else(Instant::now);
            running.mark(format!("{}: {}", edge.entry.name, edge.stage.word()), at);
            cuts.edges.push(edge.clone());
        }
        cuts.seen = edges.len();
    }

    fn lock(&self) -> MutexGuard<'_, Cuts> {
        self.cuts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LoadFigures for RunFigures {
    fn cuts(&self) -> Option<Vec<Edge>> {
        let cuts = self.lock();
        (!cuts.too_many).then(|| cuts.edges.clone())
    }

    fn slice(&self, segments: &[usize], percentile: f64, limit: Duration) -> LoadSlice {
        let figures = self.snapshots.borrow().over(segments, percentile, limit);
        LoadSlice {
            scheduled: figures.scheduled,
            completed: figures.completed,
            errors: figures.errors,
            response: figures.response,
            slower: figures.slower,
            judged: figures.judged,
            ok_response: figures.ok_response,
            ok_slower: figures.ok_slower,
            timeout: figures.timeout,
            failures: figures.failures.iter().map(failure_row).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use chaos_core::{FaultEdges, Policy, Stage};
    use chaos_load::target::{Behaviour, serve};
    use chaos_load::{LoadPlan, Stop, start};

    use super::super::test_context::TestContext;
    use super::*;

    fn running() -> (Running, chaos_load::target::Target) {
        let target = serve(([127, 0, 0, 1], 0).into(), Behaviour::new()).unwrap();
        let mut load = LoadPlan::to(&target.url()).unwrap();
        load.stop = Stop::Never;
        (start(load).unwrap(), target)
    }

    #[tokio::test]
    async fn edges_of_other_entries_cut_and_those_of_its_own_do_not() {
        let (running, _target) = running();
        let scope = TestContext::new(&[]).scope(Policy::default());
        let (own, other) = (scope.entry("chaos_spec/0", "load"), scope.entry("chaos_spec/1", "load"));
        let run = scope.cx();
        let posted = RunFigures::of(&running, own.cx());
        own.edge(Stage::Landing);
        other.edge(Stage::Landing);
        for _ in 0..2 {
            posted.cut(&running, &run.services().get::<FaultEdges>().watch().borrow(), own.cx());
        }
        other.edge(Stage::InForce);
        posted.cut(&running, &run.services().get::<FaultEdges>().watch().borrow(), own.cx());
        let stages: Vec<Stage> = posted.cuts().unwrap().iter().map(|edge| edge.stage).collect();
        assert_eq!(stages, [Stage::Landing, Stage::InForce]);
        assert_eq!(run.services().get::<RunLoads>().all().len(), 1);
        running.cancel();
        let result = running.wait().await;
        let names: Vec<&str> = result.phases.iter().map(|phase| phase.name.as_str()).collect();
        assert_eq!(names, ["before", "load: landing", "load: in force"]);
    }

    #[tokio::test]
    async fn more_edges_than_can_be_kept_apart_are_told_instead_of_mixed_up() {
        let (running, _target) = running();
        let scope = TestContext::new(&[]).scope(Policy::default());
        let (run, other) = (scope.cx(), scope.entry("chaos_spec/1", "soak"));
        let posted = RunFigures::of(&running, run);
        for many in [MOST, 1] {
            (0..many).for_each(|_| other.edge(Stage::Landing));
            posted.cut(&running, &run.services().get::<FaultEdges>().watch().borrow(), run);
            assert_eq!(posted.cuts().map(|cuts| cuts.len()), (many == MOST).then_some(MOST));
        }
    }
}
