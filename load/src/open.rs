//! Runs one schedule for all connections: any idle one takes the next request.
//!
//! One idle connection leads: it holds the next request and waits for its time.
//! When that comes it hands the lead to another idle connection, or to a new
//! one while there is room, and makes its request. With none left the lead lies
//! open, requests queue, and the first connection that becomes idle takes it.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::{Poll, Waker};

use tokio::task::JoinHandle;

use crate::call::ConnectionReport;
use crate::client::Client;
use crate::clock::nanos;
use crate::context::WorkerContext;
use crate::pacer::Wake;
use crate::schedule::OpenSchedule;

/// The connections of one worker.
struct IdlePool {
    context: Rc<WorkerContext>,
    schedule: OpenSchedule,
    /// Connections that were not needed yet.
    fresh: RefCell<Vec<(usize, Client)>>,
    /// Idle connections, the last used on top: few stay busy, the rest sleep.
    idle: RefCell<Vec<Rc<PoolSlot>>>,
    tasks: RefCell<Vec<JoinHandle<ConnectionReport>>>,
    vacant: Cell<bool>,
    over: Cell<bool>,
}

/// Runs the connections of one worker to the end of the schedule.
pub(crate) async fn run(
    context: &Rc<WorkerContext>,
    schedule: OpenSchedule,
    clients: Vec<(usize, Client)>,
) -> Vec<ConnectionReport> {
    let fresh = clients.into_iter().rev().collect();
    let pool = Rc::new(IdlePool {
        context: context.clone(),
        schedule,
        fresh: RefCell::new(fresh),
        idle: RefCell::new(Vec::new()),
        tasks: RefCell::new(Vec::new()),
        vacant: Cell::new(true),
        over: Cell::new(false),
    });
    pool.hand_over();
    let mut reports = Vec::new();
    loop {
        let task = pool.tasks.borrow_mut().pop();
        let Some(task) = task else { break };
        reports.extend(task.await);
    }
    reports.extend(pool.fresh.take().into_iter().map(|(_, client)| client.into_report()));
    if let Some(end) = schedule.end {
        // The period ends when it was planned to, not with its last request.
        context.pacer.until(end).await;
    }
    reports
}

/// What an idle connection is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Call {
    /// Take the next request.
    Lead,
    /// There is none: end.
    Leave,
}

/// Where an idle connection waits; it is used again and again, so that waiting
/// costs no allocation.
#[derive(Default)]
struct PoolSlot {
    call: Cell<Option<Call>>,
    waker: RefCell<Option<Waker>>,
}

impl PoolSlot {
    fn call(&self, call: Call) {
        self.call.set(Some(call));
        if let Some(waker) = self.waker.borrow().as_ref() {
            waker.wake_by_ref();
        }
    }

    async fn called(&self) -> Call {
        std::future::poll_fn(|cx| {
            if let Some(call) = self.call.take() {
                return Poll::Ready(call);
            }
            let mut waker = self.waker.borrow_mut();
            if !waker.as_ref().is_some_and(|known| known.will_wake(cx.waker())) {
                *waker = Some(cx.waker().clone());
            }
            Poll::Pending
        })
        .await
    }
}

impl IdlePool {
    /// Gives the lead to somebody, if there is somebody.
    fn hand_over(self: &Rc<Self>) {
        self.vacant.set(false);
        let idle = self.idle.borrow_mut().pop();
        if let Some(place) = idle {
            return place.call(Call::Lead);
        }
        let fresh = self.fresh.borrow_mut().pop();
        match fresh {
            Some((index, client)) => {
                let task = tokio::task::spawn_local(self.clone().serve(index, client));
                self.tasks.borrow_mut().push(task);
            }
            None => self.vacant.set(true),
        }
    }

    /// Wakes everybody to end.
    fn end(&self) {
        self.over.set(true);
        for place in self.idle.take() {
            place.call(Call::Leave);
        }
    }

    async fn serve(self: Rc<Self>, index: usize, mut client: Client) -> ConnectionReport {
        let place = Rc::new(PoolSlot::default());
        while !self.over.get() {
            let Some((slot, due)) = self.lead().await else {
                self.end();
                break;
            };
            self.hand_over();
            self.context.call(&mut client, index, slot, Some(due)).await;
            if self.over.get() {
                break;
            }
            if self.vacant.replace(false) {
                continue;
            }
            self.idle.borrow_mut().push(place.clone());
            if place.called().await == Call::Leave {
                break;
            }
        }
        client.into_report()
    }

    /// Takes the next call and waits for its time; `None` when there is no more.
    async fn lead(&self) -> Option<(u64, u64)> {
        let context = &self.context;
        if context.control.is_stopped() {
            return None;
        }
        let slot = context.control.take_slot();
        let due = self.schedule.due(slot)?;
        let last = self.schedule.end.map(|end| end.saturating_add(nanos(context.load.timeout)));
        if last.is_some_and(|last| context.clock.now() > last) {
            return None;
        }
        (context.pacer.until(due).await == Wake::Due).then_some((slot, due))
    }
}
