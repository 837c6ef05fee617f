//! Tasks of a connection, and those that outlive it.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use crate::settings::SharedLink;

/// Starts the tasks of one connection on its thread; they end when the [`Tasks`] do.
#[derive(Debug, Clone, Default)]
pub(super) struct Executor(Rc<RefCell<JoinSet<()>>>);

impl<F: Future<Output: 'static> + 'static> hyper::rt::Executor<F> for Executor {
    fn execute(&self, task: F) {
        self.spawn(async {
            task.await;
        });
    }
}

impl Executor {
    /// Starts a task.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        let mut tasks = self.0.borrow_mut();
        // Those that have ended are let go of, or a long connection would fill the memory.
        while tasks.try_join_next().is_some() {}
        tasks.spawn_local(task);
    }
}

/// Ends the tasks of a connection when it is dropped.
#[derive(Debug, Default)]
pub(super) struct Tasks(pub(super) Executor);

impl Drop for Tasks {
    fn drop(&mut self) {
        self.0.0.borrow_mut().abort_all();
    }
}

/// Starts tasks that end by themselves: a connection to a server does when nobody asks it for anything any more.
#[derive(Debug, Clone, Copy)]
pub(super) struct Detached;

impl<F: Future + 'static> hyper::rt::Executor<F> for Detached {
    fn execute(&self, task: F) {
        tokio::task::spawn_local(async {
            task.await;
        });
    }
}

/// How long a server may take for what nobody waits for.
const AT_MOST: Duration = Duration::from_mins(1);

/// Does something that the client does not wait for, and may outlive its connection, but not the link.
pub(super) fn behind(link: &Arc<SharedLink>, task: impl Future<Output = ()> + 'static) {
    let mut changes = link.changes.subscribe();
    let generation = changes.borrow_and_update().generation;
    tokio::task::spawn_local(async move {
        let stopped = async { changes.wait_for(|settings| settings.generation != generation).await.map(drop) };
        tokio::select! {
            () = task => {}
            _ = stopped => {}
            () = tokio::time::sleep(AT_MOST) => {}
        }
    });
}
