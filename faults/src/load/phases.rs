//! The requests of a load before, while and after each of the run's other faults.

use std::collections::BTreeSet;

use chaos_core::{FaultStandings, PhaseReport, RequestPhase, is_control_name};
use chaos_load::{Latency, Phase};

use super::latency::latency;

/// The figures by fault and phase; empty of a run without other faults. Where more faults were there at a time than are kept
/// apart by name, all are told together.
pub(super) fn phases(segments: &[Phase], standings: &[FaultStandings]) -> Vec<PhaseReport> {
    let requests =
        |segment: &Phase| Requests { ok: segment.ok, errors: segment.errors, response: segment.response.clone() };
    by_phase(&segments.iter().map(requests).collect::<Vec<_>>(), standings)
}

/// The requests of one segment.
struct Requests {
    ok: u64,
    errors: u64,
    response: Latency,
}

fn by_phase(segments: &[Requests], standings: &[FaultStandings]) -> Vec<PhaseReport> {
    let told_apart = standings.iter().all(|standing| standing.names().is_some());
    let names: BTreeSet<&str> = standings.iter().filter_map(FaultStandings::names).flatten().collect();
    let mut faults: Vec<Option<&str>> = if told_apart { names.iter().copied().map(Some).collect() } else { Vec::new() };
    if faults.iter().flatten().filter(|name| !is_control_name(name)).count() != 1 && standings.len() > 1 {
        faults.push(None);
    }
    let rows = faults.into_iter().flat_map(|fault| RequestPhase::ALL.map(|phase| (fault, phase)));
    // Of a control leg its own time is told; what is before and after it is before and after a fault.
    let told = rows.filter(|(fault, phase)| *phase == RequestPhase::While || !fault.is_some_and(is_control_name));
    told.map(|(fault, phase)| of(fault, phase, segments, standings)).collect()
}

fn of(fault: Option<&str>, phase: RequestPhase, segments: &[Requests], standings: &[FaultStandings]) -> PhaseReport {
    let is = |standing: &FaultStandings| standing.of(fault).is_ok_and(|found| RequestPhase::of(found) == Some(phase));
    let (mut ok, mut errors, mut response) = (0, 0, Latency::default());
    for (segment, _) in segments.iter().zip(standings).filter(|(_, standing)| is(standing)) {
        ok += segment.ok;
        errors += segment.errors;
        response.add(&segment.response);
    }
    let ended = ok + errors;
    #[expect(clippy::cast_precision_loss, reason = "exact below 2^52 requests")]
    let error_ratio = (ended > 0).then(|| errors as f64 / ended as f64);
    PhaseReport { fault: fault.map(str::to_owned), phase, ok, errors, error_ratio, response: latency(&response) }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use chaos_core::{Edge, EntryId, FaultsSoFar, Stage};

    use super::*;

    const STAGES: [Stage; 4] = [Stage::Landing, Stage::InForce, Stage::Leaving, Stage::Gone];

    /// A segment of so many requests that were answered well and that failed.
    fn segment(ok: u64, errors: u64) -> Requests {
        Requests { ok, errors, response: Latency::default() }
    }

    fn standings(names: &[&str]) -> Vec<FaultStandings> {
        let mut faults = FaultsSoFar::default();
        let mut all = vec![FaultStandings::none()];
        for name in names {
            let entry = Arc::new(EntryId { path: format!("/{name}"), name: (*name).to_owned() });
            let edge = |stage| Edge { entry: Arc::clone(&entry), stage, at: Duration::ZERO };
            all.extend(STAGES.map(|stage| faults.note(&edge(stage))));
        }
        all
    }

    fn told(reports: &[PhaseReport]) -> Vec<(Option<&str>, RequestPhase, u64, u64)> {
        reports.iter().map(|row| (row.fault.as_deref(), row.phase, row.ok, row.errors)).collect()
    }

    #[test]
    fn requests_due_while_a_fault_comes_or_goes_count_for_no_phase() {
        use RequestPhase::{After, Before, While};
        // Before, landing, in force, leaving, gone.
        let segments = [segment(10, 0), segment(7, 7), segment(3, 1), segment(9, 9), segment(20, 2)];
        let found = by_phase(&segments, &standings(&["pause"]));
        let name = Some("pause");
        assert_eq!(told(&found), [(name, Before, 10, 0), (name, While, 3, 1), (name, After, 20, 2)]);
        assert_eq!(found[1].error_ratio, Some(0.25));
        assert!(by_phase(&segments[..1], &standings(&[])).is_empty());
    }

    #[test]
    fn each_fault_has_its_own_phases_and_all_together_have_theirs() {
        let segments: Vec<Requests> = (1..=9).map(|ok| segment(ok, 0)).collect();
        let found = by_phase(&segments, &standings(&["a", "b"]));
        let of = |fault: Option<&str>, phase| {
            found.iter().find(|row| row.fault.as_deref() == fault && row.phase == phase).map(|row| row.ok)
        };
        assert_eq!(of(Some("a"), RequestPhase::While), Some(3));
        assert_eq!(of(Some("a"), RequestPhase::After), Some(5 + 6 + 7 + 8 + 9));
        assert_eq!(of(Some("b"), RequestPhase::Before), Some(1 + 2 + 3 + 4 + 5));
        assert_eq!(of(None, RequestPhase::While), Some(3 + 7));
        let together: Vec<FaultStandings> = standings(&["a", "b"]).iter().map(FaultStandings::together).collect();
        assert!(by_phase(&segments, &together).iter().all(|row| row.fault.is_none()));
    }
}
