//! Runs connections that each follow a schedule of their own, as fortio's do.

use std::rc::Rc;
use std::time::Duration;

use crate::call::ConnectionReport;
use crate::client::Client;
use crate::clock::seconds;
use crate::context::WorkerContext;
use crate::observer::RequestEvent;
use crate::pacer::Wake;
use crate::random::Random;
use crate::schedule::{Lane, Split};

/// Runs the connections of one worker to their end.
pub(crate) async fn run(
    context: &Rc<WorkerContext>,
    split: Split,
    clients: Vec<(usize, Client)>,
) -> Vec<ConnectionReport> {
    let mut tasks = Vec::with_capacity(clients.len());
    let mut reports = Vec::with_capacity(clients.len());
    for (index, client) in clients {
        if index >= split.threads {
            // It warmed up, but fewer connections are needed.
            continue;
        }
        let lane = Lane::of(&context.load, &split, index);
        tasks.push(tokio::task::spawn_local(follow(context.clone(), lane, index, client)));
    }
    for task in tasks {
        reports.extend(task.await);
    }
    reports
}

async fn follow(context: Rc<WorkerContext>, lane: Lane, index: usize, mut client: Client) -> ConnectionReport {
    let mut random = Random::new(context.load.seed, (index as u64) << 32 | 0x6a69);
    let mut call = 0;
    let mut due = lane.offset;
    if context.pacer.until(due).await == Wake::Stopped {
        return client.into_report();
    }
    let mut planned = None;
    // The clock is read as rarely as can be: at full speed twice a request.
    let mut now = context.clock.now();
    loop {
        if lane.is_over(call, now) {
            planned = lane.calls;
            break;
        }
        now = context.call(&mut client, index, call, lane.qps.map(|_| due)).await;
        let Some((next, at)) = lane.after(call, now) else {
            call += 1;
            break;
        };
        (call, due) = (next, at);
        if lane.qps.is_some() {
            if lane.jitter {
                due = jittered(&mut random, now, due);
            }
            context.stats.tally().histograms.sleeps.record(signed_seconds(due, now));
            context.pacer.until(due).await;
            now = context.clock.now();
        }
        if context.control.is_stopped() {
            break;
        }
    }
    let after = Duration::from_nanos(context.clock.now().saturating_sub(lane.offset));
    context.observer.tell(|| RequestEvent::Ended { connection: index, after, calls: call, planned });
    client.into_report()
}

/// Moves the end of a wait by up to 10 % of the wait; the schedule itself stays.
fn jittered(random: &mut Random, now: u64, due: u64) -> u64 {
    let reach = (due.saturating_sub(now) + 5) / 10;
    due - reach + random.between(0, 2 * reach)
}

/// Seconds from `now` to `due`, negative when it has passed.
fn signed_seconds(due: u64, now: u64) -> f64 {
    if due >= now { seconds(due - now) } else { -seconds(now - due) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_stays_within_a_tenth_of_the_wait() {
        let mut random = Random::new(3, 3);
        for _ in 0..1000 {
            let moved = jittered(&mut random, 1_000_000, 2_000_000);
            assert!((1_900_000..=2_100_000).contains(&moved), "{moved}");
        }
        assert_eq!(jittered(&mut random, 2_000_000, 1_000_000), 1_000_000, "late calls are not moved");
    }

    #[test]
    fn a_wait_that_has_passed_is_negative() {
        assert!(signed_seconds(1, 2_000_000_001) < -1.9);
        assert!(signed_seconds(2_000_000_000, 0) > 1.9);
    }
}
