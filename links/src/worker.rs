//! Threads that move bytes. A connection lives on one of them, so that nothing in its path is shared.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;

use tokio::sync::mpsc;
use tokio::task::LocalSet;

use crate::pipe::Pipes;
use crate::timer::Timer;

/// What one read takes at most, and the sign of bulk.
const SCRATCH: usize = 64 * 1024;

/// What the connections of one worker share.
pub(crate) struct WorkerContext {
    pub(crate) timer: Rc<Timer>,
    pub(crate) pipes: Pipes,
    scratch: RefCell<Vec<u8>>,
}

impl WorkerContext {
    fn new() -> io::Result<Rc<Self>> {
        let scratch = RefCell::new(vec![0; SCRATCH]);
        Ok(Rc::new(Self { timer: Timer::new()?, pipes: Pipes::default(), scratch }))
    }

    /// Lends the buffer that all reads of this worker use; nothing in it outlives the call.
    pub(crate) fn with_scratch<T>(&self, read: impl FnOnce(&mut [u8]) -> T) -> T {
        read(&mut self.scratch.borrow_mut())
    }
}

type LocalFuture = Pin<Box<dyn Future<Output = ()>>>;
type Job = Box<dyn FnOnce(Rc<WorkerContext>) -> LocalFuture + Send>;

/// Starts tasks on the workers by turns.
pub(crate) struct Spawner {
    jobs: Vec<mpsc::UnboundedSender<Job>>,
    next: AtomicUsize,
}

impl Spawner {
    /// Starts a task on the next worker. Tasks that come after the end are dropped.
    pub(crate) fn spawn<F, T>(&self, task: F)
    where
        F: FnOnce(Rc<WorkerContext>) -> T + Send + 'static,
        T: Future<Output = ()> + 'static,
    {
        let next = self.next.fetch_add(1, Ordering::Relaxed) % self.jobs.len();
        let _ = self.jobs[next].send(Box::new(move |context| Box::pin(task(context))));
    }
}

/// The worker threads. They end, and with them all connections, when this is dropped.
pub(crate) struct Workers {
    spawner: Option<Arc<Spawner>>,
    threads: Vec<JoinHandle<()>>,
}

impl Workers {
    pub(crate) fn start(number: usize) -> io::Result<Self> {
        let (mut jobs, mut threads) = (Vec::new(), Vec::new());
        for index in 0..number.max(1) {
            let (sender, receiver) = mpsc::unbounded_channel();
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let thread = std::thread::Builder::new().name(format!("links-{index}"));
            threads.push(thread.spawn(move || {
                run(&runtime, receiver);
                // A server's name that is being resolved has no end that could be asked for.
                runtime.shutdown_background();
            })?);
            jobs.push(sender);
        }
        let spawner = Some(Arc::new(Spawner { jobs, next: AtomicUsize::new(0) }));
        Ok(Self { spawner, threads })
    }

    pub(crate) fn spawner(&self) -> Option<&Arc<Spawner>> {
        self.spawner.as_ref()
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.spawner = None;
        for thread in self.threads.drain(..) {
            // A panic of a worker has been printed by its thread already.
            let _ = thread.join();
        }
    }
}

fn run(runtime: &tokio::runtime::Runtime, mut jobs: mpsc::UnboundedReceiver<Job>) {
    let local = LocalSet::new();
    local.block_on(runtime, async {
        // Without a timer no toxic could keep its times; the kernel refuses one only when descriptors have run out.
        let Ok(context) = WorkerContext::new() else { return };
        tokio::task::spawn_local(context.timer.clone().drive());
        while let Some(job) = jobs.recv().await {
            tokio::task::spawn_local(job(context.clone()));
        }
    });
}
