//! Evaluates a site in a task: delays and barriers are awaited, so a worker thread never blocks on them.

use std::{sync::Arc, task::Poll, time::Duration};

use crate::{
    Barrier, FiredSite,
    arming::Arming,
    evaluate::{Firing, Outcome, decide},
    here::concerns,
    rule::Action,
    site::Site,
};

/// Evaluates a site in a task; needs tokio's timer when the rule delays.
#[doc(hidden)]
pub async fn evaluate_async(site: &'static Site) -> Option<FiredSite> {
    let named = site.named().filter(|named| concerns(named))?;
    match decide(named) {
        Outcome::Return(fired) => Some(fired),
        Outcome::Do(firing) => firing.run().await,
        Outcome::Expired(_) | Outcome::Pass => None,
    }
}

impl Firing {
    async fn run(self) -> Option<FiredSite> {
        let arming = Arc::clone(&self.arming);
        let step = arming.step(self.step);
        if !step.delay.is_zero() {
            sleep(&arming, step.delay).await;
        }
        match &step.action {
            Action::Sleep(time) => sleep(&arming, *time).await,
            Action::Pause => hold(&arming, &arming.hold).await,
            Action::Wait(barrier) => hold(&arming, barrier).await,
            Action::Yield => yield_now().await,
            _ => return self.at_once(),
        }
        None
    }
}

/// Waits for a time, or until the arming is over.
async fn sleep(arming: &Arming, time: Duration) {
    let over = arming.hold.until(|| arming.is_over());
    // An error is the usual end: the time has passed and the arming is still in force.
    let _ = tokio::time::timeout(time, over).await;
}

/// Waits for a permit, for the end of the arming, or for the end of its lease, whichever is first.
async fn hold(arming: &Arming, barrier: &Barrier) {
    let held = barrier.hold_task(|| arming.is_over());
    tokio::pin!(held);
    loop {
        let Some(end) = arming.deadline() else {
            return held.await;
        };
        if tokio::time::timeout_at(end.into(), &mut held).await.is_ok() || arming.is_over() {
            return;
        }
    }
}

/// Lets the other tasks run once.
async fn yield_now() {
    let mut yielded = false;
    std::future::poll_fn(|cx| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
