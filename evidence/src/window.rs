//! The stretch of time in which evidence counts.

use chaos_core::{RunContext, Seconds};

use crate::since::NotSince;
use crate::{Moment, Since};

/// The stretch of time in which evidence counts, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Its first moment; [`i64::MIN`] where everything so far counts.
    pub from: Moment,
    /// Its last moment: that of the question.
    pub to: Moment,
}

impl Window {
    /// The window of a question that is asked now: from `since` on, and of that the last `window_seconds` where they are given.
    ///
    /// # Errors
    /// [`NotSince`]: the moment from which on evidence counts has not come.
    pub fn now(since: Option<Since>, window_seconds: Option<Seconds>, cx: &RunContext) -> Result<Self, NotSince> {
        let from = Since::moment(since, cx)?;
        let to = Moment::now(cx.clock());
        let last = window_seconds.map(|seconds| to.before(seconds.get()));
        Ok(Self { from: last.map_or(from, |last| last.max(from)), to })
    }

    /// Whether a moment lies in it.
    pub fn contains(&self, moment: Moment) -> bool {
        self.from <= moment && moment <= self.to
    }

    /// Seconds from its start to `moment`, or since the run's clock began where everything so far counts.
    pub fn seconds_to(&self, moment: Moment) -> f64 {
        if self.from.0 == i64::MIN { moment.seconds() } else { moment.since(self.from).as_secs_f64() }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use chaos_core::Stage;
    use chaos_test::run_context;

    use super::*;

    fn seconds(time: u64) -> Moment {
        Moment::at(Duration::from_secs(time))
    }

    #[tokio::test(start_paused = true)]
    async fn evidence_counts_from_the_entrys_own_fault_unless_told_otherwise() {
        let scope = run_context().virtual_time().scope();
        let clock = scope.cx().shared_clock();
        let (entry, other) = (scope.entry("chaos_spec/0", "one"), scope.entry("chaos_spec/1", "other"));
        let window = |since, last: Option<u8>| Window::now(since, last.map(Seconds::from), entry.cx());
        let forever = Moment(i64::MIN);
        let detect = entry.cx().child("detect", None).child("checks/0", None);
        assert_eq!(Window::now(None, None, &detect), Err(NotSince::NoFault));
        assert_eq!(window(None, None), Ok(Window { from: forever, to: seconds(0) }));
        assert_eq!(window(Some(Since::Fault), None), Err(NotSince::NoFault));
        clock.sleep(Duration::from_secs(2)).await;
        other.edge(Stage::InForce);
        assert_eq!(window(Some(Since::Fault), None), Err(NotSince::NoFault));
        clock.sleep(Duration::from_secs(1)).await;
        entry.edge(Stage::InForce);
        clock.sleep(Duration::from_secs(10)).await;
        assert_eq!(window(None, None), Ok(Window { from: seconds(3), to: seconds(13) }));
        assert_eq!(window(None, Some(4)).unwrap().from, seconds(9));
        assert_eq!(window(None, Some(40)).unwrap().from, seconds(3));
        assert_eq!(Window::now(None, None, &detect).unwrap().from, seconds(3));
        assert_eq!(window(Some(Since::Run), None).unwrap().from, forever);
        assert_eq!(window(Some(Since::Undo), None), Err(NotSince::NoUndo));
        entry.edge(Stage::Leaving);
        let after = window(Some(Since::Undo), None).unwrap();
        assert_eq!((after.from, after.contains(seconds(13)), after.contains(seconds(14))), (seconds(13), true, false));
        assert_eq!(Window::now(None, None, scope.cx()).unwrap().from, forever);
    }

    #[tokio::test(start_paused = true)]
    async fn in_a_control_leg_evidence_counts_from_its_start_and_afterwards_as_if_there_was_none() {
        let scope = run_context().virtual_time().scope();
        let clock = scope.cx().shared_clock();
        let entry = scope.entry("chaos_spec/0", "one");
        let detect = entry.cx().child("detect", None);
        let from = || Window::now(None, None, &detect).map(|window| window.from);
        // Before the fault, and once more after it.
        for (starts, before) in [(2, Err(NotSince::NoFault)), (8, Ok(seconds(5)))] {
            assert_eq!(from(), before);
            clock.sleep(Duration::from_secs(starts).saturating_sub(clock.now())).await;
            let control = entry.control();
            control.edge(Stage::Landing);
            control.edge(Stage::InForce);
            clock.sleep(Duration::from_secs(1)).await;
            assert_eq!(from(), Ok(seconds(starts)));
            control.edge(Stage::Leaving);
            control.edge(Stage::Gone);
            assert_eq!(from(), before);
            if starts == 2 {
                clock.sleep(Duration::from_secs(2)).await;
                entry.edge(Stage::InForce);
                entry.edge(Stage::Leaving);
            }
        }
    }
}
