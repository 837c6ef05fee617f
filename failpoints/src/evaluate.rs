//! Evaluates a site that is armed somewhere, in the blocking form.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    FiredSite,
    arming::Arming,
    here::{concerns, count_hit},
    rule::Action,
    site::{Named, Site},
    tally::Verdict,
};

/// A step that fires, and the arming that it belongs to.
pub(crate) struct Firing {
    pub(crate) arming: Arc<Arming>,
    pub(crate) step: usize,
    pub(crate) fired: FiredSite,
}

/// The result of a hit.
pub(crate) enum Outcome {
    /// The site returns at once: the usual case, which shares nothing but the counters with other threads.
    Return(FiredSite),
    /// The step has an effect to run first.
    Do(Firing),
    /// The rule's lease has expired: remove it, then evaluate again.
    Expired(Arc<Arming>),
    /// Nothing fires.
    Pass,
}

/// Counts the hit and finds what fires.
#[inline]
pub(crate) fn decide(named: &'static Named) -> Outcome {
    loop {
        match count_hit(named, |arming, verdict| read(arming, verdict, named.name)) {
            Some(Outcome::Expired(arming)) => arming.retire(),
            outcome => return outcome.unwrap_or(Outcome::Pass),
        }
    }
}

#[inline]
fn read(arming: &Arc<Arming>, verdict: Verdict, site: &'static str) -> Outcome {
    let (at, hit) = match verdict {
        Verdict::Fire { step, hit } => (step, hit),
        Verdict::Expired => return Outcome::Expired(Arc::clone(arming)),
        Verdict::Pass | Verdict::Closed => return Outcome::Pass,
    };
    let step = arming.step(at);
    let fired = |argument| FiredSite { site, hit, argument };
    match &step.action {
        Action::Return(text) if step.delay.is_zero() => Outcome::Return(fired(text.clone())),
        Action::Off if step.delay.is_zero() => Outcome::Pass,
        action => Outcome::Do(Firing {
            arming: Arc::clone(arming),
            step: at,
            fired: fired(match action {
                Action::Return(text) => text.clone(),
                _ => None,
            }),
        }),
    }
}

/// Evaluates a site in the caller's thread.
///
/// Not marked cold, though the branch to it is: that would have it compiled for size.
#[inline(never)]
#[doc(hidden)]
pub fn evaluate(site: &'static Site) -> Option<FiredSite> {
    let named = site.named()?;
    if !concerns(named) {
        return None;
    }
    evaluate_here(named)
}

#[inline(never)]
fn evaluate_here(named: &'static Named) -> Option<FiredSite> {
    match decide(named) {
        Outcome::Return(fired) => Some(fired),
        Outcome::Do(firing) => firing.block(),
        Outcome::Expired(_) | Outcome::Pass => None,
    }
}

impl Firing {
    #[inline(never)]
    fn block(self) -> Option<FiredSite> {
        let arming = &self.arming;
        let step = arming.step(self.step);
        if !step.delay.is_zero() {
            arming.hold.sleep(step.delay, || arming.is_over());
        }
        match &step.action {
            Action::Sleep(time) => arming.hold.sleep(*time, || arming.is_over()),
            Action::Pause => arming.hold.hold(|| arming.deadline(), || arming.is_over()),
            Action::Wait(barrier) => barrier.hold(|| arming.deadline(), || arming.is_over()),
            Action::Yield => std::thread::yield_now(),
            _ => return self.at_once(),
        }
        None
    }

    /// Runs an effect that never waits.
    pub(crate) fn at_once(self) -> Option<FiredSite> {
        match &self.arming.step(self.step).action {
            Action::Return(_) => return Some(self.fired),
            Action::Spin(time) => spin(*time),
            Action::Panic(text) => panic_at(self.fired.site, text.as_deref()),
            Action::Print(text) => print_at(self.fired.site, text.as_deref()),
            Action::CallWhileArmed(run) => {
                // `None` when the arming has ended since the hit.
                if let Some(run) = run.upgrade() {
                    run(&self.fired);
                }
            }
            Action::Call(_) | Action::Off | Action::Sleep(_) | Action::Pause | Action::Yield | Action::Wait(_) => {}
        }
        None
    }
}

fn spin(time: Duration) {
    let start = Instant::now();
    while start.elapsed() < time {
        std::hint::spin_loop();
    }
}

/// The one panic that this crate raises on purpose.
fn panic_at(site: &str, text: Option<&str>) {
    let message = text.map_or_else(|| format!("failpoint {site} panic"), str::to_owned);
    std::panic::panic_any(message);
}

fn print_at(site: &str, text: Option<&str>) {
    let line = text.map_or_else(|| format!("failpoint {site} executed."), str::to_owned);
    #[cfg(feature = "log")]
    log::info!("{line}");
    #[cfg(not(feature = "log"))]
    eprintln!("{line}");
}
