//! The figures of a load as a run service, cut at the edges of the run's other faults.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chaos_core::{Edge, FaultStandings, FaultsSoFar, LoadFigures, LoadSlice, PostedLoad, RunContext, RunLoads};
use chaos_load::{Running, Snapshot};
use tokio::sync::watch;

use super::report::failure_row;

/// How many segments are kept apart by the names of faults. Each costs two histograms, so there must be an end; where a run comes
/// to more, those are told apart by the stages of all faults together, of which there are few.
const MOST: usize = 64;

/// The figures as probes see them.
#[derive(Debug)]
pub(super) struct RunFigures {
    snapshots: watch::Receiver<Snapshot>,
    cuts: Mutex<Cuts>,
}

#[derive(Debug)]
struct Cuts {
    faults: FaultsSoFar,
    /// Where the faults stood in each segment.
    segments: Vec<FaultStandings>,
    /// The places of the segments.
    places: BTreeMap<FaultStandings, usize>,
    /// How many edges of the run were handled, those of this entry among them.
    seen: usize,
}

impl Default for Cuts {
    fn default() -> Self {
        let none = FaultStandings::none();
        Self { faults: FaultsSoFar::default(), segments: vec![none.clone()], places: [(none, 0)].into(), seen: 0 }
    }
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
            let ago = cx.clock().now().saturating_sub(edge.at);
            let at = Instant::now().checked_sub(ago).unwrap_or_else(Instant::now);
            let mut standings = cuts.faults.note(edge);
            if !cuts.places.contains_key(&standings) && cuts.segments.len() > MOST {
                standings = standings.together();
            }
            if let Some(place) = cuts.places.get(&standings) {
                running.mark_again(*place, at);
                continue;
            }
            let place = running.mark(format!("{}: {}", edge.entry.fault_name(), edge.stage.word()), at);
            cuts.places.insert(standings.clone(), place);
            cuts.segments.push(standings);
        }
        cuts.seen = edges.len();
    }

    fn lock(&self) -> MutexGuard<'_, Cuts> {
        self.cuts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LoadFigures for RunFigures {
    fn segments(&self) -> Vec<FaultStandings> {
        self.lock().segments.clone()
    }

    fn slice(&self, segments: &[usize], percentile: f64, limit: Duration) -> LoadSlice {
        let (figures, elapsed) = {
            let snapshot = self.snapshots.borrow();
            (snapshot.over(segments, percentile, limit), snapshot.elapsed)
        };
        LoadSlice {
            scheduled: figures.scheduled,
            completed: figures.completed,
            errors: figures.errors,
            response: figures.response,
            slower: figures.slower,
            judged: figures.judged,
            ok_response: figures.ok_response,
            ok_slower: figures.ok_slower,
            elapsed: Some(elapsed),
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
        assert_eq!(posted.segments().len(), 3);
        assert_eq!(run.services().get::<RunLoads>().all().len(), 1);
        running.cancel();
        let result = running.wait().await;
        let names: Vec<&str> = result.phases.iter().map(|phase| phase.name.as_str()).collect();
        assert_eq!(names, ["before", "load: landing", "load: in force"]);
    }

    #[tokio::test]
    async fn the_events_of_a_soak_are_merged_by_the_name_of_their_fault_and_nothing_is_dropped() {
        let (running, _target) = running();
        let scope = TestContext::new(&[]).scope(Policy::default());
        let run = scope.cx();
        let posted = RunFigures::of(&running, run);
        let cut = || posted.cut(&running, &run.services().get::<FaultEdges>().watch().borrow(), run);
        let stages = [Stage::Landing, Stage::InForce, Stage::Leaving, Stage::Gone];
        for number in 0..200 {
            let event = scope.entry(&format!("soak/{number}"), &format!("pause #{number}"));
            for stage in stages {
                event.edge(stage);
            }
        }
        cut();
        // The first landing has nothing behind it.
        assert_eq!(posted.segments().len(), 6);
        assert!(posted.segments()[2].of(Some("pause")).unwrap().unwrap().in_force);
        // More names than can be kept apart: told together from then on, with what there was before as it is.
        for number in 0..100 {
            let event = scope.entry(&format!("other/{number}"), &format!("fault {number}"));
            for stage in stages {
                event.edge(stage);
            }
        }
        cut();
        let segments = posted.segments();
        assert!(segments.len() <= MOST + 1 + 16, "{}", segments.len());
        assert!(
            segments.iter().all(|segment| segment.of(None).is_ok()) && segments[MOST + 1].of(Some("pause")).is_err()
        );
        running.cancel();
        let result = running.wait().await;
        assert_eq!(result.phases.len(), segments.len());
        assert_eq!(result.phases[2].name, "pause: in force");
    }
}
