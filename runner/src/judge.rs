//! From what happened to a verdict.

use chaos_core::{Answer, Reverted, Verdict, Verification};

/// What happened in an entry, as far as the verdict needs it.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts, any of which may hold")]
pub(crate) struct Facts {
    /// The fault was demonstrably in force.
    pub(crate) landed: bool,
    /// Why it did not run its course; `None` when it did.
    pub(crate) error: Option<String>,
    /// It was undone before its time because its stop condition said so.
    pub(crate) aborted: bool,
    /// Somebody else undid it, since this process could not: what was seen shows nothing.
    pub(crate) taken_over: bool,
    /// The control leg showed that the system was not steady without the fault, or it was not told.
    pub(crate) uncontrolled: bool,
    /// Answers of every probe that was asked for.
    pub(crate) probes: Vec<Verification>,
}

impl Facts {
    /// The verdict: the revert first, then whether it landed, then the probes.
    pub(crate) fn verdict(&self, reverted: Reverted) -> Verdict {
        if reverted == Reverted::Failed {
            return Verdict::RevertFailed;
        }
        if !self.landed || self.taken_over || self.uncontrolled {
            return Verdict::Inconclusive;
        }
        if self.aborted || self.answers(Answer::No) {
            return Verdict::Deviated;
        }
        if self.error.is_some() || self.answers(Answer::Unknown) {
            return Verdict::Inconclusive;
        }
        if self.probes.is_empty() { Verdict::Unchecked } else { Verdict::Held }
    }

    /// True exactly when the fault landed, ran its course and was reverted.
    pub(crate) fn success(&self, reverted: Reverted) -> bool {
        self.landed && self.error.is_none() && !self.aborted && reverted != Reverted::Failed
    }

    fn answers(&self, answer: Answer) -> bool {
        self.probes.iter().any(|probe| probe.answer == answer)
    }
}

/// The verdict of a whole run: the worst of its entries and of its steady state.
///
/// Entries without probes of their own count as held where the steady state was asked for and said yes. One that was not
/// there to begin with shows nothing.
pub(crate) fn run_verdict(
    entries: &[Verdict],
    steady_before: &[Verification],
    steady_after: &[Verification],
) -> Verdict {
    let lost = steady_before.iter().any(|probe| probe.answer != Answer::Yes).then_some(Verdict::Inconclusive);
    let steady = steady_after.iter().map(|probe| match probe.answer {
        Answer::Yes => Verdict::Held,
        Answer::No => Verdict::Deviated,
        Answer::Unknown => Verdict::Inconclusive,
    });
    let asked = !steady_after.is_empty();
    let entries = entries.iter().map(|verdict| match verdict {
        Verdict::Unchecked if asked => Verdict::Held,
        other => *other,
    });
    // A run of nothing shows nothing.
    entries.chain(steady).chain(lost).max().unwrap_or(Verdict::Inconclusive)
}

#[cfg(test)]
mod tests {
    use chaos_core::Observation;

    use super::*;

    fn probe(answer: Answer) -> Verification {
        let seen = Observation { answer, value: serde_json::Value::Null, detail: String::new() };
        Verification::of("p", seen)
    }

    /// Landed, error, aborted, probes, reverted; then the verdict and `success`.
    type Row = (bool, bool, bool, &'static [Answer], Reverted, Verdict, bool);

    #[test]
    fn the_table_of_the_design_holds() {
        use Answer::{No, Unknown, Yes};
        let ok = Reverted::Reverted;
        let rows: [Row; 11] = [
            (true, false, false, &[], ok, Verdict::Unchecked, true),
            (true, false, false, &[Yes, Yes], ok, Verdict::Held, true),
            (true, false, false, &[Yes, No], ok, Verdict::Deviated, true),
            (true, false, false, &[No, Unknown], ok, Verdict::Deviated, true),
            (true, false, false, &[Yes, Unknown], ok, Verdict::Inconclusive, true),
            (true, false, true, &[Yes], ok, Verdict::Deviated, false),
            (true, true, false, &[Yes], ok, Verdict::Inconclusive, false),
            (false, true, false, &[Yes], ok, Verdict::Inconclusive, false),
            (false, false, false, &[No], ok, Verdict::Inconclusive, false),
            (true, false, false, &[Yes], Reverted::Failed, Verdict::RevertFailed, false),
            (false, true, false, &[], Reverted::Failed, Verdict::RevertFailed, false),
        ];
        for (landed, error, aborted, answers, reverted, verdict, success) in rows {
            let facts = Facts {
                landed,
                error: error.then(|| "why".to_owned()),
                aborted,
                taken_over: false,
                uncontrolled: false,
                probes: answers.iter().map(|answer| probe(*answer)).collect(),
            };
            assert_eq!((facts.verdict(reverted), facts.success(reverted)), (verdict, success), "{facts:?}");
        }
    }

    #[test]
    fn a_control_leg_that_failed_leaves_no_pass_and_no_deviation() {
        for answers in [vec![Answer::Yes], vec![Answer::No], vec![]] {
            let probes = answers.into_iter().map(probe).collect();
            let facts = Facts { landed: true, uncontrolled: true, probes, ..Facts::default() };
            assert_eq!(facts.verdict(Reverted::Reverted), Verdict::Inconclusive);
            assert_eq!(facts.verdict(Reverted::Failed), Verdict::RevertFailed);
        }
    }

    #[test]
    fn a_run_is_as_bad_as_its_worst_part() {
        use Verdict::{Deviated, Held, Inconclusive, RevertFailed, Unchecked};
        let rows: [(&[Verdict], &[Answer], Verdict); 6] = [
            (&[Held, Unchecked], &[], Unchecked),
            (&[Unchecked], &[Answer::Yes], Held),
            (&[Held], &[Answer::No], Deviated),
            (&[Held, Inconclusive, RevertFailed], &[Answer::Yes], RevertFailed),
            (&[Held], &[Answer::Unknown], Inconclusive),
            (&[], &[], Inconclusive),
        ];
        for (entries, steady, want) in rows {
            let steady: Vec<_> = steady.iter().map(|answer| probe(*answer)).collect();
            assert_eq!(run_verdict(entries, &[], &steady), want, "{entries:?} {steady:?}");
        }
    }
}
